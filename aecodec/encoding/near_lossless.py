"""Files in which no sample is off by more than was allowed: a lossy part and its remainder, or plain.

The lossy part is there to make the remainder short: any quality will do, and what it takes to find a better
reconstruction of as many bytes is better spent on trying other qualities.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from aecodec import engines
from aecodec.encoding import lossy
from aecodec.encoding.candidates import Form, choose_in, header_of, inverted, samples
from aecodec.encoding.lossy import RANS_MARGIN, Batch, Manner
from aecodec.encoding.residual_search import Choice
from aecodec.format import container, panels
from aecodec.format.container import Section
from aecodec.format.panels import Box, Layout, Panels
from aecodec.images import tile_grid
from aecodec.lossless import plain, remainder_section
from aecodec.packing import pack

if TYPE_CHECKING:
    from numpy.typing import NDArray


MOST_ERROR: Final = 255  # of samples of 8 bits, which are all that models know
QUALITY_STEPS: Final = ((0,), (0,), (0,), (0, -20), (0, -20, 20), (0, -20, 20, -35, 35))  # tried, by effort; last: more


def encode(batch: Batch, forms: Sequence[Form], best: NDArray[np.intp], max_error: int, manner: Manner) -> list[bytes]:
    """The smallest file of each picture, of those tried; best: (S,), the numbers of the forms that suit them."""
    count = len(batch)
    files = [b""] * count
    for number, form in enumerate(forms):
        mine = np.flatnonzero(best == number)
        if not mine.size:
            continue
        middle = round(float(form.model.arrays["analysis.remainder_quality"][max_error]))
        steps = QUALITY_STEPS[min(manner.effort, len(QUALITY_STEPS) - 1)]
        for quality in dict.fromkeys(min(max(middle + step, 1), 100) for step in steps):
            coded = _coded(batch.some(mine), form, quality, max_error, manner)
            for index, file in zip(mine.tolist(), coded, strict=True):
                if not files[index] or len(file) < len(files[index]):
                    files[index] = file
    return files


def can(form: Form) -> bool:
    """Whether the model of a form has what this needs."""
    return form.model.remainder is not None


def or_plain(batch: Batch, files: Sequence[bytes], max_error: int, manner: Manner) -> list[bytes]:
    """The files, or plain ones where these are no larger; where files are empty, plain ones."""
    sizes = np.array(list(map(len, files))) - batch.section_bytes
    missing = np.array([not file for file in files])
    tried = missing | (sizes > lossy.MOST_MORE * batch.stack[0].nbytes + plain.RAW_MORE_BYTES)
    if manner.free:
        tried |= True if max_error else plain.promising(batch.stack, sizes)
    found = list(files)
    for index in np.flatnonzero(tried).tolist():
        other = batch.plain(index, max_error)
        if not found[index] or len(other) <= len(found[index]):
            found[index] = other
    return found


def _coded(batch: Batch, form: Form, quality: int, max_error: int, manner: Manner) -> list[bytes]:
    layout = Layout.of(batch.stack.shape[1:3], form.model.description.unit)
    if layout.count > 1:
        every = [np.array([index]) for index in range(len(batch))]
        return [_panels(batch.some(one), form, layout, quality, max_error, manner) for one in every]
    count, engine = len(batch), engines.engine(manner.engine_name)
    qualities = np.full(count, quality)
    choice = choose_in(batch.stack, form, qualities, 0, manner.engine_name, measured=True)
    assert choice.pixels is not None
    found = remainder_section.find(
        form.model, engine, samples(batch.stack, form), choice.pixels, qualities, np.full(count, max_error)
    )
    unit = form.model.description.unit
    single = tile_grid.covered((batch.stack.shape[1], batch.stack.shape[2]), unit) == unit
    made = []
    for name in ["rans"] if manner.packing == "auto" and single else _packings(manner):
        parts = remainder_section.packed(name, found)
        sections = [_with(given, max_error, [part]) for given, part in zip(batch.sections, parts, strict=True)]
        made.append(lossy.write(Batch(batch.stack, sections), form, choice, qualities, name))
    return [_best(files) for files in zip(*made, strict=True)]


def _packings(manner: Manner) -> list[str]:
    """Those to try, the one that decodes faster last."""
    return ["rans", "zstd"] if manner.packing == "auto" else [manner.packing]


def _best(files: Sequence[bytes]) -> bytes:
    """The last, unless the first is smaller by enough to wait for it."""
    return files[0] if len(files[0]) < RANS_MARGIN * len(files[-1]) else files[-1]


def _with(sections: tuple[Section, ...], max_error: int, parts: Sequence[bytes]) -> tuple[Section, ...]:
    added = Section(container.REMAINDER, remainder_section.section(max_error, parts))
    return tuple(sorted((*sections, added), key=lambda section: section.tag))


def _panels(batch: Batch, form: Form, layout: Layout, quality: int, max_error: int, manner: Manner) -> bytes:
    """The file of one large picture (1, H, W, C)."""
    stack, model, count = batch.stack, form.model, layout.count
    negative, engine = inverted(stack, form), engines.engine(manner.engine_name)
    qualities, errors, size = np.array([quality]), np.array([max_error]), (stack.shape[1], stack.shape[2])

    def lossy(index: int) -> tuple[Choice, bytes]:
        part = stack[:, *layout.box(index).slices]
        choice = choose_in(part, form, qualities, 0, manner.engine_name, negative)
        check = zlib.crc32(panels.check_bytes(choice.residuals)[0], panels.seed_of(index, count, 0))
        return choice, pack("rans", model.tables, choice.residuals, choice.classes, [check])[0]

    lossy_parts = list(panels.in_threads(lossy, range(count)))
    # What the decoder will make of them, which sees across the edges of panels.
    payloads = [payload for _, payload in lossy_parts]
    made = np.empty((layout.height, layout.width, model.description.channels), np.uint8)
    whole = Panels(layout, model, engine, "rans", quality, 0, payloads)
    for box, pixels in whole.pixels(Box(0, layout.height, 0, layout.width), None):
        made[box.slices] = pixels
    shown = samples(stack, form, negative)

    def finish(index: int) -> tuple[bytes, ...]:
        box = layout.box(index)
        found = remainder_section.find(model, engine, shown[:, *box.slices], made[None, *box.slices], qualities, errors)
        return tuple(remainder_section.packed(name, found, index, count)[0] for name in _packings(manner))

    rests = []
    for index, rest in enumerate(panels.in_threads(finish, range(count))):
        rests.append(rest)
        if manner.progress:
            manner.progress(index + 1, count)
    files = []
    for number, name in enumerate(_packings(manner)):
        sections = _with(batch.sections[0], max_error, [rest[number] for rest in rests])
        header = container.write_header(header_of(form, size, quality, name, bool(negative[0]), sections))
        parts = []
        for index, (choice, _) in enumerate(lossy_parts):
            seed = panels.seed_of(index, count, zlib.crc32(header))
            check = zlib.crc32(panels.check_bytes(choice.residuals)[0], seed)
            parts += pack(name, model.tables, choice.residuals, choice.classes, [check])
        files.append(header + panels.join(parts))
    return _best(files)
