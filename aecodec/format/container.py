"""The header and sections of an .aec file, written and read.

A file has one of three forms, each for what the ones before it cannot hold.

The small form: a picture that has the size of its model's tile, with a bundled model, the packing rans and no sections.

    byte 0       bits 0-3  number of the model, 1..14
                 bits 4-7  0xB
    byte 1       bits 0-6  quality, 1..100; or 101, lossless, 102, near-lossless: the payload holds samples
                 bit 7     variant
    payload
    last byte    the check: a CRC-8 of all bytes before it; see `aecodec.format.check`

The short form, for any other picture of at most 4096 pixels or with the size of its model's tile, and the general form
for the rest:

    1 byte       0xBF                                         the short form
    4 bytes      0xAE 0xC0 0xDE, the version of the format    the general form
    1 byte       bits 0-3  number of a bundled model, 1..14; 15: plain, without a model; 0: the model's id follows
                 bit 4     the size follows; always set in the general form
                 bit 5     variant
                 bit 6     reserved, 0
                 bit 7     sections follow
    1 byte       bits 0-6  quality, as in the small form
                 bit 7     packing, 0: rans, 1: zstd
    8 bytes      the model's id, if its number is 0
    2 varints    width - 1, height - 1, if bit 4 is set
    sections     if bit 7 is set: one or more of (tag, varint length, bytes), then the tag 0
    payload      to the end of the file; its checksum covers these bytes

Variant: a model of one channel coded the picture's negative; a model of three coded a gray picture as three equal
channels; a plain picture is gray.

A varint is LEB128: seven bits a byte, the lowest first, the top bit set on all bytes but the last. It is
written in the fewest bytes, so its last byte is zero only when it is the only one; it is below 2^32, so it
takes at most five.

A section's tag is 1..255. Tags are strictly increasing, so each occurs once, and the critical ones (top bit clear) come
before the ignorable ones (top bit set). A reader must refuse a file with a critical section that it does not
know, and must skip an ignorable one. The content of sections is defined elsewhere.

Every header has exactly one encoding: `write_header(read_header(data)[0]) == data[:length]` for all data that
can be read. Some of its rules need knowledge of the models and are checked by `aecodec.decoding.parsed_file`: the size
is omitted if and only if it is that of the model's tile, a model that has a number is not identified by its id, and a
plain file sets nothing that only has a meaning with a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from aecodec.errors import AecError, InvalidValue, NotAnAecFile, TruncatedFile, UnsupportedSection, UnsupportedVersion

VERSION: Final = 1
DRAFT: Final = 0  # of pictures and of data sets: the version of everything before 1.0
DATA_SET: Final = b"\xae\xd0aecs"  # how a data set begins, which is another format: spec/FORMAT.md, section 15
PLAIN: Final = 15  # in place of a model's number
MODEL_ID_BYTES: Final = 8
MAX_QUALITY: Final = 100
LOSSLESS: Final = 101  # in place of a quality: the payload holds samples, as `aecodec.lossless.samples` packs them,
NEAR_LOSSLESS: Final = 102  # and before them their largest error
MAX_SIDE: Final = 1 << 32
SHORT_PIXELS: Final = 4096  # a larger picture can afford a signature

# The first bytes are continuation bytes in UTF-8: no text starts with them.
SIGNATURE: Final = b"\xae\xc0\xde"  # of the general form, followed by the version
_SHORT_FORM: Final = 0xBF
_SMALL_FORM: Final = 0xB0
_FORM: Final = 0xF0
_MODEL_NUMBER: Final = 0x0F
_HAS_SIZE: Final = 0x10
_RESERVED: Final = 0x40
_VARIANT: Final = 0x20
_HAS_SECTIONS: Final = 0x80
_QUALITY: Final = 0x7F
_SMALL_VARIANT_SHIFT: Final = 7
_PACKING_SHIFT: Final = 7
_IGNORABLE: Final = 0x80
_END_OF_SECTIONS: Final = 0
_VARINT_LIMIT: Final = 1 << 32

Packing = Literal["rans", "zstd"]
PACKINGS: Final[tuple[Packing, Packing]] = ("rans", "zstd")  # the index is the bit

ALPHA: Final = 1  # opacity, as `aecodec.lossless.planes` packs it
ICC: Final = 128
EXIF: Final = 129
XMP: Final = 130
RESOLUTION: Final = 131
SECTION_NAMES: Final = {
    ALPHA: "alpha",
    ICC: "icc",
    EXIF: "exif",
    XMP: "xmp",
    RESOLUTION: "resolution",
}


@dataclass(frozen=True)
class Section:
    """A tagged part of the file: `tag` 1..255 with the ignorable bit included, `data` below 2^32 bytes."""

    tag: int
    data: bytes

    def __post_init__(self) -> None:
        if not 1 <= self.tag <= 255:
            raise InvalidValue(f"a section's tag must be 1..255, not {self.tag}")

    @property
    def ignorable(self) -> bool:
        """Whether a reader that does not know the section may skip it."""
        return bool(self.tag & _IGNORABLE)


@dataclass(frozen=True)
class Header:
    """Everything in an .aec file but its payload. Raises InvalidValue for values that no file can hold.

    model_number: 1..14, a bundled model; PLAIN, no model; 0: the model is named by model_id.
    model_id: 8 bytes if model_number is 0, empty otherwise.
    quality: 1..100, LOSSLESS or NEAR_LOSSLESS.
    packing: "rans" or "zstd".
    size: (width, height), each 1..2^32; None: the model's own tile.
    variant: the payload holds the picture's negative, if the model has one channel; a gray picture in a colour model's
    three channels; or a plain picture is gray.
    sections: strictly increasing by tag.
    """

    model_number: int
    quality: int
    packing: Packing
    model_id: bytes = b""
    size: tuple[int, int] | None = None
    variant: bool = False
    sections: tuple[Section, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.model_number <= _MODEL_NUMBER:
            raise InvalidValue(f"a model's number must be 0..15, not {self.model_number}")
        if len(self.model_id) != (MODEL_ID_BYTES if self.model_number == 0 else 0):
            raise InvalidValue("a model is named either by its number or by an id of 8 bytes")
        if not 1 <= self.quality <= NEAR_LOSSLESS:
            raise InvalidValue(f"quality must be 1..100, not {self.quality}")
        if self.packing not in PACKINGS:
            raise InvalidValue(f"packing must be rans or zstd, not {self.packing}")
        if self.size is not None and not all(1 <= side <= MAX_SIDE for side in self.size):
            raise InvalidValue(f"width and height must be 1..2^32, not {self.size[0]}x{self.size[1]}")
        tags = [section.tag for section in self.sections]
        if any(first >= second for first, second in zip(tags, tags[1:], strict=False)):
            raise InvalidValue("the tags of sections must be strictly increasing")

    @property
    def is_small(self) -> bool:
        """Whether the file has the small form, with a check of its own and none in the payload."""
        bundled = 1 <= self.model_number < PLAIN
        return bundled and self.size is None and self.packing == PACKINGS[0] and not self.sections

    @property
    def is_signed(self) -> bool:
        """Whether the file has the general form, which begins with the signature."""
        return self.size is not None and self.size[0] * self.size[1] > SHORT_PIXELS


def write_header(header: Header) -> bytes:
    """The bytes of `header`, which precede the payload and are covered by its checksum."""
    if header.is_small:
        return bytes([_SMALL_FORM | header.model_number, header.quality | header.variant << _SMALL_VARIANT_SHIFT])
    flags = header.model_number
    flags |= _HAS_SIZE if header.size else 0
    flags |= _VARIANT if header.variant else 0
    flags |= _HAS_SECTIONS if header.sections else 0
    written = bytearray(SIGNATURE + bytes([VERSION]) if header.is_signed else [_SHORT_FORM])
    written.append(flags)
    written.append(header.quality | PACKINGS.index(header.packing) << _PACKING_SHIFT)
    written += header.model_id
    if header.size:
        written += write_varint(header.size[0] - 1) + write_varint(header.size[1] - 1)
    return bytes(written) + write_sections(header.sections)


def is_picture(data: bytes) -> bool:
    """Whether these are the first bytes of an .aec file, damaged or not."""
    if not data:
        return False
    try:
        read_header(data[:16])
    except NotAnAecFile:
        return False
    except AecError:
        pass  # damaged, or longer than that
    return True


def is_data_set(data: bytes) -> bool:
    """Whether a file, by its first bytes, is a data set of any version."""
    start = data[: len(DATA_SET)]
    return len(start) == len(DATA_SET) and start[:1] + bytes([start[1] & 0xF0]) + start[2:] == DATA_SET


def read_header(data: bytes) -> tuple[Header, int]:
    """The header that `data` starts with, and its length in bytes: the payload begins there.

    Raises NotAnAecFile, UnsupportedVersion, UnsupportedSection, TruncatedFile, InvalidValue. Allocates no
    more than the sections that are actually present.
    """
    if is_data_set(data):
        raise NotAnAecFile("this is a data set of many pictures: use aecodec.dataset.open, or aec unpack")
    (first,), at = _read_bytes(data, 0, 1)
    if first & _FORM == _SMALL_FORM and _SMALL_FORM < first < _SHORT_FORM:
        (last,), at = _read_bytes(data, at, 1)
        variant = bool(last >> _SMALL_VARIANT_SHIFT)
        return Header(first & _MODEL_NUMBER, last & _QUALITY, PACKINGS[0], variant=variant), at
    if first != _SHORT_FORM:
        at = _read_signature(data)
    (flags, last), at = _read_bytes(data, at, 2)
    if flags & _RESERVED:
        raise InvalidValue("a reserved bit of the header is set")
    model_id = b""
    size: tuple[int, int] | None = None
    sections: tuple[Section, ...] = ()
    if flags & _MODEL_NUMBER == 0:
        model_id, at = _read_bytes(data, at, MODEL_ID_BYTES)
    if flags & _HAS_SIZE:
        width_less_one, at = read_varint(data, at)
        height_less_one, at = read_varint(data, at)
        size = width_less_one + 1, height_less_one + 1
    if flags & _HAS_SECTIONS:
        sections, at = read_sections(data, at)
    header = Header(
        model_number=flags & _MODEL_NUMBER,
        model_id=model_id,
        quality=last & _QUALITY,
        packing=PACKINGS[last >> _PACKING_SHIFT],
        size=size,
        variant=bool(flags & _VARIANT),
        sections=sections,
    )
    if header.is_small or header.is_signed != (first != _SHORT_FORM):
        raise InvalidValue("the header has another form than its content demands")
    return header, at


def _read_signature(data: bytes) -> int:
    """Where the general form continues after signature and version."""
    if data[: len(SIGNATURE)] != SIGNATURE[: len(data)]:
        raise NotAnAecFile("this is not an .aec file")
    (*_, version), at = _read_bytes(data, 0, len(SIGNATURE) + 1)
    require_version("file", version, VERSION)
    return at


def require_version(what: str, version: int, known: int) -> None:
    """Raise UnsupportedVersion unless this release reads the version that a file or a data set has."""
    if version == DRAFT:
        raise UnsupportedVersion(
            f"the {what} has version 0, a draft, which no release reads: encode the original again"
        )
    if version != known:
        raise UnsupportedVersion(
            f"the {what} has version {version} of the format and this release reads version {known}: upgrade aecodec"
        )


def write_sections(sections: tuple[Section, ...]) -> bytes:
    """The bytes of `sections`, the closing tag included; nothing for none."""
    if not sections:
        return b""
    written = bytearray()
    for section in sections:
        written.append(section.tag)
        written += write_varint(len(section.data)) + section.data
    written.append(_END_OF_SECTIONS)
    return bytes(written)


def read_sections(data: bytes, at: int) -> tuple[tuple[Section, ...], int]:
    """The sections that start at `at`, unknown ignorable ones included, and where the payload begins."""
    sections: list[Section] = []
    previous_tag = _END_OF_SECTIONS
    while True:
        (tag,), at = _read_bytes(data, at, 1)
        if tag == _END_OF_SECTIONS:
            break
        # Here as well as in Header: at most 255 sections are collected, whatever the file says.
        if tag <= previous_tag:
            raise InvalidValue("the tags of sections must be strictly increasing")
        length, at = read_varint(data, at)
        content, at = _read_bytes(data, at, length)
        section = Section(tag, content)
        if not section.ignorable and tag not in SECTION_NAMES:
            raise UnsupportedSection(
                f"the file cannot be decoded without its section {tag}, which this release does not know:"
                " upgrade aecodec"
            )
        sections.append(section)
        previous_tag = tag
    if not sections:
        raise InvalidValue("the file announces sections but has none")
    return tuple(sections), at


def write_varint(value: int) -> bytes:
    """LEB128 with the fewest bytes; `value` is 0..2^32 - 1."""
    if not 0 <= value < _VARINT_LIMIT:
        raise InvalidValue(f"a varint must be 0..2^32 - 1, not {value}")
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The varint at `at`, and where the next field begins."""
    value = 0
    for shift in range(0, 35, 7):
        (byte,), at = _read_bytes(data, at, 1)
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift > 0:
                raise InvalidValue("a varint must be as short as possible")
            if value >= _VARINT_LIMIT:
                break
            return value, at
    raise InvalidValue("a varint must be below 2^32")


def _read_bytes(data: bytes, at: int, count: int) -> tuple[bytes, int]:
    if count > len(data) - at:
        raise TruncatedFile("the file is empty" if not data else "the file ends within its header")
    return data[at : at + count], at + count
