"""Curves, their tables, published ones and the KLT are computed as they say."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from markdown_tables import cells

from aecodec import metrics
from aecodec.evaluation import (
    anchors,
    curves,
    klt,
    pages,
    quality_scales,
    report,
    scores,
)
from aecodec.evaluation.curves import Curve, Point

ROOT = Path(__file__).parents[2]


def points(*pairs: tuple[float, float]) -> list[Point]:
    return [Point(i, file_bytes, file_bytes / 100, psnr) for i, (file_bytes, psnr) in enumerate(pairs)]


def test_psnr_is_of_the_pooled_error_and_not_a_mean_of_psnrs() -> None:
    black = np.zeros((2, 2), np.uint8)
    wide = np.zeros((2, 6), np.uint8)
    found = curves.point(7, [black, wide], [b"12", b"1234"], [black + 4, wide])
    assert found.psnr == pytest.approx(10 * math.log10(255**2 / (4 * 16 / 16)))
    assert (found.setting, found.file_bytes, found.bits_per_pixel) == (7, 3.0, 8 * 6 / 16)


def test_lossless_has_infinite_psnr_and_no_place_on_a_curve() -> None:
    picture = np.zeros((1, 1), np.uint8)
    lossless = curves.point(0, [picture], [b"1"], [picture])
    assert lossless.psnr == math.inf
    assert curves.bytes_at([lossless], 30.0) is None


def test_a_picture_that_comes_back_in_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="was decoded as"):
        curves.point(0, [np.zeros((2, 2), np.uint8)], [b""], [np.zeros((2, 2, 3), np.uint8)])


def test_similarity_is_the_mean_over_pictures_of_all_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "BATCH_SAMPLES", 500)  # one picture or two at a time
    rng = np.random.default_rng(0)
    originals = [rng.integers(0, 256, shape, np.uint8) for shape in ((12, 20), (12, 20), (12, 20), (16, 16, 3))]
    decoded = [picture // 2 for picture in originals]
    found = curves.with_similarity(Point(0, 1.0, 1.0, 20.0), originals, decoded)
    alone = [a.reshape(1, *a.shape[:2], -1) for a in originals], [b.reshape(1, *b.shape[:2], -1) for b in decoded]
    assert found.ssim == pytest.approx(np.mean([metrics.ssim(a, b) for a, b in zip(*alone, strict=True)]))
    assert found.uqi == pytest.approx(np.mean([metrics.uqi(a, b) for a, b in zip(*alone, strict=True)]))


def test_pictures_smaller_than_a_window_have_no_value() -> None:
    small = [np.zeros((10, 40), np.uint8)]
    found = curves.with_similarity(Point(0, 1.0, 1.0, 20.0), small, small)
    assert (found.ssim, found.ms_ssim, found.uqi) == (None, None, 1.0)


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
    assert curves.bd_rate(half, reference) == pytest.approx((-50.0, 20.0, 30.0))
    assert curves.bd_rate(reference, half) == pytest.approx((100.0, 20.0, 30.0))


def test_bd_rate_is_over_the_common_range_only() -> None:
    ours, theirs = points((10, 10.0), (1000, 50.0)), points((100, 20.0), (400, 30.0))
    ratio, low, high = curves.bd_rate(ours, theirs) or (0.0, 0.0, 0.0)
    assert (low, high) == (20.0, 30.0)
    assert ratio == pytest.approx(100 * (10 * 10 ** (15 / 20) / 200 - 1))  # at the middle of two lines
    assert curves.bd_rate(points((10, 10.0), (20, 15.0)), theirs) is None
    assert curves.bd_rate(points((10, 25.0)), theirs) is None


def test_a_curve_between_two_rates_ends_there() -> None:
    curve = [Point(q, size, size / 100, psnr) for q, size, psnr in ((1, 100, 20.0), (2, 200, 26.0), (3, 400, 30.0))]
    cut = curves.between(curve, 2.0**0.5, 9.0)
    assert [(p.setting, p.bits_per_pixel) for p in cut[1:2]] == [(2, 2.0)]
    assert cut[0].file_bytes == pytest.approx(100 * 2**0.5)
    assert cut[0].bits_per_pixel == pytest.approx(2**0.5)
    assert 20.0 < cut[0].psnr < 26.0 and cut[-1].psnr == pytest.approx(30.0)  # no further than it was measured
    same = curves.bd_rate(cut, curve)
    assert same is not None and same[0] == pytest.approx(0.0, abs=0.5)
    assert curves.between(curve, 5.0, 9.0) == [] and curves.between(curve[:1], 0.1, 9.0) == []


def test_the_klt_is_orthonormal_and_finds_the_strongest_direction() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(500, 1)) * np.array([[3.0, 4.0, 0.0]]) * 5 + rng.normal(size=(500, 3)) + 100
    mean, basis = klt.learn(rows.astype(np.float32))
    assert mean == pytest.approx([100, 100, 100], abs=3)
    assert basis.T @ basis == pytest.approx(np.eye(3), abs=1e-5)
    assert np.abs(basis[:, 0]) == pytest.approx([0.6, 0.8, 0.0], abs=0.02)


def test_the_klt_counts_ideal_entropy_and_has_a_dead_zone() -> None:
    # One column of two equally likely symbols, one that never changes, one of 1 in 4.
    symbols = np.array([[0, 5, 0], [1, 5, 0], [0, 5, 0], [1, 5, 9]], np.int32)
    one_in_four = 0.25 * 2 + 0.75 * math.log2(4 / 3)
    assert klt.entropy_bits(symbols) == pytest.approx(4 * (1 + one_in_four))
    assert klt.quantized(np.array([6.6, 6.7, -6.6, -6.7, 16.6], np.float32), 10).tolist() == [0, 1, 0, -1, 1]


def test_a_fine_klt_reproduces_its_pictures() -> None:
    rng = np.random.default_rng(3)
    pictures = list(rng.integers(0, 256, (40, 4, 4), np.uint8))
    fine, coarse = klt.measure(pictures, pictures, (0.5, 64)).points
    assert fine.psnr > 55 and coarse.psnr < 35 and fine.file_bytes > coarse.file_bytes
    with pytest.raises(ValueError, match="one shape"):
        klt.measure([np.zeros((4, 5), np.uint8)], pictures)


def test_tables_of_curves_have_ranges_and_bd_rates_of_ours() -> None:
    ours = Curve("aecodec", points((50, 20.0), (200, 30.0)))
    theirs = Curve("WebP", points((100, 20.0), (400, 30.0)))
    bench = report.Bench([ours], [theirs])
    assert cells(report.overview(bench)) == [
        ["aecodec", "50.0 to 200.0", "20.00 to 30.00", "-", "-"],
        ["WebP", "100.0 to 400.0", "20.00 to 30.00", "-50.0 %", "20.0 to 30.0"],
    ]
    part = report.Bench([ours], [theirs], rates=(1.0, 2.0))
    assert cells(report.overview(part))[1][3:] == ["-50.0 %", "20.0 to 25.0"]
    assert "1 to 2 bits/pixel" in report.describe(3, [], part, mean_psnr=False)
    assert cells(report.by_psnr(bench, [25.0, 31.0])) == [["25.0", "100.0", "200.0"], ["31.0", "-", "-"]]
    long = Curve("long", points(*((k + 1, k + 10) for k in range(40))))
    assert [row[0] for row in cells(report.by_setting(long, "quality", most=5))] == ["0", "10", "20", "29", "39"]
    assert report.nearest(long, 30.2) == 20
    assert report.steps(ours) == [20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]


def alike(*found: tuple[float, float, float | None]) -> list[Point]:
    """Points of so many bytes, a PSNR and an MS-SSIM."""
    return [Point(i, size, size / 100, psnr, ms_ssim=ms_ssim) for i, (size, psnr, ms_ssim) in enumerate(found)]


def test_similarities_are_compared_in_decibels() -> None:
    assert quality_scales.decibels(0.9) == pytest.approx(10)
    assert quality_scales.decibels(0.99) == pytest.approx(20)
    assert quality_scales.decibels(0.0) == 0 and quality_scales.decibels(1.0) == math.inf
    scale = quality_scales.SCALES["ms-ssim"]
    found = scale.points(alike((10, 20.0, 0.9), (20, 25.0, None), (40, 30.0, 0.999)))
    assert [p.file_bytes for p in found] == [10, 40]
    assert [p.psnr for p in found] == pytest.approx([10, 30])
    curve = alike((10, 20.0, 0.9))
    assert quality_scales.SCALES["psnr"].points(curve) == curve


def test_bd_rates_by_another_measure_ignore_psnr_and_keep_to_the_rates() -> None:
    # Half the bytes at equal MS-SSIM, and twice as many at equal PSNR.
    ours = Curve("aecodec", alike((100, 20.0, 0.9), (400, 30.0, 0.999)))
    theirs = Curve("WebP", alike((50, 20.0, 0.9 - 0.2), (200, 20.0 + 10, 0.9), (800, 40.0, 0.999)))
    silent = Curve("published", points((100, 20.0), (400, 30.0)))
    by_similarity = quality_scales.Distance(quality_scales.SCALES["ms-ssim"], (2.0, 8.0))
    bench = report.Bench([ours], [theirs], published=[silent], distances=[by_similarity])
    assert cells(report.overview(bench))[1][3:] == ["+100.0 %", "20.0 to 30.0"]
    table = report.bd_rates(bench, by_similarity)
    assert cells(table) == [
        ["aecodec", "-", "-"],
        ["WebP", "-50.0 %", "10.0 to 30.0"],
        ["published", "-", "-"],
    ]
    narrow = quality_scales.Distance(quality_scales.SCALES["ms-ssim"], (2.0, 4.0))
    assert cells(report.bd_rates(bench, narrow))[1][2] == "10.0 to 17.5"  # a cubic, no line
    page = report.page(bench, [])
    at = page.index("## BD-rates by MS-SSIM, 2 to 8 bits/pixel")
    assert "equal MS-SSIM" in page[at + 1] and "2 to 8 bits/pixel" in page[at + 1] and page[at + 2] == table
    assert not any("BD-rates by" in part for part in report.page(report.Bench([ours], [theirs]), []))


def test_a_measure_on_request_has_a_column_where_it_was_measured() -> None:
    plain = Curve("a", points((100, 20.0)))
    assert "SSIMULACRA2" not in report.by_setting(plain, "quality")
    scored = Curve("a", [replace(p, ssimulacra2=61.27) for p in plain.points])
    table = report.by_setting(scored, "quality")
    assert "SSIMULACRA2" in table and cells(table)[0][-1] == "61.3"


def test_ssimulacra2_is_of_each_picture_in_colour_and_gray() -> None:
    pytest.importorskip("ssimulacra2")
    random = np.random.default_rng(0)
    originals = [random.integers(0, 256, shape, np.uint8) for shape in ((24, 20, 3), (24, 20, 3), (24, 20), (6, 9))]
    decoded = [255 - originals[0], *originals[1:]]
    found = scores.measured(originals, decoded, ["ssimulacra2"])["ssimulacra2"]
    assert found[0] < 60 and found[1:3] == pytest.approx([100, 100]) and math.isnan(found[3])
    scored = curves.with_similarity(Point(0, 1.0, 1.0, 20.0), originals[:2], decoded[:2], ["ssimulacra2"])
    assert scored.ssimulacra2 == pytest.approx((found[0] + 100) / 2) and scored.ssim is None


def test_infinity_is_null_in_json() -> None:
    assert pages.finite({"psnr": math.inf, "ssim": 1.0, "uqi": None}) == {
        "psnr": None,
        "ssim": 1.0,
        "uqi": None,
    }


def test_the_mean_of_psnrs_takes_the_place_of_the_pooled_one() -> None:
    found = curves.point(
        0, [np.zeros((4, 4), np.uint8)] * 2, [b"", b""], [np.full((4, 4), k, np.uint8) for k in (1, 4)]
    )
    curve = curves.by_mean_psnr(Curve("a", [found]))
    assert curve.points[0].psnr == pytest.approx(20 * math.log10(255 / 2))  # of 1 and 4: their geometric mean
    assert found.psnr == pytest.approx(10 * math.log10(255**2 / 8.5))


PUBLISHED = {"name": "a codec", "results": {"bpp": [0.5, 1], "psnr-rgb": [30, None], "ms-ssim-rgb": [0.9, 0.95]}}


def test_published_curves_have_bytes_for_pictures_of_this_size(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(PUBLISHED))
    curve = anchors.read(file, 1024.0)
    assert (curve.name, [p.file_bytes for p in curve.points]) == ("a codec", [64, 128])
    assert [(p.psnr, p.ms_ssim) for p in curve.points] == [(30, 0.9), (math.inf, 0.95)]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"results": {"bpp": [1], "psnr-rgb": [1, 2]}}',
        '{"results": {"bpp": [], "psnr-rgb": []}}',
        '{"results": {"bpp": [0], "psnr-rgb": [30]}}',
        '{"results": {"bpp": ["x"], "psnr-rgb": [30]}}',
    ],
)
def test_files_of_another_form_are_no_published_curves(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"a\.json"):
        anchors.read(tmp_path / "a.json", 1024.0)


@pytest.mark.parametrize("file", sorted((ROOT / "benchmarks" / "published").glob("*.json")), ids=lambda file: file.stem)
def test_published_autoencoders_have_the_real_bytes_of_their_latents(file: Path) -> None:
    numbers, word, _ = json.loads(file.read_text())["description"].partition(" numbers, float32")
    pixels = 1024 if file.name.startswith("cifar") else 784
    curve = anchors.read(file, pixels)
    assert word and curve.points[0].file_bytes == pytest.approx(4 * int(numbers))
