"""Export: the model file computes what the trained network computes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from samples import squared_error
from tiny_ladders import LARGER, SMALL, SMALL_SHAPE, TILES, exported_from, perturbed

from aecodec.encoding.residual_search import choose, choose_measured
from aecodec.engines import engine
from aecodec.models import ladder, safetensors
from aecodec.models.description import CLASSES_PER_OCTAVE, COEFFICIENT_BITS, lambda_of_quality
from aecodec.models.model import Model, load, table_arrays
from aecodec.packing import ideal_bits, parametric
from aecodec.training import finish_run, fitting
from aecodec.training.exact_layers import numpy
from aecodec.training.ladder_network import SKIPPED_CLASSES
from aecodec.training.presets import LadderShape

Array = NDArray[Any]
UNIT = 2**COEFFICIENT_BITS


@pytest.mark.parametrize("pictures", [TILES[:80], LARGER], ids=["tiles", "two by two tiles"])
def test_the_exported_model_computes_what_the_trained_network_does(
    monkeypatch: pytest.MonkeyPatch, pictures: Array
) -> None:
    network = perturbed(SMALL_SHAPE)
    require_agreement(network, exported_from(network), monkeypatch, pictures)


@pytest.mark.slow
def test_the_model_of_a_run_computes_what_the_network_does_that_was_trained(
    network: fitting.TrainableLadder, exported: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_agreement(network, exported, monkeypatch, TILES[:80])


@pytest.mark.parametrize(("spacing", "side"), [(2, 28), (4, 36)], ids=["seven blocks", "nine blocks"])
def test_a_shape_that_begins_with_few_blocks_computes_alike(
    monkeypatch: pytest.MonkeyPatch, spacing: int, side: int
) -> None:
    network = perturbed(LadderShape(side=None, channels=1, groups=(0, 3), features=6, width=8, spacing=spacing))
    require_agreement(network, exported_from(network), monkeypatch, LARGER[:, :side, :side])


def test_passes_with_quality_offsets_compute_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = LadderShape(side=None, channels=1, groups=(0, 3), features=6, width=8, spacing=2, ahead=((0, 30, -9),))
    network = perturbed(shape)
    assert network.description.passes[0].quality_offset == (0, 30, -9)
    require_agreement(network, exported_from(network), monkeypatch, LARGER[:, :28, :28])


def test_an_exported_finishing_network_computes_what_the_trained_one_does() -> None:
    base = exported_from(perturbed(SMALL_SHAPE))
    data = safetensors.dump(base.arrays, {"name": "x-1", "description": base.description.to_json()})
    network = finish_run.TrainableFinish(dataclasses.replace(base.description, finish=SMALL.finish))
    network.build()
    random = np.random.default_rng(3)
    for variable in network.trainable_variables:
        variable.assign(numpy(variable) + random.normal(0, 0.1, variable.shape))
    model, by = load(finish_run.with_arrays(data, network, "x-2")), engine()
    tiles, quality = LARGER[..., None], np.arange(1, 100, 5)
    residuals = choose(model, by, tiles, quality).residuals
    latent = finish_run.recoded(model, by, quality, tiles.shape[1:3], residuals)
    expected = ladder.synthesize(model, by, latent)
    samples = finish_run.samples_of(model, by, tiles, quality)
    assert np.array_equal(np.asarray(network.call((samples, quality))), expected)
    assert np.abs(expected - (samples >> 2)).mean() > 1  # it did something
    again = finish_run.TrainableFinish(model.description)
    again.build()
    again.start_from(model)
    assert np.array_equal(np.asarray(again.call((samples, quality))), expected)
    with pytest.raises(ValueError, match="no finishing network of the shape"):
        again.start_from(base)


def require_agreement(
    network: fitting.TrainableLadder, exported: Model, monkeypatch: pytest.MonkeyPatch, pictures: Array
) -> None:
    """The means, classes, steps and elements of the network and of the model that was made of it are the same."""
    count, quality = len(pictures), np.tile([10, 40, 70, 100], len(pictures) // 4)
    rows, columns = network.description.grid(*pictures.shape[1:])
    # Means, steps and decoded values of the network in gray levels, and its classes.
    calls: list[tuple[Array, ...]] = []
    code = type(network)._code

    def noted(value: Any, mean: Any, absolute_class: Any, step: Any, *rounding: Any) -> tuple[Any, Any]:
        decoded, bits = code(value, mean, absolute_class, step, *rounding)
        offset = np.floor(-CLASSES_PER_OCTAVE * np.log2(np.asarray(step)) + 0.5)
        whole = np.floor(np.asarray(absolute_class) + 0.5) + offset
        parts = np.asarray(mean), np.asarray(step), np.asarray(decoded), np.clip(whole, 0, 63)
        calls.append(np.broadcast_arrays(*parts))
        return decoded, bits

    monkeypatch.setattr(type(network), "_code", staticmethod(noted))
    (result,) = network.call(((pictures[..., None], quality.astype(np.int32)),))
    chosen = []
    of_passes = iter(calls)

    def noted_of(index: int) -> list[Array]:
        """Of the vector, or of a pass as its positions come, whose places of the lattice the network codes apart."""
        if index == ladder.VECTOR:
            return list(next(of_passes))
        stage = network.description.passes[index]
        planes = [np.zeros((count, rows, columns, stage.hi - stage.lo), np.float32) for _ in range(4)]
        for y, x in stage.lattice:
            for plane, part in zip(planes, next(of_passes), strict=True):
                plane[:, :: stage.spacing, :: stage.spacing][:, y::2, x::2] = part
        where = ladder.positions(stage, rows, columns)
        return [plane.reshape(count, rows * columns, -1)[:, where] for plane in planes]

    def follow(prediction: ladder.Prediction) -> Array:
        mean, step = prediction.mean.astype(np.int64), prediction.step[:, None]
        noted = noted_of(prediction.index)
        their_mean, their_step, decoded, their_classes = (part.reshape(mean.shape) for part in noted)
        assert np.array_equal(their_mean * UNIT, mean)
        assert np.array_equal(their_step * UNIT, np.broadcast_to(step, mean.shape))
        assert np.array_equal(their_classes, prediction.classes)
        residuals: Array = np.rint((decoded * UNIT - mean) / step).astype(np.int64)
        chosen.append(residuals.reshape(len(residuals), -1))
        return residuals

    latent = ladder.walk(exported, engine(), quality, rows, columns, follow)
    pixels = ladder.synthesize(exported, engine(), latent)
    assert np.abs(pixels - np.asarray(result["pixels"])).max() <= 0.51  # the network does not round its pixels
    assert np.count_nonzero(np.concatenate(chosen, axis=1)) > 1000  # there was something to agree on
    assert next(of_passes, None) is None


def test_groups_are_coded_independently() -> None:
    network = perturbed(SMALL_SHAPE)
    groups = (TILES[:3, ..., None], np.array([10, 50, 90])), (LARGER[:2, ..., None], np.array([30, 70]))
    together = network.call(groups)
    assert len(together) == 2
    for group, result in zip(groups, together, strict=True):
        (alone,) = network.call((group,))
        for name in ("bits", "error", "pixels"):
            assert len(result[name]) == len(group[0])
            assert np.allclose(result[name], alone[name], rtol=1e-5)


@pytest.mark.slow
def test_the_encoder_does_no_worse_than_the_trained_network(network: fitting.TrainableLadder, exported: Model) -> None:
    # The network counts bits by a formula, the encoder by the tables. After so few steps classes are often far from
    # the truth, where the two differ most, and with them some decisions.
    tiles, quality = TILES[:80, ..., None], np.tile([10, 40, 70, 100], 20)
    (result,) = network.predict(((tiles, quality.astype(np.int32)),), batch_size=40, verbose=0)
    choice = choose_measured(exported, engine(), tiles, quality)
    bits = ideal_bits(exported.tables, choice.residuals, choice.classes)
    for one in np.unique(quality):
        mine, lambda_ = quality == one, lambda_of_quality(one)
        cost = bits[mine].sum() + lambda_ * squared_error(choice.pixels[mine], tiles[mine])
        assert cost <= 1.02 * (result["bits"][mine].sum() + lambda_ * result["error"][mine].sum())


@pytest.mark.slow
def test_learned_tables_are_no_longer_than_the_parametric_ones(trained: Path) -> None:
    learned = load(trained.read_bytes())
    arrays = {**learned.arrays, **table_arrays(parametric(skip=SKIPPED_CLASSES))}
    start = load(safetensors.dump(arrays, dict(learned.metadata)))
    quality = np.tile([10, 40, 70, 100], 25)
    lengths = []
    for model in (learned, start):
        choice = choose(model, engine(), TILES[:100, ..., None], quality)
        lengths.append(ideal_bits(model.tables, choice.residuals, choice.classes).sum())
    assert lengths[0] < lengths[1]
