"""The data sets of the suite that a decoder of pictures has to refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from aecodec.conformance.writer import write_lossy, write_samples
from aecodec.dataset import framing, runs
from aecodec.dataset.framing import Block
from aecodec.dataset.ranges import InMemory
from aecodec.dataset.runs import Runs
from aecodec.encoding.candidates import header_with
from aecodec.format import container
from aecodec.format.container import Header, Section, write_varint
from aecodec.models import registry
from aecodec.models.model import Model
from aecodec.packing import frames
from conformance.invalid_files import (
    CHECKSUM,
    FOREIGN,
    LIMIT,
    SECTION,
    TRAILING,
    TRUNCATED,
    VALUE,
    VERSION,
    Case,
    Cases,
    failure_of,
)
from conformance.valid_files import of_blocks, typical, written

NUMBERS = runs.write(Runs(((0, 3),)))


def blocks_of(data: bytes) -> list[Block]:
    """The blocks of a data set."""
    source = InMemory(data)
    return [Block(entry.kind, entry.header, entry.read(source)) for entry in framing.read_index(source)]


def all_files(found: dict[str, Model]) -> Cases:
    """All of them; the models by name without version."""
    model = found["tile"]
    headers = [header_with(model, (6, 8), quality) for quality in (20, 60, 60)]
    files = [write_lossy(model, header, typical(model.tables, 30)) for header in headers]
    data = written(files)
    yield from of_frame(data)
    yield from of_joined(model, data)
    yield from of_qualities(data)
    yield from of_files(files)
    yield from of_numbers(files)
    picture = np.full((6, 8, 1), 7, np.uint8)
    lossless = written([write_samples(model, header_with(model, (6, 8), container.LOSSLESS), picture)] * 3)
    (block,) = blocks_of(lossless)
    own = block.header.replace(NUMBERS + b"\0", NUMBERS + b"\1")
    yield Case("set-flag-of-lossless", of_blocks([replace(block, header=own)]), VALUE, "qualities of lossless pictures")
    yield Case("set-lossless-cut", of_blocks([replace(block, body=block.body[:-1])]), TRUNCATED, "the samples are cut")


def of_frame(data: bytes) -> Cases:
    """The first bytes, the index, and the last bytes."""
    yield Case("set-magic", data[:3] + b"x" + data[4:], FOREIGN, "other first bytes")
    for version, what in ((15, "never given"), (container.DRAFT, "drafts")):
        head = data[:1] + bytes([data[1] & 0xF0 | version]) + data[2:]
        yield Case(f"set-version-{version}", head, VERSION, f"version {version} of data sets, {what}")
    yield Case("set-head", data[:6], TRUNCATED, "only the first six bytes")
    yield Case("set-cut", data[:-1], TRUNCATED, "the last byte is missing")
    long = data[:-6] + (len(data)).to_bytes(4, "little") + data[-2:]
    yield Case("set-index-length", long, VALUE, "the index would begin before the file")
    short = data[:-6] + (int.from_bytes(data[-6:-2], "little") - 1).to_bytes(4, "little") + data[-2:]
    yield Case("set-index-begin", short, CHECKSUM, "the index is said to be a byte shorter than it is")
    damaged = bytearray(data)
    damaged[-8] ^= 1
    yield Case("set-index-checksum", bytes(damaged), CHECKSUM, "the CRC-32 of the index does not match")
    source = InMemory(data)
    entries = framing.read_index(source)
    content, end = framing.index_content(entries), entries[-1].end
    head = data[:end]

    def index(name: str, content: bytes, failure: str, reason: str, declared: int | None = None) -> Case:
        closing = framing.closing(content, len(content) if declared is None else declared)
        return Case(f"set-index-{name}", head + closing, failure, reason)

    yield index("long", content + b"\0", VALUE, "a byte follows the last block of the index")
    yield index("cut", content[:-1], TRUNCATED, "the index ends within a block")
    yield index("empty", b"", TRUNCATED, "an index of no bytes")
    yield index("declared-more", content, TRUNCATED, "the index says that it is longer", len(content) + 1)
    yield index("declared-less", content, TRAILING, "the index says that it is shorter", len(content) - 1)
    yield index("bomb", content + bytes(1 << 20), VALUE, "an index of a million bytes in a small file")
    far = replace(entries[0], begin=entries[0].begin + 1)
    yield index("beyond", framing.index_content([far]), VALUE, "a block that ends within the index")
    body = bytearray(data)
    body[entries[0].end - 5] ^= 1
    yield Case("set-block-checksum", bytes(body), CHECKSUM, "the CRC-32 of a block does not match")
    other = replace(entries[0], header=entries[0].header[:-1] + bytes([entries[0].header[-1] ^ 1]))
    yield index("other-header", framing.index_content([other]), CHECKSUM, "the index has another header than the block")
    stranger = Block(127, b"", b"")
    yield Case("set-critical-kind", of_blocks([*blocks_of(data), stranger]), SECTION, "a critical block of kind 127")


def of_joined(model: Model, data: bytes) -> Cases:
    """Joined blocks whose header or payload is not one."""
    (block,) = blocks_of(data)
    assert block.header.startswith(NUMBERS + b"\1"), "these pictures have qualities of their own"
    shown, _ = container.read_header(block.header[len(NUMBERS) + 1 :])

    def headed(name: str, tail: bytes, failure: str, reason: str, body: bytes = block.body) -> Case:
        return Case(f"set-{name}", of_blocks([Block(framing.JOINED, NUMBERS + tail, body)]), failure, reason)

    written_header = container.write_header(shown)
    yield headed("flags", b"\3" + written_header, VALUE, "bit 1 of the flags")
    yield headed("no-flags", b"", TRUNCATED, "the header ends after the numbers")
    yield headed("header-long", b"\1" + written_header + b"\0", VALUE, "a byte follows the common header")
    sections = replace(shown, sections=(Section(200, b""),))
    yield headed("sections", b"\1" + container.write_header(sections), VALUE, "pictures with a section")
    plain = container.write_header(Header(container.PLAIN, 100, "zstd", size=(8, 6), variant=True))
    yield headed("plain", b"\0" + plain + b"\0", VALUE, "a joined block of plain pictures")
    wide = container.write_header(header_with(model, (6, 600), 20))
    yield headed("panels", b"\0" + wide, VALUE, "a joined block of pictures of two panels")
    alike = of_blocks([Block(framing.JOINED, NUMBERS + b"\0" + written_header, block.body)])
    yield Case("set-quality", alike, failure_of(alike), "one quality for all, and yet a frame of qualities")
    photo = container.write_header(Header(registry.number_of(registry.by_name("photo")), 50, "rans", size=(500, 500)))
    many = runs.write(Runs(((0, 400),))) + b"\0" + photo
    yield Case("set-pixels", of_blocks([Block(framing.JOINED, many, b"")]), LIMIT, "400 pictures of 250,000 pixels")
    yield headed("payload-cut", b"\1" + written_header, TRUNCATED, "the payload is cut", block.body[:-2])
    yield headed("payload-long", b"\1" + written_header, TRAILING, "bytes follow the payload", block.body + b"\1\2")


def of_qualities(data: bytes) -> Cases:
    """The frame of the qualities of a joined block."""
    (block,) = blocks_of(data)
    length, at = container.read_varint(block.body, 0)
    payload = block.body[at + length :]
    qualities = bytes(frames.decompress(block.body[at : at + length], 3))

    def with_frame(name: str, frame: bytes, failure: str, reason: str, length: int | None = None) -> Case:
        body = write_varint(len(frame) if length is None else length) + frame + payload
        return Case(f"set-qualities-{name}", of_blocks([replace(block, body=body)]), failure, reason)

    def framed(values: bytes) -> bytes:
        return frames.compress(values, (9,))

    yield with_frame("0", framed(b"\0" + qualities[1:]), VALUE, "a quality of 0")
    yield with_frame("101", framed(b"\x65" + qualities[1:]), VALUE, "a quality of 101")
    yield with_frame("too-few", framed(qualities[:2]), VALUE, "two qualities of three pictures")
    yield with_frame("too-many", framed(qualities + b"\1"), TRAILING, "four qualities of three pictures")
    yield with_frame("beyond", framed(qualities), TRUNCATED, "the frame is longer than the block", 1 << 20)


def of_files(files: list[bytes]) -> Cases:
    """Blocks of files."""

    def block(name: str, lengths: list[int], tail: bytes, failure: str, reason: str) -> Case:
        header = NUMBERS + b"".join(map(write_varint, lengths)) + tail
        return Case(f"set-files-{name}", of_blocks([Block(framing.FILES, header, b"".join(files))]), failure, reason)

    lengths = [len(file) for file in files]
    yield block("lengths", [*lengths[:2], lengths[2] - 1], b"", VALUE, "lengths whose sum is not that of the body")
    yield block("header-long", lengths, b"\0", TRAILING, "a byte follows the last length")
    yield block("header-cut", lengths[:2], b"", TRUNCATED, "two lengths of three files")
    moved = [lengths[0] + 1, lengths[1] - 1, lengths[2]]
    shifted = block("moved", moved, b"", TRAILING, "the first file has a byte of the second")
    yield replace(shifted, failure=failure_of(shifted.data))


def of_numbers(files: list[bytes]) -> Cases:
    """The numbers of the pictures of a block."""
    body = b"".join(files)
    lengths = b"".join(write_varint(len(file)) for file in files)

    def numbered(name: str, numbers: Any, failure: str, reason: str) -> Case:
        block = Block(framing.FILES, bytes(numbers) + lengths, body)
        return Case(f"set-numbers-{name}", of_blocks([block]), failure, reason)

    yield numbered("touch", [1, 0, 0, 0, 1], VALUE, "two runs without a gap")
    most = write_varint(0) + write_varint(0) + write_varint(1 << 16)
    yield numbered("many", most, VALUE, "65,537 pictures in a block")
    end = write_varint(0) + write_varint((1 << 32) - 1) + write_varint(2)
    yield numbered("beyond", end, VALUE, "a number of 2^32 - 1 or more")
    block = Block(framing.FILES, NUMBERS + lengths, body)
    yield Case("set-numbers-twice", of_blocks([block, block]), VALUE, "two blocks hold the same pictures")
