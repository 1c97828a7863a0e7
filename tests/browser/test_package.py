"""The npm package in a browser: the element <aec-img>, and what replaces images by it.

Needs js/dist, which `npm run build` in js/ makes.
"""

from __future__ import annotations

import http.server
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import golden
import numpy as np
import pytest
from browsers import until

import aecodec

REPOSITORY = Path(__file__).parents[2]
DIST = REPOSITORY / "js" / "dist"
HELD = ("dist", "models")  # of the package

pytestmark = pytest.mark.skipif(
    not (DIST / "index.js").is_file(), reason="needs js/dist: cd js && npm ci && npm run build"
)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Quiet; keeps files named slow.aec waiting after their first 12 bytes, until the test lets them go on."""

    go_on = threading.Event()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        if not self.path.endswith("slow.aec"):
            super().do_GET()
            return
        data = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:12])
        self.wfile.flush()
        self.go_on.wait(60)
        self.wfile.write(data[12:])


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Shows the body of a page beside the golden files, with aecodec/auto."""
    site = tmp_path / "site"
    site.mkdir()
    for folder in HELD:
        (site / folder).symlink_to(REPOSITORY / "js" / folder)
    for file in golden.paths():
        shutil.copy(file, site)
    whole = golden.data("small-rans")
    (site / "damaged.aec").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    shutil.copy(golden.path("colour-mosaic-rans"), site / "slow.aec")
    Handler.go_on.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def shown(body: str) -> Any:
        page = f'<!DOCTYPE html><meta charset="utf-8"><body>{body}<script type="module" src="dist/auto.js"></script>'
        (site / "index.html").write_text(page)
        browser.get(f"http://127.0.0.1:{server.server_port}/")
        return browser

    yield shown
    Handler.go_on.set()
    server.shutdown()
    server.server_close()


ALL = "[...document.querySelectorAll('aec-img')]"
COMPLETE = f"return {ALL}.length > 0 && {ALL}.every((e) => e.complete)"


def size_of(browser: Any, selector: str) -> list[float]:
    script = (
        "const {width, height} = document.querySelector(arguments[0]).getBoundingClientRect(); return [width, height]"
    )
    found: list[float] = browser.execute_script(script, selector)
    return found


def pixels_of(browser: Any, selector: str) -> np.ndarray:
    """What an element has on its canvas, (height, width, 4)."""
    width, height, data = browser.execute_script(
        "const canvas = document.querySelector(arguments[0]).shadowRoot.querySelector('canvas');"
        "const {width, height} = canvas;"
        "return [width, height, [...canvas.getContext('2d').getImageData(0, 0, width, height).data]];",
        selector,
    )
    return np.array(data, np.uint8).reshape(height, width, 4)


def test_elements_show_the_decoded_pixels_in_workers(show: Callable[[str], Any]) -> None:
    names = ("small-rans", "colour-5x7-zstd", "plain-alpha", "lossless-digit")
    browser = show("".join(f'<aec-img id="{name}" src="{name}.aec" alt=""></aec-img>' for name in names))
    until(browser, COMPLETE)
    for name in names:
        decoded = aecodec.decode(golden.data(name))
        shown = pixels_of(browser, f"#{name}")
        if name == "plain-alpha":  # a canvas forgets the colours of transparent pixels
            assert (shown[..., 3] == decoded[..., 3]).all()
            assert (shown[decoded[..., 3] == 255] == decoded[decoded[..., 3] == 255]).all()
        else:
            assert (shown[..., :3] == (decoded if decoded.ndim == 3 else decoded[..., None])).all()
        assert size_of(browser, f"#{name}") == [decoded.shape[1], decoded.shape[0]]


