"""Valid files drawn from a seed: lossy ones from random residuals, lossless and plain ones from random pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aecodec import dataset
from aecodec.conformance.random_models import Random, happens
from aecodec.conformance.writer import Choose, write_lossy, write_samples
from aecodec.encoding.candidates import header_with
from aecodec.format import container, metadata_sections
from aecodec.format.container import Header, Section
from aecodec.format.panels import SIDE
from aecodec.images.metadata import Metadata
from aecodec.lossless import opacity_section, plain
from aecodec.models.model import Model
from aecodec.packing.tables import MAX_RESIDUAL, TOTAL, Tables

MOST_SIDE = 40
CHANCES = (0.55, 0.2, 0.15, 0.1)  # of a lossy, lossless and plain file, and of a data set
WITH_TILE_SIZE, WITH_PANELS, WITH_LANES = 0.3, 0.06, 0.04
WITH_ALPHA, WITH_METADATA, WITH_UNKNOWN, WITH_VARIANT = 0.2, 0.15, 0.1, 0.4
OF_JOINED = 5  # pictures of a data set, at most, that are alike


@dataclass(frozen=True)
class Drawn:
    """A file, and what it is in a few words."""

    what: str
    data: bytes


def draw(random: Random, models: list[Model]) -> Drawn:
    """A file of a picture or a data set, coded with one of these models or without any."""
    makers: list[Callable[[Random, Model], Drawn]] = [lossy, lossless, plain_file, data_set]
    maker = makers[int(random.choice(len(makers), p=CHANCES))]
    if maker is lossless:
        models = [model for model in models if model.lossless]
    return maker(random, models[int(random.integers(len(models)))])


# Files of models ---


def lossy(random: Random, model: Model) -> Drawn:
    """A file of random residuals."""
    header = drawn_header(random, model, drawn_size(random, model))
    name, choose = drawn_residuals(random, model.tables)
    return Drawn(f"{name}-{header.packing}", write_lossy(model, header, choose))


def drawn_header(random: Random, model: Model, size: tuple[int, int]) -> Header:
    """The header of a lossy picture of this size (height, width)."""
    quality = int(random.choice([1, 100, *random.integers(1, 101, 4)]))
    packing = container.PACKINGS[int(random.integers(2))]
    return header_with(model, size, quality, packing, happens(random, WITH_VARIANT), drawn_sections(random, size, 8))


def drawn_residuals(random: Random, tables: Tables) -> tuple[str, Choose]:
    """How to choose residuals, and its name."""

    def none(classes: NDArray[Any]) -> NDArray[Any]:
        return np.zeros(len(classes), np.int64)

    def typical(classes: NDArray[Any]) -> NDArray[Any]:
        return typical_residuals(random, tables, classes)

    def wild(classes: NDArray[Any]) -> NDArray[Any]:
        size = np.round(2 ** random.uniform(0, np.log2(MAX_RESIDUAL), len(classes))) - 1
        found = np.where(random.random(len(classes)) < 0.5, -1, 1) * size.astype(np.int64)
        return np.where(classes < tables.skip, 0, found)

    name, choose = [("nothing", none), ("typical", typical), ("typical", typical), ("wild", wild)][
        int(random.integers(4))
    ]
    return name, choose


def typical_residuals(random: Random, tables: Tables, classes: NDArray[Any]) -> NDArray[Any]:
    """Residuals as their classes expect them, escapes and low bits included."""
    found = np.zeros(len(classes), np.int64)
    for kind in np.unique(classes[classes >= tables.skip]).tolist():
        at = np.flatnonzero(classes == kind)
        extent, first = int(tables.extents[kind]), int(tables.first[kind])
        ends = np.cumsum(tables.frequencies[first : first + 2 * extent + 2])
        high = np.searchsorted(ends, random.integers(TOTAL, size=at.size), side="right") - extent
        far = high == extent + 1
        high[far] += random.geometric(0.2, int(far.sum())) - 1
        high[far] *= random.choice([-1, 1], int(far.sum()))
        shift = int(tables.shifts[kind])
        found[at] = (high << shift) + random.integers(1 << shift, size=at.size)
    return np.clip(found, -MAX_RESIDUAL, MAX_RESIDUAL)


def lossless(random: Random, model: Model) -> Drawn:
    """A lossless or near-lossless file of a random picture."""
    size = drawn_size(random, model)
    channels = model.description.channels
    variant = happens(random, WITH_VARIANT)
    error = 0 if happens(random, 0.5) else int(random.choice([1, 2, 9, 255]))
    quality = container.NEAR_LOSSLESS if error else container.LOSSLESS
    header = header_with(model, size, quality, variant=variant, sections=drawn_sections(random, size, 8))
    picture = drawn_picture(random, size, 1 if variant else channels)
    picture = np.ascontiguousarray(np.broadcast_to(picture, (*size, channels)))
    return Drawn("near-lossless" if error else "lossless", write_samples(model, header, picture, error))


def drawn_size(random: Random, model: Model) -> tuple[int, int]:
    """The size (height, width) of a picture: often the tile's, seldom large."""
    d = model.description
    if d.tile and happens(random, WITH_TILE_SIZE):
        return d.tile
    height, width = (int(side) for side in random.integers(1, MOST_SIDE + 1, 2))
    if happens(random, WITH_PANELS):
        beyond = SIDE + int(random.integers(1, 60))
        return [(min(height, 9), beyond), (beyond, min(width, 9))][int(random.integers(2))]
    if happens(random, WITH_LANES):
        return height + 70, width + 70
    return height, width


