"""The plot of a rate-distortion page: bytes against PSNR, and smaller against SSIM and UQI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import NullFormatter, ScalarFormatter
except ImportError as error:
    raise ValueError("plots need matplotlib: pip install 'aecodec[bench]'") from error

from aecodec.evaluation.curves import Curve, front

if TYPE_CHECKING:
    from rate_distortion import Classic

# Okabe and Ito's colours, which colour-blind people tell apart; markers and dashes differ as well.
OURS = "#0072B2"
EFFORTS = ((":", "v"), ("--", "s"), ("-", "o"), ("-.", "^"))
RIVALS = (("#D55E00", "-", "s"), ("#009E73", "-", "D"), ("#CC79A7", "-", "^"), ("#E69F00", "-", "v"))
LINEAR = ("#555555", (0, (4, 2)), "x")
CLASSIC = "#000000"
DPI = 150
MEASURES = (("psnr", "PSNR (dB)"), ("ssim", "SSIM"), ("uqi", "UQI"))
MARKERS = 12  # on one curve
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


def draw(
    title: str,
    ours: Sequence[Curve],
    rivals: Sequence[Curve],
    linear: Sequence[Curve],
    classics: Sequence[Classic],
    prefix: Path,
) -> list[Path]:
    """Writes PREFIX.png and PREFIX.svg."""
    styled: list[tuple[Curve, str, Any, str]] = [
        (curve, OURS, *style) for curve, style in zip(ours, _effort_styles(len(ours)), strict=True)
    ]
    styled += [(curve, *style) for curve, style in zip(rivals, RIVALS, strict=False)]
    styled += [(curve, *LINEAR) for curve in linear]
    with pyplot.rc_context(STYLE):
        figure, panels = pyplot.subplot_mosaic(
            [["psnr", "ssim"], ["psnr", "uqi"]], width_ratios=(1.7, 1), figsize=(12, 6.6), layout="constrained"
        )
        for name, label in MEASURES:
            for curve, colour, dashes, marker in styled:
                _line(panels[name], curve, name, colour, dashes, marker)
            for number, classic in enumerate(classics):
                value = getattr(classic, name, None)
                if value is not None:
                    marker = "*P"[number % 2]
                    panels[name].plot(
                        classic.file_bytes,
                        value,
                        marker,
                        color=CLASSIC,
                        markersize=11,
                        label=f"published: {classic.name}",
                    )
            _axes(panels[name], label)
        figure.suptitle(title, fontsize=13, fontweight="bold")
        entries = {
            text: line
            for panel in panels.values()
            for line, text in zip(*panel.get_legend_handles_labels(), strict=True)
        }
        figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=4, frameon=False)
        files = [prefix.with_name(f"{prefix.name}.{kind}") for kind in ("png", "svg")]
        figure.savefig(files[0], dpi=DPI, metadata={"Software": None})
        figure.savefig(files[1], metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
    return files


def _effort_styles(count: int) -> Sequence[tuple[str, str]]:
    return EFFORTS[-2:-1] if count == 1 else [EFFORTS[k % len(EFFORTS)] for k in range(count)]


def _line(panel: Any, curve: Curve, name: str, colour: str, dashes: Any, marker: str) -> None:
    points = [(p.file_bytes, getattr(p, name)) for p in front(curve.points) if getattr(p, name) is not None]
    if points:
        panel.plot(
            *zip(*points, strict=True),
            color=colour,
            linestyle=dashes,
            marker=marker,
            markevery=max(1, len(points) // MARKERS),
            markersize=4.5,
            linewidth=1.6,
            label=curve.name,
        )


def _axes(panel: Any, label: str) -> None:
    panel.set_xscale("log")
    panel.set_xlabel("bytes a file (log)")
    panel.set_ylabel(label)
    low, high = panel.get_xlim()
    ticks = [t for t in (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000) if low <= t <= high]
    panel.set_xticks(ticks)
    panel.xaxis.set_major_formatter(ScalarFormatter())
    panel.xaxis.set_minor_formatter(NullFormatter())