def test_the_place_of_a_picture_is_kept_before_its_file_is_there(show: Callable[[str], Any]) -> None:
    browser = show('<aec-img src="slow.aec" alt="" style="width: 80px"></aec-img><p>text</p>')
    until(browser, "return document.querySelector('aec-img').naturalWidth === 160")
    assert browser.execute_script("return document.querySelector('aec-img').complete") is False
    before = size_of(browser, "aec-img"), browser.find_element("css selector", "p").location
    assert before[0] == [80, 64]
    Handler.go_on.set()
    until(browser, COMPLETE)
    assert before == (size_of(browser, "aec-img"), browser.find_element("css selector", "p").location)


def canvas_colour(browser: Any, x: float, y: float) -> list[int]:
    """Red, green, blue and opacity of the canvas of the element, at a fraction of its size."""
    program = f"""const canvas = document.querySelector("aec-img").shadowRoot.querySelector("canvas");
        const {{ data }} = canvas.getContext("2d").getImageData({x} * canvas.width, {y} * canvas.height, 1, 1);
        return canvas.hidden ? [] : [...data]"""
    found: list[int] = browser.execute_script(program)
    return found


def test_a_placeholder_is_shown_until_the_picture_is_there(show: Callable[[str], Any]) -> None:
    halves = np.zeros((80, 100, 3), np.uint8)
    halves[:, :50], halves[:, 50:] = (220, 30, 30), (20, 40, 200)
    text = aecodec.placeholder(halves).hex()
    browser = show(f'<aec-img src="slow.aec" alt="" width="80" placeholder="{text}"></aec-img><p>text</p>')
    until(browser, "return document.querySelector('aec-img').naturalWidth === 160")
    until(browser, "return document.querySelector('aec-img').shadowRoot.querySelector('canvas').hidden === false")
    before = size_of(browser, "aec-img"), browser.find_element("css selector", "p").location
    assert before[0] == [80, 64]
    for _ in range(50):  # its code is loaded at the first need
        left, right = canvas_colour(browser, 0.2, 0.5), canvas_colour(browser, 0.8, 0.5)
        if left[3] == 255:
            break
        time.sleep(0.1)
    assert left[0] > 150 > left[2] and right[2] > 150 > right[0]
    assert browser.execute_script("return document.querySelector('aec-img').complete") is False
    Handler.go_on.set()
    until(browser, COMPLETE)
    assert before == (size_of(browser, "aec-img"), browser.find_element("css selector", "p").location)
    expected = aecodec.decode(golden.data("colour-mosaic-rans"))
    assert canvas_colour(browser, 0.2, 0.5) == [*expected[64, 32].tolist(), 255]


def test_a_placeholder_gives_the_aspect_ratio_before_the_file_begins(show: Callable[[str], Any]) -> None:
    text = aecodec.placeholder(np.zeros((20, 40), np.uint8)).hex()
    browser = show(f'<aec-img alt="" width="80" placeholder="{text}"></aec-img>')
    until(browser, "return document.querySelector('aec-img').offsetHeight === 40")


def test_a_placeholder_that_is_none_is_left_out(show: Callable[[str], Any]) -> None:
    browser = show('<aec-img src="colour-mosaic-rans.aec" alt="" placeholder="/w=="></aec-img>')
    until(browser, COMPLETE)
    assert browser.execute_script("return document.querySelector('aec-img').error") is None


def test_sizes_follow_css_as_those_of_images_do(show: Callable[[str], Any]) -> None:
    styles = ["", "width: 80px", "height: 64px", "width: 50px; height: 50px; object-fit: cover", "max-width: 40px"]
    attributes = [f'style="{style}"' for style in styles] + ['width="32"', 'width="30" height="70"']
    made = "".join(f'<div><aec-img src="colour-mosaic-rans.aec" {more}></aec-img></div>' for more in attributes)
    browser = show(made)
    until(browser, COMPLETE)
    found = browser.execute_script(f"return {ALL}.map((e) => [e.offsetWidth, e.offsetHeight])")
    assert found == [[160, 128], [80, 64], [80, 64], [50, 50], [40, 32], [32, 26], [30, 70]]
    fit = f"return getComputedStyle({ALL}[3].shadowRoot.querySelector('canvas')).objectFit"
    assert browser.execute_script(fit) == "cover"


