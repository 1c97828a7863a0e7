"""Sources of training tiles: idx files, npz files, tile sheets, folders."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from samples import COLOUR, mosaic
from tiny_ladders import TILES, idx

from aecodec.sources import tile_arrays

Array = NDArray[Any]


def sheet(tiles: Array, columns: int) -> Array:
    rows = [np.concatenate(list(tiles[i : i + columns]), axis=1) for i in range(0, len(tiles), columns)]
    return np.concatenate(rows)


def test_idx_files_gzipped_or_not(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(idx(TILES))
    (tmp_path / "zipped.gz").write_bytes(gzip.compress(idx(TILES)))
    for name in ("plain", "zipped.gz"):
        assert np.array_equal(tile_arrays.load(str(tmp_path / name), (28, 28), 1), TILES[..., None])


def test_npz_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "both.npz", a=TILES[:3], b=TILES[3:5, ..., None], labels=np.arange(5))
    assert np.array_equal(tile_arrays.load(str(tmp_path / "both.npz"), (28, 28), 1), TILES[:5, ..., None])


def test_tile_sheets(tmp_path: Path) -> None:
    tiles = np.resize(TILES, (25 * 26, 28, 28))
    Image.fromarray(sheet(tiles, 26)).save(tmp_path / "sheet.png")
    assert np.array_equal(tile_arrays.load(str(tmp_path / "sheet.png"), (28, 28), 1), tiles[..., None])


def test_folders_of_pictures(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    Image.fromarray(COLOUR[0]).save(tmp_path / "a.png")
    Image.fromarray(sheet(np.stack(COLOUR), 5)).save(tmp_path / "deep" / "er" / "b.webp", lossless=True)
    (tmp_path / "notes.txt").write_text("no picture")
    tiles = tile_arrays.load(str(tmp_path), (32, 32), 3, crops=10)
    assert tiles.shape == (11, 32, 32, 3)
    assert np.array_equal(tiles[0], COLOUR[0])
    assert np.array_equal(tile_arrays.load(str(tmp_path), (32, 32), 3, crops=10), tiles)  # crops follow from the seed
    assert not np.array_equal(tile_arrays.load(str(tmp_path), (32, 32), 3, crops=10, seed=1), tiles)


def test_larger_crops_come_from_folders_of_larger_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    whole = mosaic(150, 140)
    Image.fromarray(COLOUR[0]).save(folder / "a-tile.png")
    Image.fromarray(COLOUR[0][:, :, :1].repeat(3, 2).repeat(2, 1)[:, :63]).save(folder / "b-narrow.png")
    Image.fromarray(whole).save(folder / "c-large.png")
    crops = tile_arrays.load_crops(str(folder), (32, 32), 3, crops=6)
    assert crops.shape == (6, 64, 64, 3)
    assert np.array_equal(tile_arrays.load_crops(str(folder), (32, 32), 3, crops=6), crops)
    assert not np.array_equal(tile_arrays.load_crops(str(folder), (32, 32), 3, crops=6, seed=1), crops)
    # Every second one is of the picture at half its size: of 75 x 70 pixels, and so no part of the whole one.
    places = np.lib.stride_tricks.sliding_window_view(whole, (64, 64, 3)).reshape(-1, 64, 64, 3)
    assert [any(np.array_equal(crop, place) for place in places) for crop in crops] == [True, False] * 3
    (tmp_path / "idx").write_bytes(idx(TILES))
    Image.fromarray(whole).save(tmp_path / "sheet.png")
    for other in ("idx", "sheet.png"):
        assert tile_arrays.load_crops(str(tmp_path / other), (28, 28), 1).shape == (0, 56, 56, 1)
