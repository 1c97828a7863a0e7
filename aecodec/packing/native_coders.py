"""Both packings by the native library: the same bytes and the same errors, several times faster."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from aecodec import native
from aecodec.errors import AecError, InvalidValue, TruncatedFile
from aecodec.native import Address, Count, Held, address
from aecodec.packing import rans, zstd
from aecodec.packing.tables import Integers, Tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

ERRORS: Final[dict[int, tuple[type[AecError], str]]] = {
    native.TRUNCATED: (TruncatedFile, "the packed data ends early, or it is damaged"),
    native.OUT_OF_RANGE: (InvalidValue, "a decoded residual is not within +-2^20: the file is damaged"),
    native.BAD_CLASS: (InvalidValue, "a scale class is not within 0..63"),
}
WRITING: Final[dict[int, tuple[type[AecError], str]]] = {
    native.BAD_CLASS: ERRORS[native.BAD_CLASS],
    native.OUT_OF_RANGE: (InvalidValue, "a residual is not within +-2^20"),
    native.SKIPPED: (InvalidValue, "a residual of a skipped class is not zero"),
}


BEYOND: Final = 1 << 21  # a residual that is refused


class TablesStruct(ctypes.Structure):
    """``aec_tables`` of packing.c."""

    _names = "extents", "shifts", "first", "frequencies", "starts", "slots", "ranks", "root", "branch", "group", "path"
    _fields_ = (*((name, Address) for name in _names), ("skip", Count))


class DictionaryStruct(ctypes.Structure):
    """``aec_dictionary`` of packing.c."""

    _fields_ = tuple((name, Address) for name in ("lengths", "begins", "decisions", "step", "lowest"))


def rans_tables(tables: Tables) -> Held:
    """The tables as the functions of the packing rans want them."""
    return _tables(tables, "rans")


@lru_cache(maxsize=32)
def _tables(tables: Tables, use: str) -> Held:
    """The tables as a packing's functions want them; the others' arrays stay out, as they take time to make."""
    arrays: dict[str, NDArray[Any]] = {
        "extents": tables.extents,
        "shifts": tables.shifts,
        "first": tables.first.astype(np.int32),
    }
    if use == "rans":
        arrays["frequencies"] = tables.event_frequencies.astype(np.uint16)
        arrays["starts"] = tables.event_starts.astype(np.uint16)
        arrays["slots"] = rans.slots(tables)
        arrays["ranks"] = rans.slots_of_values(tables).astype(np.uint16)
    else:
        trees = zstd.trees(tables)
        arrays |= {name: getattr(trees, name) for name in ("root", "branch", "group", "path")}
    return Held.of(TablesStruct, arrays, skip=tables.skip)


@cache
def _dictionaries() -> Held:
    found = [zstd.dictionary(group) for group in range(zstd.GROUPS)]
    each = [
        Held.of(
            DictionaryStruct,
            {
                "lengths": d.lengths.astype(np.int32),
                "begins": d.starts.astype(np.int32),
                "decisions": d.decisions,
                "step": np.array(d.step, np.int32),
                "lowest": np.array(d.lowest, np.int32),
            },
        )
        for d in found
    ]
    structures = (DictionaryStruct * len(each))(*(held.structure for held in each))
    return Held(structures, tuple(array for held in each for array in held.arrays))


def _library() -> ctypes.CDLL:
    found = native.library()
    assert found is not None
    return found


def _bytes_of(parts: Sequence[Integers]) -> NDArray[np.uint8]:
    """Classes (S, E) of all passes as (S, all elements)."""
    joined: NDArray[np.uint8] = np.concatenate(parts, axis=1)
    if joined.dtype != np.uint8:
        joined = np.clip(joined, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(joined)


class RansDecoder(rans.Decoder):
    """As `rans.Decoder`."""

    def read(self, classes: Integers) -> Integers:
        """The residuals of the next pass: (S, E) int32, for its classes, (S, E) integers 0..63."""
        kinds = _bytes_of([classes])
        residuals = np.empty(kinds.shape, np.int32)
        failed, tables = Count(), _tables(self.tables, "rans")
        code = _library().aec_rans_read(
            ctypes.byref(tables.structure),
            address(self.data),
            address(self.positions),
            address(self.ends),
            address(self.states),
            self.lanes,
            self.streams,
            address(kinds),
            kinds.shape[1],
            address(residuals),
            ctypes.byref(failed),
        )
        if code == native.NO_MEMORY:
            raise native.failed()
        if code:
            kind, message = ERRORS[code]
            self.fail(kind, message, failed.value)
        return residuals


class PhraseDecoder(zstd.Decoder):
    """As `zstd.Decoder`."""

    def read_stream(self, stream: zstd.Stream, classes: Integers) -> Integers:
        """The residuals (E,) of the next pass of one stream."""
        kinds = _bytes_of([classes[None]])
        residuals = np.empty(kinds.size, np.int32)
        position, tables, dictionaries = Count(stream.position), _tables(self.tables, "zstd"), _dictionaries()
        code = _library().aec_phrases_read(
            ctypes.byref(tables.structure),
            dictionaries.structure,
            address(stream.body),
            ctypes.byref(position),
            stream.body.size,
            address(stream.held),
            address(kinds),
            kinds.size,
            address(residuals),
        )
        stream.position = position.value
        if code == native.NO_MEMORY:
            raise native.failed()
        if code:
            kind, message = ERRORS[code]
            raise kind(message)
        return residuals


def pack_rans(
    tables: Tables,
    residuals: Sequence[Integers],
    classes: Sequence[Integers],
    checks: Sequence[int],
    lanes: int | None = None,
) -> list[bytes]:
    """As `rans.pack`."""
    states = rans.first_states(lanes or rans.lanes_for(sum(part.shape[1] for part in residuals)), checks)
    payloads = []
    for stream, body in zip(states, _Streams(_tables(tables, "rans"), residuals, classes, len(checks)), strict=True):
        payload = body(_library().aec_rans_write, (), (address(stream), stream.size))
        payloads.append(rans.head(stream.tolist()) + payload)
    return payloads


def pack_phrases(
    tables: Tables,
    residuals: Sequence[Integers],
    classes: Sequence[Integers],
    checks: Sequence[int],
    lanes: int | None = None,
) -> list[bytes]:
    """As `zstd.pack`."""
    dictionaries = _dictionaries()
    bodies = (
        body(_library().aec_phrases_write, (dictionaries.structure,), ())
        for body in _Streams(_tables(tables, "zstd"), residuals, classes, len(checks))
    )
    return zstd.framed(bodies, checks)


class _Streams:
    """The streams of residuals and classes, each as a function that has the library code it."""

    def __init__(self, tables: Held, residuals: Sequence[Integers], classes: Sequence[Integers], count: int) -> None:
        self.tables = tables
        self.sizes = np.array([part.shape[1] for part in residuals], np.int64)
        joined = np.concatenate(residuals, axis=1) if residuals else np.zeros((count, 0), np.int32)
        self.residuals = np.ascontiguousarray(np.clip(joined, -BEYOND, BEYOND), np.int32)
        self.classes = _bytes_of(classes) if classes else np.zeros((count, 0), np.uint8)

    def __iter__(self) -> Iterator[Callable[..., bytes]]:
        for stream in range(len(self.residuals)):
            yield partial(self._code, stream)

    def _code(self, stream: int, function: Any, first: tuple[Any, ...], more: tuple[Any, ...]) -> bytes:
        out, size = ctypes.c_void_p(), Count()
        code = function(
            ctypes.byref(self.tables.structure),
            *first,
            address(self.classes[stream]),
            address(self.residuals[stream]),
            address(self.sizes),
            self.sizes.size,
            *more,
            ctypes.byref(out),
            ctypes.byref(size),
        )
        if code == native.NO_MEMORY:
            raise native.failed()
        if code:
            kind, message = WRITING[code]
            raise kind(message)
        try:
            return ctypes.string_at(out, size.value) if size.value else b""
        finally:
            _library().aec_free(out)
