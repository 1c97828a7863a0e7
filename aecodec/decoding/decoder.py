"""Decoding of files to pictures, to parts of them (regions) and to reduced ones (thumbnails)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from aecodec import engines
from aecodec.decoding import panels
from aecodec.decoding.panels import PackedPanel, Panels, Walked
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.engines.threads import in_threads
from aecodec.errors import InvalidValue
from aecodec.format.panels import Progress, reported, seed_of
from aecodec.images import regions, scaling
from aecodec.images.regions import Box, Region
from aecodec.images.source import Picture, joined
from aecodec.lossless import samples as coded_samples
from aecodec.lossless.samples import PackedSamples
from aecodec.models import ladder
from aecodec.models.causal import Coding


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
    if first.is_predictive:
        return _predicted_alike(files, engine_name)
    stack = ladder.synthesize(first.model, engines.engine(engine_name), latents_alike(files, engine_name)[0])
    return [file.finished(part) for file, part in zip(files, stack[:, : first.size[0], : first.size[1]], strict=True)]


def latents_alike(files: Sequence[ParsedFile], engine_name: str) -> Walked:
    """The latents of lossy files of one panel that share model, size and packing, and what they were decoded from."""
    first, engine = files[0], engines.engine(engine_name)
    packed = [PackedPanel(file.payload, file.header.quality, file.seed, file.header.is_small) for file in files]
    return panels.decode_alike(first.model, engine, first.header.packing, first.size, packed)


def _predicted_alike(files: Sequence[ParsedFile], engine_name: str) -> list[Picture]:
    """The samples of lossless and near-lossless files of one panel that share model, size and largest error."""
    return [file.finished(part) for file, part in zip(files, coded_alike(files, engine_name), strict=True)]


def coded_alike(files: Sequence[ParsedFile], engine_name: str) -> Picture:
    """The samples (S, H, W, channels of the model) of such files, before they are finished."""
    coding = coding_of(files[0], engine_name)
    parts = [coded_samples.split(file.payload, coding.max_error, file.grid, coding.coded)[0] for file in files]
    packed = [PackedSamples(part, file.seed, file.header.is_small) for part, file in zip(parts, files, strict=True)]
    return coded_samples.unpack(coding, files[0].size, packed)


def coding_of(file: ParsedFile, engine_name: str) -> Coding:
    """How the samples of a lossless or near-lossless file are coded."""
    assert file.max_error is not None
    return Coding(file.model, engines.engine(engine_name), file.is_gray, file.max_error)


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
    if not file.is_predictive:
        yield from _panels(file, engine_name).pixels(area, progress)
        return
    coding, grid = coding_of(file, engine_name), file.grid
    parts = coded_samples.split(file.payload, coding.max_error, grid, coding.coded)
    indices, _ = grid.covering(area)

    def work(index: int) -> tuple[Box, Picture]:
        box = grid.box(index)
        packed = PackedSamples(parts[index], seed_of(index, grid.count, file.seed))
        return box, coded_samples.unpack(coding, (box.height, box.width), [packed])[0]

    yield from reported(in_threads(work, indices), len(indices), progress)


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
