"""A training run of the finishing network of a model whose existing ladder stays unchanged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from aecodec.encoding.options import EncodeOptions
from aecodec.encoding.residual_search import choose
from aecodec.engines import Engine, engine
from aecodec.engines.arithmetic import FINE_MIDDLE
from aecodec.models import ladder, safetensors
from aecodec.models import model as models
from aecodec.models.description import ACTIVATION_BITS, QUALITIES
from aecodec.models.model import Model
from aecodec.training.augmentation import AUGMENTATIONS
from aecodec.training.data import draw, gather, limited
from aecodec.training.export import half_up, layer_arrays, with_card
from aecodec.training.finish_network import FinishNetwork
from aecodec.training.fitting import REPORTED_QUALITIES, Examples, Schedule, fit
from aecodec.training.held_out import file_figures
from aecodec.training.ladder_network import quality_tables
from aecodec.training.ladder_run import require_tiles_of
from aecodec.training.options import TrainingOptions
from aecodec.training.presets import PRESETS
from aecodec.training.provenance import command_line, seconds_of_training, store

Array = np.ndarray[Any, Any]

# Numbers of tiles count tiles of 32x32; of larger ones fewer are taken, see ``limited``.
BATCH = 96
DECODED = 60000  # tiles that are coded for training
CODED_AT_ONCE = 512
MEASURED = 1000  # held-out tiles


def samples_of(model: Model, by: Engine, tiles: Array, quality: Array) -> Array:
    """Code tiles (N, H, W, C) at qualities (N,); return the samples that the finishing network will see, 0..1023."""
    d, found = model.description, []
    count = limited(CODED_AT_ONCE, tiles)
    for begin in range(0, len(tiles), count):
        part = slice(begin, begin + count)
        choice = choose(model, by, tiles[part], quality[part], EncodeOptions(effort=1))
        latent = recoded(model, by, quality[part], tiles.shape[1:3], choice.residuals)
        samples = ladder.fine_samples(model, by, latent, ladder.correct(model, by, latent))
        grid = by.cells(samples, (d.block, 1, d.channels), d.channels)
        found.append((grid + FINE_MIDDLE).astype(np.int16))
    return np.concatenate(found)


def recoded(
    model: Model, by: Engine, quality: Array, size: tuple[int, ...], residuals: Sequence[Array]
) -> ladder.Latent:
    """The latent of pictures of a size (height, width), from the residuals pass by pass."""
    rest = iter(residuals)

    def code(prediction: ladder.Prediction) -> Array:
        return next(rest).reshape(prediction.mean.shape)

    return ladder.walk(model, by, quality, *model.description.grid(*size), code)


class TrainableFinish(FinishNetwork):
    """The network with its loss: squared error times the root of lambda, which balances the qualities."""

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Loss per sample; ``x``: samples, qualities, pictures."""
        lambdas = ops.convert_to_tensor(quality_tables()[0].astype(np.float32))
        weight = ops.sqrt(ops.take(lambdas, ops.cast(ops.reshape(x[1], (-1,)), "int32")))[:, None, None, None]
        return ops.mean(weight * (y_pred - ops.cast(x[2], "float32")) ** 2)


def with_arrays(data: bytes, network: FinishNetwork, name: str) -> bytes:
    """Return the model file ``data`` with this finishing network in place of any that it has."""
    arrays, metadata = safetensors.load(data)
    arrays = {key: array for key, array in arrays.items() if not key.startswith("finish.")}
    for index, (layer, spec) in enumerate(zip(network.net, network.finish.layers, strict=True)):
        arrays |= layer_arrays(f"finish.{index}", layer, spec)
    place = half_up(ops.convert_to_numpy(network.place) * 2.0**ACTIVATION_BITS)
    arrays["finish.place"] = place.astype(np.int16)
    return safetensors.dump(arrays, {**metadata, "name": name, "description": network.description.to_json()})


def run(options: TrainingOptions) -> Model:
    """Train a finishing network for the model file ``options.finish``; write that file with it, and its card.

    An existing one is replaced; ``options.init`` is a model with one to start from. Raises ``ValueError`` for a preset
    without a finishing network or with other tiles, and for one of another shape to start from.
    """
    if options.preset not in PRESETS or PRESETS[options.preset].finish is None:
        raise ValueError(f"{options.preset} has no finishing network to train")
    assert options.finish is not None
    data, preset = options.finish.read_bytes(), PRESETS[options.preset]
    base = models.load(data)
    require_tiles_of(base, options.preset)
    pools, held_out = gather(options, preset)
    started = time.monotonic()
    keras.utils.set_random_seed(options.seed)
    network = TrainableFinish(replace(base.description, finish=preset.finish), name="objective")
    network.build()
    if options.init:
        network.start_from(models.load(options.init.read_bytes()))
    by, random = engine(), np.random.default_rng(options.seed)
    model = models.load(with_arrays(data, network, options.model_name))
    augment = AUGMENTATIONS[options.augmentation or preset.augmentation]
    tiles = augment(draw(pools, limited(DECODED, held_out), random), random)
    quality = random.integers(1, QUALITIES + 1, len(tiles)).astype(np.int32)
    examples = samples_of(model, by, tiles, quality), quality, tiles
    kept = held_out[: limited(MEASURED, held_out)]
    measured = {q: samples_of(model, by, kept, np.full(len(kept), q)) for q in REPORTED_QUALITIES}

    def gains() -> list[dict[str, float]]:
        """PSNR (dB) of held-out tiles without and with the network, at a few qualities."""
        found = []
        for q, samples in measured.items():
            finished = network.predict((samples, np.full(len(kept), q, np.int32), kept), batch_size=64, verbose=0)
            errors = [np.mean((v - kept.astype(np.float64)) ** 2) for v in (samples >> 2, finished)]
            before, after = (round(float(10 * np.log10(255**2 / error)), 3) for error in errors)
            found.append({"quality": q, "before": before, "after": after})
        return found

    schedule = Schedule(options.steps or preset.finish_steps, options.learning_rate or preset.learning_rate)
    fit(network, Examples(examples, limited(BATCH, tiles), options.seed), schedule, options, gains)
    seconds = seconds_of_training(options.folder, time.monotonic() - started)
    data = with_arrays(data, network, options.model_name)
    model = models.load(data)
    entry = {
        "command": command_line(),
        "note": options.note or "",
        "hours_of_training": round(seconds / 3600, 2),
        "figures": gains(),
    }
    card = {**model.card, "finish": entry, "figures": file_figures(model, held_out)}
    return store(with_card(data, card), options.output)
