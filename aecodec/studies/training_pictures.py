"""Pictures that a training run leaves: its loss, rate and distortion, validation, and what comes of held-out tiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecodec.engines import engine
from aecodec.models.model import Model
from aecodec.search import choose
from aecodec.studies.figures import COLOURS, DPI, MARKERS, STYLE, pyplot

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHOWN = 12
QUALITIES = (10, 50, 90)
TRAINED = {
    "loss": "loss",
    "bits": "rate (bits a tile)",
    "mse": "distortion (mean squared error)",
    "val_loss": "loss of held-out tiles",
}


def curves(log: Path, path: Path) -> None:
    """A panel for each figure of the log, by epoch, and one for the validation's PSNR at each quality.

    log: a line of JSON an epoch, with the figures of the training and now and then a list ``validation``. Nothing is
    written where there is no log.
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
            panel.plot(*zip(*((e["epoch"], e[name]) for e in entries if name in e), strict=True), color=COLOURS[0])
            panel.set_title(TRAINED[name])
        if tested:
            _validation(panels[-1], tested)
        for panel in panels:
            panel.set_xlabel("epoch")
            panel.xaxis.get_major_locator().set_params(integer=True)
        figure.savefig(path, dpi=DPI, metadata={"Software": None})
        pyplot.close(figure)


def _validation(panel: Any, entries: list[dict[str, Any]]) -> None:
    panel.set_title("held-out tiles: PSNR (dB)")
    qualities = [figure["quality"] for figure in entries[-1]["validation"]]
    for number, quality in enumerate(qualities):
        points = [(e["epoch"], f["psnr"]) for e in entries for f in e["validation"] if f["quality"] == quality]
        style = {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
        panel.plot(*zip(*points, strict=True), label=f"q {quality}", markersize=4, **style)
    panel.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


def reconstructions(model: Model, tiles: NDArray[np.uint8], path: Path) -> None:
    """A row of tiles (N, H, W, C), and below it what they decode to at a few qualities."""
    rows = {"original": tiles}
    for quality in QUALITIES:
        choice = choose(model, engine(), tiles, np.full(len(tiles), quality), measured=True)
        assert choice.pixels is not None
        rows[f"quality {quality}"] = choice.pixels
    with pyplot.rc_context(STYLE):
        size = (0.8 * len(tiles) + 1, 0.85 * len(rows))
        figure, panels = pyplot.subplots(len(rows), len(tiles), figsize=size, layout="constrained", squeeze=False)
        for line, (name, pictures) in zip(panels, rows.items(), strict=True):
            for panel, picture in zip(line, pictures, strict=True):
                panel.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                panel.set_xticks([])
                panel.set_yticks([])
                panel.grid(False)
            line[0].set_ylabel(name, rotation=0, ha="right", va="center")
        figure.savefig(path, dpi=DPI, metadata={"Software": None})
        pyplot.close(figure)
