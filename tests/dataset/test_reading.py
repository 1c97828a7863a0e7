"""Data sets are read by training loops: in batches, by threads, and in other processes."""

from __future__ import annotations

import multiprocessing
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import COLOUR, DIGITS, waves

import aecodec
from aecodec import dataset
from aecodec.dataset import batches, framing, reading
from aecodec.dataset.ranges import InMemory


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 digits in blocks of 8, with their numbers as labels."""
    path = tmp_path_factory.mktemp("sets") / "set.aecs"
    files = aecodec.encode_many(DIGITS, quality=30, effort=0)
    dataset.write(path, files * 5, labels=range(100), block_pictures=8)
    return path


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("size", [1, 7, 32, 1000])
def test_batches_hold_every_picture_once_with_its_label(path: Path, shuffle: bool, size: int) -> None:
    ds = dataset.open(path)
    found = list(ds.batches(size, shuffle=shuffle))
    numbers = np.concatenate([batch.numbers for batch in found])
    assert sorted(numbers.tolist()) == list(range(100))
    assert (numbers.tolist() == list(range(100))) is not shuffle
    for images, labels, own in found:
        assert np.array_equal(images, ds[own])
        assert labels is not None
        assert np.array_equal(labels, own)
    assert [len(batch.numbers) for batch in found[:-1]] == [size] * (len(found) - 1)
    kept = list(ds.batches(size, shuffle=shuffle, drop_last=True))
    assert len(kept) == 100 // size


def test_a_batch_of_pictures_that_are_alike_is_an_array(tmp_path: Path) -> None:
    path = tmp_path / "set.aecs"
    dataset.write(path, [*DIGITS[:10], DIGITS[10][:20]], lossless=True, effort=0)
    with dataset.open(path) as ds:
        images = [batch.images for batch in ds.batches(5)]
        assert [getattr(some, "shape", None) for some in images] == [(5, 28, 28), (5, 28, 28), (1, 20, 28)]
        assert np.array_equal(images[1], np.stack(DIGITS[5:10]))
        assert [type(batch.images) for batch in ds.batches(6)] == [np.ndarray, list]


def test_few_pictures_are_read_ahead_where_they_are_large(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def counted(self: dataset.DataSet, index: Any) -> Any:
        read.append(len(index))
        return whole(self, index)

    whole = dataset.DataSet.read
    monkeypatch.setattr(dataset.DataSet, "read", counted)
    for held in (99, 3, 1):
        monkeypatch.setattr(batches, "READ_BYTES", held * DIGITS[0].nbytes)
        for pictures in (iter(dataset.open(path)), dataset.open(path).batches(1)):
            assert sum(1 for _ in pictures) == sum(read) == 100
            assert read[0] == 1 and max(read) == held
            read.clear()


def test_an_order_follows_from_its_seed_and_differs_between_seeds(path: Path) -> None:
    ds = dataset.open(path)

    def order(seed: int) -> list[int]:
        return [n for batch in ds.batches(9, shuffle=True, seed=seed) for n in batch.numbers.tolist()]

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_parts_together_are_the_whole(path: Path) -> None:
    ds = dataset.open(path)
    parts = [
        [n for b in ds.batches(5, shuffle=True, seed=3, part=(i, 3)) for n in b.numbers.tolist()] for i in range(3)
    ]
    assert sorted(sum(parts, [])) == list(range(100))
    with pytest.raises(aecodec.InvalidValue):
        ds.batches(5, part=(3, 3))
    with pytest.raises(aecodec.InvalidValue):
        ds.batches(0)


def test_a_shuffled_epoch_decodes_each_block_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "WINDOW_PICTURES", 40)
    monkeypatch.setattr(batches, "READ_BYTES", 1)  # so that no read goes beyond a window
    # Eight blocks: the five or six of a window, and two of the next, since a batch may be of both.
    ds = dataset.open(path, cache_bytes=64 * 28 * 28)
    decoded: list[int] = []
    body = reading.DataSet.body

    def noted(ds: dataset.DataSet, entry: framing.Entry) -> bytes:
        decoded.append(entry.begin)
        return body(ds, entry)

    monkeypatch.setattr(reading.DataSet, "body", noted)
    list(ds.batches(8, shuffle=True))
    assert len(decoded) == len(set(decoded)) == 13


def test_the_cache_keeps_within_its_bytes(path: Path) -> None:
    for limit in (0, 20 * 28 * 28):
        ds = dataset.open(path, cache_bytes=limit)
        for number in (*range(100), *range(100)):
            ds[number]
            assert ds._cache._held <= limit
            assert ds._cache._held == sum(array.nbytes for array in ds._cache._arrays.values())


def test_threads_read_the_same_pictures(path: Path) -> None:
    ds, wrong = dataset.open(path, cache_bytes=30 * 28 * 28), []
    expected = ds[:]

    def read(seed: int) -> None:
        for number in np.random.default_rng(seed).integers(100, size=60).tolist():
            if not np.array_equal(ds[number], expected[number]):
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def _sum_of(ds: dataset.DataSet, numbers: list[int]) -> int:
    return int(ds[numbers].sum())


@pytest.mark.parametrize("method", [m for m in ("fork", "spawn") if m in multiprocessing.get_all_start_methods()])
def test_other_processes_read_the_same_pictures(path: Path, method: str) -> None:
    ds = dataset.open(path)
    expected = _sum_of(ds, [3, 50, 99])
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.starmap(_sum_of, [(ds, [3, 50, 99])] * 3) == [expected] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_data_set_that_was_open_before_a_fork_is_read_after_it(path: Path) -> None:
    ds = dataset.open(path)
    expected = _sum_of(ds, [1, 2])
    ds._cache._lock.acquire()  # as if another thread were reading
    try:
        child = os.fork()
        if child == 0:
            os._exit(0 if _sum_of(ds, [1, 2]) == expected else 1)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        ds._cache._lock.release()


class Counted(InMemory):
    """A source that notes which ranges are read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.ranges: list[tuple[int, int]] = []

    def read(self, offset: int, length: int) -> bytes:
        self.ranges.append((offset, length))
        return super().read(offset, length)


