"""Lossy encoding at given qualities: residuals are chosen, packed and put into containers, panel by panel if large."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from aecodec.encoding.batch import Batch
from aecodec.encoding.candidates import Candidate, choose_residuals, header_of, inverted
from aecodec.encoding.options import EncodeOptions
from aecodec.engines.threads import in_threads
from aecodec.format import check, container, panels, payloads
from aecodec.format.container import Header, Packing
from aecodec.format.panels import PanelGrid
from aecodec.images import tile_grid
from aecodec.packing import Coded, Tables, pack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aecodec.encoding.residual_search import Choice

MARGIN: Final = 0.98  # `auto` takes a packing that decodes slower only if the file is smaller by more than 2 %
# How much more the distortion of blocks at panel borders counts. Without it, errors there are a fifth larger than at
# other borders of blocks; with it, about equal. Photographs of two panels take 0.5 % more bytes, at a higher PSNR.
SEAM_WEIGHT: Final = 3.0
SHORT_BYTES: Final = 1000  # a shorter single tile is packed once: a zstd frame's own bytes exceed the margin


def encode(batch: Batch, candidate: Candidate, qualities: NDArray[np.intp], options: EncodeOptions) -> list[bytes]:
    """The files of 8-bit pictures coded as one candidate, each at its quality (S,)."""
    grid = PanelGrid.of(batch.size, candidate.model.description.unit)
    if grid.count == 1:
        choice = choose_residuals(batch.stack, candidate, qualities, options)
        return write(batch, candidate, choice, qualities, options.packings)
    each = zip(batch.singles(), qualities.tolist(), strict=True)
    return [_write_panels(single, candidate, grid, quality, options) for single, quality in each]


def write(
    batch: Batch, candidate: Candidate, choice: Choice, qualities: NDArray[np.intp], packings: Sequence[Packing]
) -> list[bytes]:
    """The files of single-panel pictures, from the residuals chosen for them, with the better of the packings."""
    count = len(batch)
    residuals = [part.reshape(count, -1) for part in choice.residuals]
    classes = [part.reshape(count, -1) for part in choice.classes]
    negative = inverted(batch.stack, candidate)

    def files(name: Packing) -> list[bytes]:
        fields = [
            header_of(candidate, batch.size, int(quality), name, bool(i), sections)
            for quality, i, sections in zip(qualities, negative, batch.sections, strict=True)
        ]
        return assemble(fields, name, candidate.model.tables, Coded(residuals, classes))

    first = files(packings[0])
    single = is_single_tile(batch, candidate)
    short = [single and len(file) < SHORT_BYTES for file in first]  # each for itself: batches change no file
    if all(short):
        return first
    packed = zip(first, *map(files, packings[1:]), strict=True)
    return [each[0] if done else better_packed(each) for each, done in zip(packed, short, strict=True)]


def assemble(fields: Sequence[Header], packing: Packing, tables: Tables, coded: Coded) -> list[bytes]:
    """The files of single-panel pictures, from their headers, residuals and classes."""
    headers = [container.write_header(each) for each in fields]
    small = [each.is_small for each in fields]
    checks = panels.checksums(coded.residuals, map(zlib.crc32, headers))
    packed = payloads.pack(packing, tables, coded, checks, small)
    return [
        check.completed(header + payload, is_small=is_small)
        for header, payload, is_small in zip(headers, packed, small, strict=True)
    ]


def is_single_tile(batch: Batch, candidate: Candidate) -> bool:
    """Whether each picture fits into one unit of the candidate's model: a tile, or a block if it has no tiles."""
    unit = candidate.model.description.unit
    return tile_grid.covered(batch.size, unit) == unit


def better_packed(files: Sequence[bytes]) -> bytes:
    """The last file, whose packing decodes fastest, unless the first is smaller by more than the margin."""
    return files[0] if len(files[0]) < MARGIN * len(files[-1]) else files[-1]


def seam_weights(grid: PanelGrid, index: int, block: int) -> NDArray[np.float32]:
    """How much the distortion of each block of a panel counts: (rows, columns)."""
    box = grid.box(index)
    weights = np.ones(((box.y1 - box.y0) // block, (box.x1 - box.x0) // block), np.float32)
    for edge, inner in (
        (weights[0], box.y0 > 0),
        (weights[-1], box.y1 < grid.height),
        (weights[:, 0], box.x0 > 0),
        (weights[:, -1], box.x1 < grid.width),
    ):
        if inner:
            edge[:] = SEAM_WEIGHT
    return weights


def _write_panels(batch: Batch, candidate: Candidate, grid: PanelGrid, quality: int, options: EncodeOptions) -> bytes:
    """The file of one large picture (1, H, W, C)."""
    negative = inverted(batch.stack, candidate)
    headers = {
        name: container.write_header(
            header_of(candidate, batch.size, quality, name, bool(negative[0]), batch.sections[0])
        )
        for name in options.packings
    }

    def work(index: int) -> list[bytes]:
        part = batch.stack[:, *grid.box(index).slices]
        weights = seam_weights(grid, index, candidate.model.description.block)
        choice = choose_residuals(part, candidate, np.array([quality]), options, negative, weights)
        seeds = {name: panels.seed_of(index, grid.count, zlib.crc32(header)) for name, header in headers.items()}
        residuals, tables = choice.residuals, candidate.model.tables
        return [
            pack(name, tables, residuals, choice.classes, panels.checksums(residuals, [seed]))[0]
            for name, seed in seeds.items()
        ]

    parts = panels.reported(in_threads(work, range(grid.count)), grid.count, options.progress)
    joined = [panels.join(packed) for packed in zip(*parts, strict=True)]
    return better_packed([header + payload for header, payload in zip(headers.values(), joined, strict=True)])
