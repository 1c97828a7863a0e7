"""The figures that benchmarks print are computed as they say."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))  # as for the scripts there

import curves  # noqa: E402
import datasets  # noqa: E402
import rivals  # noqa: E402
from curves import Point  # noqa: E402


def points(*pairs: tuple[float, float]) -> list[Point]:
    return [Point(i, file_bytes, 0.0, psnr) for i, (file_bytes, psnr) in enumerate(pairs)]


def test_psnr_is_of_the_pooled_error_and_not_a_mean_of_psnrs() -> None:
    black = np.zeros((2, 2), np.uint8)
    wide = np.zeros((2, 6), np.uint8)
    found = curves.point(7, [black, wide], [b"12", b"1234"], [black + 4, wide])
    assert found.psnr == pytest.approx(10 * math.log10(255**2 / (4 * 16 / 16)))
    assert (found.setting, found.file_bytes, found.bits_per_pixel) == (7, 3.0, 8 * 6 / 16)


def test_an_error_of_unsigned_samples_does_not_wrap() -> None:
    assert curves.squared_error(np.uint8([[0, 255]]), np.uint8([[255, 0]])) == 2 * 255**2


def test_lossless_has_infinite_psnr_and_no_place_on_a_curve() -> None:
    picture = np.zeros((1, 1), np.uint8)
    lossless = curves.point(0, [picture], [b"1"], [picture])
    assert lossless.psnr == math.inf
    assert curves.bytes_at([lossless], 30.0) is None


def test_a_picture_that_comes_back_in_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="came back"):
        curves.squared_error(np.zeros((2, 2), np.uint8), np.zeros((2, 2, 3), np.uint8))


def test_bytes_between_two_points_are_log_linear_and_beyond_them_unknown() -> None:
    curve = points((100, 20.0), (400, 30.0))
    assert curves.bytes_at(curve, 20.0) == pytest.approx(100)
    assert curves.bytes_at(curve, 25.0) == pytest.approx(200)
    assert curves.bytes_at(curve, 30.0) == pytest.approx(400)
    assert curves.bytes_at(curve, 19.9) is None
    assert curves.bytes_at(curve, 30.1) is None


def test_a_curve_is_made_of_its_best_points_only() -> None:
    kept = curves.front(points((100, 20.0), (150, 19.0), (120, 22.0), (120, 23.0), (90, 15.0)))
    assert [(p.file_bytes, p.psnr) for p in kept] == [(90, 15.0), (100, 20.0), (120, 23.0)]


def test_half_the_bytes_everywhere_is_a_bd_rate_of_minus_fifty_per_cent() -> None:
    reference = points((100, 20.0), (180, 26.0), (400, 30.0))
    half = points((50, 20.0), (90, 26.0), (200, 30.0))
    assert curves.bd_rate(half, reference) == pytest.approx((0.5, 20.0, 30.0))
    assert curves.bd_rate(reference, half) == pytest.approx((2.0, 20.0, 30.0))


def test_bd_rate_is_over_the_common_range_only() -> None:
    ours = points((10, 10.0), (100, 25.0), (200, 35.0))
    theirs = points((100, 20.0), (400, 30.0))
    ratio, low, high = curves.bd_rate(ours, theirs) or (0.0, 0.0, 0.0)
    assert (low, high) == (20.0, 30.0)
    at_20, at_25, at_30 = 10 * 10 ** (2 / 3) / 100, 100 / 200, 100 * 2**0.5 / 400
    assert ratio == pytest.approx((at_20 * at_25**2 * at_30) ** (1 / 4))
    assert curves.bd_rate(points((10, 10.0), (20, 15.0)), theirs) is None


def test_a_sheet_falls_into_its_tiles_row_by_row() -> None:
    sheet = np.arange(4 * 6, dtype=np.uint8).reshape(4, 6)
    tiles = datasets.sheet_tiles(sheet, (2, 3), least=2)
    assert [tile[0, 0] for tile in tiles] == [0, 3, 12, 15]
    assert len(datasets.sheet_tiles(sheet, (2, 3))) == 1


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3)])
def test_rivals_give_pictures_back_in_the_shape_they_came(shape: tuple[int, ...]) -> None:
    picture = np.full(shape, 90, np.uint8)
    found, _ = rivals.available(tuple(rivals.RIVALS))
    for rival in found:
        decoded = rival.decode(rival.encode(picture, **rival.best), picture.ndim == 2)
        assert decoded.shape == shape
        assert curves.squared_error(picture, decoded) <= 9 * picture.size


@pytest.mark.parametrize("name, shape", [("digits", (28, 28)), ("letters", (28, 28)), ("cifar", (32, 32, 3))])
def test_fixtures_are_sheets_of_twenty_different_tiles(name: str, shape: tuple[int, ...]) -> None:
    with Image.open(ROOT / "tests" / "fixtures" / f"{name}.png") as image:
        tiles = datasets.sheet_tiles(np.asarray(image), shape[:2], least=4)
    assert [tile.shape for tile in tiles] == [shape] * 20
    assert len({tile.tobytes() for tile in tiles}) == 20
