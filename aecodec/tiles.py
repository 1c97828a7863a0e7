"""Any size to tiles and back.

A model with a tile sees a picture as a grid of tiles of that shape, row by row. A model without one sees the whole
picture as a single tile. Either way the picture first grows to the right and downwards until the tiles, or whole
blocks of the transform, cover it, by repeating its last column and row; the decoder cuts off what was added.

Sizes and shapes are in the order of arrays here: (height, width). Every function works on S pictures of one size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Grid(NamedTuple):
    """How many tiles, and how large each one is: what follows from a picture's size and its model alone."""

    rows: int
    columns: int
    tile_height: int
    tile_width: int

    @property
    def tiles(self) -> int:
        """The number of tiles."""
        return self.rows * self.columns

    @property
    def pixels(self) -> int:
        """The pixels of all tiles, padding included: what a decoder has to hold."""
        return self.tiles * self.tile_height * self.tile_width


def grid(size: tuple[int, int], tile: tuple[int, int] | None, block: int = 1) -> Grid:
    """The grid that covers a picture of `size` (height, width), both at least 1.

    With a `tile` (height, width): as few tiles as cover the picture. Without: one tile, the picture's size
    rounded up to multiples of `block`.
    """
    height, width = size
    if tile is None:
        return Grid(1, 1, -(-height // block) * block, -(-width // block) * block)
    return Grid(-(-height // tile[0]), -(-width // tile[1]), tile[0], tile[1])


def split(pictures: NDArray[np.uint8], tile: tuple[int, int] | None, block: int = 1) -> NDArray[np.uint8]:
    """Cuts pictures (S, height, width, channels) into their tiles (S * tiles, tile height, tile width, channels).

    `tile` and `block` as in `grid`. The result may share the pictures' memory.
    """
    count, height, width, channels = pictures.shape
    rows, columns, tile_height, tile_width = grid((height, width), tile, block)
    below, right = rows * tile_height - height, columns * tile_width - width
    if below or right:
        pictures = np.pad(pictures, ((0, 0), (0, below), (0, right), (0, 0)), mode="edge")
    cut = pictures.reshape(count, rows, tile_height, columns, tile_width, channels)
    return cut.swapaxes(2, 3).reshape(-1, tile_height, tile_width, channels)


def inside(size: tuple[int, int], tile: tuple[int, int] | None, block: int) -> NDArray[np.bool_]:
    """Which blocks of `block` x `block` pixels hold some of a picture of `size`: (tiles, block rows, block columns).

    All of them, where the picture has several tiles: like tiles at its edge and within pack better than saved blocks.
    """
    rows, columns, tile_height, tile_width = grid(size, tile, block)
    if rows * columns > 1:
        size = (rows * tile_height, columns * tile_width)
    y = np.arange(rows * tile_height).reshape(rows, 1, -1)[..., ::block] < size[0]
    x = np.arange(columns * tile_width).reshape(1, columns, -1)[..., ::block] < size[1]
    return (y[..., :, None] & x[..., None, :]).reshape(rows * columns, y.shape[-1], x.shape[-1])


def join(tiles: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The inverse of `split` for pictures of `size` (height, width): (S, height, width, channels)."""
    _, tile_height, tile_width, channels = tiles.shape
    rows, columns, _, _ = grid(size, (tile_height, tile_width))
    cut = tiles.reshape(-1, rows, columns, tile_height, tile_width, channels)
    pictures = cut.swapaxes(2, 3).reshape(-1, rows * tile_height, columns * tile_width, channels)
    return np.ascontiguousarray(pictures[:, : size[0], : size[1]])
