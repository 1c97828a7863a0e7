"""Stores of many small pictures: data sets, and what is used in their place."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

import aecodec
from aecodec import dataset
from aecodec.sources.readers import Picture

GROUP = 256  # pictures of a row group


class Store(Protocol):
    """A file of all pictures, from which any of them can be read."""

    name: str
    size: int

    def read(self, indices: Sequence[int]) -> Any:
        """The pictures with these indices."""


class AecSet:
    """A data set; `ds` is opened anew for each measurement."""

    def __init__(self, name: str, path: Path, cache_bytes: int) -> None:
        self.name, self.path, self.size = name, path, path.stat().st_size
        self.ds = dataset.open(path, cache_bytes=cache_bytes)

    def read(self, indices: Sequence[int]) -> Any:
        """The pictures with these indices."""
        return self.ds.read(indices) if len(indices) > 1 else self.ds[indices[0]]


class AecFiles:
    """Single .aec files, held in memory; their bytes alone are counted."""

    def __init__(self, name: str, files: list[bytes], cache_bytes: int) -> None:
        self.name, self.files, self.size = name, files, sum(map(len, files))

    def read(self, indices: Sequence[int]) -> Any:
        """The pictures with these indices."""
        return aecodec.decode_many([self.files[index] for index in indices])


class Tar:
    """Picture files in a tar archive, found by their offsets."""

    def __init__(self, name: str, path: Path, blobs: Sequence[bytes], suffix: str) -> None:
        with tarfile.open(path, "w") as archive:
            for index, blob in enumerate(blobs):
                member = tarfile.TarInfo(f"{index:06}.{suffix}")
                member.size = len(blob)
                archive.addfile(member, io.BytesIO(blob))
        with tarfile.open(path) as archive:
            self.places = [(member.offset_data, member.size) for member in archive]
        self.name, self.size, self.file = name, path.stat().st_size, path.open("rb")

    def read(self, indices: Sequence[int]) -> Any:
        """The pictures with these indices."""
        found = []
        for index in indices:
            offset, size = self.places[index]
            self.file.seek(offset)
            found.append(opened(self.file.read(size)))
        return found


class Parquet:
    """Picture files in a column of a Parquet file, in row groups of the size of a batch."""

    def __init__(self, name: str, path: Path, blobs: Sequence[bytes]) -> None:
        import pyarrow
        import pyarrow.parquet as parquet

        column = pyarrow.table({"image": pyarrow.array(list(blobs), pyarrow.binary())})
        parquet.write_table(column, path, row_group_size=GROUP, compression="zstd")
        self.name, self.size, self.file = name, path.stat().st_size, parquet.ParquetFile(path)
        self.held: tuple[int, Any] = -1, None

    def read(self, indices: Sequence[int]) -> Any:
        """The pictures with these indices; the last row group is kept."""
        found = []
        for index in indices:
            group, row = divmod(index, GROUP)
            if self.held[0] != group:
                self.held = group, self.file.read_row_group(group).column(0)
            found.append(opened(self.held[1][row].as_py()))
        return found


class Npz:
    """A compressed npz file, which has to be read as a whole."""

    def __init__(self, name: str, path: Path, pictures: Sequence[Picture]) -> None:
        np.savez_compressed(path, images=np.stack(pictures))
        self.name, self.path, self.size = name, path, path.stat().st_size

    @cached_property
    def images(self) -> Picture:
        """All pictures."""
        with np.load(self.path) as arrays:
            images: Picture = arrays["images"]
            return images

    def read(self, indices: Sequence[int]) -> Any:
        """The pictures with these indices."""
        return self.images[list(indices)]


def opened(blob: bytes, mode: str | None = None) -> Picture:
    """The picture of a picture file, converted to a mode of Pillow if that is given."""
    with Image.open(io.BytesIO(blob)) as image:
        return np.asarray(image.convert(mode) if mode else image)


def saved(picture: Picture, form: str, **options: Any) -> bytes:
    """A picture as a file in a format of Pillow."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, form, **options)
    return buffer.getvalue()
