"""The training run: sampling, checkpoints, validation."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from aecodec.images.distortions import Mixture
from aecodec.models.description import QUALITIES
from aecodec.models.model import Model
from aecodec.training.augmentation import AUGMENTATIONS
from aecodec.training.initialization import origins, start_from
from aecodec.training.ladder_network import Ladder
from aecodec.training.presets import Preset
from aecodec.training.statistics import measure, nominal_steps, of_model

Array = np.ndarray[Any, Any]

STEPS_PER_EPOCH = 500
REPORTED_QUALITIES = (10, 30, 50, 70, 90)


@dataclass(frozen=True)
class Pool:
    """Tiles (N, H, W, C) that make up ``weight`` of the samples, each drawn with its ``odds`` (N,), which sum to 1.

    ``crops`` (M, 2H, 2W, C) of pictures that are larger than a tile, where the source has such pictures.
    """

    tiles: np.ndarray
    weight: float
    odds: np.ndarray | None = None
    crops: np.ndarray | None = None


def draw(pools: Sequence[Pool], count: int, random: np.random.Generator) -> np.ndarray:
    """``count`` tiles (N, H, W, C), pool after pool, by their weights and odds."""
    shares = np.array([pool.weight for pool in pools])
    counts = random.multinomial(count, shares / shares.sum())
    return np.concatenate(
        [p.tiles[random.choice(len(p.tiles), n, p=p.odds)] for p, n in zip(pools, counts, strict=True) if n]
    )


def draw_larger(pools: Sequence[Pool], count: int, random: np.random.Generator) -> np.ndarray:
    """``count`` pictures (N, 2H, 2W, C) of two by two tiles: crops where the pools have some, else mosaics."""
    crops = [pool.crops for pool in pools if pool.crops is not None and len(pool.crops)]
    if crops:
        return np.stack([crops[k][random.integers(len(crops[k]))] for k in random.integers(len(crops), size=count)])
    tiles = random.permutation(draw(pools, 4 * count, random))
    _, height, width, channels = tiles.shape
    mosaic = tiles.reshape(count, 2, 2, height, width, channels).swapaxes(2, 3)
    return mosaic.reshape(count, 2 * height, 2 * width, channels)


@dataclass(frozen=True)
class Distorting:
    """What is done to training pictures before they are coded, and whether the loss compares with them as they were."""

    mixture: Mixture
    denoising: bool

    def group(self, pictures: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, ...]:
        """(distorted pictures (N, H, W, C),), with the clean ones behind them where the loss wants those."""
        distorted = self.mixture.apply(pictures, random)
        return (distorted, pictures) if self.denoising else (distorted,)


class Batches(keras.utils.PyDataset):
    """Batches of two groups, tiles and larger pictures, each with qualities; the same for the same seed and epoch."""

    def __init__(
        self,
        pools: Sequence[Pool],
        preset: Preset,
        augmentation: str,
        seed: int,
        distorting: Distorting | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(workers=2, max_queue_size=16, **kwargs)
        self.pools, self.preset, self.seed, self.distorting = pools, preset, seed, distorting
        self.augment = AUGMENTATIONS[augmentation]
        self.epoch = 0

    def __len__(self) -> int:
        return STEPS_PER_EPOCH

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def __getitem__(self, index: int) -> tuple[Any, Array]:
        random = np.random.default_rng((self.seed, self.epoch, index))
        groups = []
        preset = self.preset
        every = [draw(self.pools, preset.tiles, random)]
        if preset.larger:
            every.append(draw_larger(self.pools, preset.larger, random))
        for drawn in every:
            quality = random.integers(1, QUALITIES + 1, len(drawn)).astype(np.int32)
            shown = self.augment(drawn, random)
            seen, *clean = self.distorting.group(shown, random) if self.distorting else (shown,)
            groups.append((seen, quality, *clean))
        return tuple(groups), np.zeros(self.preset.tiles, np.float32)


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
        total, weight = 0.0, 0.0
        for (pictures, quality, *_), result in zip(x, y_pred, strict=True):
            lambda_ = ops.take(self.lambdas, ops.cast(ops.reshape(quality, (-1,)), "int32"))
            total += ops.sum((result["bits"] + lambda_ * result["error"]) / ops.sqrt(lambda_))
            weight += ops.cast(ops.size(pictures), "float32")
        loss = total / weight
        samples = float(np.prod(x[0][0].shape[1:]))
        self.tracked["loss"].update_state(loss)
        self.tracked["bits"].update_state(ops.mean(y_pred[0]["bits"]))
        self.tracked["mse"].update_state(ops.mean(y_pred[0]["error"]) / samples)
        return loss

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        return {metric.name: metric.result() for metric in self.metrics}


def train(
    preset: Preset,
    pools: Sequence[Pool],
    validation: Sequence[np.ndarray],
    folder: Path,
    *,
    steps: int | None = None,
    learning_rate: float | None = None,
    augmentation: str | None = None,
    seed: int = 0,
    resume: bool = False,
    init: Model | None = None,
    reshape: bool = False,
    distorting: Distorting | None = None,
    verbose: int = 1,
) -> Objective:
    """Train a ladder; checkpoints and ``log.jsonl`` are kept in ``folder``.

    The linear transforms stay what the data's statistics say: everything else is learned. ``validation``: pictures as
    they are coded, and the clean ones where they are others. ``init``: a model to start from; shape, transforms and
    steps are then its own, but with ``reshape`` only the transforms. ``distorting``: what is done to the training
    pictures.
    """
    keras.utils.set_random_seed(seed)
    pooled = np.concatenate([pool.tiles for pool in pools])
    description = preset.description
    if init is None:
        statistics = measure(pooled, description)
    elif reshape:
        origins(description, init)  # what cannot be is said before anything is built
        statistics = replace(of_model(init, pooled), steps=nominal_steps(description))
    else:
        description, statistics = replace(init.description, remainder=None), of_model(init, pooled)
    model = Objective(description, statistics, name="objective")
    model.build()
    if init is not None:
        start_from(model, init)
    batches = Batches(pools, preset, augmentation or preset.augmentation, seed, distorting)
    fit(
        model,
        batches,
        folder,
        steps=steps or preset.steps,
        learning_rate=learning_rate or preset.learning_rate,
        resume=resume,
        measure=lambda: validate(model, *validation),
        verbose=verbose,
    )
    return model


def fit(
    model: keras.Model,
    batches: Any,
    folder: Path,
    *,
    steps: int,
    learning_rate: float,
    resume: bool,
    measure: Callable[[], Any],
    verbose: int,
) -> None:
    """Train a built model with its own loss on ``batches``, which have an ``epoch``; ``resume``: from the checkpoint
    in ``folder``, where there is one. ``measure`` gives what goes into the log. Less than two epochs raise
    ``ValueError``.
    """
    if steps < 2 * STEPS_PER_EPOCH:
        raise ValueError(f"{steps} steps are too few: a ladder is trained for {2 * STEPS_PER_EPOCH} or more")
    epochs = round(steps / STEPS_PER_EPOCH)
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-4,
        epochs * STEPS_PER_EPOCH - STEPS_PER_EPOCH,
        alpha=0.002,
        warmup_target=learning_rate,
        warmup_steps=STEPS_PER_EPOCH,
    )
    optimizer = keras.optimizers.Adam(schedule, beta_2=0.99, global_clipnorm=1.0)
    optimizer.build(model.trainable_variables)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.npz"
    first = restore(checkpoint, model, optimizer) if resume and checkpoint.exists() else 0
    batches.epoch = first
    if first < epochs:
        model.compile(optimizer=optimizer, jit_compile=True)
        keeper = Keeper(folder, optimizer, measure)
        model.fit(batches, initial_epoch=first, epochs=epochs, verbose=verbose, callbacks=[keeper])


class Keeper(keras.callbacks.Callback):
    """Writes a checkpoint every epoch and validation figures every tenth and after the last."""

    def __init__(self, folder: Path, optimizer: Any, measure: Callable[[], Any]) -> None:
        super().__init__()
        self.folder, self.optimizer, self.measure = folder, optimizer, measure
        self.started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        save(self.folder / "checkpoint.npz", self.model, self.optimizer, epoch + 1)
        entry: dict[str, Any] = {"epoch": epoch + 1, "seconds": round(time.monotonic() - self.started, 1)}
        entry |= {name: float(value) for name, value in (logs or {}).items()}
        if (epoch + 1) % 10 == 0 or epoch + 1 == self.params["epochs"]:
            entry["validation"] = self.measure()
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(entry) + "\n")


def validate(model: Ladder, tiles: np.ndarray, *clean: np.ndarray) -> list[dict[str, float]]:
    """Payload bytes by ideal code length and PSNR (dB) at a few qualities, with the layers in their present mode.

    clean: what the decoded pictures are compared with, where that is not what is coded.
    """
    figures = []
    for quality in REPORTED_QUALITIES:
        qualities = np.full(len(tiles), quality, np.int32)
        result = model.predict(((tiles, qualities, *clean),), batch_size=256, verbose=0)[0]
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
    """Load a checkpoint and return the epoch to go on with."""
    with np.load(path, allow_pickle=False) as arrays:
        for variable in model.trainable_variables:
            variable.assign(arrays[f"model/{variable.path}"])
        for index, variable in enumerate(optimizer.variables):
            variable.assign(arrays[f"optimizer/{index}"])
        return int(arrays["epoch"])
