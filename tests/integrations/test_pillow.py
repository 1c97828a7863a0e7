"""Pillow's plugin keeps Pillow's conventions; imageio reads and writes through it."""

from __future__ import annotations

import inspect
import io
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageSequence, UnidentifiedImageError
from samples import COLOUR, DIGITS, mosaic

import aecodec
import aecodec.pillow
from aecodec.format import container
from aecodec.images.source import Picture

ICC = b"a profile, as far as anybody here knows"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
LA = np.dstack([DIGITS[0], DIGITS[1]])
RGBA = np.dstack([COLOUR[0], COLOUR[1][..., 0]])
PICTURES = {"L": DIGITS[0], "LA": LA, "RGB": COLOUR[0], "RGBA": RGBA}


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """Pillow knows .aec within these tests, and no longer."""
    Image.init()  # a plugin that came in meanwhile would be forgotten below, and never be imported again
    tables: list[dict[str, Any]] = [Image.OPEN, Image.SAVE, Image.SAVE_ALL, Image.EXTENSION, Image.MIME]
    before = [dict(table) for table in tables]
    names = list(Image.ID)
    aecodec.pillow.register()
    yield
    for table, kept in zip(tables, before, strict=True):
        table.clear()
        table.update(kept)
    Image.ID[:] = names


def file_of(picture: np.ndarray, **options: Any) -> io.BytesIO:
    return io.BytesIO(aecodec.encode(picture, **options))


LARGE = mosaic(70, 80)


def damaged(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[-3] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("mode", PICTURES)
def test_open_gives_what_decode_gives(mode: str) -> None:
    stream = file_of(PICTURES[mode])
    with Image.open(stream) as image:
        assert (image.format, image.mode, image.size) == ("AEC", mode, PICTURES[mode].shape[1::-1])
        assert np.array_equal(np.asarray(image), aecodec.decode(stream.getvalue()))


def test_opening_decodes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    decode = aecodec.decode

    def counting(*arguments: Any, **options: Any) -> Picture:
        calls.append(1)
        return decode(*arguments, **options)

    monkeypatch.setattr(aecodec, "decode", counting)
    source = Image.fromarray(COLOUR[0])
    source.info.update(icc_profile=ICC, xmp=XMP, dpi=(300, 150))
    with Image.open(io.BytesIO(aecodec.encode(source))) as image:
        assert (image.size, image.mode) == ((32, 32), "RGB")
        assert image.info == {"icc_profile": ICC, "xmp": XMP, "dpi": (300, 150)}
        assert calls == []
        image.load()
        image.load()
        image.convert("L")
        assert calls == [1]


def test_opening_reads_the_header_only() -> None:
    stream = file_of(mosaic(300, 300), lossless=True)
    with Image.open(stream) as image:
        assert stream.tell() <= 4096 < len(stream.getvalue()) / 5
        assert np.array_equal(np.asarray(image), mosaic(300, 300))
    source = Image.fromarray(COLOUR[0])
    source.info["icc_profile"] = np.random.default_rng(0).bytes(30_000)  # a header of several blocks
    with Image.open(io.BytesIO(aecodec.encode(source))) as image:
        assert image.info == source.info
        image.load()


def test_a_closed_image_cannot_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "a.aec").write_bytes(file_of(COLOUR[0]).getvalue())
    with Image.open(tmp_path / "a.aec") as image:
        pass
    with pytest.raises(ValueError, match="closed"):
        image.load()


@pytest.mark.parametrize("mode", PICTURES)
def test_what_was_loaded_can_be_changed(mode: str) -> None:
    stream = file_of(PICTURES[mode])
    for _ in range(2):  # the second time from the same bytes
        with Image.open(stream) as image:
            before = image.getpixel((0, 0))
            assert np.array_equal(np.asarray(image), aecodec.decode(stream.getvalue()))
            image.putpixel((0, 0), 9 if mode == "L" else tuple(9 for _ in mode))
            assert image.getpixel((0, 0)) != before


def test_one_picture_is_one_frame_of_a_registered_type() -> None:
    with Image.open(file_of(COLOUR[0])) as image:
        assert image.get_format_mimetype() == "image/x-aec"
        assert image.tell() == 0
        image.seek(0)
        with pytest.raises(EOFError):
            image.seek(1)
        assert not getattr(image, "is_animated", False)
        assert getattr(image, "n_frames", 1) == 1


def test_wide_samples_that_pillow_cannot_hold_are_rounded_with_a_warning() -> None:
    wide = COLOUR[0].astype(np.uint16) * 257
    with Image.open(file_of(wide, lossless=True)) as image:
        with pytest.warns(aecodec.AecWarning, match="rounded to 8") as caught:
            image.load()
        assert caught[0].filename == __file__
        assert np.array_equal(np.asarray(image), COLOUR[0])


