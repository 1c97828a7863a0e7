"""How alike pictures are, and how far two rate-distortion curves lie apart: errors, PSNR, SSIM, MS-SSIM, UQI, BD-rate.

Pictures are uint8 arrays (N, H, W, C), originals and decoded of one shape; a measure gives one value a picture,
float64 (N,). Colour is measured channel by channel and averaged. Other dtypes, unequal shapes and pictures smaller than
a measure's window raise ValueError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Pictures: TypeAlias = "NDArray[np.uint8]"
Values: TypeAlias = "NDArray[np.float64]"
Planes: TypeAlias = "NDArray[Any]"  # floats

PEAK: Final = 255.0
SSIM_WINDOW: Final = 11
"""Width of SSIM's window in pixels, and the least width and height of a picture that has an SSIM."""
UQI_WINDOW: Final = 8
"""The same for UQI."""
MS_SSIM_WEIGHTS: Final = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, fine to coarse: Wang, Simoncelli and Bovik 2003."""
MS_SSIM_LEAST: Final = (SSIM_WINDOW - 1) * 2 ** (len(MS_SSIM_WEIGHTS) - 1) + 1
"""The least width and height for MS-SSIM: what is still a window wide after four halvings, rounded up."""

CROSS_ENTROPY_LEAST: Final = 1e-7
"""A predicted probability counts as at least so much, and as at most one less it: Keras' epsilon."""

_SIGMA: Final = 1.5
_C1: Final = (0.01 * PEAK) ** 2
_C2: Final = (0.03 * PEAK) ** 2
_BATCH_SAMPLES: Final = 1 << 16  # a dozen float64 maps of so many samples stay within a processor's cache
_BLOCK: Final = 54  # outputs of one band matrix: 64 x 54 for a window of 11


def squared_error(originals: Pictures, decoded: Pictures) -> NDArray[np.int64]:
    """The exact sum of squared differences of each picture, int64 (N,)."""
    _require_alike(originals, decoded, 1)
    difference = originals.astype(np.int64) - decoded
    total: NDArray[np.int64] = (difference * difference).sum(axis=(1, 2, 3))
    return total


def psnr(originals: Pictures, decoded: Pictures) -> Values:
    """PSNR of each picture in dB; infinite where nothing differs."""
    return psnr_of_mse(squared_error(originals, decoded) / _samples(originals))


def pooled_psnr(originals: Pictures, decoded: Pictures) -> float:
    """PSNR in dB of the mean squared error pooled over all samples of all pictures; not the mean of their PSNRs."""
    return float(psnr_of_mse(squared_error(originals, decoded).sum() / (len(originals) * _samples(originals))))


def psnr_of_mse(mean_squared_error: ArrayLike) -> Values:
    """PSNR in dB of mean squared errors of 8-bit samples, any shape; infinite where the error is 0."""
    with np.errstate(divide="ignore"):
        return 10.0 * np.log10(PEAK**2 / np.asarray(mean_squared_error, np.float64))


def mean_absolute_error(originals: Pictures, decoded: Pictures) -> Values:
    """The mean absolute difference of each picture's samples, in levels of 0..255."""
    _require_alike(originals, decoded, 1)
    found: Values = _differences(originals, decoded).mean(axis=(1, 2, 3), dtype=np.float64)
    return found


def largest_error(originals: Pictures, decoded: Pictures) -> NDArray[np.int64]:
    """The largest absolute difference of any of each picture's samples, int64 (N,)."""
    _require_alike(originals, decoded, 1)
    found: NDArray[np.int64] = _differences(originals, decoded).max(axis=(1, 2, 3)).astype(np.int64)
    return found


