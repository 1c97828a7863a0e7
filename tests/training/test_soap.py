"""SOAP: Adam where there is nothing to turn, faster than Adam where inputs and units are correlated."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from aecodec.training import soap
from aecodec.training.soap import Soap


def correlated(size: int, seed: int) -> Any:
    """A matrix (size, size) whose singular values fall from 1 to 0.03, in directions that are nobody's axes."""
    random = np.random.default_rng(seed)
    left, right = (np.linalg.qr(random.normal(size=(size, size)))[0] for _ in range(2))
    return ops.convert_to_tensor((left * np.geomspace(1.0, 0.03, size)) @ right.T, "float32")


def loss_after(steps: int, optimizer: keras.optimizers.Optimizer) -> float:
    """The loss after fitting a 1x1 kernel between correlated inputs and correlated units."""
    inputs, units = correlated(24, 1), correlated(12, 2)
    wanted = ops.convert_to_tensor(np.random.default_rng(3).normal(size=(24, 12)), "float32")
    kernel = keras.Variable(np.zeros((1, 1, 24, 12), np.float32))
    optimizer.build([kernel])
    for _ in range(steps):
        error = ops.matmul(ops.matmul(inputs, kernel[0, 0] - wanted), units)
        gradient = ops.matmul(ops.matmul(ops.transpose(inputs), error), ops.transpose(units))
        optimizer.apply([gradient[None, None]], [kernel])
    error = ops.matmul(ops.matmul(inputs, kernel[0, 0] - wanted), units)
    return float(ops.sum(error * error))


def test_correlated_inputs_and_units_are_learned_sooner_than_with_adam() -> None:
    with_soap = loss_after(300, Soap(0.03))
    with_adam = loss_after(300, keras.optimizers.Adam(0.03, beta_2=0.99))
    assert with_soap < with_adam / 2


def test_without_turned_bases_it_is_adam(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soap, "LARGEST", 1)
    with_adam = loss_after(60, keras.optimizers.Adam(0.03, beta_2=0.99))
    assert loss_after(60, Soap(0.03)) == pytest.approx(with_adam, rel=1e-3)


def test_a_bias_is_trained_as_by_adam() -> None:
    random = np.random.default_rng(4)
    gradients = random.normal(size=(8, 5)).astype(np.float32)
    trained = []
    for optimizer in (Soap(0.01), keras.optimizers.Adam(0.01, beta_2=0.99)):
        bias = keras.Variable(np.ones(5, np.float32))
        optimizer.build([bias])
        for gradient in gradients:
            optimizer.apply([ops.convert_to_tensor(gradient)], [bias])
        trained.append(ops.convert_to_numpy(bias))
    np.testing.assert_allclose(trained[0], trained[1], rtol=1e-4)


def test_bases_stay_orthogonal_and_large_sides_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soap, "LARGEST", 16)
    optimizer = Soap(0.03)
    loss_after(35, optimizer)
    inputs, units = optimizer.axes[0]
    assert inputs is None and units is not None
    basis = ops.convert_to_numpy(units[0])
    np.testing.assert_allclose(basis.T @ basis, np.eye(12), atol=1e-5)
    assert np.abs(basis - np.eye(12)).max() > 0.1
