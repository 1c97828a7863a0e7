"""Figures of a file's latent: each level of the ladder, its bytes, and the picture known so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import aecodec
from aecodec import engines
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.errors import UnsupportedImage
from aecodec.evaluation import colours
from aecodec.evaluation.scores import measured
from aecodec.evaluation.sheets import Cell, Row, Section
from aecodec.format.check import unsealed
from aecodec.format.panels import checksums
from aecodec.models import ladder
from aecodec.models.description import COEFFICIENT_BITS
from aecodec.models.model import Model
from aecodec.packing import ideal_bits, unpacker
from aecodec.sources.items import Item
from aecodec.sources.readers import Picture

GAP = 2  # pixels between the planes of a level


@dataclass(frozen=True)
class Level:
    """One level of one file: the vector, or a group of coefficients.

    values: elements in gray levels, (rows, columns, E): of tiles for the vector, of blocks for a group. cost: in ideal
    bytes. picture: what a decoder would show if all later levels were zero, (H, W) or (H, W, 3); None for the vector,
    which only provides predictions for the others.
    """

    name: str
    values: NDArray[np.float64]
    cost: float
    picture: Picture | None


def levels(data: bytes) -> list[Level]:
    """The levels of an .aec file, coarse to fine.

    Raises AecError; UnsupportedImage for plain files and files of several panels.
    """
    file = ParsedFile.parse(data, None)
    if not isinstance(file.coding, Model):
        raise UnsupportedImage("a plain picture has no latent: choose a model")
    if file.grid.count > 1:
        raise UnsupportedImage("the latent of a picture of several panels is too large to draw")
    model, engine = file.model, engines.engine("numpy")
    d = model.description
    rows, columns = d.grid(*file.size)
    payload = unsealed(file.payload)[0] if file.header.is_small else file.payload
    decoder = unpacker(file.header.packing, model.tables, [payload], ladder.elements(model, rows, columns))
    elements: dict[int, NDArray[Any]] = {}
    bits: dict[int, float] = {}
    residuals: list[NDArray[Any]] = []

    def code(prediction: ladder.Prediction) -> NDArray[Any]:
        index, classes = prediction.index, prediction.classes.reshape(1, -1)
        residual = decoder.read(classes)
        residuals.append(residual)
        elements[index] = ladder.elements_of(prediction, residual)
        bits[index] = float(ideal_bits(model.tables, [residual], [classes]).sum())
        return residual

    latent = ladder.walk(model, engine, np.array([file.header.quality]), rows, columns, code)
    decoder.finish([0] if file.header.is_small else checksums(residuals, [file.seed]))
    unit = 1 << COEFFICIENT_BITS
    found = []
    if d.vector:
        down, across = ladder.vectors(model, rows, columns)
        vector = elements[ladder.VECTOR].reshape(down, across, d.vector) / unit
        name = f"vector: {d.vector} numbers" + (" a tile" if down * across > 1 else "")
        found.append(Level(name, vector, bits[ladder.VECTOR] / 8, None))
    plane = latent.plane[0].astype(np.float64) / unit
    for lo, hi in sorted({(stage.lo, stage.hi) for stage in d.passes}):
        cost = sum(bits[index] for index, stage in enumerate(d.passes) if (stage.lo, stage.hi) == (lo, hi)) / 8
        picture = _known(file, model, latent, hi)
        found.append(Level(f"coefficients {lo + 1} to {hi}", plane[..., lo:hi], cost, picture))
    return found


def _known(file: ParsedFile, model: Model, latent: ladder.Latent, hi: int) -> Picture:
    """The picture of the first `hi` coefficients of each block alone, without the correction."""
    plane = latent.plane.copy()
    plane[..., hi:] = 0
    part = ladder.Latent(plane, latent.context)
    pixels = ladder.synthesize(model, engines.engine("numpy"), part, np.zeros_like(plane))
    height, width = file.size
    return np.ascontiguousarray(file.finished(pixels[0, :height, :width]))


def drawn(values: NDArray[np.float64], most: float, side: int) -> Picture:
    """Draw elements (rows, columns, E) as E planes side by side, about a square of `side` pixels: (H, W, 3).

    most: the absolute value at either end of the colour scale.
    """
    height, width, count = values.shape
    across = max(range(1, count + 1), key=lambda n: (-abs(math.log(n * width / (-(-count // n) * height))), n))
    down = -(-count // across)
    scale = max(1, (side - GAP * (max(across, down) - 1)) // max(across * width, down * height))
    tall, wide = height * scale, width * scale
    canvas = np.full((down * (tall + GAP) - GAP, across * (wide + GAP) - GAP, 3), 255, np.uint8)
    for index in range(count):
        y, x = index // across * (tall + GAP), index % across * (wide + GAP)
        plane = colours.signed(values[..., index], most)
        canvas[y : y + tall, x : x + wide] = plane.repeat(scale, axis=0).repeat(scale, axis=1)
    return canvas


def section(coded: Sequence[Coded], side: int) -> Section:
    """A column for each picture; rows for the originals, each level, and the decoded pictures.

    coded: pictures of the same model and size. Below the elements of each level is the picture known so far, from its
    coefficients and all before them, without the correction. side: of each picture in the sheet, about, in pixels.
    """
    first = coded[0]
    scale = max(1, side // max(first.original.shape[:2]))
    found = [levels(c.data) for c in coded]
    rows = [Row([_cell(c.original, scale) for c in coded], "original")]
    for depth, level in enumerate(found[0]):
        column = [one[depth] for one in found]
        most = float(np.quantile(np.abs(np.concatenate([one.values.ravel() for one in column])), 0.99)) or 1.0
        cost = float(np.mean([one.cost for one in column]))
        label = f"{level.name}\nmean {cost:,.1f} bytes\n(brown -{most:,.0f}, blue +{most:,.0f})"
        rows.append(Row([Cell(drawn(one.values, most, side), framed=False) for one in column], label))
        if level.picture is not None:
            rows.append(Row([_cell(one.picture, scale) for one in column], "known so far"))
    rows.append(Row([_cell(c.decoded, scale, f"{len(c.data):,} B, {c.psnr:.1f} dB") for c in coded], "decoded"))
    info = aecodec.inspect(first.data)
    bytes_ = float(np.mean([len(c.data) for c in coded]))
    title = f"{info.model}, quality {info.quality}, {info.width}x{info.height}: mean {bytes_:,.1f} bytes a file"
    return Section(title, rows, 1)


def _cell(picture: Picture | None, scale: int, note: str = "") -> Cell:
    large = None if picture is None else picture.repeat(scale, axis=0).repeat(scale, axis=1)
    return Cell(large, note)


@dataclass(frozen=True)
class Coded:
    """A picture, its file, and the decoded picture."""

    original: Picture
    data: bytes
    decoded: Picture

    @property
    def psnr(self) -> float:
        """PSNR in dB."""
        return float(measured([self.original], [self.decoded], ["psnr"])["psnr"][0])


def code(items: Sequence[Item], options: Mapping[str, Any]) -> list[list[Coded]]:
    """Encode pictures with the options of `aecodec.encode_many`, and group them by model and size."""
    pictures = [item.picture for item in items]
    files = aecodec.encode_many(pictures, **options)
    groups: dict[tuple[Any, ...], list[Coded]] = {}
    for picture, data, decoded in zip(pictures, files, aecodec.decode_many(files), strict=True):
        key = (aecodec.inspect(data).model, picture.shape)
        groups.setdefault(key, []).append(Coded(picture, data, decoded))
    return list(groups.values())


def reduced(picture: Picture, side: int) -> Picture:
    """The picture, scaled down to at most `side` pixels each way."""
    image = Image.fromarray(picture)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.asarray(image)