def test_warnings_of_save_point_to_whoever_saved() -> None:
    with pytest.warns(aecodec.AecWarning) as caught:
        Image.new("YCbCr", (9, 9)).save(io.BytesIO(), "AEC")
    assert caught[0].filename == __file__


def test_save_is_encode_and_takes_its_options(tmp_path: Path) -> None:
    picture = Image.fromarray(COLOUR[0])
    picture.save(tmp_path / "a.aec")
    assert (tmp_path / "a.aec").read_bytes() == aecodec.encode(picture)
    picture.save(tmp_path / "b.aec", quality=30, model="cifar", packing="rans")
    assert (tmp_path / "b.aec").read_bytes() == aecodec.encode(picture, quality=30, model="cifar", packing="rans")
    stream = io.BytesIO()
    picture.save(stream, format="AEC", quality=None)
    assert stream.getvalue() == aecodec.encode(picture)
    assert Image.registered_extensions()[".aec"] == "AEC"
    assert Image.MIME["AEC"] == "image/x-aec"


def test_save_takes_every_option_of_encode() -> None:
    from aecodec.integrations import pillow

    assert set(pillow._OPTIONS) == set(inspect.signature(aecodec.encode).parameters) - {"image"}


def test_metadata_comes_along_and_save_may_replace_it() -> None:
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    source = Image.fromarray(COLOUR[0])
    source.info.update(icc_profile=ICC, dpi=(72, 72))
    stream = io.BytesIO()
    source.save(stream, "AEC", exif=exif, icc_profile=b"another", xmp=XMP)
    with Image.open(stream) as image:
        assert image.info["icc_profile"] == b"another"
        assert image.info["xmp"] == XMP
        assert image.info["dpi"] == (72, 72)
        assert image.getexif()[0x010F] == "a maker"
        again = io.BytesIO()
        image.save(again, "AEC", strip=True)
    assert source.info["icc_profile"] == ICC  # as it was
    with Image.open(again) as image:
        assert image.info == {}
    source.save(stream := io.BytesIO(), "AEC", icc_profile=None)
    with Image.open(stream) as image:
        assert "icc_profile" not in image.info


def test_what_cannot_be_written_is_said_as_pillow_does() -> None:
    picture = Image.fromarray(COLOUR[0])
    with pytest.raises(ValueError, match="quality"):
        picture.save(io.BytesIO(), "AEC", quality=101)
    with pytest.raises(ValueError, match="there is no model nobody"):
        picture.save(io.BytesIO(), "AEC", model="nobody")
    with pytest.raises(OSError, match="cannot write mode RGB as AEC: the model mnist is for gray"):
        picture.save(io.BytesIO(), "AEC", model="mnist")
    with pytest.raises(OSError, match="cannot write mode LAB as AEC"):
        Image.new("LAB", (3, 3)).save(io.BytesIO(), "AEC")


def test_a_failed_save_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        Image.fromarray(COLOUR[0]).save(tmp_path / "a.aec", quality=0)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_aec_file_is_left_to_others() -> None:
    with pytest.raises(SyntaxError):
        aecodec.pillow.AecImageFile(io.BytesIO(b"\x89PNG\r\n"))
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(b"what is this"))
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(b""))
    png = io.BytesIO()
    Image.fromarray(DIGITS[0]).save(png, "PNG")
    assert Image.open(png).format == "PNG"


def test_every_truncation_is_an_oserror() -> None:
    data = file_of(DIGITS[0], quality=20).getvalue()
    for length in range(len(data)):
        with pytest.raises(OSError), Image.open(io.BytesIO(data[:length])) as image:
            image.load()


@pytest.mark.parametrize("allowed", [False, True])
def test_damage_is_an_oserror_when_loaded_and_not_before(allowed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", allowed)  # half a picture cannot be had from these files
    with Image.open(io.BytesIO(damaged(file_of(LARGE).getvalue()))) as image:
        assert image.size == (80, 70)
        for _ in range(2):
            with pytest.raises(OSError):
                image.load()


def test_a_small_file_that_is_damaged_may_be_of_another_format() -> None:
    data = file_of(DIGITS[0]).getvalue()
    assert not data.startswith(container.SIGNATURE)
    for at in range(len(data)):
        with pytest.raises(UnidentifiedImageError):
            Image.open(io.BytesIO(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]))


def test_a_newer_format_is_an_error_with_advice() -> None:
    data = bytearray(file_of(LARGE).getvalue())
    data[len(container.SIGNATURE)] += 1
    with pytest.raises(OSError, match="upgrade aecodec"):
        Image.open(io.BytesIO(bytes(data)))


def test_verify_finds_damage_that_opening_cannot(tmp_path: Path) -> None:
    data = file_of(LARGE).getvalue()
    with Image.open(io.BytesIO(data)) as image:
        image.verify()
    with Image.open(io.BytesIO(damaged(data))) as image, pytest.raises(OSError):
        image.verify()


