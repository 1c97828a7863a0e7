"""Rate-distortion curves: what a codec makes of a data set at each setting, and where two codecs meet.

PSNR is that of the mean squared error pooled over all pictures, SSIM and UQI are means over pictures. A curve is made
of those of its points that no other point beats in bytes and PSNR, and is a monotone piecewise cubic between them
(aecodec.metrics.pchip) in (PSNR, log bytes).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aecodec import metrics

Picture = NDArray[np.uint8]

BATCH_SAMPLES = 1 << 20


@dataclass(frozen=True)
class Point:
    """What one codec makes of a whole data set at one setting.

    `psnr` is infinite if nothing was lost; `ssim` and `uqi` are None where they were not measured, or pictures are
    smaller than a window.
    """

    setting: float
    file_bytes: float  # mean over the files
    bits_per_pixel: float
    psnr: float
    ssim: float | None = None
    uqi: float | None = None


@dataclass(frozen=True)
class Curve:
    """All that was measured of one codec. `encoded_per_second`: pictures, where that was timed."""

    name: str
    points: Sequence[Point]
    encoded_per_second: float | None = None


def point(setting: float, originals: Sequence[Picture], files: Sequence[bytes], decoded: Sequence[Picture]) -> Point:
    """Mean size of whole files and pooled PSNR. Raises ValueError if a picture came back in another shape."""
    return point_of_bytes(setting, sum(map(len, files)), originals, decoded)


def point_of_bytes(
    setting: float, total_bytes: float, originals: Sequence[Picture], decoded: Sequence[Picture]
) -> Point:
    """The same of what all pictures take together."""
    error = sum(int(metrics.squared_error(a, b).sum()) for a, b in alike(originals, decoded))
    pixels = sum(picture.shape[0] * picture.shape[1] for picture in originals)
    samples = sum(picture.size for picture in originals)
    psnr = float(metrics.psnr_of_mse(error / samples))
    return Point(setting, total_bytes / len(originals), 8.0 * total_bytes / pixels, psnr)


def with_similarity(measured: Point, originals: Sequence[Picture], decoded: Sequence[Picture]) -> Point:
    """The point with its SSIM and UQI, means over pictures."""

    def both(pair: tuple[Picture, Picture]) -> NDArray[np.float64]:
        return np.stack([metrics.ssim(*pair), metrics.uqi(*pair)])

    if min(min(picture.shape[:2]) for picture in originals) < max(metrics.SSIM_WINDOW, metrics.UQI_WINDOW):
        return measured
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ssim, uqi = np.concatenate(list(pool.map(both, alike(originals, decoded))), axis=1).mean(axis=1)
    return replace(measured, ssim=float(ssim), uqi=float(uqi))


def alike(originals: Sequence[Picture], decoded: Sequence[Picture]) -> Iterator[tuple[Picture, Picture]]:
    """Stacks (n, H, W, C) of neighbours of one shape, a few at a time."""
    begin = 0
    while begin < len(originals):
        shape, end = originals[begin].shape, begin
        while end < len(originals) and originals[end].shape == shape and (end - begin) * np.prod(shape) < BATCH_SAMPLES:
            if decoded[end].shape != shape:
                raise ValueError(f"a picture of {shape} came back as {decoded[end].shape}")
            end += 1
        yield _stack(originals[begin:end]), _stack(decoded[begin:end])
        begin = end


def _stack(pictures: Sequence[Picture]) -> Picture:
    stack = np.stack(pictures)
    return stack[..., None] if stack.ndim == 3 else stack


def front(points: Sequence[Point]) -> list[Point]:
    """The finite points that no other beats in both, by rising PSNR and bytes."""
    kept: list[Point] = []
    for candidate in sorted(points, key=lambda p: (p.file_bytes, -p.psnr)):
        if math.isfinite(candidate.psnr) and (not kept or candidate.psnr > kept[-1].psnr):
            kept.append(candidate)
    return kept


def bytes_at(points: Sequence[Point], at_psnr: float) -> float | None:
    """Mean bytes of a file at a PSNR; None outside of the points' range."""
    psnr, log_bytes = _axes(points)
    if len(psnr) < 2 or not psnr[0] <= at_psnr <= psnr[-1]:
        return None
    return math.exp(float(metrics.pchip(psnr, log_bytes, at_psnr)))


def bd_rate(points: Sequence[Point], reference: Sequence[Point]) -> tuple[float, float, float] | None:
    """(per cent, low, high): the BD-rate against a reference, and the PSNR range in dB that both have.

    -60 is 40 % of the bytes. None if they have no range in common.
    """
    (a, log_a), (b, log_b) = _axes(points), _axes(reference)
    if min(len(a), len(b)) < 2 or max(a[0], b[0]) >= min(a[-1], b[-1]):
        return None
    return metrics.bd_rate(np.exp(log_a), a, np.exp(log_b), b), max(a[0], b[0]), min(a[-1], b[-1])


def _axes(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    curve = front(points)
    return [p.psnr for p in curve], [math.log(p.file_bytes) for p in curve]
