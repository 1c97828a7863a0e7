"""The decoder that pages carry: built from js/, the same pixels in a browser, and just the models that are needed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import golden
import numpy as np
import pytest
from browsers import until
from golden import ROWS
from samples import COLOUR, DIGITS

import aecodec
from aecodec.evaluation import embedding, viewer
from aecodec.evaluation.viewer import Original, ViewedFile
from aecodec.models import registry

REPOSITORY = Path(__file__).parents[2]
DECODE = """
const done = arguments[arguments.length - 1], {engine, worker} = arguments[0];
const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
(async () => {
  const found = {};
  for (const {name, data} of JSON.parse(document.getElementById("files").textContent)) {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const options = {...aecodec.options, engine, ...(worker ? {} : {worker: false})};
    const picture = await aecodec.decode(bytes, options);
    found[name] = hex(await crypto.subtle.digest("SHA-256", picture.data));
  }
  return found;
})().then(done, (error) => done(String(error)));
"""


def test_the_script_was_built_from_the_sources() -> None:
    """Else `npm run build` in js/, where Node is."""
    assert f"CRC-32 {embedding.sources(REPOSITORY / 'js' / 'src')} */" in embedding.SCRIPT.read_text("ascii")[:200]


def test_the_decoder_knows_the_bundled_models() -> None:
    known = (REPOSITORY / "js" / "src" / "bundled.ts").read_text()
    found = {
        int(n): (name, model_id)
        for n, name, model_id in re.findall(r'number: (\d+), name: "(.*?)", id: "(.*?)"', known)
    }
    assert found == {number: (name, registry.IDS[number]) for number, name in registry.NUMBERS.items()}


def test_the_script_loads_nothing_and_can_stand_in_a_page() -> None:
    script = embedding.SCRIPT.read_text("ascii")
    assert "http" not in script.replace("Http", "") and "</script" not in script and "<!--" not in script


def page_of(names: list[str]) -> str:
    return viewer.page([ViewedFile(name, golden.data(name)) for name in names])


def models_in(page: str) -> set[str]:
    return set(re.findall(r'id="model-([0-9a-f]{16})"', page))


def test_a_page_holds_just_the_models_that_it_needs() -> None:
    assert models_in(page_of(["plain-palette"])) == set()
    assert models_in(page_of(["small-rans", "mnist-3-q75-zstd", "plain-gray"])) == {registry.IDS[5]}
    assert len(page_of(["small-rans"])) < 1_300_000


def test_names_and_pictures_cannot_break_out_of_the_page() -> None:
    name = '</script><script>alert("&")</script>.aec'
    file = ViewedFile(name, golden.data("plain-alpha"), Original(name, COLOUR[0]))
    page = viewer.page([file])
    assert page.count("<script") == page.count("</script>") == 2
    held = re.search(r'id="files">(.*?)</script>', page)
    assert held is not None and json.loads(held[1])[0]["name"] == name


def test_a_file_whose_header_is_damaged_gets_no_page() -> None:
    with pytest.raises(aecodec.AecError):
        viewer.page([ViewedFile("a.aec", b"\xae\xc0\x0e\x4b")])


@pytest.fixture
def shown(browser: Any, tmp_path: Path) -> Any:
    """A browser that shows a page."""

    def show(page: str) -> Any:
        path = tmp_path / "page.html"
        path.write_text(page)
        browser.set_script_timeout(300)
        browser.get(path.as_uri())
        until(browser, "return window.aecodec !== undefined")
        return browser

    return show


@pytest.mark.parametrize("engine", ["auto", pytest.param("typescript", marks=pytest.mark.slow)])
@pytest.mark.parametrize("worker", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_chromium_decodes_the_golden_files_to_their_pixels(shown: Any, engine: str, worker: bool) -> None:
    found = shown(page_of(list(ROWS))).execute_async_script(DECODE, {"engine": engine, "worker": worker})
    assert found == {name: row.pixels for name, row in ROWS.items()}


def canvas_of(browser: Any) -> np.ndarray:
    """What is on the canvas of the page, (height, width, 4)."""
    width, height, data = browser.execute_script(
        "const canvas = document.querySelector('.stage canvas');"
        "const {width, height} = canvas;"
        "return [width, height, [...canvas.getContext('2d').getImageData(0, 0, width, height).data]];"
    )
    return np.array(data, np.uint8).reshape(height, width, 4)


SHOWN = "return !document.querySelector('.stage').hidden && document.querySelector('h1').textContent"
FACTS = "return [...document.querySelectorAll('dt')].map((d) => [d.textContent, d.nextSibling.textContent])"


def test_the_page_shows_a_file_and_what_is_known_of_it(shown: Any) -> None:
    browser = shown(page_of(["small-rans", "plain-alpha"]))
    until(browser, SHOWN)
    decoded = aecodec.decode(golden.data("small-rans"))
    assert (canvas_of(browser)[..., :3] == decoded[..., None]).all()
    facts = dict(browser.execute_script(FACTS))
    assert (
        facts["File"] == f"{ROWS['small-rans'].file_bytes} bytes"
        and facts["Size"] == "28 × 28"
        and facts["Quality"] == "20"
    )
    assert facts["Model"] == f"mnist-3 ({registry.IDS[5]})" and facts["Checksum"] == "matches"
    second = browser.find_elements("css selector", "nav button")[1]
    second.click()
    assert until(browser, f"{SHOWN} === 'plain-alpha' && document.querySelectorAll('dt').length > 5") is True
    assert (canvas_of(browser)[..., 3] == np.eye(20) * 255).all()


def test_the_page_enlarges_without_smoothing_and_keeps_the_pixel_under_the_pointer(shown: Any) -> None:
    browser = shown(page_of(["colour-mosaic-rans"]))
    until(browser, SHOWN)
    stage = browser.find_element("css selector", ".stage")
    canvas = browser.find_element("css selector", ".stage canvas")
    assert canvas.value_of_css_property("image-rendering") == "pixelated"
    assert stage.size["width"] % 160 == 0, "whole pixels"
    larger = browser.find_element("xpath", "//button[text()='+']")
    while stage.size["width"] < 2000:
        larger.click()  # until it can be moved in both directions
    before = stage.size["width"]
    corner = browser.execute_script(
        "const {x, y} = document.querySelector('.stage').getBoundingClientRect(); return [x, y]"
    )
    x, y = (at + (n + 0.5) * before / 160 for at, n in zip(corner, (70, 60), strict=True))
    wheel = "new WheelEvent('wheel', {deltaY: -120, clientX: arguments[0], clientY: arguments[1], cancelable: true})"
    browser.execute_script(f"document.querySelector('main').dispatchEvent({wheel})", x, y)
    assert stage.size["width"] > before
    move = "new PointerEvent('pointermove', {clientX: arguments[0], clientY: arguments[1]})"
    browser.execute_script(f"document.querySelector('.stage').dispatchEvent({move})", x, y)
    decoded = aecodec.decode(golden.data("colour-mosaic-rans"))
    at = " ".join(map(str, decoded[60, 70]))
    assert browser.find_element("css selector", "footer").text == f"x 70, y 60: {at}"
    browser.find_element("xpath", "//button[text()='1:1']").click()
    assert stage.size["width"] == 160


def test_the_page_compares_with_an_original(shown: Any) -> None:
    file = aecodec.encode(COLOUR[0], model="cifar", quality=30, effort=0)
    browser = shown(viewer.page([ViewedFile("a.aec", file, Original("a.png", COLOUR[0], "31.42 dB"))]))
    until(browser, SHOWN)
    assert until(browser, f"{FACTS}.find(([name]) => name === 'PSNR')") == ["PSNR", "31.42 dB"]
    slider = "document.querySelector('input[type=range]')"
    browser.execute_script(f"{slider}.value = 25; {slider}.dispatchEvent(new Event('input'))")
    clip = browser.find_element("css selector", ".stage canvas").value_of_css_property("clip-path")
    assert clip == "inset(0px 0px 0px 25%)"


def test_the_page_says_what_is_wrong_with_a_file(shown: Any) -> None:
    whole = aecodec.encode(DIGITS[0], model="mnist", quality=90, packing="zstd")
    damaged = whole[:-1] + bytes([whole[-1] ^ 1])
    browser = shown(viewer.page([ViewedFile("bad.aec", damaged)]))
    said = until(browser, "return document.querySelector('.notice.bad')?.textContent")
    assert said.startswith("This file cannot be shown")
    assert re.search("(ChecksumMismatch|TruncatedFile|TrailingBytes|InvalidValue): .*", said)


def test_a_dropped_file_whose_model_is_not_in_the_page_is_explained(shown: Any) -> None:
    browser = shown(page_of(["plain-gray"]))
    script = """
    const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0)), transfer = new DataTransfer();
    transfer.items.add(new File([bytes], "dropped.aec"));
    dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, cancelable: true}));
    """
    for name in ("small-rans", "plain-palette"):
        file = golden.data(name)
        browser.execute_script(script, embedding.base64_text(file))
        if name == "small-rans":
            said = until(browser, "return document.querySelector('.notice.bad')?.textContent")
            assert "UnknownModel" in said and "aec view" in said and "mnist-3" in said
        else:
            assert until(browser, SHOWN) == "dropped.aec"
            assert canvas_of(browser).shape == (21, 21, 4)
