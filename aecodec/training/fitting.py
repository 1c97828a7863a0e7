"""Training a ladder: batches, loss, checkpoints and validation."""

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

from aecodec.encoding import shares
from aecodec.models.description import QUALITIES
from aecodec.models.model import Model
from aecodec.training.augmentation import AUGMENTATIONS
from aecodec.training.data import Pool, draw, draw_larger
from aecodec.training.initialization import initialize, source_passes
from aecodec.training.ladder_network import LadderNetwork
from aecodec.training.options import TrainingOptions
from aecodec.training.presets import Preset
from aecodec.training.soap import Soap
from aecodec.training.statistics import measure, of_model

Array = np.ndarray[Any, Any]

STEPS_PER_EPOCH = 500
VALIDATION_EPOCHS = 10  # validation follows every tenth epoch and the last
REPORTED_QUALITIES = (10, 30, 50, 70, 90)


class Batches(keras.utils.PyDataset):
    """Batches of two groups, tiles and larger pictures, each with qualities.

    The same seed and epoch give the same batches.
    """

    def __init__(self, pools: Sequence[Pool], preset: Preset, options: TrainingOptions) -> None:
        super().__init__(workers=2, max_queue_size=16)
        self.pools, self.preset, self.seed = pools, preset, options.seed
        self.augment = AUGMENTATIONS[options.augmentation or preset.augmentation]
        self.distortion = options.distortion()
        self.epoch = 0

    def __len__(self) -> int:
        return STEPS_PER_EPOCH

    def on_epoch_end(self) -> None:
        """Count the epoch, from which the batches follow."""
        self.epoch += 1

    def __getitem__(self, index: int) -> tuple[Any, Array]:
        random = np.random.default_rng((self.seed, self.epoch, index))
        drawn = [draw(self.pools, self.preset.tiles, random)]
        if self.preset.larger:
            drawn.append(draw_larger(self.pools, self.preset.larger, random))
        groups = []
        for pictures in drawn:
            quality = random.integers(1, QUALITIES + 1, len(pictures)).astype(np.int32)
            augmented = self.augment(pictures, random)
            coded, *clean = self.distortion.apply(augmented, random) if self.distortion else (augmented,)
            groups.append((coded, quality, *clean))
        return tuple(groups), np.zeros(self.preset.tiles, np.float32)


class Examples(keras.utils.PyDataset):
    """Batches of ``size`` examples, drawn from ``arrays`` of one length; the same for the same seed and epoch."""

    def __init__(self, arrays: Sequence[Array], size: int, seed: int) -> None:
        super().__init__()
        self.arrays, self.size, self.seed, self.epoch = arrays, size, seed, 0

    def __len__(self) -> int:
        return STEPS_PER_EPOCH

    def on_epoch_end(self) -> None:
        """Count the epoch, from which the batches follow."""
        self.epoch += 1

    def __getitem__(self, index: int) -> tuple[Any, Array]:
        random = np.random.default_rng((self.seed, self.epoch, index))
        chosen = random.integers(len(self.arrays[0]), size=self.size)
        return tuple(array[chosen] for array in self.arrays), np.zeros(self.size, np.float32)


class TrainableLadder(LadderNetwork):
    """The ladder with its loss, (bits + lambda * squared error) / sqrt(lambda), which balances the qualities."""

    def build(self, shape: Any = None) -> None:
        """Create the weights and the metrics."""
        super().build(shape)
        self.means = {name: keras.metrics.Mean(name=name) for name in ("loss", "bits", "mse")}

    @property
    def metrics(self) -> list[Any]:
        """Means over an epoch: the loss, and bits and squared error of the first group."""
        return list(self.means.values())

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Loss per sample over all groups; ``x`` and ``y_pred`` as ``call`` takes and returns them."""
        total, weight = 0.0, 0.0
        for (pictures, quality, *_), result in zip(x, y_pred, strict=True):
            lambda_ = ops.take(self.lambdas, ops.cast(ops.reshape(quality, (-1,)), "int32"))
            total += ops.sum((result["bits"] + lambda_ * result["error"]) / ops.sqrt(lambda_))
            weight += ops.cast(ops.size(pictures), "float32")
        loss = total / weight
        samples = float(np.prod(x[0][0].shape[1:]))
        self.means["loss"].update_state(loss)
        self.means["bits"].update_state(ops.mean(y_pred[0]["bits"]))
        self.means["mse"].update_state(ops.mean(y_pred[0]["error"]) / samples)
        return loss

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Return the metrics by name."""
        return {metric.name: metric.result() for metric in self.metrics}


