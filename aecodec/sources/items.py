"""The pictures that are measured, from idx files, npz files, tile sheets, single pictures and folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aecodec.errors import AecError
from aecodec.images import loading
from aecodec.sources.tile_arrays import PICTURES, read_idx

Picture: TypeAlias = NDArray[np.uint8]

_Any = TypeVar("_Any")

SHEET_TILES = 25  # `aec train` takes a picture of at least so many tiles each way for a sheet


@dataclass(frozen=True)
class Item:
    """One picture, (H, W) or (H, W, 3), and where it comes from."""

    name: str
    picture: Picture


def load(
    paths: Sequence[str], tile: tuple[int, int] | None = None, limit: int | None = None, least: int = 1
) -> list[Item]:
    """The first `limit` pictures of all paths. Opacity is left out.

    A path is a picture, a folder, which is searched through and through, an idx file, or an npz file, whose arrays of
    uint8 (N, H, W) or (N, H, W, C) are taken, or one of them: FILE.npz:NAME. tile: (height, width), where single
    pictures are sheets of tiles; those of fewer than `least` tiles each way are not. Raises ValueError for what cannot
    be read.
    """
    found: list[Item] = []
    for name in paths:
        for item in _items(name, tile, least):
            if limit is not None and len(found) >= limit:
                return found
            found.append(item)
    return found


def _items(text: str, tile: tuple[int, int] | None, least: int) -> Iterator[Item]:
    path, array = _split(text)
    if not path.exists():
        raise ValueError(f"{text} does not exist")
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURES)
        if not files:
            raise ValueError(f"{path} holds no pictures")
        for file in files:
            yield Item(file.relative_to(path).as_posix(), _read(file))
    elif path.suffix.lower() in PICTURES:
        picture = _read(path)
        tiles = [picture] if tile is None else sheet_tiles(picture, tile, least)
        if tile is not None and least == 1 and len(tiles) == 1 and picture.shape[:2] != tile:
            height, width = picture.shape[:2]
            raise ValueError(f"{path} is {width}x{height}: no sheet of tiles of {tile[1]}x{tile[0]}")
        yield from _numbered(path.name, tiles)
    elif path.suffix.lower() == ".npz":
        yield from _numbered(path.name, _npz(path, array))
    else:
        try:
            stack = read_idx(path)
        except (OSError, EOFError) as error:  # a damaged gzip
            raise ValueError(f"{path} cannot be read: {error}") from error
        if stack.ndim not in (3, 4) or 0 in stack.shape:
            raise ValueError(f"{path} holds an array of {stack.shape}, and no pictures")
        yield from _numbered(path.name, stack)


def _split(text: str) -> tuple[Path, str]:
    """The path and, of FILE.npz:NAME, the array's name."""
    file, colon, array = text.rpartition(":")
    return (Path(file), array) if colon and file.lower().endswith(".npz") else (Path(text), "")


def _numbered(name: str, found: Sequence[Picture] | Picture) -> Iterator[Item]:
    for index, picture in enumerate(found):
        yield Item(f"{name}#{index}" if len(found) > 1 else name, picture)


def _npz(path: Path, array: str) -> list[Picture]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if array and array not in arrays.files:
                raise ValueError(f"{path} has no array {array}, but {', '.join(arrays.files)}")
            stacks = [arrays[name] for name in ([array] if array else arrays.files)]
    except (OSError, EOFError, KeyError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    stacks = [s for s in stacks if s.dtype == np.uint8 and (s.ndim == 3 or s.ndim == 4 and s.shape[3] in (1, 3))]
    if not sum(map(len, stacks)):
        raise ValueError(f"{path} holds no uint8 pictures (N, H, W), (N, H, W, 1) or (N, H, W, 3)")
    return [picture[..., 0] if picture.shape[2:] == (1,) else picture for stack in stacks for picture in stack]


def _read(path: Path) -> Picture:
    try:
        with Image.open(path) as image:
            return loading.load(image).samples
    except AecError as error:
        raise ValueError(f"{path}: {error}") from error
    except Exception as error:  # Pillow's plugins raise whatever they stumble over in a damaged file
        raise ValueError(f"{path} is not a picture that can be read: {error}") from error


def sheet_tiles(picture: Picture, tile: tuple[int, int], least: int = SHEET_TILES) -> list[Picture]:
    """The tiles of a sheet, row by row; the picture itself if it is no sheet of `least` tiles each way."""
    (height, width), (th, tw) = picture.shape[:2], tile
    if height % th or width % tw or min(height // th, width // tw) < least:
        return [picture]
    grid = picture.reshape(height // th, th, width // tw, tw, *picture.shape[2:])
    return list(grid.swapaxes(1, 2).reshape(-1, th, tw, *picture.shape[2:]))


def spread(items: Sequence[_Any], count: int) -> list[_Any]:
    """`count` of them at even distances, from the first on."""
    return [items[len(items) * i // count] for i in range(min(count, len(items)))]
