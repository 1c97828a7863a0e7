"""The plot of `aec bench`: bits per pixel and bytes against PSNR, with smaller plots for SSIM, MS-SSIM and UQI.

Raises ImportError if matplotlib is missing.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullFormatter  # noqa: E402

from aecodec.evaluation import rivals  # noqa: E402
from aecodec.evaluation.curves import Curve, Point, front  # noqa: E402
from aecodec.evaluation.report import Bench  # noqa: E402

# Okabe and Ito's colours, which colour-blind people tell apart; markers and dashes differ as well.
OURS = "#0072B2"
OUR_STYLES = ((":", "v"), ("--", "s"), ("-", "o"), ("-.", "^"), ((0, (8, 2)), "D"), ((0, (1, 3)), "P"))  # of curves
RIVALS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("s", "D", "^", "v", "P")
LINES = tuple(zip((OURS, *RIVALS), ("o", *MARKERS), strict=False))  # colour and marker of any curves
PUBLISHED = ("#000000", "#5c5c5c", "#9a9a9a")
DASHES = ("--", ":", "-.", (0, (6, 2, 1, 2, 1, 2)))
HOLLOW = "o^sDv<>ph"
POINT_MARKERS = "*X"
LINEAR: dict[str, Any] = {"color": "#8c564b", "linestyle": (0, (4, 2)), "marker": "x"}
BASE: dict[str, Any] = {"linewidth": 1.6, "markersize": 4.5}
DPI = 150
MEASURES = {"psnr": "PSNR (dB)", "ssim": "SSIM", "ms_ssim": "MS-SSIM", "uqi": "UQI", "ssimulacra2": "SSIMULACRA2"}
MOST_MARKERS = 12  # on one curve
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "svg.hashsalt": "aecodec",  # the same bytes each time
}


def draw(title: str, bench: Bench, pixels: float) -> tuple[bytes, bytes]:
    """Draw the plot as a PNG and an SVG file. pixels: mean per picture, for the axis of bytes."""
    styled: list[tuple[Curve, dict[str, Any]]] = []
    for curve, (dashes, marker) in zip(bench.ours, _our_styles(len(bench.ours)), strict=True):
        styled.append((curve, {"color": OURS, "linestyle": dashes, "marker": marker, "linewidth": 2.2, "zorder": 5}))
    styles = _rival_styles()
    styled += [(curve, styles[curve.name]) for curve in bench.rivals]
    styled += [(curve, LINEAR) for curve in bench.linear]
    for number, curve in enumerate(bench.published):
        style: dict[str, Any] = {"color": PUBLISHED[number % len(PUBLISHED)], "linewidth": 1.1}
        if len(curve.points) == 1:
            marker = POINT_MARKERS[number % len(POINT_MARKERS)]
            styled.append((curve, {**style, "linestyle": "none", "marker": marker, "markersize": 10}))
        else:
            style |= {"linestyle": DASHES[number % len(DASHES)], "marker": HOLLOW[number % len(HOLLOW)]}
            styled.append((curve, {**style, "markerfacecolor": "white"}))
    measures = {name: label for name, label in MEASURES.items() if name == "psnr" or _has(bench, name)}
    with pyplot.rc_context(STYLE):
        figure, panels = _panels(list(measures))
        for name, label in measures.items():
            for curve, style in styled:
                _line(panels[name], curve, name, style)
            _axes(panels[name], label)
        _bytes_axis(panels["psnr"], pixels)
        figure.suptitle(title, fontsize=13, fontweight="bold")
        entries = {
            text: line
            for panel in panels.values()
            for line, text in zip(*panel.get_legend_handles_labels(), strict=True)
        }
        figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=4, frameon=False)
        files = io.BytesIO(), io.BytesIO()
        figure.savefig(files[0], format="png", dpi=DPI, metadata={"Software": None})
        figure.savefig(files[1], format="svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
    return files[0].getvalue(), files[1].getvalue()


def _has(bench: Bench, name: str) -> bool:
    """Whether ours has the measure: pictures may be too small for it."""
    return any(getattr(p, name) is not None for curve in bench.ours for p in curve.points)


def _panels(names: list[str]) -> tuple[Any, Any]:
    others = names[1:]
    if not others:
        single: Any = [names]
        figure, axes = pyplot.subplot_mosaic(single, figsize=(8, 6.4), layout="constrained")
        return figure, axes
    rows: Any = [["psnr", name] for name in others]
    size = (12, max(6.6, 2.9 * len(others)))
    figure, axes = pyplot.subplot_mosaic(rows, width_ratios=(1.7, 1), figsize=size, layout="constrained")
    return figure, axes


def _our_styles(count: int) -> Sequence[tuple[Any, str]]:
    """Dashes and marker of each of our curves; of a single one the plainest."""
    return OUR_STYLES[2:3] if count == 1 else [OUR_STYLES[k % len(OUR_STYLES)] for k in range(count)]


def _rival_styles() -> dict[str, dict[str, Any]]:
    """By a codec's name, its colour and marker, whoever else is there; variants of a format differ in their dashes."""
    formats = [rival.name for rival in rivals.RIVALS.values()]
    found: dict[str, dict[str, Any]] = {}
    for rival in rivals.BY_NAME.values():
        number = formats.index(rival.format_name)
        found[rival.name] = {"color": RIVALS[number % len(RIVALS)], "marker": MARKERS[number % len(MARKERS)]}
    for number, rival in enumerate(rivals.VARIANTS.values()):
        found[rival.name] |= {"linestyle": DASHES[number % len(DASHES)], "markerfacecolor": "white"}
    return found


def _line(panel: Any, curve: Curve, name: str, style: dict[str, Any]) -> None:
    chosen: Sequence[Point] = curve.points if len(curve.points) == 1 else front(curve.points)
    points = [(p.bits_per_pixel, getattr(p, name)) for p in chosen]
    points = [(rate, value) for rate, value in points if value is not None and math.isfinite(value)]
    if points:
        sparse = max(1, len(points) // MOST_MARKERS)
        panel.plot(*zip(*points, strict=True), label=curve.name, **{"markevery": sparse, **BASE, **style})


def _axes(panel: Any, label: str) -> None:
    panel.set_xscale("log")
    panel.set_xlabel("bits per pixel (log)")
    panel.set_ylabel(label)
    _ticks(panel, (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20))


def _bytes_axis(panel: Any, pixels: float) -> None:
    above = panel.secondary_xaxis("top", functions=(lambda rate: rate * pixels / 8, lambda size: size * 8 / pixels))
    above.set_xlabel("bytes a file, mean")
    ticks = [digit * 10**power for power in range(10) for digit in (1, 2, 5)]
    low, high = (edge * pixels / 8 for edge in panel.get_xlim())
    above.set_xticks([tick for tick in ticks if low <= tick <= high])
    above.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    above.xaxis.set_minor_formatter(NullFormatter())


def _ticks(panel: Any, ticks: Sequence[float]) -> None:
    low, high = panel.get_xlim()
    panel.set_xticks([tick for tick in ticks if low <= tick <= high])
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())
