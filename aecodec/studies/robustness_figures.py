"""The figures of the robustness study: bytes and PSNR against the strength of each distortion, and a contact sheet.

Raises ImportError if matplotlib is missing.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import pyplot
from PIL import Image

from aecodec.evaluation.plots import DPI, LINES, STYLE
from aecodec.evaluation.sheets import Cell, Row, Section, draw
from aecodec.studies.robustness import Coding, Result, code, distort

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLAIN = "none"
SCALE = 3  # of the sheet
WHAT = {
    "poisson": "photons at white",
    "white": "half width / white",
    "salt-pepper": "share of pixels",
    "speckle": "standard deviation",
    "gaussian": "standard deviation / white",
}


def plot(results: Sequence[Result], title: str) -> bytes:
    """A plot, as a PNG file: bytes above, PSNR to the clean picture below; a column for each kind of distortion."""
    kinds = list(dict.fromkeys(r.distortion.partition(":")[0] for r in results if r.distortion != PLAIN))
    models = list(dict.fromkeys(r.model for r in results))
    filters = [kind for kind in kinds if kind not in WHAT]
    columns = [[kind] for kind in kinds if kind in WHAT] + ([filters] if filters else [])
    with pyplot.rc_context(STYLE):
        figure, panels = pyplot.subplots(
            2, len(columns), figsize=(2.55 * len(columns), 5.6), layout="constrained", sharey="row", squeeze=False
        )
        for column, names in enumerate(columns):
            mine = [r for r in results if r.distortion.partition(":")[0] in names]
            for panel, value in ((panels[0, column], "file_bytes"), (panels[1, column], "psnr")):
                _lines(panel, mine, models, value, [r for r in results if r.distortion == PLAIN])
            panels[0, column].set_title(names[0] if len(names) == 1 else "filters")
            panels[1, column].set_xlabel(WHAT.get(names[0], "window"))
        panels[0, 0].set_ylabel("bytes a file")
        panels[1, 0].set_ylabel("PSNR to the clean picture (dB)")
        handles, labels = panels[1, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(handles), frameon=False)
        figure.suptitle(title, fontsize=12, fontweight="bold")
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=DPI, metadata={"Software": None})
        pyplot.close(figure)
    return buffer.getvalue()


def _lines(panel: Any, results: Sequence[Result], models: Sequence[str], value: str, plain: Sequence[Result]) -> None:
    names = list(dict.fromkeys(r.distortion for r in results))
    filters = len({r.distortion.partition(":")[0] for r in results}) > 1
    shown = [name.replace(":", "\n") if filters else name.partition(":")[2] for name in names]
    for number, model in enumerate(models):
        colour, marker = LINES[number % len(LINES)]
        mine = {r.distortion: r for r in results if r.model == model}
        heights = [mine[n].file_bytes if value == "file_bytes" else mine[n].decoded_clean.psnr for n in names]
        style: dict[str, Any] = {"linestyle": "none"} if filters else {"linestyle": "-"}
        panel.plot(range(len(names)), heights, marker, color=colour, label=f"decoded, {model}", **style)
        for clean in plain:
            if clean.model == model:
                level = clean.file_bytes if value == "file_bytes" else clean.decoded_clean.psnr
                label = f"undistorted, {model}"
                panel.axhline(level, color=colour, linestyle=":", linewidth=1.2, label=label)
    if value == "psnr":
        before = {r.distortion: r.distorted_clean.psnr for r in results}
        style = {"linestyle": "none"} if filters else {"linestyle": "--"}
        panel.plot(range(len(names)), [before[n] for n in names], "x", color="#333333", label="distorted", **style)
    else:
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter(lambda height, _: f"{height:g}")
        panel.set_yticks([20, 50, 100, 200, 500], minor=False)
        panel.minorticks_off()
    panel.set_xticks(range(len(names)), shown)
    panel.set_xlim(-0.4, len(names) - 0.6)


def sheet(pictures: NDArray[np.uint8], models: Sequence[str], specs: Sequence[str], coding: Coding) -> Image.Image:
    """A row for each distortion: each of a few pictures (N, H, W, C) distorted, then as each model decodes it."""
    rows = []
    for spec in specs:
        distorted = distort(pictures, spec, coding.seed)
        columns = [distorted, *(code(distorted, model, coding)[0] for model in models)]
        rows.append(Row([Cell(of[index].squeeze()) for index in range(len(pictures)) for of in columns], spec))
    return draw([Section("", rows, SCALE, ["as coded", *models] * len(pictures))])
