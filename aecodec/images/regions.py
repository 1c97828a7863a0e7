"""Rectangles of pixels or blocks, and what `region` means."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TypeAlias

from aecodec.errors import InvalidValue

Region: TypeAlias = tuple[int, int, int, int]
"""x, y, width, height in pixels, x and y of the top left one."""


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels, or of blocks: y0 <= y < y1, x0 <= x < x1."""

    y0: int
    y1: int
    x0: int
    x1: int

    def __floordiv__(self, side: int) -> Box:
        return Box(self.y0 // side, self.y1 // side, self.x0 // side, self.x1 // side)

    def __mul__(self, side: int) -> Box:
        return Box(self.y0 * side, self.y1 * side, self.x0 * side, self.x1 * side)

    @property
    def height(self) -> int:
        """Rows."""
        return self.y1 - self.y0

    @property
    def width(self) -> int:
        """Columns."""
        return self.x1 - self.x0

    def intersection(self, other: Box) -> Box | None:
        """The intersection of both rectangles, or None."""
        y0, y1 = max(self.y0, other.y0), min(self.y1, other.y1)
        x0, x1 = max(self.x0, other.x0), min(self.x1, other.x1)
        return Box(y0, y1, x0, x1) if y0 < y1 and x0 < x1 else None

    def grown(self, margin: int, outer: Box) -> Box:
        """The rectangle with a margin all round, as far as it is inside another one."""
        return Box(
            max(outer.y0, self.y0 - margin),
            min(outer.y1, self.y1 + margin),
            max(outer.x0, self.x0 - margin),
            min(outer.x1, self.x1 + margin),
        )

    def within(self, outer: Box) -> Box:
        """The same rectangle in coordinates that start at the top left of another one."""
        return Box(self.y0 - outer.y0, self.y1 - outer.y0, self.x0 - outer.x0, self.x1 - outer.x0)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Indices of the rectangle in an array (height, width, ...)."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)


def area(region: Region | None, size: tuple[int, int]) -> Box:
    """The part of a picture of `size` (height, width) that a region selects; all for None. Raises InvalidValue."""
    if region is None:
        return Box(0, size[0], 0, size[1])
    try:
        x, y, width, height = (operator.index(side) for side in region)
    except (TypeError, ValueError):
        raise InvalidValue(f"a region is four whole numbers (x, y, width, height), not {region!r}") from None
    if min(x, y) < 0 or min(width, height) < 1 or x + width > size[1] or y + height > size[0]:
        raise InvalidValue(f"the region {width}x{height} at {x},{y} lies outside the picture of {size[1]}x{size[0]}")
    return Box(y, y + height, x, x + width)
