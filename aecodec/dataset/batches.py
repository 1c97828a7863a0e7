"""Batches for training loops: in order, or shuffled so that each block is decoded once.

Shuffling draws the order of the blocks, takes several at a time, and draws the order of all pictures in them. With the
default window, the pictures of a batch come from many blocks; that is not a permutation with every order equally
likely, but what training needs, at the speed of reading in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aecodec.errors import InvalidValue
from aecodec.images.source import Picture

WINDOW_PICTURES: Final = 8192  # that are shuffled among each other
READ_BYTES: Final = 1 << 27  # of decoded pictures that are read together, so that every thread has a block to decode


class Batch(NamedTuple):
    """images: (N, H, W[, C]), or a list of pictures. labels: (N,) or None. numbers: (N,), the pictures' own."""

    images: Any
    labels: NDArray[np.int64] | None
    numbers: NDArray[np.int64]


@dataclass(frozen=True)
class Order:
    """The order in which pictures are read.

    blocks: the numbers of the pictures of each block. seed: None for the order of the numbers. part: (index, count), to
    share the blocks among several readers.
    """

    blocks: Sequence[NDArray[np.int64]]
    seed: int | None
    part: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        index, count = self.part
        if not 0 <= index < count:
            raise InvalidValue(f"part must be (index, count) with 0 <= index < count, not {self.part}")

    def windows(self) -> Iterator[NDArray[np.int64]]:
        """Numbers of pictures, some at a time."""
        if self.seed is None:
            mine = self.blocks[self.part[0] :: self.part[1]]
            numbers = np.sort(np.concatenate([np.zeros(0, np.int64), *mine]))  # blocks may hold every second picture
            yield from np.split(numbers, range(WINDOW_PICTURES, len(numbers), WINDOW_PICTURES))
            return
        random = np.random.default_rng(self.seed)
        window: list[NDArray[np.int64]] = []
        for index in random.permutation(len(self.blocks))[self.part[0] :: self.part[1]].tolist():
            window.append(self.blocks[index])
            if sum(map(len, window)) >= WINDOW_PICTURES:
                yield random.permutation(np.concatenate(window))
                window = []
        if window:
            yield random.permutation(np.concatenate(window))

    def batches(self, size: int, drop_last: bool) -> Iterator[NDArray[np.int64]]:
        """The numbers of each batch of `size` pictures; the last one may have fewer, or is dropped."""
        left = np.zeros(0, np.int64)
        for window in self.windows():
            left = np.concatenate([left, window])
            whole = len(left) // size * size
            yield from left[:whole].reshape(-1, size)
            left = left[whole:]
        if len(left) and not drop_last:
            yield left


class ReadAhead:
    """How many pictures to read at a time: as many as hold `READ_BYTES`, judged by those read before."""

    def __init__(self, most: int) -> None:
        self.count, self._most = 1, most

    def learn(self, pictures: Picture | Sequence[Picture]) -> None:
        """Note how large pictures are that were read."""
        if len(pictures):
            mean = sum(picture.nbytes for picture in pictures) / len(pictures)
            self.count = max(1, min(self._most, int(READ_BYTES / max(1.0, mean))))


def several(each: Iterable[NDArray[np.int64]], ahead: ReadAhead) -> Iterator[list[NDArray[np.int64]]]:
    """Arrays of numbers, as many at a time as hold the numbers to read ahead."""
    some: list[NDArray[np.int64]] = []
    for numbers in each:
        some.append(numbers)
        if sum(map(len, some)) >= ahead.count:
            yield some
            some = []
    if some:
        yield some
