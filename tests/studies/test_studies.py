"""Distortions, the study of robustness, features and anomaly scores."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from samples import COLOUR, DIGITS, LETTERS

import aecodec
from aecodec.cli import main
from aecodec.errors import InvalidValue, UnknownModel, UnsupportedImage
from aecodec.images import distortions
from aecodec.metrics import pooled_psnr
from aecodec.models import registry
from aecodec.models.description import COEFFICIENT_BITS
from aecodec.sources.stacks import pictures_for
from aecodec.studies import robustness

STACK = np.stack(DIGITS)[..., None]
GRAY = np.full((40, 32, 32, 1), 128, np.uint8)


def distorted(spec: str, pictures: np.ndarray = GRAY, seed: int = 0) -> np.ndarray:
    return distortions.parse(spec).apply(pictures, np.random.default_rng(seed))


# Distortions ---


@pytest.mark.parametrize("spec", distortions.STUDY)
def test_a_distortion_is_the_same_for_the_same_seed_and_leaves_its_input_alone(spec: str) -> None:
    before = STACK.copy()
    first, again = distorted(spec, STACK, 5), distorted(spec, STACK, 5)
    assert np.array_equal(first, again)
    assert np.array_equal(before, STACK)
    assert first.dtype == np.uint8 and first.shape == STACK.shape
    assert np.array_equal(first, STACK) == (spec == "none")


@pytest.mark.parametrize(
    "spec, expected",
    [
        ("gaussian:0.1", 0.1 * 255),
        ("white:0.1", 0.1 * 255 / np.sqrt(3)),  # the standard deviation of an even distribution
        ("speckle:0.1", 0.1 * 128),
        ("poisson:30", np.sqrt(128 / 255 / 30) * 255),  # that of a Poisson count, as a sample
    ],
)
def test_noise_has_the_strength_that_its_number_says(spec: str, expected: float) -> None:
    noise = distorted(spec).astype(float) - 128
    assert abs(noise.std() / expected - 1) < 0.03
    assert abs(noise.mean()) < 0.03 * expected


def test_salt_and_pepper_strike_their_share_of_pixels_one_as_often_as_the_other() -> None:
    struck = distorted("salt-pepper:0.2", np.full((40, 32, 32, 3), 128, np.uint8))
    black, white = (struck == 0).mean(), (struck == 255).mean()
    assert abs(black - 0.1) < 0.01 and abs(white - 0.1) < 0.01
    assert ((struck == struck[..., :1]).all(axis=-1)).all()  # a pixel's channels go together


def test_filters_are_those_of_scipy() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    for side in (3, 5):
        expected = np.stack([ndimage.median_filter(d, side, mode="nearest") for d in DIGITS])
        assert np.array_equal(distorted(f"median:{side}", STACK)[..., 0], expected)
        mean = np.stack([ndimage.uniform_filter(d.astype(float), side, mode="nearest") for d in DIGITS])
        assert np.abs(distorted(f"mean:{side}", STACK)[..., 0] - mean).max() <= 0.5 + 1e-9


def test_a_mixture_gives_each_picture_one_of_its_parts() -> None:
    mixed = distorted("salt-pepper:1,none", GRAY)
    changed = (mixed != GRAY).mean(axis=(1, 2, 3))
    assert set(changed.tolist()) == {0.0, 1.0}


def test_a_range_is_drawn_from_for_each_picture() -> None:
    spread = distorted("gaussian:0.02-0.3").astype(float).std(axis=(1, 2, 3))
    assert spread.min() < 0.08 * 255 < 0.2 * 255 < spread.max()
    sides = distortions.parse("median:3-7")
    assert sides.name == "median:3-7"


@pytest.mark.parametrize(
    "spec",
    ["", "noise:1", "gaussian", "gaussian:", "gaussian:x", "gaussian:0", "gaussian:-1", "gaussian:0.3-0.1", "none:1",
     "median:4", "mean:2.5", "median:17", "salt-pepper:1.1", "poisson:inf", "gaussian:nan", "gaussian:0.1,,none"],
)  # fmt: skip
def test_what_is_no_distortion_is_refused(spec: str) -> None:
    with pytest.raises(InvalidValue):
        distortions.parse(spec)


def test_a_specification_is_named_as_it_is_written() -> None:
    for spec in ("none", "gaussian:0.1", "poisson:3-100,none", "median:3,mean:5"):
        assert distortions.parse(spec).name == spec


# Robustness ---


def test_the_study_measures_what_its_columns_say() -> None:
    spec, model = "gaussian:0.1", "mnist"
    result, clean = robustness.measure(STACK, [model], [spec, "none"], robustness.Coding(60, 0, 3))
    noisy = distorted(spec, STACK, 3)
    files = aecodec.encode_many(list(noisy[..., 0]), model=model, quality=60, effort=0)
    decoded = np.stack(aecodec.decode_many(files))[..., None]
    assert result.file_bytes == np.mean([len(f) for f in files])
    assert result.distorted_clean.psnr == pooled_psnr(STACK, noisy)
    assert result.decoded_distorted.psnr == pooled_psnr(noisy, decoded)
    assert result.decoded_clean.psnr == pooled_psnr(STACK, decoded)
    assert result.gain == result.decoded_clean.psnr - result.distorted_clean.psnr
    assert clean.distorted_clean.psnr == np.inf and clean.as_dict()["distorted_clean"]["psnr"] is None
    assert clean.file_bytes < result.file_bytes


def test_the_command_prints_a_table_and_draws(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    folder = tmp_path / "digits"
    folder.mkdir()
    for index, digit in enumerate(DIGITS[:3]):
        Image.fromarray(digit).save(folder / f"{index}.png")
    plot, sheet = tmp_path / "plot.png", tmp_path / "sheet.png"
    specs = ["-d", "none", "-d", "gaussian:0.1", "-d", "gaussian:0.2", "-d", "median:3"]
    words = ["robustness", str(folder), "-m", "mnist", "-m", "alphabet", "-e", "0", *specs, "--quiet"]
    done = CliRunner().invoke(main, [*words, "--plot", str(plot), "--sheet", str(sheet)])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert len(lines) == 2 + 4 * 2
    assert lines[2].split()[:2] == ["none", "mnist"]
    for path in (plot, sheet):
        with Image.open(path) as image:
            assert min(image.size) > 300
    before = plot.read_bytes()
    again = CliRunner().invoke(main, [*words, "--plot", str(plot)])
    assert again.exit_code == 1 and again.output == f"aec: {plot}: already exists; use --force to overwrite it\n"
    assert plot.read_bytes() == before
    assert CliRunner().invoke(main, [*words, "--plot", str(plot), "--force"]).exit_code == 0
    found = json.loads(CliRunner().invoke(main, [*words, "--json"]).output)
    assert [(r["distortion"], r["model"]) for r in found[:2]] == [("none", "mnist"), ("none", "alphabet")]


def test_the_command_refuses_what_it_does_not_know_in_one_sentence(tmp_path: Path) -> None:
    Image.fromarray(DIGITS[0]).save(tmp_path / "a.png")
    done = CliRunner().invoke(main, ["robustness", str(tmp_path), "-m", "nobody"])
    assert done.exit_code == 1
    assert done.output.startswith("aec: ") and done.output.count("\n") == 1
    for distortion in ("fog:1", "white:-1", "median:2"):
        done = CliRunner().invoke(main, ["robustness", str(tmp_path), "-m", "mnist", "-d", distortion])
        assert done.exit_code == 2 and "Invalid value for --distortion: " in done.output


def test_progress_is_not_printed_into_a_pipe(tmp_path: Path) -> None:
    Image.fromarray(DIGITS[0]).save(tmp_path / "a.png")
    done = CliRunner().invoke(main, ["robustness", str(tmp_path), "-m", "mnist", "-d", "none", "-e", "0"])
    assert done.exit_code == 0 and done.stderr == ""


def test_a_plot_needs_something_to_plot_and_a_name_of_a_picture(tmp_path: Path) -> None:
    Image.fromarray(DIGITS[0]).save(tmp_path / "a.png")
    words = ["robustness", str(tmp_path), "-m", "mnist"]
    for more in (["-d", "none", "--plot", "plot.png"], ["--plot", "plot.txt"], ["--sheet", "sheet"]):
        done = CliRunner().invoke(main, [*words, *more])
        assert done.exit_code == 2, done.output


# Features ---


@pytest.mark.parametrize("name, tiles", [("mnist", DIGITS), ("cifar", COLOUR)])
def test_features_have_the_documented_shapes(name: str, tiles: list[np.ndarray]) -> None:
    d = registry.by_name(name).description
    one = aecodec.features(tiles[0], model=name)
    assert d.tile is not None
    rows, columns = d.grid(*d.tile)
    assert one.vector.shape == one.quantized_vector.shape == (1, d.vector)
    assert one.plane.shape == one.quantized_plane.shape == (rows, columns, d.coefficients)
    assert {array.dtype for array in vars(one).values()} == {np.dtype(np.float32)}
    many = aecodec.features_many(tiles[:3], model=name)
    assert all(np.allclose(a[0], b, atol=1e-2) for a, b in zip(vars(many).values(), vars(one).values(), strict=True))


def test_quantized_features_come_nearer_with_quality_and_are_quarters() -> None:
    errors = []
    for quality in (20, 60, 100):
        found = aecodec.features(DIGITS[3], model="mnist", quality=quality)
        errors.append(float(((found.plane - found.quantized_plane) ** 2).mean()))
        whole = found.quantized_plane * 2**COEFFICIENT_BITS
        assert np.array_equal(whole, np.rint(whole))
    assert errors[0] > errors[1] > errors[2]


def test_features_need_one_model_and_pictures_of_one_size() -> None:
    with pytest.raises(InvalidValue):
        aecodec.features(DIGITS[0], model="auto")
    with pytest.raises(UnknownModel):
        aecodec.features(DIGITS[0], model="nobody")
    with pytest.raises(InvalidValue):
        aecodec.features(DIGITS[0], model="mnist", quality=0)
    with pytest.raises(UnsupportedImage):
        aecodec.features_many([DIGITS[0], DIGITS[0][:20]], model="mnist")
    with pytest.raises(UnsupportedImage):
        aecodec.features_many([], model="mnist")
    with pytest.raises(UnsupportedImage):
        aecodec.features(COLOUR[0], model="mnist")


def test_aec_features_writes_what_features_many_gives(tmp_path: Path) -> None:
    for index, digit in enumerate(DIGITS[:4]):
        Image.fromarray(digit).save(tmp_path / f"{index}.png")
    output = tmp_path / "out.npz"
    done = CliRunner().invoke(main, ["features", str(tmp_path), "-o", str(output), "-m", "mnist", "-n", "3"])
    assert done.exit_code == 0, done.output
    expected = vars(aecodec.features_many(DIGITS[:3], model="mnist"))
    with np.load(output, allow_pickle=False) as arrays:
        assert set(arrays.files) == set(expected)
        assert all(np.array_equal(arrays[name], expected[name]) for name in expected)
    again = CliRunner().invoke(main, ["features", str(tmp_path), "-o", str(output), "-m", "mnist"])
    assert again.exit_code == 1 and "--force" in again.output


# Anomalies ---


def test_what_the_model_has_not_learned_scores_higher() -> None:
    digits = aecodec.anomaly_scores(DIGITS, model="mnist")
    noise = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    assert aecodec.anomaly_scores(noise, model="mnist").min() > digits.max()
    assert np.median(aecodec.anomaly_scores(LETTERS, model="mnist")) > np.median(digits)


def test_a_score_is_bits_and_error_per_pixel() -> None:
    from aecodec.models.description import lambda_of_quality

    quality = 50
    score = aecodec.anomaly_score(DIGITS[0], model="mnist", quality=quality)
    data = aecodec.encode(DIGITS[0], model="mnist", quality=quality, effort=0)
    error = float(((aecodec.decode(data).astype(float) - DIGITS[0]) ** 2).sum())
    whole = (8 * len(data) + lambda_of_quality(quality) * error) / DIGITS[0].size
    assert abs(score - whole) < 8 * 4 / DIGITS[0].size  # the checksum and the last byte's rest


def test_aec_anomalies_ranks_a_folder(tmp_path: Path) -> None:
    for index, digit in enumerate(DIGITS[:5]):
        Image.fromarray(digit).save(tmp_path / f"digit-{index}.png")
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    done = CliRunner().invoke(main, ["anomalies", str(tmp_path), "-m", "mnist", "--json"])
    ranked = json.loads(done.output)
    assert len(ranked) == 6 and ranked[0]["file"].endswith("noise.png")
    assert [r["score"] for r in ranked] == sorted((r["score"] for r in ranked), reverse=True)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    done = CliRunner().invoke(main, ["anomalies", str(tmp_path), "-m", "mnist", "-n", "1"])
    assert done.exit_code == 1
    assert "noise.png" in done.output and "broken.png" in done.output


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_aec_anomalies_goes_on_past_what_cannot_be_read(tmp_path: Path) -> None:
    Image.fromarray(DIGITS[0]).save(tmp_path / "digit.png")
    (tmp_path / "lost.png").symlink_to(tmp_path / "nothing.png")
    os.mkfifo(tmp_path / "pipe.png")
    done = CliRunner().invoke(main, ["anomalies", str(tmp_path), "-m", "mnist"])
    assert done.exit_code == 1
    assert "digit.png" in done.stdout and "lost.png" in done.stderr and "pipe.png" not in done.output


@pytest.mark.parametrize("command", ["features", "robustness"])
def test_studies_take_pictures_as_they_are_or_refuse_them(command: str, tmp_path: Path) -> None:
    words = {"features": ["-o", str(tmp_path / "f.npz")], "robustness": ["-d", "none", "--quiet"]}[command]
    for name, picture, what in (
        ("large", np.zeros((30, 28), np.uint8), "28x30 does not fit a model of 28x28"),
        ("colour", COLOUR[0][:28, :28], "colours"),
    ):
        (tmp_path / name).mkdir()
        Image.fromarray(picture).save(tmp_path / name / "a.png")
        done = CliRunner().invoke(main, [command, str(tmp_path / name), "-m", "mnist", *words])
        assert done.exit_code == 1 and what in done.stderr and "a.png" in done.stderr


def test_gray_pictures_stored_in_colour_and_the_reverse_fit(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([DIGITS[0]] * 3)).save(tmp_path / "a.png")
    assert np.array_equal(pictures_for(str(tmp_path), "mnist"), DIGITS[0][None, ..., None])
    Image.fromarray(COLOUR[0][..., 0]).save(tmp_path / "a.png")
    assert np.array_equal(pictures_for(str(tmp_path / "a.png"), "cifar")[0], np.dstack([COLOUR[0][..., 0]] * 3))
