"""Mutations of .aec files that know the structure of the format; `fuzz` decodes what they make.

Each takes random numbers, a file, and all files, and returns another file.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np

import aecodec
from aecodec.dataset import framing
from aecodec.dataset.ranges import InMemory
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.format import container
from aecodec.format.check import with_check
from aecodec.format.container import Header, Section
from aecodec.lossless import plain
from aecodec.models import ladder, registry
from aecodec.packing import frames

MOST_PIXELS = 1 << 18  # of a plain file whose checksum is made anew
CHECK_BYTES = 4  # of the packing zstd, behind its frame


def truncated(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """The file ends early."""
    return data[: random.randrange(len(data))]


def extended(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """Zeros or random bytes follow the file."""
    return data + random.choice([bytes(random.randint(1, 9)), random.randbytes(random.randint(1, 99))])


def bits_flipped(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """One bit or a few are flipped."""
    changed = bytearray(data)
    for _ in range(random.choice([1, 1, 2, 8])):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def bytes_changed(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """One byte or a few are replaced."""
    changed = bytearray(data)
    for _ in range(random.choice([1, 2, 5])):
        changed[random.randrange(len(changed))] = random.choice([0, 0x7F, 0x80, 0xFF, random.randrange(256)])
    return bytes(changed)


def bytes_moved(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """A slice is left out, repeated, reversed or zeroed."""
    begin = random.randrange(len(data))
    end = random.randint(begin, len(data))
    piece = data[begin:end]
    return data[:begin] + random.choice([b"", piece * 2, piece[::-1], bytes(len(piece))]) + data[end:]


def header_changed(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """One field of the header has another value; the header is well-formed."""
    header, begin = container.read_header(data)
    sides = [1, 2, 27, 28, 29, 512, 513, 5000, 1 << 16, 1 << 32]
    size = random.choice(sides), random.choice(sides)
    number = random.choice([0, 1, *registry.NUMBERS, container.PLAIN])
    other: dict[str, Any] = random.choice(
        [
            {"quality": random.randint(1, 100)},
            {"packing": "zstd" if header.packing == "rans" else "rans"},
            {"model_number": number, "model_id": b"" if number else random.randbytes(8)},
            {"size": size},
            {"size": None},
            {"variant": not header.variant},
        ]
    )
    changed = bytearray(container.write_header(replace(header, **other)) + data[begin:])
    if changed.startswith(container.SIGNATURE) and random.random() < 0.1:
        changed[len(container.SIGNATURE)] = random.choice([0, random.randint(2, 255)])  # the version
    return bytes(changed)


def varints_changed(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """A size, or a length at the payload's begin: overlong, above 32 bits, cut off or just large."""
    header, begin = container.read_header(data)
    bare = _bare(header)
    odd = [b"\x80\x00", b"\xff" * 5, b"\xff\xff\xff\xff\x1f", b"\x80", b"\xff\xff\xff\xff\x0f", random.randbytes(2)]
    good = container.write_varint(random.choice([0, 1, 31, 511, 1 << 14, 1 << 31]))
    if random.random() < 0.3:
        return data[:begin] + random.choice(odd) + data[begin:]
    sizes = b"".join(random.choice([good, random.choice(odd)]) for _ in range(2))
    return bare[:1] + bytes([bare[1] | 0x10]) + bare[2:] + sizes + data[begin:]


def _bare(header: Header) -> bytes:
    """A header in the short form without size or sections, which the small form would serve."""
    written = container.write_header(replace(header, size=None, packing="zstd", sections=()))
    return written[:2] + bytes([written[2] & 0x7F | container.PACKINGS.index(header.packing) << 7]) + written[3:]


