"""The pictures that benchmarks run over."""

from __future__ import annotations

from collections.abc import Sequence

from aecodec.sources import items
from aecodec.sources.readers import SHEET_TILES, Picture


def load(paths: Sequence[str], tile: tuple[int, int] = (32, 32), limit: int | None = None) -> list[Picture]:
    """Load the first `limit` pictures of all paths, (H, W) or (H, W, 3).

    A picture file with at least SHEET_TILES tiles (height, width) each way is a sheet of them. Raises ValueError for
    what cannot be read.
    """
    return [item.picture for item in items.load(paths, tile, limit, SHEET_TILES)]
