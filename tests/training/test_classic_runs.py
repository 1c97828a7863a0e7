"""Runs of classics: they write models that work, go on where they were stopped, and are what their options say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from samples import DIGITS
from tiny_classics import narrow, train, write_data
from tiny_ladders import logged

import aecodec
from aecodec.cli import main
from aecodec.models import registry
from aecodec.models.model import load
from aecodec.training import augmentation, classic_training, classics, held_out
from aecodec.training.classics import CLASSICS
from benchmarks import classics as results

TILES = np.stack(DIGITS)[..., None]


@pytest.fixture(scope="module")
def tiny_classics() -> Iterator[pytest.MonkeyPatch]:
    """The classics with few units, and of three epochs."""
    with pytest.MonkeyPatch.context() as patch:
        for name, classic in CLASSICS.items():
            patch.setitem(CLASSICS, name, narrow(classic, epochs=3))
        patch.setattr(held_out, "REPORTED_QUALITIES", (50,))
        yield patch


@pytest.fixture(scope="module")
def trained(tiny_classics: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file of a run; its data and the folder of the run lie beside it."""
    folder = tmp_path_factory.mktemp("classic")
    write_data(folder / "digits.npz")
    train(folder / "digits.npz", folder / "classic-1.safetensors")
    return folder / "classic-1.safetensors"


def folder_of(model: Path) -> Path:
    return model.with_name(model.name + ".training")


@pytest.mark.slow
def test_a_run_writes_a_model_that_compresses_and_decompresses(trained: Path, own_folder: Path) -> None:
    (own_folder / trained.name).write_bytes(trained.read_bytes())
    model = load(trained.read_bytes())
    assert model.card["float"]["parameters"] == classics.build(CLASSICS["vector16"]).parameters
    assert "model file" in trained.with_suffix(".md").read_text()
    assert logged(folder_of(trained), "epoch") == [1, 2, 3]
    for quality in (1, 90):
        encoded = aecodec.encode(DIGITS[0], model="classic", quality=quality)
        decoded = aecodec.decode(encoded)
        assert decoded.shape == (28, 28)
        assert np.array_equal(decoded, aecodec.decode(encoded, engine="tensorflow"))


@pytest.mark.slow
def test_the_network_of_a_finished_run_is_in_its_folder(trained: Path) -> None:
    model = load(trained.read_bytes())
    network = classic_training.restore(model.description, folder_of(trained))
    figures = classic_training.float_figures(network, TILES, classic_training.float_outputs(network, TILES))
    exact = classic_training.exact_figures(model, TILES)
    assert figures["psnr"] == pytest.approx(exact["psnr"], abs=0.1)
    assert figures["sewar_uqi"] == pytest.approx(exact["sewar_uqi"], abs=0.01)
    assert figures["mse"] == pytest.approx(model.card["integers"]["mse"], rel=0.1)


def test_a_folder_without_a_network_is_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no network"):
        classic_training.restore(CLASSICS["vector16"].description, tmp_path)
    other = replace(CLASSICS["vector16"].description, block=2)
    with pytest.raises(ValueError, match="no classic has the shape"):
        classic_training.restore(other, tmp_path)


@pytest.mark.slow
def test_a_finished_run_that_is_resumed_only_exports_its_network_again(trained: Path, tmp_path: Path) -> None:
    checkpoints = folder_of(trained)
    data, again = trained.with_name("digits.npz"), tmp_path / "again-1.safetensors"
    model = train(data, again, resume=True, checkpoints=checkpoints)
    assert logged(checkpoints, "epoch") == [1, 2, 3]
    assert model.id == load(trained.read_bytes()).id


