"""The arithmetic coder of placeholders (a range coder; Martin 1979), whose code is a prefix code of pictures.

The payload is a binary fraction: its bytes, then zeros for ever. Each symbol narrows an interval that holds it, from
[0, 1), in proportion to the symbol's frequency of 4096. The interval of `range / 2^32` at the scale of the bytes read
is kept at 2^24 or more by taking bytes.

Symbols are read until the interval is narrower than the last bit of the payload. What follows is not in the file: a
payload that is cut off at any byte still decodes, to the first symbols.
"""

from __future__ import annotations

from typing import Final

PRECISION: Final = 12
TOTAL: Final = 1 << PRECISION
HALF: Final = TOTAL // 2
_LOW: Final = 1 << 24


class Reader:
    """Reads symbols from a payload."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._taken = 4
        self._range = 1 << 32
        self._offset = int.from_bytes(payload[:4].ljust(4, b"\0"), "big")  # of the payload in the interval: < range

    @property
    def ended(self) -> bool:
        """Whether the interval is narrower than the last bit of the payload."""
        return self._range < 1 << max(0, 8 * (self._taken - len(self._payload)))

    def slot(self) -> int:
        """The slot 0..4095 of the next symbol."""
        return min(self._offset // (self._range >> PRECISION), TOTAL - 1)

    def take(self, start: int, frequency: int) -> None:
        """Narrow the interval to the slots `start` to `start + frequency`, without the last."""
        unit = self._range >> PRECISION
        self._offset -= unit * start
        self._range = unit * frequency
        self._offset = min(self._offset, self._range - 1)  # it is beyond only in bytes that no encoder writes
        while self._range < _LOW:
            byte = self._payload[self._taken] if self._taken < len(self._payload) else 0
            self._offset = self._offset << 8 | byte
            self._range <<= 8
            self._taken += 1


class Writer:
    """The interval of the symbols so far: [low, low + range) / 2^scale."""

    def __init__(self) -> None:
        self.low, self.range, self.scale = 0, 1 << 32, 32

    def take(self, start: int, frequency: int) -> None:
        """Narrow the interval, as `Reader.take` does."""
        unit = self.range >> PRECISION
        self.low += unit * start
        self.range = unit * frequency
        while self.range < _LOW:
            self.low <<= 8
            self.range <<= 8
            self.scale += 8

    def fits(self, size: int) -> bool:
        """Whether a payload of `size` bytes would not have ended before."""
        return self.range >= 1 << max(0, self.scale - 8 * size)

    def payloads(self, size: int) -> range:
        """All payloads of `size` bytes in the interval, as integers."""
        bits = self.scale - 8 * size
        if bits <= 0:
            return range(self.low << -bits, (self.low + self.range) << -bits)
        unit = 1 << bits
        return range(-(-self.low // unit), -(-(self.low + self.range) // unit))
