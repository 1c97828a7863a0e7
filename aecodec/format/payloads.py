"""Payloads of files in any form: those of the small form carry four bits of their checksum, `aecodec.format.check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aecodec import packing
from aecodec.format import check
from aecodec.packing import Coded
from aecodec.packing.tables import Tables


def pack(name: str, tables: Tables, coded: Coded, checks: Sequence[int], small: Sequence[bool]) -> list[bytes]:
    """The payloads of S streams with these checksums, in the packing `name`. small: which are of files in that form."""
    payloads = packing.pack(name, tables, coded.residuals, coded.classes, _carried(checks, small))
    return [
        check.sealed(payload, found) if is_small else payload
        for payload, found, is_small in zip(payloads, checks, small, strict=True)
    ]


@dataclass(frozen=True)
class Unpacker:
    """The inverse. decoder: of the residuals of all streams; bits: of the checksums of those in the small form."""

    decoder: packing.Decoder
    bits: Sequence[int]
    small: Sequence[bool]

    @classmethod
    def of(cls, name: str, tables: Tables, payloads: Sequence[bytes], small: Sequence[bool], elements: int) -> Unpacker:
        """Open payloads of so many elements each. Raises AecError."""
        each = zip(payloads, small, strict=True)
        opened = [check.unsealed(payload) if is_small else (payload, 0) for payload, is_small in each]
        decoder = packing.unpacker(name, tables, [payload for payload, _ in opened], elements)
        return cls(decoder, [bits for _, bits in opened], small)

    def finish(self, checks: Sequence[int]) -> None:
        """After the last pass: that nothing is left, and that the checksums are these. Raises AecError."""
        self.decoder.finish(_carried(checks, self.small))
        for bits, found, is_small in zip(self.bits, checks, self.small, strict=True):
            if is_small:
                check.require_bits(bits, found)


def _carried(checks: Sequence[int], small: Sequence[bool]) -> list[int]:
    """What the coder itself carries: nothing in the small form."""
    return [0 if is_small else found for found, is_small in zip(checks, small, strict=True)]
