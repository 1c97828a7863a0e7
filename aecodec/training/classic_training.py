"""How a classic is trained and measured, and its export to a model file."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from aecodec import metrics
from aecodec.encoding.batch import Batch
from aecodec.encoding.candidates import Candidate
from aecodec.encoding.lossy import write
from aecodec.encoding.residual_search import choose_measured
from aecodec.engines import engine
from aecodec.models import model as models
from aecodec.models import safetensors
from aecodec.models.description import QUALITIES
from aecodec.models.model import Model
from aecodec.packing.tables import parametric
from aecodec.training import classic_export
from aecodec.training import table_fitting as learned
from aecodec.training.classics import Autoencoder, Classic, build
from aecodec.training.export import code, table_arrays

FLOAT_BYTES = 4
LEAST_CHANCE = 1e-7  # Keras' own limit in the cross-entropy


def train(
    classic: Classic,
    tiles: np.ndarray,
    held_out: np.ndarray,
    folder: Path,
    *,
    steps: int | None = None,
    seed: int = 0,
    verbose: int = 1,
) -> Autoencoder:
    """Adam with Keras' defaults, over tiles (N, H, W, C) uint8; ``log.jsonl`` in ``folder`` has the losses."""
    keras.utils.set_random_seed(seed)
    trained = build(classic)
    joined = trained.joined()
    joined.compile(optimizer="adam", loss=classic.loss)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log.jsonl").unlink(missing_ok=True)
    epochs, part = classic.epochs, len(tiles)
    if steps:
        part = min(part, steps * classic.batch)
        epochs = max(1, round(steps * classic.batch / part))
    seen = tiles[np.random.default_rng(seed).permutation(len(tiles))[:part]].astype(np.float32) / 255.0
    shown = held_out.astype(np.float32) / 255.0
    joined.fit(
        seen,
        seen,
        batch_size=classic.batch,
        epochs=epochs,
        validation_data=(shown, shown),
        verbose=verbose,
        callbacks=[_Log(folder / "log.jsonl")],
    )
    return trained


class _Log(keras.callbacks.Callback):
    """A line of JSON for every epoch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.started = path, time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        entry = {"epoch": epoch + 1, "seconds": round(time.monotonic() - self.started, 1), **(logs or {})}
        with self.path.open("a") as log:
            log.write(json.dumps(entry) + "\n")


def export(trained: Autoencoder, tiles: np.ndarray, metadata: Mapping[str, str], *, seed: int = 0) -> bytes:
    """The model file's bytes; ranges and tables come from ``tiles`` (N, H, W, C)."""
    arrays, more = classic_export.arrays_of(trained, tiles)
    random = np.random.default_rng(seed)
    tables = parametric()
    model = models.load(safetensors.dump(arrays | table_arrays(tables), {**metadata, **more}))
    residuals, classes = code(model, tiles, random)
    tables = learned.fit(tables, residuals, classes)
    data = safetensors.dump(arrays | table_arrays(tables), {**metadata, **more})
    models.load(data)  # every proof, on what was written
    return data


def figures(trained: Autoencoder, tiles: np.ndarray) -> dict[str, float]:
    """The network as it was trained, in floats, its latent not quantized: what its authors would report."""
    decoded = trained.joined().predict(tiles.astype(np.float32) / 255.0, batch_size=256, verbose=0)
    found = _figures(tiles, np.asarray(decoded, np.float64))
    return found | {"bytes": FLOAT_BYTES * trained.classic.vector, "parameters": trained.parameters}


def exact_figures(model: Model, tiles: np.ndarray, quality: int = QUALITIES) -> dict[str, float]:
    """The model file at a quality: whole files."""
    parts, size = [], 0
    for begin in range(0, len(tiles), 500):
        part = tiles[begin : begin + 500]
        qualities = np.full(len(part), quality)
        choice = choose_measured(model, engine(), part, qualities)
        assert choice.pixels is not None
        parts.append(choice.pixels)
        batch = Batch(part, [()] * len(part))
        size += sum(map(len, write(batch, Candidate(model, gray=False), choice, qualities, "auto")))
    return _figures(tiles, np.concatenate(parts) / 255.0) | {"bytes": size / len(tiles)}


def _figures(tiles: np.ndarray, decoded: np.ndarray) -> dict[str, Any]:
    """Per-pixel cross-entropy and mean squared error of samples in 0..1; PSNR and UQI of 8 bits."""
    wanted = tiles / 255.0
    chance = np.clip(decoded, LEAST_CHANCE, 1 - LEAST_CHANCE)
    entropy = -(wanted * np.log(chance) + (1 - wanted) * np.log(1 - chance))
    rounded = np.floor(decoded * 255.0 + 0.5).astype(np.uint8)
    return {
        "cross_entropy": float(entropy.mean()),
        "mse": float(((wanted - decoded) ** 2).mean()),
        "psnr": metrics.pooled_psnr(tiles, rounded),
        "uqi": float(metrics.uqi(tiles, rounded).mean()),
    }
