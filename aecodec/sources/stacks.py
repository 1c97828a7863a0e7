"""The pictures that studies run over: all of one size and kind, as one array."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecodec.models import registry
from aecodec.sources.tile_arrays import PICTURES, load

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pictures_for(source: str, model: str, limit: int | None = None) -> NDArray[np.uint8]:
    """The first pictures (N, H, W, C) of an idx file, an npz file, a tile sheet or a folder, as the model has them.

    A model with a tile gets tiles of its size, of larger pictures in a folder crops. Raises ValueError, OSError.
    """
    d = registry.by_name(model).description
    if d.tile is None:
        raise ValueError(f"{model} has no tile: a study needs pictures of one size")
    return load(source, d.tile, d.channels)[:limit]


def named_pictures(folder: str) -> list[Path]:
    """The picture files of a folder, searched through and through, by name. Raises ValueError where there are none."""
    found = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in PICTURES and p.is_file())
    if not found:
        raise ValueError(f"{folder} holds no pictures")
    return found
