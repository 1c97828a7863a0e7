"""The container: a table of headers and their bytes, read and written; and everything that is no header."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aecodec.errors import (
    AecError,
    InvalidValue,
    NotAnAecFile,
    TruncatedFile,
    UnsupportedSection,
    UnsupportedVersion,
)
from aecodec.format.container import (
    ALPHA,
    MAX_SIDE,
    Header,
    Section,
    read_header,
    read_varint,
    write_header,
    write_sections,
    write_varint,
)

MODEL_ID = bytes(range(0xF0, 0xF8))

HEADERS = [
    (Header(1, 75, "rans"), "B1 4B"),
    (Header(14, 1, "rans"), "BE 01"),
    (Header(2, 100, "rans", variant=True), "B2 E4"),
    (Header(1, 75, "zstd"), "BF 01 CB"),
    (Header(15, 1, "rans"), "BF 0F 01"),
    (Header(2, 100, "zstd", variant=True), "BF 22 E4"),
    (Header(3, 50, "rans", size=(1, 1)), "BF 13 32 00 00"),
    (Header(3, 50, "rans", size=(64, 64)), "BF 13 32 3F 3F"),
    (Header(3, 50, "rans", size=(4096, 1)), "BF 13 32 FF1F 00"),
    (Header(3, 50, "rans", size=(64, 65)), "AEC0DE 01 13 32 3F 40"),
    (Header(3, 50, "rans", size=(128, 129)), "AEC0DE 01 13 32 7F 8001"),
    (Header(3, 50, "zstd", size=(768, 512)), "AEC0DE 01 13 B2 FF05 FF03"),
    (Header(3, 50, "zstd", size=(MAX_SIDE, 1)), "AEC0DE 01 13 B2 FFFFFFFF0F 00"),
    (Header(0, 50, "rans", model_id=MODEL_ID), "BF 00 32 F0F1F2F3F4F5F6F7"),
    (Header(3, 50, "rans", sections=(Section(0x81, b"abc"),)), "BF 83 32 81 03 616263 00"),
    (Header(3, 50, "rans", sections=(Section(ALPHA, b"!"),)), "BF 83 32 01 01 21 00"),
    (
        Header(3, 50, "rans", sections=(Section(0x80, b""), Section(0xFF, b"\0" * 200))),
        "BF 83 32 80 00 FF C801" + "00" * 200 + "00",
    ),
    (
        Header(0, 9, "zstd", MODEL_ID, (3, 4), True, (Section(0x90, b"!"),)),
        "BF B0 89 F0F1F2F3F4F5F6F7 02 03 90 01 21 00",
    ),
    (
        Header(0, 9, "zstd", MODEL_ID, (99, 98), True, (Section(0x90, b"!"),)),
        "AEC0DE 01 B0 89 F0F1F2F3F4F5F6F7 62 61 90 01 21 00",
    ),
]

VARINTS = [
    (0, "00"),
    (1, "01"),
    (127, "7F"),
    (128, "8001"),
    (300, "AC02"),
    (16_383, "FF7F"),
    (16_384, "808001"),
    (2**32 - 1, "FFFFFFFF0F"),
]

REFUSED = [
    ("", TruncatedFile),
    ("AE", TruncatedFile),
    ("AEC0", TruncatedFile),
    ("AEC0DE", TruncatedFile),
    ("AEC0DE 01", TruncatedFile),
    ("AEC0DE 01 13", TruncatedFile),
    ("89504E470D0A1A0A", NotAnAecFile),
    ("AED0", NotAnAecFile),
    ("AEC0DF 00 13 32 3F 40", NotAnAecFile),
    ("00C0DE 00 13 32 3F 40", NotAnAecFile),
    ("AEC0DE 00 13 32 3F 40", UnsupportedVersion),  # a draft
    ("AEC0DE 02 13 32 3F 40", UnsupportedVersion),
    ("AEC0DE FF", UnsupportedVersion),
    ("AEC0 01 4B", NotAnAecFile),  # an early draft
    ("B0 4B", NotAnAecFile),  # a small form without a model
    ("B1", TruncatedFile),
    ("B1 00", InvalidValue),  # quality 0
    ("B1 67", InvalidValue),  # quality 103
    ("B1 FF", InvalidValue),  # quality 127
    ("BF", TruncatedFile),
    ("BF 01", TruncatedFile),
    ("BF 01 80", InvalidValue),  # quality 0
    ("BF 01 E7", InvalidValue),  # quality 103
    ("BF 41 CB", InvalidValue),  # the reserved bit
    ("AEC0DE 01 53 B2 3F 40", InvalidValue),
    ("BF 01 4B", InvalidValue),  # small, in the short form
    ("BF 13 32 3F 40", InvalidValue),  # 64x65 in the short form
    ("AEC0DE 01 13 32 3F 3F", InvalidValue),  # 64x64 in the general form
    ("AEC0DE 01 03 B2", InvalidValue),  # no size in the general form
    ("BF 00 32 F0F1F2F3F4F5F6", TruncatedFile),  # seven bytes of an id
    ("BF 13 32 8000 00", InvalidValue),  # 0 in two bytes
    ("BF 13 32 FF8000 00", InvalidValue),  # 127 in three
    ("BF 13 32 FFFFFFFF10 00", InvalidValue),  # 2^32 and more
    ("BF 13 32 FFFFFFFFFF01 00", InvalidValue),  # six bytes
    ("BF 13 32 00", TruncatedFile),
    ("BF 83 32 00", InvalidValue),  # sections announced, none there
    ("BF 83 32", TruncatedFile),
    ("BF 83 32 81 00", TruncatedFile),  # no end of sections
    ("BF 83 32 81 FFFFFFFF0F 00", TruncatedFile),  # a length beyond the file
    ("BF 83 32 81 8000 00", InvalidValue),  # a length in more bytes than it needs
    ("BF 83 32 81 00 81 00 00", InvalidValue),  # the same tag twice
    ("BF 83 32 82 00 81 00 00", InvalidValue),  # falling tags
    ("BF 83 32 03 00 00", UnsupportedSection),  # critical and unknown
    ("BF 83 32 7F 00 81 00 00", UnsupportedSection),
]


def test_what_a_file_of_another_version_is_told() -> None:
    with pytest.raises(UnsupportedVersion, match=r"^the file has version 0, a draft, which no release reads"):
        read_header(bytes.fromhex("AEC0DE 00 13 32 3F 40"))
    with pytest.raises(UnsupportedVersion, match=r"^the file has version 2 .* reads version 1: upgrade aecodec$"):
        read_header(bytes.fromhex("AEC0DE 02 13 32 3F 40"))


sections = st.lists(
    st.builds(Section, st.integers(0x80, 0xFF), st.binary(max_size=300)),
    unique_by=lambda section: section.tag,
    max_size=4,
).map(lambda drawn: tuple(sorted(drawn, key=lambda section: section.tag)))

headers = st.integers(0, 15).flatmap(
    lambda number: st.builds(
        Header,
        model_number=st.just(number),
        quality=st.integers(1, 100),
        packing=st.sampled_from(["rans", "zstd"]),
        model_id=st.just(b"") if number else st.binary(min_size=8, max_size=8),
        size=st.none() | st.tuples(*[st.integers(1, 99) | st.integers(1, MAX_SIDE)] * 2),
        variant=st.booleans(),
        sections=sections,
    )
)


@pytest.mark.parametrize(("header", "written"), HEADERS)
def test_a_header_has_exactly_these_bytes(header: Header, written: str) -> None:
    assert write_header(header) == bytes.fromhex(written)


@pytest.mark.parametrize(("header", "written"), HEADERS)
def test_these_bytes_are_exactly_this_header(header: Header, written: str) -> None:
    data = bytes.fromhex(written)
    assert read_header(data + b"payload") == (header, len(data))


@pytest.mark.parametrize(("value", "written"), VARINTS)
def test_a_varint_has_exactly_these_bytes(value: int, written: str) -> None:
    data = bytes.fromhex(written)
    assert write_varint(value) == data
    assert read_varint(b"\xff" + data + b"\xff", 1) == (value, 1 + len(data))


@pytest.mark.parametrize("value", [-1, 2**32])
def test_a_varint_out_of_range_is_not_written(value: int) -> None:
    with pytest.raises(InvalidValue):
        write_varint(value)


@pytest.mark.parametrize(("written", "error"), REFUSED)
def test_each_way_to_be_wrong_has_its_own_error(written: str, error: type[AecError]) -> None:
    with pytest.raises(AecError) as caught:
        read_header(bytes.fromhex(written))
    assert caught.type is error


@pytest.mark.parametrize(("header", "written"), HEADERS)
def test_every_truncation_of_a_header_is_an_error(header: Header, written: str) -> None:
    data = bytes.fromhex(written)
    for length in range(len(data)):
        with pytest.raises(TruncatedFile):
            read_header(data[:length])


@given(headers, st.binary(max_size=20))
def test_reading_inverts_writing(header: Header, payload: bytes) -> None:
    data = write_header(header)
    assert read_header(data + payload) == (header, len(data))


@given(st.sampled_from([b"", b"\xb5", b"\xbf", b"\xae\xc0\xde\1"]).flatmap(lambda b: st.binary().map(b.__add__)))
@example(b"\xbf\x83\x32" + b"\xff" * 50)
def test_any_bytes_are_a_header_in_canonical_form_or_an_aec_error(data: bytes) -> None:
    try:
        header, length = read_header(data)
    except AecError:
        return
    assert write_header(header) == data[:length]


@given(headers, st.data())
def test_a_damaged_header_is_another_one_in_canonical_form_or_an_aec_error(header: Header, draw: st.DataObject) -> None:
    data = bytearray(write_header(header))
    data[draw.draw(st.integers(0, len(data) - 1))] ^= draw.draw(st.integers(1, 255))
    try:
        read, length = read_header(bytes(data))
    except AecError:
        return
    assert read != header
    assert write_header(read) == data[:length]


@pytest.mark.parametrize(
    "fields",
    [
        {"model_number": 16},
        {"model_number": -1},
        {"model_number": 0},
        {"model_number": 0, "model_id": b"1234567"},
        {"model_id": MODEL_ID},
        {"quality": 0},
        {"quality": 103},
        {"packing": "gzip"},
        {"size": (0, 1)},
        {"size": (1, MAX_SIDE + 1)},
        {"sections": (Section(0x82, b""), Section(0x81, b""))},
        {"sections": (Section(0x81, b""), Section(0x81, b""))},
    ],
)
def test_what_no_file_can_say_is_no_header(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        Header(**{"model_number": 1, "quality": 50, "packing": "rans"} | fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("tag", [0, 256, -1])
def test_a_tag_is_one_byte_and_not_the_end_mark(tag: int) -> None:
    with pytest.raises(InvalidValue):
        Section(tag, b"")


def test_the_top_bit_of_a_tag_makes_a_section_ignorable() -> None:
    assert Section(0x81, b"").ignorable
    assert not Section(0x01, b"").ignorable


def test_no_sections_take_no_bytes() -> None:
    assert write_sections(()) == b""
