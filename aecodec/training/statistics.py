"""Linear transforms of a ladder: the Karhunen-Loeve transforms of its data, or those of a model.

Hotelling 1933 for the transform, Ahmed et al. 1974 for its use in image coding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aecodec.models.analysis import blocks_of
from aecodec.models.description import (
    ACTIVATION_BITS,
    COEFFICIENT_BITS,
    COEFFICIENT_LIMIT,
    QUALITIES,
    Description,
    step_of_quality,
)
from aecodec.models.model import Model

# Octaves by which the vector's steps are wider than the nominal ones at quality 1, and by how many more at quality 100:
# the passes code what the vector leaves, so at high rates it need not be precise.
VECTOR_START, VECTOR_GAIN = 0.1, 3.8

MOST_SAMPLES = 1 << 27  # that are measured

CONTEXT_SPREAD = 2.0  # standard deviation of context values, before their factor is rounded to a power of two


@dataclass(frozen=True)
class Statistics:
    """The linear transforms of a ladder, which training does not change, and the spread of the data along each axis.

    ``block_mean``: (D,), ``block_analysis``: (D, D), samples by coefficients, ``block_synthesis``: (D, D), coefficients
    by samples, ``synthesis_mean``: (D,), ``block_spread``: (D,), D = block * block * channels. ``tile_mean``: (T,),
    ``tile_analysis``: (T, vector), ``tile_spread``: (vector,), T = height * width * channels. ``context_bits``:
    (kinds,), an element in gray levels times two to this is its context value. ``steps``: (101, kinds), by quality, in
    units of an element.
    """

    block_mean: np.ndarray
    block_analysis: np.ndarray
    block_synthesis: np.ndarray
    synthesis_mean: np.ndarray
    block_spread: np.ndarray
    tile_mean: np.ndarray
    tile_analysis: np.ndarray
    tile_spread: np.ndarray
    context_bits: np.ndarray
    steps: np.ndarray


def karhunen_loeve(samples: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (D,), ``count`` strongest principal directions (count, D) and their spreads (count,) of samples (N, D)."""
    if not count:
        return np.zeros(0), np.zeros((0, 0)), np.zeros(0)
    mean = samples.mean(axis=0)
    centred = samples - mean
    values, vectors = np.linalg.eigh(centred.T @ centred / len(samples))
    order = np.argsort(values)[::-1][:count]
    directions = vectors[:, order].T
    # Fix the sign, so that a run can be repeated on another LAPACK.
    directions *= np.sign(directions[np.arange(count), np.abs(directions).argmax(axis=1)])[:, None]
    return mean, directions, np.sqrt(np.maximum(values[order], 1e-3))


