"""The classics: trained in floats, converted to exact integers, and then ordinary models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from samples import COLOUR, DIGITS
from tiny_classics import narrow

from aecodec.encoding.residual_search import choose_measured
from aecodec.engines import engine
from aecodec.models import analysis_network, safetensors
from aecodec.models.analysis import analyse
from aecodec.models.model import load, table_arrays
from aecodec.packing import parametric
from aecodec.training import classic_export, classics, runs
from aecodec.training.classics import CLASSICS, Autoencoder, Classic
from aecodec.training.options import TrainingOptions

Array = NDArray[Any]


def roused(classic: Classic) -> Autoencoder:
    """Networks whose normalisations and biases do something, as after training."""
    keras.utils.set_random_seed(1)
    made, random = classics.build(classic), np.random.default_rng(2)
    for layer in (*made.encoder.layers, *made.decoder.layers):
        weights = layer.get_weights()
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = weights[0].shape
            spread = (random.uniform(0.5, 1.5, shape), random.normal(0, 0.3, shape))
            layer.set_weights([*spread, random.normal(0, 0.1, shape), random.uniform(0.3, 1, shape)])
        elif weights:
            layer.set_weights([weights[0] * 1.5, random.normal(0, 0.2, weights[1].shape)])
    return made


def tiles_for(classic: Classic) -> Array:
    return np.stack(COLOUR if classic.channels == 3 else [d[..., None] for d in DIGITS])


def test_the_network_with_16_numbers_is_the_one_that_people_know() -> None:
    made = classics.build(CLASSICS["vector16"])
    assert made.parameters == 178_769


@pytest.mark.parametrize("name", CLASSICS)
def test_the_shape_of_a_classic_leads_to_its_tile(name: str) -> None:
    d = CLASSICS[name].description
    side, inputs = 1, d.vector
    for layer in d.synthesis_layers:
        side, inputs = layer.side(side), layer.channels
    assert (side, side) == d.tile and inputs == d.channels


@pytest.mark.parametrize("name", CLASSICS)
def test_the_model_file_computes_what_the_network_computes(name: str) -> None:
    made = roused(narrow(CLASSICS[name]))
    tiles = tiles_for(made.classic)
    arrays, metadata = classic_export.arrays_of(made, tiles)
    model = load(safetensors.dump(arrays | table_arrays(parametric()), {**metadata, "name": "x-1"}))
    latent = np.asarray(made.encoder(tiles / 255.0, training=False))
    vectors, _ = analyse(model, tiles)
    # The encoder: the same up to the centre and the gain of each element.
    for element in range(made.classic.vector):
        if latent[:, element].std() > 1e-3:
            assert np.corrcoef(latent[:, element], vectors[:, element])[0, 1] > 0.9999
    expected = 255.0 * np.asarray(made.joined()(tiles / 255.0, training=False))
    choice = choose_measured(model, engine(), tiles, np.full(len(tiles), 100))
    assert choice.pixels is not None
    difference = np.abs(choice.pixels - expected)
    assert expected.std() > 3
    assert difference.mean() < 0.6 and difference.max() < 6  # rounding alone makes 0.25 and 0.5
    # Rows and columns at the edge are no worse: zeros beyond it are zeros after the normalisation.
    assert difference[:, [0, -1]].mean() < 0.9 and difference[:, :, [0, -1]].mean() < 0.9


@pytest.mark.parametrize("stride, side", [(1, 7), (2, 7), (2, 8)])
def test_the_encoder_lays_its_windows_as_keras_does(stride: int, side: int) -> None:
    layer = keras.layers.Conv2D(3, 3, strides=stride, padding="same")
    pool = keras.layers.MaxPooling2D(padding="same")
    x = np.random.default_rng(0).uniform(0, 255, (2, side, side, 2)).astype(np.float32)
    expected = np.asarray(pool(layer(x / 255.0))).reshape(2, -1)
    weight, bias = layer.get_weights()
    values = dict(
        zip(analysis_network.PARTS, (weight, bias, np.ones(3, np.float32), np.zeros(3, np.float32)), strict=True)
    )
    arrays = {f"analysis.0.{part}": array for part, array in values.items()}
    found = analysis_network.run([analysis_network.EncoderLayer("none", pool=True, stride=stride)], arrays, x)
    assert np.allclose(found, expected, atol=1e-5)


def test_a_classic_refuses_what_its_authors_do_not_do(tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [
        {"distort": "gaussian:0.1"},
        {"denoise": "gaussian:0.1"},
        {"balance": True},
    ]
    for change in changes:
        with pytest.raises(ValueError, match="as its authors do it"):
            runs.run(TrainingOptions(("nothing",), tmp_path / "x-1.safetensors", preset="keras-blog", **change))
