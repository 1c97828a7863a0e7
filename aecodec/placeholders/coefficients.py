"""From pixels to the coefficients of a placeholder, and back in exact integers.

The picture is a sum of products of two cosines, as in a DCT of its whole area, of the three colour axes
(R + G + B) / sqrt(3), (R - B) / sqrt(2) and (2 G - R - B) / sqrt(6), the latter two times CHROMA. Coefficients are
amplitudes in gray levels, whatever the number of pixels: a squared error in them is one per pixel.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from aecodec.placeholders.layout import FRACTION_BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

ORDERS: Final = 16  # cosines in each direction
CHROMA: Final = 1.25  # how much more an error in the two axes of colour counts than one in that of brightness
CENTRE: Final = 3533  # mid-gray on the first axis, in sixteenths: 127.5 * sqrt(3) * 16
LARGEST: Final = 16383  # of a coefficient, in magnitude
AXES: Final = np.array([[1, 1, 1], [1, 0, -1], [-1, 2, -1]]) / np.sqrt([[3], [2], [6]])
# The inverse of AXES and CHROMA, in 1/4096: one row for each of red, green and blue.
WEIGHTS: Final = ((2365, 2317, -1338), (2365, 0, 2675), (2365, -2317, -1338))
_COSINE_BITS: Final = 12
_SHIFT: Final = 8  # of the sums over columns
_SCALE: Final = FRACTION_BITS + 2 * _COSINE_BITS - _SHIFT + 12  # of a sample before it is rounded


@lru_cache(maxsize=32)
def cosines(pixels: int) -> NDArray[np.int64]:
    """(ORDERS, pixels) nearest integers of 4096 cos(pi k (2 x + 1) / (2 pixels)), times sqrt(2) for k > 0.

    Orders of `pixels` and more are zero: there are no such cosines. Up to 1024 pixels no value is within 1e-7 of the
    middle between two integers, so that any double arithmetic gives the same.
    """
    angles = np.pi * np.arange(ORDERS)[:, None] * (2 * np.arange(pixels) + 1) / (2 * pixels)
    scale = np.where(np.arange(ORDERS) > 0, np.sqrt(2), 1)[:, None] * (np.arange(ORDERS) < pixels)[:, None]
    found: NDArray[np.int64] = np.rint((1 << _COSINE_BITS) * scale * np.cos(angles)).astype(np.int64)
    return found


def analyse(picture: NDArray[Any]) -> NDArray[np.float64]:
    """Coefficients (3, ORDERS, ORDERS) of a picture (H, W, 3), in sixteenths of a gray level."""
    height, width = picture.shape[:2]
    axes = np.einsum("hwc,ac->ahw", picture, AXES * np.array([[1], [CHROMA], [CHROMA]]))
    found = _exact_cosines(height) @ axes @ _exact_cosines(width).T * (1 << FRACTION_BITS)
    found[0, 0, 0] -= CENTRE
    return np.asarray(found)


def _exact_cosines(pixels: int) -> NDArray[np.float64]:
    return cosines(pixels) / ((1 << _COSINE_BITS) * pixels)


def synthesize(coefficients: NDArray[np.int64], height: int, width: int) -> NDArray[np.uint8]:
    """The picture (height, width, 3) of coefficients (3, ORDERS, ORDERS) within +-LARGEST.

    Sums over columns: at most 16 * 16383 * 5793 < 2^31; then 2^23 * 16 * 5793 < 2^40; colours below 2^53.
    """
    centred = coefficients.clip(-LARGEST, LARGEST)
    centred[0, 0, 0] += CENTRE
    columns = (centred @ cosines(width)) >> _SHIFT
    axes = cosines(height).T @ columns
    samples = np.einsum("ahw,ca->hwc", axes, np.array(WEIGHTS, np.int64))
    picture: NDArray[np.uint8] = ((samples + (1 << _SCALE - 1)) >> _SCALE).clip(0, 255).astype(np.uint8)
    return picture
