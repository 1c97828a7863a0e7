"""Pictures that several tests use: real tiles and synthetic pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from aecodec.models import registry

FIXTURES = Path(__file__).with_name("fixtures")
MODELS = registry.names()
# One model of each shape, the newest: the others run the same code with other integers.
SHAPES = tuple({registry.by_name(name).description: name for name in MODELS}.values())


def sheet(name: str, side: int) -> list[np.ndarray]:
    """The tiles of a contact sheet, row by row."""
    with Image.open(FIXTURES / f"{name}.png") as image:
        pixels = np.asarray(image)
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    at = [(y * side, x * side) for y in range(rows) for x in range(columns)]
    return [np.ascontiguousarray(pixels[y : y + side, x : x + side]) for y, x in at]


DIGITS, LETTERS, COLOUR = sheet("digits", 28), sheet("letters", 28), sheet("cifar", 32)
GRAY_SCENES = [np.asarray(Image.fromarray(tile).convert("L")) for tile in COLOUR]
TILES = {"digits": DIGITS, "letters": LETTERS, "cifar": COLOUR}


def mosaic(height: int, width: int, tiles: list[np.ndarray] = COLOUR) -> np.ndarray:
    """A picture of that size out of real tiles."""
    whole = np.concatenate([np.concatenate(tiles[i : i + 5], axis=1) for i in range(0, 20, 5)])
    return np.ascontiguousarray(whole[np.arange(height) % whole.shape[0]][:, np.arange(width) % whole.shape[1]])


def waves(height: int, width: int, channels: int = 3) -> np.ndarray:
    """A smooth picture, (height, width) for one channel."""
    y, x = np.mgrid[:height, :width]
    planes = [(128 + 90 * np.sin(y / 19 + c) * np.cos(x / 23 - c)).astype(np.uint8) for c in range(channels)]
    return planes[0] if channels == 1 else np.stack(planes, axis=-1)


def squared_error(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a.astype(np.float64) - b) ** 2).sum())


def psnr(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """PSNR of the pooled mean squared error, in dB."""
    error = sum(squared_error(a, b) for a, b in pairs) / sum(a.size for a, _ in pairs)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")
