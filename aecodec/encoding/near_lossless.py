"""Near-lossless and lossless encoding with a model: a lossy part and the remainder that bounds its error.

The purpose of the lossy part is a short remainder. Time is better spent on trying other qualities for it than on
searching for better residuals at one quality.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from aecodec import engines
from aecodec.decoding.panels import Panels
from aecodec.encoding import lossy
from aecodec.encoding.batch import Batch
from aecodec.encoding.candidates import (
    Candidate,
    choose_residuals,
    header_of,
    inverted,
    measure_residuals,
    model_samples,
)
from aecodec.encoding.options import EncodeOptions
from aecodec.encoding.residual_search import Choice
from aecodec.engines.threads import in_threads
from aecodec.format import container, panels
from aecodec.format.container import Section
from aecodec.format.panels import PanelGrid
from aecodec.images.regions import Box
from aecodec.lossless import remainder_section
from aecodec.packing import pack

if TYPE_CHECKING:
    from numpy.typing import NDArray


MOST_ERROR: Final = 255  # of 8-bit samples, the only ones that models code
QUALITY_STEPS: Final = ((0,), (0,), (0,), (0, -20), (0, -20, 20), (0, -20, 20, -35, 35))  # tried, by effort; last: more


def encode(
    batch: Batch, candidates: Sequence[Candidate], best: NDArray[np.intp], max_error: int, options: EncodeOptions
) -> list[bytes]:
    """The smallest file of each picture among the qualities tried; best: (S,), the index of its candidate."""
    files = [b""] * len(batch)
    for number, candidate in enumerate(candidates):
        mine = np.flatnonzero(best == number)
        if not mine.size:
            continue
        middle = round(float(candidate.model.arrays["analysis.remainder_quality"][max_error]))
        steps = QUALITY_STEPS[min(options.effort, len(QUALITY_STEPS) - 1)]
        for quality in dict.fromkeys(min(max(middle + step, 1), 100) for step in steps):
            coded = _encode_at(batch.subset(mine), candidate, quality, max_error, options)
            for index, file in zip(mine.tolist(), coded, strict=True):
                if not files[index] or len(file) < len(files[index]):
                    files[index] = file
    return files


def can_encode(candidate: Candidate) -> bool:
    """Whether the candidate's model has a remainder."""
    return candidate.model.remainder is not None


def _encode_at(batch: Batch, candidate: Candidate, quality: int, max_error: int, options: EncodeOptions) -> list[bytes]:
    """The files whose lossy parts have this quality."""
    grid = PanelGrid.of(batch.size, candidate.model.description.unit)
    if grid.count > 1:
        return [_write_panels(single, candidate, grid, quality, max_error, options) for single in batch.singles()]
    model, count = candidate.model, len(batch)
    qualities, errors = np.full(count, quality), np.full(count, max_error)
    choice = measure_residuals(batch.stack, candidate, qualities, options.engine)
    shown, engine = model_samples(batch.stack, candidate), engines.engine(options.engine)
    remainder = remainder_section.find(model, engine, shown, choice.pixels, qualities, errors)
    files = []
    for name in options.packings[:1] if lossy.is_single_tile(batch, candidate) else options.packings:
        packed = remainder_section.pack(name, remainder)
        sections = [_with(given, max_error, [part]) for given, part in zip(batch.sections, packed, strict=True)]
        files.append(lossy.write(Batch(batch.stack, sections), candidate, choice, qualities, [name]))
    return [lossy.better_packed(each) for each in zip(*files, strict=True)]


def _with(sections: tuple[Section, ...], max_error: int, packed: Sequence[bytes]) -> tuple[Section, ...]:
    """The sections plus that of the remainder, made from the packed elements of its panels."""
    added = Section(container.REMAINDER, remainder_section.join(max_error, packed))
    return tuple(sorted((*sections, added), key=lambda section: section.tag))


def _write_panels(
    batch: Batch, candidate: Candidate, grid: PanelGrid, quality: int, max_error: int, options: EncodeOptions
) -> bytes:
    """The file of one large picture (1, H, W, C)."""
    model, count = candidate.model, grid.count
    negative, engine = inverted(batch.stack, candidate), engines.engine(options.engine)
    qualities, errors = np.array([quality]), np.array([max_error])

    def choose(index: int) -> Choice:
        part = batch.stack[:, *grid.box(index).slices]
        return choose_residuals(part, candidate, qualities, options.engine, 0, negative)

    choices = list(in_threads(choose, range(count)))

    def packed(name: str, seed: int) -> list[bytes]:
        def work(index: int) -> bytes:
            choice = choices[index]
            checks = panels.checksums(choice.residuals, [panels.seed_of(index, count, seed)])
            return pack(name, model.tables, choice.residuals, choice.classes, checks)[0]

        return list(in_threads(work, range(count)))

    # What the decoder will make of them, which sees across the edges of panels.
    decoded = np.empty((grid.height, grid.width, model.description.channels), np.uint8)
    lossy_part = Panels(grid, model, engine, "rans", quality, 0, packed("rans", 0))
    for box, pixels in lossy_part.pixels(Box(0, grid.height, 0, grid.width), None):
        decoded[box.slices] = pixels
    shown = model_samples(batch.stack, candidate, negative)

    def finish(index: int) -> tuple[bytes, ...]:
        box = grid.box(index)
        found = remainder_section.find(
            model, engine, shown[:, *box.slices], decoded[None, *box.slices], qualities, errors
        )
        seed = panels.seed_of(index, count, 0)
        return tuple(remainder_section.pack(name, found, seed)[0] for name in options.packings)

    remainders = []
    for index, remainder in enumerate(in_threads(finish, range(count))):
        remainders.append(remainder)
        if options.progress:
            options.progress(index + 1, count)
    files = []
    for name, parts in zip(options.packings, zip(*remainders, strict=True), strict=True):
        sections = _with(batch.sections[0], max_error, parts)
        header = container.write_header(header_of(candidate, batch.size, quality, name, bool(negative[0]), sections))
        files.append(header + panels.join(packed(name, zlib.crc32(header))))
    return lossy.better_packed(files)
