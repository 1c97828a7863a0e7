"""Readers for each kind of source: idx file, npz file, picture file, sheet of tiles, folder of picture files.

All of them raise ValueError, with the name of the file, for what they cannot read.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aecodec.errors import AecError
from aecodec.format import container
from aecodec.images import loading
from aecodec.images.files import files_below, is_picture_name

Picture: TypeAlias = NDArray[np.uint8]

SHEET_TILES: Final = 25  # fewer tiles than this in a row or a column make a picture, not a sheet
_NPY: Final = ".npy"  # of the arrays in an npz file


def require_named(source: str) -> None:
    """Raise ValueError for an empty name, which would be taken for the current folder."""
    if not source:
        raise ValueError("the name of the file is empty")


def is_picture(path: Path) -> bool:
    """Whether the name is that of a picture file."""
    return is_picture_name(path.name)


def is_npz(path: Path) -> bool:
    """Whether the name is that of an npz file."""
    return path.suffix.lower() == ".npz"


def picture_files(folder: Path) -> list[Path]:
    """The picture files below a folder, sorted by path; none if it is not a folder.

    Raises ValueError for folders and links in it that cannot be read.
    """
    found = sorted(map(Path, files_below(str(folder), is_picture_name))) if folder.is_dir() else []
    for path in found:
        if not path.is_file():
            raise ValueError(f"{path} cannot be read")
    return found


def some_picture_files(folder: Path) -> list[Path]:
    """The same, at least one. Raises ValueError if there is none."""
    found = picture_files(folder)
    if not found:
        raise ValueError(f"{folder} holds no pictures")
    return found


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array of an idx file (LeCun's MNIST layout), gzipped or not; unsigned bytes only."""
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if data[:3] != b"\0\0\x08" or len(data) < 4 or len(data) < 4 + 4 * data[3]:
        if container.is_data_set(data):
            raise ValueError(f"{path} is a data set of many pictures already: unpack it first with `aec unpack`")
        if container.is_picture(data):
            raise ValueError(f"{path} is an .aec file, a picture that was encoded already: decode it first")
        raise ValueError(f"{path} is not an idx file of unsigned bytes")
    shape = tuple(np.frombuffer(data, ">u4", data[3], 4).astype(np.int64).tolist())
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * data[3])
    if values.size != int(np.prod(np.array(shape, np.int64))):
        raise ValueError(f"{path} does not hold the {shape} values that it declares")
    return values.reshape(shape)


class Header(NamedTuple):
    """What is known of an array before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def is_stack(self) -> bool:
        """Whether the array is of pictures (N, H, W), (N, H, W, 1) or (N, H, W, 3)."""
        return self.dtype == np.uint8 and (len(self.shape) == 3 or self.shape[3:] in ((1,), (3,)))


def npz_headers(path: Path) -> dict[str, Header]:
    """The arrays in an npz file by name, of which only the headers are read; what else is in it is left out."""
    with _npz_errors(path), zipfile.ZipFile(path) as archive:
        return {name.removesuffix(_NPY): _header(archive, name) for name in archive.namelist() if name.endswith(_NPY)}


def _header(archive: zipfile.ZipFile, name: str) -> Header:
    with archive.open(name) as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(member)
    return Header(shape, dtype)


def read_npz(path: Path, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """The arrays of these names in an npz file. Objects are not read, which could run any code."""
    with _npz_errors(path), np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in names}


@contextmanager
def _npz_errors(path: Path) -> Iterator[None]:
    try:
        yield
    # TypeError: of a header with values of wrong types. RuntimeError: of a file that is encrypted.
    except (OSError, EOFError, KeyError, TypeError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def read_picture(path: Path) -> Picture:
    """A picture file as `aecodec.encode` takes it, (H, W) or (H, W, 3), upright, without its opacity."""
    try:
        with Image.open(path) as image:
            samples: Picture = loading.load(image).samples
            return samples
    except AecError as error:
        raise ValueError(f"{path}: {error}") from error
    except Exception as error:  # Pillow's plugins raise whatever they stumble over in a damaged file
        raise ValueError(f"{path} is not a picture that can be read: {error}") from error


def read_picture_as(path: Path, channels: int) -> Picture:
    """A picture file as Pillow converts it to gray or RGB, (H, W, channels); EXIF orientation is ignored."""
    try:
        with Image.open(path) as image:
            samples = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    except Exception as error:  # as above
        raise ValueError(f"{path} is not a picture that can be read: {error}") from error
    return samples.reshape(*samples.shape[:2], channels)


def is_sheet(picture: Picture, tile: tuple[int, int], least: int = SHEET_TILES) -> bool:
    """Whether a picture is a grid of tiles (height, width), at least `least` in each row and column."""
    (rows, beyond), (columns, beside) = map(divmod, picture.shape[:2], tile)
    return not beyond and not beside and min(rows, columns) >= least


def sheet_tiles(sheet: Picture, tile: tuple[int, int]) -> Picture:
    """The tiles of a sheet (H, W) or (H, W, C), row by row: (N, h, w) or (N, h, w, C)."""
    (height, width), (th, tw) = sheet.shape[:2], tile
    grid = sheet.reshape(height // th, th, width // tw, tw, *sheet.shape[2:])
    return grid.swapaxes(1, 2).reshape(-1, th, tw, *sheet.shape[2:])
