"""Fitting of probability tables to the residuals that a model and its encoder produce."""

from __future__ import annotations

import numpy as np

from aecodec.packing.tables import CLASSES, MAX_EXTENT, TOTAL, Tables, quantize_probabilities

PRIOR_WEIGHT = 50.0  # observations that the prior counts for
LOWEST_RATE = 1.0 / 1500.0  # classes whose residuals are non-zero more rarely than this are skipped
MOST_SKIPPED = 12  # classes
MOST_SHIFT = 3  # raw bits of a residual


def fit(start: Tables, residuals: list[np.ndarray], classes: list[np.ndarray]) -> Tables:
    """Fit frequencies to histograms, blended with those of ``start``, whose extents and shifts are kept.

    ``residuals``, ``classes``: arrays of equal shapes, coded with ``start``. Classes that it skips stay skipped.
    """
    r = np.concatenate([part.reshape(-1) for part in residuals]).astype(np.int64)
    c = np.concatenate([part.reshape(-1) for part in classes]).astype(np.int64)
    rows = []
    first = np.cumsum(2 * start.extents + 2) - (2 * start.extents + 2)
    skip, skipping = 0, True
    for index in range(CLASSES):
        extent, shift = int(start.extents[index]), int(start.shifts[index])
        mine = r[c == index]
        high = mine >> shift
        symbols = np.where(np.abs(high) > extent, 2 * extent + 1, high + extent)
        counts = np.bincount(symbols, minlength=2 * extent + 2).astype(np.float64)
        if shift == 0:
            # The distribution is symmetric: both signs share their counts.
            counts[: 2 * extent + 1] = (counts[: 2 * extent + 1] + counts[2 * extent :: -1]) / 2.0
        prior = start.frequencies[first[index] : first[index] + 2 * extent + 2] / TOTAL
        rows.append(quantize_probabilities(counts + PRIOR_WEIGHT * prior))
        rare = mine.size == 0 or np.count_nonzero(mine) < LOWEST_RATE * mine.size
        skipping = skipping and rare
        skip += skipping
    return Tables(start.extents, start.shifts, min(skip, MOST_SKIPPED), np.concatenate(rows))


def fit_freely(spreads: np.ndarray, residuals: list[np.ndarray], classes: list[np.ndarray]) -> Tables:
    """Tables with asymmetric frequencies, an extent and a shift fitted for each class, without skipping.

    ``spreads`` (64,): the standard deviation of each class in steps, as expected. Each class gets the shift with which
    the code of its residuals is shortest.
    """
    r = np.concatenate([part.reshape(-1) for part in residuals]).astype(np.int64)
    c = np.concatenate([part.reshape(-1) for part in classes]).astype(np.int64)
    order = np.argsort(c, kind="stable")
    bounds = np.searchsorted(c[order], np.arange(CLASSES + 1))
    extents, shifts, rows = np.zeros(CLASSES, int), np.zeros(CLASSES, int), []
    for index in range(CLASSES):
        mine = r[order[bounds[index] : bounds[index + 1]]]
        tried = [_fit_class(float(spreads[index]), mine, shift) for shift in range(MOST_SHIFT + 1)]
        _, extents[index], shifts[index], frequencies = min(tried, key=lambda item: item[0])
        rows.append(frequencies)
    return Tables(extents, shifts, 0, np.concatenate(rows))


def _fit_class(expected: float, mine: np.ndarray, shift: int) -> tuple[float, int, int, np.ndarray]:
    """Bits, prior included, extent, shift and frequencies for the residuals ``mine`` of a class with a shift."""
    spread = max(0.25, expected)
    widest = int(np.abs(mine).max(initial=0)) >> shift
    extent = min(MAX_EXTENT, max(widest, int(4.0 * spread) >> shift))
    # The prior is logistic.
    edges = (np.arange(-extent, extent + 2) * (1 << shift) - 0.5) / (spread * 0.5513)
    inside = np.diff(0.5 + 0.5 * np.tanh(edges / 2.0))
    prior = PRIOR_WEIGHT * np.append(inside, max(1.0 - inside.sum(), 1e-4))
    high = mine >> shift
    symbols = np.where(np.abs(high) > extent, 2 * extent + 1, high + extent)
    counts = np.bincount(symbols, minlength=2 * extent + 2) + prior
    frequencies = quantize_probabilities(counts)
    excess = np.maximum(np.abs(high) - extent, 1).astype(np.float64)
    escapes = np.where(symbols == 2 * extent + 1, 2.0 + 2.0 * np.floor(np.log2(excess)), 0.0).sum()
    bits = counts @ (np.log2(TOTAL) - np.log2(frequencies)) + shift * (mine.size + PRIOR_WEIGHT) + escapes
    return float(bits), extent, shift, frequencies
