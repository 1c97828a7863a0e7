"""Rate targets: the best file within a limit, never one beyond it, or an error that names what can be reached."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from samples import COLOUR, DIGITS, GRAY_SCENES, mosaic, psnr, waves

import aecodec
from aecodec import metrics
from aecodec.errors import InvalidValue, Unreachable

NEAR = 0.95  # of the budget; or one quality step more would not fit
SETS = {"digits": DIGITS[:10], "scenes": COLOUR[:6], "gray scenes": GRAY_SCENES[:4], "large": [mosaic(90, 110)]}


def size_of(picture: np.ndarray, file: bytes, step: int) -> int | None:
    """Bytes at a quality some steps from that of a file, in the same form; None beyond the scale."""
    info = aecodec.inspect(file)
    if not 1 <= info.quality + step <= 100:
        return None
    return len(aecodec.encode(picture, model=info.model, quality=info.quality + step, effort=0))


def ssim(picture: np.ndarray, file: bytes) -> float:
    shape = (1, *picture.shape[:2], -1)
    return float(metrics.ssim(picture.reshape(shape), aecodec.decode(file).reshape(shape))[0])


# Bytes ---


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("share", [0.5, 0.7, 1.0, 1.5])
def test_files_are_never_over_the_budget_and_close_below_it(name: str, share: float) -> None:
    some = SETS[name]
    budget = int(share * np.mean([len(file) for file in aecodec.encode_many(some, quality=60, effort=0)]))
    files = aecodec.encode_many(some, max_bytes=budget, effort=0)
    for picture, file in zip(some, files, strict=True):
        assert len(file) <= budget
        more = size_of(picture, file, 1) if aecodec.inspect(file).model != "plain" else None
        assert len(file) >= NEAR * budget or more is None or more > budget


def test_a_large_budget_buys_every_sample() -> None:
    data = aecodec.encode(DIGITS[0], max_bytes=5000)
    assert np.array_equal(aecodec.decode(data), DIGITS[0])


def test_a_named_model_is_kept_to_within_a_budget() -> None:
    info = aecodec.inspect(aecodec.encode(DIGITS[0], max_bytes=5000, model="cifar", effort=0))
    assert (info.model.rpartition("-")[0], info.quality) == ("cifar", 100)


def test_sections_count_as_bytes_of_the_file() -> None:
    picture = np.dstack([COLOUR[0], DIGITS[0][:1, :1].repeat(32, 0).repeat(32, 1)])
    picture[::3, ::5, 3] = 90
    data = aecodec.encode(picture, max_bytes=300, effort=0)
    assert len(data) <= 300
    assert np.array_equal(aecodec.decode(data)[..., 3], picture[..., 3])


def test_a_budget_that_cannot_be_met_is_an_error_that_names_the_smallest() -> None:
    for picture in (DIGITS[0], COLOUR[0], mosaic(60, 60)):
        with pytest.raises(Unreachable) as caught:
            aecodec.encode(picture, max_bytes=3, effort=0)
        said = re.fullmatch(r"the smallest file of this picture has (\d+) bytes, more than 3", str(caught.value))
        assert said is not None
        least = int(said[1])
        assert len(aecodec.encode(picture, max_bytes=least, effort=0)) == least
        with pytest.raises(Unreachable):
            aecodec.encode(picture, max_bytes=least - 1, effort=0)


def test_the_picture_that_no_file_suits_is_named_by_its_index() -> None:
    with pytest.raises(Unreachable) as caught:
        aecodec.encode_many([DIGITS[0], DIGITS[1], mosaic(200, 200)], max_bytes=50, effort=0)
    assert caught.value.__notes__ == ["in file 2 of 3"]


# Likeness ---


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("least", [24.0, 31.5, 36.0])
def test_every_file_reaches_its_psnr_and_one_step_less_does_not(name: str, least: float) -> None:
    some = SETS[name]
    for picture, file in zip(some, aecodec.encode_many(some, min_psnr=least, effort=0), strict=True):
        assert psnr([(picture, aecodec.decode(file))]) >= least
        info = aecodec.inspect(file)
        if info.model != "plain" and info.quality > 1:
            worse = aecodec.encode(picture, model=info.model, quality=info.quality - 1, effort=0)
            assert psnr([(picture, aecodec.decode(worse))]) < least


@pytest.mark.parametrize("least", [0.6, 0.9, 0.97])
def test_every_file_reaches_its_ssim(least: float) -> None:
    for picture in (DIGITS[0], COLOUR[0], waves(40, 50)):
        file = aecodec.encode(picture, min_ssim=least, effort=0)
        assert ssim(picture, file) >= least
        info = aecodec.inspect(file)
        if info.model != "plain" and info.quality > 1:
            worse = aecodec.encode(picture, model=info.model, quality=info.quality - 1, effort=0)
            assert ssim(picture, worse) < least


def test_a_likeness_that_no_model_reaches_is_an_error_that_names_the_best() -> None:
    with pytest.raises(Unreachable, match=r"reaches a PSNR of (\d+\.\d\d) dB at most, not 90: max_error") as caught:
        aecodec.encode(COLOUR[0], model="cifar", min_psnr=90, effort=0)
    best = aecodec.decode(aecodec.encode(COLOUR[0], model="cifar", quality=100, effort=0))
    assert f"{psnr([(COLOUR[0], best)]):.2f} dB" in str(caught.value)
    with pytest.raises(Unreachable, match="reaches an SSIM of 0.99.. at most, not 1: max_error"):
        aecodec.encode(COLOUR[0], min_ssim=1, effort=0)


def test_ssim_needs_a_window() -> None:
    with pytest.raises(InvalidValue, match="at least 11 pixels in each direction"):
        aecodec.encode(COLOUR[0][:10], min_ssim=0.9)


def test_a_flat_picture_reaches_everything() -> None:
    flat = np.full((40, 40, 3), (1, 200, 90), np.uint8)
    targets: list[dict[str, Any]] = [{"min_psnr": 99}, {"min_ssim": 1.0}, {"max_bytes": 20}]
    for target in targets:
        try:
            data = aecodec.encode(flat, **target)
        except Unreachable:
            assert "max_bytes" not in target
            continue
        assert len(data) <= 20


# Arguments ---


def test_what_excludes_each_other_is_refused_in_one_sentence() -> None:
    targets: dict[str, Any] = {
        "quality": 5,
        "max_bytes": 5,
        "min_psnr": 5,
        "min_ssim": 0.5,
        "max_error": 5,
        "lossless": True,
    }
    for first in targets:
        for second in targets:
            if first != second:
                with pytest.raises(InvalidValue, match="cannot be combined"):
                    aecodec.encode(DIGITS[0], **{first: targets[first], second: targets[second]})
    with pytest.raises(InvalidValue, match="alpha_quality below 100 contradicts"):
        aecodec.encode(DIGITS[0], lossless=True, alpha_quality=50)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("max_bytes", value) for value in (0, -1, 2.5, "2k", True)],
        *[("min_psnr", value) for value in (-1, float("nan"), float("inf"), "38", True)],
        *[("min_ssim", value) for value in (1.01, -2, float("nan"), "1")],
        *[("max_error", value) for value in (-1, 65536, 1.0, "1")],
    ],
)
def test_nonsense_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidValue, match=f"{name} must be a"):
        aecodec.encode(DIGITS[0], **{name: value})
