"""The forward transforms, from pixels to real-valued elements. Float32, and not normative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aecodec.models import analysis_network
from aecodec.models.model import Model

if TYPE_CHECKING:
    from numpy.typing import NDArray


PART = 64  # tiles that an encoder's layers see at once


def blocks_of(pictures: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """(N, H, W, C) -> (N, H / height, W / width, height * width * C), samples of a block in (y, x, channel) order."""
    n, h, w, channels = pictures.shape
    parts = pictures.reshape(n, h // height, height, w // width, width, channels)
    return parts.swapaxes(2, 3).reshape(n, h // height, w // width, height * width * channels)


def analyse(model: Model, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(vectors (N, tiles * vector), plane (N, rows, columns, coefficients)) of pictures (N, H, W, C) of whole tiles.

    Raises InvalidModelFile if the model can only decode.
    """
    d, a = model.description, model.analysis
    samples = pictures.astype(np.float32)
    if d.synthesis_layers:
        assert d.tile is not None
        n, rows, columns = len(pictures), pictures.shape[1] // d.block, pictures.shape[2] // d.block
        tiles = blocks_of(samples, *d.tile).reshape(-1, *d.tile, d.channels)
        found = np.concatenate(
            [analysis_network.run(model.encoder, a, tiles[i : i + PART]) for i in range(0, len(tiles), PART)]
        )
        return found.reshape(n, -1), np.zeros((n, rows, columns, 0), np.float32)
    blocks = blocks_of(samples, d.block, d.block)
    # One product of two dimensions: NumPy would make many small ones of more.
    plane = (blocks.reshape(-1, d.coefficients) - a["analysis.block_mean"]) @ a["analysis.block"]
    vectors = np.zeros((len(pictures), 0), np.float32)
    if d.tile is not None:
        tiles = blocks_of(samples, *d.tile)
        vectors = (tiles.reshape(-1, tiles.shape[-1]) - a["analysis.tile_mean"]) @ a["analysis.tile"]
    return vectors.reshape(len(pictures), -1), plane.reshape(blocks.shape)
