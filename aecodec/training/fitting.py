"""The training run: sampling, two phases, checkpoints, validation."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from aecodec.models.description import QUALITIES
from aecodec.training.augmentation import AUGMENTATIONS
from aecodec.training.network import Ladder
from aecodec.training.presets import Preset
from aecodec.training.statistics import measure

Array = np.ndarray[Any, Any]

STEPS_PER_EPOCH = 500
REPORTED_QUALITIES = (10, 30, 50, 70, 90)


@dataclass(frozen=True)
class Pool:
    """Tiles (N, H, W, C) that make up ``weight`` of the samples, each drawn with its ``odds`` (N,), which sum to 1."""

    tiles: np.ndarray
    weight: float
    odds: np.ndarray | None = None


def draw(pools: Sequence[Pool], count: int, random: np.random.Generator) -> np.ndarray:
    """``count`` tiles (N, H, W, C), pool after pool, by their weights and odds."""
    shares = np.array([pool.weight for pool in pools])
    counts = random.multinomial(count, shares / shares.sum())
    return np.concatenate(
        [p.tiles[random.choice(len(p.tiles), n, p=p.odds)] for p, n in zip(pools, counts, strict=True) if n]
    )


class Batches(keras.utils.PyDataset):
    """Batches of (tiles, qualities), the same ones for the same seed and epoch."""

    def __init__(self, pools: Sequence[Pool], batch_size: int, augmentation: str, seed: int, **kwargs: Any) -> None:
        super().__init__(workers=2, max_queue_size=16, **kwargs)
        self.pools, self.batch_size, self.seed = pools, batch_size, seed
        self.augment = AUGMENTATIONS[augmentation]
        self.epoch = 0

    def __len__(self) -> int:
        return STEPS_PER_EPOCH

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def __getitem__(self, index: int) -> tuple[tuple[Array, Array], Array]:
        random = np.random.default_rng((self.seed, self.epoch, index))
        tiles = draw(self.pools, self.batch_size, random)
        quality = random.integers(1, QUALITIES + 1, self.batch_size).astype(np.int32)
        return (self.augment(tiles, random), quality), np.zeros(self.batch_size, np.float32)


class Objective(Ladder):
    """The ladder with its loss: (bits + lambda * squared error) / sqrt(lambda), so that every quality weighs alike."""

    def build(self, shape: Any = None) -> None:
        super().build(shape)
        self.tracked = {name: keras.metrics.Mean(name=name) for name in ("loss", "bits", "mse")}

    @property
    def metrics(self) -> list[Any]:
        return list(self.tracked.values())

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        lambda_ = ops.take(self.lambdas, ops.cast(ops.reshape(x[1], (-1,)), "int32"))
        samples = float(np.prod(x[0].shape[1:]))
        cost = (y_pred["bits"] + lambda_ * y_pred["error"]) / ops.sqrt(lambda_) / samples
        loss = ops.mean(cost)
        self.tracked["loss"].update_state(loss)
        self.tracked["bits"].update_state(ops.mean(y_pred["bits"]))
        self.tracked["mse"].update_state(ops.mean(y_pred["error"]) / samples)
        return loss

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        return {metric.name: metric.result() for metric in self.metrics}


def train(
    preset: Preset,
    pools: Sequence[Pool],
    validation: np.ndarray,
    folder: Path,
    *,
    steps: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    augmentation: str | None = None,
    exact_from: float | None = None,
    seed: int = 0,
    resume: bool = False,
    init: Path | None = None,
    verbose: int = 1,
) -> Objective:
    """Train a ladder and return it in exact mode; checkpoints and ``log.jsonl`` are kept in ``folder``.

    ``exact_from``: share of the run after which layers are exact and rounding is hard. The transforms and the steps are
    learned before that only; with 0 they stay what the data's statistics say.
    """
    keras.utils.set_random_seed(seed)
    epochs = max(2, round((steps or preset.steps) / STEPS_PER_EPOCH))
    switch = round(epochs * (preset.exact_from if exact_from is None else exact_from))
    pooled = np.concatenate([pool.tiles for pool in pools])
    model = Objective(preset.description, measure(pooled, preset.description), name="objective")
    model.build()
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-4,
        epochs * STEPS_PER_EPOCH - STEPS_PER_EPOCH,
        alpha=0.002,
        warmup_target=learning_rate or preset.learning_rate,
        warmup_steps=STEPS_PER_EPOCH,
    )
    optimizer = keras.optimizers.Adam(schedule, beta_2=0.99, global_clipnorm=1.0)
    optimizer.build(model.trainable_variables)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.npz"
    first = 0
    if resume and checkpoint.exists():
        first = restore(checkpoint, model, optimizer)
    elif init is not None:
        restore(init, model, None)
    batches = Batches(pools, batch_size or preset.batch_size, augmentation or preset.augmentation, seed)
    batches.epoch = first
    for begin, end, exact in ((first, switch, False), (max(first, switch), epochs, True)):
        if begin >= end:
            continue
        model.set_exact(exact)
        model.compile(optimizer=optimizer)
        keeper = Keeper(folder, optimizer, validation)
        model.fit(batches, initial_epoch=begin, epochs=end, verbose=verbose, callbacks=[keeper])
    model.set_exact(True)
    model.compile()
    return model


class Keeper(keras.callbacks.Callback):
    """Writes a checkpoint every epoch and validation figures every tenth."""

    def __init__(self, folder: Path, optimizer: Any, validation: Array) -> None:
        super().__init__()
        self.folder, self.optimizer, self.validation = folder, optimizer, validation
        self.started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        save(self.folder / "checkpoint.npz", self.model, self.optimizer, epoch + 1)
        entry: dict[str, Any] = {"epoch": epoch + 1, "seconds": round(time.monotonic() - self.started, 1)}
        entry |= {name: float(value) for name, value in (logs or {}).items()}
        if (epoch + 1) % 10 == 0:
            entry["validation"] = validate(self.model, self.validation)
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(entry) + "\n")


def validate(model: Ladder, tiles: np.ndarray) -> list[dict[str, float]]:
    """Payload bytes by ideal code length and PSNR (dB) at a few qualities, in the model's present mode."""
    figures = []
    for quality in REPORTED_QUALITIES:
        qualities = np.full(len(tiles), quality, np.int32)
        result = model.predict((tiles, qualities), batch_size=256, verbose=0)
        mse = float(result["error"].sum(dtype=np.float64)) / tiles.size
        figures.append(
            {
                "quality": quality,
                "bytes": round(float(result["bits"].mean(dtype=np.float64)) / 8, 2),
                "psnr": round(10 * float(np.log10(255**2 / mse)), 2),
            }
        )
    return figures


def save(path: Path, model: keras.Model, optimizer: Any, epoch: int) -> None:
    arrays = {f"model/{v.path}": ops.convert_to_numpy(v) for v in model.trainable_variables}
    arrays |= {f"optimizer/{i}": ops.convert_to_numpy(v) for i, v in enumerate(optimizer.variables)}
    temporary = path.with_suffix(".new.npz")
    np.savez(temporary, epoch=np.int64(epoch), **arrays)
    temporary.replace(path)


def restore(path: Path, model: keras.Model, optimizer: Any) -> int:
    """Load a checkpoint (``optimizer`` may be None: weights alone) and return the epoch to go on with."""
    with np.load(path, allow_pickle=False) as arrays:
        for variable in model.trainable_variables:
            variable.assign(arrays[f"model/{variable.path}"])
        if optimizer is not None:
            for index, variable in enumerate(optimizer.variables):
                variable.assign(arrays[f"optimizer/{index}"])
        return int(arrays["epoch"])
