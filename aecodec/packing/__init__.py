"""Packings: entropy coders that turn the residuals of a ladder's passes, each with a scale class, into bytes and back.

Encoding sees all passes at once; decoding proceeds pass by pass, since the classes of a pass follow from the residuals
before it. Every function works on S streams, independent files of equal shape, side by side.

A payload is decoded with the model's tables, the number of elements, and the classes; it has no length of its own and
must be given whole. `Decoder.read` returns exactly the residuals that `pack` was given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from aecodec import native
from aecodec.errors import InvalidValue
from aecodec.packing import native_coders, rans, zstd
from aecodec.packing.tables import Integers, Tables, ideal_bits, parametric, quantize_probabilities

__all__ = [
    "CODERS",
    "Coded",
    "EntropyCoder",
    "Decoder",
    "Read",
    "Tables",
    "ideal_bits",
    "least_bytes",
    "overhead",
    "pack",
    "parametric",
    "quantize_probabilities",
    "unpacker",
]


Read: TypeAlias = Callable[[Integers], Integers]
"""The residuals of the next pass, for its classes: `Decoder.read`."""


@dataclass(frozen=True)
class Coded:
    """What `pack` is given and a decoder reads: residuals and classes pass by pass, each (S, E)."""

    residuals: list[Integers]
    classes: list[Integers]

    def read(self, read: Read, classes: Integers) -> Integers:
        """Read the residuals of the next pass, and keep both."""
        self.classes.append(classes)
        self.residuals.append(read(classes))
        return self.residuals[-1]


class Decoder(Protocol):
    """The residuals of S streams, pass after pass. Messages name the stream by its index if S > 1."""

    streams: int

    def read(self, classes: Integers) -> Integers:
        """The residuals of the next pass: (S, E) int32, for its classes, (S, E) integers 0..63.

        Raises TruncatedFile, or InvalidValue for a residual beyond +-2^20. Damaged data may also decode to
        anything: only `finish` tells.
        """

    def finish(self, checks: Sequence[int]) -> None:
        """After the last pass: that nothing is left, and that the S CRC-32 values are those given to `pack`.

        Raises TruncatedFile, TrailingBytes, ChecksumMismatch or InvalidValue.
        """


@dataclass(frozen=True)
class EntropyCoder:
    """One packing. The functions are those of this module without the name."""

    pack: Callable[[Tables, Sequence[Integers], Sequence[Integers], Sequence[int], int | None], list[bytes]]
    unpacker: Callable[[Tables, Sequence[bytes], int, int | None], Decoder]
    least_bytes: Callable[[int], int]
    overhead: Callable[[int], tuple[int, int]]


CODERS: dict[str, EntropyCoder] = {
    "zstd": EntropyCoder(zstd.pack, zstd.Decoder, zstd.least_bytes, zstd.overhead),
    "rans": EntropyCoder(rans.pack, rans.Decoder, rans.least_bytes, rans.overhead),
}
if native.library() is not None:
    CODERS["zstd"] = replace(CODERS["zstd"], pack=native_coders.pack_phrases, unpacker=native_coders.PhraseDecoder)
    CODERS["rans"] = replace(CODERS["rans"], pack=native_coders.pack_rans, unpacker=native_coders.RansDecoder)


def _coder(name: str) -> EntropyCoder:
    if name not in CODERS:
        raise InvalidValue(f"unknown packing {name!r}: expected one of {', '.join(CODERS)}")
    return CODERS[name]


def pack(
    name: str,
    tables: Tables,
    residuals: Sequence[Integers],
    classes: Sequence[Integers],
    checks: Sequence[int],
    *,
    lanes: int | None = None,
) -> list[bytes]:
    """Code residuals with the packing `name`, "zstd" or "rans"; returns S payloads.

    residuals: for each pass (S, E) integers within +-2^20, 0 where the class is skipped. classes: of the same shapes,
    integers 0..63. checks: S CRC-32 values, of which a zstd payload carries all 32 bits, a rans payload 16, which
    cost nothing if they are 0. lanes: of rans; None for as many as the number of elements asks for. Raises InvalidValue
    for a value out of range.
    """
    return _coder(name).pack(tables, residuals, classes, checks, lanes)


def unpacker(
    name: str, tables: Tables, payloads: Sequence[bytes], elements: int, *, lanes: int | None = None
) -> Decoder:
    """A decoder of S payloads of `elements` elements each: the sum of E over all passes.

    Raises TruncatedFile, TrailingBytes or InvalidValue for a payload that cannot be one. It never allocates more than a
    multiple of the elements and the payloads.
    """
    return _coder(name).unpacker(tables, payloads, elements, lanes)


def least_bytes(name: str, elements: int) -> int:
    """The fewest bytes of a payload of `elements` elements; a shorter one is truncated."""
    return _coder(name).least_bytes(elements)


def overhead(name: str, elements: int) -> tuple[int, int]:
    """In a payload of `elements` elements, the bytes of its checksum, and those of states of rans."""
    return _coder(name).overhead(elements)
