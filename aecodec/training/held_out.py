"""Figures of a model file and of a trained ladder on held-out tiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from aecodec.encoding.batch import Batch
from aecodec.encoding.candidates import Candidate
from aecodec.encoding.lossy import write
from aecodec.encoding.options import DEFAULT_EFFORT, EncodeOptions
from aecodec.encoding.residual_search import choose_measured
from aecodec.engines import engine
from aecodec.format.container import PACKINGS
from aecodec.models.model import Model
from aecodec.training.data import pixels_per_tile
from aecodec.training.fitting import REPORTED_QUALITIES, TrainableLadder, validate

BATCH_PIXELS = 1 << 19  # of tiles that are measured at once


def encode_tiles(model: Model, tiles: np.ndarray, quality: int, effort: int) -> tuple[int, np.ndarray]:
    """Total bytes of the files and decoded tiles (N, H, W, C) uint8, for tiles coded one per file."""
    size, decoded = 0, []
    batch_size = max(1, BATCH_PIXELS // pixels_per_tile(tiles))
    for begin in range(0, len(tiles), batch_size):
        part = tiles[begin : begin + batch_size]
        qualities = np.full(len(part), quality)
        choice = choose_measured(model, engine(), part, qualities, EncodeOptions(effort=effort))
        assert choice.pixels is not None
        decoded.append(choice.pixels)
        # Light-framed pictures have one bit more in their header, which costs no byte.
        files = write(Batch(part, [()] * len(part)), Candidate(model, gray=False), choice, qualities, PACKINGS)
        size += sum(map(len, files))
    return size, np.concatenate(decoded)


def file_figures(model: Model, tiles: np.ndarray, *clean: np.ndarray) -> list[dict[str, float]]:
    """Mean bytes of whole files and PSNR of the pooled mean squared error (dB) at the reported qualities.

    ``clean``: the tiles to compare with, if not the coded ones; then effort 0 is used, because higher efforts aim at
    the coded ones.
    """
    reference = clean[0] if clean else tiles
    figures = []
    for quality in REPORTED_QUALITIES:
        size, decoded = encode_tiles(model, tiles, quality, 0 if clean else DEFAULT_EFFORT)
        error = float(((decoded.astype(np.float64) - reference) ** 2).sum())
        psnr = float(10 * np.log10(255**2 * tiles.size / error))
        figures.append({"quality": quality, "bytes": round(size / len(tiles), 2), "psnr": round(psnr, 2)})
    return figures


def exactness(trained: TrainableLadder, *held_out: np.ndarray) -> dict[str, Any]:
    """The cost of integer layers: ideal payload bytes and PSNR (dB) with exact and float layers, same rounding."""
    found: dict[str, Any] = {"exact": validate(trained, *held_out)}
    trained.set_exact(False)
    trained.compile()
    found["float"] = validate(trained, *held_out)
    trained.set_exact(True)
    trained.compile()
    return found