def test_opening_reads_the_end_and_a_picture_its_block_only(path: Path) -> None:
    source = Counted(path.read_bytes())
    ds = dataset.open(source)
    assert len(source.ranges) == 2
    ds[20]
    entry = ds.entries[2]
    assert source.ranges[2:] == [(entry.begin, entry.size)]


def test_large_pictures_are_decoded_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset.write(tmp_path / "set.aecs", [waves(600, 40 + i) for i in range(3)], quality=30, effort=0)
    ds = dataset.open(tmp_path / "set.aecs")
    sizes: list[int] = []
    decode = aecodec.api.decode_many

    def noted(files: list[bytes], **options: Any) -> list[np.ndarray]:
        sizes.append(len(files))
        return decode(files, **options)

    monkeypatch.setattr(aecodec.api, "decode_many", noted)
    assert ds[1].shape == (600, 41, 3)
    assert sizes == [1]


def test_max_pixels_bounds_pictures_and_blocks(tmp_path: Path) -> None:
    dataset.write(tmp_path / "set.aecs", [*COLOUR[:4], waves(70, 70)], quality=30, effort=0, block_pictures=4)
    ds = dataset.open(tmp_path / "set.aecs", max_pixels=4095)
    for number in (0, 4):
        with pytest.raises(aecodec.LimitExceeded):
            ds[number]
    assert dataset.open(tmp_path / "set.aecs", max_pixels=4900)[4].shape == (70, 70, 3)


def test_a_closed_data_set_is_a_context_that_ended(path: Path) -> None:
    with dataset.open(path) as ds:
        assert ds[0].shape == (28, 28)
    with pytest.raises(ValueError, match="closed"):
        ds[99]


def test_memory_does_not_grow_with_the_pictures_written(tmp_path: Path) -> None:
    import tracemalloc

    file = aecodec.encode(DIGITS[0], quality=20, effort=0)
    peaks = []
    for count in (5_000, 20_000):
        tracemalloc.start()
        dataset.write(tmp_path / "set.aecs", (file for _ in range(count)), labels=iter(range(count)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]
