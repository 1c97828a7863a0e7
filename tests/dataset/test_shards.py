"""Several files are read as one data set, whole or not at all."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import COLOUR, DIGITS

import aecodec
from aecodec import dataset
from aecodec.errors import AecError, InvalidValue

PICTURES = np.stack(COLOUR)
SIZES = (7, 0, 9, 4)


@pytest.fixture
def pattern(tmp_path: Path) -> str:
    """Twenty pictures in four shards, one of them empty; labels are strings, which each shard numbers by itself."""
    begin = 0
    for index, size in enumerate(SIZES):
        numbers = range(begin, begin + size)
        path = dataset.shard_path(str(tmp_path / "train.aecs"), index, len(SIZES))
        labels = [f"class {-n % 6}" for n in numbers]
        columns = {"number": [float(n) for n in numbers]}
        dataset.write(
            path, PICTURES[begin : begin + size], labels=labels, columns=columns, block_pictures=3, quality=30
        )
        begin += size
    return str(tmp_path / "train-*.aecs")


def whole() -> np.ndarray:
    """The decoded pictures."""
    return np.stack(aecodec.decode_many(aecodec.encode_many(list(PICTURES), quality=30)))


def test_names_of_shards_say_which_of_how_many() -> None:
    assert dataset.shard_path("a/name.aecs", 3, 128) == "a/name-00003-of-00128.aecs"
    assert dataset.shard_path("s3://b.c/name.aecs", 0, 1) == "s3://b.c/name-00000-of-00001.aecs"


def test_shards_are_indexed_like_one_array(pattern: str) -> None:
    expected = whole()
    with dataset.open(pattern) as ds:
        assert len(ds) == 20
        for index in (0, 6, 7, 19, -1, -20):
            assert np.array_equal(ds[index], expected[index])
        assert np.array_equal(ds[5:18:3], expected[5:18:3])
        assert np.array_equal(ds[[19, 0, 7, 7, -2]], expected[[19, 0, 7, 7, -2]])
        assert np.array_equal(np.stack(list(ds)), expected)
        assert ds.files([8, 1]) == aecodec.encode_many([PICTURES[8], PICTURES[1]], quality=30)
        for outside in (20, -21, 2**64 - 1, 2**64):
            with pytest.raises(IndexError):
                ds[outside]


def test_labels_have_the_same_meaning_in_all_shards(pattern: str) -> None:
    with dataset.open(pattern) as ds:
        assert ds.labels is not None
        assert [ds.label_names[label] for label in ds.labels] == [f"class {-n % 6}" for n in range(20)]
        assert ds.columns["number"].tolist() == list(range(20))
        assert set(ds.columns) == {"label", "number"}
        with pytest.raises(KeyError):
            ds.columns["none"]


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_have_every_picture_once(pattern: str, shuffle: bool) -> None:
    expected = whole()
    with dataset.open(pattern) as ds:
        batches = [batch for part in range(2) for batch in ds.batches(6, shuffle=shuffle, seed=1, part=(part, 2))]
    numbers = np.concatenate([batch.numbers for batch in batches])
    assert sorted(numbers.tolist()) == list(range(20))
    for batch in batches:
        assert np.array_equal(batch.images, expected[batch.numbers])


def test_blocks_are_numbered_in_the_whole(pattern: str) -> None:
    with dataset.open(pattern) as ds:
        assert sorted(np.concatenate(ds.blocks()).tolist()) == list(range(20))
        assert not ds.missing.count and not ds.verify()


def test_a_copy_for_another_process_reads_the_same(pattern: str) -> None:
    with dataset.open(pattern) as ds, pickle.loads(pickle.dumps(ds)) as copy:
        assert np.array_equal(copy[:], ds[:]) and np.array_equal(copy.columns["label"], ds.columns["label"])


def test_decoded_pictures_are_kept_within_a_limit_for_all_shards(pattern: str) -> None:
    block = 3 * PICTURES[0].nbytes
    with dataset.open(pattern, cache_bytes=2 * block) as ds:
        assert isinstance(ds, dataset.Shards)
        for number in (0, 7, 16, 3, 10, 0):
            ds[number]
            assert 0 < ds.cached_bytes == sum(shard.cached_bytes for shard in ds.shards) <= 2 * block
        assert ds.shards[0].cached_bytes and not ds.shards[3].cached_bytes  # the latest are kept
        assert ds.file_bytes == sum(shard.file_bytes for shard in ds.shards)
        ds.forget()
        assert ds.cached_bytes == 0


def test_a_missing_shard_is_named(pattern: str, tmp_path: Path) -> None:
    (tmp_path / "train-00002-of-00004.aecs").unlink()
    with pytest.raises(InvalidValue, match="of 4 shards like .*train-00000-of-00004.aecs these are missing: 2"):
        dataset.open(pattern)


def test_shards_of_two_data_sets_are_not_mixed(pattern: str, tmp_path: Path) -> None:
    dataset.write(tmp_path / "train-00000-of-00002.aecs", DIGITS[:2])
    with pytest.raises(InvalidValue, match="not shards of one data set"):
        dataset.open(pattern)


def test_files_with_other_names_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name, number in (("b", 1), ("a", 0)):
        dataset.write(tmp_path / f"{name}.aecs", DIGITS[number : number + 1], lossless=True)
    with dataset.open(tmp_path / "*.aecs") as ds:
        assert np.array_equal(ds[:], DIGITS[:2]) and ds.labels is None
    with pytest.raises(FileNotFoundError, match="no file matches"):
        dataset.open(tmp_path / "c*.aecs")


def test_damage_is_reported_with_the_numbers_of_the_whole(pattern: str, tmp_path: Path) -> None:
    path = tmp_path / "train-00002-of-00004.aecs"
    data = bytearray(path.read_bytes())
    (first, *_) = [e for e in dataset.open(path).entries if e.kind == 1]
    data[first.end - 5] ^= 1
    path.write_bytes(data)
    with dataset.open(pattern) as ds:
        (damage,) = ds.verify()
        assert damage.numbers.numbers().tolist() == [7, 8, 9]
        assert np.array_equal(ds[10:], whole()[10:])
        with pytest.raises(AecError):
            ds[8]


def test_a_name_with_wildcards_is_a_file_if_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "odd[1].aecs"
    dataset.write(path, DIGITS[:3])
    assert len(dataset.open(path)) == 3


@pytest.mark.parametrize("labels", [([0, 1], ["cat", "dog"]), (["cat", "dog"], [0, 1]), (["cat"], [0, 1])])
def test_labels_with_and_without_names_do_not_mix(labels: tuple[list[Any], ...], tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.aecs" for index in range(2)]
    for path, some in zip(paths, labels, strict=True):
        dataset.write(path, DIGITS[: len(some)], labels=some)
    with dataset.open(tmp_path / "*.aecs") as ds, pytest.raises(InvalidValue):
        ds.labels  # noqa: B018


@pytest.mark.parametrize(
    ("second", "labels", "names"),
    [(["a", "a"], [0, 1, 0, 1], ["a", "a"]), (["b", "a"], [0, 1, 2, 0], ["a", "a", "b"])],
)
def test_labels_of_one_name_are_kept_apart(
    second: list[str], labels: list[int], names: list[str], tmp_path: Path
) -> None:
    for index, own in enumerate((["a", "a"], second)):
        path = dataset.shard_path(str(tmp_path / "a.aecs"), index, 2)
        dataset.write(path, PICTURES[:2], labels=[0, 1], label_names=own, quality=30)
    with dataset.open(str(tmp_path / "a-*.aecs")) as ds:
        assert ds.labels is not None and ds.labels.tolist() == labels
        assert ds.label_names == names


def test_an_empty_shard_names_no_labels(tmp_path: Path) -> None:
    dataset.write(tmp_path / "0.aecs", DIGITS[:1], labels=[5])
    dataset.write(tmp_path / "1.aecs", [], label_names=["q"])
    with dataset.open(tmp_path / "*.aecs") as ds:
        assert ds.labels is not None and ds.labels.tolist() == [5] and ds.label_names == []
