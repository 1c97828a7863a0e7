"""A training run of the lossless stage of a model whose existing ladder stays unchanged."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from aecodec.engines import engine
from aecodec.models import causal, safetensors
from aecodec.models import model as models
from aecodec.models.model import Model, table_arrays
from aecodec.packing import parametric
from aecodec.packing.tables import Tables
from aecodec.training import table_fitting
from aecodec.training.augmentation import AUGMENTATIONS
from aecodec.training.data import Pool, draw, gather, pixels_per_tile
from aecodec.training.export import with_card
from aecodec.training.fitting import STEPS_PER_EPOCH, Schedule, fit
from aecodec.training.ladder_run import require_tiles_of
from aecodec.training.lossless_network import LosslessNetwork, Planes, arrays_of, fit_linear, spreads
from aecodec.training.options import TrainingOptions
from aecodec.training.presets import PRESETS, Preset
from aecodec.training.provenance import command_line, seconds_of_training, store

BATCH = 4096  # pixels
DRAWN = 2_000_000  # pixels of the tiles that an epoch's batches are drawn from
FITTED = 1_000_000  # pixels of the tiles that the linear prediction is fitted to
MEASURED = 400_000  # pixels of the held-out tiles that are measured
TABLE_PIXELS = 2_000_000  # that the tables are learned from
NEAR_LOSSLESS = 0.15  # share of near-lossless pictures in training
MOST_OCTAVES = 5.0  # of their largest errors, which are uniform in octaves
REPORTED_ERRORS = (0, 1, 2, 4)

Array = np.ndarray[Any, Any]


def draw_errors(count: int, random: np.random.Generator) -> Array:
    """Draw largest errors (count,) to train with; most are 0, for lossless coding."""
    drawn = np.floor(2.0 ** random.uniform(0.0, MOST_OCTAVES, count))
    return np.where(random.random(count) < NEAR_LOSSLESS, drawn, 0).astype(np.int32)


class Batches(keras.utils.PyDataset):
    """Batches of pixels; the same for the same seed and epoch."""

    def __init__(self, description: Any, weights: Array, pools: Sequence[Pool], augmentation: str, seed: int) -> None:
        super().__init__()
        self.description, self.weights, self.pools, self.seed = description, weights, pools, seed
        self.augment = AUGMENTATIONS[augmentation]
        self.epoch, self.drawn = 0, -1
        self.planes: Planes | None = None

    def __len__(self) -> int:
        return STEPS_PER_EPOCH

    def on_epoch_end(self) -> None:
        """Count the epoch, from which the batches follow."""
        self.epoch += 1

    def _draw(self) -> Planes:
        if self.planes is None or self.drawn != self.epoch:
            random = np.random.default_rng((self.seed, self.epoch))
            count = max(1, DRAWN // pixels_per_tile(self.pools[0].tiles))
            tiles = self.augment(draw(self.pools, count, random), random)
            self.planes = Planes.of(self.description, self.weights, tiles, draw_errors(count, random), random)
            self.drawn = self.epoch
        return self.planes

    def __getitem__(self, index: int) -> tuple[Any, Array]:
        planes = self._draw()
        random = np.random.default_rng((self.seed, self.epoch, index))
        pixels = random.integers(np.prod(planes.shape), size=BATCH)
        return planes.inputs(pixels), np.zeros(BATCH, np.float32)


class TrainableStage(LosslessNetwork):
    """The networks with their loss: bits per sample."""

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Mean of bits ``y_pred`` (B,) per sample."""
        return ops.mean(y_pred) / self.description.channels