@pytest.mark.slow
def test_an_interrupted_run_goes_on_at_its_last_epoch(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, output = trained.with_name("digits.npz"), tmp_path / "broken-1.safetensors"
    note = classic_training._Log.on_epoch_end

    def interrupted(log: classic_training._Log, epoch: int, logs: dict[str, float] | None = None) -> None:
        note(log, epoch, logs)
        if epoch == 1:  # after the line of the log, and before the backup of the epoch
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(classic_training._Log, "on_epoch_end", interrupted)
        train(data, output)
    assert logged(folder_of(output), "epoch") == [1, 2] and not output.exists()
    first = logged(folder_of(output), "loss")[0]
    train(data, output, resume=True)
    assert logged(folder_of(output), "epoch") == [1, 2, 3]
    losses = logged(folder_of(output), "loss")
    assert losses[0] == first and losses[1] < first  # an untrained network would begin with the loss of epoch 1


@pytest.mark.slow
def test_a_network_of_another_shape_is_not_resumed(trained: Path, tmp_path: Path) -> None:
    before = logged(folder_of(trained), "loss")
    output, checkpoints = tmp_path / "other-1.safetensors", folder_of(trained)
    with pytest.raises(ValueError, match="^[^\n]* holds a network of another shape: leave out --resume$"):
        train(trained.with_name("digits.npz"), output, latent=2, resume=True, checkpoints=checkpoints)
    assert logged(checkpoints, "loss") == before and not output.exists()


@pytest.mark.slow
def test_a_run_without_resume_begins_anew(trained: Path, tmp_path: Path) -> None:
    data, output = trained.with_name("digits.npz"), tmp_path / "twice-1.safetensors"
    train(data, output)
    before = logged(folder_of(output), "loss")
    train(data, output)
    assert logged(folder_of(output), "epoch") == [1, 2, 3]
    assert logged(folder_of(output), "loss") == pytest.approx(before, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("preset, channels", [("vector16", 1), ("cifar-dense", 3)])
def test_a_dense_latent_can_have_any_size(
    tiny_classics: pytest.MonkeyPatch, tmp_path: Path, preset: str, channels: int
) -> None:
    write_data(tmp_path / "tiles.npz", channels)
    model = train(tmp_path / "tiles.npz", tmp_path / "dense-1.safetensors", preset, latent=7)
    assert model.description.vector == model.description.features == 7
    assert classics.classic_of(model.description) == replace(CLASSICS[preset], latent=7)
    assert model.card["float"]["bytes"] == 4 * 7


@pytest.mark.parametrize("preset", ["keras-blog", "mnist"])
def test_a_preset_without_a_dense_latent_refuses_another_size_of_it(tmp_path: Path, preset: str) -> None:
    write_data(tmp_path / "tiles.npz")
    output = tmp_path / "x-1.safetensors"
    words = ["train", str(tmp_path / "tiles.npz"), "-o", str(output), "--preset", preset, "--latent", "7", "--quiet"]
    result = CliRunner().invoke(main, words)
    assert (result.exit_code, result.output) == (
        1, "aec: --latent is for presets with a dense latent: vector16 and cifar-dense\n",
    )  # fmt: skip
    assert not output.exists()


def test_every_epoch_augments_the_tiles_anew_and_is_its_own_target() -> None:
    batches = classic_training._Batches(TILES, 8, augmentation.AUGMENTATIONS["shift"])
    known = {tile.tobytes() for tile in TILES}
    epochs = []
    for _ in range(2):
        pairs = [batches[index] for index in range(len(batches))]
        assert all(inputs is targets for inputs, targets in pairs)
        inputs = np.concatenate([pair[0] for pair in pairs])
        assert inputs.shape == TILES.shape and 0 <= inputs.min() < inputs.max() <= 1
        epochs.append({tile.tobytes() for tile in np.rint(inputs * 255).astype(np.uint8)})
        assert not epochs[-1] <= known
        batches.on_epoch_end()
    assert epochs[0] != epochs[1]


def test_without_augmentation_an_epoch_has_every_tile_once() -> None:
    batches = classic_training._Batches(TILES, 8, augmentation.AUGMENTATIONS["none"])
    orders = []
    for _ in range(2):
        inputs = np.concatenate([batches[index][0] for index in range(len(batches))])
        orders.append([tile.tobytes() for tile in np.rint(inputs * 255).astype(np.uint8)])
        assert sorted(orders[-1]) == sorted(tile.tobytes() for tile in TILES)
        batches.on_epoch_end()
    assert orders[0] != orders[1]


@pytest.mark.slow
def test_a_run_trains_on_augmented_tiles(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def noted(tiles: np.ndarray, random: np.random.Generator) -> np.ndarray:
        seen.append(len(tiles))
        return 0 * tiles

    monkeypatch.setitem(augmentation.AUGMENTATIONS, "pen", noted)
    train(trained.with_name("digits.npz"), tmp_path / "pen-1.safetensors", augmentation="pen")
    assert set(seen) == {45} and len(seen) >= 3
    plain, black = (logged(folder_of(path), "loss")[0] for path in (trained, tmp_path / "pen-1.safetensors"))
    assert black < plain - 0.01


def test_the_leaky_layers_of_the_network_with_16_numbers_have_a_slope_of_a_fifth() -> None:
    made = classics.build(CLASSICS["vector16"])
    layers = [*made.encoder.layers, *made.decoder.layers]
    slopes = [layer.negative_slope for layer in layers if isinstance(layer, keras.layers.LeakyReLU)]
    assert slopes == [0.2] * 4
    activations = [layer.activation for layer in made.classic.description.synthesis_layers]
    assert activations == ["none", "leaky5", "leaky5", "none"]


@pytest.mark.slow
def test_the_results_of_a_run_have_a_row_of_its_network(trained: Path, own_folder: Path) -> None:
    for path in (trained, folder_of(trained)):
        (own_folder / path.name).symlink_to(path)
    settings = results.Settings((100,), None, 0)
    found = results.measure(TILES, registry.by_name("classic-1"), settings)
    network, file = found.results
    assert (network.quality, network.file_bytes) == (None, 4 * CLASSICS["vector16"].vector)
    assert network.psnr == pytest.approx(file.psnr, abs=0.1)
    assert [entry["epoch"] for entry in found.epochs] == [1, 2, 3]
    sewar = pytest.importorskip("sewar")
    restored = classic_training.restore(registry.by_name("classic-1").description, folder_of(trained))
    outputs = classic_training.float_outputs(restored, TILES)
    expected = np.mean([sewar.uqi(a / 255, b) for a, b in zip(TILES, outputs, strict=True)])
    assert network.unrounded_uqi == pytest.approx(expected)
