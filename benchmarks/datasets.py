"""The pictures that benchmarks run over, and crops of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from aecodec.sources import items
from aecodec.sources.items import SHEET_TILES, Picture, sheet_tiles, spread

__all__ = ["Picture", "crops", "gray", "load", "sheet_tiles", "spread"]


def load(paths: Sequence[str], tile: tuple[int, int] = (32, 32), limit: int | None = None) -> list[Picture]:
    """The first `limit` pictures of all paths, (H, W) or (H, W, 3).

    A single picture of at least SHEET_TILES tiles (height, width) each way is a sheet of them. Raises ValueError for
    what cannot be read.
    """
    return [item.picture for item in items.load(paths, tile, limit, SHEET_TILES)]


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
