"""Held-out pictures are those that training leaves out; the smoothest have the least differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aecodec.sources import selection
from aecodec.sources.items import Item


def folder_of(path: Path, count: int) -> str:
    for number in range(count):
        Image.new("L", (4, 4), number).save(path / f"{number:02}.png")
    return str(path)


def test_one_picture_in_sixteen_is_held_out_the_same_for_the_same_seed(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 50)
    files, count = selection.held_out_files([folder], 1)
    assert count == 50 and len(files) == 3 and files == sorted(files)
    assert selection.held_out_files([folder], 1) == (files, 50)
    assert selection.held_out_files([folder], 2)[0] != files


def test_what_is_held_out_and_the_others_are_all_files_and_none_twice(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 35)
    kept, others = selection.hold_out_pictures([folder], np.random.default_rng(4))
    assert len(kept) == 2
    assert sorted(kept + others) == sorted(str(file) for file in tmp_path.iterdir())


def test_fewer_than_sixteen_files_hold_none_out(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="of 15 files, none is held out"):
        selection.held_out_files([folder_of(tmp_path, 15)], 1)


def test_roughness_is_the_mean_difference_of_neighbours_in_both_directions() -> None:
    assert selection.roughness(np.array([[0, 10], [30, 60]], np.uint8)) == (10 + 30 + 30 + 50) / 4
    coloured = np.dstack([np.array([[200, 10]], np.uint8), np.array([[0, 20]], np.uint8)])
    assert selection.roughness(coloured) == (190 + 20) / 2
    assert selection.roughness(np.zeros((1, 1), np.uint8)) == 0


def test_the_smoothest_are_in_the_order_they_came_in() -> None:
    steps = {"a": 9, "b": 1, "c": 50, "d": 0}
    items = [Item(name, np.array([[100, 100 + step]], np.uint8)) for name, step in steps.items()]
    assert [item.name for item in selection.smoothest(items, 2)] == ["b", "d"]
    assert [item.name for item in selection.smoothest(items, 9)] == list("abcd")
