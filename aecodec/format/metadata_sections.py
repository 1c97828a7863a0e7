"""Metadata as ignorable sections of a file, written and read.

The content of colour profile, EXIF and XMP is a varint and bytes: 0, and the data itself; or the data's length, and a
Zstandard frame of it. The resolution is two varints, horizontal and vertical, in thousandths of a pixel per inch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aecodec.errors import InvalidValue, TruncatedFile
from aecodec.format.container import EXIF, ICC, RESOLUTION, XMP, Section, read_varint, write_varint
from aecodec.images.metadata import MAX_BYTES, PER_INCH, Metadata, thousandths
from aecodec.packing import frames

_LEVELS: Final = (19,)


def write(metadata: Metadata) -> tuple[Section, ...]:
    """The sections that hold the metadata, in order of their tags. Raises InvalidValue above MAX_BYTES."""
    parts = {ICC: metadata.icc, EXIF: metadata.exif, XMP: metadata.xmp}
    if sum(map(len, parts.values())) > MAX_BYTES:
        raise InvalidValue(
            f"a picture's metadata may take at most {MAX_BYTES} bytes: strip it (strip, --strip) or shorten it"
        )
    sections = [Section(tag, _packed(data)) for tag, data in parts.items() if data]
    if metadata.dpi is not None:
        sections.append(Section(RESOLUTION, b"".join(write_varint(n) for n in thousandths(metadata.dpi))))
    return tuple(sections)


def read(sections: Iterable[Section]) -> Metadata:
    """The metadata that a file's sections hold; other sections are skipped. Unpacks no more than MAX_BYTES.

    Raises InvalidValue, TruncatedFile and TrailingBytes.
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
            raise InvalidValue("the file's resolution is invalid")
        dpi = across / PER_INCH, down / PER_INCH
    return Metadata(data[ICC], data[EXIF], data[XMP], dpi)


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
