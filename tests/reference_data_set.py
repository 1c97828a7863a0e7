"""A second reader of data sets, written from section 20 of spec/FORMAT.md, on top of the reference decoder.

The pictures of a joined block are decoded side by side, a thread each, which wait for one another in every pass.
"""

from __future__ import annotations

import json
import struct
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from reference_decoder import (
    Joined,
    Log,
    Model,
    Payload,
    Picture,
    Reader,
    Refused,
    decode,
    read_header,
    require,
    unframed,
)

HEAD = b"\xae\xd0aecs"
TYPES = ["string", "bytes", "?", "B", "b", "H", "h", "I", "i", "Q", "q", "e", "f", "d"]


class Block(NamedTuple):
    kind: int
    header: bytes
    body: bytes


class DataSet(NamedTuple):
    pictures: dict[int, Picture]
    columns: dict[str, dict[int, Any]]
    description: dict[str, Any]


# 20.1 The file ---


def block_at(data: bytes, at: int) -> tuple[Block, int]:
    """The block at a place, and where it ends."""
    r = Reader(data[at:])
    require(r.take(2) == b"\xae\xdb", "no block")
    kind, h, b = r.take(1)[0], r.varint(), r.varint()
    block = Block(kind, r.take(h), r.take(b))
    covered = zlib.crc32(r.data[: r.at])
    require(int.from_bytes(r.take(4), "little") == covered, "the checksum of a block")
    return block, at + r.at


def blocks_of(data: bytes) -> list[Block]:
    require(data[:6] == HEAD, "not a data set")
    require(data[-2:] == b"\xae\xde", "no footer")
    end = len(data) - 6
    begin = end - int.from_bytes(data[-6:-2], "little")
    require(begin >= 6, "the length of the index")
    index, index_end = block_at(data, begin)
    require(index.kind == 5 and index_end == end, "the index")
    r = Reader(index.header)
    length = r.varint()
    require(r.at == len(r.data) and length <= 4 * len(data), "the length of the content of the index")
    r = Reader(unframed(index.body))
    require(len(r.data) == length, "the length of the content of the index")
    found, at = [], 6
    for _ in range(r.varint()):
        at += r.varint()
        kind, h, b = r.take(1)[0], r.varint(), r.varint()
        header = r.take(h)
        block, at = block_at(data, at)
        require((block.kind, block.header, len(block.body)) == (kind, header, b), "the index and a block differ")
        require(at <= begin, "a block beyond the blocks")
        require(kind in (1, 2, 3, 4, 5) or kind >= 128, "an unknown critical block")
        found.append(block)
    require(r.at == len(r.data), "bytes after the index")
    return found


# 20.2 Numbers ---


def numbers_of(r: Reader) -> list[int]:
    numbers: list[int] = []
    end = 0
    for index in range(r.varint() + 1):
        gap, length = r.varint(), r.varint() + 1
        require(index == 0 or gap > 0, "runs that touch")
        require(len(numbers) + length <= 65536 and end + gap + length < 2**32, "too many pictures")
        numbers += range(end + gap, end + gap + length)
        end += gap + length
    return numbers


# 20.3 Joined blocks ---


class Together:
    """Reads a payload for several pictures at once: everyone brings its classes, and takes its residuals along."""

    def __init__(self, payload: Payload, count: int) -> None:
        self.payload = payload
        self.classes: list[Sequence[int]] = [[]] * count
        self.residuals: list[list[int]] = [[]] * count
        self.barrier = threading.Barrier(count, action=self.decode)

    def decode(self) -> None:
        found = self.payload.read([c for classes in self.classes for c in classes])
        size = len(self.classes[0])
        self.residuals = [found[i * size : (i + 1) * size] for i in range(len(self.classes))]

    def reader(self, index: int) -> Callable[[Sequence[int]], list[int]]:
        def read(classes: Sequence[int]) -> list[int]:
            self.classes[index] = classes
            self.barrier.wait()
            return self.residuals[index]

        return read