def cross_entropy(originals: Pictures, decoded: Pictures) -> Values:
    """Binary cross-entropy of each picture, the mean over its samples, in nats.

    -t log p - (1 - t) log(1 - p), with t = original / 255 and p = decoded / 255, kept CROSS_ENTROPY_LEAST away from 0
    and 1: the loss that autoencoders with a sigmoid output report. A perfect copy has the mean entropy of its samples,
    which is 0 only where all are black or white.
    """
    _require_alike(originals, decoded, 1)
    levels = np.arange(256) / PEAK
    predicted = np.clip(levels, CROSS_ENTROPY_LEAST, 1 - CROSS_ENTROPY_LEAST)
    table = -np.outer(levels, np.log(predicted)) - np.outer(1 - levels, np.log(1 - predicted))
    size = max(1, _BATCH_SAMPLES // _samples(originals))
    parts = [
        table[originals[i : i + size], decoded[i : i + size]].mean(axis=(1, 2, 3))
        for i in range(0, len(originals), size)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def ssim(originals: Pictures, decoded: Pictures) -> Values:
    """Mean structural similarity of each picture, -1 to 1.

    A Gaussian window of 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03, population covariance, windows that lie within the
    picture only. Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural
    similarity", IEEE Trans. Image Processing 13(4), 2004. H and W of at least SSIM_WINDOW.
    """
    _require_alike(originals, decoded, SSIM_WINDOW)
    return _in_batches(lambda a, b: _similarity(_planes(a), _planes(b))[0], originals, decoded)


def ms_ssim(originals: Pictures, decoded: Pictures) -> Values:
    """Multi-scale structural similarity of each picture, 0 to 1.

    Five scales, each half the one before (means of 2x2 pixels, an odd last row or column counted twice); contrast and
    structure at all of them, luminance at the coarsest. Negative means count as 0. Wang, Simoncelli and Bovik,
    "Multiscale structural similarity for image quality assessment", Asilomar 2003. H and W of at least MS_SSIM_LEAST.
    """
    _require_alike(originals, decoded, MS_SSIM_LEAST)

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

    Where both windows are flat only their means are compared, and two black ones are alike. Wang and Bovik, "A
    universal image quality index", IEEE Signal Processing Letters 9(3), 2002. H and W of at least UQI_WINDOW.
    """
    _require_alike(originals, decoded, UQI_WINDOW)
    kernel, count = np.ones(UQI_WINDOW), UQI_WINDOW**2

    def measure(a: Pictures, b: Pictures) -> Values:
        # Sums over a window are integers of at most 64 * 2 * 255^2 < 2^24, exact in float32; what is made of them stays
        # below 2^53, exact in float64, and so are the comparisons with zero.
        x, y = _planes(a).astype(np.float32), _planes(b).astype(np.float32)
        sums = [_windowed(maps, kernel).astype(np.float64) for maps in (x, y, x * y, x * x + y * y)]
        product, squares = sums[0] * sums[1], sums[0] ** 2 + sums[1] ** 2
        covariance, variances = count * sums[2] - product, count * sums[3] - squares
        means = np.divide(2 * product, squares, out=np.ones_like(squares), where=squares != 0)
        structure = np.divide(2 * covariance, variances, out=np.ones_like(squares), where=variances != 0)
        index: Values = (means * structure).mean(axis=(2, 3))
        return index

    return _in_batches(measure, originals, decoded)


def bd_rate(rate: ArrayLike, psnr: ArrayLike, reference_rate: ArrayLike, reference_psnr: ArrayLike) -> float:
    """The mean difference in rate at equal PSNR against a reference, in per cent: -50 is half the bytes.

    Rates in any one unit, above 0, and PSNR in dB, (K,) each in any order, K of at least 2, no PSNR twice; ValueError
    for anything else. Of the logarithm of the rate, over the PSNR range that both curves cover, each interpolated by
    `pchip`. Bjontegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001, fits one cubic to
    four points; piecewise cubics, as in VCEG-AE07 and JCT-VC's common test conditions, do not swing between many.
    """
    x, y = _curve(rate, psnr)
    reference_x, reference_y = _curve(reference_rate, reference_psnr)
    low, high = max(x[0], reference_x[0]), min(x[-1], reference_x[-1])
    if low >= high:
        raise ValueError("the two curves have no PSNR range in common")
    inner = np.concatenate([x, reference_x])
    knots = np.unique(np.concatenate([[low, high], inner[(low < inner) & (inner < high)]]))
    middle = (knots[1:] + knots[:-1]) / 2

    def difference(at: Values) -> Values:
        return pchip(x, y, at) - pchip(reference_x, reference_y, at)

    # Simpson's rule is exact for cubics, and between knots the difference is one.
    ends = difference(knots)
    area = (np.diff(knots) * (ends[1:] + 4 * difference(middle) + ends[:-1])).sum() / 6
    return float(100 * np.expm1(area / (high - low)))


def pchip(x: ArrayLike, y: ArrayLike, at: ArrayLike) -> Values:
    """The monotone piecewise cubic through points (x, y), evaluated at `at`; flat slopes where y turns.

    x rising, (K,), K of at least 2; two points make a line; `at`, of any shape, within the range of x. Fritsch and
    Butland, "A method for constructing local monotone piecewise cubic interpolants", SIAM J. Sci. Stat. Comput. 5(2),
    1984.
    """
    knots, values = np.asarray(x, np.float64), np.asarray(y, np.float64)
    points = np.asarray(at, np.float64)
    width = np.diff(knots)
    slopes = _slopes(width, np.diff(values) / width)
    k = np.clip(np.searchsorted(knots, points, "right") - 1, 0, len(width) - 1)
    t, h = (points - knots[k]) / width[k], width[k]
    rising, falling = t * t * (3 - 2 * t), t * (1 - t)
    result: Values = (
        values[k] * (1 - rising) + values[k + 1] * rising + h * falling * (slopes[k] * (1 - t) - slopes[k + 1] * t)
    )
    return result


def _slopes(width: Values, secant: Values) -> Values:
    """The derivative at each knot, from widths and secants of the pieces."""
    if len(secant) == 1:
        return np.repeat(secant, 2)
    left, right = secant[:-1], secant[1:]
    near, far = 2 * width[1:] + width[:-1], width[1:] + 2 * width[:-1]
    turns = left * right <= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (near + far) / (near / left + far / right)  # harmonic
    inner = np.where(turns, 0.0, mean)
    return np.array([_end_slope(width, secant), *inner, _end_slope(width[::-1], secant[::-1])])


def _end_slope(width: Values, secant: Values) -> float:
    """The slope at the first knot: of a parabola through three, kept from overshooting."""
    slope = ((2 * width[0] + width[1]) * secant[0] - width[0] * secant[1]) / (width[0] + width[1])
    if slope * secant[0] <= 0:
        return 0.0
    if secant[0] * secant[1] < 0 and abs(slope) > 3 * abs(secant[0]):
        return float(3 * secant[0])
    return float(slope)


def _curve(rate: ArrayLike, psnr: ArrayLike) -> tuple[Values, Values]:
    """PSNR, rising, and the logarithm of the rate."""
    x, r = np.asarray(psnr, np.float64), np.asarray(rate, np.float64)
    if x.ndim != 1 or x.shape != r.shape or len(x) < 2:
        raise ValueError(f"a curve needs two points or more, as many rates as PSNRs, not {r.shape} and {x.shape}")
    order = np.argsort(x)
    x, r = x[order], r[order]
    if not (np.isfinite(x).all() and (np.diff(x) > 0).all() and np.isfinite(r).all() and (r > 0).all()):
        raise ValueError("a curve needs finite rates above 0 and finite PSNRs, none of them twice")
    return x, np.log(r)


def _differences(originals: Pictures, decoded: Pictures) -> NDArray[np.uint8]:
    """Absolute differences; maximum less minimum does not wrap."""
    return np.maximum(originals, decoded) - np.minimum(originals, decoded)


def _samples(pictures: Pictures) -> int:
    return int(np.prod(pictures.shape[1:]))


def _require_alike(originals: Pictures, decoded: Pictures, least: int) -> None:
    for pictures in (originals, decoded):
        if pictures.dtype != np.uint8 or pictures.ndim != 4:
            raise ValueError(f"expected uint8 pictures (N, H, W, C), not {pictures.dtype} {pictures.shape}")
    if originals.shape != decoded.shape:
        raise ValueError(f"pictures of {originals.shape} cannot be compared with {decoded.shape}")
    height, width = originals.shape[1:3]
    if min(height, width) < least:
        raise ValueError(f"this measure needs pictures of at least {least}x{least} pixels, not {width}x{height}")


def _in_batches(measure: Callable[[Pictures, Pictures], Values], originals: Pictures, decoded: Pictures) -> Values:
    """The mean over channels of a measure that gives (n, C) for n pictures."""
    size = max(1, _BATCH_SAMPLES // _samples(originals))
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
