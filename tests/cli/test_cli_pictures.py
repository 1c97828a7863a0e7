"""What `aec` makes of pictures: opacity, metadata, formats, parts and thumbnails."""

from __future__ import annotations

import os
import struct
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import aec, succeeds
from PIL import Image, features
from samples import COLOUR, DIGITS, mosaic

import aecodec
from aecodec.cli.picture_files import FORMATS
from aecodec.images.files import is_picture_name

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">gr\xc3\xbc\xc3\x9fe</x:xmpmeta>'
MAKER = 0x010F
OPACITY = np.tile(np.arange(32, dtype=np.uint8) * 8, (32, 1))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def with_metadata(picture: np.ndarray) -> tuple[Image.Image, dict[str, Any]]:
    exif = Image.Exif()
    exif[MAKER] = "a maker"
    info = {"icc_profile": profile(), "exif": exif.tobytes(), "xmp": XMP, "dpi": (300.0, 150.0)}
    image = Image.fromarray(picture)
    image.info.update(info)
    return image, info


def written(name: str) -> bool:
    return name != "avif" or bool(features.check("avif"))


def test_opacity_comes_back_exactly_unless_less_is_asked_for(folder: Path) -> None:
    opacity = mosaic(64, 64)[..., 0]
    Image.fromarray(np.dstack([mosaic(64, 64), opacity])).save("a.png")
    succeeds("compress", "a.png")
    succeeds("decompress", "a.aec", "-o", "back.png")
    with Image.open("back.png") as back:
        assert back.mode == "RGBA"
        assert np.array_equal(np.asarray(back)[..., 3], opacity)
    succeeds("compress", "a.png", "-o", "less.aec", "--alpha-quality", "10")
    less = aecodec.decode(Path("less.aec").read_bytes())[..., 3]
    assert not np.array_equal(less, opacity)
    assert Path("less.aec").stat().st_size < Path("a.aec").stat().st_size


def test_colours_nobody_sees_are_kept_on_demand(folder: Path) -> None:
    picture = np.dstack([mosaic(64, 64), np.zeros((64, 64), np.uint8)])
    Image.fromarray(picture).save("a.png")
    succeeds("compress", "a.png")
    succeeds("compress", "a.png", "-o", "exact.aec", "--exact-transparent")
    assert Path("exact.aec").read_bytes() == aecodec.encode(picture, exact_transparent=True)
    assert Path("exact.aec").stat().st_size > 2 * Path("a.aec").stat().st_size


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.alpha and written(name)])
@pytest.mark.parametrize("gray", [False, True], ids=["colour", "gray"])
def test_formats_with_opacity_keep_it(name: str, gray: bool, folder: Path) -> None:
    colours = COLOUR[0][..., :1] if gray else COLOUR[0]
    Path("a.aec").write_bytes(aecodec.encode(np.dstack([colours, OPACITY])))
    succeeds("decompress", "a.aec", "--format", name)
    with Image.open(f"a.{name}") as back:
        found = np.asarray(back.convert("RGBA"))[..., 3]
    assert np.abs(found.astype(int) - OPACITY).max() <= (8 if name == "avif" else 0)


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if not form.alpha])
def test_formats_without_opacity_drop_none_in_silence(name: str, folder: Path) -> None:
    Path("clear.aec").write_bytes(aecodec.encode(np.dstack([COLOUR[0], OPACITY])))
    result = aec("decompress", "clear.aec", "--format", name)
    assert result.exit_code == 1
    assert result.stderr == (
        f"aec: clear.aec: {name} cannot store transparency, which this picture has: use png, webp or tiff\n"
    )
    for channels in (COLOUR[0], DIGITS[0]):
        opaque = np.dstack([channels, np.full(channels.shape[:2], 255, np.uint8)])
        Path("opaque.aec").write_bytes(aecodec.encode(opaque))
        succeeds("decompress", "opaque.aec", "--format", name, "--force")


