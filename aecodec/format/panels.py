"""Panels: the parts of a large picture that are coded, and can be decoded, independently of each other.

A picture, grown to whole units (the model's tiles, or blocks), of more than SIDE pixels in either direction is divided
into panels of as many whole units as fit into SIDE, row by row from the top left; those at the right and lower edge may
be smaller. Nothing is predicted across panel borders, but the correction network, which runs once all elements are
known, sees across them: it gives the same pixels as on the whole canvas at once.

The payload holds a varint for each panel but the last, the length of its packed elements, and then the panels' packed
elements. A panel's checksum starts from that of the header and, if there are several panels, the panel's number in
four bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import numpy as np

from aecodec.errors import TruncatedFile
from aecodec.format.container import read_varint, write_varint
from aecodec.images import tile_grid
from aecodec.images.regions import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Item = TypeVar("_Item")

SIDE = 512
INDEX_BYTES: Final = 4

Progress: TypeAlias = Callable[[int, int], object]
"""A callback that is called with (panels done, panels in all)."""


@dataclass(frozen=True)
class PanelGrid:
    """The panels of a picture of height x width pixels, each of `side` (height, width) except at the far edges."""

    height: int
    width: int
    side: tuple[int, int]

    @classmethod
    def of(cls, size: tuple[int, ...], unit: tuple[int, int]) -> PanelGrid:
        """The panels of a picture of `size` (height, width), grown to whole units of `unit` (height, width)."""
        height, width = tile_grid.covered((size[0], size[1]), unit)
        return cls(height, width, (max(1, SIDE // unit[0]) * unit[0], max(1, SIDE // unit[1]) * unit[1]))

    @classmethod
    def cropped(cls, size: tuple[int, ...], unit: tuple[int, int]) -> PanelGrid:
        """The panels of the same sides of a picture that does not grow."""
        return cls(size[0], size[1], cls.of(size, unit).side)

    @property
    def rows(self) -> int:
        """Panels from top to bottom."""
        return -(-self.height // self.side[0])

    @property
    def columns(self) -> int:
        """Panels from left to right."""
        return -(-self.width // self.side[1])

    @property
    def count(self) -> int:
        """The number of panels."""
        return self.rows * self.columns

    def box(self, index: int) -> Box:
        """The rectangle of a panel, in pixels."""
        y, x = index // self.columns * self.side[0], index % self.columns * self.side[1]
        return Box(y, min(y + self.side[0], self.height), x, min(x + self.side[1], self.width))

    def sizes(self) -> dict[tuple[int, int], int]:
        """How many panels have each size (height, width): at most four, however many panels there are."""
        last = self.box(self.count - 1)
        found: dict[tuple[int, int], int] = {}
        for height, down in ((self.side[0], self.rows - 1), (last.height, 1)):
            for width, across in ((self.side[1], self.columns - 1), (last.width, 1)):
                found[height, width] = found.get((height, width), 0) + down * across
        return {size: count for size, count in found.items() if count}

    def around(self, area: Box, margin: int) -> Box:
        """The rows and columns of the panels that contain an area of pixels and `margin` pixels around it."""
        return Box(
            max(0, area.y0 - margin) // self.side[0],
            -(-min(self.height, area.y1 + margin) // self.side[0]),
            max(0, area.x0 - margin) // self.side[1],
            -(-min(self.width, area.x1 + margin) // self.side[1]),
        )

    def covering(self, area: Box) -> tuple[list[int], Box]:
        """The indices of the panels that contain an area of pixels, and the rectangle that they cover."""
        chosen = self.around(area, 0)
        indices = [y * self.columns + x for y in range(chosen.y0, chosen.y1) for x in range(chosen.x0, chosen.x1)]
        first, last = self.box(indices[0]), self.box(indices[-1])
        return indices, Box(first.y0, last.y1, first.x0, last.x1)


def reported(found: Iterable[_Item], count: int, progress: Progress | None) -> Iterator[_Item]:
    """The results of `count` panels, with `progress` called after each."""
    for done, item in enumerate(found, 1):
        yield item
        if progress:
            progress(done, count)


def seed_of(index: int, count: int, seed: int) -> int:
    """The value from which a panel's checksum starts, so that panels cannot be swapped; seed: the header's CRC-32."""
    return zlib.crc32(index.to_bytes(INDEX_BYTES, "little"), seed) if count > 1 else seed


def checksums(residuals: Sequence[NDArray[Any]], seeds: Iterable[int]) -> list[int]:
    """The checksum of each picture: a CRC-32 that starts from its seed, over its residuals (S, E), pass after pass.

    The residuals are taken as 32-bit integers, little-endian.
    """
    rows = np.concatenate(residuals, axis=1).astype("<i4")
    return [zlib.crc32(row, seed) for row, seed in zip(rows, seeds, strict=True)]


# Payloads ---


def join(parts: Sequence[bytes]) -> bytes:
    """The payload of panels' packed elements."""
    return b"".join([*(write_varint(len(part)) for part in parts[:-1]), *parts])


def split(payload: bytes, grid: PanelGrid, least: Callable[[Box], int]) -> list[bytes]:
    """The inverse of `join`. least: the fewest bytes that a panel can have, by its rectangle.

    Raises TruncatedFile where some panel cannot be whole, and InvalidValue.
    """
    count = grid.count
    lengths, at = [], 0
    if len(payload) < count - 1:
        raise TruncatedFile("the packed data is too short for the picture's panels")
    for _ in range(count - 1):
        length, at = read_varint(payload, at)
        lengths.append(length)
    last = len(payload) - at - sum(lengths)
    if last < 0:
        raise TruncatedFile("the packed data ends before its last panel")
    parts = []
    for index, length in enumerate([*lengths, last]):
        if length < least(grid.box(index)):
            raise TruncatedFile("the packed data is too short for the picture's panels")
        parts.append(payload[at : at + length])
        at += length
    return parts
