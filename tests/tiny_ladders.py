"""Ladders that train in seconds, the tiles to train them on, and runs of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from samples import DIGITS, mosaic

from aecodec.cli.train import draw
from aecodec.models import safetensors
from aecodec.models.description import CHECKERBOARD
from aecodec.models.model import Model, load, table_arrays
from aecodec.packing import parametric
from aecodec.training import export, fitting, presets, runs, statistics
from aecodec.training.exact_layers import numpy
from aecodec.training.ladder_network import SKIPPED_CLASSES
from aecodec.training.options import TrainingOptions
from aecodec.training.presets import LadderShape, Preset

Array = NDArray[Any]

STEPS_PER_EPOCH = 2
TILES = np.stack([np.roll(digit, (y, x), (0, 1)) for digit in DIGITS for y in (-1, 0, 1) for x in (-1, 1)])
LARGER = np.stack([mosaic(56, 56, tiles=DIGITS[i:] + DIGITS[:i]) for i in range(20)])  # of 2x2 tiles

SMALL_SHAPE = LadderShape(side=28, channels=1, vector=4, groups=(0, 4), features=8, width=8)
SMALL = Preset(
    SMALL_SHAPE.description(),
    "tests",
    "none",
    steps=4 * STEPS_PER_EPOCH,
    lossless=presets.lossless(channels=1, first=8, width=8, head=4),
    finish=presets.finish(channels=1, width=4, places=2),
    tiles=12,
    larger=1,
)
# Two passes for each group and no larger pictures: a step takes a third of the time.
TINY_SHAPE = dataclasses.replace(SMALL_SHAPE, first=CHECKERBOARD, correction_depth=1)
TINY = dataclasses.replace(SMALL, description=TINY_SHAPE.description(), larger=0)


def idx(array: Array) -> bytes:
    """The idx file of an array of uint8."""
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def options_for(data: Path, output: Path, **options: Any) -> TrainingOptions:
    """Options of a run with the tiny preset, which takes the place of "mnist" in the fixture ``tiny_presets``."""
    return TrainingOptions((str(data),), output, **{"preset": "mnist", "validation": 20, "progress": False, **options})


def train(data: Path, output: Path, **options: Any) -> Model:
    """Run a training with the tiny preset, as the command does."""
    return runs.run(options_for(data, output, **options), draw)


def logged(folder: Path, key: str) -> list[Any]:
    """The values of a key in the log of a run, epoch by epoch."""
    return [json.loads(line)[key] for line in (folder / "log.jsonl").read_text().splitlines()]


def untrained(shape: LadderShape, tiles: Array = TILES[..., None]) -> fitting.TrainableLadder:
    """A ladder with its first weights, over the transforms of tiles (N, H, W, C)."""
    description = shape.description()
    network = fitting.TrainableLadder(description, statistics.measure(tiles, description), name="objective")
    network.build()
    return network


def perturbed(shape: LadderShape, tiles: Array = TILES[..., None]) -> fitting.TrainableLadder:
    """A ladder all of whose weights have moved, as after training."""
    network, random = untrained(shape, tiles), np.random.default_rng(5)
    for variable in network.trainable_variables:
        values = numpy(variable)
        variable.assign(values + random.normal(0, 0.05 + 0.2 * values.std(), values.shape).astype(np.float32))
    return network


def exported_from(network: fitting.TrainableLadder) -> Model:
    """The model x-1 of a network, with parametric tables."""
    arrays = export.arrays_of(network) | table_arrays(parametric(skip=SKIPPED_CLASSES))
    return load(safetensors.dump(arrays, {"name": "x-1", "description": network.description.to_json()}))
