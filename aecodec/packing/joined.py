"""S streams of equal shape coded as one: they share a lane, a checksum, and the last bytes.

The order of the residuals is that of a pass (S, E) row by row: element after element of the first stream, then those of
the second. The checksum is the CRC-32 of all residuals in that order, pass after pass, each in 4 bytes, little-endian.
"""

from __future__ import annotations

import zlib

import numpy as np

from aecodec import packing
from aecodec.packing import Coded
from aecodec.packing.tables import Integers, Tables

LANES = 1


def pack(name: str, tables: Tables, coded: Coded, check: int | None = None) -> bytes:
    """The payload of all streams together, in the packing `name`. check: another checksum than that of residuals."""
    if check is None:
        check = 0
        for residuals in coded.residuals:
            check = _check(residuals, check)
    return packing.pack(name, tables, _rows(coded.residuals), _rows(coded.classes), [check], lanes=LANES)[0]


def _rows(parts: list[Integers]) -> list[Integers]:
    return [part.reshape(1, -1) for part in parts]


def _check(residuals: Integers, check: int) -> int:
    return zlib.crc32(residuals.astype("<i4").tobytes(), check)


class Decoder:
    """Reads passes back. elements: of all streams together. Errors as for `aecodec.packing.Decoder`."""

    def __init__(self, name: str, tables: Tables, payload: bytes, elements: int) -> None:
        self._decoder = packing.unpacker(name, tables, [payload], elements, lanes=LANES)
        self._check = 0

    def read(self, classes: Integers) -> Integers:
        """The residuals of the next pass: (S, E) int32, for its classes, (S, E) integers 0..63."""
        residuals = np.asarray(self._decoder.read(classes.reshape(1, -1))).reshape(classes.shape)
        self._check = _check(residuals, self._check)
        return residuals

    def finish(self) -> None:
        """After the last pass: that nothing is left, and that the checksum matches."""
        self._decoder.finish([self._check])
