"""Figures of a training run: loss, rate and distortion by epoch, validation, and reconstructions of held-out tiles.

Raises ImportError if matplotlib is missing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import pyplot

from aecodec.encoding.residual_search import choose_measured
from aecodec.engines import engine
from aecodec.evaluation.plots import DPI, LINES, OURS, STYLE
from aecodec.evaluation.sheets import Cell, Row, Section
from aecodec.evaluation.sheets import draw as sheet
from aecodec.models.description import lambda_of_quality
from aecodec.models.model import Model

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHOWN = 12
SCALE = 3
QUALITIES = (10, 50, 90)
TRAINED = {
    "loss": "loss",
    "bits": "rate (bits a tile)",
    "mse": "distortion (mean squared error)",
    "val_loss": "loss of held-out tiles",
}


def draw(folder: Path, model: Model, tiles: NDArray[np.uint8]) -> None:
    """Write ``curves.png`` and ``reconstructions.png`` of tiles (N, H, W, C) to the folder of checkpoints."""
    curves(folder / "log.jsonl", folder / "curves.png", tiles[0].size)
    reconstructions(model, tiles[:SHOWN], folder / "reconstructions.png")


def curves(log: Path, path: Path, samples: int) -> None:
    """Plot each figure of the log by epoch, and the rate-distortion cost of held-out tiles at each quality.

    log: a line of JSON for each epoch, some with a list ``validation``. samples: of a tile. Nothing is written if there
    is no log.
    """
    if not log.exists():
        return
    entries: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    with pyplot.rc_context(STYLE):
        names = [name for name in TRAINED if any(name in entry for entry in entries)]
        tested = [entry for entry in entries if entry.get("validation")]
        count = len(names) + bool(tested)
        figure, panels = pyplot.subplots(1, count, figsize=(3.4 * count, 3.2), layout="constrained", squeeze=False)
        panels = panels[0]
        for panel, name in zip(panels, names, strict=False):
            panel.plot(*zip(*((e["epoch"], e[name]) for e in entries if name in e), strict=True), color=OURS)
            panel.set_title(TRAINED[name])
        if tested:
            _validation(panels[-1], tested, samples)
        for panel in panels:
            panel.set_xlabel("epoch")
            panel.xaxis.get_major_locator().set_params(integer=True)
        figure.savefig(path, dpi=DPI, metadata={"Software": None})
        pyplot.close(figure)


def _validation(panel: Any, entries: list[dict[str, Any]], samples: int) -> None:
    """Rate plus lambda times squared error, in percent of its first measurement."""
    panel.set_title("held-out tiles: rate + λ · error (%)")
    qualities = [figure["quality"] for figure in entries[-1]["validation"]]
    for number, quality in enumerate(qualities):
        costs = [
            (e["epoch"], 8 * f["bytes"] + lambda_of_quality(quality) * samples * 255**2 / 10 ** (f["psnr"] / 10))
            for e in entries
            for f in e["validation"]
            if f["quality"] == quality
        ]
        points = [(epoch, 100 * cost / costs[0][1]) for epoch, cost in costs]
        colour, marker = LINES[number % len(LINES)]
        panel.plot(*zip(*points, strict=True), label=f"q {quality}", markersize=4, color=colour, marker=marker)
    panel.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


def reconstructions(model: Model, tiles: NDArray[np.uint8], path: Path) -> None:
    """Draw a row of tiles (N, H, W, C) and, below it, their reconstructions at a few qualities."""
    rows = {"original": tiles}
    for quality in QUALITIES:
        choice = choose_measured(model, engine(), tiles, np.full(len(tiles), quality))
        assert choice.pixels is not None
        rows[f"quality {quality}"] = choice.pixels
    shown = [Row([Cell(picture.squeeze()) for picture in found], name) for name, found in rows.items()]
    sheet([Section("", shown, SCALE)]).save(path)
