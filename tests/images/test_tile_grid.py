"""Pictures of any size as whole tiles: pictures of one size, several at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aecodec.images.tile_grid import covered, grow, inside, sample

sides = st.integers(1, 40)
stacks = arrays(np.uint8, st.tuples(st.integers(1, 4), sides, sides, st.sampled_from([1, 3])))
units = st.tuples(st.integers(1, 33), st.integers(1, 33))


@pytest.mark.parametrize(
    ("size", "unit", "expected"),
    [
        ((28, 28), (28, 28), (28, 28)),
        ((1, 1), (28, 28), (28, 28)),
        ((29, 57), (28, 28), (56, 84)),
        ((28, 29), (28, 14), (28, 42)),
        ((29, 57), (8, 8), (32, 64)),
        ((5, 7), (1, 1), (5, 7)),
        ((2**32, 2**32 - 1), (32, 32), (2**32, 2**32)),
    ],
)
def test_as_few_units_as_possible_cover_a_picture(
    size: tuple[int, int], unit: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert covered(size, unit) == expected


@given(stacks, units)
def test_a_grown_picture_is_the_picture_and_repeats_its_last_column_and_row(
    pictures: np.ndarray, unit: tuple[int, int]
) -> None:
    count, height, width, channels = pictures.shape
    grown = grow(pictures, unit)
    assert grown.shape == (count, *covered((height, width), unit), channels)
    y, x = (
        np.minimum(np.arange(size), limit - 1) for size, limit in zip(grown.shape[1:3], (height, width), strict=True)
    )
    assert np.array_equal(grown, pictures[:, y[:, None], x])


def test_a_picture_of_whole_units_is_not_copied() -> None:
    pictures = np.zeros((2, 28, 56, 3), np.uint8)
    assert grow(pictures, (28, 28)) is pictures


def test_blocks_outside_a_picture_of_one_tile_are_known() -> None:
    shown = inside((5, 9), (28, 28), 4)
    assert shown.shape == (7, 7)
    assert shown.sum() == 2 * 3
    assert shown[:2, :3].all()


@pytest.mark.parametrize("size", [(33, 5), (5, 33), (64, 64)])
def test_every_block_of_several_tiles_counts_as_inside(size: tuple[int, int]) -> None:
    shown = inside(size, (32, 32), 4)
    assert shown.shape == tuple(side // 4 for side in covered(size, (32, 32)))
    assert shown.all()


def test_a_sample_is_units_of_each_picture_spread_over_it() -> None:
    # Every pixel of a unit is the unit's number; pictures differ by 100.
    numbers = np.kron(np.arange(12).reshape(3, 4), np.ones((2, 5), int)).astype(np.uint8)
    pictures = np.stack([numbers, numbers + 100])[..., None]
    found = sample(pictures, (2, 5), 4)
    assert found.shape == (8, 2, 5, 1)
    assert found.max(axis=(1, 2, 3)).tolist() == [0, 3, 7, 11, 100, 103, 107, 111]
    assert np.array_equal(found.min(axis=(1, 2, 3)), found.max(axis=(1, 2, 3)))


@given(stacks, units)
def test_a_sample_of_all_units_leaves_nothing_out(pictures: np.ndarray, unit: tuple[int, int]) -> None:
    grown = grow(pictures, unit)
    down, across = grown.shape[1] // unit[0], grown.shape[2] // unit[1]
    found = sample(grown, unit, down * across).reshape(len(pictures), down, across, *unit, -1)
    assert np.array_equal(found.swapaxes(2, 3).reshape(grown.shape), grown)
