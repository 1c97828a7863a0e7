"""Pictures of one size and kind for studies, as one array."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aecodec.models import registry
from aecodec.sources import readers, tile_arrays
from aecodec.sources.readers import Picture


def pictures_for(source: str, model: str, limit: int | None = None) -> Picture:
    """Load the first pictures (N, H, W, C) of a source, with the size and channels of the model's tile.

    Gray pictures are given three equal channels where the model has them. Raises ValueError for what cannot be read or
    does not fit, and for a model without a tile.
    """
    d = registry.by_name(model).description
    if d.tile is None:
        raise ValueError(f"{model} has no tile: a study needs pictures of one size")
    readers.require_named(source)
    path = Path(source)
    if not path.is_dir() and not (path.exists() and readers.is_picture(path)):
        return tile_arrays.load(source, d.tile, d.channels)[:limit]
    found: list[Picture] = []
    for file in readers.some_picture_files(path) if path.is_dir() else [path]:
        if limit is not None and sum(map(len, found)) >= limit:
            break
        found.append(_fitting(file, d.tile, d.channels))
    return np.concatenate(found)[:limit]


def _fitting(file: Path, tile: tuple[int, int], channels: int) -> Picture:
    """A picture file of the tile's size, or the tiles of a sheet, (N, H, W, C). Raises ValueError for another."""
    picture = readers.read_picture(file)
    samples = picture.reshape(*picture.shape[:2], -1)
    if samples.shape[2] > channels:
        if (samples != samples[..., :1]).any():
            raise ValueError(f"{file}: a picture with colours does not fit a model of gray ones")
        samples = samples[..., :1]
    samples = np.broadcast_to(samples, (*samples.shape[:2], channels))
    if samples.shape[:2] == tile:
        return samples[None]
    if readers.is_sheet(samples, tile):
        return readers.sheet_tiles(samples, tile)
    (height, width), (high, wide) = samples.shape[:2], tile
    raise ValueError(f"{file}: a picture of {width}x{height} does not fit a model of {wide}x{high}")