def joined_pictures(block: Block, models: Mapping[int | bytes, Model]) -> dict[int, Picture]:
    r = Reader(block.header)
    numbers = numbers_of(r)
    flags = r.take(1)[0]
    data = r.data[r.at :]
    header = read_header(data)
    lossless = header.quality > 100
    require(flags < (1 if lossless else 2), "flags")
    require(header.model != 15, "no header to be shared")
    most = header.length + (header.quality == 102) + header.small
    require(most == len(data), "more than a header, a largest error, and the check of the small form")
    require(header.small or not data[4 if data[0] == 0xAE else 1] & 0x80, "sections")
    require(header.model in models, "unknown model")
    model, count = models[header.model], len(numbers)
    width, height = header.size or (model.tile[1], model.tile[0])
    unit_height, unit_width = model.tile or (model.block, model.block)
    down, across = -(-height // unit_height), -(-width // unit_width)
    require(max(down * unit_height, across * unit_width) <= 512, "several panels")
    grid = down * unit_height * across * unit_width // model.block**2
    elements = (down * across * model.vector if model.tile else 0) + grid * model.coefficients

    body = Reader(block.body)
    qualities = [header.quality] * count
    if flags & 1:
        qualities = list(unframed(body.take(body.varint())))
        require(len(qualities) == count and all(1 <= q <= 100 for q in qualities), "qualities")
    tables = model.tables
    if lossless:
        stage = model.lossless
        if stage is None:
            raise Refused("lossless pictures of a model that has none")
        tables, elements = stage.tables, height * width * model.channels
    payload = Payload(header.packing, tables, body.data[body.at :], count * elements)
    payload.open(Log(), lanes=1)
    shared = Together(payload, count)
    samples = [bytearray() for _ in range(count)]

    def work(index: int) -> Picture:
        try:
            return decode(data, models, None, Joined(qualities[index], shared.reader(index), samples[index]))
        except BaseException:
            shared.barrier.abort()
            raise

    try:
        with ThreadPoolExecutor(count) as pool:
            pictures = list(pool.map(work, range(count)))
    except threading.BrokenBarrierError:
        raise Refused("the payload of a block is damaged") from None
    if lossless:
        payload.crc = zlib.crc32(b"".join(samples))
    payload.finish()
    return dict(zip(numbers, pictures, strict=True))


# 20.4 Blocks of files ---


def pictures_of_files(block: Block, models: Mapping[int | bytes, Model]) -> dict[int, Picture]:
    r = Reader(block.header)
    numbers = numbers_of(r)
    lengths = [r.varint() for _ in numbers]
    require(r.at == len(r.data) and sum(lengths) == len(block.body), "lengths of files")
    body = Reader(block.body)
    return {number: decode(body.take(length), models) for number, length in zip(numbers, lengths, strict=True)}


# 20.5 Columns ---


def columns_of(block: Block) -> dict[str, dict[int, Any]]:
    r, body = Reader(block.header), Reader(block.body)
    first, rows = r.varint(), r.varint() + 1
    require(rows <= 65536, "too many rows")
    found: dict[str, dict[int, Any]] = {}
    for _ in range(r.varint()):
        name, kind = r.take(r.varint()).decode(), r.take(1)[0]
        require(kind < len(TYPES), "the type of a column")
        size, length = r.varint(), r.varint()
        require(size <= 2**26, "values that are too long")
        values = unframed(body.take(length))
        require(len(values) == size, "the length of values")
        found[name] = dict(enumerate(values_of(values, TYPES[kind], rows), first))
    require(r.at == len(r.data) and body.at == len(body.data), "bytes are left")
    return found


def values_of(values: bytes, kind: str, rows: int) -> list[Any]:
    code = "I" if kind in ("string", "bytes") else kind
    width = struct.calcsize(f"<{code}")
    planes, rest = values[: rows * width], values[rows * width :]
    require(len(planes) == rows * width, "truncated")
    numbers = [struct.unpack(f"<{code}", planes[row::rows])[0] for row in range(rows)]
    if code == kind:
        require(not rest, "bytes are left")
        return numbers
    require(sum(numbers) == len(rest), "the lengths of values")
    r = Reader(rest)
    contents = [r.take(length) for length in numbers]
    return [content.decode() for content in contents] if kind == "string" else contents


def read(data: bytes, models: Mapping[int | bytes, Model]) -> DataSet:
    """Everything in a data set."""
    found = DataSet({}, {}, {})
    for block in blocks_of(data):
        if block.kind in (1, 2):
            pictures = (joined_pictures if block.kind == 1 else pictures_of_files)(block, models)
            require(not pictures.keys() & found.pictures.keys(), "a picture in two blocks")
            found.pictures.update(pictures)
        elif block.kind == 3:
            for name, column in columns_of(block).items():
                found.columns.setdefault(name, {}).update(column)
        elif block.kind == 4:
            found.description.clear()
            found.description.update(json.loads(unframed(block.body)))
    return found
