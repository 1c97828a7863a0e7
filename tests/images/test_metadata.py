"""Metadata: what a file keeps beside its pixels, and what of it never survives."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aecodec.errors import AecError, InvalidValue, TrailingBytes, TruncatedFile, UnsupportedImage
from aecodec.format import metadata_sections
from aecodec.format.container import EXIF, ICC, RESOLUTION, XMP, Section, write_varint
from aecodec.images import exif, metadata
from aecodec.images.metadata import Metadata, resolution
from aecodec.packing import frames

blobs = st.binary(max_size=60) | st.binary(min_size=1, max_size=9).map(lambda part: part * 99)
densities = st.floats(0.001, 4e6)
everything = st.builds(Metadata, blobs, blobs, blobs, st.none() | st.tuples(densities, densities))


@given(everything)
def test_reading_inverts_writing(written: Metadata) -> None:
    read = metadata_sections.read(metadata_sections.write(written))
    assert (read.icc, read.exif, read.xmp) == (written.icc, written.exif, written.xmp)
    if written.dpi is None:
        assert read.dpi is None
    else:
        assert read.dpi == pytest.approx(written.dpi, abs=0.0005)


def test_nothing_is_no_section() -> None:
    assert metadata_sections.write(Metadata()) == ()
    assert metadata_sections.read(()) == Metadata()
    assert Metadata().info() == {}


def test_literal_bytes() -> None:
    written = metadata_sections.write(Metadata(b"abc", b"", b"", (72.0, 300.5)))
    assert written == (Section(ICC, b"\0abc"), Section(RESOLUTION, bytes.fromhex("c0b204 d4ab12")))


def test_what_repeats_is_packed() -> None:
    (section,) = metadata_sections.write(Metadata(xmp=b"<x> </x>" * 500))
    assert section.tag == XMP
    assert len(section.data) < 60
    assert section.data.startswith(write_varint(4000))


@given(st.dictionaries(st.sampled_from([ICC, EXIF, XMP, RESOLUTION]), st.binary(max_size=40)))
def test_any_content_is_metadata_or_an_aec_error(contents: dict[int, bytes]) -> None:
    try:
        found = metadata_sections.read(Section(tag, data) for tag, data in contents.items())
    except AecError:
        return
    assert isinstance(found, Metadata)


@pytest.mark.parametrize(
    ("tag", "content", "error"),
    [
        (ICC, b"", TruncatedFile),
        (ICC, write_varint(metadata.MAX_BYTES + 1) + b"\0\0\1\0\0", InvalidValue),
        (ICC, write_varint(5) + frames.compress(b"abcdef", (3,)), TrailingBytes),
        (ICC, write_varint(7) + frames.compress(b"abcdef", (3,)), TruncatedFile),
        (ICC, write_varint(6) + frames.compress(b"abcdef", (3,)) + b"x", TrailingBytes),
        (RESOLUTION, b"\1", TruncatedFile),
        (RESOLUTION, b"\0\1", InvalidValue),
        (RESOLUTION, b"\1\1\1", InvalidValue),
    ],
)
def test_each_way_to_be_wrong_has_its_error(tag: int, content: bytes, error: type[AecError]) -> None:
    with pytest.raises(error):
        metadata_sections.read([Section(tag, content)])


def test_more_than_the_limit_is_neither_written_nor_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    sections = metadata_sections.write(Metadata(bytes(600), bytes(500)))
    monkeypatch.setattr(metadata_sections, "MAX_BYTES", 1000)
    with pytest.raises(InvalidValue, match="at most 1000 bytes"):
        metadata_sections.write(Metadata(bytes(600), bytes(500)))
    with pytest.raises(InvalidValue, match="more than 1000 bytes"):
        metadata_sections.read(sections)


@pytest.mark.parametrize("dpi", [None, (0, 72), (-1, 5), (float("nan"), 1), (float("inf"), 1), (5,), "ab", (1e9, 1)])
def test_what_is_no_resolution_is_left_out(dpi: object) -> None:
    assert resolution(dpi) is None


# EXIF ---


def with_thumbnail(order: str) -> tuple[bytes, bytes]:
    """EXIF data of an upright-turned picture with a maker note and a thumbnail; and the thumbnail."""
    thumbnail = b"\xff\xd8 a small picture of somebody \xff\xd9"
    note = b"a maker's note"

    def entry(tag: int, kind: int, count: int, value: int) -> bytes:
        if kind == 3:
            return struct.pack(order + "HHLHH", tag, kind, count, value, 0)
        return struct.pack(order + "HHLL", tag, kind, count, value)

    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HL", 42, 8)
    first = 8 + 2 + 2 * 12 + 4
    second = first + len(note)
    picture = second + 2 + 2 * 12 + 4
    ifd0 = struct.pack(order + "H", 2) + entry(0x0112, 3, 1, 6) + entry(0x010F, 2, len(note), first)
    ifd0 += struct.pack(order + "L", second)
    ifd1 = struct.pack(order + "H", 2) + entry(0x0201, 4, 1, picture) + entry(0x0202, 4, 1, len(thumbnail))
    ifd1 += struct.pack(order + "L", 0)
    return head + ifd0 + note + ifd1 + thumbnail, thumbnail


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_exif_is_upright_and_has_no_thumbnail(order: str, prefix: bytes) -> None:
    data, thumbnail = with_thumbnail(order)
    kept, whole = exif.upright(prefix + data)
    assert whole
    assert thumbnail not in kept
    assert thumbnail[:6] not in kept
    assert b"a maker's note" in kept
    assert len(kept) < len(data)
    read = Image.Exif()
    read.load(kept)
    assert read[0x0112] == 1
    assert read[0x010F] == "a maker's note"
    assert not read.get_ifd(1)
    assert exif.upright(kept) == (kept, True)


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_that_is_cut_off_is_upright_as_far_as_it_goes(order: str) -> None:
    data, thumbnail = with_thumbnail(order)
    for length in range(8 + 2 + 12, len(data)):
        kept, whole = exif.upright(data[:length])
        assert not whole or length >= len(data) - len(thumbnail)
        assert struct.unpack_from(order + "HHLHH", kept, 10) == (0x0112, 3, 1, 1, 0)
        assert thumbnail[:6] not in kept or not whole


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_whose_directories_are_a_circle_keeps_the_first(order: str) -> None:
    data, _ = with_thumbnail(order)
    link = 8 + 2 + 2 * 12
    circle = data[:link] + struct.pack(order + "L", 8) + data[link + 4 :]
    kept, whole = exif.upright(circle)
    assert not whole and struct.unpack_from(order + "HHLHH", kept, 10) == (0x0112, 3, 1, 1, 0)
    assert b"a maker's note" in kept and struct.unpack_from(order + "L", kept, link) == (0,)


@given(st.binary(max_size=80), st.integers(0, 200), st.integers(0, 255))
def test_any_bytes_are_exif_or_refused(data: bytes, at: int, value: int) -> None:
    damaged = bytearray(with_thumbnail("<")[0])
    damaged[at % len(damaged)] = value
    for candidate in (data, b"II*\0\x08\0\0\0" + data, bytes(damaged)):
        try:
            kept, _ = exif.upright(candidate)
        except UnsupportedImage:
            continue
        assert len(kept) <= len(candidate)
