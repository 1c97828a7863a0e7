"""The check of the small form: what it is, and the damage that it never misses."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecodec.errors import ChecksumMismatch, InvalidValue, TruncatedFile
from aecodec.format.check import crc8, require_bits, require_check, sealed, unsealed, with_check

HEADER_BYTES = 2
LONGEST_WITH_PAIRS = 15  # bytes of a file in which two damaged bits are never missed

payloads = st.binary(max_size=9).filter(lambda payload: payload[:1] != b"\0")
files = st.binary(min_size=HEADER_BYTES, max_size=400).map(with_check)


def is_seen(data: bytes) -> bool:
    try:
        require_check(data, HEADER_BYTES)
    except ChecksumMismatch:
        return True
    return False


def flipped(data: bytes, bits: int) -> bytes:
    return (int.from_bytes(data, "big") ^ bits).to_bytes(len(data), "big")


def test_it_is_the_crc_of_itu_t_i_432_1_from_the_version_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert crc8(b"123456789") == 0xD8
    monkeypatch.setattr("aecodec.format.check.VERSION", 0)
    assert crc8(b"123456789") == 0xA1


@given(files)
def test_a_file_with_its_check_is_accepted(data: bytes) -> None:
    require_check(data, HEADER_BYTES)


@given(files, st.integers(1, 255), st.data())
def test_a_change_within_eight_neighbouring_bits_is_seen(data: bytes, change: int, draw: st.DataObject) -> None:
    assert is_seen(flipped(data, change << draw.draw(st.integers(0, 8 * len(data) - 8))))


@given(files, st.data())
def test_an_odd_number_of_changed_bits_is_seen(data: bytes, draw: st.DataObject) -> None:
    count = 2 * draw.draw(st.integers(0, 5)) + 1
    places = draw.draw(st.lists(st.integers(0, 8 * len(data) - 1), min_size=count, max_size=count, unique=True))
    assert is_seen(flipped(data, sum(1 << place for place in places)))


def test_two_changed_bits_of_a_short_file_are_seen() -> None:
    data = with_check(np.random.default_rng(0).bytes(LONGEST_WITH_PAIRS - 1))
    for one, other in combinations(range(8 * LONGEST_WITH_PAIRS), 2):
        assert is_seen(flipped(data, 1 << one | 1 << other))


@given(files, st.integers(1, 40))
def test_zero_bytes_after_a_file_are_seen(data: bytes, count: int) -> None:
    assert is_seen(data + bytes(count)) or count % 127 == 0


@pytest.mark.parametrize("version", [0, 2])
def test_the_check_of_another_version_differs(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = with_check(b"\xb5\x4b and so on")
    monkeypatch.setattr("aecodec.format.check.VERSION", version)
    assert is_seen(data)


def test_a_file_without_room_for_its_check_is_truncated() -> None:
    for length in range(HEADER_BYTES + 1):
        with pytest.raises(TruncatedFile):
            require_check(with_check(bytes(HEADER_BYTES))[:length], HEADER_BYTES)


@pytest.mark.parametrize(
    ("payload", "checksum", "written"),
    [
        ("", 0x10, ""),
        ("", 0x17, "07"),
        ("01", 3, "13"),
        ("FF", 3, "0FF3"),
        ("FFFF", 3, "0FFFF3"),
        ("0FFFFF 21", 3, "FFFFF3 21"),
        ("123456 78 9A", 0xABCDE, "01234E 56 78 9A"),
    ],
)
def test_the_four_bits_are_in_the_third_byte_or_the_last(payload: str, checksum: int, written: str) -> None:
    assert sealed(bytes.fromhex(payload), checksum) == bytes.fromhex(written)
    assert unsealed(bytes.fromhex(written)) == (bytes.fromhex(payload), checksum % 16)


@given(payloads, st.integers(0, 15))
def test_unsealing_inverts_sealing(payload: bytes, checksum: int) -> None:
    assert unsealed(sealed(payload, checksum)) == (payload, checksum)


@given(payloads)
def test_sealing_inverts_unsealing(payload: bytes) -> None:
    assert sealed(*unsealed(payload)) == payload


def test_what_no_encoder_writes_is_refused() -> None:
    with pytest.raises(InvalidValue):
        unsealed(b"\0\1\2\3")
    require_bits(3, 0x13)
    with pytest.raises(ChecksumMismatch):
        require_bits(3, 0x14)