def measured_planes(network: TrainableStage, weights: Array, held_out: Array, random: np.random.Generator) -> Planes:
    """At most about MEASURED pixels of held-out tiles (N, H, W, C), to be coded without loss."""
    some = held_out[: max(1, MEASURED // pixels_per_tile(held_out))]
    return Planes.of(network.description, weights, some, np.zeros(len(some), int), random)


def ideal_bytes(network: TrainableStage, planes: Planes) -> float:
    """Mean ideal bytes of a tile, by the distributions of training."""
    every = np.arange(np.prod(planes.shape))
    parts = [every[begin : begin + BATCH] for begin in range(0, every.size - BATCH + 1, BATCH)]
    bits = [network.predict_on_batch(planes.inputs(part)).mean() for part in parts]
    return float(np.mean(bits)) * every.size / planes.shape[0] / 8


def train(
    model: Model, preset: Preset, pools: Sequence[Pool], held_out: Array, options: TrainingOptions
) -> tuple[TrainableStage, Array]:
    """Train a lossless stage for a model; return it with the weights of its linear prediction.

    Its checkpoint and ``log.jsonl`` are kept in ``options.folder``.
    """
    keras.utils.set_random_seed(options.seed)
    random = np.random.default_rng(options.seed)
    description = replace(model.description, lossless=preset.lossless)
    network = TrainableStage(description, name="objective")
    network.build()
    if options.init:
        start = models.load(options.init.read_bytes())
        network.start_from(start)
        weights = start.arrays["lossless.linear"]
    else:
        weights = fit_linear(description, draw(pools, max(1, FITTED // pixels_per_tile(held_out)), random), random)
    planes = measured_planes(network, weights, held_out, random)
    augmentation = options.augmentation or preset.lossless_augmentation
    batches = Batches(description, weights, pools, augmentation, options.seed)
    schedule = Schedule(options.steps or preset.lossless_steps, options.learning_rate or preset.learning_rate)
    fit(network, batches, schedule, options, lambda: round(ideal_bytes(network, planes), 2))
    return network, weights


def coded(model: Model, planes: Planes, pixels: Array) -> tuple[Array, Array]:
    """Residuals and classes of the samples of pixels (B,), as the codec makes them where all samples are known."""
    stage = model.lossless
    assert stage is not None
    known, _, targets, max_error, gray = planes.rows(pixels)
    places, _ = planes.places(pixels)
    decoded = planes.samples[places.at].astype(np.int32)
    residuals, classes = [], []

    def code(channel: int, found: causal.Prediction) -> Array:
        used = ~gray if channel else slice(None)
        residuals.append(causal.residual_of(targets[:, channel], found.mean, 2 * max_error + 1)[used])
        classes.append(causal.class_of(found, stage.offset[max_error], max_error)[used])
        return decoded[:, channel]

    causal.decode_pixels(stage, engine(), known, decoded.shape[1], code)
    return np.concatenate(residuals), np.concatenate(classes)


def export(trained: TrainableStage, weights: Array, data: bytes, planes: Planes, options: TrainingOptions) -> bytes:
    """Return the model file ``data`` with the lossless stage, whose tables are learned from ``planes``."""
    arrays, metadata = safetensors.load(data)
    arrays = {name: array for name, array in arrays.items() if not name.startswith("lossless.")}
    arrays |= arrays_of(trained, weights)
    metadata = {**metadata, "name": options.model_name, "description": trained.description.to_json()}
    model = models.load(dump(arrays, parametric(), metadata))
    pixels = np.random.default_rng(options.seed).permutation(int(np.prod(planes.shape)))[:TABLE_PIXELS]
    parts = [coded(model, planes, pixels[begin : begin + (1 << 16)]) for begin in range(0, pixels.size, 1 << 16)]
    tables = table_fitting.fit_freely(spreads(), [r for r, _ in parts], [c for _, c in parts])
    data = dump(arrays, tables, metadata)
    models.load(data)  # repeats every proof on what is written
    return data


def dump(arrays: safetensors.Arrays, tables: Tables, metadata: Mapping[str, str]) -> bytes:
    """Return the model file of arrays, of the stage's tables and of metadata."""
    return safetensors.dump(arrays | table_arrays(tables, "lossless.tables"), metadata)


def figures(model: Model, tiles: Array, random: np.random.Generator) -> list[dict[str, float]]:
    """Mean ideal bytes of tiles (N, H, W, C) at a few largest errors."""
    stage = model.lossless
    assert stage is not None
    found: list[dict[str, float]] = []
    for error in REPORTED_ERRORS:
        planes = Planes.of(model.description, stage.linear, tiles, np.full(len(tiles), error), random)
        bits = 0.0
        pixels = np.arange(np.prod(planes.shape))
        for begin in range(0, pixels.size, 1 << 16):
            bits += float(stage.tables.bits(*coded(model, planes, pixels[begin : begin + (1 << 16)])).sum())
        found.append({"error": error, "bytes": round(bits / 8 / len(tiles), 2)})
    return found


def run(options: TrainingOptions) -> Model:
    """Train a lossless stage for the model file ``options.base``; write that file with it, and its card.

    An existing one is replaced; ``options.init`` is a model with one to start from. Raises ``ValueError`` for a preset
    without one or with other tiles, and for one of another shape to start from.
    """
    if options.preset not in PRESETS:
        presets = ", ".join(PRESETS)
        raise ValueError(f"{options.preset} has no lossless stage to train: give the preset of its tiles, {presets}")
    assert options.base is not None
    data = options.base.read_bytes()
    model = models.load(data)
    require_tiles_of(model, options.preset)
    preset = PRESETS[options.preset]
    pools, held_out = gather(options, preset)
    started = time.monotonic()
    trained, weights = train(model, preset, pools, held_out, options)
    seconds = seconds_of_training(options.folder, time.monotonic() - started)
    random = np.random.default_rng(options.seed)
    count = max(1, 2 * TABLE_PIXELS // pixels_per_tile(held_out))
    augment = AUGMENTATIONS[options.augmentation or preset.lossless_augmentation]
    tiles = augment(draw(pools, count, random), random)
    planes = Planes.of(trained.description, weights, tiles, draw_errors(count, random), random)
    data = export(trained, weights, data, planes, options)
    model = models.load(data)
    entry = {
        "command": command_line(),
        "note": options.note or "",
        "hours_of_training": round(seconds / 3600, 2),
        "figures": figures(model, held_out[: max(1, MEASURED // pixels_per_tile(held_out))], random),
    }
    return store(with_card(data, {**model.card, "lossless": entry}), options.output)
