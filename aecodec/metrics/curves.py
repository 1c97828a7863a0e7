"""Distances between rate-distortion curves: BD-rate, and the interpolation that it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from aecodec.metrics.pixelwise import Values


def bd_rate(rate: ArrayLike, psnr: ArrayLike, reference_rate: ArrayLike, reference_psnr: ArrayLike) -> float:
    """The mean difference in rate at equal PSNR against a reference, in percent: -50 means half the bytes.

    Rates in any common unit, above 0, and PSNRs in dB, (K,) each in any order, with K of at least 2 and no PSNR twice;
    ValueError otherwise. The mean is taken over the logarithm of the rate, in the PSNR range that both curves cover,
    with both interpolated by `pchip`. Bjontegaard, "Calculation of average PSNR differences between RD-curves",
    VCEG-M33, 2001, fits one cubic to four points; piecewise cubics, as in VCEG-AE07 and JCT-VC's common test
    conditions, do not swing between many.
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
    """The monotone piecewise cubic through points (x, y), evaluated at `at`, with zero slope where y changes direction.

    x: increasing, (K,), K of at least 2; two points give a line. at: any shape, within the range of x. Fritsch and
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
