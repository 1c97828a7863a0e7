"""The pictures that benchmarks run over, from idx files, tile sheets, single pictures and folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aecodec import pictures
from aecodec.training.sources import PICTURES, read_idx

Picture = NDArray[np.uint8]

SHEET_TILES = 25  # a single picture of at least so many tiles each way is a sheet, as `aec train` has it


def load(paths: Sequence[str], tile: tuple[int, int] = (32, 32), limit: int | None = None) -> list[Picture]:
    """The first `limit` pictures of all paths, (H, W) or (H, W, 3); a folder's files are never tile sheets.

    tile: (height, width) of the tiles of a sheet. Raises ValueError for what cannot be read.
    """
    found: list[Picture] = []
    for name in paths:
        if limit is None or len(found) < limit:
            found.extend(_load(Path(name), tile))
    return found[:limit]


def _load(path: Path, tile: tuple[int, int]) -> list[Picture]:
    if not path.exists():
        raise ValueError(f"{path} does not exist")
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURES)
        if not files:
            raise ValueError(f"{path} holds no pictures")
        return [_read(p) for p in files]
    if path.suffix.lower() in PICTURES:
        return sheet_tiles(_read(path), tile)
    return list(read_idx(path))


def _read(path: Path) -> Picture:
    with Image.open(path) as image:
        return pictures.load(image).samples


def sheet_tiles(picture: Picture, tile: tuple[int, int], least: int = SHEET_TILES) -> list[Picture]:
    """The tiles of a sheet, row by row; the picture itself if it is no sheet of `least` tiles each way."""
    (height, width), (th, tw) = picture.shape[:2], tile
    if height % th or width % tw or min(height // th, width // tw) < least:
        return [picture]
    grid = picture.reshape(height // th, th, width // tw, tw, *picture.shape[2:])
    return list(grid.swapaxes(1, 2).reshape(-1, th, tw, *picture.shape[2:]))


def spread(pictures: Sequence[Picture], count: int) -> list[Picture]:
    """`count` pictures at even distances, from the first on."""
    return [pictures[len(pictures) * i // count] for i in range(min(count, len(pictures)))]


def crops(pictures: Sequence[Picture], size: int, count: int, seed: int) -> list[Picture]:
    """`count` crops of size x size from anywhere in each picture, the same for the same seed.

    Raises ValueError for a picture that is smaller.
    """
    rng = np.random.default_rng(seed)
    found = []
    for picture in pictures:
        height, width = picture.shape[:2]
        if min(height, width) < size:
            raise ValueError(f"a picture of {width}x{height} has no crops of {size}x{size}")
        for _ in range(count):
            top, left = rng.integers(height - size + 1), rng.integers(width - size + 1)
            found.append(np.ascontiguousarray(picture[top : top + size, left : left + size]))
    return found


def gray(picture: Picture) -> Picture:
    """The luma of a picture (H, W, 3), ITU-R BT.601, as Pillow computes it; a gray one as it is."""
    return np.asarray(Image.fromarray(picture).convert("L"))