def train(
    preset: Preset,
    pools: Sequence[Pool],
    held_out: Sequence[Array],
    options: TrainingOptions,
    init: Model | None = None,
) -> TrainableLadder:
    """Train a ladder; its checkpoint and ``log.jsonl`` are kept in ``options.folder``.

    The linear transforms stay the Karhunen-Loeve transforms of the data; everything else is learned. ``held_out``:
    pictures as they are coded, and the clean ones if those differ. ``init``: a model to start from, with its transforms
    and steps, and unless ``options.reshape`` is set with its shape. Raises ``ValueError`` if the preset's shape
    cannot start from it.
    """
    keras.utils.set_random_seed(options.seed)
    tiles = np.concatenate([pool.tiles for pool in pools])
    description = preset.description
    if init is None:
        statistics = measure(tiles, description)
    else:
        if options.reshape:
            source_passes(description, init)  # raises before anything is built
        else:
            description = replace(init.description, lossless=None, finish=None)
        statistics = of_model(init, tiles)
    rounding = shares.along(preset.shares, len(description.passes))
    network = TrainableLadder(description, statistics, rounding, name="objective")  # the name in a checkpoint's paths
    network.build()
    if init is not None:
        initialize(network, init)
    schedule = Schedule(options.steps or preset.steps, options.learning_rate or preset.learning_rate)
    fit(network, Batches(pools, preset, options), schedule, options, lambda: validate(network, *held_out))
    return network


@dataclass(frozen=True)
class Schedule:
    """Training steps, and the learning rate that is reached after one epoch and then falls along a cosine."""

    steps: int
    learning_rate: float

    @property
    def epochs(self) -> int:
        """Whole epochs, to the nearest."""
        return round(self.steps / STEPS_PER_EPOCH)

    def optimizer(self) -> Any:
        """Return SOAP with this schedule; raises ``ValueError`` for less than two epochs."""
        if self.steps < 2 * STEPS_PER_EPOCH:
            raise ValueError(f"{self.steps} steps are too few: a ladder is trained for {2 * STEPS_PER_EPOCH} or more")
        rates = keras.optimizers.schedules.CosineDecay(
            1e-4,
            (self.epochs - 1) * STEPS_PER_EPOCH,
            alpha=0.002,
            warmup_target=self.learning_rate,
            warmup_steps=STEPS_PER_EPOCH,
        )
        return Soap(rates, global_clipnorm=1.0)


def fit(
    model: keras.Model, batches: Any, schedule: Schedule, options: TrainingOptions, measure: Callable[[], Any]
) -> None:
    """Train a built model with its own loss on ``batches``, which have an ``epoch``.

    With ``options.resume``, training continues from the checkpoint in ``options.folder``, if there is one. ``measure``
    returns the validation figures for the log. Raises ``ValueError`` for fewer than two epochs.
    """
    folder, optimizer = options.folder, schedule.optimizer()
    optimizer.build(model.trainable_variables)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.npz"
    first = restore(checkpoint, model, optimizer) if options.resume and checkpoint.exists() else 0
    batches.epoch = first
    if first < schedule.epochs:
        model.compile(optimizer=optimizer, jit_compile=True)
        callbacks = [Checkpoints(folder, optimizer, measure)]
        model.fit(batches, initial_epoch=first, epochs=schedule.epochs, verbose=options.verbosity, callbacks=callbacks)


class Checkpoints(keras.callbacks.Callback):
    """Write a checkpoint and a line of the log after every epoch, with validation after every tenth and the last."""

    def __init__(self, folder: Path, optimizer: Any, measure: Callable[[], Any]) -> None:
        super().__init__()
        self.folder, self.optimizer, self.measure = folder, optimizer, measure
        self.started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write both; ``epoch`` counts from 0."""
        save(self.folder / "checkpoint.npz", self.model, self.optimizer, epoch + 1)
        entry: dict[str, Any] = {"epoch": epoch + 1, "seconds": round(time.monotonic() - self.started, 1)}
        entry |= {name: float(value) for name, value in (logs or {}).items()}
        if (epoch + 1) % VALIDATION_EPOCHS == 0 or epoch + 1 == self.params["epochs"]:
            entry["validation"] = self.measure()
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(entry) + "\n")


def validate(model: LadderNetwork, tiles: Array, *clean: Array) -> list[dict[str, float]]:
    """Payload bytes by ideal code length and PSNR (dB) at the reported qualities, with exact or float layers as set.

    ``clean``: the pictures to compare with, if not the coded ones.
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
    """Write a checkpoint: trainable variables by path, state of the optimizer, epochs done."""
    arrays = {name: ops.convert_to_numpy(variable) for name, variable in _state(model, optimizer).items()}
    temporary = path.with_suffix(".new.npz")
    np.savez(temporary, epoch=np.int64(epoch), **arrays)
    temporary.replace(path)


def restore(path: Path, model: keras.Model, optimizer: Any) -> int:
    """Load a checkpoint and return the number of epochs done; raises ``ValueError`` if it does not fit."""
    state = _state(model, optimizer)
    with np.load(path, allow_pickle=False) as arrays:
        found = {name: arrays[name].shape for name in arrays.files if name != "epoch"}
        if found != {name: tuple(variable.shape) for name, variable in state.items()}:
            raise ValueError(f"{path} is of another network or optimizer: leave out --resume")
        for name, variable in state.items():
            variable.assign(arrays[name])
        return int(arrays["epoch"])


def _state(model: keras.Model, optimizer: Any) -> dict[str, Any]:
    """The variables of a checkpoint by name."""
    trained = {f"model/{variable.path}": variable for variable in model.trainable_variables}
    return trained | {f"optimizer/{index}": variable for index, variable in enumerate(optimizer.variables)}
