"""Curves, sweeps, sheets and tables are computed as they say."""

from __future__ import annotations

import json
import math
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from samples import COLOUR, DIGITS

import aecodec
from aecodec import metrics
from aecodec.evaluation import (
    anchors,
    assessment,
    colours,
    comparison,
    curves,
    klt,
    latent_figure,
    pages,
    report,
    rivals,
    scores,
    sheets,
    speed,
    sweeps,
)
from aecodec.evaluation.curves import Curve, Point
from aecodec.images.regions import Box
from aecodec.sources import items

ROOT = Path(__file__).parents[2]


def cells(table: str) -> list[list[str]]:
    """The lines of a Markdown table below its head."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


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
    with pytest.raises(ValueError, match="came back"):
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
    assert (cut[0].file_bytes, cut[0].bits_per_pixel) == (pytest.approx(100 * 2**0.5), pytest.approx(2**0.5))
    assert 20.0 < cut[0].psnr < 26.0 and cut[-1].psnr == pytest.approx(30.0)  # no further than it was measured
    same = curves.bd_rate(cut, curve)
    assert same is not None and same[0] == pytest.approx(0.0, abs=0.5)
    assert curves.between(curve, 5.0, 9.0) == [] and curves.between(curve[:1], 0.1, 9.0) == []


def test_a_sheet_falls_into_its_tiles_row_by_row() -> None:
    sheet = np.arange(4 * 6, dtype=np.uint8).reshape(4, 6)
    tiles = items.sheet_tiles(sheet, (2, 3), least=2)
    assert [tile[0, 0] for tile in tiles] == [0, 3, 12, 15]
    assert len(items.sheet_tiles(sheet, (2, 3))) == 1


def test_npz_files_give_their_pictures_or_one_array_of_them(tmp_path: Path) -> None:
    file, noise = str(tmp_path / "a.npz"), np.random.default_rng(0)
    train, test = noise.integers(0, 256, (3, 8, 9), np.uint8), noise.integers(0, 256, (2, 8, 9, 3), np.uint8)
    np.savez(file, train=train, test=test, labels=np.arange(3, dtype=np.uint8))
    assert [item.name for item in items.load([file], limit=4)] == [f"a.npz#{k}" for k in range(4)]
    assert (items.load([f"{file}:test"])[1].picture == test[1]).all()
    with pytest.raises(ValueError, match="has no array none, but train, test, labels"):
        items.load([f"{file}:none"])
    with pytest.raises(ValueError, match="holds no uint8 pictures"):
        items.load([f"{file}:labels"])


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3)])
def test_rivals_give_pictures_back_in_the_shape_they_came(shape: tuple[int, ...]) -> None:
    picture = np.full(shape, 90, np.uint8)
    found, _ = rivals.available(tuple(rivals.RIVALS))
    for rival in found:
        decoded = rival.decode(rival.encode(picture, **rival.best), picture.ndim == 2)
        assert decoded.shape == shape
        assert np.abs(picture.astype(int) - decoded).max() <= 3


def fake_codec(sizes: dict[int, int]) -> sweeps.Codec:
    """A file of so many bytes for each quality, of any picture; decoded, it is flat at its quality."""
    return sweeps.Codec(
        "fake",
        lambda pictures, quality: [bytes([quality]) * sizes[quality]] * len(pictures),
        lambda files: [np.full((12, 12), data[0], np.uint8) for data in files],
        tuple(sizes),
    )


def test_a_sweep_has_a_point_for_each_quality() -> None:
    black = [np.zeros((12, 12), np.uint8)] * 3
    curve = sweeps.sweep(fake_codec({1: 9, 5: 4}), black, (5, 1))
    assert [(p.setting, p.file_bytes) for p in curve.points] == [(5, 4.0), (1, 9.0)]
    assert [p.psnr for p in curve.points] == pytest.approx([20 * math.log10(255 / q) for q in (5, 1)])
    assert [p.uqi for p in curve.points] == [0.0, 0.0]
    assert sweeps.sweep(fake_codec({1: 9}), black, (1,), similarity=False).points[0].ssim is None


def test_the_highest_quality_within_a_budget_is_taken_or_the_smallest_file() -> None:
    codec = fake_codec({2: 30, 3: 20, 4: 40, 5: 50, 6: 40, 7: 90})
    found = sweeps.within(codec, [np.zeros((12, 12), np.uint8)], [40, 19, 1000])
    assert [(row[0].quality, row[0].file_bytes, row[0].fits) for row in found] == [
        (6, 40, True),
        (3, 20, False),
        (7, 90, True),
    ]
    assert found[0][0].psnr == pytest.approx(20 * math.log10(255 / 6))


def test_effort_is_passed_on_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(aecodec, "encode_many", lambda pictures, **options: seen.append(options) or [b""])
    picture = np.zeros((8, 8), np.uint8)
    sweeps.ours("m").encode([picture], 10)
    sweeps.ours("m", 0).encode([picture], 20)
    assert seen == [{"model": "m", "quality": 10}, {"model": "m", "quality": 20, "effort": 0}]


def test_codecs_give_files_and_pictures_in_their_order() -> None:
    pictures = [np.full((28, 28), level, np.uint8) for level in range(0, 250, 50)]
    for codec in (sweeps.ours("cifar"), sweeps.theirs(rivals.RIVALS["jpeg"], True)):
        decoded = codec.decode(codec.encode(pictures, 90))
        assert [round(float(picture.mean()), -1) for picture in decoded] == [0, 50, 100, 150, 200]
        assert codec.decode(codec.encode([], 90)) == []


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
    assert klt.quantized(np.float32([6.6, 6.7, -6.6, -6.7, 16.6]), 10).tolist() == [0, 1, 0, -1, 1]


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


def test_infinity_is_null_in_json() -> None:
    assert pages.finite({"psnr": math.inf, "ssim": 1.0, "uqi": None}) == {
        "psnr": None,
        "ssim": 1.0,
        "uqi": None,
    }


def test_a_sheet_enlarges_every_pixel_and_writes_below_the_pictures() -> None:
    picture = np.uint8([[10, 200], [90, 30]])
    large = np.asarray(sheets.enlarged(picture, 3))
    assert (large == picture.repeat(3, 0).repeat(3, 1)[..., None]).all()
    dark = np.zeros((20, 20), np.uint8)
    plain = sheets.draw([sheets.Section("", [sheets.Row([sheets.Cell(dark)] * 2)], 4)])
    noted = sheets.draw([sheets.Section("A title", [sheets.Row([sheets.Cell(dark, "20 B", True)] * 2, "label")], 4)])
    assert (np.asarray(plain).reshape(-1, 3).max(axis=1) == 0).sum() == 2 * 80 * 80
    assert (np.asarray(noted).reshape(-1, 3).max(axis=1) == 0).sum() == 2 * 80 * 80
    assert noted.height > plain.height and noted.width > plain.width
    assert (np.asarray(noted) == sheets.STRESSED).all(axis=-1).any()


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


def test_an_assessment_measures_what_the_files_decode_to() -> None:
    measured = [items.Item(f"{k}", picture) for k, picture in enumerate([*DIGITS[:3], COLOUR[0]])]
    found = assessment.assess(measured, 40, assessment.png_bytes(measured), {"effort": 0})
    files = aecodec.encode_many([item.picture for item in measured], quality=40, effort=0)
    decoded = aecodec.decode_many(files)
    errors = [(a.picture.astype(float) - b).ravel() for a, b in zip(measured, decoded, strict=True)]
    every = np.concatenate(errors)
    results = found.results()
    assert results["bytes"] == np.mean([len(file) for file in files])
    assert results["bpp"] == pytest.approx(
        np.mean([8 * len(file) / b.shape[0] / b.shape[1] for file, b in zip(files, decoded, strict=True)])
    )
    assert found.mse == pytest.approx(np.mean(every**2))
    assert results["psnr-pooled"] == pytest.approx(10 * math.log10(255**2 / np.mean(every**2)))
    assert results["psnr-rgb"] == pytest.approx(np.mean([10 * math.log10(255**2 / np.mean(e**2)) for e in errors]))
    assert results["largest-error"] == np.abs(every).max()
    assert results["mae-rgb"] == pytest.approx(np.mean([np.abs(e).mean() for e in errors]))
    assert results["ms-ssim-rgb"] is None
    assert results["ratio-raw"] == pytest.approx(every.size / sum(map(len, files)))
    assert dict(found.rows())["MAE (0..255)"] == f"{np.abs(every).mean():.3f}"
    lines = list(found.lines())
    assert [line[0] for line in lines] == ["0", "1", "2", "3"]
    assert [int(line[4]) for line in lines] == [len(file) for file in files]
    assert all(len(line) == len(assessment.HEAD) for line in lines)


def test_the_best_quality_within_bytes_is_found_in_large_pictures_as_in_small_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codec = fake_codec({quality: 10 + 3 * quality for quality in range(1, 101)})
    picture = np.zeros((12, 12), np.uint8)
    for searched in (0, 1 << 13):
        monkeypatch.setattr(sweeps, "SEARCHED_PIXELS", searched)
        assert [sweeps.fitted(codec, picture, budget).quality for budget in (9, 13, 100, 103, 104, 9999)] == [
            1,
            1,
            30,
            31,
            31,
            sweeps.HIGHEST,
        ]
        assert [sweeps.fitted(codec, picture, budget).fits for budget in (9, 13)] == [False, True]


def test_rivals_get_no_more_bytes_than_aecodec() -> None:
    found, _ = rivals.available(["webp", "jpeg"])
    compared = comparison.compare(items.Item("a", COLOUR[0]), sweeps.ours("cifar", 0), 70, found)
    assert [shown.name for shown in compared.shown] == ["aecodec", "WebP", "JPEG"]
    budget = len(aecodec.encode(COLOUR[0], model="cifar", quality=70, effort=0))
    assert compared.shown[0].fitted.file_bytes == budget
    webp = compared.shown[1]
    assert webp.fitted.fits and webp.fitted.file_bytes <= budget
    assert len(rivals.RIVALS["webp"].at(COLOUR[0], webp.fitted.quality)) == webp.fitted.file_bytes
    assert webp.ssim == pytest.approx(metrics.ssim(COLOUR[0][None], webp.fitted.picture[None])[0])
    part = comparison.section(compared, Box(4, 20, 8, 32))
    assert [cell.picture.shape for cell in part.rows[0].cells if cell.picture is not None] == [(16, 24, 3)] * 4
    with pytest.raises(ValueError, match="not within a, which is 32x32"):
        comparison.section(compared, Box(0, 33, 0, 8))


def test_error_maps_are_white_where_nothing_differs_and_darkest_at_the_most() -> None:
    original = np.array([[10, 10, 10]], np.uint8)
    drawn = colours.errors(original, np.array([[10, 26, 255]], np.uint8), 16)
    assert (drawn[0, 0] == 255).all()
    assert drawn[0, 1].tolist() == drawn[0, 2].tolist() == list(colours.ERROR[-1])
    weights = np.array([0.299, 0.587, 0.114])
    luma = np.array(colours.ERROR) @ weights
    assert (np.diff(luma) < 0).all()  # survives a gray print
    assert colours.signed(np.array([[-5.0, 0.0, 5.0]]), 5.0)[0].tolist() == [
        list(colours.SIGNED[0]),
        list(colours.SIGNED[3]),
        list(colours.SIGNED[-1]),
    ]


@pytest.mark.parametrize("packing", ["rans", "zstd"])
@pytest.mark.parametrize("picture", [DIGITS[0], COLOUR[0]], ids=["digit", "colour"])
def test_the_levels_of_a_file_are_its_latent(picture: np.ndarray, packing: str) -> None:
    data = aecodec.encode(picture, quality=60, effort=0, packing=packing)
    found = latent_figure.levels(data)
    assert found[0].name.startswith("vector") and found[0].picture is None
    channels = 1 if picture.ndim == 2 else 3
    assert sum(level.values.shape[-1] for level in found[1:]) == 16 * channels
    payload = aecodec.inspect(data).parts["payload"]
    assert sum(level.cost for level in found) == pytest.approx(payload, rel=0.5 if packing == "zstd" else 0.1, abs=3)
    # Each level brings the picture nearer, the last ones hardly; what the correction adds after them is little.
    errors = [
        scores.measured([picture], [level.picture], ["psnr"])["psnr"][0] for level in found if level.picture is not None
    ]
    assert all(after > before - 0.05 for before, after in pairwise(errors)) and errors[-1] > errors[0] + 6
    assert errors[-1] > scores.measured([picture], [aecodec.decode(data)], ["psnr"])["psnr"][0] - 4


def test_a_damaged_file_has_no_levels() -> None:
    data = bytearray(aecodec.encode(DIGITS[0], model="mnist", quality=60, effort=0))
    data[-3] ^= 0x40
    with pytest.raises(aecodec.AecError):
        latent_figure.levels(bytes(data))


def test_a_level_is_drawn_as_planes_side_by_side() -> None:
    values = np.zeros((2, 2, 4))
    values[0, 1, 2] = 3.0
    drawn = latent_figure.drawn(values, 3.0, 4 * 5 + latent_figure.GAP)
    assert drawn.shape == (22, 22, 3)
    blue = (drawn == colours.SIGNED[-1]).all(axis=-1)
    assert [(axis.min(), axis.max()) for axis in np.nonzero(blue)] == [(12, 16), (5, 9)]


def test_speed_is_measured_in_processes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    jobs = [speed.Job("aecodec", "", 50, "mnist", 0), speed.Job("WebP", "webp", 25)]
    ours, webp = speed.measure(jobs, DIGITS[:4])
    assert ours.result.file_bytes < webp.result.file_bytes
    assert ours.encode_seconds > 0 and ours.decode_seconds > 0 and ours.pictures == 4
    assert (1 << 20) < ours.rest_bytes <= ours.peak_bytes < (1 << 31)
    assert [row[:2] for row in cells(speed.report([ours, webp]))] == [["aecodec", "50"], ["WebP", "25"]]


def test_a_loop_has_one_thread_and_a_sweep_as_many_as_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    used = set()

    def noted(image: object, *args: object, **options: object) -> bytes:
        used.add(threading.get_ident())
        time.sleep(0.01)
        return b""

    monkeypatch.setattr(rivals.Rival, "at", noted)
    monkeypatch.setattr(sweeps, "workers", lambda: 3)
    sweeps.theirs(rivals.RIVALS["webp"], gray=True, threads=1).encode(DIGITS[:6], 50)
    assert used == {threading.get_ident()}
    sweeps.theirs(rivals.RIVALS["webp"], gray=True).encode(DIGITS[:6], 50)
    assert len(used) == 1 + 3


def test_so_many_pictures_are_timed_as_have_a_megapixel() -> None:
    assert len(speed.timed([np.zeros((1024, 512), np.uint8)] * 9)) == 2
    assert len(speed.timed([np.zeros((4096, 512), np.uint8)] * 9)) == 1
    assert len(speed.timed([np.zeros((8, 8), np.uint8)] * 9)) == 9
