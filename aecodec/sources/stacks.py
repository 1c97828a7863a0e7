"""Pictures of one size and kind for studies, as one array."""

from __future__ import annotations

from aecodec.models import registry
from aecodec.sources.readers import Picture
from aecodec.sources.tile_arrays import load


def pictures_for(source: str, model: str, limit: int | None = None) -> Picture:
    """Load the first pictures (N, H, W, C) of a source, with the size and channels of the model's tile.

    Larger pictures in a folder are cropped. Raises ValueError for what cannot be read, and for a model without a
    tile.
    """
    d = registry.by_name(model).description
    if d.tile is None:
        raise ValueError(f"{model} has no tile: a study needs pictures of one size")
    return load(source, d.tile, d.channels)[:limit]
