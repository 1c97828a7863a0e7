"""Any size to tiles and back: pictures of one size, several at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aecodec.tiles import Grid, grid, inside, join, split

sides = st.integers(1, 40)
stacks = arrays(np.uint8, st.tuples(st.integers(1, 4), sides, sides, st.sampled_from([1, 3])))
tile_sides = st.integers(1, 33)


@given(stacks, st.none() | st.tuples(tile_sides, tile_sides), st.integers(1, 16))
def test_joining_inverts_splitting(pictures: np.ndarray, tile: tuple[int, int] | None, block: int) -> None:
    tiles = split(pictures, tile, block)
    layout = grid(pictures.shape[1:3], tile, block)
    count, channels = len(pictures), pictures.shape[3]
    assert tiles.shape == (count * layout.tiles, layout.tile_height, layout.tile_width, channels)
    assert count * layout.pixels * channels == tiles.size
    joined = join(tiles, pictures.shape[1:3])
    assert joined.flags.c_contiguous
    assert joined.shape == pictures.shape
    assert np.array_equal(joined, pictures)


@given(stacks, st.none() | st.tuples(tile_sides, tile_sides), st.integers(1, 16))
def test_pictures_split_together_are_split_like_each_alone(
    pictures: np.ndarray, tile: tuple[int, int] | None, block: int
) -> None:
    alone = [split(pictures[i : i + 1], tile, block) for i in range(len(pictures))]
    assert np.array_equal(split(pictures, tile, block), np.concatenate(alone))


@pytest.mark.parametrize(
    ("size", "tile", "block", "expected"),
    [
        ((28, 28), (28, 28), 1, Grid(1, 1, 28, 28)),
        ((1, 1), (28, 28), 1, Grid(1, 1, 28, 28)),
        ((29, 57), (28, 28), 1, Grid(2, 3, 28, 28)),
        ((29, 57), None, 8, Grid(1, 1, 32, 64)),
        ((32, 64), None, 8, Grid(1, 1, 32, 64)),
        ((5, 7), None, 1, Grid(1, 1, 5, 7)),
        ((2**32, 2**32), (32, 32), 4, Grid(2**27, 2**27, 32, 32)),
    ],
)
def test_the_grid_follows_from_the_size(
    size: tuple[int, int], tile: tuple[int, int] | None, block: int, expected: Grid
) -> None:
    assert grid(size, tile, block) == expected


def test_tiles_go_row_by_row_and_repeat_the_last_column_and_row() -> None:
    picture = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.uint8)
    tiles = split(np.stack([picture, picture + 10])[..., None], (2, 2))
    first = [[[1, 2], [4, 5]], [[3, 3], [6, 6]], [[7, 8], [7, 8]], [[9, 9], [9, 9]]]
    assert tiles[:4, ..., 0].tolist() == first
    assert np.array_equal(tiles[4:], tiles[:4] + 10)


def test_blocks_outside_a_picture_of_one_tile_are_known() -> None:
    shown = inside((5, 9), (28, 28), 4)
    assert shown.shape == (1, 7, 7)
    assert shown[0].sum() == 2 * 3
    assert shown[0, :2, :3].all()


def test_every_block_of_several_tiles_counts_as_inside() -> None:
    assert inside((33, 5), (32, 32), 4).all()