@pytest.mark.parametrize("name", [name for name in FORMATS if written(name)])
def test_metadata_goes_where_the_format_can_hold_it(name: str, folder: Path) -> None:
    image, info = with_metadata(COLOUR[0])
    Path("a.aec").write_bytes(aecodec.encode(image))
    succeeds("decompress", "a.aec", "--format", name)
    with Image.open(f"a.{name}") as back:
        held = FORMATS[name].metadata
        for key in held - {"exif", "dpi"}:
            assert back.info[key] == info[key], key
        if "dpi" in held:
            assert back.info["dpi"] == pytest.approx(info["dpi"], abs=0.6)  # some count in pixels per metre
        assert back.getexif().get(MAKER) == ("a maker" if "exif" in held else None)


@pytest.mark.parametrize("name", ["png", "jpg", "webp", "tiff"])
def test_metadata_survives_there_and_back_unless_stripped(name: str, folder: Path) -> None:
    image, info = with_metadata(COLOUR[0])
    Path("a.aec").write_bytes(aecodec.encode(image))
    succeeds("decompress", "a.aec", "--format", name)
    succeeds("compress", f"a.{name}", "-o", "again.aec")
    found = aecodec.decode_image(Path("again.aec").read_bytes())
    assert found.info["icc_profile"] == info["icc_profile"]
    assert found.info["xmp"] == XMP
    assert found.getexif()[MAKER] == "a maker"
    succeeds("compress", f"a.{name}", "-o", "bare.aec", "--strip")
    assert aecodec.decode_image(Path("bare.aec").read_bytes()).info == {}
    assert b"maker" not in Path("bare.aec").read_bytes()


def test_damaged_exif_data_goes_where_pillow_takes_it_as_it_is(folder: Path) -> None:
    damaged = b"Exif\0\0no TIFF structure"
    image = Image.fromarray(COLOUR[0])
    image.info["exif"] = damaged
    with pytest.warns(aecodec.AecWarning, match="EXIF data is damaged"):
        Path("a.aec").write_bytes(aecodec.encode(image))
    for name in ("png", "webp", "jpg"):
        succeeds("decompress", "a.aec", "--format", name)
        assert damaged.removeprefix(b"Exif\0\0") in Path(f"a.{name}").read_bytes()
    for name in [name for name in ("tiff", "avif") if written(name)]:
        result = aec("decompress", "a.aec", "--format", name)
        assert result.exit_code == 0
        assert result.stderr == f"aec: a.aec: the EXIF data is damaged, and not written to {name}\n"
        assert Image.open(f"a.{name}").size == (32, 32)


def test_a_region_is_the_crop_of_the_whole(folder: Path) -> None:
    data = aecodec.encode(mosaic(70, 90))
    Path("a.aec").write_bytes(data)
    succeeds("decompress", "a.aec", "-o", "part.png", "--region", "10,20,33,7")
    assert np.array_equal(np.asarray(Image.open("part.png")), aecodec.decode(data)[20:27, 10:43])
    result = aec("decompress", "a.aec", "-o", "beyond.png", "--region", "80,20,33,7")
    assert result.exit_code == 1
    assert result.stderr.startswith("aec: a.aec: ") and result.stderr.count("\n") == 1
    assert not Path("beyond.png").exists()


def test_a_thumbnail_is_no_larger_than_asked(folder: Path) -> None:
    data = aecodec.encode(mosaic(70, 90))
    Path("a.aec").write_bytes(data)
    Path("b.aec").write_bytes(data)
    succeeds("decompress", "a.aec", "b.aec", "-o", "small/", "--thumbnail", "20")
    for name in ("a", "b"):
        found = np.asarray(Image.open(f"small/{name}.png"))
        assert max(found.shape[:2]) <= 20
        assert np.array_equal(found, aecodec.decode(data, thumbnail=20))


def test_the_format_is_chosen_by_option_or_suffix(folder: Path) -> None:
    data = aecodec.encode(COLOUR[0])
    piped = succeeds("decompress", "-", "--format", "webp", stdin=data).stdout_bytes
    assert Image.open(BytesIO(piped)).format == "WEBP"
    Path("a.aec").write_bytes(data)
    succeeds("decompress", "a.aec", "--format", "bmp")
    assert Image.open("a.bmp").format == "BMP"
    succeeds("decompress", "a.aec", "-o", "named.dat", "--format", "png")
    assert Image.open("named.dat").format == "PNG"