def drawn_sections(random: Random, size: tuple[int, int], bits: int) -> list[Section]:
    """Opacity, metadata, and sections that no decoder knows."""
    found = []
    if happens(random, WITH_ALPHA):
        alpha = drawn_picture(random, size, 1)[..., 0]
        found.append(alpha_section(alpha.astype(np.uint16) * 257 if bits == 16 else alpha))
    if happens(random, WITH_METADATA):
        found += metadata_sections_of()
    if happens(random, WITH_UNKNOWN):
        found.append(Section(int(random.integers(200, 256)), random.bytes(int(random.integers(20)))))
    return found


def alpha_section(alpha: NDArray[Any]) -> Section:
    """The section of this opacity (H, W)."""
    return Section(container.ALPHA, opacity_section.pack(alpha, 100))


def metadata_sections_of() -> list[Section]:
    """Sections of metadata, framed and as they are."""
    metadata = Metadata(icc=bytes(300), exif=b"MM\0*\0\0\0\x08\0\0", xmp=b"<x/>" * 20, dpi=(300.0, 72.5))
    return list(metadata_sections.write(metadata))


# Plain files ---


def plain_file(random: Random, model: Model) -> Drawn:
    """A plain file of a random picture of 8 or 16 bits, which needs no model."""
    height, width = (int(side) for side in random.integers(1, MOST_SIDE + 1, 2))
    size, channels = (height, width), int(random.choice([1, 3]))
    bits = int(random.choice([8, 8, 16]))
    picture: NDArray[Any] = drawn_picture(random, size, channels)
    if bits == 16:
        picture = picture.astype(np.uint16) * int(random.choice([1, 7, 257]))
    error = 0 if happens(random, 0.5) else int(random.choice([1, 5, 127, 255, 300, 65535]))
    samples = picture[..., 0] if channels == 1 else picture
    return Drawn(f"plain-{bits}", plain.write(samples, error, tuple(drawn_sections(random, size, bits))))


def drawn_picture(random: Random, size: tuple[int, int], channels: int) -> NDArray[np.uint8]:
    """A picture (H, W, channels): one colour, a slope, noise, or a few colours in squares."""
    height, width = size
    y, x = np.mgrid[:height, :width][..., None]
    kind = int(random.integers(5))
    if kind == 0:
        return np.broadcast_to(random.integers(0, 256, channels).astype(np.uint8), (*size, channels)).copy()
    if kind == 1:
        return random.integers(0, 256, (*size, channels)).astype(np.uint8)
    slope: NDArray[np.float64] = random.uniform(-4, 4, channels) * y + random.uniform(-4, 4, channels) * x
    if kind == 2:
        return np.asarray((slope + random.integers(0, 256, channels)).astype(np.int64).astype(np.uint8))
    if kind == 3:
        noise = random.normal(0, 6, (*size, channels))
        return np.asarray(np.clip(slope + 128 + noise, 0, 255).astype(np.uint8))
    colours = random.integers(0, 256, (int(random.choice([2, 3, 9, 40])), channels)).astype(np.uint8)
    side = int(random.integers(1, 5))
    indices = random.integers(0, len(colours), (-(-height // side), -(-width // side)))
    return np.asarray(colours[np.kron(indices, np.ones((side, side), np.int64))[:height, :width]])


# Data sets ---


def data_set(random: Random, model: Model) -> Drawn:
    """A data set: pictures that share blocks, others, and columns."""
    files: list[bytes] = []
    for _ in range(int(random.integers(1, 4))):
        files += alike(random, model)
    files += [plain_file(random, model).data for _ in range(int(random.integers(3)))]
    files = [files[index] for index in random.permutation(len(files))]
    columns: dict[str, Any] = {
        "number": random.integers(-9, 1 << int(random.choice([4, 12, 20, 40])), len(files)),
        "share": random.random(len(files)).astype(np.float32),
        "word": [f"{number} ü" for number in range(len(files))],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.aecs"
        dataset.write(path, files, columns=columns, metadata={"drawn": True}, block_pictures=OF_JOINED)
        return Drawn("set", path.read_bytes())


def alike(random: Random, model: Model) -> list[bytes]:
    """Files of pictures that can share a block, at one quality or at several."""
    size = model.description.tile or (int(random.integers(1, 20)), int(random.integers(1, 20)))
    count = int(random.integers(1, OF_JOINED + 1))
    if model.lossless and happens(random, 0.4):
        shape = (*size, model.description.channels)
        header = header_with(model, size, container.LOSSLESS)
        return [write_samples(model, header, drawn_picture(random, size, shape[2])) for _ in range(count)]
    packing = container.PACKINGS[int(random.integers(2))]
    qualities = random.integers(1, 101, count) if happens(random, 0.5) else np.full(count, random.integers(1, 101))
    _, choose = drawn_residuals(random, model.tables)
    return [write_lossy(model, header_with(model, size, quality, packing), choose) for quality in qualities.tolist()]
