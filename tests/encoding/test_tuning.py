"""What the encoder counts as distortion."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from command_line import aec
from PIL import Image
from reference_engine import needs_native

import aecodec
import aecodec.pillow
from aecodec import InvalidValue, metrics, native
from aecodec.encoding import rounding
from aecodec.encoding.options import PSNR, SSIM, TUNE_NAMES
from aecodec.encoding.rounding import Elements, Rounded
from aecodec.encoding.tuning import TUNES, Distortion, SquaredError, distortion_of
from aecodec.models import registry

EXAMPLES = Path(__file__).parents[2] / "examples"
CAT = np.asarray(Image.open(EXAMPLES / "cat.png").convert("RGB"))
COLOURS = np.repeat(np.repeat(np.random.default_rng(3).integers(0, 256, (1, 5, 6, 3)), 8, 1), 8, 2).astype(np.uint8)


def of(name: str, pictures: np.ndarray, tune: str = SSIM) -> Distortion:
    return distortion_of(tune, registry.by_name(name), pictures)


def shifted(pictures: np.ndarray, pattern: np.ndarray | int) -> np.ndarray:
    moved: np.ndarray = np.clip(pictures.astype(int) + pattern, 0, 255).astype(np.uint8)
    return moved


def test_names_are_those_of_the_options() -> None:
    assert tuple(TUNES) == TUNE_NAMES


def test_squared_error_is_that_of_the_pixels() -> None:
    pictures = COLOURS // 2 + 50
    distortion = of("photo", pictures, PSNR)
    noise = np.random.default_rng(0).integers(-20, 21, pictures.shape)
    found = distortion.of(shifted(pictures, noise))
    assert found.shape == distortion.block_weights.shape == (1, 30)
    assert found.sum() == (noise**2).sum()
    assert (distortion.block_weights == 1).all()
    assert (distortion.element_weights == 1).all()


@pytest.mark.parametrize("name", ["photo", "cifar", "mnist"])
def test_shares_that_ms_ssim_sees_are_least_for_fine_patterns(name: str) -> None:
    channels = registry.by_name(name).description.channels
    gray = np.full((1, *registry.by_name(name).description.unit, channels), 128, np.uint8)
    distortion = of(name, gray)
    checks = np.indices(gray.shape[1:3]).sum(axis=0) % 2 * 20 - 10
    fine, flat = distortion.of(shifted(gray, checks[..., None])), distortion.of(shifted(gray, 10))
    assert (fine < 0.1 * flat).all()  # a checkerboard of pixels is gone at the second scale
    assert distortion.element_weights.min() >= metrics.MS_SSIM_WEIGHTS[0] * 0.4
    assert distortion.element_weights.max() <= 1.001


def test_an_error_of_colour_weighs_less_than_one_of_luma() -> None:
    gray = np.full((1, 16, 16, 3), 128, np.uint8)
    luma, colour = np.array([10, 10, 10]), np.array([12, -8, 8])  # equally bright, nearly
    seen, less = (of("photo", gray).of(shifted(gray, error)).sum() / (error**2).sum() for error in (luma, colour))
    assert less < 0.7 * seen


def test_an_error_weighs_more_where_the_picture_is_smooth() -> None:
    pictures = np.full((1, 48, 48, 3), 128, np.uint8)
    pictures[:, :, 32:] = np.random.default_rng(0).integers(0, 256, (48, 16, 1))
    weights = of("photo", pictures).block_weights.reshape(6, 6)
    assert (weights[:, :3] == weights[0, 0]).all()
    assert (weights[:, 3] < weights[0, 0]).all()  # its neighbours are noise
    assert (weights[:, 4:] < 0.1 * weights[0, 0]).all()
    assert weights[0, 0] == pytest.approx((3400 / 50) ** 0.7)


def test_an_error_weighs_the_same_in_a_part_of_the_picture() -> None:
    whole, part = of("photo", CAT[None, :128, :128]), of("photo", CAT[None, 32:96, 32:96])
    inner = whole.block_weights.reshape(16, 16)[5:11, 5:11]
    np.testing.assert_allclose(inner, part.block_weights.reshape(8, 8)[1:7, 1:7], rtol=1e-4)


@pytest.mark.parametrize("quality", [40, 60])
def test_a_file_tuned_for_ssim_has_a_higher_ms_ssim_in_no_more_bytes(quality: int) -> None:
    picture = CAT.astype(int)
    picture[:, :220] += np.random.default_rng(0).integers(-60, 60, (300, 220, 1))
    picture[:, 220:] = picture[:, 220:] // 4 + 100  # faint, where SSIM still wants the contrast
    picture = picture.clip(0, 255).astype(np.uint8)
    usual = aecodec.encode(picture, model="photo", quality=quality)
    tuned = aecodec.encode(picture, model="photo", max_bytes=len(usual), tune=SSIM)
    scores = [metrics.ms_ssim(picture[None], aecodec.decode(file)[None])[0] for file in (usual, tuned)]
    assert len(tuned) <= len(usual)
    assert 1 - scores[1] < 0.92 * (1 - scores[0])


@needs_native
@pytest.mark.parametrize("name", ["mnist", "cifar", "photo"])
@pytest.mark.parametrize("effort", [0, 3])
def test_rounding_is_the_same_without_the_native_library(
    name: str, effort: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast, seen = rounding._native, []

    def both(elements: Elements, changes: np.ndarray | None, measuring: bool, proposing: bool) -> Rounded:
        found = fast(elements, changes, measuring, proposing)
        expected = in_numpy(elements, changes, measuring, proposing)
        for one, other in zip(vars(found).values(), vars(expected).values(), strict=True):
            assert (one is None and other is None) or np.array_equal(one, other)
        seen.append(found)
        return found

    monkeypatch.setattr(rounding, "_native", both)
    picture = CAT[40:71, 50:90] if name != "mnist" else CAT[40:68, 50:78, 1]
    for quality in (5, 50, 95):
        file = aecodec.encode(picture, model=name, quality=quality, effort=effort, tune=SSIM)
        assert aecodec.decode(file).shape == picture.shape
    assert len(seen) > 10


@needs_native
def test_rounding_of_several_padded_pictures_is_the_same_without_the_native_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pictures = [CAT[y : y + 41, 50:103] for y in (0, 60, 120)]
    fast = aecodec.encode_many(pictures, model="cifar", tune=SSIM)
    assert fast == [aecodec.encode(picture, model="cifar", tune=SSIM) for picture in pictures]
    monkeypatch.setattr(rounding, "_native", in_numpy)
    assert aecodec.encode_many(pictures, model="cifar", tune=SSIM) == fast


def in_numpy(elements: Elements, changes: np.ndarray | None, measuring: bool, proposing: bool) -> Rounded:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "library", lambda: None)
        return rounding.choose(elements, changes, measuring=measuring, proposing=proposing)


def test_distortion_by_scale_counts_a_flat_error_fully_and_a_checkerboard_at_the_first_scale_only() -> None:
    for name in ("mnist", "cifar", "photo"):
        d = registry.by_name(name).description
        gray = np.full((1, *d.unit, d.channels), 128, np.uint8)
        distortion, samples = of(name, gray), d.block**2 * d.channels
        checks = np.indices(gray.shape[1:3]).sum(axis=0) % 2 * 20 - 10
        flat, fine = distortion.of(shifted(gray, 10)), distortion.of(shifted(gray, checks[..., None]))
        assert flat == pytest.approx(100 * samples * sum(metrics.MS_SSIM_WEIGHTS), rel=1e-3)
        assert fine == pytest.approx(100 * samples * metrics.MS_SSIM_WEIGHTS[0], rel=1e-3)


def test_a_model_without_a_plane_is_tuned_for_squared_error() -> None:
    model: Any = SimpleNamespace(description=SimpleNamespace(passes=(), block=4, coefficients=0))
    assert isinstance(distortion_of(SSIM, model, np.zeros((1, 28, 28, 1), np.uint8)), SquaredError)


@pytest.mark.parametrize("write", ["compress", "save", "data set"])
def test_every_way_to_write_a_file_passes_tune_on(write: str, tmp_path: Path) -> None:
    expected, usual = (aecodec.encode(CAT, model="photo", quality=30, tune=tune) for tune in (SSIM, PSNR))
    assert expected != usual
    path = tmp_path / "cat.aec"
    if write == "compress":
        options = ["-m", "photo", "-q", "30", "--tune", "ssim"]
        assert aec("compress", str(EXAMPLES / "cat.png"), "-o", str(path), *options).exit_code == 0
        assert path.read_bytes() == expected
    elif write == "save":
        aecodec.pillow.register()
        Image.fromarray(CAT).save(path, model="photo", quality=30, tune=SSIM)
        assert path.read_bytes() == expected
    else:
        aecodec.dataset.write(path, [CAT], model="photo", quality=30, tune=SSIM)
        assert np.array_equal(aecodec.dataset.open(path)[0], aecodec.decode(expected))


def test_tune_is_checked() -> None:
    with pytest.raises(InvalidValue, match="tune must be psnr or ssim, not butter"):
        aecodec.encode(CAT, tune="butter")
    with pytest.raises(InvalidValue, match="tune=ssim contradicts lossless and max_error"):
        aecodec.encode(CAT, lossless=True, tune=SSIM)
