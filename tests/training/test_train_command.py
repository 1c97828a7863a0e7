"""The command ``aec train``: what it refuses, each with one sentence; and the shapes of ablations."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from samples import DIGITS
from tiny_ladders import STEPS_PER_EPOCH, TILES, idx

from aecodec.cli import main
from aecodec.conformance.tiny_models import planeless_file, tiny_file
from aecodec.models import registry
from aecodec.models.checks import check_shape
from aecodec.models.description import Lossless
from aecodec.training import presets
from benchmarks import ablations, lossless_ablations


def refuses(*arguments: str) -> str:
    """The one sentence with which `aec train` fails."""
    result = CliRunner().invoke(main, ["train", *arguments], prog_name="aec")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("aec: ")
    assert result.stderr.count("\n") == 1
    assert not Path("out-1.safetensors").exists()
    return result.stderr


def test_bad_sources_get_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_presets: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text").write_text("no idx file")
    Path("short").write_bytes(idx(TILES)[:-1])
    Path("cut").write_bytes(idx(TILES)[:6])
    Path("floats").write_bytes(b"\0\0\x0d\3" + idx(TILES)[4:])
    Path("broken.gz").write_bytes(gzip.compress(idx(TILES))[:-30])
    Path("few").write_bytes(idx(TILES[:4]))
    Path("wide").write_bytes(idx(np.zeros((50, 32, 32), np.uint8)))
    Path("empty").mkdir()
    np.savez("floats.npz", a=TILES / 255)
    np.savez("empty.npz", labels=np.arange(5))
    Path("broken.npz").write_bytes(b"PK\3\4 and no more")
    Path("broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    Image.fromarray(DIGITS[0][:20]).save("small.png")
    for source in (
        "none", "text", "short", "cut", "floats", "broken.gz", "few", "wide", "empty", "floats.npz", "empty.npz",
        "broken.npz", "broken.png", "small.png",
    ):  # fmt: skip
        assert refuses(source, "-o", "out-1.safetensors", "--preset", "mnist", "--quiet"), source
    assert "does not exist" in refuses("none", "-o", "out-1.safetensors", "--preset", "mnist")
    assert "too few to hold out 1000" in refuses("few", "-o", "out-1.safetensors", "--preset", "mnist")


def test_an_existing_model_is_kept_unless_forced(tmp_path: Path) -> None:
    kept = tmp_path / "kept-1.safetensors"
    kept.write_bytes(b"precious")
    assert "--force" in refuses("any", "-o", str(kept), "--preset", "mnist")
    assert kept.read_bytes() == b"precious"


@pytest.mark.parametrize(
    "option, contents, sentence",
    [
        ("--init", planeless_file(), "has no plane: training starts from models that have one"),
        ("--init", tiny_file(), "is for other pictures than the preset mnist"),
        ("--lossless", tiny_file(), "is for other pictures than the preset mnist"),
    ],
    ids=["no plane", "other pictures", "a lossless stage for other pictures"],
)
def test_models_that_no_training_can_start_from_are_refused_with_one_sentence(
    tmp_path: Path, option: str, contents: bytes, sentence: str, tiny_presets: pytest.MonkeyPatch
) -> None:
    (tmp_path / "digits").write_bytes(idx(TILES))
    (tmp_path / "other-1.safetensors").write_bytes(contents)
    words = [str(tmp_path / "digits"), "-o", str(tmp_path / "x-1.safetensors"), "--preset", "mnist", "--quiet"]
    result = CliRunner().invoke(main, ["train", *words, option, str(tmp_path / "other-1.safetensors")])
    assert result.exit_code == 1
    assert sentence in result.output and len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "x-1.safetensors").exists()


def test_a_ladder_is_not_trained_for_less_than_two_epochs(tmp_path: Path, tiny_presets: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits").write_bytes(idx(TILES))
    words = ["train", str(tmp_path / "digits"), "-o", str(tmp_path / "x-1.safetensors"), "--preset", "mnist", "--quiet"]
    result = CliRunner().invoke(main, [*words, "--validation", "20", "--steps", str(2 * STEPS_PER_EPOCH - 1)])
    assert (result.exit_code, f"{2 * STEPS_PER_EPOCH - 1} steps are too few" in result.output) == (1, True)
    assert not (tmp_path / "x-1.safetensors").exists()


def test_a_preset_without_a_lossless_stage_and_a_shape_without_a_model_are_refused(tmp_path: Path) -> None:
    (tmp_path / "digits").write_bytes(idx(TILES))
    (tmp_path / "other-1.safetensors").write_bytes(tiny_file())
    words = ["train", str(tmp_path / "digits"), "-o", str(tmp_path / "x-1.safetensors"), "--quiet"]
    result = CliRunner().invoke(
        main, [*words, "--preset", "vector16", "--lossless", str(tmp_path / "other-1.safetensors")]
    )
    assert (result.exit_code, "vector16 has no lossless stage to train" in result.output) == (1, True)
    result = CliRunner().invoke(main, [*words, "--preset", "mnist", "--reshape"])
    assert (result.exit_code, "--reshape is for a model to start from" in result.output) == (2, True)


@pytest.mark.parametrize("name", ablations.SHAPES)
def test_every_variant_of_an_ablation_is_a_shape_that_can_be_trained(name: str) -> None:
    shape = ablations.SHAPES[name]
    found = {}
    for variant, change in ablations.VARIANTS.items():
        changed = change(shape)
        if changed is not None:
            found[variant] = changed.description()
            check_shape(found[variant])
    assert found["as it is"] == shape.description()
    assert len(set(found.values())) == len(found) >= 7


@pytest.mark.parametrize(
    "shape, lossless",
    [
        (presets.GRAY_28, presets.GRAY_LOSSLESS),
        (presets.COLOUR_32, presets.COLOUR_LOSSLESS),
        (presets.COLOUR_ANY, presets.COLOUR_LOSSLESS),
    ],
)
def test_every_variant_of_a_lossless_stage_is_a_shape_that_can_be_trained(
    shape: presets.LadderShape, lossless: Lossless
) -> None:
    found = {}
    for variant, change in lossless_ablations.VARIANTS.items():
        stage = change(lossless)
        if stage is not None:
            found[variant] = stage
            check_shape(replace(shape.description(), lossless=stage))
    assert found["as it is"] == lossless
    assert len(set(found.values())) == len(found) >= 7


@pytest.mark.parametrize("name", registry.NUMBERS.values())
def test_multiply_adds_of_a_lossless_stage_are_those_of_its_networks(name: str) -> None:
    model = registry.by_name(name)
    assert model.lossless
    networks = model.lossless.trunk, *model.lossless.heads
    assert model.lossless_macs_per_pixel == sum(net.multiply_adds for net in networks) + model.lossless.linear.size
