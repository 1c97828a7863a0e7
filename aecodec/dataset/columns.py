"""Columns beside the pictures: a value for each, in blocks of some thousands of rows.

The header of a block of columns:

    varint    the number of the first picture
    varint    the number of rows minus one
    varint    the number of columns, and for each:
        varint, name   the length of the name in bytes, and the name in UTF-8
        1 byte         the type: the index in `TYPES`
        varint         the bytes of the values
        varint         the bytes of the frame

Its body is one Zstandard frame for each column. Numbers are little-endian and are stored byte plane by byte plane: the
lowest bytes of all rows, then the next. Strings and bytes are the lengths of all rows, as such planes of four bytes,
and then their contents one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from aecodec.dataset import framing
from aecodec.dataset.framing import Block, Entry
from aecodec.dataset.ranges import RangeSource
from aecodec.errors import AecError, InvalidValue, LimitExceeded, TrailingBytes, TruncatedFile
from aecodec.format.container import read_varint, write_varint
from aecodec.packing import frames

LABEL: Final = "label"  # the column that `Dataset.labels` returns
STRING: Final = "string"
BYTES: Final = "bytes"
TYPES: Final = (STRING, BYTES, "|b1", "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8")
ROWS: Final = 4096  # of a block
MOST_ROWS: Final = 1 << 16
MOST_PART_BYTES: Final = 1 << 26  # of the values of a column in a block
MOST_BYTES: Final = 1 << 30  # of the values of a column: no more are read, so no more are written
MOST_COLUMNS: Final = 1 << 10
_LENGTH: Final = np.dtype("<u4")
_LEVELS: Final = (19,)

Column: TypeAlias = "NDArray[Any]"
"""int64 (uint64 if a value needs it), float16, float32, float64, bool, or object: str or bytes.

Object also holds the integers of a file whose column needs both of the first two; `Writer` makes no such column in one
go, but a data set that was appended to may have one.
"""


@dataclass(frozen=True)
class Part:
    """Some rows of a column in a block. begin: where its frame begins in the body."""

    name: str
    kind: str
    value_bytes: int
    frame_bytes: int
    begin: int


@dataclass(frozen=True)
class Header:
    """The header of a block of columns, parsed: rows first..first + count - 1."""

    first: int
    count: int
    parts: tuple[Part, ...]


def checked(name: str, values: Any) -> Column:
    """A column's values as `Column`. Raises InvalidValue for values of no type that can be stored."""
    if not isinstance(name, str) or not name or not _is_unicode(name) or len(name.encode()) > 255:
        raise InvalidValue(f"the name of a column must be a string of 1 to 255 bytes, not {name!r}")
    given = values if isinstance(values, np.ndarray) else list(values)
    if len(given) and all(isinstance(value, str | bytes) for value in given):
        kinds = {type(value) if type(value) in (str, bytes) else type(value).__mro__[1] for value in given}
        if len(kinds) > 1:
            raise InvalidValue(f"the column {name} mixes strings and bytes")
        for value in given:
            if isinstance(value, str) and not _is_unicode(value):
                raise InvalidValue(f"the column {name} has a string that UTF-8 cannot hold: {value!r}")
        column = np.empty(len(given), object)
        column[:] = [value.item() if isinstance(value, np.generic) else value for value in given]
        return column
    array = np.asarray(given)
    if (
        array.ndim == 1
        and array.dtype.kind in "fO"
        and len(given)
        and all(isinstance(v, int | np.integer) for v in given)
    ):
        integers = [int(value) for value in given]  # NumPy takes floats for those that no type of its own holds
        array = np.array(integers, integer_type(name, min(integers), max(integers)))
    if array.ndim != 1 or array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise InvalidValue(f"the column {name} must hold one integer, float, bool, string or bytes for each picture")
    return joined([array]) if array.dtype.kind in "iu" else array.astype(array.dtype.newbyteorder("<"))


def _is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold a string: names of files may have lone surrogates, for bytes that are no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def integer_type(name: str, low: int, high: int) -> np.dtype[Any]:
    """The type of a column whose integers are low..high. Raises InvalidValue if none holds all of them."""
    dtype = _integer_type(low, high)
    if dtype.kind == "O":
        raise InvalidValue(f"the integers of the column {name} do not all fit into 64 bits, be they signed or unsigned")
    return dtype


def _integer_type(low: int, high: int) -> np.dtype[Any]:
    fitting = (np.dtype(kind) for kind in (np.int64, np.uint64))
    holding = (dtype for dtype in fitting if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max)
    return next(holding, np.dtype(object))


def kind_of(column: Column) -> str:
    """What a column holds, in a word: blocks of a column must not differ in it."""
    if column.dtype == object:
        return STRING if isinstance(column[0], str) else BYTES
    return "bool" if column.dtype.kind == "b" else "number"


def text_bytes(column: Column) -> int:
    """The bytes that the values of a column of strings or bytes take, however they are divided into blocks."""
    return sum(_LENGTH.itemsize + len(value.encode() if isinstance(value, str) else value) for value in column)


