"""Opacity: the number of levels kept at a quality, and the colours of fully transparent pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALPHA_LOSSLESS: Final = 100  # the quality that keeps every value
_CELL: Final = 8  # side of the squares by which hidden colours are filled in; the models' blocks divide it
_BAND: Final = 512  # rows processed at once; a multiple of _CELL


def levels(quality: int) -> int:
    """The number of opacity values at a quality of 1..100: 2 to 256, in geometric steps."""
    return int(2 * 128 ** ((quality - 1) / (ALPHA_LOSSLESS - 1)) + 0.5)


def quantized(alpha: NDArray[Any], quality: int) -> NDArray[Any]:
    """Opacity (height, width) with the number of levels of a quality: uint8 at 1..100, uint16 at 100 only.

    Quality 100 keeps every value; lower ones keep 0 and 255 exactly.
    """
    if quality < ALPHA_LOSSLESS:
        steps = levels(quality) - 1
        table = (np.rint(np.arange(256) * steps / 255) * 255 / steps).round().astype(np.uint8)
        # nearly transparent must not become transparent, nor nearly opaque become opaque
        table[1:-1] = table[1:-1].clip(1, 254) if steps > 1 else table[1:-1]
        alpha = table[alpha]
    return alpha


def filled(samples: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Samples (height, width) or (height, width, 3) with smooth colours where the picture is fully transparent.

    The hidden pixels of an 8 x 8 square take the mean of its visible pixels or, if it has none, that of the smallest
    coarser square that has some, so that no invisible edges have to be coded.
    """
    hidden = alpha == 0
    if not hidden.any():
        return samples
    height, width = alpha.shape
    colours = samples.reshape(height, width, -1)
    sums, counts = [], []
    for begin in range(0, height, _BAND):
        visible = ~hidden[begin : begin + _BAND]
        counts.append(_cells(visible[..., None]))
        sums.append(_cells(np.where(visible[..., None], colours[begin : begin + _BAND], 0)))
    means = _spread(np.concatenate(sums), np.concatenate(counts))
    changed = colours.copy()
    across = np.arange(width) // _CELL
    for y in range(height):
        row = hidden[y]
        changed[y, row] = means[y // _CELL, across[row]]
    return changed.reshape(samples.shape)


def _cells(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Sums over squares: (H, W, C) -> (ceil(H / 8), ceil(W / 8), C)."""
    down = np.add.reduceat(values, np.arange(0, values.shape[0], _CELL), axis=0, dtype=np.float64)
    return np.add.reduceat(down, np.arange(0, values.shape[1], _CELL), axis=1)


def _spread(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Means of the squares that have visible pixels; elsewhere those of coarser and coarser squares."""
    means = sums / np.maximum(counts, 1)
    missing = counts[..., 0] == 0
    if missing.any() and max(missing.shape) > 1:
        places = [np.arange(0, side, 2) for side in missing.shape]
        coarse = [np.add.reduceat(np.add.reduceat(part, places[0]), places[1], axis=1) for part in (sums, counts)]
        wider = _spread(coarse[0], coarse[1])
        y, x = np.nonzero(missing)
        means[y, x] = wider[y // 2, x // 2]
    return means.round().astype(np.uint8)
