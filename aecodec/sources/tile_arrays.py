"""Training tiles, uint8 (N, H, W, C) of the size that the model wants, from sources of every kind.

Larger pictures are cut into random crops; smaller ones are refused with a ValueError.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aecodec.sources import readers
from aecodec.sources.readers import Picture

KERAS_SETS = ("mnist", "cifar10", "cifar100")
KERAS_SOURCES = {f"keras:{name}{part}": (name, i) for name in KERAS_SETS for i, part in enumerate(("", ":test"))}


def load(source: str, tile: tuple[int, int], channels: int, *, crops: int = 64, seed: int = 0) -> Picture:
    """Load the uint8 tiles (N, H, W, C) of one of KERAS_SOURCES, a file, or a folder (searched recursively).

    Of ``keras:mnist`` these are the training pictures, of ``keras:mnist:test`` the others. crops: of each larger
    picture. Raises ValueError for what cannot be read or does not fit.
    """
    if source in KERAS_SOURCES:
        return fit(_from_keras(source), tile, channels)
    random = np.random.default_rng(seed)
    readers.require_named(source)
    path = Path(source)
    if not path.exists():
        raise ValueError(f"{source} does not exist")
    if path.is_dir() or readers.is_picture(path):
        files = readers.some_picture_files(path) if path.is_dir() else [path]
        return np.concatenate([cut(readers.read_picture_as(p, channels), tile, crops, random) for p in files])
    if readers.is_npz(path):
        names = [name for name, header in readers.npz_headers(path).items() if len(header.shape) >= 3]
        if not names:
            raise ValueError(f"{path} holds no pictures")
        return np.concatenate([fit(stack, tile, channels) for stack in readers.read_npz(path, names).values()])
    return fit(readers.read_idx(path), tile, channels)


def load_crops(source: str, tile: tuple[int, int], channels: int, *, crops: int = 16, seed: int = 0) -> Picture:
    """Load uint8 crops (N, 2H, 2W, C), twice the tile's size, of a folder's pictures; N is 0 for other sources."""
    random = np.random.default_rng(seed)
    found = [np.empty((0, 2 * tile[0], 2 * tile[1], channels), np.uint8)]
    for path in readers.picture_files(Path(source)):
        found.append(cut(readers.read_picture_as(path, channels), tile, crops, random, scale=2))
    return np.concatenate(found)


def cut(picture: Picture, tile: tuple[int, int], crops: int, random: np.random.Generator, scale: int = 1) -> Picture:
    """Tiles of a picture (H, W, C): itself, the sheet that it is a grid of, or ``crops`` random crops.

    With a ``scale`` of 2 crops are twice as wide and high as a tile, and a tile or a sheet gives none.
    """
    height, width, channels = picture.shape
    th, tw = tile
    if height < th or width < tw:
        raise ValueError(f"a picture of {width}x{height} is smaller than the model's tile of {tw}x{th}")
    sheet = readers.is_sheet(picture, tile)
    if scale > 1 and (sheet or height < th * scale or width < tw * scale):
        return np.empty((0, th * scale, tw * scale, channels), np.uint8)
    if (height, width) == tile:
        return picture[None]
    if sheet:
        return readers.sheet_tiles(picture, tile)
    th, tw = th * scale, tw * scale
    # Half of the crops are taken from the picture at half its size, where it is large enough.
    half = np.asarray(Image.fromarray(picture.squeeze()).reduce(2)).reshape(height // 2 + height % 2, -1, channels)
    levels = [picture, half] if min(half.shape[0] - th, half.shape[1] - tw) >= 0 else [picture]
    tiles = []
    for index in range(crops):
        level = levels[index % len(levels)]
        y = random.integers(level.shape[0] - th + 1)
        x = random.integers(level.shape[1] - tw + 1)
        tiles.append(level[y : y + th, x : x + tw])
    return np.stack(tiles)


def fit(images: NDArray[Any], tile: tuple[int, int], channels: int) -> Picture:
    """Images (N, H, W) or (N, H, W, C) of uint8, which have to be of just the tile's size, as (N, H, W, C)."""
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise ValueError(f"expected uint8 pictures (N, H, W) or (N, H, W, C), not {images.dtype} {images.shape}")
    images = images.reshape(*images.shape[:3], -1)
    if images.shape[1:] != (*tile, channels):
        raise ValueError(f"pictures of {images.shape[1:]} do not fit a model of {(*tile, channels)}")
    return images


def _from_keras(source: str) -> NDArray[Any]:
    import keras

    try:
        name, part = KERAS_SOURCES[source]
        images, _ = getattr(keras.datasets, name).load_data()[part]
    except Exception as error:  # of whatever kind the download fails with
        raise ValueError(f"{source} cannot be loaded: {error}") from error
    stack: NDArray[Any] = images
    return stack