def test_only_names_of_pictures_are_taken_from_folders() -> None:
    assert all(map(is_picture_name, ["a.png", "b.JPG", "c.jpeg", "d.webp", "e.tif", "f.gif", "g.bmp", "h.psd"]))
    assert not any(map(is_picture_name, ["a.aec", "b.txt", "c", "png", "d.pdf", "e.mpg", "f.h5", ".png"]))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_read_once(folder: Path) -> None:
    data = aecodec.encode(COLOUR[0])
    os.mkfifo("pipe")
    for command in ("info", "verify"):
        writer = threading.Thread(target=Path("pipe").write_bytes, args=(data,))
        writer.start()
        succeeds(command, "pipe")
        writer.join(10)


def test_verify_does_not_call_half_of_the_bits_identical(folder: Path) -> None:
    Path("wide.ppm").write_bytes(b"P6 4 3 65535\n" + np.arange(36, dtype=">u2").tobytes())
    with Image.open("wide.ppm") as image:
        Path("wide.aec").write_bytes(aecodec.encode(np.asarray(image.convert("RGB")), lossless=True))
    result = aec("verify", "wide.aec", "--against", "wide.ppm")
    assert result.exit_code == 1 and "Pillow reads only 8 bits" in result.stderr
    assert aec("compress", "wide.ppm", "--lossless", "-o", "none.aec").exit_code == 1
    assert not Path("none.aec").exists()


def exif_with(tag: int, kind: int, count: int, value: bytes) -> bytes:
    """EXIF data with a maker and another tag, of whatever kind; its value, if it is longer than 4 bytes, at the end."""
    entries = {
        MAKER: struct.pack("<HHI4s", MAKER, 2, 4, b"abc\0"),
        tag: struct.pack("<HHI", tag, kind, count) + (value if len(value) <= 4 else struct.pack("<I", 38)),
    }
    directory = struct.pack("<H", 2) + b"".join(entries[key] for key in sorted(entries)) + bytes(4)
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + directory + (value if len(value) > 4 else b"")


@pytest.mark.parametrize(
    ("tag", "kind", "count", "value", "kept"),
    [
        (256, 4, 1, struct.pack("<I", 4032), True),
        (262, 3, 1, struct.pack("<I", 6), True),
        (282, 2, 4, b"300\0", True),
        (296, 2, 3, b"in\0\0", True),
        (306, 5, 1, struct.pack("<II", 7, 2), False),
    ],
    ids=["width", "colours", "resolution", "unit", "a date that is a number"],
)
def test_tags_of_exif_data_do_not_spoil_a_tiff(
    folder: Path, tag: int, kind: int, count: int, value: bytes, kept: bool
) -> None:
    picture = mosaic(64, 32)
    image = Image.fromarray(picture)
    image.info["exif"] = exif_with(tag, kind, count, value)
    Path("a.aec").write_bytes(aecodec.encode(image, lossless=True))
    result = aec("decompress", "a.aec", "-o", "a.tif")
    assert result.exit_code == 0
    with Image.open("a.tif") as back:
        assert np.array_equal(np.asarray(back), picture)
        assert (back.getexif().get(MAKER) == "abc") == kept
    assert ("the EXIF data cannot be written to tif" in result.stderr) != kept


def test_colours_that_are_transparent_come_back_through_webp(folder: Path) -> None:
    picture = np.dstack([mosaic(16, 16), np.zeros((16, 16), np.uint8)])
    Path("a.aec").write_bytes(aecodec.encode(picture, lossless=True, exact_transparent=True))
    succeeds("decompress", "a.aec", "-o", "a.webp")
    with Image.open("a.webp") as back:
        assert np.array_equal(np.asarray(back.convert("RGBA")), picture)
