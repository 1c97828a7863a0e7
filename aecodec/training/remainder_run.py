"""Training the remainder of a model whose ladder is there and stays as it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
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
from aecodec.training import table_fitting as learned
from aecodec.training.augmentation import AUGMENTATIONS
from aecodec.training.export import half_up, layer_arrays, table_arrays, with_card
from aecodec.training.fitting import STEPS_PER_EPOCH, Pool, draw, fit
from aecodec.training.ladder_run import command_line, gather, require_pictures_of, seconds_of_training, store
from aecodec.training.presets import PRESETS, Preset
from aecodec.training.remainder_network import Head

BATCH = 32
RECONSTRUCTED = 50000  # pictures whose reconstructions are trained on
BOUNDED = 0.15  # share of pictures that may be off by something
LARGEST_OCTAVES = 5.0  # and by how much, evenly in octaves
MEASURED_QUALITIES = (1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
MEASURED_ERRORS = (0, 1, 2, 4, 8, 16, 32, 64)
MEASURED = 200  # pictures
TABLE_TILES = 4000  # training tiles that the tables are learned from

Array = np.ndarray[Any, Any]


def no_more_than(count: int, tiles: Array) -> int:
    """``count``, or of larger tiles (N, H, W, C) than 32x32 as many as have the pixels of so many of those."""
    return max(1, min(count, count * 1024 // (tiles.shape[1] * tiles.shape[2])))


def reconstructions(model: Model, tiles: Array, quality: Array) -> tuple[Array, Array]:
    """What tiles (N, H, W, C) decode to at qualities (N,), with the least effort, and ideal bits (N,)."""
    made, bits = [], []
    at_once = no_more_than(500, tiles)
    for begin in range(0, len(tiles), at_once):
        part = slice(begin, begin + at_once)
        choice = choose_measured(model, engine(), tiles[part], quality[part], effort=0)
        assert choice.pixels is not None
        made.append(choice.pixels)
        bits.append(ideal_bits(model.tables, choice.residuals, choice.classes))
    return np.concatenate(made), np.concatenate(bits)


def errors(count: int, random: np.random.Generator) -> Array:
    """Largest errors (count,) to train with."""
    drawn = np.floor(2.0 ** random.uniform(0.0, LARGEST_OCTAVES, count))
    return np.where(random.random(count) < BOUNDED, drawn, 0).astype(np.int32)


class Batches(keras.utils.PyDataset):
    """Batches of pictures, reconstructions, qualities and largest errors; the same for the same seed and epoch."""

    def __init__(self, arrays: Sequence[Array], seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arrays, self.seed, self.epoch = arrays, seed, 0

    def __len__(self) -> int:
        return STEPS_PER_EPOCH

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def __getitem__(self, index: int) -> tuple[Any, Array]:
        random = np.random.default_rng((self.seed, self.epoch, index))
        chosen = random.integers(len(self.arrays[0]), size=no_more_than(BATCH, self.arrays[0]))
        return tuple(array[chosen] for array in self.arrays), np.zeros(len(chosen), np.float32)


class Objective(Head):
    """The networks with their loss: bits a sample."""

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        return ops.mean(y_pred) / float(np.prod(x[0].shape[1:]))


def train(
    model: Model,
    preset: Preset,
    pools: Sequence[Pool],
    validation: Array,
    folder: Path,
    *,
    steps: int | None = None,
    learning_rate: float | None = None,
    augmentation: str | None = None,
    seed: int = 0,
    resume: bool = False,
    verbose: int = 1,
) -> Objective:
    """Train a remainder for a model; checkpoints and ``log.jsonl`` are kept in ``folder``."""
    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    tiles = AUGMENTATIONS[augmentation or preset.augmentation](
        draw(pools, no_more_than(RECONSTRUCTED, validation), random), random
    )
    quality = random.integers(1, QUALITIES + 1, len(tiles)).astype(np.int32)
    made, _ = reconstructions(model, tiles, quality)
    trained = Objective(replace(model.description, remainder=preset.remainder), name="objective")
    trained.build()
    half = np.full(len(validation), QUALITIES // 2, np.int32)
    seen, _ = reconstructions(model, validation, half)

    def measure() -> float:
        """Mean bytes of a lossless remainder at half the quality."""
        given = (validation, seen, half, np.zeros_like(half))
        return round(float(trained.predict(given, batch_size=128, verbose=0).mean()) / 8, 2)

    fit(
        trained,
        Batches((tiles, made, quality, errors(len(tiles), random)), seed),
        folder,
        steps=steps or preset.remainder_steps,
        learning_rate=learning_rate or preset.learning_rate,
        resume=resume,
        measure=measure,
        verbose=verbose,
    )
    return trained


def arrays_of(trained: Head) -> safetensors.Arrays:
    """All arrays of the remainder but its tables."""
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


def export(
    trained: Head, data: bytes, tiles: Array, held_out: Array, *, name: str, rounds: int = 2, seed: int = 0
) -> bytes:
    """The model file's bytes ``data`` with the remainder; tables are learned from ``tiles`` (N, H, W, C)."""
    arrays, metadata = safetensors.load(data)
    arrays = {
        name: array for name, array in arrays.items() if not name.startswith(("remainder.", "analysis.remainder"))
    }
    arrays |= arrays_of(trained)
    arrays["analysis.remainder_quality"] = np.full(ERRORS, QUALITIES // 2, np.float32)
    metadata = {**metadata, "name": name, "description": trained.description.to_json()}
    random = np.random.default_rng(seed)
    tables = parametric()
    quality = random.integers(1, QUALITIES + 1, len(tiles))
    error = errors(len(tiles), random)
    made, at_once = None, no_more_than(500, tiles)
    for _ in range(rounds):
        model = models.load(dump(arrays, tables, metadata))
        made = reconstructions(model, tiles, quality)[0] if made is None else made
        found = [
            remainder_section.find(model, engine(), tiles[part], made[part], quality[part], error[part])
            for part in (slice(begin, begin + at_once) for begin in range(0, len(tiles), at_once))
        ]
        residuals, classes = [p for f in found for p in f.residuals], [p for f in found for p in f.classes]
        tables = learned.fit_freely(tables, residuals, classes)
    model = models.load(dump(arrays, tables, metadata))
    arrays["analysis.remainder_quality"] = best_qualities(model, held_out[: no_more_than(MEASURED, held_out)])
    data = dump(arrays, tables, metadata)
    models.load(data)  # every proof again, on what was written
    return data


def dump(arrays: safetensors.Arrays, tables: Any, metadata: Mapping[str, str]) -> bytes:
    given = {f"remainder.{name}": array for name, array in table_arrays(tables).items()}
    return safetensors.dump(arrays | given, metadata)


def best_qualities(model: Model, tiles: Array) -> Array:
    """(ERRORS,) float32: the quality that makes lossy part and remainder together smallest, by the largest error."""
    totals = np.zeros((len(MEASURED_ERRORS), len(MEASURED_QUALITIES)))
    for column, value in enumerate(MEASURED_QUALITIES):
        quality = np.full(len(tiles), value)
        made, bits = reconstructions(model, tiles, quality)
        for row, error in enumerate(MEASURED_ERRORS):
            found = remainder_section.find(model, engine(), tiles, made, quality, np.full(len(tiles), error))
            totals[row, column] = (bits + ideal_bits(found.tables, found.residuals, found.classes)).mean()
    best = np.array(MEASURED_QUALITIES)[totals.argmin(axis=1)]
    octaves = np.log2(2.0 * np.arange(ERRORS) + 1.0)
    return np.interp(octaves, np.log2(2.0 * np.array(MEASURED_ERRORS) + 1.0), best).astype(np.float32)


def run(
    data: Sequence[str],
    output: Path,
    *,
    base: Path,
    preset: str,
    name: str | None = None,
    steps: int | None = None,
    learning_rate: float | None = None,
    augmentation: str | None = None,
    validation: int = 1000,
    crops: int = 64,
    balance: bool = False,
    seed: int = 0,
    resume: bool = False,
    checkpoints: Path | None = None,
    note: str | None = None,
    progress: bool = True,
) -> Model:
    """Train a remainder for the model file ``base``; ``output`` is that file with it, in place of one that it had."""
    if preset not in PRESETS:
        raise ValueError(f"{preset} has no remainder to train: give the preset of its tiles, {', '.join(PRESETS)}")
    data_bytes = base.read_bytes()
    model = models.load(data_bytes)
    chosen = PRESETS[preset]
    require_pictures_of(model, preset)
    pools, held_out = gather(data, chosen, validation=validation, balance=balance, crops=crops, seed=seed)
    folder = checkpoints or output.with_name(output.name + ".training")
    started = time.monotonic()
    trained = train(
        model,
        chosen,
        pools,
        held_out,
        folder,
        steps=steps,
        learning_rate=learning_rate,
        augmentation=augmentation,
        seed=seed,
        resume=resume,
        verbose=(1 if sys.stderr.isatty() else 2) if progress else 0,
    )
    seconds = seconds_of_training(folder, time.monotonic() - started)
    sample = draw(pools, no_more_than(TABLE_TILES, held_out), np.random.default_rng(seed))
    data_bytes = export(trained, data_bytes, sample, held_out, name=name or output.stem, seed=seed)
    model = models.load(data_bytes)
    told = {
        "command": command_line(),
        "note": note or "",
        "hours_of_training": round(seconds / 3600, 2),
        "figures": measured(model, held_out),
    }
    return store(with_card(data_bytes, {**model.card, "remainder": told}), output)


def measured(model: Model, tiles: Array) -> list[dict[str, float]]:
    """Mean ideal bytes of lossy part and remainder of the pictures, at a few largest errors."""
    figures = []
    for error in MEASURED_ERRORS[:4]:
        quality = np.full(len(tiles), round(float(model.arrays["analysis.remainder_quality"][error])))
        made, bits = reconstructions(model, tiles, quality)
        found = remainder_section.find(model, engine(), tiles, made, quality, np.full(len(tiles), error))
        rest = ideal_bits(found.tables, found.residuals, found.classes)
        lossy, finished = (round(float(part.mean()) / 8, 2) for part in (bits, rest))
        figures.append({"error": error, "quality": int(quality[0]), "lossy": lossy, "remainder": finished})
    return figures
