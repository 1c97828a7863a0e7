"""The page of `aec bench`: curves of aecodec, its rivals and published ones, in tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aecodec.evaluation.curves import Curve, Point, bd_rate, between, bytes_at, front
from aecodec.evaluation.pages import number, table
from aecodec.evaluation.quality_scales import SCALES, Distance
from aecodec.evaluation.rivals import Rival

SHOWN = 10  # of a rival's settings on the page; the JSON file has all
ROWS = 7  # of the table of bytes at equal PSNR


@dataclass(frozen=True)
class Bench:
    """Measured and published curves of one data set."""

    ours: Sequence[Curve]
    rivals: Sequence[Curve]
    linear: Sequence[Curve] = ()
    published: Sequence[Curve] = ()
    rates: tuple[float, float] | None = None  # BD-rates are over what others reach at these bits per pixel
    distances: Sequence[Distance] = ()  # more BD-rates

    @property
    def curves(self) -> list[Curve]:
        """All curves, ours first."""
        return [*self.ours, *self.rivals, *self.linear, *self.published]


def overview(bench: Bench) -> str:
    """Table with a row for each codec: its range, and the BD-rates of ours against it."""
    distance = Distance(SCALES["psnr"], bench.rates)
    rows = []
    for curve in bench.curves:
        best = front(curve.points)
        row = [curve.name, _range([p.file_bytes for p in best or curve.points], 1), _range([p.psnr for p in best], 2)]
        rows.append(row + _bd_rates(bench, curve, distance))
    return table(["codec", "bytes", "PSNR dB", *_bd_head(bench, distance)], rows)


def bd_rates(bench: Bench, distance: Distance) -> str:
    """Table with the BD-rates of ours against each codec."""
    rows = [[curve.name, *_bd_rates(bench, curve, distance)] for curve in bench.curves]
    return table(["codec", *_bd_head(bench, distance)], rows)


def _bd_head(bench: Bench, distance: Distance) -> list[str]:
    return [text for mine in bench.ours for text in (f"BD-rate of {mine.name}", f"over {distance.scale.unit}")]


def _bd_rates(bench: Bench, curve: Curve, distance: Distance) -> list[str]:
    """The cells of a curve: the BD-rate of each of ours against it, and the range."""
    scale = distance.scale
    reference = scale.points(curve.points)
    if distance.rates:
        reference = between(reference, *distance.rates)
    cells = []
    for mine in bench.ours:
        found = None if curve is mine else bd_rate(scale.points(mine.points), reference)
        cells += ["-", "-"] if found is None else [f"{found[0]:+.1f} %", _range(found[1:], 1)]
    return cells


def _range(values: Sequence[float], digits: int) -> str:
    if len(values) < 2:
        return number(values[0] if values else None, digits)
    return f"{number(values[0], digits)} to {number(values[-1], digits)}"


def steps(curve: Curve) -> list[float]:
    """Whole numbers of dB, about ROWS of them, within a curve's range."""
    psnr = [p.psnr for p in front(curve.points)]
    if not psnr:
        return []
    low, high = int(np.ceil(psnr[0])), int(psnr[-1])
    return list(map(float, range(low, high + 1, max(1, round((high - low) / ROWS)))))


def by_psnr(bench: Bench, points_db: Sequence[float]) -> str:
    """Table of interpolated bytes at each PSNR; codecs with a single point are left out."""
    curves = [curve for curve in bench.curves if len(front(curve.points)) > 1]
    rows = [[number(at), *(number(bytes_at(curve.points, at)) for curve in curves)] for at in points_db]
    return table(["PSNR dB", *(curve.name for curve in curves)], rows, left=0)


def by_setting(curve: Curve, label: str, most: int | None = None) -> str:
    """Table of the measured points of a curve, at most `most` of them."""
    points: Sequence[Point] = curve.points
    if most is not None and len(points) > most:
        points = [points[round(k * (len(points) - 1) / (most - 1))] for k in range(most)]
    head = [label, "bytes", "bits/pixel", "PSNR dB", "SSIM", "MS-SSIM", "UQI"]
    rows = []
    for p in points:
        measures = (number(p.psnr, 2), number(p.ssim, 4), number(p.ms_ssim, 4), number(p.uqi, 4))
        rows.append([f"{p.setting:.4g}", number(p.file_bytes), number(p.bits_per_pixel, 3), *measures])
    if any(p.ssimulacra2 is not None for p in points):
        head.append("SSIMULACRA2")
        rows = [[*row, number(p.ssimulacra2, 1)] for row, p in zip(rows, points, strict=True)]
    return table(head, rows, left=0)


def nearest(curve: Curve, psnr: float) -> int:
    """The setting of a curve's point whose PSNR is nearest."""
    return int(min(curve.points, key=lambda p: abs(p.psnr - psnr)).setting)


def describe(count: int, rivals: Sequence[Rival], bench: Bench, mean_psnr: bool) -> str:
    """The paragraph that explains the figures of the page."""
    pooled = "the mean of the pictures' PSNRs" if mean_psnr else "computed from the mean squared error of all samples"
    text = (
        f"{count:,} pictures. Bytes are the mean of whole files; PSNR is {pooled}; SSIM, MS-SSIM and UQI are means over"
        " pictures. BD-rate is the mean difference in bytes at equal PSNR, by piecewise cubic interpolation (PCHIP);"
        " negative values mean smaller files."
    )
    if bench.rates:
        low, high = bench.rates
        text += f" BD-rates cover the PSNRs that the other codec reaches at {low:g} to {high:g} bits/pixel."
    if rivals:
        text += f" The other codecs are {', '.join(rival.described() for rival in rivals)}."
    if bench.linear:
        text += (
            " The linear KLT is a bound, not a codec: the ideal entropy of its coefficients, without header and tables."
        )
    if bench.published:
        text += " Published curves are quoted, not measured."
    return text


def page(bench: Bench, at: Sequence[float]) -> list[str]:
    """The page's paragraphs about rate and distortion."""
    found = [overview(bench), "## Bytes at equal PSNR", by_psnr(bench, at or steps(bench.ours[0]))]
    for distance in bench.distances:
        found += [f"## BD-rates by {distance.title}", distance.explanation, bd_rates(bench, distance)]
    for curve in bench.ours:
        found += [f"## {curve.name}", by_setting(curve, "quality")]
    for curve in bench.rivals:
        found += [f"## {curve.name}", by_setting(curve, "quality", SHOWN)]
    for curve in bench.linear:
        found += [f"## {curve.name}", by_setting(curve, "step")]
    for curve in bench.published:
        found += [f"## Published: {curve.name}", by_setting(curve, "point", SHOWN)]
    return found
