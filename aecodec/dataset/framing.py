"""The frame of a data set: blocks one after the other, an index of them, and a footer that leads to the index.

    6 bytes   AE D1 61 65 63 73: the magic, the version in the low bits of the second byte, and "aecs"
    blocks    among them one index, the last block that counts
    6 bytes   footer: length of the index block in 4 bytes, little-endian; AE DE

A block:

    2 bytes   AE DB
    1 byte    kind: a critical one below 128, an ignorable one from there on
    varint    length of the header
    varint    length of the body
    header, body
    4 bytes   CRC-32 of everything before, little-endian

The index is a block whose header is the length of its content, a varint, and whose body is that content in a Zstandard
frame: a varint, the number of blocks; and for each block, in the order of the file, a varint with the number of bytes
between it and the block before, its kind, the lengths of header and body, and its header. Blocks that the index does
not name, such as an older index, mean nothing. Where the index is lost, `scan` finds the blocks by their first bytes
and their checksums.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from aecodec.dataset.ranges import RangeSource
from aecodec.errors import (
    ChecksumMismatch,
    InvalidValue,
    LimitExceeded,
    NotAnAecFile,
    TruncatedFile,
    UnsupportedSection,
)
from aecodec.format.container import DATA_SET, is_data_set, read_varint, require_version, write_varint
from aecodec.packing import frames

VERSION: Final = 1
JOINED: Final = 1
FILES: Final = 2
COLUMNS: Final = 3
METADATA: Final = 4
INDEX: Final = 5
PICTURES: Final = (JOINED, FILES)
KINDS: Final = {JOINED: "joined", FILES: "files", COLUMNS: "columns", METADATA: "metadata", INDEX: "index"}

HEAD_BYTES: Final = 6
FOOTER_BYTES: Final = 6
_MARK: Final = b"\xae\xdb"
_FOOTER_MARK: Final = b"\xae\xde"
_IGNORABLE: Final = 0x80
_CHECK_BYTES: Final = 4
_PREFIX_BYTES: Final = 13  # mark, kind, two varints
_TAIL_BYTES: Final = 1 << 16  # of the file, read at once: the index is usually within them
_WINDOW_BYTES: Final = 1 << 20  # that a scan looks at at once
_SCANNED: Final = 16  # a scan reads at most so many times the bytes of the file
_FALSE_MARK: Final = 1 << 12  # so many bytes are read in about the time that it takes to find a mark false
_INDEX_SHARE: Final = 4  # the content of an index is at most so many times as long as the file
_LEVELS: Final = ((1 << 20, 19), (1 << 63, 9))  # zstd's level up to so many bytes


@dataclass(frozen=True)
class Block:
    """A block as written: its kind, header and body."""

    kind: int
    header: bytes
    body: bytes

    def to_bytes(self) -> bytes:
        """The bytes of the block."""
        begin = _prefix(self.kind, len(self.header), len(self.body))
        content = begin + self.header + self.body
        return content + zlib.crc32(content).to_bytes(_CHECK_BYTES, "little")


@dataclass(frozen=True)
class Entry:
    """A block as the index knows it. begin: its first byte in the file."""

    kind: int
    begin: int
    header: bytes
    body_bytes: int

    @property
    def size(self) -> int:
        """The bytes of the whole block."""
        prefix = len(_prefix(self.kind, len(self.header), self.body_bytes))
        return prefix + len(self.header) + self.body_bytes + _CHECK_BYTES

    @property
    def end(self) -> int:
        """Where the block ends."""
        return self.begin + self.size

    def read(self, source: RangeSource) -> bytes:
        """The body. Raises ChecksumMismatch, TruncatedFile."""
        data = source.read(self.begin, self.size)
        begin = _prefix(self.kind, len(self.header), self.body_bytes) + self.header
        if not data.startswith(begin) or not _is_whole(data):
            raise ChecksumMismatch("the block is damaged: its checksum does not match")
        return data[len(begin) : -_CHECK_BYTES]


def _prefix(kind: int, header_bytes: int, body_bytes: int) -> bytes:
    return _MARK + bytes([kind]) + write_varint(header_bytes) + write_varint(body_bytes)


def _is_whole(data: bytes) -> bool:
    return zlib.crc32(data[:-_CHECK_BYTES]) == int.from_bytes(data[-_CHECK_BYTES:], "little")


# The first bytes ---


def head() -> bytes:
    """The first bytes of a data set."""
    return DATA_SET[:1] + bytes([DATA_SET[1] | VERSION]) + DATA_SET[2:]


def check_head(data: bytes) -> None:
    """Raise NotAnAecFile or UnsupportedVersion for the first bytes of a file that is no data set of this version."""
    if not is_data_set(data):
        raise NotAnAecFile("this is not a data set of pictures")
    require_version("data set", data[1] & 0x0F, VERSION)


# The index ---


def index_block(entries: Iterable[Entry]) -> bytes:
    """The index of these blocks, which are in the order of the file, and the footer."""
    content = index_content(list(entries))
    return closing(content, len(content))


def index_content(entries: Sequence[Entry]) -> bytes:
    """What the index says of the blocks."""
    content = bytearray(write_varint(len(entries)))
    end = HEAD_BYTES
    for entry in entries:
        content += write_varint(entry.begin - end)
        content.append(entry.kind)
        content += write_varint(len(entry.header)) + write_varint(entry.body_bytes) + entry.header
        end = entry.end
    return bytes(content)


def closing(content: bytes, declared: int) -> bytes:
    """The index block with that content, of `declared` bytes, and the footer."""
    level = next(level for most, level in _LEVELS if len(content) <= most)
    block = Block(INDEX, write_varint(declared), frames.compress(content, (level,))).to_bytes()
    return block + len(block).to_bytes(4, "little") + _FOOTER_MARK


def read_index(source: RangeSource) -> list[Entry]:
    """The blocks of a data set, as its index lists them. Raises TruncatedFile if there is none, or another AecError."""
    check_head(source.read(0, min(HEAD_BYTES, source.size)))
    tail = source.read(source.size - min(source.size, _TAIL_BYTES), min(source.size, _TAIL_BYTES))
    if tail[-2:] != _FOOTER_MARK or source.size < HEAD_BYTES + FOOTER_BYTES:
        raise TruncatedFile("the data set has no index at its end: it was cut off, or not written to the end")
    length = int.from_bytes(tail[-FOOTER_BYTES:-2], "little")
    begin = source.size - FOOTER_BYTES - length
    if begin < HEAD_BYTES:
        raise InvalidValue("the index of the data set would begin before the file")
    data = tail[:-FOOTER_BYTES][-length:] if length + FOOTER_BYTES <= len(tail) else source.read(begin, length)
    lengths = _lengths(data)
    if lengths is None or lengths.kind != INDEX or lengths.whole != length or not _is_whole(data):
        raise ChecksumMismatch("the index of the data set is damaged")
    entry = lengths.entry(data, begin)
    declared, at = read_varint(entry.header, 0)
    if at != len(entry.header) or declared > _INDEX_SHARE * source.size:
        raise InvalidValue("the index of the data set is longer than its blocks allow")
    body = data[length - _CHECK_BYTES - entry.body_bytes : length - _CHECK_BYTES]
    content = bytes(frames.decompress(body, declared, "the index"))
    if len(content) != declared:
        raise TruncatedFile("the index of the data set ends early")
    return list(_entries(content, begin))


def _entries(content: bytes, limit: int) -> Iterator[Entry]:
    count, at = read_varint(content, 0)
    end = HEAD_BYTES
    for _ in range(count):
        gap, at = read_varint(content, at)
        kind = content[at : at + 1]
        header_bytes, at = read_varint(content, at + 1)
        body_bytes, at = read_varint(content, at)
        header = content[at : at + header_bytes]
        if not kind or len(header) < header_bytes:
            raise TruncatedFile("the index of the data set ends early")
        at += header_bytes
        entry = Entry(kind[0], end + gap, header, body_bytes)
        end = entry.end
        if end > limit:
            raise InvalidValue("the index of the data set names a block beyond the end of the blocks")
        if known(entry):
            yield entry
    if at != len(content):
        raise InvalidValue("bytes follow the end of the index")


def known(entry: Entry) -> bool:
    """Whether this release knows the block's kind; an unknown ignorable one is passed over.

    Raises UnsupportedSection for an unknown one that cannot be ignored.
    """
    if entry.kind in KINDS:
        return True
    if entry.kind & _IGNORABLE:
        return False
    raise UnsupportedSection(
        f"the data set has a block of kind {entry.kind}, which this release does not know: upgrade"
    )


# Without an index ---


def scan(source: RangeSource) -> Iterator[Entry]:
    """All whole blocks of a data set, found by their first bytes and checksums; indices and unknown kinds left out.

    Raises NotAnAecFile or UnsupportedVersion if the first bytes are whole but not those of a data set, and
    LimitExceeded for a file that is made to be slow.
    """
    start = source.read(0, min(HEAD_BYTES, source.size))
    if is_data_set(start):
        check_head(start)
    scanner, at = _Scanner(source), 0
    while (at := scanner.next_mark(at)) >= 0:
        entry = scanner.block(at)
        if entry is None:
            at += 1
            continue
        at = entry.end
        if entry.kind != INDEX and entry.kind in KINDS:
            yield entry


class _Scanner:
    """A window that moves over a file, and a budget: what the file may make a scan read, and false marks cost."""

    def __init__(self, source: RangeSource) -> None:
        self._source, self._left = source, _SCANNED * source.size + _WINDOW_BYTES
        self._window, self._begin = b"", 0

    def next_mark(self, at: int) -> int:
        """Where the next block may begin, at `at` or later; -1 if nowhere. Raises LimitExceeded."""
        while at < self._source.size - 1:
            if at + len(_MARK) > self._begin + len(self._window):
                length = min(_WINDOW_BYTES, self._source.size - at)
                self._spend(length)
                self._window, self._begin = self._source.read(at, length), at
            found = self._window.find(_MARK, at - self._begin)
            if found >= 0:
                return self._begin + found
            at = self._begin + len(self._window) - 1
        return -1

    def block(self, at: int) -> Entry | None:
        """The whole block at a mark, or None if none is there. Raises LimitExceeded."""
        lengths = _lengths(self._bytes(at, min(_PREFIX_BYTES, self._source.size - at)))
        if lengths is not None and lengths.whole <= self._source.size - at:
            self._spend(lengths.whole)
            data = self._bytes(at, lengths.whole)
            if _is_whole(data):
                return lengths.entry(data, at)
        self._spend(_FALSE_MARK)
        return None

    def _bytes(self, at: int, length: int) -> bytes:
        """Bytes at `at` or later, from the window if it has them."""
        begin = at - self._begin
        if begin + length <= len(self._window):
            return self._window[begin : begin + length]
        return self._source.read(at, length)

    def _spend(self, cost: int) -> None:
        self._left -= cost
        if self._left < 0:
            raise LimitExceeded("the data set has so many false beginnings of blocks that it looks made to be slow")


@dataclass(frozen=True)
class _Lengths:
    """The first fields of a block: its kind, and the bytes of these fields, of its header and of its body."""

    kind: int
    prefix: int
    header: int
    body: int

    @property
    def whole(self) -> int:
        """The bytes of the block."""
        return self.prefix + self.header + self.body + _CHECK_BYTES

    def entry(self, data: bytes, begin: int) -> Entry:
        """The block, whose first bytes are `data`, and are at `begin` in the file."""
        return Entry(self.kind, begin, data[self.prefix : self.prefix + self.header], self.body)


def _lengths(data: bytes) -> _Lengths | None:
    """What the first bytes of a block say, or None if no block begins so."""
    if data[:2] != _MARK or len(data) < 3:
        return None
    try:
        header_bytes, at = read_varint(data, 3)
        body_bytes, at = read_varint(data, at)
    except (InvalidValue, TruncatedFile):
        return None
    return _Lengths(data[2], at, header_bytes, body_bytes)
