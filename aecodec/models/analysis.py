"""The forward transforms: what the encoder would like the elements to be. Float32, and not normative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aecodec.models.model import Model

if TYPE_CHECKING:
    from numpy.typing import NDArray


def blocks_of(tiles: NDArray[Any], block: int) -> NDArray[Any]:
    """(N, H, W, C) -> (N, H / block, W / block, block * block * C), a block's samples in (y, x, channel) order."""
    n, height, width, channels = tiles.shape
    parts = tiles.reshape(n, height // block, block, width // block, block, channels)
    return parts.swapaxes(2, 3).reshape(n, height // block, width // block, block * block * channels)


def analyse(model: Model, tiles: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(vector (N, vector), plane (N, rows, columns, coefficients)) of tiles (N, H, W, C), in units of an element."""
    d, a = model.description, model.arrays
    samples = tiles.astype(np.float32)
    blocks = blocks_of(samples, d.block)
    # One product of two dimensions: NumPy would make many small ones of more.
    plane = (blocks.reshape(-1, d.coefficients) - a["analysis.block_mean"]) @ a["analysis.block"]
    vector = np.zeros((len(tiles), 0), np.float32)
    if d.vector:
        vector = (samples.reshape(len(tiles), -1) - a["analysis.tile_mean"]) @ a["analysis.tile"]
    return vector, plane.reshape(blocks.shape)
