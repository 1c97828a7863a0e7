"""The forward transforms: what the encoder would like the elements to be. Float32, and not normative."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecodec.models.model import Model

if TYPE_CHECKING:
    from numpy.typing import NDArray


def analyse(model: Model, tiles: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(vector (N, vector), plane (N, rows, columns, coefficients)) of tiles (N, H, W, C), in units of an element."""
    d, a = model.description, model.arrays
    n, height, width, channels = tiles.shape
    rows, columns = d.grid(height, width)
    samples = tiles.astype(np.float32)
    blocks = samples.reshape(n, rows, d.block, columns, d.block, channels).swapaxes(2, 3)
    blocks = blocks.reshape(n * rows * columns, d.coefficients)
    plane = (blocks - a["analysis.block_mean"]) @ a["analysis.block"]
    vector = np.zeros((n, 0), np.float32)
    if d.vector:
        vector = (samples.reshape(n, -1) - a["analysis.tile_mean"]) @ a["analysis.tile"]
    return vector, plane.reshape(n, rows, columns, d.coefficients)
