"""The figures that benchmarks print are computed as they say."""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from markdown_tables import cells
from PIL import Image

import aecodec
from aecodec.evaluation import sweeps
from aecodec.sources import readers
from benchmarks import __main__, crops, datasets, detail, figure, large, photographs, placeholders, session, targets
from benchmarks.pages import BENCHMARKS, PAGES, Page

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name, shape", [("digits", (28, 28)), ("letters", (28, 28)), ("cifar", (32, 32, 3))])
def test_fixtures_are_sheets_of_twenty_different_tiles(name: str, shape: tuple[int, ...]) -> None:
    with Image.open(ROOT / "tests" / "fixtures" / f"{name}.png") as image:
        tiles = readers.sheet_tiles(np.asarray(image), (shape[0], shape[1]))
    assert [tile.shape for tile in tiles] == [shape] * 20
    assert len({tile.tobytes() for tile in tiles}) == 20


def test_crops_come_from_their_pictures_and_are_the_same_for_the_same_seed() -> None:
    photograph = np.arange(60 * 70 * 3).reshape(60, 70, 3).astype(np.uint8)
    photograph[..., 0], photograph[..., 1] = np.arange(60)[:, None], np.arange(70)  # each pixel knows its place
    found = crops.cut([photograph] * 2, 20, 3, seed=5)
    assert len(found) == 6
    for crop in found:
        top, left = crop[0, 0, :2]
        assert (crop == photograph[top : top + 20, left : left + 20]).all()
    assert len({crop.tobytes() for crop in found}) > 1
    again = crops.cut([photograph] * 2, 20, 3, seed=5)
    assert all((a == b).all() for a, b in zip(found, again, strict=True))
    with pytest.raises(ValueError, match="70x60 has no crops of 61x61"):
        crops.cut([photograph], 61, 1, seed=5)


def test_the_table_of_pictures_has_a_picture_and_its_files() -> None:
    digit = np.asarray(Image.open(ROOT / "tests" / "fixtures" / "digits.png"))[:28, :28]
    coded = figure.code("Digits", [digit], "mnist", 75)
    assert np.array_equal(coded.decoded[0], aecodec.decode(coded.files[0]))
    png = len(figure.lossless(digit))
    assert len(coded.files[0]) < png < digit.size
    assert f"PNG {png}" in coded.section(2).title
    (line,) = cells(figure.compare([coded]))
    assert line[:3] == ["Digits", "28x28", str(png)] and line[6] == str(len(coded.files[0]))


def test_budgets_show_who_fits() -> None:
    fitted = [sweeps.Reconstruction(9, bytes(98), np.zeros((8, 8), np.uint8), 20.0, fits) for fits in (True, False)]
    originals = [np.full((8, 8), 10, np.uint8)] * 2
    budget = figure.Budget("Set", 100, originals, {"aecodec": fitted[:1] * 2, "WebP": fitted})
    line = ["Set", "100 bytes", "98.0", "28.1", "2 of 2", "98.0", "28.1", "1 of 2"]
    assert cells(figure.budget_table([budget])) == [line]
    section = figure.budget_sections([budget], 2)[1]
    assert [[cell.stressed for cell in row.cells] for row in section.rows] == [[False, False], [False, True]]


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


def run_benchmark(monkeypatch: pytest.MonkeyPatch, name: str, *words: str) -> None:
    """Run a benchmark in this process, as its command would."""
    monkeypatch.setattr(sys, "argv", ["benchmarks", name, *words])
    __main__.run(standalone_mode=False)


def test_crops_have_a_page_and_a_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photograph = str(ROOT / "examples" / "landscape.png")
    words = [photograph, "-m", "cifar", "--sizes", "64", "--count", "2", "--qualities", "20,40,60", "--rivals", "webp"]
    words += ["-o", str(tmp_path / "a.md"), "--json", str(tmp_path / "a.json"), "--sheet", str(tmp_path / "a.png")]
    run_benchmark(monkeypatch, "crops", *words, "--shown", "2")
    page = (tmp_path / "a.md").read_text()
    assert capsys.readouterr().out == page
    assert "## 64x64, colour" in page and "## 64x64, gray" in page and "BD-rate" in page
    assert len(json.loads((tmp_path / "a.json").read_text())["points"]["64x64 gray"]["aecodec"]) == 3
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.height > 3 * 256


