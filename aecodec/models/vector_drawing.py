"""Pixels of a model that has only a vector: its synthesis layers run, as `vector_synthesis` describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecodec.engines import Engine, Tensor
from aecodec.models.description import ACTIVATION_LIMIT, SynthesisLayer
from aecodec.models.model import Model

if TYPE_CHECKING:
    from numpy.typing import NDArray

PART = 64  # tiles that are drawn at once


def draw(model: Model, engine: Engine, context: Tensor) -> NDArray[np.uint8]:
    """Pixels (N, H, W, C) of whole tiles, from a context (N, rows, columns, vector).

    All blocks of a tile hold the same values there: its vector.
    """
    d = model.description
    assert d.tile is not None
    rows, columns = d.grid(*d.tile)
    corners = context[:, ::rows, ::columns, : d.features]
    n, down, across, _ = corners.shape
    vectors = corners.reshape(-1, 1, 1, d.features)
    tiles = np.concatenate([_tiles(model, engine, vectors[i : i + PART]) for i in range(0, len(vectors), PART)])
    canvas = tiles.reshape(n, down, across, *d.tile, d.channels).swapaxes(2, 3)
    return canvas.reshape(n, down * d.tile[0], across * d.tile[1], d.channels)


def _tiles(model: Model, engine: Engine, grid: Tensor) -> NDArray[np.uint8]:
    """The tiles (N, H, W, C) of vectors (N, 1, 1, vector)."""
    for layer, net in zip(model.description.synthesis_layers, model.drawing, strict=True):
        grid = _spread(engine.run(net, grid).reshape(*grid.shape[:3], -1), layer)
    return np.asarray(model.tone[grid.astype(np.intp) + ACTIVATION_LIMIT])


def _spread(grid: Tensor, layer: SynthesisLayer) -> Tensor:
    """The steps after the sums of a layer: ReLU, depth to space, crop."""
    n, height, width, _ = grid.shape
    if layer.activation == "relu":
        grid = np.maximum(grid, np.float32(0))
    grid = grid.reshape(n, height, width, layer.grow, layer.grow, layer.channels).swapaxes(2, 3)
    grid = grid.reshape(n, height * layer.grow, width * layer.grow, layer.channels)
    return grid[:, layer.crop : grid.shape[1] - layer.crop, layer.crop : grid.shape[2] - layer.crop]
