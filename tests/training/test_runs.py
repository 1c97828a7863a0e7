"""Runs of training: they write models that work, say what they did, and go on where they were stopped."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from samples import DIGITS, squared_error
from tiny_ladders import LARGER, STEPS_PER_EPOCH, TILES, TINY, TINY_SHAPE, logged, options_for, train

import aecodec
from aecodec.models import registry
from aecodec.models.model import load
from aecodec.training import finish_run, fitting, lossless_network, lossless_run, presets, runs

Array = NDArray[Any]
pytestmark = pytest.mark.slow


def test_a_run_writes_a_model_that_compresses_and_decompresses(trained: Path, own_folder: Path) -> None:
    (own_folder / trained.name).write_bytes(trained.read_bytes())
    model = registry.by_name("small-1")
    assert model.description == TINY.description
    for quality in (1, 50, 100):
        encoded = aecodec.encode(DIGITS[0], model="small", quality=quality)
        assert aecodec.inspect(encoded).model_id == model.id.hex()
        decoded = aecodec.decode(encoded)
        assert decoded.shape == (28, 28)
        assert np.array_equal(aecodec.decode(encoded, engine="tensorflow"), decoded)


def test_a_run_says_on_its_card_what_it_did(trained: Path) -> None:
    card = load(trained.read_bytes()).card
    assert card["seed"] == 3
    assert card["data"] == [{"source": "digits", "tiles": 100}]
    assert card["held_out"]["tiles"] == 20
    assert [figure["quality"] for figure in card["figures"]] == list(fitting.REPORTED_QUALITIES)
    bytes_, decibels = ([figure[key] for figure in card["figures"]] for key in ("bytes", "psnr"))
    assert bytes_[0] < bytes_[-1]
    assert decibels[0] < decibels[-1]
    assert str(trained.parent) not in json.dumps(card)  # no folders of this machine


def test_training_lowers_the_loss(trained: Path) -> None:
    losses = logged(trained.parent / "small-1.safetensors.training", "loss")
    assert len(losses) == 4
    assert losses[-1] < losses[0]


def test_a_run_leaves_curves_and_reconstructions(trained: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("curves.png", "reconstructions.png"):
        with Image.open(trained.parent / "small-1.safetensors.training" / name) as image:
            assert min(image.size) > 200


@pytest.mark.parametrize("option", ["distort", "denoise"])
def test_a_run_on_distorted_pictures_says_so_and_compares_with_what_it_is_meant_to(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    validated = []
    validate = fitting.validate

    def noted(model: fitting.TrainableLadder, tiles: Array, *clean: Array) -> list[dict[str, float]]:
        validated.append((tiles, *clean))
        return validate(model, tiles, *clean)

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "validate", noted)
        options = {option: "salt-pepper:0.3", "steps": 2 * STEPS_PER_EPOCH}
        model = train(trained.parent / "digits", tmp_path / "noisy-1.safetensors", **options)
    assert model.card["distorted"] == {"by": "salt-pepper:0.3", "denoising": option == "denoise"}
    assert "salt-pepper:0.3" in (tmp_path / "noisy-1.md").read_text()
    tiles, *clean = validated[0]
    assert len(clean) == (option == "denoise")
    known = {tile.tobytes() for tile in TILES}
    assert not any(tile.tobytes() in known for tile in tiles)
    assert all(tile.tobytes() in known for part in clean for tile in part)


def test_nothing_is_left_to_train_when_a_finished_run_is_resumed(trained: Path, tmp_path: Path) -> None:
    checkpoints = trained.parent / "small-1.safetensors.training"
    before = logged(checkpoints, "epoch")
    resumed = {"seed": 3, "learning_rate": 1e-2, "resume": True, "checkpoints": checkpoints}
    again = train(trained.parent / "digits", tmp_path / "again-1.safetensors", **resumed)
    assert logged(checkpoints, "epoch") == before == [1, 2, 3, 4]
    assert again.id == load(trained.read_bytes()).id


def test_an_interrupted_run_goes_on_where_it_was(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits, output = trained.parent / "digits", tmp_path / "broken-1.safetensors"
    keep = fitting.Checkpoints.on_epoch_end

    def interrupted(self: fitting.Checkpoints, epoch: int, logs: dict[str, float] | None = None) -> None:
        keep(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(fitting.Checkpoints, "on_epoch_end", interrupted)
        train(digits, output, steps=3 * STEPS_PER_EPOCH)
    checkpoints = tmp_path / "broken-1.safetensors.training"
    assert logged(checkpoints, "epoch") == [1, 2]
    assert not output.exists()
    with np.load(checkpoints / "checkpoint.npz") as saved:
        assert saved["epoch"] == 2
    train(digits, output, steps=3 * STEPS_PER_EPOCH, resume=True)
    assert logged(checkpoints, "epoch") == [1, 2, 3]
    assert load(output.read_bytes()).name == "broken-1"


def test_the_checkpoint_of_another_optimizer_is_not_resumed(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other-1.safetensors.training"
    folder.mkdir()
    with np.load(trained.parent / "small-1.safetensors.training" / "checkpoint.npz") as saved:
        arrays = {name: array for name, array in saved.items() if name != "optimizer/5"}
    np.savez(folder / "checkpoint.npz", **arrays)
    with pytest.raises(ValueError, match="^[^\n]* is of another network or optimizer: leave out --resume$"):
        train(trained.parent / "digits", tmp_path / "other-1.safetensors", resume=True)


def test_a_run_finishes_a_model_for_lossless_files(
    trained: Path, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, few in {
        "BATCH": 64,
        "DRAWN": 20_000,
        "FITTED": 20_000,
        "MEASURED": 8_000,
        "TABLE_PIXELS": 20_000,
    }.items():
        monkeypatch.setattr(lossless_run, name, few)
    output = own_folder / "small-2.safetensors"
    runs.run(options_for(trained.parent / "digits", output, base=trained, steps=2 * STEPS_PER_EPOCH))
    before, after = load(trained.read_bytes()), load(output.read_bytes())
    assert before.lossless is None and after.lossless is not None
    for name, array in before.arrays.items():  # the ladder stays what it was
        assert np.array_equal(after.arrays[name], array)
    assert [figure["error"] for figure in after.card["lossless"]["figures"]] == [0, 1, 2, 4]
    encoded = aecodec.encode(DIGITS[1], model="small", lossless=True)
    assert aecodec.inspect(encoded).model_id == after.id.hex()
    assert np.array_equal(aecodec.decode(encoded), DIGITS[1])
    again = lossless_run.TrainableStage(after.description)
    again.build()
    again.start_from(after)
    made = lossless_network.arrays_of(again, after.arrays["lossless.linear"])
    assert all(np.array_equal(after.arrays[name], array) for name, array in made.items())
    with pytest.raises(ValueError, match="no lossless stage of the shape"):
        again.start_from(before)


def test_a_run_adds_a_finishing_network_to_a_model(
    trained: Path, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, few in {"DECODED": 60, "BATCH": 8, "MEASURED": 10}.items():
        monkeypatch.setattr(finish_run, name, few)
    output = own_folder / "small-3.safetensors"
    runs.run(options_for(trained.parent / "digits", output, finish=trained, steps=2 * STEPS_PER_EPOCH))
    before, after = load(trained.read_bytes()), load(output.read_bytes())
    assert before.finish is None and after.finish is not None
    for name, array in before.arrays.items():  # the ladder stays what it was
        assert np.array_equal(after.arrays[name], array)
    assert [figure["quality"] for figure in after.card["finish"]["figures"]] == [10, 90]
    assert "## Finishing network" in output.with_suffix(".md").read_text()
    more = {"init": output, "steps": 2 * STEPS_PER_EPOCH}
    further = train(trained.parent / "digits", own_folder / "small-4.safetensors", **more)
    assert further.finish is None  # it was for the ladder from which the training started
    encoded = aecodec.encode(DIGITS[1], model="small-3")
    assert aecodec.inspect(encoded).model_id == after.id.hex()
    assert aecodec.decode(encoded).shape == (28, 28)


def test_a_shape_without_a_tile_is_trained_on_crops_and_codes_any_size(
    tiny_presets: pytest.MonkeyPatch, own_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = dataclasses.replace(TINY_SHAPE, side=None, vector=0, block=8, groups=(0, 12))
    preset = dataclasses.replace(TINY, description=shape.description(), crop=16, tiles=4)
    monkeypatch.setitem(presets.PRESETS, "mnist", preset)
    (tmp_path / "pictures").mkdir()
    for index, picture in enumerate(LARGER[:6]):
        Image.fromarray(picture).save(tmp_path / "pictures" / f"{index}.png")
    model = train(tmp_path / "pictures", own_folder / "any-1.safetensors", steps=2 * STEPS_PER_EPOCH, crops=16)
    assert model.description.tile is None and model.description.features == shape.features
    assert "pictures of any size" in (own_folder / "any-1.md").read_text()
    noise = np.random.default_rng(1).integers(0, 60, LARGER[0].shape).astype(np.uint8)  # so that none goes plain
    for picture in (LARGER[7] // 2 + noise, (LARGER[8] // 2 + noise)[:9, :50]):
        encoded = aecodec.encode(picture, model="any", quality=60)
        decoded = aecodec.decode(encoded)
        assert aecodec.inspect(encoded).model_id == model.id.hex()
        assert decoded.shape == picture.shape
        assert squared_error(decoded, picture) < 0.3 * squared_error(np.full_like(picture, picture.mean()), picture)
