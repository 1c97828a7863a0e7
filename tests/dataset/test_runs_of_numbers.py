"""Runs of numbers: every set of numbers has one encoding, and every picture is found where it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecodec.dataset import runs
from aecodec.dataset.runs import MOST_PICTURES, Places, Runs
from aecodec.errors import AecError, InvalidValue

numbers = st.sets(st.integers(0, 300), min_size=1).map(sorted)


@given(numbers)
def test_runs_are_read_as_they_were_written(some: list[int]) -> None:
    written = runs.write(Runs.of(some))
    found, at = runs.read(written + b"more", 0)
    assert at == len(written)
    assert found.numbers().tolist() == some
    assert found.count == len(some)


@given(st.binary(max_size=12))
def test_what_can_be_read_is_written_in_the_same_bytes(data: bytes) -> None:
    try:
        found, at = runs.read(data, 0)
    except AecError:
        return
    assert runs.write(found) == data[:at]


@given(numbers, st.integers(1, 5))
def test_every_picture_is_found_in_its_block(some: list[int], blocks: int) -> None:
    owner = np.random.default_rng(len(some)).integers(blocks, size=len(some))
    parts = [[n for n, o in zip(some, owner.tolist(), strict=True) if o == block] for block in range(blocks)]
    places = Places([(block, Runs.of(part)) for block, part in enumerate(parts) if part])
    found, place = places.find(np.arange(302))
    for number in range(302):
        if number in some:
            assert parts[found[number]][place[number]] == number
        else:
            assert found[number] == -1
    assert places.missing().numbers().tolist() == [n for n in range(some[-1]) if n not in some]
    assert (places.count, places.end) == (len(some), some[-1] + 1)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (bytes([1, 0, 0, 0, 0]), "touch"),
        (bytes([0, 0, 128, 128, 4]), "more pictures"),
        (bytes([0, 255, 255, 255, 255, 15, 0]), "higher numbers"),
    ],
)
def test_impossible_runs_are_refused(data: bytes, text: str) -> None:
    with pytest.raises(InvalidValue, match=text):
        runs.read(data, 0)


def test_a_block_may_hold_as_many_pictures_as_the_format_allows() -> None:
    written = runs.write(Runs(((7, MOST_PICTURES),)))
    assert runs.read(written, 0)[0].count == MOST_PICTURES


def test_runs_are_described_in_words() -> None:
    assert str(Runs.of([0, 1, 2, 5, 7, 8])) == "0 to 2, 5, 7 to 8"
