"""Canvases: pictures of any size, grown to whole units.

A model codes whole tiles or, if it has no tile, whole blocks of its transform. A picture grows to the right and
downwards to the next whole unit by repeating its last column and row; the decoder crops what was added.

Sizes and shapes are given as in arrays: (height, width). Every function works on S pictures of the same size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def covered(size: tuple[int, int], unit: tuple[int, int]) -> tuple[int, int]:
    """The size (height, width) of the fewest units of (height, width) that cover a picture of `size`."""
    return -(-size[0] // unit[0]) * unit[0], -(-size[1] // unit[1]) * unit[1]


def grow(pictures: NDArray[np.uint8], unit: tuple[int, int]) -> NDArray[np.uint8]:
    """Pictures (S, height, width, channels) grown to whole units; the result may share their memory."""
    height, width = pictures.shape[1:3]
    whole = covered((height, width), unit)
    if whole == (height, width):
        return pictures
    return np.pad(pictures, ((0, 0), (0, whole[0] - height), (0, whole[1] - width), (0, 0)), mode="edge")


def inside(size: tuple[int, int], unit: tuple[int, int], block: int) -> NDArray[np.bool_]:
    """Which blocks of `block` x `block` pixels of the grown picture hold part of a picture of `size`: (rows, columns).

    All of them if the picture has several units: edge blocks that resemble inner ones pack better than omitted ones.
    """
    whole = covered(size, unit)
    if whole != unit:
        size = whole
    y, x = np.arange(0, whole[0], block) < size[0], np.arange(0, whole[1], block) < size[1]
    return y[:, None] & x


def sample(pictures: NDArray[np.uint8], unit: tuple[int, int], count: int) -> NDArray[np.uint8]:
    """`count` units of each grown picture, spread over it: (S * count, unit height, unit width, channels).

    The whole pictures are not grown for this: only the pixels of the chosen units are read.
    """
    height, width = pictures.shape[1:3]
    whole = covered((height, width), unit)
    across = whole[1] // unit[1]
    chosen = np.linspace(0, whole[0] // unit[0] * across - 1, count).astype(int)
    y = np.minimum((chosen // across * unit[0])[:, None] + np.arange(unit[0]), height - 1)
    x = np.minimum((chosen % across * unit[1])[:, None] + np.arange(unit[1]), width - 1)
    return pictures[:, y[:, :, None], x[:, None, :]].reshape(-1, *unit, pictures.shape[3])