def require_readable(name: str, value_bytes: int) -> None:
    """Raise InvalidValue for a column that takes so many bytes that `Columns` would refuse it."""
    if value_bytes > MOST_BYTES:
        raise InvalidValue(
            f"the column {name} would take more than {MOST_BYTES} bytes, which are not read: write several data sets"
        )


def value_bytes(entries: Iterable[Entry | Block]) -> dict[str, int]:
    """The bytes that the values of each column take in these blocks. Raises AecError."""
    found: dict[str, int] = {}
    for entry in entries:
        if entry.kind == framing.COLUMNS:
            for part in parse(entry.header).parts:
                found[part.name] = found.get(part.name, 0) + part.value_bytes
    return found


def rows_that_fit(columns: Mapping[str, Column]) -> int:
    """How many of the first rows make a block. Raises InvalidValue for a value that is too long for any."""
    rows = min(ROWS, len(next(iter(columns.values()))))
    for name, column in columns.items():
        if column.dtype == object:
            sizes = np.cumsum([_LENGTH.itemsize + _most_bytes(value) for value in column[:rows]])
            rows = min(rows, int(np.searchsorted(sizes, MOST_PART_BYTES, side="right")))
        if not rows:
            raise InvalidValue(f"a value of the column {name} takes more than {MOST_PART_BYTES} bytes")
    return rows


def _most_bytes(value: str | bytes) -> int:
    return len(value) if isinstance(value, bytes) else 4 * len(value)  # of UTF-8, at most


def write(first: int, columns: Mapping[str, Column]) -> Block:
    """The block of some rows of all columns, which have been checked; `first` is the number of the first row."""
    count = len(next(iter(columns.values())))
    header = bytearray(write_varint(first) + write_varint(count - 1) + write_varint(len(columns)))
    body = bytearray()
    for name, column in columns.items():
        kind, values = _written(column)
        frame = frames.compress(values, _LEVELS)
        encoded = name.encode()
        header += write_varint(len(encoded)) + encoded + bytes([TYPES.index(kind)])
        header += write_varint(len(values)) + write_varint(len(frame))
        body += frame
    return Block(framing.COLUMNS, bytes(header), bytes(body))


def parse(header: bytes) -> Header:
    """Parse a header. Raises AecError."""
    first, at = read_varint(header, 0)
    count, at = read_varint(header, at)
    columns, at = read_varint(header, at)
    if count >= MOST_ROWS or columns > MOST_COLUMNS:
        raise InvalidValue("a block of columns has more rows or columns than the format allows")
    parts: list[Part] = []
    begin = 0
    for _ in range(columns):
        length, at = read_varint(header, at)
        encoded, kind = header[at : at + length], header[at + length : at + length + 1]
        if not kind:
            raise TruncatedFile("a block's header ends early")
        value_bytes, at = read_varint(header, at + length + 1)
        frame_bytes, at = read_varint(header, at)
        if kind[0] >= len(TYPES):
            raise InvalidValue("a column has an unknown type")
        if value_bytes > MOST_PART_BYTES:
            raise LimitExceeded(f"a column has more than {MOST_PART_BYTES} bytes in a block")
        try:
            name = encoded.decode()
        except UnicodeDecodeError:
            raise InvalidValue("the name of a column is not UTF-8") from None
        parts.append(Part(name, TYPES[kind[0]], value_bytes, frame_bytes, begin))
        begin += frame_bytes
    if at != len(header):
        raise TrailingBytes("bytes follow the end of a block's header")
    return Header(first, count + 1, tuple(parts))


def read(header: Header, part: Part, body: bytes) -> Column:
    """The values of a part. Raises AecError."""
    if header.parts and header.parts[-1].begin + header.parts[-1].frame_bytes != len(body):
        raise InvalidValue("the columns of a block are not as long together as the block")
    frame = body[part.begin : part.begin + part.frame_bytes]
    values = bytes(frames.decompress(frame, part.value_bytes, f"the column {part.name}"))
    text = part.kind in (STRING, BYTES)
    least = header.count * (_LENGTH.itemsize if text else np.dtype(part.kind).itemsize)
    if len(values) != part.value_bytes or len(values) < least or not text and len(values) > least:
        raise InvalidValue(f"the column {part.name} does not have a value for each of its rows")
    if not text:
        return _from_planes(values, np.dtype(part.kind))
    lengths = _from_planes(values[:least], _LENGTH).astype(np.int64)
    if int(lengths.sum()) != len(values) - least:
        raise InvalidValue(f"the column {part.name} has values of other lengths than it says")
    column = np.empty(header.count, object)
    column[:] = list(_cut(values[least:], lengths, part))
    return column


def _cut(content: bytes, lengths: NDArray[np.int64], part: Part) -> Iterator[str | bytes]:
    ends = list(accumulate(lengths.tolist(), initial=0))
    for begin, end in zip(ends, ends[1:], strict=False):
        try:
            yield content[begin:end].decode() if part.kind == STRING else content[begin:end]
        except UnicodeDecodeError:
            raise InvalidValue(f"a value of the column {part.name} is not UTF-8") from None


