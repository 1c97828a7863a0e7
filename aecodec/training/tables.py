"""Tables learned from the residuals that a model and its encoder really make."""

from __future__ import annotations

import numpy as np

from aecodec.packing.tables import CLASSES, TOTAL, Tables, quantize_probabilities

PRIOR_WEIGHT = 50.0  # observations that the parametric start counts for
LOWEST_RATE = 1.0 / 1500.0  # classes whose residuals are non-zero more rarely than this are skipped


def fit(start: Tables, residuals: list[np.ndarray], classes: list[np.ndarray]) -> Tables:
    """Frequencies from histograms, blended with ``start``, whose extents and shifts are kept.

    residuals, classes: arrays of equal shapes, coded with ``start``; what it skips stays skipped.
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
            # Signs carry nothing: left and right share their counts.
            counts[: 2 * extent + 1] = (counts[: 2 * extent + 1] + counts[2 * extent :: -1]) / 2.0
        prior = start.frequencies[first[index] : first[index] + 2 * extent + 2] / TOTAL
        rows.append(quantize_probabilities(counts + PRIOR_WEIGHT * prior))
        rare = mine.size == 0 or np.count_nonzero(mine) < LOWEST_RATE * mine.size
        skipping = skipping and rare
        skip += skipping
    return Tables(start.extents, start.shifts, min(skip, 12), np.concatenate(rows))
