"""Data sets elsewhere are read range by range and written as a whole, by their URL; others to any binary stream."""

from __future__ import annotations

import errno
import io
import os
import pickle
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import COLOUR, DIGITS

from aecodec import dataset
from aecodec.dataset.remote import RemoteFile
from aecodec.errors import AecError, InvalidValue, TruncatedFile

PICTURES = np.stack(COLOUR)


def test_a_stream_gets_the_bytes_of_the_file(tmp_path: Path) -> None:
    dataset.write(tmp_path / "a.aecs", PICTURES, quality=30)
    stream = io.BytesIO()
    dataset.write(stream, PICTURES, quality=30)
    assert stream.getvalue() == (tmp_path / "a.aecs").read_bytes()


class Raw(io.RawIOBase):
    """A raw stream that takes at most 100 bytes at a time."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.data += bytes(data[:100])
        return min(100, len(data))


def test_a_raw_stream_gets_all_bytes(tmp_path: Path) -> None:
    dataset.write(tmp_path / "a.aecs", PICTURES, quality=30)
    stream = Raw()
    dataset.write(stream, PICTURES, quality=30)  # type: ignore[arg-type]
    assert stream.data == (tmp_path / "a.aecs").read_bytes()


class Server:
    """A file system as fsspec has them, whose only file is `data`, and which answers requests as `answer` does."""

    def __init__(self, data: bytes, answer: Callable[[bytes, int, int], bytes]) -> None:
        self.data, self.answer = data, answer

    def size(self, path: str) -> int:
        return len(self.data)

    def cat_file(self, path: str, start: int, end: int) -> bytes:
        return self.answer(self.data, start, end)


def test_a_server_that_knows_no_ranges_is_read_nevertheless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset.write(tmp_path / "a.aecs", PICTURES, lossless=True)
    server = Server((tmp_path / "a.aecs").read_bytes(), lambda data, start, end: data)
    monkeypatch.setattr("aecodec.urls.file_system", lambda url: (server, "a.aecs"))
    for url in ("http://host/a.aecs", "http://host/a.aecs?key=a*[b]"):
        with dataset.open(url) as ds:
            assert np.array_equal(ds[:], PICTURES)


def failed(data: bytes, start: int, end: int) -> bytes:
    raise RuntimeError("500, message='Internal Server Error'")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda data, start, end: data[start : end - 1], "the server sent [0-9]+ bytes instead of [0-9]+"),
        (lambda data, start, end: data[start : end + 1], "the server sent [0-9]+ bytes instead of [0-9]+"),
        (failed, "http://host/a.aecs cannot be read: 500"),
    ],
)
def test_wrong_answers_of_a_server_are_an_oserror(
    answer: Callable[[bytes, int, int], bytes], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.write(tmp_path / "a.aecs", PICTURES)
    data = (tmp_path / "a.aecs").read_bytes() + bytes(2)
    monkeypatch.setattr("aecodec.urls.file_system", lambda url: (Server(data, answer), "a.aecs"))
    file = RemoteFile("http://host/a.aecs")
    with pytest.raises(OSError, match=message):
        file.read(0, 20)


@pytest.fixture
def url() -> Iterator[str]:
    """A place in memory for a data set."""
    fsspec = pytest.importorskip("fsspec", reason="needs fsspec")
    fsspec.filesystem("memory").store.clear()
    yield "memory://folder/a.aecs"
    fsspec.filesystem("memory").store.clear()


def test_a_data_set_goes_to_a_url_and_comes_back(url: str, tmp_path: Path) -> None:
    dataset.write(tmp_path / "a.aecs", PICTURES, labels=range(20), quality=30)
    dataset.write(url, PICTURES, labels=range(20), quality=30)
    with dataset.open(url) as there, dataset.open(tmp_path / "a.aecs") as here:
        assert np.array_equal(there[:], here[:])
        assert np.array_equal(there.columns["label"], here.columns["label"])
        assert np.array_equal(pickle.loads(pickle.dumps(there))[3], here[3])


def test_only_the_ranges_of_what_is_asked_for_are_fetched(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset.write(url, np.concatenate([PICTURES] * 30), block_pictures=10, lossless=True)
    fetched: list[int] = []
    whole = RemoteFile(url)
    read = RemoteFile.read

    def counted(self: RemoteFile, offset: int, length: int) -> bytes:
        fetched.append(length)
        return read(self, offset, length)

    monkeypatch.setattr(RemoteFile, "read", counted)
    with dataset.open(url) as ds:
        assert sum(fetched) < whole.size / 10 and len(fetched) < 6
        fetched.clear()
        assert np.array_equal(ds[55], PICTURES[15])
    assert len(fetched) == 1 and fetched[0] < whole.size / 30


def test_a_read_beyond_the_end_is_an_error(url: str) -> None:
    dataset.write(url, DIGITS[:1])
    file = RemoteFile(url)
    assert len(file.read(0, file.size)) == file.size and file.read(file.size, 0) == b""
    with pytest.raises(TruncatedFile):
        file.read(1, file.size)


def test_shards_are_found_by_url(url: str) -> None:
    for index in range(2):
        dataset.write(dataset.shard_path(url, index, 2), PICTURES[index * 10 : index * 10 + 10], lossless=True)
    with dataset.open("memory://folder/a-*.aecs") as ds:
        assert np.array_equal(ds[:], PICTURES)
    with pytest.raises(FileNotFoundError):
        dataset.open("memory://folder/b-*.aecs")


def failing() -> Iterator[Any]:
    yield from PICTURES[:3]
    raise RuntimeError("the source ends here")


def test_after_an_error_nothing_is_there_and_nothing_is_left_here(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(RuntimeError, match="ends here"):
        dataset.write(url, failing())
    with pytest.raises(FileNotFoundError):
        dataset.open(url)
    assert not os.listdir(tmp_path)
    dataset.write(url, PICTURES[:3])
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_here_is_the_error_that_is_raised(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError) as caught:
        dataset.write(url, PICTURES[:3])
    assert caught.value.errno == errno.ENOSPC
    assert not os.listdir(tmp_path)


def test_what_is_elsewhere_cannot_be_appended_to(url: str) -> None:
    dataset.write(url, DIGITS[:2])
    with pytest.raises(InvalidValue, match="appended to a file on disk only"):
        dataset.append(url, DIGITS[2:3])


def test_a_missing_data_set_is_an_oserror_and_another_file_an_aecerror(url: str) -> None:
    with pytest.raises(FileNotFoundError):
        dataset.open(url)
    from aecodec import urls

    with urls.open_url(url, "wb") as file:
        file.write(b"not a data set, but some bytes")
    with pytest.raises(AecError):
        dataset.open(url)
