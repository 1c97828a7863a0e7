"""Training and measuring of a classic, and its export to a model file."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from aecodec import metrics
from aecodec.encoding.options import DEFAULT_EFFORT
from aecodec.models import model as models
from aecodec.models import safetensors
from aecodec.models.description import QUALITIES, Description
from aecodec.models.model import Model
from aecodec.packing.tables import parametric
from aecodec.training import augmentation, classic_export, table_fitting
from aecodec.training.classics import Autoencoder, Classic, build, classic_of
from aecodec.training.export import code
from aecodec.training.held_out import encode_tiles
from aecodec.training.options import TrainingOptions

EPOCHS = "epochs"  # folder of the backup that Keras makes after every epoch
FLOAT_BYTES = 4
LEAST_CHANCE = 1e-7  # limit of Keras in the cross-entropy


def train(classic: Classic, tiles: np.ndarray, held_out: np.ndarray, options: TrainingOptions) -> Autoencoder:
    """Train with Adam and Keras' defaults on tiles (N, H, W, C) uint8; ``log.jsonl`` in ``options.folder`` has losses.

    ``options.steps`` replaces the epochs of the classic; less than one epoch takes as many tiles as it needs.
    """
    keras.utils.set_random_seed(options.seed)
    trained = build(classic)
    joined = trained.joined()
    joined.compile(optimizer="adam", loss=classic.loss)
    options.folder.mkdir(parents=True, exist_ok=True)
    log, backup = options.folder / "log.jsonl", options.folder / EPOCHS
    if not options.resume:
        log.unlink(missing_ok=True)
        shutil.rmtree(backup, ignore_errors=True)
    epochs, count = classic.epochs, len(tiles)
    if options.steps:
        count = min(count, options.steps * classic.batch)
        epochs = max(1, round(options.steps * classic.batch / count))
    order = np.random.default_rng(options.seed).permutation(len(tiles))
    validation = held_out.astype(np.float32) / 255.0
    joined.fit(
        _Batches(tiles[order[:count]], classic.batch, augmentation.AUGMENTATIONS[options.augmentation or "none"]),
        epochs=epochs,
        validation_data=(validation, validation),
        verbose=options.verbosity,
        callbacks=[_Log(log), _Backup(backup)],
    )
    return trained


def restore(description: Description, folder: Path) -> Autoencoder:
    """Return the network of a run as its last epoch left it. ``folder``: that of the run.

    Raises ``ValueError`` if no classic has the description, or the folder has no network of one.
    """
    trained = build(classic_of(description))
    weights = folder / EPOCHS / "latest.weights.h5"
    if not weights.is_file():
        raise ValueError(f"{folder} has no network: it would be {weights}")
    trained.joined().load_weights(weights)
    return trained


class _Batches(keras.utils.PyDataset):
    """Batches (N, H, W, C) float32 in 0..1, input and target, of tiles that each epoch shuffles and augments anew."""

    def __init__(self, tiles: np.ndarray, batch: int, augment: augmentation.Augmentation) -> None:
        super().__init__()
        self.tiles, self.batch, self.augment = tiles, batch, augment
        self.random = np.random.default_rng(len(tiles))
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self.tiles) // self.batch)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        batch = self.inputs[index * self.batch : (index + 1) * self.batch]
        return batch, batch

    def on_epoch_end(self) -> None:
        self.inputs = self.augment(self.random.permutation(self.tiles), self.random).astype(np.float32) / 255.0


class _Backup(keras.callbacks.BackupAndRestore):
    """The backup of Keras, kept at the end; a network of another shape is one sentence."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder), delete_checkpoint=False)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        try:
            super().on_train_begin(logs)
        except ValueError as error:
            raise ValueError(f"{self.backup_dir} holds a network of another shape: leave out --resume") from error


class _Log(keras.callbacks.Callback):
    """Adds a line of JSON to the log after every epoch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.started = path, time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        entry = {"epoch": epoch + 1, "seconds": round(time.monotonic() - self.started, 1), **(logs or {})}
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        kept = [line for line in lines if json.loads(line)["epoch"] <= epoch]  # the epoch may be one that is repeated
        temporary = self.path.with_name(self.path.name + ".new")
        temporary.write_text("\n".join([*kept, json.dumps(entry)]) + "\n")
        temporary.replace(self.path)


def export(trained: Autoencoder, tiles: np.ndarray, metadata: Mapping[str, str], *, seed: int = 0) -> bytes:
    """Return the model file's bytes; the ranges of values and the tables come from ``tiles`` (N, H, W, C)."""
    arrays, analysis = classic_export.arrays_of(trained, tiles)
    random = np.random.default_rng(seed)
    tables = parametric()
    model = models.load(safetensors.dump(arrays | models.table_arrays(tables), {**metadata, **analysis}))
    residuals, classes = code(model, tiles, random)
    tables = table_fitting.fit(tables, residuals, classes)
    data = safetensors.dump(arrays | models.table_arrays(tables), {**metadata, **analysis})
    models.load(data)  # repeats every proof on what is written
    return data


def float_outputs(trained: Autoencoder, tiles: np.ndarray) -> np.ndarray:
    """What the network makes of tiles (N, H, W, C) uint8, in floats and with a latent that is not quantized: 0..1."""
    found = trained.joined().predict(tiles.astype(np.float32) / 255.0, batch_size=256, verbose=0)
    return np.asarray(found, np.float64)


def float_figures(trained: Autoencoder, tiles: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    """Figures of the network as it was trained, from its ``float_outputs``: what its authors would report."""
    found = _figures(tiles, outputs)
    return found | {"bytes": FLOAT_BYTES * trained.classic.vector, "parameters": trained.parameters}


def exact_figures(model: Model, tiles: np.ndarray, quality: int = QUALITIES) -> dict[str, float]:
    """Figures of the model file at a quality, with the bytes of whole files."""
    size, decoded = encode_tiles(model, tiles, quality, DEFAULT_EFFORT)
    return _figures(tiles, decoded / 255.0) | {"bytes": size / len(tiles)}


def _figures(tiles: np.ndarray, decoded: np.ndarray) -> dict[str, Any]:
    """Mean cross-entropy and squared error of samples in 0..1; PSNR (dB) and both UQIs of 8-bit samples."""
    target = tiles / 255.0
    chance = np.clip(decoded, LEAST_CHANCE, 1 - LEAST_CHANCE)
    entropy = -(target * np.log(chance) + (1 - target) * np.log(1 - chance))
    rounded = np.floor(decoded * 255.0 + 0.5).astype(np.uint8)
    return {
        "cross_entropy": float(entropy.mean()),
        "mse": float(((target - decoded) ** 2).mean()),
        "psnr": metrics.pooled_psnr(tiles, rounded),
        "uqi": float(metrics.uqi(tiles, rounded).mean()),
        "sewar_uqi": float(metrics.sewar_uqi(tiles, rounded).mean()),
    }
