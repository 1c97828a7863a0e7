"""Classics with few units, which train in seconds, and runs of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from samples import COLOUR, DIGITS

from aecodec.models.model import Model
from aecodec.training import runs
from aecodec.training.classics import Classic, Stage
from aecodec.training.options import TrainingOptions


def narrow(classic: Classic, width: int = 4, **changes: Any) -> Classic:
    """The same stages with few units, which take no time."""

    def thin(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        return tuple(replace(s, units=min(s.units, width)) for s in stages)

    height, across, channels = classic.code
    code = (height, across, min(channels, width))
    latent = min(classic.latent, width)
    return replace(
        classic, encoder=thin(classic.encoder), decoder=thin(classic.decoder), code=code, latent=latent, **changes
    )


def write_data(path: Path, channels: int = 1) -> None:
    """An npz file of 60 tiles."""
    tiles = COLOUR if channels == 3 else DIGITS
    np.savez(path, tiles=np.stack([np.roll(tile, shift, 0) for tile in tiles for shift in range(3)]))


def train(data: Path, output: Path, preset: str = "vector16", **options: Any) -> Model:
    """Run a training of a preset, as the command does."""
    return runs.run(TrainingOptions((str(data),), output, preset, validation=15, progress=False, **options))