def test_a_detail_is_drawn_beside_each_codec_at_no_more_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(ROOT / "examples" / "horse.png"), "-m", "cifar", "--region", "0,0,16,16", "--rivals", "webp"]
    run_benchmark(monkeypatch, "detail", *words, "-o", str(tmp_path / "a.png"))
    mine, other = (int(found) for found in re.findall(r"quality \d+: ([\d,]+) bytes", capsys.readouterr().out))
    assert other <= mine == len(aecodec.encode(ROOT / "examples" / "horse.png", model="cifar", quality=50))
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.width > 3 * 16 * detail.SCALE  # the original and two codecs
        height = sheet.height
    run_benchmark(monkeypatch, "detail", *words, "--scales", "1,5", "-o", str(tmp_path / "a.png"))
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.width > 3 * 16 * 5 and sheet.height > height + 16 * (5 + 1 - detail.SCALE)


def test_a_page_without_a_folder_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "load", None)
    words = [str(ROOT / "examples" / "digit.png"), "-m", "mnist", "-o", str(tmp_path / "none" / "a.md")]
    with pytest.raises(SystemExit, match="none is not a folder"):
        run_benchmark(monkeypatch, "crops", *words)


# targets ---


def test_limits_that_no_file_keeps_count_no_files() -> None:
    some = [np.full((28, 28), value, np.uint8) for value in (0, 90)] + [np.eye(28, dtype=np.uint8) * 255]
    settings: dict[str, Any] = {"model": "mnist", "effort": 0}
    impossible, possible = cells(targets.budgets(some, [2, 4000], **settings))
    assert impossible[:3] == ["2", "0", "0"]
    assert possible[:3] == ["4,000", "3", "0"]
    reached, beyond = cells(targets.psnr_targets(some, [5.0, 200.0], **settings))
    assert reached[:3] == ["5", "3", "0"]
    assert int(beyond[1]) < 3


def test_a_neighbour_is_of_the_same_model_and_another_quality() -> None:
    picture = np.eye(28, dtype=np.uint8) * 255
    files = [aecodec.encode(picture, model="mnist", quality=quality, effort=0) for quality in (50, 100)]
    below, end = targets.beside([picture, picture], files, 1, effort=0)
    assert end is None
    assert below is not None and aecodec.inspect(below).quality == 51


# pages ---


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_has_help_and_needs_what_it_says(name: str) -> None:
    for library in {
        "ablations": ("keras",),
        "lossless-ablations": ("keras",),
        "learning": ("keras",),
        "loaders": ("tensorflow", "torch"),
    }.get(name, ()):
        pytest.importorskip(library)
    done = CliRunner().invoke(__main__.main, [name, "--help"])
    assert done.exit_code == 0 and done.output.startswith(f"Usage: benchmarks {name}")


