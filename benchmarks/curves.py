"""Rate-distortion curves: pooled PSNR, interpolation between measured points, Bjontegaard's mean difference.

Every curve is piecewise linear in (PSNR, log bytes), and its points are those that no other point beats in both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Point:
    """What one codec makes of a whole data set at one setting. `psnr` is infinite if nothing was lost."""

    setting: int
    file_bytes: float  # mean over the files
    bits_per_pixel: float
    psnr: float


def squared_error(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    """The sum of squared differences of 8-bit samples."""
    if a.shape != b.shape:
        raise ValueError(f"a picture of {a.shape} came back as {b.shape}")
    difference = a.astype(np.int64) - b
    return int((difference * difference).sum())


def psnr(total_squared_error: int, samples: int) -> float:
    """PSNR in dB of 8-bit samples, from their pooled mean squared error."""
    return 10.0 * math.log10(255.0**2 * samples / total_squared_error) if total_squared_error else math.inf


def point(
    setting: int,
    originals: Sequence[NDArray[np.uint8]],
    files: Sequence[bytes],
    decoded: Sequence[NDArray[np.uint8]],
) -> Point:
    """The point of a data set: mean size of whole files, PSNR pooled over all samples of all pictures."""
    total_bytes = sum(map(len, files))
    error = sum(squared_error(a, b) for a, b in zip(originals, decoded, strict=True))
    pixels = sum(picture.shape[0] * picture.shape[1] for picture in originals)
    samples = sum(picture.size for picture in originals)
    return Point(setting, total_bytes / len(files), 8.0 * total_bytes / pixels, psnr(error, samples))


def front(points: Sequence[Point]) -> list[Point]:
    """The finite points that no other beats in both, by rising PSNR and bytes."""
    kept: list[Point] = []
    for candidate in sorted(points, key=lambda p: (p.file_bytes, -p.psnr)):
        if math.isfinite(candidate.psnr) and (not kept or candidate.psnr > kept[-1].psnr):
            kept.append(candidate)
    return kept


def bytes_at(points: Sequence[Point], at_psnr: float) -> float | None:
    """Mean bytes of a file at a PSNR, log-linear between the points; None outside of their range."""
    curve = front(points)
    if not curve or not curve[0].psnr <= at_psnr <= curve[-1].psnr:
        return None
    return math.exp(float(_log_bytes(curve, np.array([at_psnr]))[0]))


def bd_rate(points: Sequence[Point], reference: Sequence[Point]) -> tuple[float, float, float] | None:
    """(ratio, low, high): the mean ratio of bytes to the reference's, geometric, over the common PSNR range.

    A ratio of 0.4 is a BD-rate of -60 %. None if the curves have no range in common.
    """
    a, b = front(points), front(reference)
    if not a or not b:
        return None
    low, high = max(a[0].psnr, b[0].psnr), min(a[-1].psnr, b[-1].psnr)
    if low >= high:
        return None
    knots = np.array(sorted({low, high, *(p.psnr for p in (*a, *b) if low < p.psnr < high)}))
    difference = _log_bytes(a, knots) - _log_bytes(b, knots)
    return math.exp(float(np.trapezoid(difference, knots)) / (high - low)), low, high  # exact between knots


def _log_bytes(curve: Sequence[Point], at_psnr: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.interp(at_psnr, [p.psnr for p in curve], np.log([p.file_bytes for p in curve]))
