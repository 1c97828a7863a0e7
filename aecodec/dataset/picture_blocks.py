"""Blocks of pictures: those coded alike share one payload, all others are files one after the other.

A *joined* block holds pictures of the same size, coded with the same model in a single panel each, without sections;
all are lossy, or all have the same largest error. Its header:

    runs      the numbers of the pictures
    1 byte    bit 0: each picture has its own quality, since they are lossy
    the rest  an .aec file with the header of all these pictures, without packed data; its quality counts unless each
              has its own

Its body:

    varint, frame     if each has its own quality: the length of a Zstandard frame, and the frame: one byte per picture
    payload           the rest: the elements of all pictures as one stream (`aecodec.packing.joined`), or their samples
                      (`aecodec.lossless.samples`)

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
from aecodec.decoding import decoder, panels
from aecodec.decoding.parsed_file import Info, ParsedFile
from aecodec.errors import InvalidValue, LimitExceeded, TrailingBytes, TruncatedFile
from aecodec.format import check, container
from aecodec.format.container import PACKINGS, Packing, read_varint, write_varint
from aecodec.images.source import Picture
from aecodec.lossless import samples
from aecodec.models import ladder
from aecodec.packing import Coded, frames, joined

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OWN_QUALITIES: Final = 1
_LEVELS: Final = (19,)

Blocks: TypeAlias = "Joined | Files"


@dataclass(frozen=True)
class Shared:
    """What the pictures of a joined block have in common.

    header: that of their files; of lossy ones with any quality and packing. max_error: of all samples, or None.
    """

    header: container.Header
    max_error: int | None

    @classmethod
    def of(cls, file: ParsedFile) -> Shared | None:
        """What a file would share with others in a block; None if it cannot be in one."""
        if file.is_plain or file.grid.count > 1 or file.header.sections:
            return None
        header = file.header if file.is_predictive else replace(file.header, quality=1, packing=PACKINGS[0])
        return cls(header, file.max_error)


@dataclass(frozen=True)
class Elements:
    """The residuals of a block's lossy pictures, and their qualities (S,)."""

    qualities: NDArray[np.intp]
    coded: Coded


# Joined ---


def join(numbers: Runs, files: Sequence[ParsedFile], packing: Packing, engine_name: str) -> Block:
    """The joined block of files that share a `Shared`, in the packing named if they are lossy.

    Raises AecError for a file that is damaged.
    """
    first = files[0]
    if first.is_predictive:
        coding = decoder.coding_of(first, engine_name)
        stack = decoder.coded_alike(files, engine_name)
        return _block(numbers, 0, first.header, samples.head(coding.max_error), samples.pack_joined(coding, stack))
    elements = _recorded(files, engine_name)
    qualities = elements.qualities.tolist()
    own = len(set(qualities)) > 1
    body = joined.pack(packing, first.model.tables, elements.coded)
    if own:
        frame = frames.compress(bytes(qualities), _LEVELS)
        body = write_varint(len(frame)) + frame + body
    common = replace(first.header, quality=qualities[0], packing=packing)
    return _block(numbers, _OWN_QUALITIES if own else 0, common, b"", body)


def _block(numbers: Runs, flags: int, common: container.Header, payload: bytes, body: bytes) -> Block:
    """A joined block; common, payload: of the file in its header."""
    shown = container.write_header(common) + payload
    header = runs.write(numbers) + bytes([flags]) + check.completed(shown, is_small=common.is_small)
    return Block(framing.JOINED, header, body)


def _recorded(files: Sequence[ParsedFile], engine_name: str) -> Elements:
    """What lossy files were packed from, packing by packing."""
    found: list[tuple[list[int], Coded]] = []
    for packing in PACKINGS:
        mine = [index for index, file in enumerate(files) if file.header.packing == packing]
        if mine:
            found.append((mine, decoder.latents_alike([files[index] for index in mine], engine_name)[1]))
    order = np.argsort(np.concatenate([np.array(mine) for mine, _ in found]), kind="stable")
    coded = found[0][1]
    if len(found) > 1:
        residuals = zip(*(part.residuals for _, part in found), strict=True)
        classes = zip(*(part.classes for _, part in found), strict=True)
        coded = Coded([np.concatenate(p)[order] for p in residuals], [np.concatenate(p)[order] for p in classes])
    return Elements(np.array([file.header.quality for file in files]), coded)


