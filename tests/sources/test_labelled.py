"""Labelled sources: what `aec pack` gets from folders, archives and arrays."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image

from aecodec.sources.labelled import Sample, open_pipe, open_source


def labels_of(samples: list[Sample]) -> dict[str, int | str | None]:
    return {sample.name: sample.label for sample in samples}


def plain_tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def tar(members: dict[str, bytes]) -> bytes:
    return gzip.compress(plain_tar(members))


def names_in(data: bytes) -> list[str]:
    return [sample.name for sample in open_pipe(io.BytesIO(data)).samples()]


def test_the_first_level_of_folders_gives_the_labels(tmp_path: Path) -> None:
    for name in ("b/x/1.png", "a/2.JPG", "a/note.txt", "3.aec"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"not read before it is needed")
    source = open_source(str(tmp_path))
    assert source.count == 3
    assert labels_of(list(source.samples())) == {"3.aec": "", "a/2.JPG": "a", "b/x/1.png": "b"}
    assert labels_of(list(open_source(str(tmp_path / "a")).samples())) == {"2.JPG": None}


def test_an_archive_gives_folders_or_cls_members_as_labels() -> None:
    data = tar({"./a/1.png": b"1", "x.jpg": b"2", "x.cls": b"7\n", "y.cls": b"word", "y.png": b"3", "z.json": b"{}"})
    samples = list(open_pipe(io.BytesIO(data)).samples())
    assert labels_of(samples) == {"a/1.png": "a", "x.jpg": 7, "y.png": "word"}
    assert [sample.content for sample in samples] == [b"1", b"2", b"3"]


THREE = plain_tar({"1.png": b"1", "2.png": b"2", "3.png": b"3"})
MEMBER = 2 * tarfile.BLOCKSIZE  # the header, and the one block of content
NAMES = ["1.png", "2.png", "3.png"]
COMPRESSORS = pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])


def test_an_archive_that_was_cut_or_damaged_is_not_taken_for_whole() -> None:
    for members in range(1, 4):
        with pytest.raises(ValueError, match="cannot be read as a tar archive: unexpected end of data"):
            names_in(THREE[: members * MEMBER])
    for member in range(3):
        for length in (1, 100, tarfile.BLOCKSIZE - 1):
            with pytest.raises(ValueError, match="tar archive: truncated header"):
                names_in(THREE[: member * MEMBER + length])
        for byte in (0, 130, 150, 400):
            flipped = bytearray(THREE)
            flipped[member * MEMBER + byte] ^= 4
            with pytest.raises(ValueError, match="tar archive: bad checksum"):
                names_in(bytes(flipped))
    assert names_in(THREE[: 3 * MEMBER + tarfile.BLOCKSIZE]) == NAMES


@COMPRESSORS
def test_all_streams_of_a_compressed_archive_are_read(compress: Callable[[bytes], bytes]) -> None:
    for cut in (700, MEMBER, 2 * MEMBER + 1):
        data = compress(THREE[:cut]) + compress(THREE[cut:])
        assert names_in(data) == NAMES
        for damaged in (data[:-1], data[:-9], data[: len(compress(THREE[:cut]))]):
            with pytest.raises(ValueError, match="cannot be read as a tar archive"):
                names_in(damaged)


@pytest.mark.parametrize("place", [-1, -5])
def test_the_check_of_a_compressed_archive_is_compared(place: int) -> None:
    data = bytearray(gzip.compress(THREE))
    data[place] ^= 1
    with pytest.raises(ValueError, match="cannot be read as a tar archive"):
        names_in(bytes(data))


@pytest.mark.parametrize("data", [THREE, THREE + b"of no meaning", gzip.compress(THREE) + bytes(99)])
def test_an_archive_is_read_from_a_pipe_that_is_filled_slowly(data: bytes) -> None:
    reading, writing = os.pipe()

    def fill() -> None:
        with open(writing, "wb", buffering=0) as pipe:
            for piece in (data[:1], data[1:5], data[5:]):
                pipe.write(piece)
                time.sleep(0.01)

    filler = Thread(target=fill)
    filler.start()
    with open(reading, "rb") as pipe:
        assert [sample.name for sample in open_pipe(pipe).samples()] == NAMES
    filler.join()


def test_an_npz_file_gives_the_labels_that_belong_to_its_pictures(tmp_path: Path) -> None:
    path, images = tmp_path / "set.npz", np.zeros((3, 4, 4), np.uint8)
    np.savez(path, x_train=images, y_train=[[1], [2], [3]], x_test=images[:1], y_test=[9])
    samples = open_source(f"{path}:x_train").samples()
    assert [sample.label for sample in samples] == [1, 2, 3]
    with pytest.raises(ValueError, match="choose one of"):
        open_source(str(path))
    np.savez(path, pictures=images, other=np.zeros(3))
    assert [sample.label for sample in open_source(str(path)).samples()] == [None] * 3


def write_sheet(folder: Path) -> str:
    Image.new("L", (20, 9)).save(folder / "sheet.png")
    return str(folder / "sheet.png")


def write_flat(folder: Path) -> str:
    (folder / "flat").write_bytes(b"\0\0\x08\1\0\0\0\2\1\2")
    return str(folder / "flat")


def write_cut(folder: Path) -> str:
    (folder / "cut.tar.gz").write_bytes(tar({"a.png": bytes(9999)})[:-30])
    return str(folder / "cut.tar.gz")


@pytest.mark.parametrize(
    ("make", "message"), [(write_sheet, "not a sheet"), (write_flat, "not pictures"), (write_cut, "tar archive")]
)
def test_what_cannot_be_read_is_named(tmp_path: Path, make: Callable[[Path], str], message: str) -> None:
    name = make(tmp_path)
    with pytest.raises(ValueError, match=message) as caught:
        list(open_source(name, tile=(4, 4)).samples())
    assert Path(name).name in str(caught.value)


def test_as_many_labels_as_pictures(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(b"\0\0\x08\3" + b"\0\0\0\1" * 3 + b"\7")
    labels = Path(write_flat(tmp_path))
    with pytest.raises(ValueError, match="has 1 pictures, and there are 2 labels"):
        open_source(str(tmp_path / "images"), labels=labels)
