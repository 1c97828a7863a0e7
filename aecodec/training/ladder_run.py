"""A training run of a ladder, from data sources to a model file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from aecodec.models import model as models
from aecodec.models.model import Model
from aecodec.training.data import draw, gather, pixels_per_tile
from aecodec.training.export import export, with_card
from aecodec.training.fitting import train
from aecodec.training.held_out import exactness, file_figures
from aecodec.training.options import TrainingOptions
from aecodec.training.presets import PRESETS
from aecodec.training.provenance import provenance, seconds_of_training, store
from aecodec.training.typical import with_typical_costs

Done: TypeAlias = Callable[[Path, Model, np.ndarray], object]

TABLE_PIXELS = 12 << 20  # of training tiles that the tables are learned from


def nothing(folder: Path, model: Model, tiles: np.ndarray) -> None:
    """Do nothing at the end of a run."""


def run(options: TrainingOptions, done: Done = nothing) -> Model:
    """Train a ladder, export it and measure it; write the model file, and its card next to it.

    ``done`` is called at the end with the folder of checkpoints, the model and the held-out tiles (N, H, W, C) as they
    were coded. Raises ``ValueError`` for options and sources that do not fit.
    """
    preset, distortion = PRESETS[options.preset], options.distortion()
    init = models.load(options.init.read_bytes()) if options.init else None
    if init:
        if not init.description.passes:
            raise ValueError(f"{init.name} has no plane: training starts from models that have one")
        require_tiles_of(init, options.preset)
    pools, tiles = gather(options, preset)
    random = np.random.default_rng(options.seed)
    held_out = distortion.apply(tiles, random) if distortion else (tiles,)
    started = time.monotonic()
    trained = train(preset, pools, held_out, options, init)
    seconds = seconds_of_training(options.folder, time.monotonic() - started)
    sample = draw(pools, TABLE_PIXELS // pixels_per_tile(tiles), np.random.default_rng(options.seed))
    sample = distortion.apply(sample, random)[0] if distortion else sample
    metadata = {"name": options.model_name, "purpose": preset.purpose}
    data = export(trained, sample, metadata, seed=options.seed)
    if preset.description.tile:
        data = with_typical_costs(data, held_out[0])
    model = models.load(data)
    card = {
        **provenance(options, pools, tiles, seconds),
        "distorted": {"by": distortion.mixture.name, "denoising": distortion.denoising} if distortion else None,
        "figures": file_figures(model, *held_out),
        "loss_of_exactness": exactness(trained, *held_out),
    }
    model = store(with_card(data, card), options.output)
    done(options.folder, model, held_out[0])
    return model


def require_tiles_of(model: Model, preset: str) -> None:
    """Raise ``ValueError`` unless the model is for tiles of the preset's size and channels."""
    found, expected = model.description, PRESETS[preset].description
    if (found.tile, found.channels) != (expected.tile, expected.channels):
        raise ValueError(f"{model.name} is for other pictures than the preset {preset}")
