"""A picture file that Pillow cannot decode to the end is refused, whatever is damaged in it and whoever opens it."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from samples import COLOUR, mosaic

import aecodec
from aecodec.cli import main
from aecodec.cli.picture_files import read_picture
from aecodec.errors import AecError, UnsupportedImage
from aecodec.images import loading

PICTURE = Image.fromarray(mosaic(40, 53))
DAMAGED = 120  # variants of each file
UNREADABLE = {"PALM", "PDF", "XBM"}  # written by Pillow and not read, or text in which most flips are harmless


def saved(form: str, picture: Image.Image = PICTURE, **options: object) -> bytes | None:
    """The file of a picture in a format of Pillow; None if Pillow cannot write it, or not read it again."""
    for mode in ("RGB", "L", "1", "F", "RGBA"):
        buffer = BytesIO()
        try:
            picture.convert(mode).save(buffer, form, **options)
            with Image.open(BytesIO(buffer.getvalue())) as image:
                image.load()
        except Exception:
            continue
        return buffer.getvalue()
    return None


def formats() -> list[str]:
    """The formats that Pillow writes here."""
    Image.init()
    return sorted(set(Image.SAVE) - UNREADABLE - {"AEC", "HDF5", "BUFR", "GRIB", "WMF", "EPS"})


def damaged(data: bytes, seed: int) -> Iterator[bytes]:
    """Files with flipped bits, overwritten bytes, and ends cut off."""
    draw = random.Random(seed)
    for number in range(DAMAGED):
        if number % 4 == 3:
            yield data[: draw.randrange(len(data))]
            continue
        changed = bytearray(data)
        for _ in range(draw.choice([1, 1, 1, 3])):
            changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        yield bytes(changed)


def pillow_fails(data: bytes) -> bool:
    """Whether Pillow raises when a file is opened and loaded once."""
    try:
        with Image.open(BytesIO(data)) as image:
            image.load()
    except Exception:
        return True
    return False


def opened(data: bytes) -> aecodec.Features | object:
    """What the encoder sees of a Pillow image that was opened lazily."""
    with Image.open(BytesIO(data)) as image:
        return loading.load(image)


def through_command_line(data: bytes) -> object:
    return read_picture(data, 1 << 20)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own, of what it passes over
        yield


@pytest.mark.parametrize("read", [opened, through_command_line], ids=["image", "command line"])
@pytest.mark.parametrize("form", formats())
def test_where_pillow_fails_the_picture_is_refused(form: str, read: Callable[[bytes], object]) -> None:
    data = saved(form)
    if data is None:
        pytest.skip(f"Pillow cannot write or read {form} here")
    refused = 0
    for variant in damaged(data, seed=len(form)):
        if not pillow_fails(variant):
            continue
        refused += 1
        # Where Pillow cannot even open the file, there is no image that could be given to the encoder.
        with pytest.raises(AecError if read is through_command_line else Exception):
            read(variant)
    assert refused or form in {"BLP", "DDS", "TGA"}  # of which a cut alone is an error


def test_one_flipped_bit_in_each_of_two_hundred_pngs() -> None:
    buffer = BytesIO()
    PICTURE.save(buffer, "PNG")
    data, begin = buffer.getvalue(), buffer.getvalue().index(b"IDAT") + 4
    draw, failing = random.Random(0), 0
    for _ in range(200):
        changed = bytearray(data)
        changed[draw.randrange(begin, len(data) - 12)] ^= 1 << draw.randrange(8)
        if not pillow_fails(bytes(changed)):
            continue
        failing += 1
        for options in ({"quality": 1, "effort": 0}, {"lossless": True}, {"max_error": 3}):
            with (
                Image.open(BytesIO(changed)) as image,
                pytest.raises(UnsupportedImage, match="the picture cannot be decoded"),
            ):
                aecodec.encode(image, **options)
    assert failing > 150


def with_frames(form: str) -> bytes:
    """A file of several frames, the first of which is broken in the middle of its pixels."""
    frames = [Image.fromarray(tile) for tile in COLOUR[:3]]
    buffer = BytesIO()
    frames[0].save(buffer, form, save_all=True, append_images=frames[1:])
    data = bytearray(buffer.getvalue())
    at = data.index(b"IDAT") + 40
    data[at] ^= 0xFF
    return bytes(data)


def icon() -> bytes:
    """An icon whose picture, a PNG, is broken."""
    buffer = BytesIO()
    PICTURE.resize((32, 32)).save(buffer, "ICO", sizes=[(32, 32)])
    data = bytearray(buffer.getvalue())
    data[data.index(b"IDAT") + 40] ^= 0xFF
    return bytes(data)


@pytest.mark.parametrize("data", [with_frames("PNG"), icon()], ids=["APNG", "ICO"])
def test_broken_frames_are_refused(data: bytes) -> None:
    assert pillow_fails(data)
    with pytest.raises(UnsupportedImage):
        through_command_line(data)
    with pytest.raises((UnsupportedImage, OSError)), Image.open(BytesIO(data)) as image:  # some are loaded when opened
        aecodec.encode(image)


@pytest.mark.parametrize("options", [[], ["--lossless"], ["--max-error", "2"]], ids=["", "lossless", "max-error"])
def test_the_command_line_writes_nothing_and_fails(options: list[str], tmp_path: Path) -> None:
    source, target, whole = tmp_path / "a.png", tmp_path / "a.aec", tmp_path / "b.png"
    PICTURE.save(whole)
    data = bytearray(whole.read_bytes())
    data[data.index(b"IDAT") + 300] ^= 4
    source.write_bytes(data)
    result = CliRunner().invoke(main, ["compress", str(source), "-o", str(target), *options])
    assert result.exit_code == 1
    assert "the picture cannot be decoded" in result.stderr
    assert not target.exists() and sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]
    (tmp_path / "out").mkdir()
    result = CliRunner().invoke(main, ["compress", str(source), str(whole), "-o", str(tmp_path / "out"), *options])
    assert result.exit_code == 1
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["b.aec"]


def test_exif_is_still_read_after_the_pixels_of_a_png() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "described"
    buffer = BytesIO()
    PICTURE.save(buffer, "PNG", exif=exif)
    data = buffer.getvalue()
    assert data.index(b"eXIf")
    with Image.open(BytesIO(data)) as image:
        source = loading.load(image)
    assert source.samples.shape == (53, 40, 3)
    assert b"described" in source.metadata.exif
    assert np.array_equal(source.samples, np.asarray(PICTURE.transpose(Image.Transpose.ROTATE_270)))
