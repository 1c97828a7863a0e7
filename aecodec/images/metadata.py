"""What a file says beside its pixels: colour profile, EXIF, XMP and resolution, as ignorable sections.

The content of the first three is a varint and bytes: 0, and the data itself; or the data's length, and a Zstandard
frame of it. That of the resolution is two varints, thousandths of a pixel per inch across and down.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from aecodec.errors import InvalidValue, TruncatedFile
from aecodec.format.container import EXIF, ICC, RESOLUTION, XMP, Section, read_varint, write_varint
from aecodec.packing import frames

MAX_BYTES: Final = 1 << 24
"""The most bytes that profile, EXIF and XMP of a file may have together, unpacked."""

_PER_INCH: Final = 1000
_MOST: Final = (1 << 32) - 1
_LEVELS: Final = (19,)


@dataclass(frozen=True)
class Metadata:
    """icc: an ICC profile. exif: a TIFF structure without prefix. xmp: an XML packet. dpi: pixels per inch, (x, y)."""

    icc: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None

    def sections(self) -> tuple[Section, ...]:
        """What a container holds of it, in its order. Raises InvalidValue for more than MAX_BYTES."""
        parts = {ICC: self.icc, EXIF: self.exif, XMP: self.xmp}
        if sum(map(len, parts.values())) > MAX_BYTES:
            raise InvalidValue(f"a picture's metadata may have {MAX_BYTES} bytes in all: strip it, or shorten it")
        sections = [Section(tag, _packed(data)) for tag, data in parts.items() if data]
        if self.dpi is not None:
            sections.append(Section(RESOLUTION, b"".join(write_varint(n) for n in _thousandths(self.dpi))))
        return tuple(sections)

    @classmethod
    def read(cls, sections: Iterable[Section]) -> Metadata:
        """What the sections of a container hold of it; others are passed over. Raises InvalidValue, TruncatedFile and
        TrailingBytes; unpacks no more than MAX_BYTES.
        """
        found = {section.tag: section.data for section in sections}
        left = MAX_BYTES
        data = {}
        for tag in (ICC, EXIF, XMP):
            data[tag] = _unpacked(found[tag], left) if tag in found else b""
            left -= len(data[tag])
        dpi = None
        if RESOLUTION in found:
            across, at = read_varint(found[RESOLUTION], 0)
            down, at = read_varint(found[RESOLUTION], at)
            if at != len(found[RESOLUTION]) or not across or not down:
                raise InvalidValue("the file's resolution is none")
            dpi = across / _PER_INCH, down / _PER_INCH
        return cls(data[ICC], data[EXIF], data[XMP], dpi)

    def info(self) -> dict[str, Any]:
        """Under the names that Pillow gives these things in `image.info`."""
        from aecodec.images.exif import PREFIX

        found = {"icc_profile": self.icc, "exif": PREFIX + self.exif if self.exif else b"", "xmp": self.xmp}
        return {key: value for key, value in (*found.items(), ("dpi", self.dpi)) if value}


def resolution(dpi: Any) -> tuple[float, float] | None:
    """Pixels per inch (x, y) as the format can hold them; None for what is no resolution."""
    try:
        x, y = float(dpi[0]), float(dpi[1])
    except (TypeError, ValueError, IndexError, KeyError, ZeroDivisionError, OverflowError):
        return None
    if not (math.isfinite(x) and math.isfinite(y)) or not all(1 <= n <= _MOST for n in _thousandths((x, y))):
        return None
    return x, y


def _thousandths(dpi: tuple[float, float]) -> tuple[int, int]:
    return round(dpi[0] * _PER_INCH), round(dpi[1] * _PER_INCH)


def _packed(data: bytes) -> bytes:
    framed = write_varint(len(data)) + frames.compress(data, _LEVELS)
    raw = write_varint(0) + data
    return framed if len(framed) < len(raw) else raw


def _unpacked(content: bytes, limit: int) -> bytes:
    length, at = read_varint(content, 0)
    if max(length, len(content) - at) > limit:
        raise InvalidValue(f"the file's metadata has more than {MAX_BYTES} bytes")
    if not length:
        return content[at:]
    data = bytes(frames.decompress(content[at:], length, "the file's metadata"))
    if len(data) < length:
        raise TruncatedFile("the file's metadata ends early")
    return data