@dataclass(frozen=True)
class Joined:
    """The header of a joined block, parsed. shown: a file with the common header and no packed data."""

    numbers: Runs
    own_qualities: bool
    shown: ParsedFile

    @classmethod
    def parse(cls, header: bytes, max_pixels: int | None) -> Joined:
        """Parse a header. Raises AecError; LimitExceeded if its pictures together have more pixels than allowed."""
        numbers, at = runs.read(header, 0)
        flags = header[at : at + 1]
        if not flags:
            raise TruncatedFile("a block's header ends early")
        shown = ParsedFile.parse(header[at + 1 :], max_pixels)
        if flags[0] & ~(0 if shown.is_predictive else _OWN_QUALITIES):
            raise InvalidValue("a block's header has a flag that means nothing")
        packed = shown.payload != samples.head(shown.max_error or 0)
        if shown.is_plain or shown.header.sections or packed or shown.grid.count > 1:
            raise InvalidValue("a block's header is not that of pictures that can be joined")
        pixels = shown.grid.height * shown.grid.width * numbers.count
        if max_pixels is not None and numbers.count > 1 and pixels > max_pixels:
            raise LimitExceeded(f"a block holds {pixels} pixels, over the limit of {max_pixels}: raise max_pixels")
        return cls(numbers, bool(flags[0]), shown)

    def info(self) -> Info:
        """The properties that all pictures share; those that concern bytes mean nothing."""
        return self.shown.info()

    def decode(self, body: bytes, engine_name: str) -> Picture:
        """The pictures (S, H, W) or (S, H, W, 3). Raises AecError."""
        lossy = not self.shown.is_predictive
        made = self._elements(body, engine_name)[0] if lossy else self._samples(body, engine_name)
        return np.ascontiguousarray(self.shown.finished(made))

    def files(self, body: bytes, engine_name: str) -> list[bytes]:
        """The .aec file of each picture. Raises AecError."""
        from aecodec.encoding import lossy, near_lossless

        header = self.shown.header
        if self.shown.is_predictive:
            coding, made = decoder.coding_of(self.shown, engine_name), self._samples(body, engine_name)
            return near_lossless.assemble(coding, [header] * self.numbers.count, made)
        elements = self._elements(body, engine_name)[1]
        headers = [replace(header, quality=quality) for quality in elements.qualities.tolist()]
        return lossy.assemble(headers, header.packing, self.shown.model.tables, elements.coded)

    def _samples(self, body: bytes, engine_name: str) -> Picture:
        """The samples (S, H, W, channels) of lossless or near-lossless pictures."""
        size = (self.numbers.count, *self.shown.size)
        return samples.unpack_joined(decoder.coding_of(self.shown, engine_name), size, body)

    def _elements(self, body: bytes, engine_name: str) -> tuple[Picture, Elements]:
        """The samples (S, H, W, channels) of lossy pictures, and what they were decoded from."""
        model, size, engine = self.shown.model, self.shown.size, engines.engine(engine_name)
        qualities, payload = self._parts(body)
        total = self.numbers.count * panels.elements_of(model, size)
        read = joined.Decoder(self.shown.header.packing, model.tables, payload, total)
        latent, coded = panels.walk(model, engine, qualities, size, read.read)
        read.finish()
        made = ladder.synthesize(model, engine, latent)
        return made[:, : size[0], : size[1]], Elements(qualities, coded)

    def _parts(self, body: bytes) -> tuple[NDArray[np.intp], bytes]:
        """The qualities, and the payload."""
        count = self.numbers.count
        if not self.own_qualities:
            return np.full(count, self.shown.header.quality), body
        frame, at = _part(body, 0)
        values = np.frombuffer(bytes(frames.decompress(frame, count, "the qualities of a block")), np.uint8)
        if values.size != count or not 1 <= int(values.min()) <= int(values.max()) <= container.MAX_QUALITY:
            raise InvalidValue("the qualities of a block are not one of 1..100 for each picture")
        return values.astype(np.intp), body[at:]


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
