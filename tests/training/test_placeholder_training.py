"""The model of placeholders: data, tables, and that its integers predict what was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from aecodec.placeholders.coefficients import ORDERS
from aecodec.placeholders.intervals import TOTAL
from aecodec.placeholders.layout import ASPECTS, STEPS
from aecodec.placeholders.model import COEFFICIENTS, Model, Walk

training = pytest.importorskip("aecodec.training.placeholder", reason="needs Keras")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    random = np.random.default_rng(3)
    for number in range(60):  # one in twelve is held out, by chance
        coarse = random.integers(0, 256, (4, 5, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((90, 70), Image.Resampling.BICUBIC).save(tmp_path / f"{number:02d}.png")
    return tmp_path


def samples(count: int) -> Any:
    random = np.random.default_rng(1)
    energy = 60 / (1 + np.add.outer(np.arange(ORDERS), np.arange(ORDERS)))
    values = random.normal(size=(count, 3, ORDERS, ORDERS)) * energy * np.array([1, 0.5, 0.3])[:, None, None]
    return training.Samples(values.astype(np.float32), random.integers(0, ASPECTS, count))


def test_the_means_of_the_colours_come_first_then_the_largest() -> None:
    place, deviation = training.order(samples(500))
    assert sorted(map(tuple, place[:3].tolist())) == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]
    assert len({tuple(row) for row in place.tolist()}) == COEFFICIENTS
    assert (np.diff(deviation[3:]) <= 0).all()


def test_tables_sum_up_and_reach_every_magnitude() -> None:
    found = training.logistic_frequencies()
    assert (found.sum(axis=1) == TOTAL).all() and (found >= 1).all()
    assert (np.diff(found[:, 0]) < 0)[8:].all()  # a wider class has fewer zeros


def test_integers_predict_what_the_network_predicts() -> None:
    import keras

    keras.utils.set_random_seed(2)
    group = samples(500)
    place, deviation = training.order(group)
    network = training.Estimator(deviation)
    network.mean.assign(np.random.default_rng(4).normal(size=network.mean.shape) * 0.02)
    network.scale_aspect.assign(np.random.default_rng(5).normal(size=network.scale_aspect.shape) * 0.1)
    model = training.integers(network, place, deviation)
    assert Model.parse(model.dump()).dump() == model.dump()

    # The sum of what the integers expect of the first coefficients, given some values, beside the floating-point one.
    aspect, step = 20, 1
    values = group.coefficients[0][tuple(place.T)]
    weights = {name: np.asarray(getattr(network, name)) for name in ("start", "signed", "absolute", "mean", "scale")}
    weights |= {name: np.round(w * 64) / 64 for name, w in weights.items() if name != "start"}
    shape = training.features(aspect) / 64
    sums = np.concatenate([[1], shape]) @ weights["start"]
    walk = Walk(model, aspect, np.array([step]))
    for index in range(60):
        hidden = sums.clip(0, 255 / 64)
        mean, kind = walk.predict(index)
        assert mean[0] / 16 == pytest.approx(deviation[index] * (hidden @ weights["mean"][index]), abs=0.5)
        log_scale = np.log2(deviation[index]) - 1.3 + hidden @ weights["scale"][index]
        log_scale += shape @ (np.round(np.asarray(network.scale_aspect[index]) * 64) / 64)
        expected = 4 * (log_scale - np.log2(STEPS[step] / 16)) + 16
        assert abs(kind[0] + 0.5 - np.clip(expected, 0, 31.99)) < 0.8
        value = round(float(values[index]) * 16)
        walk.add(index, np.array([value]))
        scaled = np.clip(value / 16 / deviation[index], -255 / 64, 255 / 64)
        sums = sums + scaled * weights["signed"][index] + abs(scaled) * weights["absolute"][index]


@pytest.mark.slow
def test_a_run_writes_a_model_that_encodes(photographs: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.bin"
    done = CliRunner().invoke(training.command, [str(photographs), "-o", str(output), "--steps", "40"])
    assert done.exit_code == 0, done.output
    assert "photographs held out" in done.output
    assert (Model.parse(output.read_bytes()).arrays["frequencies"].sum(axis=1) == TOTAL).all()
