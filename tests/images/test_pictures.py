"""Pictures in: which arrays and Pillow images are accepted, and what becomes of them."""

from __future__ import annotations

import base64
import mmap
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image, features
from samples import COLOUR as TILES

import aecodec
from aecodec.errors import AecWarning, InvalidValue, LimitExceeded, UnsupportedImage
from aecodec.images.loading import load
from aecodec.images.pillow_images import CONVERSIONS
from aecodec.images.source import MAX_PIXELS, Source, require_within_limit

GRAY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
COLOUR = np.arange(36, dtype=np.uint8).reshape(3, 4, 3) * 7
ALPHA = np.arange(12, dtype=np.uint8).reshape(3, 4) * 23
DAMAGED = b"Exif\0\0not a TIFF header"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Conversions are looked for where a test is about them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AecWarning)
        yield


def joined(source: Source) -> np.ndarray:
    return source.samples if source.alpha is None else np.dstack([source.samples, source.alpha])


def with_alpha(image: Image.Image, alpha: int | np.ndarray) -> Image.Image:
    image.putalpha(alpha if isinstance(alpha, int) else Image.fromarray(alpha))
    return image


def palette_image(colours: list[int], indices: np.ndarray) -> Image.Image:
    image = Image.fromarray(indices).convert("P")
    image.putpalette(colours)
    image.putdata(indices.ravel().tolist())
    return image


def keyed(image: Image.Image, colour: int | tuple[int, int, int] | bytes) -> Image.Image:
    image.info["transparency"] = colour
    return image


# Arrays ---


@pytest.mark.parametrize("picture", [GRAY, COLOUR, GRAY[::-1, ::2], np.asfortranarray(COLOUR), GRAY[:1, :1]])
def test_arrays_are_taken_as_they_are(picture: np.ndarray) -> None:
    assert np.array_equal(load(picture).samples, picture)
    assert np.shares_memory(load(picture).samples, picture)
    assert load(picture).alpha is None


def test_a_last_channel_of_two_or_four_is_opacity() -> None:
    for colours in (GRAY, COLOUR):
        source = load(np.dstack([colours, ALPHA]))
        assert np.array_equal(source.samples, colours)
        assert source.alpha is not None and np.array_equal(source.alpha, ALPHA)
    assert np.array_equal(load(GRAY[..., None]).samples, GRAY)


def test_a_source_is_taken_as_it_is() -> None:
    source = load(GRAY)
    assert load(source) is source
    assert aecodec.encode(source) == aecodec.encode(GRAY)


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1), (3, 4, 2), (3, 4, 3), (3, 4, 4)])
def test_what_arrays_decode_to_has_their_shape(shape: tuple[int, ...]) -> None:
    picture = np.full(shape, 99, np.uint8)
    expected = shape[:2] if shape[2:] == (1,) else shape
    assert aecodec.decode(aecodec.encode(picture)).shape == expected
    assert aecodec.decode_many([aecodec.encode(picture)])[0].shape == expected


def test_sixteen_bits_are_rounded_to_eight_and_that_is_said() -> None:
    values = np.array([[0, 128, 129, 257, 40000, 65406, 65407, 65535]], np.uint16)
    source = load(values)
    assert source.samples.tolist() == [[0, 0, 1, 1, 156, 254, 255, 255]]
    with pytest.warns(AecWarning, match="16-bit samples are rounded to 8 bits"):
        aecodec.encode(values)


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (GRAY / 255, "expected uint8, uint16 or bool samples"),
        (GRAY.astype(np.uint32), "not uint32"),
        (GRAY.astype(np.int8), "not int8"),
        (np.zeros((2, 2, 5), np.uint8), "expected the shape"),
        (np.zeros((2, 2, 0), np.uint8), "expected the shape"),
        (np.zeros(4, np.uint8), "expected the shape"),
        (np.zeros((1, 2, 2, 3), np.uint8), "expected the shape"),
        (np.uint8(4), "expected the shape"),
        (np.zeros((0, 5), np.uint8), "at least one pixel, and this one is 5x0"),
        (np.zeros((5, 0, 3), np.uint8), "at least one pixel, and this one is 0x5"),
        ([[1, 2]], "not list"),
        (b"picture", "not bytes"),
        (None, "not NoneType"),
    ],
)
def test_other_arrays_and_things_are_refused_in_one_sentence(picture: np.ndarray, sentence: str) -> None:
    with pytest.raises(UnsupportedImage, match=sentence):
        load(picture)