def sections_changed(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """Sections are added, emptied or shortened; their order, lengths and end are wrong."""
    header, begin = container.read_header(data)
    tag = random.choice([*container.SECTION_NAMES, random.randint(1, 255)])
    content = random.choice(
        [
            b"",
            random.randbytes(random.randint(1, 40)),
            container.write_varint(random.choice([0, 5, 1 << 20, (1 << 32) - 1])) + frames.compress(bytes(99), [3]),
            container.write_varint(1 << 20) + frames.compress(bytes(1 << 20), [3]),
        ]
    )
    kept = [section for section in header.sections if section.tag != tag]
    sections = (*kept, Section(tag, content))
    if random.random() < 0.6:
        written = replace(header, sections=tuple(sorted(sections, key=lambda section: section.tag)))
        return container.write_header(written) + data[begin:]
    raw = bytearray(container.write_sections(sections[:: random.choice([1, -1])]))
    raw[random.randrange(len(raw))] = random.randrange(256)
    bare = _bare(header)
    return bare[:1] + bytes([bare[1] | 0x80]) + bare[2:] + bytes(raw) + data[begin:]


def sections_sealed(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """A section is changed, and the checksum with it: damage that only the section's own reader can find."""
    file = ParsedFile.parse(data, None)
    if not _has_one_frame(file):
        return sections_changed(random, data, files)
    kept = {section.tag: section.data for section in file.header.sections}
    tag = random.choice([*kept, *container.SECTION_NAMES])
    content = kept.get(tag) or container.write_varint(random.choice([0, 9, 784, 1024])) + random.randbytes(20)
    for _ in range(random.choice([0, 1, 3])):
        mutation = random.choice([truncated, extended, bits_flipped, bytes_changed, bytes_moved])
        content = mutation(random, content or b"\0", files)
    kept[tag] = content
    sections = tuple(Section(tag, kept[tag]) for tag in sorted(kept))
    header = container.write_header(replace(file.header, sections=sections))
    if file.is_plain:
        return _sealed_plain(file, header)
    # A CRC is linear: a change of what comes first changes it by the same, whatever follows.
    assert file.seed is not None, "zstd has a checksum"
    followed = bytes(4 * ladder.elements(file.model, *file.model.description.grid(*file.size)))
    difference = zlib.crc32(followed, file.seed) ^ zlib.crc32(followed, zlib.crc32(header))
    check = int.from_bytes(data[-CHECK_BYTES:], "little") ^ difference
    return header + data[file.begin : -CHECK_BYTES] + check.to_bytes(CHECK_BYTES, "little")


def _sealed_plain(file: ParsedFile, header: bytes) -> bytes:
    """A plain file whose header is another; the checksum of its planes covers that."""
    precision, at = plain.read_precision(file.data, file.begin)
    pixels = 1 if file.data[at] == 1 else file.size[0] * file.size[1]  # a constant plane's checksum covers one
    covered = pixels * (1 if file.one_channel else 3) * np.dtype(precision.steps_type).itemsize
    followed, between = bytes(covered), file.data[file.begin : at]
    old = zlib.crc32(followed, zlib.crc32(file.data[:at]))
    new = zlib.crc32(followed, zlib.crc32(between, zlib.crc32(header)))
    check = int.from_bytes(file.data[-CHECK_BYTES:], "little") ^ old ^ new
    return header + between + file.data[at:-CHECK_BYTES] + check.to_bytes(CHECK_BYTES, "little")


def planes_changed(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """The method, the precision or the palette of a plain file is another."""
    file = ParsedFile.parse(data, None)
    if not file.is_plain:
        return bytes_changed(random, data, files)
    changed = bytearray(data)
    for _ in range(random.choice([1, 2])):
        at = file.begin + random.randrange(min(6, len(data) - file.begin))
        changed[at] = random.choice([0, 1, 2, 3, 4, 5, 0x80, 0xFF, random.randrange(256)])
    return bytes(changed)


def payload_changed(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """A good header with a random, zero, repeated or foreign payload."""
    _, begin = container.read_header(data)
    length = random.choice([0, 1, len(data) - begin, random.randint(0, 600)])
    other = random.choice(files)
    return data[:begin] + random.choice(
        [
            random.randbytes(length),
            bytes(length),
            b"\xff" * length,
            data[begin:] * 2,
            other[container.read_header(other)[1] :],
        ]
    )


def frame_changed(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """What is inside a zstd frame is changed, and framed again: damage behind what zstd itself would notice."""
    file = ParsedFile.parse(data, None)
    if not _has_one_frame(file):
        return bits_flipped(random, data, files)
    begin = _frame_begin(file)
    if begin is None:
        return bits_flipped(random, data, files)
    body = bytes(frames.decompress(data[begin:-CHECK_BYTES], 1 << 20)) or b"\0"
    mutation = random.choice([truncated, extended, bits_flipped, bytes_changed, bytes_moved])
    body = random.choice([mutation(random, body, files), body * random.randint(2, 9), bytes(1 << 20)])
    return data[:begin] + frames.compress(body, [3]) + data[-CHECK_BYTES:]


def _frame_begin(file: ParsedFile) -> int | None:
    """Where the only frame of a payload begins; None where there is none."""
    if not file.is_plain:
        return file.begin
    precision, at = plain.read_precision(file.data, file.begin)
    method, palette_bytes = file.data[at], np.dtype(precision.steps_type).itemsize * (1 if file.one_channel else 3)
    if method not in (2, 3, 4):
        return None
    return at + 1 + (1 + (file.data[at + 1] + 1) * palette_bytes if method == 4 else 0)


def _has_one_frame(file: ParsedFile) -> bool:
    if file.is_plain:
        return file.size[0] * file.size[1] <= MOST_PIXELS
    return file.header.packing == "zstd" and file.grid.count == 1


def small_sealed(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """A file in the small form is changed, and its check with it: damage that only the payload can show."""
    if not container.read_header(data)[0].is_small:
        return bits_flipped(random, data, files)
    body, mutation = data[2:-1] or b"\0", random.choice([truncated, extended, bits_flipped, bytes_changed, bytes_moved])
    quality = random.choice([data[1], random.randint(1, 100) | data[1] & 0x80])
    return with_check(bytes([data[0], quality]) + mutation(random, body, files))


def spliced(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """The begin of one file, and the end of another."""
    other = random.choice(files)
    return data[: random.randint(0, len(data))] + other[random.randint(0, len(other)) :]


def blocks_sealed(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """A block of a data set is changed, left out or repeated, and the checksums and the index with it."""
    entries = framing.read_index(InMemory(data))
    blocks = [framing.Block(entry.kind, entry.header, entry.read(InMemory(data))) for entry in entries]
    place = random.randrange(len(blocks))
    block = blocks[place]
    mutation = random.choice([truncated, extended, bits_flipped, bytes_changed, bytes_moved])
    changed = random.choice(
        [
            replace(block, header=mutation(random, block.header or b"\0", files)),
            replace(block, header=mutation(random, block.header or b"\0", files)),
            replace(block, body=mutation(random, block.body or b"\0", files)),
            replace(block, body=random.choice(blocks).body),
            replace(block, kind=random.choice([*framing.KINDS, random.randrange(256)])),
        ]
    )
    blocks[place : place + 1] = random.choice([[changed], [changed], [changed], [], [block, block]])
    written, entries = framing.head(), []
    for block in blocks:
        entries.append(framing.Entry(block.kind, len(written), block.header, len(block.body)))
        written += block.to_bytes()
    return written + framing.index_block(entries)


def index_sealed(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """What the index of a data set says is changed, and its checksum with it."""
    entries = framing.read_index(InMemory(data))
    mutation = random.choice([truncated, extended, bits_flipped, bytes_changed, bytes_moved])
    content = mutation(random, framing.index_content(entries), files)
    declared = random.choice([len(content), len(content), len(content) + 1, 1 << 31])
    end = entries[-1].end if entries else framing.HEAD_BYTES
    return data[:end] + framing.closing(content, declared)


def several(random: Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """Two to four mutations; `bytes_changed` in place of one that cannot parse what is left of the file."""
    known = list(mutations_of(data).values())
    for _ in range(random.randint(2, 4)):
        try:
            data = random.choice(known)(random, data, files)
        except (aecodec.AecError, ValueError, IndexError):
            data = bytes_changed(random, data or b"\xb5", files)
    return data


Mutation = Callable[[Random, bytes, Sequence[bytes]], bytes]


def _named(*mutations: Mutation) -> dict[str, Mutation]:
    return {mutation.__name__.replace("_", " "): mutation for mutation in mutations}


MUTATIONS = _named(
    truncated,
    extended,
    bits_flipped,
    bytes_changed,
    bytes_moved,
    header_changed,
    varints_changed,
    sections_changed,
    sections_sealed,
    planes_changed,
    payload_changed,
    frame_changed,
    small_sealed,
    spliced,
)
SET_MUTATIONS = _named(
    truncated,
    extended,
    bits_flipped,
    bytes_changed,
    bytes_moved,
    blocks_sealed,
    index_sealed,
    spliced,
)


def mutations_of(data: bytes) -> dict[str, Mutation]:
    """The mutations for a file of its kind: of one picture, or a data set."""
    return SET_MUTATIONS if container.is_data_set(data) else MUTATIONS
