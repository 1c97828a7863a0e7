"""A training run of the remainder of a model whose existing ladder stays unchanged."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from aecodec.encoding.residual_search import choose_measured
from aecodec.engines import engine
from aecodec.lossless import remainder_section
from aecodec.models import model as models
from aecodec.models import safetensors
from aecodec.models.description import ACTIVATION_BITS, CLASS_LIMIT, CLASSES_PER_OCTAVE, ERRORS, QUALITIES
from aecodec.models.model import Model
from aecodec.packing import ideal_bits, parametric
from aecodec.packing.tables import Tables
from aecodec.training import table_fitting
from aecodec.training.augmentation import AUGMENTATIONS
from aecodec.training.data import Pool, draw, gather, limited
from aecodec.training.export import half_up, layer_arrays, table_arrays, with_card
from aecodec.training.fitting import Examples, Schedule, fit
from aecodec.training.ladder_run import require_tiles_of
from aecodec.training.options import TrainingOptions
from aecodec.training.presets import PRESETS, Preset
from aecodec.training.provenance import command_line, seconds_of_training, store
from aecodec.training.remainder_network import RemainderNetwork

# Numbers of tiles count tiles of 32x32; of larger ones fewer are taken, see ``limited``.
BATCH = 32
RECONSTRUCTED = 50000  # tiles whose reconstructions are trained on
CODED_AT_ONCE = 500
MEASURED = 200  # held-out tiles for which the best qualities are measured
TABLE_TILES = 4000  # training tiles that the tables are learned from
TABLE_ROUNDS = 2

NEAR_LOSSLESS = 0.15  # share of near-lossless pictures in training
MOST_OCTAVES = 5.0  # of their largest errors, which are uniform in octaves
MEASURED_QUALITIES = (1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
MEASURED_ERRORS = (0, 1, 2, 4, 8, 16, 32, 64)
REPORTED_ERRORS = (0, 1, 2, 4)

Array = np.ndarray[Any, Any]


def reconstructions(model: Model, tiles: Array, quality: Array) -> tuple[Array, Array]:
    """Code tiles (N, H, W, C) at qualities (N,) with effort 0; return decoded tiles and ideal bits (N,)."""
    decoded, bits = [], []
    count = limited(CODED_AT_ONCE, tiles)
    for begin in range(0, len(tiles), count):
        part = slice(begin, begin + count)
        choice = choose_measured(model, engine(), tiles[part], quality[part], effort=0)
        assert choice.pixels is not None
        decoded.append(choice.pixels)
        bits.append(ideal_bits(model.tables, choice.residuals, choice.classes))
    return np.concatenate(decoded), np.concatenate(bits)


def draw_errors(count: int, random: np.random.Generator) -> Array:
    """Draw largest errors (count,) to train with; most are 0, for lossless coding."""
    drawn = np.floor(2.0 ** random.uniform(0.0, MOST_OCTAVES, count))
    return np.where(random.random(count) < NEAR_LOSSLESS, drawn, 0).astype(np.int32)


class TrainableRemainder(RemainderNetwork):
    """The networks with their loss: bits per sample."""

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Mean of bits ``y_pred`` (N,) per sample of the pictures ``x[0]``."""
        return ops.mean(y_pred) / float(np.prod(x[0].shape[1:]))


