"""The commands that measure and draw: what they print, write and refuse, and the page in a real browser."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import until
from command_line import aec
from PIL import Image
from samples import COLOUR, DIGITS, FIXTURES

import aecodec
from aecodec.models import registry

SHEET = [str(FIXTURES / "digits.png"), "--tile", "28"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two pictures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(aecodec.__file__).parents[1]))
    Image.fromarray(DIGITS[0]).save("seven.png")
    Image.fromarray(COLOUR[0]).save("horse.png")
    return tmp_path


def succeeds(*arguments: str) -> str:
    result = aec(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refuses(*arguments: str) -> str:
    """The one sentence of a failure, which leaves nothing behind."""
    before = sorted(Path().rglob("*"))
    result = aec(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("aec: ") and result.stderr.count("\n") == 1
    assert sorted(Path().rglob("*")) == before
    return result.stderr


def holds(file: str, picture: np.ndarray, scale: int) -> bool:
    """Whether a figure shows a picture somewhere, every pixel a square of pixels."""
    with Image.open(file) as figure:
        pixels = np.asarray(figure.convert("RGB"))
    expected = (picture if picture.ndim == 3 else np.dstack([picture] * 3)).astype(np.uint8)
    height, width = expected.shape[0] * scale, expected.shape[1] * scale
    inner = pixels[: len(pixels) - height + 1, : pixels.shape[1] - width + 1]
    likely = np.ones(inner.shape[:2], bool)
    for y, x in ((0, 0), (7, 9), (13, 20), (27, 27)):
        at = pixels[y * scale :, x * scale :][: inner.shape[0], : inner.shape[1]]
        likely &= (at == expected[y, x]).all(axis=2)
    large = expected.repeat(scale, axis=0).repeat(scale, axis=1)
    return any((pixels[y : y + height, x : x + width] == large).all() for y, x in np.argwhere(likely))


def test_evaluate_prints_a_column_for_each_quality_and_writes_what_others_read() -> None:
    words = [*SHEET, "--limit", "6", "-m", "mnist", "-e", "0", "-q", "20,80"]
    shown = succeeds("evaluate", *words, "--json", "a.json", "--csv", "out/a.csv")
    assert shown.startswith(f"6 pictures, model {registry.by_name('mnist').name}, effort 0, tune psnr\n")
    assert re.search(r"\nquality +20 +80\n", shown)
    results = json.loads(Path("a.json").read_text())["results"]
    assert results["quality"] == [20, 80]
    for name in ("bpp", "psnr-rgb", "ms-ssim-rgb", "encoding_time", "decoding_time"):
        assert len(results[name]) == 2
    files = aecodec.encode_many(DIGITS[:6], model="mnist", quality=20, effort=0)
    assert results["bytes"][0] == pytest.approx(np.mean([len(file) for file in files]))
    row = re.search(r"\nbytes, all files +([\d,]+) +[\d,]+\n", shown)
    assert row and int(row[1].replace(",", "")) == sum(map(len, files))
    lines = list(csv.DictReader(io.StringIO(Path("out/a.csv").read_text())))
    assert [(line["name"], line["quality"]) for line in lines[:2]] == [("digits.png#0", "20"), ("digits.png#1", "20")]
    assert [int(line["bytes"]) for line in lines[:6]] == [len(file) for file in files]
    assert lines[0]["ms_ssim"] == "" and float(lines[0]["psnr"]) > 15


def test_evaluate_takes_folders_idx_and_npz_files() -> None:
    stack = np.stack(DIGITS[:3])
    Path("digits.idx").write_bytes(b"\0\0\x08\x03" + np.array(stack.shape, ">u4").tobytes() + stack.tobytes())
    np.savez("digits.npz", x=stack)
    Path("tree/inner").mkdir(parents=True)
    for index, digit in enumerate(DIGITS[:3]):
        Image.fromarray(digit).save(f"tree/inner/{index}.png")
    tables = {
        re.sub(r"\n(en|de)coded pictures/s.*", "", succeeds("evaluate", data, "-m", "mnist", "-e", "0"))
        for data in ("digits.idx", "digits.npz", "digits.npz:x", "tree")
    }
    assert len(tables) == 1


BROKEN = b"\x89PNG\r\n\x1a\nbroken"


@pytest.mark.parametrize("command", ["evaluate", "compare", "bench", "reconstruct"])
def test_bad_input_gets_one_sentence(command: str) -> None:
    outputs = {"compare": ["-o", "a.png"], "reconstruct": ["-o", "a.png"], "bench": ["--no-speed"]}.get(command, [])
    Path("broken.png").write_bytes(BROKEN)
    Path("text.gz").write_bytes(b"some text")
    Path("empty").mkdir()
    assert "none.png does not exist" in refuses(command, "none.png", *outputs)
    assert "broken.png is not a picture that can be read" in refuses(command, "broken.png", *outputs)
    assert "text.gz is not an idx file" in refuses(command, "text.gz", *outputs)
    assert "empty holds no pictures" in refuses(command, "empty", *outputs)
    assert "seven.png is 28x28, which is not a sheet of 5x5 tiles" in refuses(
        command, "seven.png", "--tile", "5", *outputs
    )
    assert "is for gray pictures" in refuses(command, "horse.png", "-m", "mnist", *outputs)


@pytest.mark.parametrize(
    "words, what",
    [
        (
            ["evaluate", "seven.png", "-q", "0,50"],
            "'0,50' is not a comma-separated list of whole numbers from 1 to 100",
        ),
        (["evaluate", "seven.png", "--tile", "wide"], "'wide' is not a tile size"),
        (["evaluate", "seven.png", "-m", "nobody"], "nobody"),
        (["compare", "seven.png"], "-o FILE.png, --html FILE.html, or both"),
        (["compare", "seven.png", "-o", "a.jpg"], "must end in .png"),
        (["reconstruct", "seven.png", "-o", "a.jpg"], "must end in .png"),
        (["bench", "seven.png", "--rivals", "gif"], "'gif' is not one of webp"),
        (["bench", "seven.png", "--bd-by", "beauty"], "'beauty' is not one of psnr, ssim, ms-ssim, ssimulacra2"),
        (["bench", "seven.png", "--tune", "ssim,vmaf"], "'vmaf' is not one of psnr, ssim"),
        (["bench", "seven.png", "--bd-by", "ssim:1"], "'1' is not a range of bits per pixel"),
        (["bench", "seven.png", "--bd-by", "ssimulacra2"], "--bd-by ssimulacra2 needs --ssimulacra2"),
    ],
)
def test_wrong_usage_exits_with_two_and_says_why(words: list[str], what: str) -> None:
    result = aec(*words)
    assert result.exit_code == 2 and what in " ".join(result.stderr.split())


def test_existing_files_are_kept_unless_forced() -> None:
    Path("a.png").write_bytes(b"mine")
    for command in ("compare", "reconstruct"):
        assert "a.png: already exists; use --force to overwrite it" in refuses(command, "seven.png", "-o", "a.png")
    assert Path("a.png").read_bytes() == b"mine"
    succeeds("reconstruct", "seven.png", "-o", "a.png", "-e", "0", "--force")
    assert Image.open("a.png").format == "PNG"


def test_no_terminal_gets_no_progress() -> None:
    assert aec("evaluate", "seven.png", "-e", "0").stderr == ""


def test_compare_draws_a_column_for_each_codec_and_lists_them() -> None:
    shown = succeeds("compare", "horse.png", "-q", "60", "-e", "0", "-m", "cifar", "-o", "a.png")
    expected = len(aecodec.encode(COLOUR[0], model="cifar", quality=60, effort=0))
    assert re.search(rf"\naecodec +60 +{expected} ", shown) and re.search(r"\nWebP +\d+ +\d+ ", shown)
    decoded = aecodec.decode(aecodec.encode(COLOUR[0], model="cifar", quality=60, effort=0))
    assert all(holds("a.png", picture, 8) for picture in (COLOUR[0], decoded))
    assert not holds("a.png", COLOUR[1], 8)


def test_more_pictures_than_one_looks_at_are_refused() -> None:
    Path("many").mkdir()
    for index in range(41):
        Image.fromarray(DIGITS[0]).save(f"many/{index}.png")
    assert "41 pictures are too many for one figure: take at most 40" in refuses("compare", "many", "-o", "a.png")


class Links(HTMLParser):
    """Everything that a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]


