"""EXIF data as bytes (CIPA DC-008: a TIFF structure), made fit to keep: upright, and without a thumbnail.

It is changed in place, value by value, so that what cameras keep in it by absolute offsets stays whole.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from aecodec.errors import UnsupportedImage

PREFIX: Final = b"Exif\0\0"
_ORIENTATION: Final = 0x0112
_UPRIGHT: Final = 1
_SHORT: Final = 3
_ENTRY: Final = 12
# Where a thumbnail lies, and its length: as JPEG, or as strips.
_THUMBNAILS: Final = ((0x0201, 0x0202), (0x0111, 0x0117))
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_MAX_DIRECTORIES: Final = 16  # more than EXIF has; a damaged chain may be a circle


def without_prefix(exif: bytes) -> bytes:
    """EXIF data without the prefix that JPEG files give it, which some programs write twice."""
    return exif.removeprefix(PREFIX).removeprefix(PREFIX)


def upright(exif: bytes) -> tuple[bytes, bool]:
    """EXIF data with orientation 1, and without the pictures that follow the first directory; and whether it is whole.

    exif: a TIFF structure, with or without the prefix that JPEG files give it; returned without. Of a damaged one, what
    can be read is made upright. Raises UnsupportedImage for what has no first directory.
    """
    data = bytearray(without_prefix(exif))
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    try:
        if order is None or struct.unpack_from(order + "H", data, 2)[0] != 42:
            raise ValueError
        begin = struct.unpack_from(order + "L", data, 4)[0]
        link = _end(data, order, begin)
    except (struct.error, ValueError):
        raise UnsupportedImage("the EXIF data is damaged") from None
    try:
        for tag, at in _entries(data, order, begin):
            if tag == _ORIENTATION:
                struct.pack_into(order + "HLHH", data, at + 2, _SHORT, 1, _UPRIGHT, 0)
        following = struct.unpack_from(order + "L", data, link)[0]
        struct.pack_into(order + "L", data, link, 0)
        for _ in range(_MAX_DIRECTORIES):
            if not following:
                break
            following = _erase(data, order, following, (begin, link + 4))
    except (struct.error, ValueError):
        return bytes(data), False
    return bytes(data), True


def _entries(data: bytearray, order: str, begin: int) -> Iterator[tuple[int, int]]:
    """The entries (tag, position) of a directory. Raises struct.error where the data ends before they do."""
    count = struct.unpack_from(order + "H", data, begin)[0]
    for at in range(begin + 2, begin + 2 + _ENTRY * count, _ENTRY):
        yield struct.unpack_from(order + "HHLL", data, at)[0], at


def _end(data: bytearray, order: str, begin: int) -> int:
    """The position after a directory's entries, where the position of the next one stands."""
    return int(begin + 2 + _ENTRY * struct.unpack_from(order + "H", data, begin)[0])


def _erase(data: bytearray, order: str, begin: int, kept: tuple[int, int]) -> int:
    """Overwrite a directory, its values and its thumbnail with zeros; returns the position of the next one.

    Raises ValueError if that would overwrite what lies between the two positions of `kept`.
    """
    entries = dict(_entries(data, order, begin))
    link = _end(data, order, begin)
    following = int(struct.unpack_from(order + "L", data, link)[0])
    spans = [(begin, link + 4)]
    for offsets, lengths in _THUMBNAILS:
        if offsets in entries and lengths in entries:
            pairs = zip(_numbers(data, order, entries[offsets]), _numbers(data, order, entries[lengths]), strict=False)
            spans += [(at, at + length) for at, length in pairs]
    for at in entries.values():
        kind, count, where = struct.unpack_from(order + "HLL", data, at + 2)
        size = _SIZES.get(kind, 1) * count
        if size > 4:
            spans.append((where, where + size))
    if any(first < kept[1] and last > kept[0] for first, last in spans):
        raise ValueError
    for first, last in spans:
        last = min(last, len(data))
        if 8 <= first < last:
            data[first:last] = bytes(last - first)
        if last == len(data) and first >= 8:
            del data[first:]
    return following


def _numbers(data: bytearray, order: str, at: int) -> list[int]:
    """The values of an entry of whole numbers."""
    kind, count = struct.unpack_from(order + "HL", data, at + 2)
    code, size = ("H", 2) if kind == _SHORT else ("L", 4)
    where = at + 8 if size * count <= 4 else struct.unpack_from(order + "L", data, at + 8)[0]
    if count > len(data):
        raise ValueError
    return [int(n) for n in struct.unpack_from(f"{order}{count}{code}", data, where)]
