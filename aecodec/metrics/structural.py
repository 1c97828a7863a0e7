"""Measures of structural similarity: SSIM, MS-SSIM and the universal image quality index."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from aecodec.metrics.pixelwise import BATCH_SAMPLES, PEAK, Pictures, Values, require_alike, samples_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

Planes: TypeAlias = "NDArray[Any]"  # floats

SSIM_WINDOW: Final = 11
"""Width of SSIM's window in pixels, and the least width and height of a picture that has an SSIM."""
UQI_WINDOW: Final = 8
"""The same for UQI."""
MS_SSIM_WEIGHTS: Final = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, fine to coarse: Wang, Simoncelli and Bovik 2003."""
MS_SSIM_LEAST: Final = (SSIM_WINDOW - 1) * 2 ** (len(MS_SSIM_WEIGHTS) - 1) + 1
"""The least width and height for MS-SSIM: what is still a window wide after four halvings, rounded up."""

_SIGMA: Final = 1.5
_C1: Final = (0.01 * PEAK) ** 2
_C2: Final = (0.03 * PEAK) ** 2
_BLOCK: Final = 16  # outputs of one band matrix: products so small that BLAS leaves the other cores to other pictures


def ssim(originals: Pictures, decoded: Pictures) -> Values:
    """Mean structural similarity of each picture, -1 to 1.

    A Gaussian window of 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03, population covariance, windows that lie within the
    picture only. Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural
    similarity", IEEE Trans. Image Processing 13(4), 2004. H and W of at least SSIM_WINDOW.
    """
    require_alike(originals, decoded, SSIM_WINDOW)
    return _in_batches(lambda a, b: _similarity(_planes(a), _planes(b))[0], originals, decoded)


def ms_ssim(originals: Pictures, decoded: Pictures) -> Values:
    """Multi-scale structural similarity of each picture, 0 to 1.

    Five scales, each half the one before (means of 2x2 pixels, an odd last row or column counted twice); contrast and
    structure at all of them, luminance at the coarsest. Negative means count as 0. Wang, Simoncelli and Bovik,
    "Multiscale structural similarity for image quality assessment", Asilomar 2003. H and W of at least MS_SSIM_LEAST.
    """
    require_alike(originals, decoded, MS_SSIM_LEAST)

    def measure(a: Pictures, b: Pictures) -> Values:
        x, y = _planes(a), _planes(b)
        product = np.ones(x.shape[:2])
        for weight in MS_SSIM_WEIGHTS[:-1]:
            product *= np.maximum(_similarity(x, y)[1], 0.0) ** weight
            x, y = _halved(x), _halved(y)
        return product * np.maximum(_similarity(x, y)[0], 0.0) ** MS_SSIM_WEIGHTS[-1]

    return _in_batches(measure, originals, decoded)


def uqi(originals: Pictures, decoded: Pictures) -> Values:
    """Universal image quality index of each picture, -1 to 1: the mean over all windows of 8x8 pixels.

    If both windows are flat, only their means are compared, and two black windows count as equal. Wang and Bovik, "A
    universal image quality index", IEEE Signal Processing Letters 9(3), 2002. H and W of at least UQI_WINDOW.
    """
    require_alike(originals, decoded, UQI_WINDOW)
    return _in_batches(lambda a, b: _quality_map(a, b, UQI_WINDOW**2).mean(axis=(2, 3)), originals, decoded)


def sewar_uqi(originals: Pictures, decoded: Pictures) -> Values:
    """What the function ``uqi`` of the package sewar gives for each picture, to compare with figures made by it.

    It is another number than the index of the paper, in three ways:

    - it takes the means of a window for its sums: with E for means and n = 64, the covariance is n E[xy] - E[x] E[y]
      instead of n (E[xy] - E[x] E[y]), and the variances likewise, so that the means are hardly subtracted;
    - hence two flat windows of the levels a and b count as (2 a b / (a^2 + b^2))^2, not as 2 a b / (a^2 + b^2);
    - the last row and the last column of windows are left out, which is why H and W have to be UQI_WINDOW + 1 or more.
    """
    require_alike(originals, decoded, UQI_WINDOW + 1)
    # Where the paper has n times a sum, it has n times a mean: with sums in place of means, n^2 times the sum.
    return _in_batches(
        lambda a, b: _quality_map(a, b, UQI_WINDOW**4)[..., :-1, :-1].mean(axis=(2, 3)), originals, decoded
    )


def _quality_map(a: Pictures, b: Pictures, factor: int) -> Values:
    """The index of every window, (N, C, W', H'). factor: of the sums of squares and products, n for the paper's."""
    # Sums over a window are integers of at most 64 * 2 * 255^2 < 2^24, exact in float32; what is made of them stays
    # below 2^53, exact in float64, and so are the comparisons with zero.
    kernel = np.ones(UQI_WINDOW)
    x, y = _planes(a).astype(np.float32), _planes(b).astype(np.float32)
    sums = [_windowed(maps, kernel).astype(np.float64) for maps in (x, y, x * y, x * x + y * y)]
    product, squares = sums[0] * sums[1], sums[0] ** 2 + sums[1] ** 2
    covariance, variances = factor * sums[2] - product, factor * sums[3] - squares
    means = np.divide(2 * product, squares, out=np.ones_like(squares), where=squares != 0)
    structure = np.divide(2 * covariance, variances, out=np.ones_like(squares), where=variances != 0)
    return means * structure


