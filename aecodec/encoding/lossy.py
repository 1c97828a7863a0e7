"""Pictures to files: residuals up the ladder, packed, into containers; or the plain form where that is better.

A picture has several forms: a model at a quality, or plain. What decides between them is the size of the whole file,
once each keeps what was asked for.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aecodec.encoding.candidates import Form, choose_in, header_of, inverted
from aecodec.format import container, panels
from aecodec.format.container import Section
from aecodec.format.panels import Layout, Progress
from aecodec.images import tile_grid
from aecodec.lossless import plain
from aecodec.packing import CODERS, pack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aecodec.encoding.residual_search import Choice
    from aecodec.images.pictures import Picture

RANS_MARGIN = 0.98  # `auto` writes zstd unless rans is smaller by more than two per cent
SHORT_BYTES = 1000  # a shorter single tile is not tried with zstd, whose own bytes nearly always exceed the margin
MOST_MORE = 1.01  # no file may exceed the raw samples by more than this, and plain.RAW_MORE_BYTES


@dataclass(frozen=True)
class Manner:
    """How to encode, whatever the quality. free: neither a model nor a packing was asked for, so that plain may be."""

    effort: int
    packing: str
    engine_name: str
    free: bool
    progress: Progress | None = None


@dataclass(frozen=True)
class Batch:
    """Pictures of one size, (S, H, W, C) of uint8 or uint16, with the sections of the file of each."""

    stack: Picture
    sections: Sequence[tuple[Section, ...]]

    def __len__(self) -> int:
        return len(self.stack)

    def some(self, indices: NDArray[np.intp]) -> Batch:
        if len(indices) == len(self):
            return self
        return Batch(self.stack[indices], [self.sections[i] for i in indices.tolist()])

    def plain(self, index: int, max_error: int = 0) -> bytes:
        """The plain file of a picture."""
        picture = self.stack[index]
        samples = picture[..., 0] if picture.shape[2] == 1 else picture
        return plain.write(samples, max_error, self.sections[index])

    @property
    def section_bytes(self) -> NDArray[np.int64]:
        return np.array([len(container.write_sections(sections)) for sections in self.sections])


def lossy(batch: Batch, form: Form, qualities: NDArray[np.intp], manner: Manner) -> list[bytes]:
    """The files of pictures of 8 bits in the form of a model, each at its quality (S,)."""
    layout = Layout.of(batch.stack.shape[1:3], form.model.description.unit)
    if layout.count == 1:
        choice = choose_in(batch.stack, form, qualities, manner.effort, manner.engine_name)
        return write(batch, form, choice, qualities, manner.packing)
    every = [np.array([index]) for index in range(len(batch))]
    return [_write_panels(batch.some(one), form, layout, int(qualities[one[0]]), manner) for one in every]


def is_even(batch: Batch) -> bool:
    """Whether there is one large picture of one colour: plain takes 17 bytes of it, a model a hundred times more."""
    stack = batch.stack
    if len(stack) > 1 or max(stack.shape[1:3]) <= panels.SIDE:
        return False
    return all(bool((row == stack[0, 0, 0]).all()) for row in stack[0])  # ends at the first row that is not


def or_plain(batch: Batch, files: Sequence[bytes], manner: Manner) -> list[bytes]:
    """The files, or plain ones where these are no larger. If the caller asked for something that only models have, then
    where the files exceed the raw samples.
    """
    sizes = np.array(list(map(len, files))) - batch.section_bytes
    raw_bytes = batch.stack[0].nbytes
    tried = sizes > MOST_MORE * raw_bytes + plain.RAW_MORE_BYTES
    if manner.free:
        tried |= plain.promising(batch.stack, sizes)
    found = list(files)
    for index in np.flatnonzero(tried).tolist():
        other = batch.plain(index)
        if len(other) <= len(found[index]):
            found[index] = other
    return found


def write(batch: Batch, form: Form, choice: Choice, qualities: NDArray[np.intp], packing: str) -> list[bytes]:
    """Pack what was chosen for pictures of one panel and put it into containers."""
    stack, size = batch.stack, batch.stack.shape[1:3]
    count = len(stack)
    residuals = [part.reshape(count, -1) for part in choice.residuals]
    classes = [part.reshape(count, -1) for part in choice.classes]
    negative = inverted(stack, form)
    body = panels.check_bytes(residuals)

    def files(name: str) -> list[bytes]:
        headers = [
            container.write_header(header_of(form, size, int(quality), name, bool(i), extra))
            for quality, i, extra in zip(qualities, negative, batch.sections, strict=True)
        ]
        checks = [zlib.crc32(part, zlib.crc32(header)) for header, part in zip(headers, body, strict=True)]
        payloads = pack(name, form.model.tables, residuals, classes, checks)
        return [header + payload for header, payload in zip(headers, payloads, strict=True)]

    if packing != "auto":
        return files(packing)
    short = files("rans")
    d = form.model.description
    if tile_grid.covered((size[0], size[1]), d.unit) == d.unit and max(map(len, short)) < SHORT_BYTES:
        return short
    return [_smaller(rans, zstd) for rans, zstd in zip(short, files("zstd"), strict=True)]


def _write_panels(batch: Batch, form: Form, layout: Layout, quality: int, manner: Manner) -> bytes:
    """The file of one large picture (1, H, W, C), panel by panel."""
    stack = batch.stack
    negative = inverted(stack, form)
    headers = {
        name: container.write_header(
            header_of(form, stack.shape[1:3], quality, name, bool(negative[0]), batch.sections[0])
        )
        for name in (CODERS if manner.packing == "auto" else [manner.packing])
    }

    def work(index: int) -> list[bytes]:
        part = stack[:, *layout.box(index).slices]
        choice = choose_in(part, form, np.array([quality]), manner.effort, manner.engine_name, negative)
        body = panels.check_bytes(choice.residuals)[0]
        seeds = {name: panels.seed_of(index, layout.count, zlib.crc32(header)) for name, header in headers.items()}
        return [
            pack(name, form.model.tables, choice.residuals, choice.classes, [zlib.crc32(body, seed)])[0]
            for name, seed in seeds.items()
        ]

    parts = []
    for index, packed in enumerate(panels.in_threads(work, range(layout.count))):
        parts.append(packed)
        if manner.progress:
            manner.progress(index + 1, layout.count)
    files = {
        name: header + panels.join([packed[i] for packed in parts]) for i, (name, header) in enumerate(headers.items())
    }
    return _smaller(files["rans"], files["zstd"]) if manner.packing == "auto" else files[manner.packing]


def _smaller(rans: bytes, zstd: bytes) -> bytes:
    return rans if len(rans) < RANS_MARGIN * len(zstd) else zstd