def test_a_picture_that_cannot_be_shown_shows_its_text_and_why(show: Callable[[str], Any]) -> None:
    browser = show('<aec-img src="damaged.aec" alt="A seven"></aec-img> <aec-img src="no.aec" alt="Nothing"></aec-img>')
    until(browser, COMPLETE)
    damaged, missing = browser.execute_script(
        f"return {ALL}.map((e) => [e.error.name, e.shadowRoot.querySelector('p').innerText, e.offsetHeight])"
    )
    assert damaged[0] in {error.__name__ for error in aecodec.AecError.__subclasses__()}
    assert damaged[1].startswith("A seven\n") and damaged[2] > 0
    assert missing[1].startswith("Nothing\n404")


def test_events_tell_of_the_end_and_another_source_is_loaded(show: Callable[[str], Any]) -> None:
    browser = show('<aec-img src="small-rans.aec" alt=""></aec-img>')
    until(browser, COMPLETE)
    found = browser.execute_async_script(
        "const done = arguments[arguments.length - 1], element = document.querySelector('aec-img'), heard = [];"
        "const next = () => { element.src = ['damaged.aec', 'plain-gray.aec'][heard.length]; };"
        "for (const type of ['load', 'error']) element.addEventListener(type, (event) => {"
        "  heard.push(event.type); if (heard.length < 2) next(); else done([heard, element.naturalWidth]); });"
        "next();"
    )
    assert found == [["error", "load"], 28]


def test_pictures_far_below_wait_until_they_are_near(show: Callable[[str], Any]) -> None:
    browser = show(
        '<aec-img src="small-rans.aec"></aec-img><div style="height: 9000px"></div>'
        '<aec-img id="far" src="small-zstd.aec"></aec-img>'
        '<aec-img id="eager" src="plain-gray.aec" loading="eager"></aec-img>'
    )
    until(browser, "return ['aec-img', '#eager'].every((s) => document.querySelector(s).complete)")
    loaded = "return performance.getEntriesByType('resource').some((entry) => entry.name.endsWith('small-zstd.aec'))"
    assert browser.execute_script(loaded) is False
    browser.execute_script("document.querySelector('#far').scrollIntoView()")
    until(browser, COMPLETE)
    assert browser.execute_script(loaded) is True


def test_images_are_replaced_with_all_that_they_say(show: Callable[[str], Any]) -> None:
    browser = show(
        '<img src="small-rans.aec?1" alt="seven" class="a b" width="56" data-x="1"><img src="x.png" alt="no">'
    )
    until(browser, COMPLETE)
    attributes = (
        "return Object.fromEntries([...document.querySelector('aec-img').attributes].map((a) => [a.name, a.value]))"
    )
    expected = {"src": "small-rans.aec?1", "alt": "seven", "class": "a b", "width": "56", "data-x": "1"}
    assert browser.execute_script(attributes) == expected
    assert [image.get_attribute("alt") for image in browser.find_elements("css selector", "img")] == ["no"]
    browser.execute_script("document.body.insertAdjacentHTML('beforeend', '<p><img src=\"plain-gray.aec\"></p>')")
    until(browser, "return document.querySelector('p aec-img')?.complete")
    assert pixels_of(browser, "p aec-img").shape == (28, 28, 4)


def test_only_the_models_that_are_needed_are_loaded(show: Callable[[str], Any]) -> None:
    browser = show('<aec-img src="small-rans.aec"></aec-img><aec-img src="plain-gray.aec"></aec-img>')
    until(browser, COMPLETE)
    names = "return performance.getEntriesByType('resource').map((e) => e.name).filter((n) => n.includes('/models/'))"
    assert [name.rpartition("/")[2] for name in browser.execute_script(names)] == ["mnist-3.safetensors"]