@pytest.mark.parametrize("dtype", [">u2", "<u2", "=u2"])
def test_arrays_of_every_byte_order_are_taken(dtype: str) -> None:
    values = np.array([[0, 1, 258, 65535], [9, 8, 7, 6]])
    data = aecodec.encode(values.astype(dtype), lossless=True)
    decoded = aecodec.decode(data)
    assert decoded.dtype == np.uint16 and decoded.dtype.isnative
    assert np.array_equal(decoded, values)


def test_bool_arrays_are_black_and_white() -> None:
    values = GRAY > 100
    assert np.array_equal(aecodec.decode(aecodec.encode(values, lossless=True)), values * 255)


@pytest.mark.parametrize("options", [{"lossless": True}, {"max_error": 1}])
def test_fractions_are_refused_where_the_error_is_promised(options: dict[str, Any]) -> None:
    values = np.full((8, 9), 20.5, np.float32)
    with pytest.raises(UnsupportedImage, match="has fractions: round it first"):
        aecodec.encode(Image.fromarray(values), **options)
    whole = Image.fromarray(np.full((8, 9), 20, np.float32))
    assert (aecodec.decode(aecodec.encode(whole, lossless=True)) == 20).all()


def test_picture_files_are_taken_by_path_and_as_file_objects(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(TILES[0]).save(path, dpi=(72, 72))
    expected = aecodec.encode(Image.open(path))
    assert aecodec.encode(path) == aecodec.encode(str(path)) == expected
    with path.open("rb") as file:
        assert aecodec.encode(file) == expected
    assert aecodec.encode_many([path, TILES[0]]) == [expected, aecodec.encode(TILES[0])]
    with pytest.raises(FileNotFoundError):
        aecodec.encode(tmp_path / "none.png")
    (tmp_path / "b.png").write_text("no picture")
    with pytest.raises(UnsupportedImage, match="not a picture in a format that Pillow reads"):
        aecodec.encode(tmp_path / "b.png")


def test_files_are_decoded_from_paths_file_objects_and_buffers(tmp_path: Path) -> None:
    path = tmp_path / "a.aec"
    data = aecodec.encode(TILES[0])
    path.write_bytes(data)
    expected = aecodec.decode(data)
    sources: list[Any] = [
        path,
        str(path),
        BytesIO(data),
        bytearray(data),
        memoryview(data),
        np.frombuffer(data, np.uint8),
    ]
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        for source in [*sources, file, mapped, mapped]:
            assert np.array_equal(aecodec.decode(source), expected)
    assert aecodec.inspect(path) == aecodec.inspect(data)
    assert aecodec.decode_image(path).size == (32, 32)
    assert np.array_equal(aecodec.decode_many([path, data])[0], expected)
    with pytest.raises(InvalidValue, match="not int"):
        aecodec.decode(5)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="binary mode"):
        aecodec.decode(StringIO("text"))  # type: ignore[arg-type]
    with path.open(encoding="utf-8") as text, pytest.raises(InvalidValue, match="binary mode"):
        aecodec.decode(text)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        aecodec.decode(tmp_path / "none.aec")


def test_errors_of_many_say_which_and_a_single_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        aecodec.encode_many([TILES[0], tmp_path / "none.png"])
    assert caught.value.__notes__ == ["in file 1 of 2"]
    with pytest.raises(FileNotFoundError) as caught:
        aecodec.decode_many([aecodec.encode(TILES[0]), tmp_path / "none.aec"])
    assert caught.value.__notes__ == ["in file 1 of 2"]
    calls: list[Any] = [aecodec.encode_many, aecodec.decode_many]
    for call in calls:
        for single in ("a.png", b"bytes", tmp_path):
            with pytest.raises(InvalidValue, match="put it into a list"):
                call(single)