def _in_batches(measure: Callable[[Pictures, Pictures], Values], originals: Pictures, decoded: Pictures) -> Values:
    """The mean over channels of a measure that gives (n, C) for n pictures."""
    size = max(1, BATCH_SAMPLES // samples_in(originals))
    parts = [
        measure(originals[i : i + size], decoded[i : i + size]).mean(axis=1) for i in range(0, len(originals), size)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _planes(pictures: Pictures) -> Values:
    """(N, H, W, C) as float64 (N, C, H, W)."""
    return np.ascontiguousarray(np.moveaxis(pictures, 3, 1), dtype=np.float64)


def _similarity(x: Values, y: Values) -> tuple[Values, Values]:
    """SSIM, and its product of contrast and structure alone, of planes (N, C, H, W): each (N, C)."""
    kernel = np.exp(-0.5 * ((np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2) / _SIGMA) ** 2)
    kernel /= kernel.sum()
    mean_x, mean_y = _windowed(x, kernel), _windowed(y, kernel)
    product, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    covariance = _windowed(x * y, kernel) - product
    variances = _windowed(x * x + y * y, kernel) - squares
    contrast = (2 * covariance + _C2) / (variances + _C2)
    whole = contrast * (2 * product + _C1) / (squares + _C1)
    return whole.mean(axis=(2, 3)), contrast.mean(axis=(2, 3))


def _windowed(planes: Planes, kernel: Values) -> Planes:
    """Planes (N, C, H, W) weighted by a separable window wherever it fits: (N, C, W', H'), transposed."""
    return _along_last(np.ascontiguousarray(_along_last(planes, kernel).swapaxes(2, 3)), kernel)


def _along_last(planes: Planes, kernel: Values) -> Planes:
    """Correlation of the last axis with a kernel, as products with a band matrix: BLAS beats eleven shifted sums."""
    reach = len(kernel) - 1
    band = np.zeros((_BLOCK + reach, _BLOCK), planes.dtype)
    for column in range(_BLOCK):
        band[column : column + len(kernel), column] = kernel
    rows = planes.reshape(-1, planes.shape[-1])
    out = np.empty((len(rows), rows.shape[1] - reach), planes.dtype)
    for begin in range(0, out.shape[1], _BLOCK):
        part = rows[:, begin : begin + len(band)]
        width = part.shape[1]
        out[:, begin : begin + width - reach] = part @ band[:width, : width - reach]
    return out.reshape(*planes.shape[:-1], -1)


def _halved(planes: Values) -> Values:
    """Means of 2x2 samples; an odd last row or column is repeated."""
    height, width = planes.shape[2:]
    even = np.pad(planes, ((0, 0), (0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    halved: Values = even.reshape(*planes.shape[:2], even.shape[2] // 2, 2, even.shape[3] // 2, 2).mean(axis=(3, 5))
    return halved