def test_the_page_needs_nothing_from_elsewhere() -> None:
    succeeds("compare", "seven.png", "horse.png", "-e", "0", "--html", "a.html")
    text = Path("a.html").read_text()
    parser = Links()
    parser.feed(text)
    assert len(parser.found) >= 1 + 2 * 2 and all(link.startswith("data:") for link in parser.found)
    assert (
        "http" not in re.sub(r"base64,[^\"]*|(?<=>)[A-Za-z0-9+/]+=*(?=</script>)", "", text) and "@import" not in text
    )


def test_the_slider_moves_between_the_original_and_what_each_codec_made(browser: Any) -> None:
    succeeds("compare", "horse.png", "-m", "cifar", "-q", "30", "-e", "0", "--html", "a.html")
    browser.get(Path("a.html").absolute().as_uri())
    stage = browser.find_element("css selector", ".stage")
    decoded = aecodec.decode(aecodec.encode(COLOUR[0], model="cifar", quality=30, effort=0))
    side = stage.size["width"] // 32

    def seen() -> np.ndarray:
        """The middle of each of the picture's pixels as the browser shows it."""
        with Image.open(io.BytesIO(stage.screenshot_as_png)) as shot:
            large = np.asarray(shot.convert("RGB"))
        return large[1 + side // 2 :: side, 1 + side // 2 :: side][:32, :32]

    def slide(value: int) -> None:
        slider = "document.querySelector('input[type=range]')"
        browser.execute_script(f"{slider}.value = {value}; {slider}.dispatchEvent(new Event('input'))")

    slide(100)
    assert (seen() == COLOUR[0]).all()
    slide(0)
    until(browser, "return document.querySelector('aec-img').complete")
    assert (seen() == decoded).all()
    slide(50)
    half = seen()
    assert (half[:, :15] == COLOUR[0][:, :15]).all() and (half[:, 17:] == decoded[:, 17:]).all()
    assert browser.find_element("css selector", ".ends .name").text == "aecodec"

    slide(0)
    webp = browser.find_element("css selector", "input[value=WebP]")
    webp.click()
    assert browser.find_element("css selector", ".ends .name").text == "WebP"
    assert not (seen() == decoded).all() and not (seen() == COLOUR[0]).all()
    assert len([i for i in browser.find_elements("css selector", ".decoded") if i.is_displayed()]) == 1

    webdriver = sys.modules["selenium.webdriver"]
    webdriver.ActionChains(browser).move_to_element_with_offset(stage, stage.size["width"] // 4, 0).click().perform()
    value = float(browser.execute_script("return document.querySelector('input[type=range]').value"))
    assert value == pytest.approx(75, abs=2)
    assert [
        entry["name"]
        for entry in browser.execute_script(
            "return performance.getEntriesByType('resource').filter(e => !/^(data|blob):/.test(e.name))"
        )
    ] == []


def test_bench_draws_a_curve_for_each_tune() -> None:
    words = [*SHEET, "--limit", "4", "-m", "cifar", "-q", "20,60", "--rivals", "none", "--no-speed"]
    shown = succeeds("bench", *words, "--tune", "psnr,ssim")
    assert "| aecodec " in shown and "| aecodec, tune ssim " in shown
    bytes_at_60 = {line.split("|")[2].strip() for line in shown.splitlines() if line.startswith("|      60 ")}
    assert len(bytes_at_60) == 2
    both = succeeds("bench", *words, "--tune", "ssim", "-e", "0,1")
    assert "| aecodec, tune ssim, effort 0 " in both and "| aecodec, tune ssim, effort 1 " in both


def test_bench_writes_a_page_its_points_and_two_plots() -> None:
    pytest.importorskip("matplotlib")
    Path("deep.json").write_text('{"name": "deep", "results": {"bpp": [0.2, 1.5], "psnr-rgb": [24, 33]}}')
    words = [*SHEET, "--limit", "5", "-m", "mnist", "-q", "20,60,90", "-e", "0,1", "--rivals", "webp", "--no-speed"]
    shown = succeeds("bench", *words, "--klt", SHEET[0], "--anchors", "deep.json", "--at", "24,30", "-o", "out/b")
    page = Path("out/b.md").read_text()
    assert shown == page
    assert "![Bits per pixel against PSNR and other measures](b.png)" in page
    for name in ("aecodec, effort 0", "aecodec, effort 1", "WebP", "deep", "linear KLT, payload only"):
        assert f"| {name} " in page
    content = json.loads(Path("out/b.json").read_text())
    found = {curve["name"]: curve for curve in content["curves"]}
    assert [p["setting"] for p in found["aecodec, effort 0"]["points"]] == [20, 60, 90]
    assert 0.9 < found["aecodec, effort 1"]["points"][-1]["ssim"] <= 1
    assert found["deep"]["results"]["psnr-rgb"] == [24, 33]
    # With published curves PSNR is the mean over pictures, as it is theirs.
    assert found["WebP"]["points"][5]["psnr"] == found["WebP"]["points"][5]["mean_psnr"]
    with Image.open("out/b.png") as plot:
        assert plot.width > 1500
    svg = Path("out/b.svg").read_text()
    assert "<svg" in svg and str(Path().absolute()) not in svg


def test_bench_has_a_table_for_each_measure_that_is_asked_for() -> None:
    words = [*SHEET, "--limit", "4", "-m", "mnist", "-q", "20,90", "-e", "0", "--rivals", "webp", "--no-speed"]
    shown = succeeds("bench", *words, "--bd-by", "ssim:0.1:9", "--bd-by", "psnr")
    assert "## BD-rates by SSIM, 0.1 to 9 bits/pixel" in shown and "## BD-rates by PSNR" in shown
    table = shown.partition("## BD-rates by SSIM")[2].split("\n\n")[2]
    assert re.search(r"\| WebP +\| +-\d+\.\d % \| +\d+\.\d to \d+\.\d \|", table)
    assert "BD-rates by" not in succeeds("bench", *words)


def test_bench_measures_what_training_holds_out_and_of_it_the_smoothest() -> None:
    Path("pictures").mkdir()
    for number in range(33):
        Image.fromarray(DIGITS[0] // (number + 1)).save(f"pictures/{number:02}.png")
    words = ["bench", "pictures", "-m", "mnist", "-q", "20,90", "-e", "0", "--rivals", "none", "--no-speed"]
    shown = succeeds(*words, "--held-out", "1")
    assert "\n\n2 pictures." in shown
    assert "Of 33 pictures, these are the 2 that `aec train` with seed 1 holds out." in shown
    shown = succeeds(*words, "--held-out", "1", "--smoothest", "1")
    assert "\n\n1 pictures." in shown and "Of 2, these are the 1 whose neighbouring samples differ least." in shown
    assert "of 1 files, none is held out" in refuses("bench", "seven.png", "--held-out", "1")


def test_the_points_of_bench_have_ssimulacra2_only_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    words = [*SHEET, "--limit", "1", "-m", "mnist", "-q", "20,90", "-e", "0", "--rivals", "none", "--no-speed"]
    succeeds("bench", *words, "-o", "plain")
    assert "ssimulacra2" not in Path("plain.json").read_text()
    monkeypatch.setitem(sys.modules, "ssimulacra2", None)
    monkeypatch.delitem(sys.modules, "aecodec.evaluation.perceptual", raising=False)
    monkeypatch.delattr("aecodec.evaluation.perceptual", raising=False)
    said = refuses("bench", *words, "--ssimulacra2", "-o", "scored")
    assert said == "aec: this needs the package ssimulacra2: install it with pip install 'aecodec[bench]'\n"
    monkeypatch.undo()


def test_bench_measures_ssimulacra2_where_it_is_installed() -> None:
    pytest.importorskip("ssimulacra2")
    pytest.importorskip("matplotlib")
    words = ["horse.png", "-m", "cifar", "-q", "20,90", "-e", "0", "--rivals", "webp", "--no-speed", "--ssimulacra2"]
    shown = succeeds("bench", *words, "--bd-by", "ssimulacra2", "-o", "scored")
    assert "## BD-rates by SSIMULACRA2" in shown and re.search(r", ssimulacra2 \d", shown)
    low, high = json.loads(Path("scored.json").read_text())["curves"][0]["points"]
    assert low["ssimulacra2"] < high["ssimulacra2"] <= 100


def test_bench_prints_speeds_and_memory_of_each_codec() -> None:
    shown = succeeds("bench", "seven.png", "-m", "mnist", "-q", "50,90", "-e", "0", "--rivals", "webp")
    speeds = shown.partition("## Speed and memory: 1 pictures")[2]
    assert re.search(r"\| aecodec +\| +90 \|", speeds) and re.search(r"\| WebP \(method 6\) \| +\d+ \|", speeds)


def test_a_missing_package_is_one_sentence_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "aecodec.evaluation.plots", raising=False)
    monkeypatch.delattr("aecodec.evaluation.plots", raising=False)
    said = refuses("bench", "seven.png", "-o", "b")
    assert said == "aec: this needs the package matplotlib: install it with pip install 'aecodec[bench]'\n"


def test_reconstruct_draws_originals_levels_and_what_is_decoded() -> None:
    succeeds("reconstruct", *SHEET, "-n", "3", "-m", "mnist", "-e", "0", "-o", "a.png", "--side", "28")
    files = aecodec.encode_many([DIGITS[i] for i in (0, 6, 13)], model="mnist", quality=50, effort=0)
    for picture in (DIGITS[0], DIGITS[6], DIGITS[13], *aecodec.decode_many(files)):
        assert holds("a.png", picture, 1)
    assert not holds("a.png", DIGITS[1], 1)


def test_reconstruct_reduces_large_pictures_and_parts_models() -> None:
    Image.fromarray(np.tile(COLOUR[0], (20, 30, 1))).save("large.png")
    succeeds("reconstruct", "large.png", "seven.png", "-e", "0", "-o", "a.png", "--side", "48")
    with Image.open("a.png") as figure:
        assert figure.height > 2 * 6 * 32


@pytest.mark.parametrize(
    "words",
    [
        ["compare", "horse.png", "-o", "horse.png"],
        ["compare", "pictures", "-o", "pictures/horse.png"],
        ["compare", "links", "-o", "links/horse.png"],
        ["compare", "horse.png", "--html", "./horse.png"],
        ["reconstruct", "horse.png", "-o", "horse.png", "-m", "cifar"],
        ["evaluate", "horse.png", "--json", "horse.png"],
        ["view", "horse.aec", "-o", "horse.aec"],
        ["view", "horse.aec", "--against", "horse.png", "-o", "horse.png"],
        ["features", "all.npz", "-o", "all.npz", "-m", "cifar"],
        ["evaluate", "all.npz:horse", "--csv", "all.npz"],
        ["robustness", "pictures", "-m", "cifar", "-d", "mean:3", "--sheet", "pictures/horse.png"],
        ["robustness", "pictures", "-m", "cifar", "-d", "mean:3", "--sheet", "new.png", "--plot", "new.png"],
        ["bench", "all.npz", "--anchors", "horse.json", "-o", "horse"],
        ["evaluate", "horse.png", "--json", "new", "--csv", "new"],
    ],
)
def test_no_output_replaces_an_input_or_another_output(words: list[str]) -> None:
    Path("pictures").mkdir()
    Path("pictures/horse.png").write_bytes(Path("horse.png").read_bytes())
    Path("links").mkdir()
    Path("links/horse.png").symlink_to("../pictures/horse.png")
    Path("horse.aec").write_bytes(aecodec.encode(COLOUR[0], model="cifar", effort=0))
    Path("horse.json").write_text("{}")
    np.savez("all.npz", horse=COLOUR[0][None])
    before = {file: file.read_bytes() for file in Path().rglob("*") if file.is_file()}
    refuses(*words, "--force")
    assert {file: file.read_bytes() for file in Path().rglob("*") if file.is_file()} == before


def test_what_is_printed_does_not_mix_with_an_output_in_a_pipe() -> None:
    np.savez("all.npz", horse=COLOUR[0][None])
    done = aec("features", "all.npz", "-m", "cifar", "-o", "-")
    with np.load(io.BytesIO(done.stdout_bytes)) as arrays:
        assert "vector" in arrays.files and "vector (1," in done.stderr
    done = aec("compare", "horse.png", "--html", "-")
    assert done.stdout.rstrip().endswith("</html>") and "AVIF" in done.stderr
    done = aec("evaluate", "horse.png", "-m", "cifar", "--json", "-")
    assert json.loads(done.stdout)["name"] == "aecodec" and "PSNR" in done.stderr


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are Unicode")
def test_names_that_are_not_utf_8_are_shown_all_the_same() -> None:
    Path("odd").mkdir()
    Path(os.fsdecode(b"odd/h\xff.png")).write_bytes(Path("horse.png").read_bytes())
    assert "h\ufffd.png" in succeeds("compare", "odd", "-o", "odd.png", "--html", "odd.html", "-m", "cifar")
    assert "h\ufffd.png" in Path("odd.html").read_text()
    words = ["-m", "cifar", "-q", "40", "-e", "0", "--no-speed", "--rivals", "none", "-o", "my bench"]
    succeeds("bench", os.fsdecode(b"odd/h\xff.png"), *words)
    page = Path("my bench.md").read_text()
    assert page.startswith("# h\ufffd.png, ") and "](<my bench.png>)" in page


def test_a_codec_that_cannot_store_a_picture_is_left_out() -> None:
    Image.fromarray(np.zeros((1, 16_384), np.uint8)).save("long.png")
    done = aec("compare", "long.png", "-m", "photo", "-q", "5", "-o", "long-compared.png")
    assert done.exit_code == 0 and "WebP" not in done.stdout
    assert "long.png: WebP is left out, a side has at most 16,383 pixels\n" in done.stderr
    page = succeeds("bench", "long.png", "-m", "photo", "-q", "5", "-e", "0", "--no-speed", "--rivals", "webp,jpeg")
    assert "WebP: left out, a side has at most 16,383 pixels, and a picture 16,384" in page