def test_a_closed_image_and_a_picture_over_the_limit_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(TILES[0]).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        pass
    with pytest.raises(UnsupportedImage, match="the picture cannot be decoded"):
        aecodec.encode(image)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(LimitExceeded, match="over Pillow's limit"):
        aecodec.encode(tmp_path / "a.png")


# Pillow's modes ---


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray(GRAY), GRAY),
        (Image.fromarray(COLOUR), COLOUR),
        (Image.fromarray(GRAY > 100), np.where(GRAY > 100, 255, 0)),
        (with_alpha(Image.fromarray(GRAY), ALPHA), np.dstack([GRAY, ALPHA])),
        (with_alpha(Image.fromarray(COLOUR), ALPHA), np.dstack([COLOUR, ALPHA])),
        (with_alpha(Image.fromarray(GRAY), 255).convert("La"), np.dstack([GRAY, ALPHA * 0 + 255])),
        (with_alpha(Image.fromarray(COLOUR), 255).convert("RGBa"), np.dstack([COLOUR, ALPHA * 0 + 255])),
        (Image.fromarray(COLOUR).convert("RGBX"), COLOUR),
        (palette_image([0, 0, 0, 9, 9, 9], GRAY % 2), np.zeros((3, 4))),
        (palette_image([5, 5, 5, 9, 9, 9], GRAY // 120), np.where(GRAY < 120, 5, 9)),
        (palette_image([1, 2, 3, 4, 5, 6], GRAY // 120), np.where(GRAY[..., None] < 120, [1, 2, 3], [4, 5, 6])),
        (
            keyed(palette_image([1, 2, 3, 4, 5, 6], GRAY // 120), b"\xff\x10"),
            np.where(GRAY[..., None] < 120, [1, 2, 3, 255], [4, 5, 6, 16]),
        ),
        (
            palette_image([1, 2, 3, 4, 5, 6], GRAY // 120).convert("PA"),
            np.where(GRAY[..., None] < 120, [1, 2, 3, 255], [4, 5, 6, 255]),
        ),
        (keyed(Image.fromarray(GRAY), 20), np.dstack([GRAY, np.where(GRAY == 20, 0, 255)])),
        (
            keyed(Image.fromarray(COLOUR), (0, 7, 14)),
            np.dstack([COLOUR, np.where((COLOUR == (0, 7, 14)).all(axis=2), 0, 255)]),
        ),
        (keyed(Image.fromarray(GRAY), 255), GRAY),  # a key colour that no pixel has
        (keyed(Image.fromarray(GRAY > 100), 0), np.dstack([np.where(GRAY > 100, 255, 0)] * 2)),
        (Image.new("CMYK", (1, 1), (0, 255, 0, 0)), [[[255, 0, 255]]]),
        (Image.new("YCbCr", (1, 1), (100, 128, 128)), [[[100, 100, 100]]]),
        (Image.new("HSV", (1, 1), (0, 0, 77)), [[[77, 77, 77]]]),
        (Image.fromarray(GRAY.astype(np.uint16) * 257), GRAY),
        (
            keyed(Image.fromarray(GRAY.astype(np.uint16) * 257), 40 * 257),
            np.dstack([GRAY, np.where(GRAY == 40, 0, 255)]),
        ),
        (Image.frombytes("I;16B", (1, 1), b"\xff\xff"), [[255]]),
        (Image.fromarray(GRAY.astype(np.int32) * 257), GRAY),
        (Image.fromarray(GRAY.astype(np.float32) + 0.4), GRAY),
    ],
)
def test_pillow_images_become_gray_or_rgb_with_or_without_opacity(image: Image.Image, expected: np.ndarray) -> None:
    source = load(image)
    assert source.samples.dtype == np.uint8
    assert np.array_equal(joined(source), expected)


@pytest.mark.parametrize("mode", CONVERSIONS)
def test_what_is_converted_is_said_once_and_nothing_else_is(mode: str) -> None:
    image = Image.new(mode, (5, 4))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AecWarning)
        decoded = aecodec.decode_image(aecodec.encode(image))
    assert decoded.size == (5, 4)
    if decoded.mode == mode:
        assert not caught
    else:
        assert len(caught) == 1
        assert f"mode {mode} is " in str(caught[0].message) or "16-bit samples are rounded" in str(caught[0].message)
        assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (Image.new("LAB", (2, 2)), "mode LAB cannot be coded"),
        (Image.fromarray(np.full((2, 2), -1, np.int32)), "mode I needs values 0..65535"),
        (Image.fromarray(np.full((2, 2), 65536, np.int32)), "mode I needs values 0..65535"),
        (Image.fromarray(np.full((2, 2), 255.5, np.float32)), "mode F needs values 0..255"),
        (Image.fromarray(np.full((2, 2), np.nan, np.float32)), "mode F needs values 0..255"),
        (Image.new("L", (0, 3)), "at least one pixel, and this one is 0x3"),
        (Image.new("RGBA", (3, 0)), "at least one pixel, and this one is 3x0"),
    ],
)
def test_what_cannot_be_coded_is_refused_in_one_sentence(image: Image.Image, sentence: str) -> None:
    with pytest.raises(UnsupportedImage, match=sentence):
        load(image)


def test_of_several_frames_the_one_at_hand_is_coded_and_that_is_said(tmp_path: Path) -> None:
    frames = [Image.fromarray(GRAY), Image.fromarray(255 - GRAY)]
    frames[0].save(tmp_path / "two.tiff", save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "two.tiff") as image:
        image.seek(1)
        source = load(image)
        assert np.array_equal(source.samples, 255 - GRAY)
        assert source.notes == ("the file holds 2 pictures, and only one of them is coded",)
        assert load(image.copy()).notes == ()


# Orientation and metadata ---

TURNED = [
    COLOUR,
    COLOUR[:, ::-1],
    COLOUR[::-1, ::-1],
    COLOUR[::-1],
    COLOUR.swapaxes(0, 1),
    np.rot90(COLOUR, -1),
    COLOUR[::-1, ::-1].swapaxes(0, 1),
    np.rot90(COLOUR),
]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_pictures_are_turned_upright_and_say_so(tmp_path: Path, orientation: int, suffix: str) -> None:
    stored = Image.fromarray(COLOUR)
    exif = stored.getexif()
    exif[0x0112] = orientation
    exif[0x010F] = "a maker"
    stored.save(tmp_path / f"turned.{suffix}", exif=exif, dpi=(100, 200))
    with Image.open(tmp_path / f"turned.{suffix}") as image:
        source = load(image)
    assert np.array_equal(source.samples, TURNED[orientation - 1])
    decoded = aecodec.decode_image(aecodec.encode(source))
    assert decoded.size == TURNED[orientation - 1].shape[1::-1]
    assert decoded.getexif().get(0x0112, 1) == 1
    assert decoded.getexif()[0x010F] == "a maker"
    assert decoded.info["dpi"] == pytest.approx((200, 100) if orientation >= 5 else (100, 200), rel=1e-3)


@pytest.mark.parametrize(
    "xmp",
    [
        b'<x tiff:Orientation="%d"/>',
        b"<x tiff:Orientation='%d'/>",
        b'<x tiff:Orientation = "%d"/>',
        b"<tiff:Orientation>%d</tiff:Orientation>",
    ],
)
def test_an_orientation_in_xmp_counts_and_is_set_upright(xmp: bytes) -> None:
    image = Image.fromarray(COLOUR)
    image.info["xmp"] = xmp % 6
    source = load(image)
    assert np.array_equal(source.samples, np.rot90(COLOUR, -1))
    assert source.metadata.xmp == xmp % 1


@pytest.mark.parametrize("suffix", ["png", "jpeg", "webp", "tiff"])
def test_metadata_survives_and_is_stripped(tmp_path: Path, suffix: str) -> None:
    made, exif = Image.Exif(), Image.Exif()
    made[0x010E] = "a description"
    made[0x8769] = {0x9003: "2020:02:03 04:05:06"}
    exif.load(made.tobytes())  # as Pillow's TIFF plugin wants it
    icc, xmp = b"a profile" * 40, b"<x:xmpmeta>somebody was here</x:xmpmeta>"
    extra: dict[str, Any] = {"icc_profile": icc, "exif": exif, "dpi": (300, 300)} | (
        {} if suffix in ("png", "tiff") else {"xmp": xmp}
    )
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(TILES[0]).save(path, **extra)
    with Image.open(path) as image:
        if "xmp" not in extra:
            image.info["xmp"] = xmp
        data = aecodec.encode(image)
        stripped = aecodec.encode(image, strip=True)
    info = aecodec.decode_image(data).info
    assert info["icc_profile"] == icc
    assert info["xmp"] == xmp
    if suffix != "webp":
        assert info["dpi"] == pytest.approx((300, 300), rel=1e-4)
    kept = aecodec.decode_image(data).getexif()
    assert kept[0x010E] == "a description"
    assert kept.get_ifd(0x8769)[0x9003] == "2020:02:03 04:05:06"
    assert aecodec.decode_image(stripped).info == {}
    assert aecodec.inspect(stripped).sections == {}
    assert set(aecodec.inspect(data).sections) >= {"icc", "exif", "xmp"}
    assert np.array_equal(aecodec.decode(stripped), aecodec.decode(data))
    for secret in (b"somebody", b"description", b"2020"):
        assert secret not in stripped


def test_comments_and_text_are_never_kept(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("Comment", "a private remark")
    Image.fromarray(GRAY).save(tmp_path / "a.png", pnginfo=text)
    Image.fromarray(GRAY).save(tmp_path / "a.jpeg", comment=b"a private remark")
    for name in ("a.png", "a.jpeg"):
        with Image.open(tmp_path / name) as image:
            assert "private" in str(image.info)
            data = aecodec.encode(image)
        assert aecodec.inspect(data).sections.keys() <= {"resolution"}


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_damaged_exif_data_is_kept_as_it_is_and_that_is_said(suffix: str, tmp_path: Path) -> None:
    Image.fromarray(GRAY).save(tmp_path / f"damaged.{suffix}", exif=DAMAGED)
    with Image.open(tmp_path / f"damaged.{suffix}") as image:
        source = load(image)
        expected = np.asarray(image)
    assert np.array_equal(source.samples, expected)
    assert source.metadata.exif == DAMAGED.removeprefix(b"Exif\0\0")
    assert source.notes == ("the EXIF data is damaged: it is kept as it is, and the picture is not rotated",)
    with pytest.warns(aecodec.AecWarning, match="EXIF data is damaged") as caught:
        data = aecodec.encode(tmp_path / f"damaged.{suffix}")
    assert [warning.filename for warning in caught] == [__file__]
    assert aecodec.decode_image(data).info["exif"] == DAMAGED


def test_exif_data_that_is_cut_off_turns_the_picture_once() -> None:
    orientation = struct.pack("<HHLHH", 0x0112, 3, 1, 6, 0)
    image = Image.fromarray(GRAY)
    image.info["exif"] = b"Exif\0\0II*\0" + struct.pack("<LH", 8, 2) + orientation + b"\x32\x01"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own
        source = load(image)
        assert source.samples.shape == GRAY.shape[::-1]
        assert source.notes == ("the EXIF data is damaged, and kept as far as it can be read",)
        kept = Image.Exif()
        kept.load(source.metadata.exif)
        assert kept[0x0112] == 1


def test_tags_of_a_tiff_that_cannot_be_kept_are_named_in_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = BytesIO()
    Image.fromarray(GRAY).save(buffer, "TIFF", software="anything")
    monkeypatch.setattr(Image.Exif, "tobytes", lambda *_: b"nonsense")
    assert load(buffer).notes == ("the EXIF tags cannot be read and are dropped",)


def test_metadata_beyond_the_limit_is_left_out_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aecodec.images.pillow_images.MAX_BYTES", 100)
    image = Image.fromarray(GRAY)
    image.info |= {"icc_profile": bytes(60), "xmp": bytes(60)}
    source = load(image)
    assert (len(source.metadata.icc), len(source.metadata.xmp)) == (60, 0)
    assert "only the colour profile is kept" in source.notes[0]


def test_the_limit_is_pillows() -> None:
    assert Image.MAX_IMAGE_PIXELS == MAX_PIXELS
    require_within_limit(MAX_PIXELS, 1, MAX_PIXELS)
    with pytest.raises(LimitExceeded, match=r"89478486x1 pixels, over the limit of 89478485.*max_pixels"):
        require_within_limit(MAX_PIXELS + 1, 1, MAX_PIXELS)
    require_within_limit(2**32, 2**32, None)


def test_a_resolution_that_no_file_can_hold_is_named_in_a_warning() -> None:
    image = Image.fromarray(TILES[0])
    image.info["dpi"] = (1e9, 1e9)
    with pytest.warns(AecWarning, match="the resolution is out of range"):
        data = aecodec.encode(image)
    assert "dpi" not in aecodec.decode_image(data).info


def test_a_limit_of_pixels_holds_for_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(TILES[0]).save(path)
    entered, release = threading.Event(), threading.Event()
    limits: list[int | None] = []

    def slow(file: Any) -> Image.Image:
        limits.append(Image.MAX_IMAGE_PIXELS)
        entered.set()
        release.wait(10)
        return opened(file)

    opened, before = Image.open, Image.MAX_IMAGE_PIXELS
    monkeypatch.setattr(Image, "open", slow)
    threads = [threading.Thread(target=load, args=(path,), kwargs={"max_pixels": limit}) for limit in (2000, 3000)]
    threads[0].start()
    assert entered.wait(10)
    threads[1].start()
    threads[1].join(0.2)
    assert limits == [2000]
    release.set()
    for thread in threads:
        thread.join(10)
    assert limits == [2000, 3000] and before == Image.MAX_IMAGE_PIXELS


def png_of_16_bits(colour_type: int, channels: int) -> bytes:
    """A PNG file (ISO/IEC 15948) of 4x3 pixels, whose samples differ in the lower bytes only."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    samples = np.arange(12 * channels, dtype=">u2").reshape(3, -1)
    header = struct.pack(">IIBBBBB", 4, 3, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def tiff_of_16_bits() -> bytes:
    """A TIFF file (TIFF 6.0) of 4x3 pixels in RGB, uncompressed."""
    tags = {256: 4, 257: 3, 258: 16, 259: 1, 262: 2, 273: 8, 277: 3, 278: 3, 279: 72}
    entries = [(258, 3, 3, 8 + 72 + 2 + 12 * 9 + 4) if tag == 258 else (tag, 3, 1, tags[tag]) for tag in tags]
    directory = struct.pack("<H", 9) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    samples = np.arange(36, dtype="<u2").tobytes()
    return struct.pack("<2sHI", b"II", 42, 8 + 72) + samples + directory + struct.pack("<3H", 16, 16, 16)


WIDE_COLOURS = {
    "png": png_of_16_bits(2, 3),
    "png with opacity": png_of_16_bits(6, 4),
    "gray png with opacity": png_of_16_bits(4, 2),
    "tiff": tiff_of_16_bits(),
    "ppm": b"P6 4 3 65535\n" + np.arange(36, dtype=">u2").tobytes(),
    "plain ppm": b"P3 1 1 1023 1000 2 3\n",
}


@pytest.mark.parametrize("data", WIDE_COLOURS.values(), ids=WIDE_COLOURS.keys())
def test_colours_of_16_bits_are_never_taken_for_all_of_their_bits(data: bytes) -> None:
    for options in ({"lossless": True}, {"max_error": 2}):
        with pytest.raises(UnsupportedImage, match="Pillow reads only 8 bits"):
            aecodec.encode(BytesIO(data), **options)
    assert load(BytesIO(data)).notes == (
        "only 8 bits of these samples are read: Pillow has more for gray without opacity alone",
    )


TEN_BITS: Final = (  # an AVIF file of 8x8 pixels
    "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAA"
    "AAAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAHAAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEA"
    "AGF2MDFDb2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAACAAAAAgAAAAQcGl4aQAAAAADCgoKAAAADGF2MUOBIEAA"
    "AAAAE2NvbHJuY2x4AAIAAgAGgAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAAJG1kYXQSAAoIOAi/bwICBpAyDhlCYwTAADQAABCQ"
    "P59A"
)


def with_12_bits(data: bytes) -> bytes:
    """A JPEG 2000 file that declares 12 bits for its first component."""
    at = data.index(b"\xff\x4f\xff\x51") + 42
    return data[:at] + b"\x0b" + data[at + 1 :]


@pytest.mark.skipif(not features.check("jpg_2000"), reason="needs JPEG 2000")
def test_the_bits_of_jpeg_2000_are_found() -> None:
    buffer = BytesIO()
    Image.new("RGB", (32, 32), (9, 99, 199)).save(buffer, "JPEG2000")
    assert load(BytesIO(buffer.getvalue()), wide=True).notes == ()
    with pytest.raises(UnsupportedImage, match="Pillow reads only 8 bits"):
        load(BytesIO(with_12_bits(buffer.getvalue())), wide=True)


@pytest.mark.skipif(not features.check("avif"), reason="needs AVIF")
def test_the_bits_of_avif_are_found() -> None:
    buffer = BytesIO()
    Image.new("RGB", (32, 32), (9, 99, 199)).save(buffer, "AVIF")
    assert load(buffer, wide=True).notes == ()
    data = base64.b64decode(TEN_BITS)
    assert "only 8 bits" in load(BytesIO(data)).notes[0]
    with pytest.raises(UnsupportedImage, match="Pillow reads only 8 bits"):
        load(BytesIO(data), wide=True)


def test_what_pillow_reads_whole_is_coded_without_loss(tmp_path: Path) -> None:
    packed = tmp_path / "packed.bmp"  # 5, 6 and 5 bits, a raw mode with 16 in its name
    header = struct.pack("<2sIII", b"BM", 14 + 56 + 8, 0, 14 + 56)
    info = struct.pack("<IiiHHIIiiII", 56, 2, 2, 1, 16, 3, 8, 0, 0, 0, 0)
    packed.write_bytes(header + info + struct.pack("<IIII", 0xF800, 0x7E0, 0x1F, 0) + bytes(range(8)))
    for data in (packed.read_bytes(), b"P6 1 1 255\n\1\2\3", png_of_16_bits(0, 1)):
        source = load(BytesIO(data), wide=True)
        assert source.notes == ()
        assert np.array_equal(aecodec.decode(aecodec.encode(source, lossless=True)), source.samples)


def test_the_profile_of_colours_that_are_converted_is_dropped_and_that_is_said() -> None:
    def profile(space: bytes) -> bytes:
        return bytes(16) + space + bytes(108)

    for mode, space, kept in (
        ("CMYK", b"CMYK", False),
        ("CMYK", b"RGB ", True),
        ("P", b"RGB ", False),
        ("L", b"RGB ", True),
        ("RGB", b"CMYK", True),
    ):
        image = Image.new(mode, (2, 2))
        image.info["icc_profile"] = profile(space)
        source = load(image)
        assert bool(source.metadata.icc) == kept, mode
        assert ("the colour profile is for other colours than these, and is dropped" in source.notes) != kept
