"""`aec view`: the page that it writes, and what it refuses."""

from __future__ import annotations

import base64
import re
import webbrowser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from command_line import aec, succeeds
from PIL import Image
from samples import COLOUR, DIGITS

import aecodec


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("a.aec").write_bytes(aecodec.encode(DIGITS[0], model="mnist", quality=20))
    Path("b.aec").write_bytes(aecodec.encode(COLOUR[0], lossless=True, model="cifar"))
    Image.fromarray(COLOUR[0]).save("b.png")
    Image.fromarray(np.zeros((5, 7), np.uint8)).save("small.png")
    return tmp_path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was asked to show."""
    found: list[str] = []

    def show(address: str) -> bool:
        found.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", show)
    return found


def refuses(*arguments: str, code: int = 1) -> str:
    before = sorted(Path().rglob("*"))
    result = aec("view", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert sorted(Path().rglob("*")) == before
    return result.stderr


def test_the_page_is_written(opened: list[str]) -> None:
    succeeds("view", "a.aec", "b.aec", "-o", "new/page.html")
    page = Path("new/page.html").read_text()
    assert '"name": "a.aec"' in page and '"name": "b.aec"' in page and opened == []


def test_the_page_is_opened_where_it_was_written(opened: list[str]) -> None:
    succeeds("view", "a.aec", "--open", "-o", "page.html")
    assert opened == [Path("page.html").absolute().as_uri()]


def test_without_an_output_the_page_is_opened_from_a_temporary_file(opened: list[str]) -> None:
    before = sorted(Path().rglob("*"))
    succeeds("view", "a.aec", "--open")
    (address,) = opened
    page = Path(address.removeprefix("file://"))
    assert "a.aec" in page.read_text() and sorted(Path().rglob("*")) == before
    page.unlink()


def test_a_missing_browser_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    result = aec("view", "a.aec", "--open", "-o", "page.html")
    assert result.exit_code == 1 and result.stderr == "aec: no browser was found: open page.html in one\n"


def test_originals_are_put_beside_their_files() -> None:
    succeeds("view", "b.aec", "--against", "b.png", "-o", "page.html")
    found = re.search(
        r'"against": {"name": "b.png", "src": "data:image/png;base64,([^"]*)"', Path("page.html").read_text()
    )
    assert found
    with Image.open(BytesIO(base64.b64decode(found[1]))) as image:
        assert np.array_equal(np.asarray(image), COLOUR[0])


def test_what_does_not_fit_is_refused() -> None:
    assert "-o FILE.html, --open, or both" in refuses("a.aec", code=2)
    assert "once for each" in refuses("a.aec", "b.aec", "--against", "b.png", "-o", "p.html", code=2)
    said = refuses("b.aec", "--against", "small.png", "-o", "p.html")
    assert said == "aec: small.png: the picture is 7x5, and the file decodes to 32x32\n"
    assert refuses("b.png", "-o", "p.html").startswith("aec: b.png: ")
    assert refuses("no.aec", "-o", "p.html").startswith("aec: no.aec: ")
    assert refuses("b.aec", "--against", "a.aec", "-o", "p.html").startswith("aec: a.aec: ")
    Path("p.html").write_text("mine")
    assert "already exists" in refuses("a.aec", "-o", "p.html")
    assert Path("p.html").read_text() == "mine"
    succeeds("view", "a.aec", "-o", "p.html", "--force")


def test_the_psnr_is_that_of_aec_verify() -> None:
    alpha = np.full((32, 32), 255, np.uint8)
    alpha[:8], alpha[8:16] = 0, 100
    picture = np.dstack([COLOUR[0], alpha])
    Image.fromarray(picture).save("c.png")
    for name, options in (("c", {"model": "cifar", "quality": 30}), ("d", {"lossless": True})):
        Path(f"{name}.aec").write_bytes(aecodec.encode(picture, **options))
        succeeds("view", f"{name}.aec", "--against", "c.png", "-o", f"{name}.html")
    verified = re.search(r"PSNR ([0-9.]+ dB)", succeeds("verify", "c.aec", "--against", "c.png").stdout)
    assert verified and f'"psnr": "{verified[1]}"' in Path("c.html").read_text()
    assert '"psnr": "infinite"' in Path("d.html").read_text()


def test_a_damaged_file_is_shown_as_one_beside_its_original() -> None:
    picture = np.tile(COLOUR[0], (3, 3, 1))
    Image.fromarray(picture).save("large.png")
    data = bytearray(aecodec.encode(picture, model="cifar", quality=20, effort=0))
    data[len(data) // 2] ^= 1
    Path("large.aec").write_bytes(data)
    succeeds("view", "large.aec", "--against", "large.png", "-o", "page.html")
    assert '"psnr": null' in Path("page.html").read_text()


def test_originals_of_16_bits_are_compared_as_they_are() -> None:
    picture = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50) * 32
    Image.fromarray(picture).save("wide.png")
    Image.fromarray((picture >> 8).astype(np.uint8)).save("narrow.png")
    Path("wide.aec").write_bytes(aecodec.encode(picture, lossless=True))
    succeeds("view", "wide.aec", "--against", "wide.png", "-o", "page.html")
    page = Path("page.html").read_text()
    found = re.search(r'"src": "data:image/png;base64,([^"]*)", "psnr": "infinite"', page)
    assert found
    with Image.open(BytesIO(base64.b64decode(found[1]))) as image:
        assert np.array_equal(np.asarray(image), np.round(picture / 257).astype(np.uint8))
    done = aec("view", "wide.aec", "--against", "narrow.png", "-o", "other.html")
    assert done.exit_code == 0 and done.stderr.startswith("narrow.png: no PSNR") and done.stderr.count("\n") == 1
