"""Pictures to measure, from sources of every kind."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from samples import DIGITS

from aecodec.sources import items, readers, tile_arrays


def test_a_sheet_falls_into_its_tiles_row_by_row() -> None:
    sheet = np.arange(4 * 6, dtype=np.uint8).reshape(4, 6)
    assert [tile[0, 0] for tile in readers.sheet_tiles(sheet, (2, 3))] == [0, 3, 12, 15]
    assert readers.is_sheet(sheet, (2, 3), least=2)
    assert not readers.is_sheet(sheet, (2, 3)) and not readers.is_sheet(sheet, (3, 4), least=1)


def test_a_picture_that_is_no_sheet_is_one_picture_or_refused(tmp_path: Path) -> None:
    Image.fromarray(DIGITS[0]).save(tmp_path / "a.png")
    (item,) = items.load([str(tmp_path / "a.png")], (16, 16), least=2)
    assert (item.picture == DIGITS[0]).all()
    with pytest.raises(ValueError, match="28x28, which is not a sheet of 16x16 tiles"):
        items.load([str(tmp_path / "a.png")], (16, 16))


@pytest.mark.parametrize("name", ["a.gz", "a.npz", "a.png", "a"])
def test_what_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    damaged = gzip.compress(bytes(range(256)) * 9)[:60]
    for content in (b"", damaged, b"PK\3\4" + damaged, b"\0\0\x08\3\0\0", damaged[:10] + bytes(50)):
        (tmp_path / name).write_bytes(content)
        for load in (lambda path: items.load([path]), lambda path: tile_arrays.load(path, (28, 28), 1)):
            with pytest.raises(ValueError, match=name):
                load(str(tmp_path / name))


def test_npz_files_give_their_pictures_or_one_array_of_them(tmp_path: Path) -> None:
    file, noise = str(tmp_path / "a.npz"), np.random.default_rng(0)
    train, test = noise.integers(0, 256, (3, 8, 9), np.uint8), noise.integers(0, 256, (2, 8, 9, 3), np.uint8)
    np.savez(file, train=train, test=test, labels=np.arange(3, dtype=np.uint8))
    assert [item.name for item in items.load([file], limit=4)] == [f"a.npz#{k}" for k in range(4)]
    assert (items.load([f"{file}:test"])[1].picture == test[1]).all()
    with pytest.raises(ValueError, match="has no array none, but train, test, labels"):
        items.load([f"{file}:none"])
    with pytest.raises(ValueError, match="holds no uint8 pictures"):
        items.load([f"{file}:labels"])


def test_what_is_no_array_of_pictures_in_an_npz_file_is_not_read(tmp_path: Path) -> None:
    file, digits = str(tmp_path / "a.npz"), np.stack(DIGITS)
    np.savez(file, digits=digits, notes=np.array([None]))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("README.txt", "hello")
    assert len(items.load([file])) == len(digits)
    assert len(tile_arrays.load(file, (28, 28), 1)) == len(digits)


def test_an_array_that_was_named_npz_is_refused(tmp_path: Path) -> None:
    with open(tmp_path / "a.npz", "wb") as stream:
        np.save(stream, np.stack(DIGITS))
    for load in (lambda path: items.load([path]), lambda path: tile_arrays.load(path, (28, 28), 1)):
        with pytest.raises(ValueError, match="a.npz cannot be read: File is not a zip file"):
            load(str(tmp_path / "a.npz"))


@pytest.mark.parametrize("count, expected", [(1, [0]), (3, [0, 3, 6]), (10, list(range(10))), (99, list(range(10)))])
def test_some_of_many_are_at_even_distances_and_never_one_twice(count: int, expected: list[int]) -> None:
    assert items.spread(range(10), count) == expected
