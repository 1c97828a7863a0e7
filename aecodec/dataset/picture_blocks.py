"""Blocks of pictures: those coded alike share one payload, all others are files one after the other.

A *joined* block holds pictures of the same size, coded with the same model in a single panel each, without sections
other than a remainder. Its header:

    runs      the numbers of the pictures
    1 byte    bit 0: each picture has its own quality; bit 1: there are remainders, all with the same largest error
    1 byte    the largest error, if there are remainders
    the rest  an .aec file without a payload, with the header of all these pictures and, in the small form, its check;
              its quality counts unless each has its own

Its body:

    varint, frame     if each has its own quality: the length of a Zstandard frame, and the frame: one byte per picture
    varint, payload   if there are remainders: the length of the payload of the elements, and that payload
    payload           the rest: of the elements; or, if there are remainders, theirs

A payload holds the residuals of all pictures as one stream (`aecodec.packing.joined`).

A block of *files* has in its header the runs and a varint for each picture, the length of its .aec file; its body is
these files.

Blocks are made from .aec files, and each of these can be taken out again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from aecodec import api, engines
from aecodec.dataset import framing, runs
from aecodec.dataset.framing import Block, Entry
from aecodec.dataset.runs import Runs
from aecodec.decoding import panels
from aecodec.decoding.panels import PackedPanel
from aecodec.decoding.parsed_file import Info, ParsedFile
from aecodec.errors import InvalidValue, LimitExceeded, TrailingBytes, TruncatedFile
from aecodec.format import check, container
from aecodec.format.container import PACKINGS, Packing, Section, read_varint, write_varint
from aecodec.images.source import Picture
from aecodec.lossless import remainder_section
from aecodec.lossless.remainder_section import Bounds, Part
from aecodec.models import ladder
from aecodec.packing import Coded, frames, joined

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OWN_QUALITIES: Final = 1
_REMAINDERS: Final = 2
_LEVELS: Final = (19,)

Blocks: TypeAlias = "Joined | Files"


@dataclass(frozen=True)
class Shared:
    """What the pictures of a joined block have in common.

    header: that of their files, without sections, with quality and packing of any of them. max_error: of their
    remainders, or None.
    """

    header: container.Header
    max_error: int | None

    @classmethod
    def of(cls, file: ParsedFile) -> Shared | None:
        """What a file would share with others in a block; None if it cannot be in one."""
        sections = {section.tag for section in file.header.sections}
        if file.is_plain or file.grid.count > 1 or sections - {container.REMAINDER}:
            return None
        header = replace(file.header, quality=1, packing=PACKINGS[0], sections=())
        return cls(header, file.max_error)


@dataclass(frozen=True)
class Coding:
    """The residuals of a block's pictures: the qualities (S,), the elements, and the remainder's elements, if any."""

    qualities: NDArray[np.intp]
    elements: Coded
    remainder: Coded | None


# Joined ---


def join(numbers: Runs, files: Sequence[ParsedFile], packing: Packing, engine_name: str) -> Block:
    """The joined block of files that share a `Shared`. Raises AecError for one that is damaged."""
    shared = Shared.of(files[0])
    assert shared is not None
    coding = _recorded(files, engine_name)
    qualities = coding.qualities.tolist()
    own = len(set(qualities)) > 1
    header = bytearray(runs.write(numbers))
    header.append((_OWN_QUALITIES if own else 0) | (_REMAINDERS if coding.remainder else 0))
    if shared.max_error is not None:
        header.append(shared.max_error)
    common = replace(shared.header, quality=qualities[0], packing=packing)
    written = container.write_header(common)
    header += check.with_check(written) if common.is_small else written
    model, parts = files[0].model, []
    if own:
        parts.append(frames.compress(bytes(qualities), _LEVELS))
    parts.append(joined.pack(packing, model.tables, coding.elements))
    if coding.remainder is not None:
        parts.append(joined.pack(packing, remainder_section.stage_of(model).tables, coding.remainder))
    body = b"".join([*(write_varint(len(part)) + part for part in parts[:-1]), parts[-1]])
    return Block(framing.JOINED, bytes(header), body)


def _recorded(files: Sequence[ParsedFile], engine_name: str) -> Coding:
    """What the files were packed from, packing by packing."""
    found: list[tuple[list[int], Coded, Coded | None]] = []
    for packing in PACKINGS:
        mine = [index for index, file in enumerate(files) if file.header.packing == packing]
        if mine:
            found.append((mine, *_decoded([files[index] for index in mine], packing, engine_name)))
    order = np.argsort(np.concatenate([np.array(mine) for mine, _, _ in found]), kind="stable")

    def ordered(parts: Sequence[Coded]) -> Coded:
        if len(parts) == 1:
            return parts[0]
        residuals = zip(*(part.residuals for part in parts), strict=True)
        classes = zip(*(part.classes for part in parts), strict=True)
        return Coded([np.concatenate(p)[order] for p in residuals], [np.concatenate(p)[order] for p in classes])

    remainders = [remainder for _, _, remainder in found if remainder is not None]
    return Coding(
        np.array([file.header.quality for file in files]),
        ordered([elements for _, elements, _ in found]),
        ordered(remainders) if remainders else None,
    )


def _decoded(files: Sequence[ParsedFile], packing: str, engine_name: str) -> tuple[Coded, Coded | None]:
    first, engine = files[0], engines.engine(engine_name)
    packed = [PackedPanel(file.payload, file.header.quality, file.seed, file.header.is_small) for file in files]
    latent, elements = panels.decode_alike(first.model, engine, packing, first.size, packed)
    if not first.has_remainder:
        return elements, None
    made = ladder.synthesize(first.model, engine, latent)
    remainders = [file.remainders()[0] for file in files]
    _, remainder = remainder_section.finish(first.model, engine, packing, made, Part(first.size), remainders)
    return elements, remainder


@dataclass(frozen=True)
class Joined:
    """The header of a joined block, parsed. shown: a file with the common header and without a payload."""

    numbers: Runs
    own_qualities: bool
    max_error: int | None
    shown: ParsedFile

    @classmethod
    def parse(cls, header: bytes, max_pixels: int | None) -> Joined:
        """Parse a header. Raises AecError; LimitExceeded if its pictures together have more pixels than allowed."""
        numbers, at = runs.read(header, 0)
        flags = header[at : at + 1]
        if not flags:
            raise TruncatedFile("a block's header ends early")
        if flags[0] & ~(_OWN_QUALITIES | _REMAINDERS):
            raise InvalidValue("a block's header has an unknown flag")
        at += 1
        max_error = None
        if flags[0] & _REMAINDERS:
            if at >= len(header):
                raise TruncatedFile("a block's header ends early")
            max_error, at = header[at], at + 1
        shown = ParsedFile.parse(header[at:], max_pixels)
        if shown.is_plain or shown.header.sections or shown.payload or shown.grid.count > 1:
            raise InvalidValue("a block's header is not that of pictures that can be joined")
        if max_error is not None and shown.model.remainder is None:
            raise InvalidValue(f"a block has remainders, which the model {shown.model.name} cannot decode")
        pixels = shown.grid.height * shown.grid.width * numbers.count
        if max_pixels is not None and numbers.count > 1 and pixels > max_pixels:
            raise LimitExceeded(f"a block holds {pixels} pixels, over the limit of {max_pixels}: raise max_pixels")
        return cls(numbers, bool(flags[0] & _OWN_QUALITIES), max_error, shown)

    def info(self) -> Info:
        """The properties that all pictures share; those that concern bytes mean nothing."""
        return replace(self.shown.info(), max_error=self.max_error)

    def decode(self, body: bytes, engine_name: str) -> Picture:
        """The pictures (S, H, W) or (S, H, W, 3). Raises AecError."""
        return self._decode(body, engine_name)[0]

    def files(self, body: bytes, engine_name: str) -> list[bytes]:
        """The .aec file of each picture. Raises AecError."""
        from aecodec.encoding import lossy

        coding, header, model = self._decode(body, engine_name)[1], self.shown.header, self.shown.model
        sections: list[tuple[Section, ...]] = [()] * self.numbers.count
        if self.max_error is not None and coding.remainder is not None:
            found = remainder_section.Found(
                remainder_section.stage_of(model).tables, coding.remainder.residuals, coding.remainder.classes, _NONE
            )
            packed = remainder_section.pack(header.packing, found)
            sections = [
                (Section(container.REMAINDER, remainder_section.join(self.max_error, [part])),) for part in packed
            ]
        headers = [
            replace(header, quality=quality, sections=some)
            for quality, some in zip(coding.qualities.tolist(), sections, strict=True)
        ]
        return lossy.assemble(headers, header.packing, model.tables, coding.elements)

    def _decode(self, body: bytes, engine_name: str) -> tuple[Picture, Coding]:
        model, size, engine = self.shown.model, self.shown.size, engines.engine(engine_name)
        packing, count = self.shown.header.packing, self.numbers.count
        qualities, payload, remainder = self._parts(body)
        decoder = joined.Decoder(packing, model.tables, payload, count * panels.elements_of(model, size))
        latent, elements = panels.walk(model, engine, qualities, size, decoder.read)
        decoder.finish()
        made = ladder.synthesize(model, engine, latent)
        if self.max_error is None:
            return self._finished(made[:, : size[0], : size[1]]), Coding(qualities, elements, None)
        total = count * remainder_section.elements_of(model, size)
        decoder = joined.Decoder(packing, remainder_section.stage_of(model).tables, remainder, total)
        bounds = Bounds(qualities, np.full(count, self.max_error))
        made, more = remainder_section.walk(model, engine, made, size, bounds, decoder.read)
        decoder.finish()
        return self._finished(made), Coding(qualities, elements, more)

    def _finished(self, samples: Picture) -> Picture:
        return np.ascontiguousarray(self.shown.finished(samples))

    def _parts(self, body: bytes) -> tuple[NDArray[np.intp], bytes, bytes]:
        """The qualities, and the payloads of the elements and of the remainders."""
        at, count = 0, self.numbers.count
        qualities = np.full(count, self.shown.header.quality)
        if self.own_qualities:
            frame, at = _part(body, at)
            values = np.frombuffer(bytes(frames.decompress(frame, count, "the qualities of a block")), np.uint8)
            if values.size != count or not 1 <= int(values.min()) <= int(values.max()) <= container.MAX_QUALITY:
                raise InvalidValue("the qualities of a block are not one of 1..100 for each picture")
            qualities = values.astype(np.intp)
        if self.max_error is None:
            return qualities, body[at:], b""
        payload, at = _part(body, at)
        return qualities, payload, body[at:]


_NONE: Final = np.zeros((0, 0, 0, 0), np.uint8)


def _part(body: bytes, at: int) -> tuple[bytes, int]:
    length, at = read_varint(body, at)
    if length > len(body) - at:
        raise TruncatedFile("a part of a block ends early")
    return body[at : at + length], at + length


# Files ---


def collect(numbers: Runs, files: Sequence[bytes]) -> Block:
    """The block of files as they are."""
    header = runs.write(numbers) + b"".join(write_varint(len(file)) for file in files)
    return Block(framing.FILES, header, b"".join(files))


@dataclass(frozen=True)
class Files:
    """The header of a block of files, parsed. lengths: of each file, in bytes."""

    numbers: Runs
    lengths: tuple[int, ...]

    @classmethod
    def parse(cls, header: bytes) -> Files:
        """Parse a header. Raises AecError."""
        numbers, at = runs.read(header, 0)
        lengths = []
        for _ in range(numbers.count):
            length, at = read_varint(header, at)
            lengths.append(length)
        if at != len(header):
            raise TrailingBytes("bytes follow the end of a block's header")
        return cls(numbers, tuple(lengths))

    @cached_property
    def begins(self) -> NDArray[np.int64]:
        """Where each file begins in the body, and where the last one ends: (S + 1,)."""
        return np.concatenate([[0], np.cumsum(np.array(self.lengths, np.int64))])

    def files(self, body: bytes) -> list[bytes]:
        """All files. Raises InvalidValue."""
        if int(self.begins[-1]) != len(body):
            raise InvalidValue("the files of a block are not as long together as the block")
        begins = self.begins.tolist()
        return [body[begin:end] for begin, end in zip(begins, begins[1:], strict=False)]

    def decode(self, body: bytes, places: Sequence[int], max_pixels: int | None, engine_name: str) -> list[Picture]:
        """The pictures at some places of the block. Raises AecError."""
        files = self.files(body)
        return api.decode_many([files[place] for place in places], max_pixels=max_pixels, engine=engine_name)


def parse(entry: Entry, max_pixels: int | None) -> Blocks:
    """The header of a block of pictures. Raises AecError."""
    return Joined.parse(entry.header, max_pixels) if entry.kind == framing.JOINED else Files.parse(entry.header)


def numbers_of(entry: Entry) -> Runs:
    """The numbers of the pictures of a block. Raises AecError."""
    return runs.read(entry.header, 0)[0]
