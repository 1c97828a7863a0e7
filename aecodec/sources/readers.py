"""Readers for each kind of source: idx file, npz file, picture file, sheet of tiles, folder of picture files.

All of them raise ValueError, with the name of the file, for what they cannot read.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aecodec.errors import AecError
from aecodec.images import loading
from aecodec.images.files import files_below, is_picture_name

Picture: TypeAlias = NDArray[np.uint8]

SHEET_TILES: Final = 25  # fewer tiles than this in a row or a column make a picture, not a sheet


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
        raise ValueError(f"{path} is not an idx file of unsigned bytes")
    shape = tuple(np.frombuffer(data, ">u4", data[3], 4).astype(np.int64).tolist())
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * data[3])
    if values.size != int(np.prod(np.array(shape, np.int64))):
        raise ValueError(f"{path} does not hold the {shape} values that it declares")
    return values.reshape(shape)


def read_npz(path: Path, name: str = "") -> dict[str, NDArray[Any]]:
    """The arrays of an npz file by name, or the one of that name."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if name and name not in arrays.files:
                raise ValueError(f"it has no array {name}, but {', '.join(arrays.files)}")
            return {key: arrays[key] for key in ([name] if name else arrays.files)}
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
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