def separate(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Separable ``karhunen_loeve`` of RGB blocks (N, pixels * 3), all directions.

    The pixels are transformed to gray and the two strongest colour axes orthogonal to it, then each of the three planes
    on its own. The coefficients of colour are therefore zero in gray blocks. The strongest direction of each plane,
    which is nearly its mean, comes before all others, so that the first group has the means of a block and no mean is
    left for later: a faint tint of a large area is coded where few blocks are.
    """
    colours = samples.reshape(-1, 3)
    gray = np.full((1, 3), 3.0**-0.5)
    _, axes, _ = karhunen_loeve(colours - colours @ gray.T * gray, 2)
    planes = samples.reshape(len(samples), -1, 3) @ np.concatenate([gray, axes]).T
    mean, directions, spread, rank = np.zeros(samples.shape[1]), [], [], []
    for plane, axis in enumerate(np.concatenate([gray, axes])):
        centre, found, own = karhunen_loeve(planes[..., plane], planes.shape[1])
        mean += np.outer(centre, axis).ravel() if plane == 0 else 0.0  # the mean colour is zero, that is gray
        directions.append((found[:, :, None] * axis).reshape(len(found), -1))
        spread.append(own)
        rank.append(np.where(np.arange(len(own)) == 0, np.inf, own))
    every = np.concatenate(spread)
    order = np.argsort(-np.concatenate(rank), kind="stable")
    return mean, np.concatenate(directions)[order], every[order]


def measure(tiles: np.ndarray, description: Description, limit: int = 20000) -> Statistics:
    """Measure uint8 tiles (N, H, W, C), at most about ``limit`` of them, and their Karhunen-Loeve transforms."""
    blocks, samples = _blocks_and_tiles(tiles, description, limit)
    transform = separate(blocks) if description.channels == 3 else karhunen_loeve(blocks, description.coefficients)
    block_mean, block_directions, block_spread = transform
    tile_mean, tile_directions, tile_spread = karhunen_loeve(samples, description.vector)
    spread = np.concatenate([tile_spread, block_spread])
    return Statistics(
        block_mean=block_mean,
        block_analysis=block_directions.T,
        block_synthesis=block_directions,
        synthesis_mean=block_mean,
        block_spread=block_spread,
        tile_mean=tile_mean,
        tile_analysis=tile_directions.T,
        tile_spread=tile_spread,
        context_bits=np.round(np.log2(CONTEXT_SPREAD / spread)).astype(int),
        steps=nominal_steps(description),
    )


def of_model(model: Model, tiles: np.ndarray, limit: int = 20000) -> Statistics:
    """Measure uint8 tiles (N, H, W, C), at most about ``limit`` of them, under the transforms and steps of a model."""
    arrays, analysis = model.arrays, model.analysis
    blocks, samples = _blocks_and_tiles(tiles, model.description, limit)
    tile_mean, tile_analysis = np.zeros(0), np.zeros((0, 0))
    if model.description.vector:
        tile_mean, tile_analysis = analysis["analysis.tile_mean"], analysis["analysis.tile"]
    fine = 2.0 ** arrays["synthesis.shift"].astype(np.float64)
    return Statistics(
        block_mean=analysis["analysis.block_mean"],
        block_analysis=analysis["analysis.block"],
        block_synthesis=arrays["synthesis.weight"] / fine * 2.0**COEFFICIENT_BITS,
        synthesis_mean=arrays["synthesis.bias"] / fine - 0.5,
        block_spread=_spread(blocks, analysis["analysis.block_mean"], analysis["analysis.block"]),
        tile_mean=tile_mean,
        tile_analysis=tile_analysis,
        tile_spread=_spread(samples, tile_mean, tile_analysis),
        context_bits=arrays["context_exponent"].astype(int) - ACTIVATION_BITS + COEFFICIENT_BITS,
        steps=np.concatenate([model.step[:1], model.step]).astype(np.float64),
    )


def nominal_steps(d: Description) -> np.ndarray:
    """Return steps (101, kinds) by quality 0..100 (row 0 is unused), in units of an element."""
    qualities = np.maximum(np.arange(QUALITIES + 1), 1)
    log_step = np.repeat(np.log2([[step_of_quality(int(q))] for q in qualities]), d.kinds, axis=1)
    log_step[:, : d.vector] += VECTOR_START + VECTOR_GAIN * (qualities[:, None] - 1.0) / (QUALITIES - 1.0)
    return np.clip(np.floor(2.0 ** (log_step + COEFFICIENT_BITS) + 0.5), 1, COEFFICIENT_LIMIT)


def _blocks_and_tiles(tiles: np.ndarray, d: Description, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples of blocks (M, D) and of tiles (N, T); T is 0 without a vector."""
    limit = min(limit, MOST_SAMPLES // tiles[0].size)
    sample = tiles[:: max(1, len(tiles) // limit)].astype(np.float32)
    blocks = blocks_of(sample, d.block, d.block)
    samples = sample.reshape(len(sample), -1)
    return blocks.reshape(-1, blocks.shape[-1]).astype(np.float64), samples if d.vector else samples[:, :0]


def _spread(samples: np.ndarray, mean: np.ndarray, analysis: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(((samples - mean) @ analysis).var(axis=0), 1e-3))
