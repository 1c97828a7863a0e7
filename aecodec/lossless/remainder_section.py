"""The remainder section: the part of a picture that its lossy file lacks, computed, packed and read back.

The section holds the largest error in one byte, followed by the packed elements of the panels, laid out as in a
payload, in the file's packing. Elements are samples; only blocks of the remainder that contain part of the picture are
coded.

    1 byte              N: no sample is off by more
    panels - 1 varints  lengths of the packed elements of all panels but the last
    the rest            packed elements

The checksum of a panel covers its number, if there are several, and its residuals as coded; that of the file's
payload covers the section's bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aecodec import packing
from aecodec.engines import Engine
from aecodec.errors import InvalidValue, TruncatedFile
from aecodec.format import panels
from aecodec.format.panels import PanelGrid
from aecodec.models import remainder as remainder_ladder
from aecodec.models.ladder import Integers
from aecodec.models.model import Model, RemainderStage
from aecodec.models.remainder_samples import residuals_to
from aecodec.packing import Coded, Read, Tables, least_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aecodec.images.source import Picture


@dataclass(frozen=True)
class Found:
    """Remainders of S pictures of the same size.

    residuals, classes: (S, E) for each channel in the order of coding. pixels: the pictures as decoded (S, H, W, C).
    """

    tables: Tables
    residuals: list[NDArray[Any]]
    classes: list[NDArray[np.uint8]]
    pixels: Picture


def stage_of(model: Model) -> RemainderStage:
    """The remainder of a model. Raises InvalidValue if it has none."""
    if model.remainder is None:
        raise InvalidValue(f"the model {model.name} cannot bound the error: it has no remainder")
    return model.remainder


def _grown(size: tuple[int, int], model: Model) -> tuple[int, int]:
    """The size (height, width) of a picture, or of a panel's part of it, grown to whole blocks of the remainder."""
    block = stage_of(model).shape.block
    return -(-size[0] // block) * block, -(-size[1] // block) * block


def find(
    model: Model,
    engine: Engine,
    pictures: Picture,
    reconstructed: Picture,
    quality: NDArray[np.intp],
    error: NDArray[np.intp],
) -> Found:
    """Compute the remainders of pictures (S, H, W, C) of at most one panel.

    reconstructed: the pictures decoded from the lossy parts, which may be larger. quality: (S,), of the lossy parts.
    error: (S,), the largest errors allowed.
    """
    stage = stage_of(model)
    count, height, width, channels = pictures.shape
    high, wide = _grown((height, width), model)
    shown = np.zeros((1, high, wide, channels), np.uint8)
    shown[:, :height, :width] = 1
    inside = remainder_ladder.to_plane(stage, shown)[0]
    grown = np.zeros((count, high, wide, channels), np.uint8)
    grown[:, :height, :width] = pictures
    target = remainder_ladder.to_plane(stage, grown)
    step = (2 * error + 1).astype(np.int32)
    residuals: list[NDArray[Any]] = []
    coded: list[NDArray[np.uint8]] = []

    def code(channel: int, where: NDArray[np.intp], mean: Integers, classes: NDArray[np.uint8]) -> Integers:
        residuals.append(residuals_to(target, inside, channel, where, mean, step))
        coded.append(classes)
        return residuals[-1]

    pixels = remainder_ladder.walk(model, engine, reconstructed[:, :high, :wide], quality, error, code)
    return Found(stage.tables, residuals, coded, pixels[:, :height, :width])


def pack(name: str, found: Found, seed: int = 0) -> list[bytes]:
    """The packed elements of each picture, or of one panel of it, whose checksum starts from `seed`."""
    checks = panels.checksums(found.residuals, [seed] * len(found.residuals[0]))
    return packing.pack(name, found.tables, found.residuals, found.classes, checks)


def join(error: int, parts: Sequence[bytes]) -> bytes:
    """The content of the section, from the packed elements of the panels."""
    return bytes([error]) + panels.join(parts)


def split(content: bytes, grid: PanelGrid, size: tuple[int, int], model: Model, packing_name: str) -> list[bytes]:
    """The packed elements of each panel of a picture (height, width). Raises AecError."""
    stage_of(model)
    if not content:
        raise TruncatedFile("the remainder ends before its error bound")
    least = [least_bytes(packing_name, elements_of(model, size_of_part(grid, i, size))) for i in range(grid.count)]
    return panels.split(content[1:], least)


def size_of_part(grid: PanelGrid, index: int, size: tuple[int, int]) -> tuple[int, int]:
    """The size (height, width) of a panel's part of a picture of `size`."""
    box = grid.box(index)
    return min(box.y1, size[0]) - box.y0, min(box.x1, size[1]) - box.x0


def elements_of(model: Model, size: tuple[int, int]) -> int:
    """The number of elements of the remainder of a picture, or of a panel's part of it, of a size (height, width)."""
    high, wide = _grown(size, model)
    return high * wide * model.description.channels


@dataclass(frozen=True)
class PackedRemainder:
    """packed: the packed elements of a panel. quality: of the lossy part. error: the largest error that remains."""

    packed: bytes
    quality: int
    error: int


@dataclass(frozen=True)
class Part:
    """A panel's part of a picture: its size (height, width), and the value from which its checksum starts."""

    size: tuple[int, int]
    seed: int = 0


def finish(
    model: Model,
    engine: Engine,
    packing_name: str,
    reconstructed: Picture,
    part: Part,
    remainders: Sequence[PackedRemainder],
) -> tuple[Picture, Coded]:
    """The pictures (S, H, W, C), or the same panel of each, from their lossy parts and their remainders.

    With them, the residuals and classes that were read. reconstructed: the pictures decoded from the lossy parts, which
    may be larger. Raises AecError.
    """
    payloads = [remainder.packed for remainder in remainders]
    decoder = packing.unpacker(packing_name, stage_of(model).tables, payloads, elements_of(model, part.size))
    quality = np.array([remainder.quality for remainder in remainders])
    error = np.array([remainder.error for remainder in remainders])
    pixels, coded = walk(model, engine, reconstructed, part.size, Bounds(quality, error), decoder.read)
    decoder.finish(panels.checksums(coded.residuals, [part.seed] * len(remainders)))
    return pixels, coded


@dataclass(frozen=True)
class Bounds:
    """Of S pictures: the qualities of their lossy parts (S,), and the largest errors that remain (S,)."""

    quality: NDArray[np.intp]
    error: NDArray[np.intp]


def walk(
    model: Model, engine: Engine, reconstructed: Picture, size: tuple[int, int], bounds: Bounds, read: Read
) -> tuple[Picture, Coded]:
    """The pictures (S, H, W, C), of a size (height, width), unchecked, and what was read for them."""
    high, wide = _grown(size, model)
    coded = Coded([], [])

    def code(channel: int, where: NDArray[np.intp], mean: Integers, classes: NDArray[np.uint8]) -> Integers:
        return coded.read(read, classes)

    shown = reconstructed[:, :high, :wide]
    pixels = remainder_ladder.walk(model, engine, shown, bounds.quality, bounds.error, code)
    return pixels[:, : size[0], : size[1]], coded
