"""How the figures of studies look; needs matplotlib, from the extra ``bench``."""

from __future__ import annotations

from typing import Any

try:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
except ImportError as error:
    raise ValueError("figures need matplotlib: install it with pip install 'aecodec[bench]'") from error

__all__ = ["COLOURS", "DPI", "MARKERS", "STYLE", "pyplot"]

# Okabe and Ito's colours, which colour-blind people tell apart; markers differ as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v")
DPI = 150
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
}
