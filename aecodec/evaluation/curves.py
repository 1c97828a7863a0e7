"""Rate-distortion curves of a codec over a data set, bytes at a PSNR, and BD-rates.

PSNR is computed from the mean squared error pooled over all pictures; SSIM, MS-SSIM and UQI are means over pictures. A
curve consists of those of its points that no other point beats in bytes and PSNR, with a monotone piecewise cubic
between them (aecodec.metrics.pchip) in (PSNR, log bytes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aecodec import metrics
from aecodec.evaluation.scores import ERRORS, SIMILARITIES, mean, measured
from aecodec.sources.readers import Picture


@dataclass(frozen=True)
class Point:
    """Rate and distortion of one codec over a whole data set, at one setting.

    `psnr` is infinite if nothing was lost; the others are None if they were not measured, or if pictures are smaller
    than a window. `mean_psnr` is the mean of the PSNRs of the pictures, which most publications give.
    """

    setting: float
    file_bytes: float  # mean over the files
    bits_per_pixel: float
    psnr: float
    ssim: float | None = None
    uqi: float | None = None
    ms_ssim: float | None = None
    mean_psnr: float | None = None
    ssimulacra2: float | None = None


@dataclass(frozen=True)
class Curve:
    """The points of one codec. `encoded_per_second`: pictures, where that was timed."""

    name: str
    points: Sequence[Point]
    encoded_per_second: float | None = None


def point(setting: float, originals: Sequence[Picture], files: Sequence[bytes], decoded: Sequence[Picture]) -> Point:
    """Mean size of whole files, and PSNR. Raises ValueError if a picture came back in another shape."""
    return point_of_bytes(setting, sum(map(len, files)), originals, decoded)


def point_of_bytes(
    setting: float, total_bytes: float, originals: Sequence[Picture], decoded: Sequence[Picture]
) -> Point:
    """The same, from the bytes of all pictures together, which may be fractions for ideal code lengths."""
    found = measured(originals, decoded, ERRORS)
    pixels = sum(picture.shape[0] * picture.shape[1] for picture in originals)
    samples = sum(picture.size for picture in originals)
    return Point(
        setting,
        total_bytes / len(originals),
        8.0 * total_bytes / pixels,
        float(metrics.psnr_of_mse(found["squared_error"].sum() / samples)),
        mean_psnr=mean(found["psnr"]),
    )


def with_similarity(
    measured_point: Point,
    originals: Sequence[Picture],
    decoded: Sequence[Picture],
    names: Sequence[str] = SIMILARITIES,
) -> Point:
    """The point with the measures of these names, fields of Point and keys of scores: means over pictures."""
    found: dict[str, Any] = {name: mean(values) for name, values in measured(originals, decoded, names).items()}
    return replace(measured_point, **found)


def by_mean_psnr(curve: Curve) -> Curve:
    """The curve with the mean of the pictures' PSNRs in place of the PSNR of the pooled error."""
    points = [replace(p, psnr=math.inf if p.mean_psnr is None else p.mean_psnr) for p in curve.points]
    return replace(curve, points=points)


def front(points: Sequence[Point]) -> list[Point]:
    """The finite points that no other point beats in both, by increasing PSNR and bytes."""
    kept: list[Point] = []
    for candidate in sorted(points, key=lambda p: (p.file_bytes, -p.psnr)):
        if math.isfinite(candidate.psnr) and (not kept or candidate.psnr > kept[-1].psnr):
            kept.append(candidate)
    return kept


def between(points: Sequence[Point], low: float, high: float) -> list[Point]:
    """The curve between two rates in bits per pixel: its points there, and interpolated ones at the ends."""
    curve = front(points)
    rates = [p.bits_per_pixel for p in curve]
    if len(curve) < 2 or low >= rates[-1] or high <= rates[0]:
        return []
    ends = []
    for rate in (max(low, rates[0]), min(high, rates[-1])):
        psnr = float(metrics.pchip(np.log(rates), [p.psnr for p in curve], math.log(rate)))
        ends.append(Point(math.nan, rate / rates[0] * curve[0].file_bytes, rate, psnr))
    return [ends[0], *(p for p in curve if ends[0].bits_per_pixel < p.bits_per_pixel < ends[1].bits_per_pixel), ends[1]]


def bytes_at(points: Sequence[Point], at_psnr: float) -> float | None:
    """Mean bytes of a file at a PSNR; None outside the range of the points."""
    psnr, log_bytes = _axes(points)
    if len(psnr) < 2 or not psnr[0] <= at_psnr <= psnr[-1]:
        return None
    return math.exp(float(metrics.pchip(psnr, log_bytes, at_psnr)))


def bd_rate(points: Sequence[Point], reference: Sequence[Point]) -> tuple[float, float, float] | None:
    """(percent, low, high): the BD-rate against a reference, and the PSNR range in dB that both cover.

    -60 means 40 % of the bytes. None if they have no range in common.
    """
    (a, log_a), (b, log_b) = _axes(points), _axes(reference)
    if min(len(a), len(b)) < 2 or max(a[0], b[0]) >= min(a[-1], b[-1]):
        return None
    return metrics.bd_rate(np.exp(log_a), a, np.exp(log_b), b), max(a[0], b[0]), min(a[-1], b[-1])


def _axes(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    curve = front(points)
    return [p.psnr for p in curve], [math.log(p.file_bytes) for p in curve]