def test_files_are_closed_when_they_have_been_read(tmp_path: Path) -> None:
    path = tmp_path / "a.aec"
    path.write_bytes(file_of(DIGITS[0]).getvalue())
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with Image.open(path) as image:
            handle = image.fp
            image.load()
        assert handle is not None and handle.closed
        image = Image.open(path)
        handle = image.fp
        image.close()
        assert handle is not None and handle.closed
    path.unlink()  # on Windows an open file could not be


def test_a_stream_of_the_caller_stays_open() -> None:
    stream = file_of(DIGITS[0])
    with Image.open(stream) as image:
        image.load()
    assert not stream.closed


def test_pillow_works_on_what_was_opened() -> None:
    stream = file_of(RGBA)
    expected = aecodec.decode(stream.getvalue())
    assert np.array_equal(np.asarray(Image.open(stream).crop((3, 4, 20, 30))), expected[4:30, 3:20])
    assert np.array_equal(np.asarray(Image.open(stream).copy()), expected)
    assert np.array_equal(np.asarray(pickle.loads(pickle.dumps(Image.open(stream)))), expected)
    assert len(list(ImageSequence.Iterator(Image.open(stream)))) == 1
    small = Image.open(stream)
    small.thumbnail((8, 8))
    assert small.size == (8, 8)
    parser = ImageFile.Parser()
    for byte in stream.getvalue():
        parser.feed(bytes([byte]))
    assert np.array_equal(np.asarray(parser.close()), expected)


@pytest.mark.parametrize("size", [(97, 61), (640, 20)])
def test_a_thumbnail_is_made_from_less_and_looks_the_same(size: tuple[int, int]) -> None:
    stream = file_of(mosaic(size[1], size[0]))
    for wanted in ((40, 40), (9, 9), (3, 3)):
        quick, slow = Image.open(stream), Image.open(stream).copy()
        drafted = quick.draft(None, (wanted[0] * 2, wanted[1] * 2))
        assert (drafted is not None) == (quick.size != size)
        quick = Image.open(stream)
        quick.thumbnail(wanted)
        slow.thumbnail(wanted)
        assert quick.size == slow.size
        assert np.abs(np.asarray(quick).astype(int) - np.asarray(slow)).mean() < 6
    assert Image.open(stream).draft("L", None) is None


def test_large_pictures_meet_pillows_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    data = file_of(np.zeros((40, 40), np.uint8)).getvalue()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(io.BytesIO(data)).load()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 700)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(data))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    Image.open(io.BytesIO(data)).load()


def test_registering_again_changes_nothing() -> None:
    before = list(Image.ID), dict(Image.EXTENSION)
    aecodec.pillow.register()
    assert (list(Image.ID), dict(Image.EXTENSION)) == before


@pytest.mark.parametrize("picture", [DIGITS[0], COLOUR[0], RGBA], ids=["gray", "RGB", "RGBA"])
def test_imageio_reads_and_writes(picture: np.ndarray, tmp_path: Path) -> None:
    iio = pytest.importorskip("imageio.v3")
    path = tmp_path / "a.aec"
    iio.imwrite(path, picture, quality=60)
    assert path.read_bytes() == aecodec.encode(picture, quality=60)
    assert np.array_equal(iio.imread(path), aecodec.decode(path.read_bytes()))
    assert iio.improps(path).shape == picture.shape


def test_several_frames_are_refused_in_one_sentence(tmp_path: Path) -> None:
    frames = [Image.fromarray(tile) for tile in COLOUR[:3]]
    with pytest.raises(ValueError, match="AEC files hold one picture, not 3: save each in a file"):
        frames[0].save(tmp_path / "a.aec", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "b.gif", save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "b.gif") as animation, pytest.raises(ValueError, match="not 3"):
        animation.save(tmp_path / "a.aec", save_all=True)
    assert not (tmp_path / "a.aec").exists()
    frames[0].save(tmp_path / "one.aec", save_all=True)
    assert (tmp_path / "one.aec").read_bytes() == aecodec.encode(frames[0])


def test_unknown_options_of_save_are_named_in_a_warning(tmp_path: Path) -> None:
    image = Image.fromarray(DIGITS[0])
    with pytest.warns(aecodec.AecWarning, match="no option optimise and no option speed: ignored"):
        image.save(tmp_path / "a.aec", quality=50, speed=3, optimise=True)
    assert (tmp_path / "a.aec").read_bytes() == aecodec.encode(image, quality=50)


def test_a_picture_that_cannot_be_loaded_is_not_saved(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(mosaic(60, 60)).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    data[data.index(b"IDAT") + 40] ^= 0xFF
    with Image.open(io.BytesIO(data)) as image, pytest.raises(OSError):
        image.save(tmp_path / "a.aec")
    assert not list(tmp_path.iterdir())
