"""What is lost in a damaged data set is what was hit, and it says which pictures that are."""

from __future__ import annotations

import errno
import gc
import io
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import COLOUR, DIGITS

import aecodec
from aecodec import dataset
from aecodec.dataset import columns, framing, partial_file, picture_blocks, runs, waiting_files
from aecodec.dataset.framing import Block
from aecodec.dataset.partial_file import PartialFile
from aecodec.dataset.ranges import InMemory
from aecodec.dataset.resuming import ResumableWriter
from aecodec.dataset.runs import Runs
from aecodec.dataset.writing import Writer
from aecodec.errors import AecError, InvalidValue
from aecodec.format import check

PICTURES = [*DIGITS[:12], *COLOUR[:6]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A data set of pictures 0 to 17: blocks of four digits or colour pictures, and a block of columns."""
    dataset.write(tmp_path / "set.aecs", PICTURES, labels=range(18), block_pictures=4, quality=40, effort=0)
    return tmp_path / "set.aecs"


def damaged(path: Path, at: int) -> bytes:
    data = bytearray(path.read_bytes())
    data[at] ^= 16
    return bytes(data)


def test_a_flipped_bit_loses_one_block_and_no_other(path: Path) -> None:
    whole = dataset.open(path)
    expected = list(whole)
    for entry, numbers in zip((e for e in whole.entries if e.kind == framing.JOINED), [0, 4, 8, 12, 16], strict=True):
        ds = dataset.open(damaged(path, entry.end - 6))
        lost = set(range(numbers, min(numbers + 4, 18)))
        for number in range(18):
            if number in lost:
                with pytest.raises(aecodec.ChecksumMismatch) as caught:
                    ds[number]
                assert f"{numbers} to" in caught.value.__notes__[0]
            else:
                assert np.array_equal(ds[number], expected[number])
        assert [set(damage.numbers.numbers().tolist()) for damage in ds.verify()] == [lost]


def test_every_truncation_is_noticed_and_loses_only_what_was_cut_off(path: Path) -> None:
    data, expected = path.read_bytes(), list(dataset.open(path))
    entries = dataset.open(path).entries
    for length in range(len(data)):
        with pytest.raises(AecError):
            dataset.open(data[:length])
        if length % 7:
            continue
        ds = dataset.open(data[:length], recover=True)
        there = [e for e in entries if e.kind == framing.JOINED and e.end <= length]
        assert len(ds) == min(4 * len(there), 18)
        assert not ds.missing.count
        for number in range(0, len(ds), 3):
            assert np.array_equal(ds[number], expected[number])


def test_a_lost_block_leaves_a_gap_that_has_a_name(path: Path) -> None:
    entries = dataset.open(path).entries
    joined = [e for e in entries if e.kind == framing.JOINED]
    cut = bytearray(path.read_bytes()[: entries[-1].end])
    cut[joined[1].begin] = 0
    ds = dataset.open(bytes(cut), recover=True)
    assert str(ds.missing) == "4 to 7"
    assert len(ds) == 18
    with pytest.raises(aecodec.TruncatedFile, match="lost: 5, 7"):
        ds[[0, 7, 5]]
    assert [str(damage) for damage in ds.verify()] == ["pictures 4 to 7: lost: no block holds them"]
    assert ds.labels is not None
    assert ds.labels.tolist() == list(range(18))


def test_lost_columns_are_blank_when_recovered(path: Path) -> None:
    entry = next(e for e in dataset.open(path).entries if e.kind == framing.COLUMNS)
    data = damaged(path, entry.end - 6)
    with pytest.raises(aecodec.ChecksumMismatch):
        dataset.open(data).labels  # noqa: B018
    assert len(dataset.open(data)[:]) == 18
    found = dataset.open(data, recover=True).labels
    assert found is not None
    assert found.dtype == np.int64
    assert found.tolist() == [-1] * 18


@pytest.mark.parametrize("lost", [{0}, {1}, {0, 1}])
@pytest.mark.parametrize(
    ("values", "blank"),
    [
        (["a", "b", "c", "d"], ""),
        ([b"a", b"b", b"c", b"d"], b""),
        (np.array([1, 2, 3, 4], np.float32), np.nan),
        (np.array([1, 2, 3, 4], np.float64), np.nan),
        ([True, True, True, True], False),
        ([1, 2, 1 << 40, -4], -1),
    ],
)
def test_lost_rows_are_blank_as_their_column_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: Any, blank: Any, lost: set[int]
) -> None:
    monkeypatch.setattr(columns, "ROWS", 2)
    dataset.write(tmp_path / "set.aecs", DIGITS[:4], columns={"c": values}, quality=20, effort=0)
    whole = dataset.open(tmp_path / "set.aecs")
    data = bytearray((tmp_path / "set.aecs").read_bytes())
    blocks = [entry for entry in whole.entries if entry.kind == framing.COLUMNS]
    for block in lost:
        data[blocks[block].end - 6] ^= 16
    found = dataset.open(bytes(data), recover=True).columns["c"]
    assert found.dtype == whole.columns["c"].dtype
    expected = [blank if row // 2 in lost else value for row, value in enumerate(whole.columns["c"].tolist())]
    np.testing.assert_equal(found.tolist(), expected)
    assert [type(value) for value in found.tolist()] == [type(value) for value in expected]


@pytest.mark.parametrize("full", [True, False])
def test_a_damaged_file_that_costs_others_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    """Damage to a file that is not small is found when its block is made: the good ones of the block are lost, too."""
    if not full:
        monkeypatch.setattr(waiting_files, "HELD_BYTES", 1)  # blocks are made of what there is
    files = aecodec.encode_many([np.tile(picture, (2, 2, 1)) for picture in COLOUR[:5]], quality=50, effort=0)
    bad = files[3][:-1] + bytes([files[3][-1] ^ 1])
    writer = dataset.Writer(tmp_path / "set.aecs", block_pictures=4 if full else 256)
    with pytest.raises(AecError) as caught:
        writer.add([*files[:3], bad])
    assert caught.value.__notes__ == ["in the file of picture 3"]
    with pytest.raises(aecodec.InvalidValue, match="write the data set again"):
        writer.add(files[4:])
    with pytest.raises(aecodec.InvalidValue, match="write the data set again") as refused:
        writer.close()
    assert refused.value.__cause__ is caught.value
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", range(3))
def test_no_flipped_byte_gives_a_wrong_picture_or_another_error(path: Path, place: int) -> None:
    data, expected = path.read_bytes(), list(dataset.open(path))
    for at in range(place, len(data), 3):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        for recover in (False, True):
            try:
                ds = dataset.open(bytes(changed), recover=recover)
            except AecError:
                continue
            if at % 29 == 0:
                for number in range(min(len(ds), 18)):
                    with suppress(AecError):
                        assert np.array_equal(ds[number], expected[number])


def test_the_names_of_labels_are_there_before_the_labels(tmp_path: Path) -> None:
    path = tmp_path / "set.aecs"
    dataset.write(path, DIGITS[:3], labels=["a", "b", "a"], quality=20, effort=0)
    dataset.append(path, DIGITS[:2], labels=["c", "d"], quality=20, effort=0)
    entries = dataset.open(path).entries
    rows = [entry for entry in entries if entry.kind == framing.COLUMNS]
    ds = dataset.open(path.read_bytes()[: rows[-1].end], recover=True)
    assert ds.labels is not None
    assert [ds.label_names[label] for label in ds.labels] == ["a", "b", "a", "c", "d"]


def test_a_failure_leaves_no_file_and_the_old_one_in_place(path: Path) -> None:
    before = path.read_bytes()

    def images() -> Iterator[np.ndarray]:
        yield from PICTURES
        raise RuntimeError("the source fails")

    for function in (dataset.write, dataset.append):
        with pytest.raises(RuntimeError):
            function(path, images(), labels=range(18))
        assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["set.aecs"]


class FullDisk(io.FileIO):
    """A file on a disk that is full once the file has `LARGEST` bytes."""

    LARGEST = 0

    def write(self, data: Any) -> int:
        room = self.LARGEST - self.tell()
        if room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(memoryview(data)[:room])


def on_a_full_disk(monkeypatch: pytest.MonkeyPatch, largest: int) -> None:
    def opened(path: str, mode: str) -> io.BufferedRandom | io.BufferedWriter:
        raw = FullDisk(path, mode.replace("b", ""))
        return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)

    monkeypatch.setattr(FullDisk, "LARGEST", largest)
    monkeypatch.setattr(partial_file, "open", opened, raising=False)


@pytest.mark.parametrize("room", [0, 1, 90])
@pytest.mark.parametrize("function", [dataset.write, dataset.append])
def test_a_full_disk_leaves_no_file_and_the_old_one_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch, function: Callable[..., None], room: int
) -> None:
    before = path.read_bytes()
    on_a_full_disk(monkeypatch, room + (len(before) if function is dataset.append else 0))
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as caught:
        function(path, PICTURES, labels=range(18), quality=40, effort=0)
    assert caught.value.errno == errno.ENOSPC
    gc.collect()  # nor is anything written later, from a buffer
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["set.aecs"]


@pytest.mark.parametrize("kept", [None, "set.part"])
def test_a_file_that_cannot_get_its_name_is_removed_unless_it_is_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch, kept: str | None
) -> None:
    before, name = path.read_bytes(), kept and str(path.with_name(kept))

    def refused(source: str, target: str) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), target)

    monkeypatch.setattr(os, "replace", refused)
    file = PartialFile(path, name)
    file.write(b"bytes")
    with pytest.raises(PermissionError):
        file.finish()
    assert not file.closed
    file.abort()
    assert file.closed
    file.abort()
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["set.aecs", *([kept] if kept else [])]


ENDLESS = """
import sys, numpy as np, aecodec.dataset
def images():
    print("begun", flush=True)
    while True:
        yield np.zeros((28, 28), np.uint8)
aecodec.dataset.{}({!r}, images(), {} quality=10, effort=0)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_writer_that_is_killed_leaves_no_half_file_and_appended_blocks_can_be_recovered(path: Path) -> None:
    before = dataset.open(path)[:]
    other = path.with_name("new.aecs")
    size = path.stat().st_size
    for function, target, labels in (("write", other, ""), ("append", path, "labels=iter(int, 1),")):
        program = ENDLESS.format(function, os.fspath(target), labels)
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                files = [path] if target == path else list(path.parent.glob(".aec-*"))
                if any(file.stat().st_size > size + 100 for file in files):
                    break
                time.sleep(0.05)
            process.kill()
    assert not other.exists()
    with pytest.raises(aecodec.TruncatedFile):
        dataset.open(path)
    ds = dataset.open(path, recover=True)
    assert len(ds) > 18
    assert all(np.array_equal(*both) for both in zip(ds[:18], before, strict=True))
    assert ds[len(ds) - 1].mean() < 10


# Files that are made to deceive ---


def test_nothing_is_added_to_a_data_set_that_is_closed(tmp_path: Path) -> None:
    with Writer(tmp_path / "a.aecs") as writer:
        writer.add(DIGITS[:2])
    with pytest.raises(InvalidValue, match="the data set is closed"):
        writer.add(DIGITS[2:3])
    with dataset.open(tmp_path / "a.aecs") as ds:
        assert len(ds) == 2


@pytest.mark.skipif(os.name == "nt", reason="no locks of files there")
def test_a_file_has_one_writer_at_a_time_and_any_readers(tmp_path: Path) -> None:
    path = tmp_path / "a.aecs"
    dataset.write(path, DIGITS[:2])
    with Writer(path, appending=True) as writer:
        writer.add(DIGITS[2:4])
        with pytest.raises(OSError, match="is being written by another writer"):
            dataset.append(path, DIGITS[4:5])
        with dataset.open(path) as ds:
            assert len(ds) == 2
    dataset.append(path, DIGITS[4:5])
    gone = Writer(path, appending=True)
    gone.abort()
    dataset.append(path, DIGITS[5:6])
    with dataset.open(path) as ds:
        assert len(ds) == 6


@pytest.mark.skipif(os.name == "nt", reason="no locks of files there")
def test_an_unfinished_file_has_one_writer_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.aecs"
    first = ResumableWriter(path, run="run")
    first.add(DIGITS[:2])
    with pytest.raises(OSError, match="is being written by another writer"):
        ResumableWriter(path, run="run")
    first.abort()
    with pytest.raises(InvalidValue, match="with other options"):  # and the file is let go
        ResumableWriter(path, run="other")
    with ResumableWriter(path, run="run") as second:
        second.add(DIGITS[:3])
    with dataset.open(path) as ds:
        assert len(ds) == 3


def test_a_platform_without_locks_writes_and_appends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.aecs"
    monkeypatch.setattr(partial_file, "fcntl", None)
    with ResumableWriter(path, run="run") as writer:
        writer.add(DIGITS[:2])
        assert writer._file._lock is not None and writer._file._lock._stream.closed  # or it could not be renamed
    dataset.append(path, DIGITS[2:3])
    with dataset.open(path) as ds:
        assert len(ds) == 3


def file_of(*blocks: Block) -> bytes:
    data, entries = framing.head(), []
    for block in blocks:
        entries.append(framing.Entry(block.kind, len(data), block.header, len(block.body)))
        data += block.to_bytes()
    return data + framing.index_block(entries)


HEADER = bytes([0, 0, 255, 255, 3])  # one run of 65536 pictures
DIGIT_HEADER = check.with_check(b"\xb5\x4b")


@pytest.mark.parametrize(
    ("block", "error"),
    [
        (Block(framing.JOINED, bytes([0, 0, 128, 128, 4]) + b"\0" + DIGIT_HEADER, b""), aecodec.InvalidValue),
        (Block(framing.JOINED, bytes([1, 0, 0, 0, 0]) + b"\0" + DIGIT_HEADER, b""), aecodec.InvalidValue),
        (Block(framing.JOINED, b"\0", b""), aecodec.TruncatedFile),
        (Block(9, b"", b""), aecodec.UnsupportedSection),
    ],
)
def test_impossible_blocks_are_refused_on_opening(block: Block, error: type[AecError]) -> None:
    with pytest.raises(error):
        dataset.open(file_of(block))


@pytest.mark.parametrize(
    ("header", "error"),
    [
        (HEADER + b"\0\xae\xc0\xde\1\x17\x4b\xff\xff\x03\xff\xff\x03", aecodec.LimitExceeded),
        (b"\0\0\x03" + b"\x04" + DIGIT_HEADER, aecodec.InvalidValue),
        (b"\0\0\x03" + b"\0\xbf\x3f\xe4\x1f\x1f", AecError),
        (b"\0\0\x03" + b"\0" + check.with_check(b"\xb5\x4bmore"), aecodec.InvalidValue),
        (b"\0\0\x03" + b"\x02", aecodec.TruncatedFile),
        (b"\0\0\x03" + b"\0\xae\xc0\xde\2\x17\x4b\xff\xff\x03\xff\xff\x03", aecodec.UnsupportedVersion),
    ],
)
def test_impossible_headers_are_refused_before_anything_is_decoded(header: bytes, error: type[AecError]) -> None:
    ds = dataset.open(file_of(Block(framing.JOINED, header, bytes(100))))
    with pytest.raises(error):
        ds[0]


def test_a_few_bytes_do_not_announce_billions_of_pictures() -> None:
    header = runs.write(Runs(((1 << 31, 1),))) + b"\4"
    with pytest.raises(aecodec.LimitExceeded):
        dataset.open(file_of(Block(framing.FILES, header, b"file")))


def test_unknown_ignorable_blocks_are_passed_over(path: Path) -> None:
    data = file_of(Block(200, b"header", b"body"), Block(framing.METADATA, b"", b"\0\0\1\0\0"))
    assert len(dataset.open(data)) == 0


def test_one_picture_in_two_blocks_is_refused() -> None:
    block = Block(framing.FILES, b"\0\0\0\4", b"file")
    with pytest.raises(aecodec.InvalidValue, match="same picture"):
        dataset.open(file_of(block, block))


def test_false_beginnings_of_blocks_do_not_make_a_scan_slow() -> None:
    data = framing.head() + (b"\xae\xdb\x01\0" + b"\xff\xff\x03") * 20000
    with pytest.raises(aecodec.LimitExceeded):
        dataset.open(data, recover=True)


@pytest.mark.parametrize("marks", [b"\xae\xdb", b"\xae\xdb\x01\xff\xff\xff\xff\x0f\0", b"\xae\xdb\x01\0\0"])
def test_false_beginnings_with_impossible_lengths_or_none_do_not_make_a_scan_slow(marks: bytes) -> None:
    begun = time.process_time()
    with pytest.raises(aecodec.LimitExceeded, match="made to be slow"):
        dataset.open(framing.head() + marks * ((2 << 20) // len(marks)), recover=True)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("window", [16, 61, 200])
def test_a_scan_finds_blocks_across_its_windows_and_reads_no_byte_often(
    path: Path, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    data, entries = path.read_bytes(), list(dataset.open(path).entries)
    noise = np.random.default_rng(1).bytes(1000).replace(b"\xae", b"\xdb") + b"\xae"  # no mark, but halves of marks
    parts = [data[entry.begin : entry.end] for entry in entries]
    source = Counted(framing.head() + noise + noise.join(parts) + noise)
    monkeypatch.setattr(framing, "_WINDOW_BYTES", window)
    found = list(framing.scan(source))
    assert [(e.kind, e.header, e.body_bytes) for e in found] == [(e.kind, e.header, e.body_bytes) for e in entries]
    assert [source.data[entry.begin : entry.end] for entry in found] == parts
    assert source.read_bytes < 2.5 * source.size


class Counted(InMemory):
    """A source that counts the bytes that are read."""

    read_bytes = 0

    def read(self, offset: int, length: int) -> bytes:
        self.read_bytes += length
        return super().read(offset, length)


def test_verifying_holds_one_picture_of_a_block_at_a_time() -> None:
    file = aecodec.encode(np.zeros((1000, 1000), np.uint8), lossless=True)
    block = picture_blocks.collect(Runs(((0, 50),)), [file] * 50)
    with dataset.open(file_of(block)) as ds:
        tracemalloc.start()
        try:
            assert not ds.verify()
            assert tracemalloc.get_traced_memory()[1] < 20e6
        finally:
            tracemalloc.stop()
    with dataset.open(file_of(block), max_pixels=999_999) as ds:
        assert [str(damage).partition(":")[0] for damage in ds.verify()] == ["pictures 0 to 49"]


def test_other_files_are_no_data_sets(path: Path) -> None:
    for data in (b"", b"\xae", b"PK\3\4" * 9, aecodec.encode(DIGITS[0]), b"\xae\xd1aecz" + bytes(20)):
        with pytest.raises(AecError):
            dataset.open(data)
    for second, message in ((b"\xd0", "version 0, a draft"), (b"\xd3", "version 3 .* upgrade")):
        with pytest.raises(aecodec.UnsupportedVersion, match=message):
            dataset.open(b"\xae" + second + path.read_bytes()[2:])
    with pytest.raises(aecodec.NotAnAecFile, match="data set"):
        aecodec.decode(path.read_bytes())
    with pytest.raises(FileNotFoundError):
        dataset.open(path.with_name("missing.aecs"))
