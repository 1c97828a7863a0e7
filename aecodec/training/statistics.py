"""Where training starts: the Karhunen-Loeve transforms of the data (Hotelling 1933; Ahmed et al. 1974 for the use)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aecodec.models.analysis import blocks_of
from aecodec.models.description import Description


@dataclass(frozen=True)
class Statistics:
    """Start of the linear parts: directions as rows, strongest first, with the spread of the data along each.

    ``block_mean``: (D,), ``block_directions``: (D, D), ``block_spread``: (D,), D = block * block * channels.
    ``tile_mean``: (T,), ``tile_directions``: (vector, T), ``tile_spread``: (vector,), T = height * width * channels.
    """

    block_mean: np.ndarray
    block_directions: np.ndarray
    block_spread: np.ndarray
    tile_mean: np.ndarray
    tile_directions: np.ndarray
    tile_spread: np.ndarray


def karhunen_loeve(samples: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (D,), the ``count`` strongest directions (count, D) and their spreads (count,) of samples (N, D)."""
    mean = samples.mean(axis=0)
    centred = samples - mean
    values, vectors = np.linalg.eigh(centred.T @ centred / len(samples))
    order = np.argsort(values)[::-1][:count]
    directions = vectors[:, order].T
    # Fix the sign, so that a run can be repeated on another LAPACK.
    directions *= np.sign(directions[np.arange(count), np.abs(directions).argmax(axis=1)])[:, None]
    return mean, directions, np.sqrt(np.maximum(values[order], 1e-3))


def measure(tiles: np.ndarray, description: Description, limit: int = 20000) -> Statistics:
    """Statistics of uint8 tiles (N, H, W, C); at most ``limit`` of them are looked at."""
    sample = tiles[:: max(1, len(tiles) // limit)].astype(np.float32)
    blocks = blocks_of(sample, description.block, description.block)
    block = karhunen_loeve(blocks.reshape(-1, blocks.shape[-1]).astype(np.float64), description.coefficients)
    tile = karhunen_loeve(sample.reshape(len(sample), -1), description.vector)
    return Statistics(*block, *tile)
