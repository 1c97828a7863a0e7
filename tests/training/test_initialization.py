"""Initialization: a ladder of another shape starts from what it has in common with a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_ladders import SMALL_SHAPE, TILES, TINY_SHAPE, exported_from, perturbed

from aecodec.models.description import lambda_of_quality
from aecodec.models.model import Model
from aecodec.training.exact_layers import numpy
from aecodec.training.fitting import TrainableLadder
from aecodec.training.initialization import initialize, source_passes
from aecodec.training.presets import LadderShape
from aecodec.training.statistics import of_model

Array = NDArray[Any]


# A shape without tiles, whose features come from an update alone.
ANY_SIZE = LadderShape(side=None, channels=1, groups=(0, 4), features=6, width=8)


@pytest.fixture(scope="module")
def model() -> Model:
    """A model of the small shape, all of whose weights have moved."""
    return exported_from(perturbed(SMALL_SHAPE))


def network_from(shape: LadderShape, model: Model, exact: bool = True) -> TrainableLadder:
    """A network of a shape that starts from a model."""
    network = TrainableLadder(shape.description(), of_model(model, TILES[..., None]), name="objective")
    network.build()
    initialize(network, model)
    network.set_exact(exact)
    return network


def coded(network: TrainableLadder) -> dict[str, Array]:
    """Bits (N,), squared errors (N,) and pixels (N, 28, 28, 1) of eight tiles."""
    (result,) = network.call(((TILES[:8, ..., None], np.tile([10, 90], 4).astype(np.int32)),))
    return {name: np.asarray(values) for name, values in result.items()}


def test_a_wider_ladder_starts_as_the_narrower_one(model: Model) -> None:
    before, after = coded(network_from(SMALL_SHAPE, model)), coded(network_from(replace(SMALL_SHAPE, width=12), model))
    for name in ("bits", "error"):
        assert np.allclose(before[name], after[name], rtol=0.02)
    # New units can learn: they see their inputs, and the former ones do not see them yet.
    new = network_from(replace(SMALL_SHAPE, width=12), model).pass_nets[0]
    assert numpy(new[0].kernel)[..., 8:].any() and not numpy(new[1].kernel)[:, :, 8:, :8].any()


@pytest.mark.parametrize("shape", [SMALL_SHAPE, ANY_SIZE], ids=["tiles with a vector", "pictures of any size"])
def test_a_ladder_with_more_features_starts_as_the_one_with_fewer(shape: LadderShape) -> None:
    model = exported_from(perturbed(shape))
    more = replace(shape, features=shape.features + 4)
    before, after = (coded(network_from(each, model, exact=False)) for each in (shape, more))
    for name, values in before.items():
        assert np.allclose(values, after[name], rtol=1e-4, atol=1e-2)
    # Sums over more inputs may leave the weights a bit less of precision.
    before, after = (coded(network_from(each, model)) for each in (shape, more))
    for name in ("bits", "error"):
        assert np.allclose(before[name], after[name], rtol=0.02)
    # New features can learn: a network makes them, and none uses them yet.
    network = network_from(more, model)
    maker = network.update_nets[[bool(net) for net in network.update_nets].index(True)][-1]
    assert numpy(maker.kernel)[..., shape.features :].any()
    assert not numpy(network.pass_nets[-1][0].kernel)[:, :, shape.features : more.features, : shape.width].any()


@pytest.mark.slow
def test_two_halves_of_a_group_start_from_the_passes_that_it_had(exported: Model) -> None:
    halves = replace(TINY_SHAPE, groups=(0, 2, 4), joined=(2,))
    group = ((TILES[:60, ..., None], np.full(60, 60, np.int32)),)
    fresh = TrainableLadder(halves.description(), of_model(exported, TILES[..., None]))
    fresh.build()
    networks = network_from(TINY_SHAPE, exported), network_from(halves, exported), fresh
    results = [network.call(group)[0] for network in networks]
    # The first half lacks what the second one told its neighbours, which costs little compared with a fresh start.
    cost = [np.sum(np.asarray(r["bits"]) + lambda_of_quality(60) * np.asarray(r["error"])) for r in results]
    assert cost[1] - cost[0] < 0.5 * (cost[2] - cost[0])


@pytest.mark.parametrize(
    "changes, what",
    [
        ({"vector": 5}, "another vector"),
        ({"block": 7}, "another block"),
        ({"groups": (0, 6)}, "no pass of x-1 has the channels 0 to 6"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(model: Model, changes: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        source_passes(replace(SMALL_SHAPE, **changes).description(), model)
