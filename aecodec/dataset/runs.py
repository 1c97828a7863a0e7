"""Numbers of pictures as runs of consecutive ones, which is how a block says which pictures it holds.

    varint    the number of runs, minus one
    per run   a varint, its first number minus the end of the run before, or 0; a varint, its length minus one

Two runs never touch, so the gap is 1 or more but for the first run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aecodec.errors import InvalidValue
from aecodec.format.container import read_varint, write_varint

MOST_PICTURES = 1 << 16  # of a block: a few bytes must not stand for more than is easily held
END = 1 << 32  # the number of pictures of a data set is below it


@dataclass(frozen=True)
class Runs:
    """Increasing numbers, as (first, length) of each run."""

    runs: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Runs:
        """The runs of increasing numbers."""
        runs: list[tuple[int, int]] = []
        for number in numbers:
            if runs and sum(runs[-1]) == number:
                runs[-1] = runs[-1][0], runs[-1][1] + 1
            else:
                runs.append((number, 1))
        return cls(tuple(runs))

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return sum(length for _, length in self.runs)

    @property
    def end(self) -> int:
        """The last number plus one; 0 if there is none."""
        return sum(self.runs[-1]) if self.runs else 0

    def numbers(self) -> NDArray[np.int64]:
        """All numbers."""
        parts = [np.arange(first, first + length) for first, length in self.runs]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def __str__(self) -> str:
        return ", ".join(str(a) if n == 1 else f"{a} to {a + n - 1}" for a, n in self.runs)


def write(runs: Runs) -> bytes:
    """The bytes of at least one run."""
    written = bytearray(write_varint(len(runs.runs) - 1))
    end = 0
    for first, length in runs.runs:
        written += write_varint(first - end) + write_varint(length - 1)
        end = first + length
    return bytes(written)


def read(data: bytes, at: int) -> tuple[Runs, int]:
    """The runs at `at`, and where the next field begins. Raises InvalidValue, TruncatedFile."""
    less_one, at = read_varint(data, at)
    runs: list[tuple[int, int]] = []
    end = count = 0
    for index in range(less_one + 1):
        gap, at = read_varint(data, at)
        length, at = read_varint(data, at)
        count += length + 1
        if index and not gap:
            raise InvalidValue("two runs of pictures touch each other")
        if count > MOST_PICTURES or end + gap + length + 1 >= END:
            raise InvalidValue("a block holds more pictures, or higher numbers, than the format allows")
        runs.append((end + gap, length + 1))
        end += gap + length + 1
    return Runs(tuple(runs)), at


class Places:
    """Where each picture of a data set is: the block, and the place in it. owners: (block, its runs)."""

    def __init__(self, owners: Sequence[tuple[int, Runs]]) -> None:
        rows = []
        for block, runs in owners:
            place = 0
            for first, length in runs.runs:
                rows.append((first, length, block, place))
                place += length
        table = np.array(sorted(rows), np.int64).reshape(-1, 4)
        self._first, self._length, self._block, self._place = table.T.copy()
        if (self._first[1:] < (self._first + self._length)[:-1]).any():
            raise InvalidValue("two blocks of the data set hold the same picture")
        self.end = int((self._first + self._length)[-1]) if rows else 0
        self.count = int(self._length.sum())

    def find(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(blocks, places) of the pictures with these numbers; block -1 for one that no block holds."""
        run = np.searchsorted(self._first, numbers, side="right") - 1
        safe = np.maximum(run, 0)
        if not self.count:
            return np.full(len(numbers), -1), np.zeros(len(numbers), np.int64)
        within = numbers - self._first[safe]
        found = (run >= 0) & (within < self._length[safe])
        return np.where(found, self._block[safe], -1), self._place[safe] + within

    def missing(self) -> Runs:
        """The numbers below the end that no block holds."""
        ends = np.concatenate([[0], self._first + self._length])
        starts = np.concatenate([self._first, [self.end]])
        gaps = zip(ends.tolist(), (starts - ends).tolist(), strict=True)
        return Runs(tuple((end, length) for end, length in gaps if length > 0))