def train(
    model: Model, preset: Preset, pools: Sequence[Pool], held_out: Array, options: TrainingOptions
) -> TrainableRemainder:
    """Train a remainder for a model; its checkpoint and ``log.jsonl`` are kept in ``options.folder``."""
    keras.utils.set_random_seed(options.seed)
    random = np.random.default_rng(options.seed)
    augment = AUGMENTATIONS[options.augmentation or preset.augmentation]
    tiles = augment(draw(pools, limited(RECONSTRUCTED, held_out), random), random)
    quality = random.integers(1, QUALITIES + 1, len(tiles)).astype(np.int32)
    decoded, _ = reconstructions(model, tiles, quality)
    network = TrainableRemainder(replace(model.description, remainder=preset.remainder), name="objective")
    network.build()
    middle = np.full(len(held_out), QUALITIES // 2, np.int32)
    held_out_decoded, _ = reconstructions(model, held_out, middle)

    def lossless_bytes() -> float:
        """Mean ideal bytes of a lossless remainder at quality 50."""
        inputs = (held_out, held_out_decoded, middle, np.zeros_like(middle))
        return round(float(network.predict(inputs, batch_size=128, verbose=0).mean()) / 8, 2)

    examples = tiles, decoded, quality, draw_errors(len(tiles), random)
    batches = Examples(examples, limited(BATCH, tiles), options.seed)
    schedule = Schedule(options.steps or preset.remainder_steps, options.learning_rate or preset.learning_rate)
    fit(network, batches, schedule, options, lossless_bytes)
    return network


def arrays_of(trained: RemainderNetwork) -> safetensors.Arrays:
    """All arrays of the remainder except its tables."""
    shape = trained.remainder
    arrays: safetensors.Arrays = {}
    for index, (net, specs) in enumerate(zip(trained.pass_nets, shape.pass_layers, strict=True)):
        for place, (layer, spec) in enumerate(zip(net, specs, strict=True)):
            arrays |= layer_arrays(f"remainder.pass{index}.{place}", layer, spec)
    octaves = np.log2(2.0 * np.arange(ERRORS) + 1.0)
    offset = half_up(-CLASSES_PER_OCTAVE * octaves)
    arrays["remainder.offset"] = np.clip(offset, -CLASS_LIMIT, CLASS_LIMIT).astype(np.int16)[:, None]
    arrays["remainder.cue"] = half_up(trained.error_cues * 2.0**ACTIVATION_BITS).astype(np.int16)
    return arrays


def export(trained: RemainderNetwork, data: bytes, tiles: Array, held_out: Array, options: TrainingOptions) -> bytes:
    """Return the model file ``data`` with the remainder, whose tables are learned from ``tiles`` (N, H, W, C)."""
    arrays, metadata = safetensors.load(data)
    former = ("remainder.", "analysis.remainder")
    arrays = {name: array for name, array in arrays.items() if not name.startswith(former)}
    arrays |= arrays_of(trained)
    arrays["analysis.remainder_quality"] = np.full(ERRORS, QUALITIES // 2, np.float32)
    metadata = {**metadata, "name": options.model_name, "description": trained.description.to_json()}
    random = np.random.default_rng(options.seed)
    quality = random.integers(1, QUALITIES + 1, len(tiles))
    error = draw_errors(len(tiles), random)
    tables = parametric()
    decoded, _ = reconstructions(models.load(dump(arrays, tables, metadata)), tiles, quality)
    count = limited(CODED_AT_ONCE, tiles)
    for _ in range(TABLE_ROUNDS):
        model = models.load(dump(arrays, tables, metadata))
        found = [
            remainder_section.find(model, engine(), tiles[part], decoded[part], quality[part], error[part])
            for part in (slice(begin, begin + count) for begin in range(0, len(tiles), count))
        ]
        residuals, classes = [p for f in found for p in f.residuals], [p for f in found for p in f.classes]
        tables = table_fitting.fit_freely(tables, residuals, classes)
    model = models.load(dump(arrays, tables, metadata))
    arrays["analysis.remainder_quality"] = best_qualities(model, held_out[: limited(MEASURED, held_out)])
    data = dump(arrays, tables, metadata)
    models.load(data)  # repeats every proof on what is written
    return data


def dump(arrays: safetensors.Arrays, tables: Tables, metadata: Mapping[str, str]) -> bytes:
    """Return the model file of arrays, of the remainder's tables and of metadata."""
    added = {f"remainder.{name}": array for name, array in table_arrays(tables).items()}
    return safetensors.dump(arrays | added, metadata)


def measure(model: Model, tiles: Array, quality: int, errors: Sequence[int]) -> tuple[Array, Array]:
    """Mean ideal bits of the lossy part, (), and of the remainder, (errors,), of tiles (N, H, W, C)."""
    qualities = np.full(len(tiles), quality)
    decoded, lossy = reconstructions(model, tiles, qualities)
    remainder = []
    for error in errors:
        found = remainder_section.find(model, engine(), tiles, decoded, qualities, np.full(len(tiles), error))
        remainder.append(ideal_bits(found.tables, found.residuals, found.classes).mean())
    return lossy.mean(), np.array(remainder)


def best_qualities(model: Model, tiles: Array) -> Array:
    """Return the qualities (ERRORS,), by largest error, that minimise the bits of lossy part and remainder."""
    totals = [np.add(*measure(model, tiles, quality, MEASURED_ERRORS)) for quality in MEASURED_QUALITIES]
    best = np.array(MEASURED_QUALITIES)[np.argmin(totals, axis=0)]
    octaves = np.log2(2.0 * np.arange(ERRORS) + 1.0)
    return np.interp(octaves, np.log2(2.0 * np.array(MEASURED_ERRORS) + 1.0), best).astype(np.float32)


def figures(model: Model, tiles: Array) -> list[dict[str, float]]:
    """Mean ideal bytes of lossy part and remainder of tiles (N, H, W, C) at a few largest errors."""
    found: list[dict[str, float]] = []
    for error in REPORTED_ERRORS:
        quality = round(float(model.arrays["analysis.remainder_quality"][error]))
        lossy, remainder = measure(model, tiles, quality, (error,))
        sizes = {"lossy": round(float(lossy) / 8, 2), "remainder": round(float(remainder[0]) / 8, 2)}
        found.append({"error": error, "quality": quality, **sizes})
    return found


def run(options: TrainingOptions) -> Model:
    """Train a remainder for the model file ``options.base``; write that file with it, and its card.

    An existing remainder is replaced. Raises ``ValueError`` for a preset without a remainder or with other tiles.
    """
    if options.preset not in PRESETS:
        presets = ", ".join(PRESETS)
        raise ValueError(f"{options.preset} has no remainder to train: give the preset of its tiles, {presets}")
    assert options.base is not None
    data = options.base.read_bytes()
    model = models.load(data)
    require_tiles_of(model, options.preset)
    preset = PRESETS[options.preset]
    pools, held_out = gather(options, preset)
    started = time.monotonic()
    trained = train(model, preset, pools, held_out, options)
    seconds = seconds_of_training(options.folder, time.monotonic() - started)
    sample = draw(pools, limited(TABLE_TILES, held_out), np.random.default_rng(options.seed))
    data = export(trained, data, sample, held_out, options)
    model = models.load(data)
    entry = {
        "command": command_line(),
        "note": options.note or "",
        "hours_of_training": round(seconds / 3600, 2),
        "figures": figures(model, held_out),
    }
    return store(with_card(data, {**model.card, "remainder": entry}), options.output)
