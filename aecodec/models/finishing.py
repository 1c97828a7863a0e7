"""The finishing network: it adjusts the samples of the inverse transform, cell by cell, across the edges of blocks.

It sees the samples of a cell with SAMPLE_BITS fraction bits, as a space-to-depth transform arranges them, planes that
tell the cell its place in its block, and the cues of the quality; what it gives is added to those samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecodec.engines import Engine, Tensor
from aecodec.models.model import Model

if TYPE_CHECKING:
    from numpy.typing import NDArray


def finish(model: Model, engine: Engine, samples: Tensor, cues: Tensor) -> NDArray[np.uint8]:
    """Pixels (N, H, W, C) of blocks (N, rows, columns, samples of a block) with fraction bits; cues: (N, cues)."""
    stage, d = model.finish, model.description
    assert stage is not None
    n, rows, columns, _ = samples.shape
    cell, side = stage.shape.cell, d.block // stage.shape.cell
    own = cell**2 * d.channels
    grid = engine.cells(samples, (d.block, cell, d.channels), own + stage.shape.places + d.cues)
    blocks = grid.reshape(n, rows, side, columns, side, -1)[..., own:]
    blocks[..., : stage.shape.places] = stage.place.reshape(side, 1, side, -1)
    blocks[..., stage.shape.places :] = cues[:, None, None, None, None]
    return engine.finished(grid, engine.run(stage.network, grid), cell, d.channels)


def margin(model: Model) -> int:
    """How many blocks the finishing network looks in each direction."""
    if model.finish is None:
        return 0
    cells = sum(layer.kernel // 2 for layer in model.finish.shape.layers)
    return -(-cells * model.finish.shape.cell // model.description.block)
