"""Files to pictures: panels up the ladder to pixels, or the planes of a plain file; parts and thumbnails of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from aecodec import engines
from aecodec.decoding.parsed_file import File
from aecodec.errors import InvalidValue
from aecodec.format import panels
from aecodec.format.panels import Box, Panels, Progress
from aecodec.images import pictures, scaling
from aecodec.images.pictures import Picture
from aecodec.images.scaling import Region
from aecodec.lossless import remainder_section
from aecodec.models import ladder


def decode(
    file: File, engine_name: str, region: Region | None, thumbnail: int | None, progress: Progress | None
) -> Picture:
    """The picture of a file, a part of it, or a reduced one; see `aecodec.decode`. Raises AecError."""
    height, width = file.size
    if thumbnail is None:
        area = scaling.area(region, file.size)
        samples = _area(file, engine_name, area, progress)
        alpha = file.alpha()
        return np.ascontiguousarray(pictures.joined(samples, None if alpha is None else alpha[area.slices]))
    if region is not None:
        raise InvalidValue("a thumbnail is of the whole picture: ask for a region or for a thumbnail")
    factor, coarse = scaling.factors(file.size, thumbnail, file.block)
    if coarse:
        samples = _means(file, engine_name, progress)
    else:
        samples = _area(file, engine_name, Box(0, height, 0, width), progress)
    alpha = file.alpha()
    reduced = None if alpha is None else scaling.reduced(alpha, factor)
    return np.ascontiguousarray(pictures.joined(scaling.reduced(samples, coarse or factor), reduced))


def decode_alike(files: Sequence[File], engine_name: str) -> list[Picture]:
    """The pictures of files that share form, size and packing; those of one panel are decoded together."""
    if files[0].layout.count > 1:
        return [decode(file, engine_name, None, None, None) for file in files]
    found = samples_alike(files, engine_name)
    alphas = [file.alpha() for file in files]
    return [np.ascontiguousarray(pictures.joined(*both)) for both in zip(found, alphas, strict=True)]


def samples_alike(files: Sequence[File], engine_name: str) -> list[Picture]:
    """The samples, without opacity, of files that share form, size and packing."""
    first = files[0]
    if first.is_plain:
        return [file.plain_samples() for file in files]
    if first.layout.count > 1:
        return [_area(file, engine_name, Box(0, file.size[0], 0, file.size[1]), None) for file in files]
    engine = engines.engine(engine_name)
    latent = panels.decode_alike(
        first.model,
        engine,
        first.header.packing,
        first.size,
        [file.payload for file in files],
        [file.header.quality for file in files],
        [file.seed for file in files],
    )
    stack = ladder.synthesize(first.model, engine, latent)
    samples = list(stack[:, : first.size[0], : first.size[1]])
    unfinished = [index for index, file in enumerate(files) if file.has_remainder]
    if unfinished:
        held = [files[index].remainder() for index in unfinished]
        found = remainder_section.finish(
            first.model,
            engine,
            first.header.packing,
            first.size,
            stack[unfinished] if len(unfinished) < len(files) else stack,
            [parts[0] for _, parts in held],
            [files[index].header.quality for index in unfinished],
            [error for error, _ in held],
        )
        for index, picture in zip(unfinished, found, strict=True):
            samples[index] = picture
    return [file.finished(part) for file, part in zip(files, samples, strict=True)]


def _area(file: File, engine_name: str, area: Box, progress: Progress | None) -> Picture:
    """The samples of a part of the picture, panel by panel where there are several."""
    if file.layout.count == 1:
        return samples_alike([file], engine_name)[0][area.slices]
    canvas: Picture | None = None
    for box, pixels in _parts(file, engine_name, area, progress):
        if canvas is None:  # not before a panel has proved to be whole
            canvas = np.empty((area.y1 - area.y0, area.x1 - area.x0, *([] if file.one_channel else [3])), np.uint8)
        y0, y1, x0, x1 = max(box.y0, area.y0), min(box.y1, area.y1), max(box.x0, area.x0), min(box.x1, area.x1)
        if y0 < y1 and x0 < x1:
            part = pixels[y0 - box.y0 : y1 - box.y0, x0 - box.x0 : x1 - box.x0]
            canvas[y0 - area.y0 : y1 - area.y0, x0 - area.x0 : x1 - area.x0] = file.finished(part)
    assert canvas is not None
    return canvas


def _parts(file: File, engine_name: str, area: Box, progress: Progress | None) -> Iterator[tuple[Box, Picture]]:
    """Rectangles that together cover an area, with their samples (height, width, channels of the model)."""
    lossy = _panels(file, engine_name)
    if not file.has_remainder:
        yield from lossy.pixels(area, progress)
        return
    error, packed = file.remainder()
    layout, model = file.layout, file.model
    engine = engines.engine(engine_name)
    indices, whole = layout.covering(area)
    made = np.empty((whole.y1 - whole.y0, whole.x1 - whole.x0, model.description.channels), np.uint8)
    for box, pixels in lossy.pixels(whole, progress):
        y0, y1, x0, x1 = max(box.y0, whole.y0), min(box.y1, whole.y1), max(box.x0, whole.x0), min(box.x1, whole.x1)
        if y0 < y1 and x0 < x1:
            made[y0 - whole.y0 : y1 - whole.y0, x0 - whole.x0 : x1 - whole.x0] = pixels[
                y0 - box.y0 : y1 - box.y0, x0 - box.x0 : x1 - box.x0
            ]

    def work(index: int) -> tuple[Box, Picture]:
        box = layout.box(index)
        given = made[None, box.y0 - whole.y0 : box.y1 - whole.y0, box.x0 - whole.x0 : box.x1 - whole.x0]
        size = remainder_section.part_of(layout, index, file.size)
        quality, packing = file.header.quality, file.header.packing
        parts = [packed[index]]
        found = remainder_section.finish(
            model, engine, packing, size, given, parts, [quality], [error], index, layout.count
        )[0]
        return Box(box.y0, box.y0 + size[0], box.x0, box.x0 + size[1]), found

    yield from panels.in_threads(work, indices)


def _means(file: File, engine_name: str, progress: Progress | None) -> Picture:
    """The means of the blocks of the picture, one a pixel."""
    rows, columns = (-(-side // file.model.description.block) for side in file.size)
    canvas: Picture | None = None
    for box, means in _panels(file, engine_name).means(progress):
        if canvas is None:
            canvas = np.empty((rows, columns, *([] if file.one_channel else [3])), np.uint8)
        canvas[box.slices] = file.finished(means[: rows - box.y0, : columns - box.x0])
    assert canvas is not None
    return canvas


def _panels(file: File, engine_name: str) -> Panels:
    header = file.header
    payloads = panels.split(file.payload, file.layout, file.model, header.packing)
    engine = engines.engine(engine_name)
    return Panels(file.layout, file.model, engine, header.packing, header.quality, file.seed, payloads)
