"""`aec placeholder`: text for a picture, a picture for text, and one sentence for anything else."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from command_line import aec, succeeds
from PIL import Image

import aecodec

COLOURS = np.linspace((250, 40, 0), (0, 90, 220), 60).reshape(1, 60, 3).repeat(40, axis=0).round().astype(np.uint8)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(COLOURS).save("a.png")
    return tmp_path


def test_a_placeholder_is_one_line_of_base64_or_hexadecimal() -> None:
    data = aecodec.placeholder(COLOURS)
    assert succeeds("placeholder", "a.png").stdout == base64.b64encode(data).decode() + "\n"
    assert succeeds("placeholder", "a.png", "--hex").stdout == data.hex() + "\n"
    assert succeeds("placeholder", "-", "-n", "8", stdin=Path("a.png").read_bytes()).stdout == (
        base64.b64encode(aecodec.placeholder(COLOURS, 8)).decode() + "\n"
    )


def test_aec_files_have_placeholders_too() -> None:
    Path("a.aec").write_bytes(aecodec.encode(COLOURS, lossless=True))
    assert succeeds("placeholder", "a.aec").stdout == succeeds("placeholder", "a.png").stdout


def test_text_and_files_are_decoded_to_a_picture() -> None:
    data = aecodec.placeholder(COLOURS)
    expected = aecodec.decode_placeholder(data, width=90)
    Path("text").write_text(data.hex() + "\n")
    Path("bytes").write_bytes(data)
    for given in (
        data.hex(),
        base64.b64encode(data).decode(),
        base64.urlsafe_b64encode(data).decode(),
        "text",
        "bytes",
    ):
        assert succeeds("placeholder", "--decode", given, "-o", "out.png", "--width", "90", "--force").stdout == ""
        assert np.array_equal(np.asarray(Image.open("out.png")), expected)


def test_base64_without_padding_is_the_same_picture() -> None:
    data = aecodec.placeholder(COLOURS, 25)
    text = base64.b64encode(data).decode()
    assert text.endswith("=")
    succeeds("placeholder", "--decode", text.rstrip("="), "-o", "out.png")
    assert np.array_equal(np.asarray(Image.open("out.png")), aecodec.decode_placeholder(data))


def test_a_pipe_gets_a_png() -> None:
    text = succeeds("placeholder", "a.png").stdout.encode()
    found = Image.open(BytesIO(succeeds("placeholder", "--decode", "-", "-o", "-", stdin=text).stdout_bytes))
    assert (found.format, found.size) == ("PNG", (32, 21))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.png"], "aec: nothing.png: No such file or directory\n"),
        (["text"], "aec: text: this is not a picture in a format that Pillow reads\n"),
        (["--decode", "nothing.txt", "-o", "b.png"], "aec: nothing.txt: No such file or directory\n"),
        (["--decode", "text", "-o", "b.png"], "aec: text: a placeholder has 1 to 64 bytes, not 70\n"),
        (["--decode", "/w==", "-o", "b.png"], "first byte of a placeholder is at most 251, not 255: this is none\n"),
        (["--decode", "AAAA", "-o", "a.png"], "aec: a.png: already exists; use --force to overwrite it\n"),
    ],
)
def test_a_failure_is_one_sentence_and_leaves_no_file(arguments: list[str], message: str) -> None:
    Path("text").write_text("!" * 70)
    before = {path: path.read_bytes() for path in Path().iterdir()}
    result = aec("placeholder", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith(message) and result.stderr.count("\n") == 1
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_a_suffix_that_no_picture_has_is_wrong_usage() -> None:
    result = aec("placeholder", "--decode", "AAAA", "-o", "b.doc")
    assert result.exit_code == 2 and "b.doc: pictures cannot be written as .doc; try .png" in result.stderr
    assert not Path("b.doc").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["a.png", "-n", "7"],
        ["a.png", "-n", "65"],
        ["--decode", "AAAA"],
        ["a.png", "-o", "b.png"],
        ["a.png", "--width", "9"],
        ["a.png", "--force"],
        ["--decode", "AAAA", "-o", "b.png", "--hex"],
        ["--decode", "AAAA", "-o", "b.png", "-n", "10"],
        ["--decode", "", "-o", "b.png"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    result = aec("placeholder", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
