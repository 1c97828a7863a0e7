"""The files in packaging/ agree with the code: MIME type, file(1) magic, thumbnailer."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path
from xml.etree import ElementTree

import golden
import pytest
from PIL import Image

import aecodec
from aecodec.errors import AecError, UnsupportedVersion
from aecodec.format import container
from aecodec.integrations import pillow

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
GOLDEN = golden.paths()
SIGNED = golden.path("colour-mosaic-rans")
OTHERS = [ROOT / "examples" / "digit.png", ROOT / "README.md", ROOT / "weights" / "mnist-3.safetensors"]
NAMESPACE = {"mime": "http://www.freedesktop.org/standards/shared-mime-info"}
MAGIC_FILE = str(PACKAGING / "aecodec.magic")
EXECUTABLE = shutil.which("file")


@pytest.fixture(scope="module")
def mime_type() -> ElementTree.Element:
    found = ElementTree.parse(PACKAGING / "aecodec.xml").getroot().find("mime:mime-type", NAMESPACE)
    assert found is not None
    return found


def magic(mime_type: ElementTree.Element) -> tuple[int, int]:
    """The value of the first four bytes, and the mask of the bits that have to match."""
    (match,) = mime_type.findall("mime:magic/mime:match", NAMESPACE)
    assert (match.get("type"), match.get("offset")) == ("big32", "0")
    return int(match.attrib["value"], 16), int(match.attrib["mask"], 16)


def test_the_mime_type_is_the_one_that_pillow_registers(mime_type: ElementTree.Element) -> None:
    assert mime_type.get("type") == pillow.MIME_TYPE
    assert [glob.get("pattern") for glob in mime_type.findall("mime:glob", NAMESPACE)] == [f"*{pillow.SUFFIX}"]


def test_the_mime_magic_is_that_of_the_format(mime_type: ElementTree.Element) -> None:
    assert magic(mime_type) == (int.from_bytes(container.SIGNATURE + b"\0", "big"), 0xFFFFFF00)


@pytest.mark.parametrize("bit", range(32))
def test_the_mime_magic_checks_the_bits_that_the_reader_checks(bit: int, mime_type: ElementTree.Element) -> None:
    value, mask = magic(mime_type)
    data = SIGNED.read_bytes()
    start = int.from_bytes(data[:4], "big") ^ 1 << bit
    with pytest.raises(AecError) as caught:
        aecodec.inspect(start.to_bytes(4, "big") + data[4:])
    assert (start & mask == value) == isinstance(caught.value, UnsupportedVersion)


@pytest.mark.skipif(EXECUTABLE is None, reason="needs file(1)")
def test_file_recognises_every_golden_file_and_no_other() -> None:
    assert EXECUTABLE
    command = [EXECUTABLE, "-b", "--mime-type", "-m", MAGIC_FILE, *map(str, [*GOLDEN, *OTHERS])]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert found[: len(GOLDEN)] == [pillow.MIME_TYPE] * len(GOLDEN)
    assert len(found) == len(GOLDEN) + len(OTHERS) and pillow.MIME_TYPE not in found[len(GOLDEN) :]


@pytest.mark.skipif(EXECUTABLE is None, reason="needs file(1)")
@pytest.mark.parametrize(
    "name", ["mnist-3-q75-rans", "small-zstd", "plain-gray", "colour-mosaic-rans", "near-colour", "lossless-photo"]
)
def test_file_describes_what_the_header_says(name: str) -> None:
    assert EXECUTABLE
    path = golden.path(name)
    command = [EXECUTABLE, "-b", "-m", MAGIC_FILE, str(path)]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    header, _ = container.read_header(path.read_bytes())
    expected = [f"AEC image data, version {container.VERSION}"]
    if header.model_number == container.PLAIN:
        expected.append("without a model")
    else:
        expected.append(f"model {header.model_number}" if header.model_number else "model given by its id")
        lossless = {container.LOSSLESS: "lossless", container.NEAR_LOSSLESS: "near-lossless"}
        expected.append(lossless.get(header.quality, f"quality {header.quality}"))
    assert found == ", ".join(expected)


def test_the_thumbnailer_writes_a_small_png(mime_type: ElementTree.Element, tmp_path: Path) -> None:
    entries = ConfigParser(interpolation=None)
    entries.read(PACKAGING / "aecodec.thumbnailer")
    entry = entries["Thumbnailer Entry"]
    assert entry["MimeType"] == f"{mime_type.get('type')};"
    output = tmp_path / "made by the file manager"  # which creates it before the command runs
    output.touch()
    fields = {"%i": str(golden.path("colour-mosaic-zstd")), "%o": str(output), "%s": "32"}
    program, *arguments = (fields.get(word, word) for word in shlex.split(entry["Exec"]))
    assert program == entry["TryExec"]
    assert program in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    done = subprocess.run([sys.executable, "-m", "aecodec", *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with Image.open(output) as thumbnail:
        assert thumbnail.format == "PNG"
        assert 16 < max(thumbnail.size) <= 32
