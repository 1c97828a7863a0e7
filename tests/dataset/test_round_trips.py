"""Data sets hold just the pictures that single files would, whatever their sizes, kinds and order."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import COLOUR, DIGITS, LETTERS, mosaic, waves

import aecodec
from aecodec import dataset

TARGETS: list[dict[str, Any]] = [
    {"quality": 40},
    {"lossless": True, "effort": 0},
    {"max_error": 3, "effort": 3},
    {"min_psnr": 28, "effort": 0},
    {"quality": 60, "packing": "zstd"},
]


def written(path: Path, images: Any, **options: Any) -> dataset.DataSet:
    dataset.write(path, images, **options)
    return dataset.open(path)


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_pictures_and_files_are_those_of_the_single_files(tmp_path: Path, target: dict[str, Any]) -> None:
    pictures = [*DIGITS[:9], 255 - DIGITS[9], *COLOUR[:9], waves(40, 33), *LETTERS[:5]]
    files = aecodec.encode_many(pictures, **target)
    ds = written(tmp_path / "set.aecs", iter(pictures), block_pictures=4, **target)
    assert len(ds) == len(pictures)
    assert ds.files(range(len(ds))) == files
    for found, expected in zip(ds, aecodec.decode_many(files), strict=True):
        assert np.array_equal(found, expected)


any_picture = st.one_of(
    st.sampled_from([*DIGITS[:4], *COLOUR[:4]]),
    st.builds(
        lambda h, w, c, seed: np.random.default_rng(seed).integers(0, 256, (h, w, c) if c else (h, w), dtype=np.uint8),
        st.integers(1, 40),
        st.integers(1, 40),
        st.sampled_from([0, 2, 3, 4]),
        st.integers(0, 3),
    ),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(any_picture, max_size=12), st.integers(1, 5), st.sampled_from([{"quality": 30}, {"lossless": True}]))
def test_any_mixture_of_pictures_comes_back(
    tmp_path_factory: pytest.TempPathFactory, pictures: list[np.ndarray], block: int, target: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("sets") / "set.aecs"
    ds = written(path, pictures, block_pictures=block, effort=0, **target)
    expected = aecodec.decode_many(aecodec.encode_many(pictures, effort=0, **target))
    assert len(ds) == len(expected)
    assert ds.verify() == []
    for found, picture in zip(ds[:], expected, strict=True):
        assert found.dtype == picture.dtype
        assert np.array_equal(found, picture)


def test_samples_of_16_bits_and_opacity_are_kept(tmp_path: Path) -> None:
    wide = (waves(20, 30).astype(np.uint16) << 8) + 17
    clear = np.dstack([COLOUR[0], GRADIENT])
    ds = written(tmp_path / "set.aecs", [wide, clear], lossless=True)
    assert np.array_equal(ds[0], wide)
    assert np.array_equal(ds[1], clear)


GRADIENT = np.arange(1024, dtype=np.uint32).reshape(32, 32).astype(np.uint8)


def test_pictures_are_chosen_like_items_of_an_array(tmp_path: Path) -> None:
    ds = written(tmp_path / "set.aecs", DIGITS, block_pictures=3, quality=30)
    whole = ds[:]
    assert whole.shape == (len(DIGITS), 28, 28)
    for index in (3, -1, slice(2, 9), slice(None, None, -2), [3, 1, 4, 1], np.array([5, -2]), np.arange(20) % 3 == 0):
        assert np.array_equal(ds[index], whole[index])
    assert ds[0:0] == []
    assert np.array_equal(ds[np.array([5, -2], np.int8)], whole[[5, -2]])
    outside: Any
    for outside in (20, -21, [0, 20], np.uint64(2**64 - 1), 2**64 - 1, 2**64, -(2**70), [2**64, 1]):
        with pytest.raises(IndexError):
            ds[outside]
    with pytest.raises(IndexError, match="no picture 18446744073709551615"):
        ds.file(2**64 - 1)
    impossible: Any
    for impossible in (1.5, "a", [[1]], [0.5]):
        with pytest.raises(TypeError):
            ds[impossible]


def test_what_is_returned_can_be_changed_without_changing_the_data_set(tmp_path: Path) -> None:
    ds = written(tmp_path / "set.aecs", [*DIGITS[:4], mosaic(30, 30)], quality=30)
    before = [np.array(picture) for picture in ds]
    for found in (ds[0], ds[4], ds[0:2], ds[4:][0]):
        found[:] = 7
    assert all(np.array_equal(*both) for both in zip(ds, before, strict=True))


def test_aec_files_are_taken_over_as_they_are(tmp_path: Path) -> None:
    files = aecodec.encode_many(COLOUR, quality=50, effort=0)
    ds = written(tmp_path / "set.aecs", [*files, COLOUR[0]], lossless=True)
    assert ds.files(range(20)) == files
    assert np.array_equal(ds[20], COLOUR[0])
    with pytest.raises(aecodec.NotAnAecFile):
        dataset.write(tmp_path / "other.aecs", [b"no file"])
    assert [path.name for path in tmp_path.iterdir()] == ["set.aecs"]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    files = aecodec.encode_many(DIGITS[:5], quality=50, effort=0)
    files[3] = files[3][:-1] + bytes([files[3][-1] ^ 1])
    with pytest.raises(aecodec.AecError) as caught:
        dataset.write(tmp_path / "set.aecs", files)
    assert caught.value.__notes__ == ["in the file of picture 3"]


def test_a_data_set_can_be_pickled_and_opened_from_bytes(tmp_path: Path) -> None:
    ds = written(tmp_path / "set.aecs", DIGITS, labels=range(20))
    again = pickle.loads(pickle.dumps(ds))
    held = dataset.open((tmp_path / "set.aecs").read_bytes())
    for other in (again, held):
        assert other.labels is not None
        assert np.array_equal(other[[2, 3]], ds[[2, 3]])
        assert list(other.labels) == list(range(20))
