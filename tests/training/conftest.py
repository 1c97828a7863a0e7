"""Fixtures of the tests of training, which are left out where AECODEC_TEST_WITHOUT_TENSORFLOW is set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from aecodec.models.model import Model
    from aecodec.training.fitting import TrainableLadder

collect_ignore_glob = ["test_*.py"] if "AECODEC_TEST_WITHOUT_TENSORFLOW" in os.environ else []


@pytest.fixture(scope="session")
def tiny_presets() -> Iterator[pytest.MonkeyPatch]:
    """The preset "mnist" and the lengths of runs made so small that a run takes seconds."""
    import tiny_ladders as tiny

    from aecodec.training import finish_run, fitting, held_out, ladder_run, lossless_run, presets

    with pytest.MonkeyPatch.context() as patch:
        for trainable in (fitting.TrainableLadder, finish_run.TrainableFinish, lossless_run.TrainableStage):
            patch.setattr(trainable, "compile", eagerly(trainable.compile))
        patch.setitem(presets.PRESETS, "mnist", tiny.TINY)
        for module in (fitting, lossless_run):
            patch.setattr(module, "STEPS_PER_EPOCH", tiny.STEPS_PER_EPOCH)
        for module in (fitting, finish_run, held_out):
            patch.setattr(module, "REPORTED_QUALITIES", (10, 90))
        patch.setattr(ladder_run, "TABLE_PIXELS", 100 * 28 * 28)
        yield patch


def eagerly(compiled: Any) -> Any:
    """``compile`` without a graph, which would take longer to build than so few steps take to run."""
    return lambda self, **options: compiled(self, **{**options, "jit_compile": False, "run_eagerly": True})


@pytest.fixture(scope="session")
def trained(tiny_presets: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file of a run of four epochs; its data and checkpoints lie beside it."""
    import tiny_ladders as tiny

    folder = tmp_path_factory.mktemp("training")
    (folder / "digits").write_bytes(tiny.idx(tiny.TILES))
    tiny.train(folder / "digits", folder / "small-1.safetensors", seed=3, learning_rate=1e-2)
    return folder / "small-1.safetensors"


@pytest.fixture(scope="session")
def network(trained: Path) -> TrainableLadder:
    """The network of that run, from its last checkpoint."""
    import tiny_ladders as tiny

    from aecodec.training import data, fitting

    checkpoints = trained.parent / "small-1.safetensors.training"
    pool = data.Pool(tiny.TILES[:, ..., None], 1.0)
    options = tiny.options_for(trained, trained, resume=True, checkpoints=checkpoints)
    return fitting.train(tiny.TINY, [pool], (pool.tiles,), options)


@pytest.fixture(scope="session")
def exported(network: TrainableLadder) -> Model:
    """That network as a model, with parametric tables."""
    import tiny_ladders as tiny

    return tiny.exported_from(network)