def _written(column: Column) -> tuple[str, bytes]:
    """The type and the bytes of values; integers take the narrowest type that holds all of them."""
    if column.dtype == object:
        text = isinstance(column[0], str)
        values = [value.encode() if text else value for value in column]
        lengths = np.array([len(value) for value in values], np.int64)
        return STRING if text else BYTES, _planes(lengths.astype(_LENGTH)) + b"".join(values)
    if column.dtype.kind in "iu":
        column = column.astype(_narrowest(column))
    return column.dtype.str, _planes(column)


def _narrowest(column: Column) -> np.dtype[Any]:
    low, high = int(column.min()), int(column.max())
    fitting = (np.dtype(name) for name in TYPES[3:11])
    return next(dtype for dtype in fitting if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max)


def _planes(values: NDArray[Any]) -> bytes:
    return values.view(np.uint8).reshape(len(values), -1).T.tobytes()


def _from_planes(values: bytes, dtype: np.dtype[Any]) -> NDArray[Any]:
    planes = np.frombuffer(values, np.uint8).reshape(dtype.itemsize, -1)
    if dtype.kind == "b":
        return np.asarray(planes[0] != 0)
    return np.ascontiguousarray(planes.T).view(dtype).reshape(-1)


def joined(parts: Sequence[Column]) -> Column:
    """A whole column: integers become int64, or uint64 where that is needed, floats the widest type among them.

    parts: at least one. Integers of which neither type holds all become Python's, since a float would round them.
    """
    kinds = {part.dtype.kind for part in parts}
    if not kinds <= set("biu") or kinds == {"b"}:
        return np.concatenate(parts)
    filled = [part for part in parts if part.size]
    low, high = min((int(p.min()) for p in filled), default=0), max((int(p.max()) for p in filled), default=0)
    return np.concatenate(parts, dtype=_integer_type(low, high), casting="unsafe")


def without_rows(kind: str) -> Column:
    """A column of a type of `TYPES`, without any values."""
    return np.zeros(0, object if kind in (STRING, BYTES) else kind)


def blank(kind: str, column: Column) -> Any:
    """What stands for a lost value of a column: -1 (0 in uint64), NaN, False, or an empty string.

    kind: the type of one of its blocks, since an empty array of objects does not tell.
    """
    if kind in (STRING, BYTES):
        return "" if kind == STRING else b""
    return {"f": np.nan, "b": False, "u": 0}.get(column.dtype.kind, -1)


def require_within_limit(name: str, parts: Sequence[Part]) -> None:
    """Raise LimitExceeded for a column whose values take more than MOST_BYTES."""
    if sum(part.value_bytes for part in parts) > MOST_BYTES:
        raise LimitExceeded(f"the column {name} takes more than {MOST_BYTES} bytes")


class Columns(Mapping[str, Column]):
    """The columns of a data set, each read when it is first asked for."""

    def __init__(self, source: RangeSource, entries: Sequence[Entry], count: int, recover: bool) -> None:
        self._source, self._count, self._recover = source, count, recover
        self._blocks = [(e, parse(e.header)) for e in entries if e.kind == framing.COLUMNS]
        self._names = list(dict.fromkeys(part.name for _, header in self._blocks for part in header.parts))
        self._read: dict[str, Column] = {}

    @property
    def kinds(self) -> dict[str, str]:
        """What each column holds, in a word; see `columns.kind_of`."""
        words = {"|b1": "bool", STRING: STRING, BYTES: BYTES}
        return {part.name: words.get(part.kind, "number") for _, header in self._blocks for part in header.parts}

    def __getitem__(self, name: str) -> Column:
        """A column (N,). Raises KeyError, AecError."""
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            self._read[name] = self._column(name)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def _column(self, name: str) -> Column:
        mine = [(e, h, p) for e, h in self._blocks for p in h.parts if p.name == name]
        require_within_limit(name, [part for _, _, part in mine])
        rows, parts = [], []
        for entry, header, part in mine:
            try:
                parts.append(read(header, part, entry.read(self._source)))
                rows.append(np.arange(header.first, header.first + header.count))
            except AecError as error:
                error.add_note(f"in the columns of pictures {header.first} to {header.first + header.count - 1}")
                if not self._recover:
                    raise
        # Lost blocks have a part in the type, too: it is that of the column, even if all of them are lost.
        column = joined([without_rows(part.kind) for _, _, part in mine] + parts)
        numbers = np.concatenate([np.zeros(0, np.int64), *rows])
        if np.array_equal(numbers, np.arange(self._count)):
            return column
        if not self._recover:
            raise TruncatedFile(f"the column {name} does not have a value for each picture")
        whole = np.full(self._count, blank(mine[0][2].kind, column), column.dtype)
        inside = numbers < self._count
        whole[numbers[inside]] = column[inside]
        return whole
