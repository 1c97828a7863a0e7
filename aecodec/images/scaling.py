"""Reduced pictures, in integer arithmetic: the meaning of `thumbnail`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aecodec.errors import InvalidValue
from aecodec.images.arguments import integer

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BAND = 1 << 20  # pixels that are summed at once


def factors(size: tuple[int, int], longest: int, block: int | None) -> tuple[int, int]:
    """The reduction factors of a thumbnail of a picture of `size` (height, width): (pixels, blocks).

    These are the numbers of pixels and of blocks of the picture per pixel of the thumbnail, in each direction. blocks
    is 0 if the thumbnail is made from decoded pixels, which is always the case if `block`, the side of a block in
    pixels, is None. longest: the maximum length of the longer side of the thumbnail, in pixels. Raises InvalidValue.
    """
    limit = integer(longest)
    if limit is None or limit < 1:
        raise InvalidValue(f"the size of a thumbnail must be a whole number of pixels, 1 or more, not {longest!r}")
    factor = -(-max(size) // limit)
    if block is None or factor < block:
        return factor, 0
    blocks = -(-factor // block)
    return blocks * block, blocks


def reduced(picture: NDArray[Any], factor: int) -> NDArray[Any]:
    """The means of squares of factor x factor pixels: (H, W, ...) -> (ceil(H / factor), ceil(W / factor), ...).

    Halves are rounded up. Squares that cross the right or lower edge use the pixels inside the picture.
    """
    if factor == 1:
        return picture
    height, width = picture.shape[:2]
    down, across = np.arange(0, height, factor), np.arange(0, width, factor)
    counts = np.diff(across, append=width)
    made = np.empty((down.size, across.size, *picture.shape[2:]), picture.dtype)
    rows = max(1, _BAND // (width * factor))  # of the result
    for begin in range(0, down.size, rows):
        some = down[begin : begin + rows]
        end = min(height, int(some[-1]) + factor)
        sums = np.add.reduceat(picture[some[0] : end], some - some[0], axis=0, dtype=np.int64)
        sums = np.add.reduceat(sums, across, axis=1)
        area = np.diff(some, append=end)[:, None] * counts
        area = area.reshape(*area.shape, *[1] * (picture.ndim - 2))
        made[begin : begin + rows] = (sums + area // 2) // area
    return made