def test_the_list_has_every_benchmark_and_page() -> None:
    for words in ([], ["--list"]):
        done = CliRunner().invoke(__main__.main, words)
        assert done.exit_code == 0
        assert all(name in done.output for name in (*BENCHMARKS, *(page.name for page in PAGES)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_the_command_that_renews_it(page: Page) -> None:
    assert all((ROOT / file).is_file() for file in page.writes)
    if page.writes[0].endswith(".md"):
        command = page.command.removesuffix(" --force")
        assert f"    {command}" in (ROOT / page.writes[0]).read_text()
    arguments = page.arguments(Path("/data"))
    assert arguments[:2] == ["-m", "aecodec"] or arguments[1] == "benchmarks" and arguments[2] in BENCHMARKS


def test_pages_are_named_once() -> None:
    assert len({page.name for page in PAGES}) == len(PAGES)


def test_pages_without_their_data_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "kodak").mkdir()
    done = CliRunner().invoke(__main__.main, ["all", "--data", str(tmp_path), "--dry-run"])
    assert done.exit_code == 0
    assert "crops-cifar: python -m benchmarks crops kodak -m cifar" in done.output
    assert "many: skipped" in done.output and "has no digits/t10k-images-idx3-ubyte.gz" in done.output
    unknown = CliRunner().invoke(__main__.main, ["all", "--data", str(tmp_path), "--only", "nothing"])
    assert unknown.exit_code == 2 and "no page nothing" in unknown.output


def test_a_page_is_renewed_by_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    output = tmp_path / "page.md"
    page = Page((str(output),), f"python -m benchmarks overhead --set A {{a.png}} mnist -n 1 --damaged 1 -o {output}")
    monkeypatch.setattr(__main__, "PAGES", (page,))
    assert CliRunner().invoke(__main__.main, ["all", "--data", str(tmp_path)]).exit_code == 0
    assert "python -m benchmarks overhead --set A a.png mnist -n 1 --damaged 1 -o page.md" in output.read_text()
    failing = Page((str(output),), "python -m benchmarks overhead --set A nothing mnist")
    monkeypatch.setattr(__main__, "PAGES", (failing,))
    done = CliRunner().invoke(__main__.main, ["all", "--data", str(tmp_path)])
    assert done.exit_code == 1 and "failed: page" in done.output


def test_large_pictures_are_measured_in_processes_of_their_own() -> None:
    rows = large.measured((40, 30), 1, large.Coding("mnist", 75, 0))
    assert [row[0] for row in rows] == [f"40x30 gray: {step}" for step in large.STEPS]
    assert all(float(row[3].replace(",", "")) > 10 for row in rows)


def test_a_session_shows_what_a_terminal_does_and_the_exit_code(tmp_path: Path) -> None:
    pytest.importorskip("pty", reason="needs a pseudo-terminal")
    session.prepare(tmp_path)
    assert session.shown("aec --version", tmp_path) == f"aec, version {version('aecodec')}"
    lines = session.shown("aec info photos", tmp_path).splitlines()
    assert lines == ["aec: photos: this is a folder: name a file in it", "[exit code 1]"]
    lines = session.shown("aec compress --help", tmp_path).splitlines()
    assert len(lines) > 40 and max(map(len, lines)) <= 80
    assert session._CLEARED.sub("", "\r\033[K[##--]\r\033[Kdone\nmore\n") == "done\nmore\n"


def test_the_page_of_the_first_minutes_has_all_its_commands() -> None:
    page = (ROOT / "docs" / "first-minutes.md").read_text()
    shown = [line.removeprefix("    $ ") for line in page.splitlines() if line.startswith("    $ ")]
    assert shown == [line for part in session.PARTS for line in part.lines]


def test_placeholders_are_measured_beside_what_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    for number in range(2):
        coarse = random.integers(0, 256, (3, 4, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((80, 60), Image.Resampling.BICUBIC).save(tmp_path / f"{number}.png")
    monkeypatch.setattr(placeholders, "SIZES", (16, 24))
    monkeypatch.setattr(placeholders, "AEC_SIZES", ())
    monkeypatch.setattr(placeholders, "PACKAGES", ("blurhash", "there_is_none"))
    output = tmp_path / "page.md"
    done = CliRunner().invoke(placeholders.command, [str(tmp_path), "-o", str(output)], catch_exceptions=False)
    assert done.exit_code == 0 and "not installed: there_is_none" in output.read_text()
    rows = [line.split("|")[1:-1] for line in output.read_text().splitlines() if line.startswith("| aecodec")]
    (small, large) = [[float(cell) for cell in row[1:3]] for row in rows]
    assert (small[0], large[0]) == (16, 24) and large[1] > small[1] > 15
    assert Image.open(output.with_suffix(".png")).width > 32 * placeholders.SCALE


def test_the_error_of_the_tint_ignores_brightness() -> None:
    gray = np.full((4, 4, 3), 90, np.uint8)
    assert placeholders.colour_error(gray, gray + 50) < 0.1
    assert placeholders.colour_error(gray, gray + np.array([20, 0, 0], np.uint8)) > 5
    # Red, green and blue of sRGB in CIE L*a*b*, as published.
    expected = [[53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86]]
    found = placeholders.lab(np.eye(3, dtype=np.uint8)[None] * 255)[0]
    assert np.abs(found - expected).max() < 0.1
