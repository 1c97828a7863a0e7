"""Decoding of files to pictures, to parts of them (regions) and to reduced ones (thumbnails)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from aecodec import engines
from aecodec.decoding import panels
from aecodec.decoding.panels import PackedPanel, Panels
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.engines.threads import in_threads
from aecodec.errors import InvalidValue
from aecodec.format.panels import Progress, seed_of
from aecodec.images import regions, scaling
from aecodec.images.regions import Box, Region
from aecodec.images.source import Picture, joined
from aecodec.lossless import remainder_section
from aecodec.models import ladder


def decode(
    file: ParsedFile, engine_name: str, region: Region | None, thumbnail: int | None, progress: Progress | None
) -> Picture:
    """Decode a file to the picture, a region of it or a thumbnail; see `aecodec.decode`. Raises AecError."""
    height, width = file.size
    if thumbnail is None:
        area = regions.area(region, file.size)
        samples = _area(file, engine_name, area, progress)
        alpha = file.alpha()
        return np.ascontiguousarray(joined(samples, None if alpha is None else alpha[area.slices]))
    if region is not None:
        raise InvalidValue("a thumbnail shows the whole picture: choose either a region or a thumbnail")
    factor, coarse = scaling.factors(file.size, thumbnail, file.block)
    if coarse:
        samples = _means(file, engine_name, progress)
    else:
        samples = _area(file, engine_name, Box(0, height, 0, width), progress)
    alpha = file.alpha()
    reduced = None if alpha is None else scaling.reduced(alpha, factor)
    return np.ascontiguousarray(joined(scaling.reduced(samples, coarse or factor), reduced))


def decode_alike(files: Sequence[ParsedFile], engine_name: str) -> list[Picture]:
    """Decode files that share model, size and packing; pictures of one panel are decoded together."""
    if files[0].grid.count > 1:
        return [decode(file, engine_name, None, None, None) for file in files]
    samples = samples_alike(files, engine_name)
    alphas = [file.alpha() for file in files]
    return [np.ascontiguousarray(joined(*both)) for both in zip(samples, alphas, strict=True)]


def samples_alike(files: Sequence[ParsedFile], engine_name: str) -> list[Picture]:
    """The samples, without opacity, of files that share model, size and packing."""
    first = files[0]
    if first.is_plain:
        return [file.plain_samples() for file in files]
    if first.grid.count > 1:
        return [_area(file, engine_name, Box(0, file.size[0], 0, file.size[1]), None) for file in files]
    engine, packing = engines.engine(engine_name), first.header.packing
    packed = [PackedPanel(file.payload, file.header.quality, file.seed, file.header.is_small) for file in files]
    latent, _ = panels.decode_alike(first.model, engine, packing, first.size, packed)
    stack = ladder.synthesize(first.model, engine, latent)
    samples = list(stack[:, : first.size[0], : first.size[1]])
    unfinished = [index for index, file in enumerate(files) if file.has_remainder]
    if unfinished:
        part = remainder_section.Part(first.size)
        remainders = [files[index].remainders()[0] for index in unfinished]
        lossy = stack[unfinished] if len(unfinished) < len(files) else stack
        finished, _ = remainder_section.finish(first.model, engine, packing, lossy, part, remainders)
        for index, picture in zip(unfinished, finished, strict=True):
            samples[index] = picture
    return [file.finished(part) for file, part in zip(files, samples, strict=True)]


def _area(file: ParsedFile, engine_name: str, area: Box, progress: Progress | None) -> Picture:
    """The samples of a part of the picture, panel by panel if there are several."""
    if file.grid.count == 1:
        return samples_alike([file], engine_name)[0][area.slices]
    output: Picture | None = None
    for box, pixels in _parts(file, engine_name, area, progress):
        if output is None:  # not before a panel has proved to be whole
            output = np.empty(file.shape_of(area.height, area.width), np.uint8)
        common = box.intersection(area)
        if common:
            output[common.within(area).slices] = file.finished(pixels[common.within(box).slices])
    assert output is not None
    return output


def _parts(file: ParsedFile, engine_name: str, area: Box, progress: Progress | None) -> Iterator[tuple[Box, Picture]]:
    """Rectangles that together cover an area, with their samples (height, width, channels of the model)."""
    lossy = _panels(file, engine_name)
    if not file.has_remainder:
        yield from lossy.pixels(area, progress)
        return
    remainders, grid, model = file.remainders(), file.grid, file.model
    engine = engines.engine(engine_name)
    indices, whole = grid.covering(area)
    decoded = np.empty((whole.height, whole.width, model.description.channels), np.uint8)
    for box, pixels in lossy.pixels(whole, progress):
        common = box.intersection(whole)
        if common:
            decoded[common.within(whole).slices] = pixels[common.within(box).slices]

    def work(index: int) -> tuple[Box, Picture]:
        box = grid.box(index)
        size = remainder_section.size_of_part(grid, index, file.size)
        part = remainder_section.Part(size, seed_of(index, grid.count, 0))
        given = decoded[None, *box.within(whole).slices]
        found, _ = remainder_section.finish(model, engine, file.header.packing, given, part, [remainders[index]])
        return Box(box.y0, box.y0 + size[0], box.x0, box.x0 + size[1]), found[0]

    yield from in_threads(work, indices)


def _means(file: ParsedFile, engine_name: str, progress: Progress | None) -> Picture:
    """The means of the blocks of the picture, one pixel per block."""
    rows, columns = (-(-side // file.model.description.block) for side in file.size)
    output: Picture | None = None
    for box, means in _panels(file, engine_name).means(progress):
        if output is None:
            output = np.empty(file.shape_of(rows, columns), np.uint8)
        output[box.slices] = file.finished(means[: rows - box.y0, : columns - box.x0])
    assert output is not None
    return output


def _panels(file: ParsedFile, engine_name: str) -> Panels:
    header = file.header
    payloads = panels.split(file.payload, file.grid, file.model, header.packing)
    engine = engines.engine(engine_name)
    return Panels(file.grid, file.model, engine, header.packing, header.quality, file.seed, payloads, header.is_small)
