"""The figures that benchmarks print are computed as they say."""

from __future__ import annotations

import importlib
import json
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
import figure  # noqa: E402
import klt  # noqa: E402
import measuring  # noqa: E402
import photographs  # noqa: E402
import rate_distortion  # noqa: E402
import reporting  # noqa: E402
import rivals  # noqa: E402
import sheets  # noqa: E402
import targets  # noqa: E402
from curves import Curve, Point  # noqa: E402

import aecodec  # noqa: E402
from aecodec import metrics  # noqa: E402


def points(*pairs: tuple[float, float]) -> list[Point]:
    return [Point(i, file_bytes, 0.0, psnr) for i, (file_bytes, psnr) in enumerate(pairs)]


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
    monkeypatch.setattr(curves, "BATCH_SAMPLES", 500)  # one picture or two at a time
    rng = np.random.default_rng(0)
    originals = [rng.integers(0, 256, shape, np.uint8) for shape in ((12, 20), (12, 20), (12, 20), (16, 16, 3))]
    decoded = [picture // 2 for picture in originals]
    found = curves.with_similarity(Point(0, 1.0, 1.0, 20.0), originals, decoded)
    alone = [a.reshape(1, *a.shape[:2], -1) for a in originals], [b.reshape(1, *b.shape[:2], -1) for b in decoded]
    assert found.ssim == pytest.approx(np.mean([metrics.ssim(a, b) for a, b in zip(*alone, strict=True)]))
    assert found.uqi == pytest.approx(np.mean([metrics.uqi(a, b) for a, b in zip(*alone, strict=True)]))


def test_pictures_smaller_than_a_window_have_no_similarity() -> None:
    small = [np.zeros((10, 40), np.uint8)]
    assert curves.with_similarity(Point(0, 1.0, 1.0, 20.0), small, small) == Point(0, 1.0, 1.0, 20.0)


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
        assert np.abs(picture.astype(int) - decoded).max() <= 3


@pytest.mark.parametrize("name, shape", [("digits", (28, 28)), ("letters", (28, 28)), ("cifar", (32, 32, 3))])
def test_fixtures_are_sheets_of_twenty_different_tiles(name: str, shape: tuple[int, ...]) -> None:
    with Image.open(ROOT / "tests" / "fixtures" / f"{name}.png") as image:
        tiles = datasets.sheet_tiles(np.asarray(image), shape[:2], least=4)
    assert [tile.shape for tile in tiles] == [shape] * 20
    assert len({tile.tobytes() for tile in tiles}) == 20


def test_crops_come_from_their_pictures_and_are_the_same_for_the_same_seed() -> None:
    photograph = np.arange(60 * 70 * 3).reshape(60, 70, 3).astype(np.uint8)
    photograph[..., 0], photograph[..., 1] = np.arange(60)[:, None], np.arange(70)  # each pixel knows its place
    found = datasets.crops([photograph] * 2, 20, 3, seed=5)
    assert len(found) == 6
    for crop in found:
        top, left = crop[0, 0, :2]
        assert (crop == photograph[top : top + 20, left : left + 20]).all()
    assert len({crop.tobytes() for crop in found}) > 1
    again = datasets.crops([photograph] * 2, 20, 3, seed=5)
    assert all((a == b).all() for a, b in zip(found, again, strict=True))
    with pytest.raises(ValueError, match="70x60 has no crops of 61x61"):
        datasets.crops([photograph], 61, 1, seed=5)


def fake_codec(sizes: dict[int, int]) -> measuring.Codec:
    """A file of so many bytes for each quality, of any picture; decoded, it is flat at its quality."""
    return measuring.Codec(
        "fake",
        lambda pictures, quality: [bytes([quality]) * sizes[quality]] * len(pictures),
        lambda files: [np.full((12, 12), data[0], np.uint8) for data in files],
        tuple(sizes),
    )


def test_a_sweep_has_a_point_for_each_quality() -> None:
    black = [np.zeros((12, 12), np.uint8)] * 3
    curve = measuring.sweep(fake_codec({1: 9, 5: 4}), black, (5, 1))
    assert [(p.setting, p.file_bytes) for p in curve.points] == [(5, 4.0), (1, 9.0)]
    assert [p.psnr for p in curve.points] == pytest.approx([20 * math.log10(255 / q) for q in (5, 1)])
    assert [p.uqi for p in curve.points] == [0.0, 0.0]
    assert measuring.sweep(fake_codec({1: 9}), black, (1,), similarity=False).points[0].ssim is None


def test_the_highest_quality_within_a_budget_is_taken_or_the_smallest_file() -> None:
    codec = fake_codec({2: 30, 3: 20, 4: 40, 5: 50, 6: 40, 7: 90})
    found = measuring.within(codec, [np.zeros((12, 12), np.uint8)], [40, 19, 1000])
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
    measuring.ours("m").encode([picture], 10)
    measuring.ours("m", 0).encode([picture], 20)
    assert seen == [{"model": "m", "quality": 10}, {"model": "m", "quality": 20, "effort": 0}]


def test_codecs_give_files_and_pictures_in_their_order() -> None:
    pictures = [np.full((28, 28), level, np.uint8) for level in range(0, 250, 50)]
    for codec in (measuring.ours("cifar"), measuring.theirs(rivals.RIVALS["jpeg"], True)):
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


@pytest.mark.parametrize("data_set", ["digits", "letters", "cifar"])
def test_published_points_have_the_real_bytes_of_their_latents(data_set: str) -> None:
    found = rate_distortion.classics(data_set)
    assert found
    for classic in found:
        numbers, word, kind = classic.latent.partition(" numbers, float32")
        assert word and classic.file_bytes == 4 * int(numbers)


def cells(table: str) -> list[list[str]]:
    """The lines of a Markdown table below its head."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


def test_tables_of_curves_compare_with_the_reference() -> None:
    ours = Curve("aecodec", points((50, 20.0), (200, 30.0)), 1000.0)
    theirs = Curve("WebP", points((100, 20.0), (400, 30.0)))
    line = cells(rate_distortion.overview([ours, theirs], theirs))[0]
    assert line == ["aecodec", "50.0 to 200.0", "20.00 to 30.00", "1,000", "-50.0 %", "20.0 to 30.0"]
    lines = cells(rate_distortion.by_psnr([ours, theirs], theirs, 1, [25.0, 31.0]))
    assert lines == [["25.0", "100.0", "200.0", "0.500"], ["31.0", "-", "-", "-"]]
    long = Curve("long", points(*((k + 1, k + 10) for k in range(40))))
    shown = cells(rate_distortion.by_setting(long, None, "quality", most=5))
    assert [row[0] for row in shown] == ["0", "10", "20", "29", "39"]


def test_infinity_is_null_in_json() -> None:
    assert rate_distortion.finite({"psnr": math.inf, "ssim": 1.0, "uqi": None}) == {
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


def test_budgets_show_who_fits() -> None:
    fitted = [measuring.Fitted(9, 98, np.zeros((8, 8), np.uint8), 20.0, fits) for fits in (True, False)]
    originals = [np.full((8, 8), 10, np.uint8)] * 2
    budget = figure.Budget("Set", 100, originals, {"aecodec": fitted[:1] * 2, "WebP": fitted})
    line = ["Set", "100 bytes", "98.0", "28.1", "2 of 2", "98.0", "28.1", "1 of 2"]
    assert cells(figure.budget_table([budget])) == [line]
    shown = figure.budget_sections([budget], 2)[1]
    assert [[cell.stressed for cell in row.cells] for row in shown.rows] == [[False, False], [False, True]]


def test_photographs_come_back_upright_with_what_they_carry(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8))
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    picture.save(source / "a.jpg", exif=exif.tobytes(), icc_profile=b"profile" * 20, dpi=(300, 300))
    rows = photographs.round_trip(source, tmp_path, ("-q", "20", "-m", "cifar"))
    assert [row[:3] for row in rows[:2]] == [("a.jpg", "40x24 RGB", "1"), ("orientation-1.jpg", "40x24 RGB", "1")]
    assert [row[2] for row in rows[1:]] == list("12345678")
    assert {row[1] for row in rows} == {"40x24 RGB"}
    original, file = tmp_path / "photographs" / "a.jpg", tmp_path / "compressed" / "a.aec"
    with Image.open(tmp_path / "back" / "a.png") as back:
        back.load()
        for lost in ({"exif": b""}, {"icc_profile": None}, {"dpi": None}):
            back.save(tmp_path / "less.png", **{"exif": back.info["exif"], "dpi": back.info["dpi"]} | lost)
            with pytest.raises(ValueError, match="a.jpg came back changed"):
                photographs.check(original, file, tmp_path / "less.png")


def run_script(monkeypatch: pytest.MonkeyPatch, name: str, *words: str) -> None:
    """Runs a benchmark in this process, as its command would."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *words])
    reporting.run(importlib.import_module(name).main)


def test_a_rate_distortion_page_has_its_command_its_plot_and_its_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(datasets.sheet_tiles, "__defaults__", (4,))
    digits = str(ROOT / "tests" / "fixtures" / "digits.png")
    words = [digits, "-m", "mnist", "--tile", "28", "--limit", "6", "--qualities", "20,60,90", "--klt", digits]
    words += ["--rivals", "webp", "--classics", "digits", "--at", "24,30", "-o", str(tmp_path / "a.md")]
    words += ["--json", str(tmp_path / "a.json"), "--plot", str(tmp_path / "a")]
    run_script(monkeypatch, "rate_distortion", *words)
    page = (tmp_path / "a.md").read_text()
    assert capsys.readouterr().out == page
    assert "    python benchmarks/rate_distortion.py digits.png -m mnist" in page and str(tmp_path) not in page
    assert "![Bytes against PSNR, SSIM and UQI](a.png)" in page
    content = json.loads((tmp_path / "a.json").read_text())
    assert [len(content["points"][name]) for name in ("aecodec", klt.NAME)] == [3, len(klt.STEPS)]
    assert 0.9 < content["points"]["aecodec"][-1]["ssim"] <= 1
    with Image.open(tmp_path / "a.png") as plot:
        assert plot.width > 1500
    svg = (tmp_path / "a.svg").read_text()
    assert "<svg" in svg and "/home" not in svg and str(ROOT) not in svg


def test_crops_have_a_page_and_a_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photograph = str(ROOT / "examples" / "landscape.png")
    words = [photograph, "-m", "cifar", "--sizes", "64", "--count", "2", "--qualities", "20,40,60", "--rivals", "webp"]
    words += ["-o", str(tmp_path / "a.md"), "--json", str(tmp_path / "a.json"), "--sheet", str(tmp_path / "a.png")]
    run_script(monkeypatch, "crops", *words, "--shown", "2")
    page = (tmp_path / "a.md").read_text()
    assert capsys.readouterr().out == page
    assert "## 64x64, colour" in page and "## 64x64, gray" in page and "BD-rate" in page
    assert len(json.loads((tmp_path / "a.json").read_text())["points"]["64x64 gray"]["aecodec"]) == 3
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.height > 3 * 256


def test_a_page_without_a_folder_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "load", None)
    words = [str(ROOT / "examples" / "digit.png"), "-m", "mnist", "-o", str(tmp_path / "none" / "a.md")]
    with pytest.raises(SystemExit, match="none is not a folder"):
        run_script(monkeypatch, "rate_distortion", *words)


# targets ---


def test_limits_that_no_file_keeps_count_no_files() -> None:
    some = [np.full((28, 28), value, np.uint8) for value in (0, 90)] + [np.eye(28, dtype=np.uint8) * 255]
    settings = {"model": "mnist", "effort": 0}
    (impossible, possible) = cells(targets.budgets(some, [2, 4000], **settings))
    assert impossible[:3] == ["2", "0", "0"]
    assert possible[:3] == ["4,000", "3", "0"]
    (reached, beyond) = cells(targets.likenesses(some, [5.0, 200.0], **settings))
    assert reached[:3] == ["5", "3", "0"]
    assert int(beyond[1]) < 3


def test_a_neighbour_is_of_the_same_model_and_another_quality() -> None:
    picture = np.eye(28, dtype=np.uint8) * 255
    files = [aecodec.encode(picture, model="mnist", quality=quality, effort=0) for quality in (50, 100)]
    below, end = targets.beside([picture, picture], files, 1, effort=0)
    assert end is None
    assert below is not None and aecodec.inspect(below).quality == 51
