"""The Karhunen-Loeve transform over a whole tile: the best linear codec, as a baseline for networks.

Mean and transform are learned from training pictures. Every coefficient is quantized uniformly with a dead zone, and
its rate is the ideal entropy of its symbols over the coded pictures. No file is written: header, tables and packing are
not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aecodec.evaluation.curves import Curve, Point, point_of_bytes, with_similarity
from aecodec.evaluation.sweeps import Progress, no_progress
from aecodec.sources.readers import Picture

NAME = "linear KLT, payload only"
STEPS = tuple(8.0 * 2.0 ** (k / 2) for k in range(11))  # of coefficients of an orthonormal transform of 8-bit samples
ROUNDING = 1 / 3  # what is added before the fraction is cut: less than 1/2 widens the interval of zero

Floats = NDArray[Any]  # float32


def measure(
    training: Sequence[Picture],
    pictures: Sequence[Picture],
    steps: Sequence[float] = STEPS,
    progress: Progress = no_progress,
) -> Curve:
    """Measure one point for each quantization step. Raises ValueError unless all pictures have one shape."""
    shapes = {picture.shape for picture in (*training, *pictures)}
    if len(shapes) != 1:
        raise ValueError(f"the KLT needs pictures of one shape, not of {' and '.join(map(str, sorted(shapes)))}")
    progress(f"{NAME}: learning from {len(training):,} pictures", 0, len(steps))
    mean, basis = learn(_rows(training))
    exact = (_rows(pictures) - mean) @ basis
    points: list[Point] = []
    for number, step in enumerate(steps):
        progress(f"{NAME}: step {step:.3g}", number, len(steps))
        symbols = quantized(exact, step)
        values = np.clip(np.rint((symbols.astype(np.float32) * step) @ basis.T + mean), 0, 255)
        decoded = list(values.astype(np.uint8).reshape(len(pictures), *pictures[0].shape))
        points.append(
            with_similarity(
                point_of_bytes(step, entropy_bits(symbols) / 8, pictures, decoded),
                pictures,
                decoded,
            )
        )
    return Curve(NAME, points)


def learn(rows: Floats) -> tuple[Floats, Floats]:
    """Learn the mean (D,) and the transform (D, D) of rows (N, D): orthonormal columns, largest variance first."""
    mean = rows.mean(axis=0)
    centred = rows - mean
    _, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64) / len(rows))
    return mean, vectors[:, ::-1].astype(np.float32)


def quantized(coefficients: Floats, step: float) -> NDArray[np.int32]:
    """Multiples of a step: magnitudes are rounded up from a fraction of two thirds on."""
    return (np.sign(coefficients) * np.floor(np.abs(coefficients) / step + ROUNDING)).astype(np.int32)


def entropy_bits(symbols: NDArray[np.int32]) -> float:
    """The ideal code length of symbols (N, D) in all, each column by its own empirical distribution."""
    bits = 0.0
    for column in symbols.T:
        counts = np.bincount(column - column.min())
        counts = counts[counts > 0]
        bits -= float((counts * np.log2(counts / len(column))).sum())
    return bits


def _rows(pictures: Sequence[Picture]) -> Floats:
    return np.stack(pictures).reshape(len(pictures), -1).astype(np.float32)
