"""The two checks of a file in the small form: a CRC-8 of its bytes, and four bits that depend on the residuals.

The CRC-8 is the last byte, of all bytes before it. The polynomial is x^8 + x^2 + x + 1, highest power first. The
register starts at the version of the format, so a file of another version does not match; the result is inverted in
every second bit, as in ITU-T I.432.1, so that zero bytes after a file do not go unnoticed. Whatever the length, such a
check notices every change that lies within eight neighbouring bits, thus of any one byte, and every change of an odd
number of bits; in files of up to 15 bytes also every change of two bits.

Other damage passes the CRC-8 once in 127 to 256 times, and more than half of the payloads that are too short or too
long for their picture decode to some other one: the code has no gaps. So four bits of the CRC-32 that other payloads
carry come first in the payload, as if the coder of rans had coded them last, at a cost of four bits: its first state x
becomes 16 * x + bits. Together they miss at most one damaged file in 127 * 16; `python -m benchmarks overhead` counts.
"""

from __future__ import annotations

from typing import Final

from aecodec.errors import ChecksumMismatch, InvalidValue, TruncatedFile
from aecodec.format.container import VERSION

CHECK_BYTES: Final = 1
BITS: Final = 4  # of the CRC-32
_HEAD_BYTES: Final = 3  # of a payload: the first state, below 2^24
_POLYNOMIAL: Final = 0x07
_INVERTED: Final = 0x55


def _remainder(byte: int) -> int:
    for _ in range(8):
        byte = byte << 1 ^ (_POLYNOMIAL if byte & 0x80 else 0)
    return byte & 0xFF


_TABLE: Final = bytes(map(_remainder, range(256)))


def crc8(data: bytes) -> int:
    """The CRC-8 of `data`, 0..255."""
    table, found = _TABLE, VERSION
    for byte in data:
        found = table[found ^ byte]
    return found ^ _INVERTED


def with_check(data: bytes) -> bytes:
    """A file in the small form, from its header and payload."""
    return data + bytes([crc8(data)])


def completed(written: bytes, *, is_small: bool) -> bytes:
    """A file from its header and payload: in the small form the check follows them."""
    return with_check(written) if is_small else written


def require_check(data: bytes, begin: int) -> None:
    """Raise TruncatedFile or ChecksumMismatch unless a file in the small form ends with its check.

    begin: the length of its header.
    """
    if len(data) < begin + CHECK_BYTES:
        raise TruncatedFile("the file ends before its checksum")
    if crc8(data[:-CHECK_BYTES]) != data[-1]:
        raise ChecksumMismatch("the file is damaged, or is no .aec file of this version: its checksum does not match")


def sealed(payload: bytes, checksum: int) -> bytes:
    """The payload in the small form, from one of rans that carries no checksum, and the CRC-32."""
    state, rest = int.from_bytes(payload[:_HEAD_BYTES], "big"), payload[_HEAD_BYTES:]
    if state >= 1 << 8 * _HEAD_BYTES - BITS:
        state, rest = state >> 8, bytes([state & 0xFF]) + rest
    return _bytes_of(state << BITS | _bits_of(checksum)) + rest


def unsealed(payload: bytes) -> tuple[bytes, int]:
    """The inverse: the payload of rans, and the bits. Raises InvalidValue."""
    if payload[:1] == b"\0":
        raise InvalidValue("the packed data begins with a zero byte")
    state = int.from_bytes(payload[:_HEAD_BYTES], "big")
    return _bytes_of(state >> BITS) + payload[_HEAD_BYTES:], state & (1 << BITS) - 1


def require_bits(bits: int, checksum: int) -> None:
    """Raise ChecksumMismatch unless these bits of a payload are those of the CRC-32."""
    if bits != _bits_of(checksum):
        raise ChecksumMismatch("the packed data is damaged: its checksum does not match")


def _bits_of(checksum: int) -> int:
    return checksum & (1 << BITS) - 1


def _bytes_of(state: int) -> bytes:
    return state.to_bytes((state.bit_length() + 7) // 8, "big")
