"""Single pictures of any size to measure, each with a name, from sources of every kind."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from aecodec.sources import readers
from aecodec.sources.readers import Picture

_Any = TypeVar("_Any")


@dataclass(frozen=True)
class Item:
    """One picture, (H, W) or (H, W, 3) of uint8, and its origin."""

    name: str
    picture: Picture


def load(
    paths: Sequence[str], tile: tuple[int, int] | None = None, limit: int | None = None, least: int = 1
) -> list[Item]:
    """Load the first `limit` pictures of all paths, without their opacity.

    A path is a picture file, a folder (searched recursively), an idx file, or an npz file, of which all uint8 arrays
    (N, H, W) or (N, H, W, C) are taken, or one of them: FILE.npz:NAME. With a tile (height, width), picture files are
    sheets of at least `least` tiles in each row and column; where `least` is above 1, others are single pictures.
    Raises ValueError for what cannot be read.
    """
    found: list[Item] = []
    for name in paths:
        for item in _items(name, tile, least):
            if limit is not None and len(found) >= limit:
                return found
            found.append(replace(item, name=os.fsencode(item.name).decode(errors="replace")))  # to be shown anywhere
    return found


def _items(text: str, tile: tuple[int, int] | None, least: int) -> Iterator[Item]:
    readers.require_named(text)
    path, array = split_npz(text)
    if not path.exists():
        raise ValueError(f"{text} does not exist")
    if path.is_dir():
        for file in readers.some_picture_files(path):
            yield Item(file.relative_to(path).as_posix(), readers.read_picture(file))
    elif readers.is_picture(path):
        yield from _numbered(path.name, _picture_or_tiles(path, tile, least))
    elif readers.is_npz(path):
        yield from _numbered(path.name, _npz(path, array))
    else:
        stack = readers.read_idx(path)
        if stack.ndim not in (3, 4) or 0 in stack.shape:
            raise ValueError(f"{path} holds an array of shape {stack.shape}, not pictures")
        yield from _numbered(path.name, stack)


def split_npz(text: str) -> tuple[Path, str]:
    """The path and, of FILE.npz:NAME, the array's name."""
    file, colon, array = text.rpartition(":")
    return (Path(file), array) if colon and file.lower().endswith(".npz") else (Path(text), "")


def _numbered(name: str, found: Sequence[Picture] | Picture) -> Iterator[Item]:
    for index, picture in enumerate(found):
        yield Item(f"{name}#{index}" if len(found) > 1 else name, picture)


def _picture_or_tiles(path: Path, tile: tuple[int, int] | None, least: int) -> Sequence[Picture] | Picture:
    picture = readers.read_picture(path)
    if tile is not None and readers.is_sheet(picture, tile, least):
        return readers.sheet_tiles(picture, tile)
    if tile is not None and least == 1:
        height, width = picture.shape[:2]
        raise ValueError(f"{path} is {width}x{height}, which is not a sheet of {tile[1]}x{tile[0]} tiles")
    return [picture]


def _npz(path: Path, array: str) -> list[Picture]:
    headers = readers.npz_headers(path)
    if array and array not in headers:
        raise ValueError(f"{path} cannot be read: it has no array {array}, but {', '.join(headers)}")
    names = [name for name in ([array] if array else headers) if headers[name].is_stack]
    stacks = readers.read_npz(path, names).values()
    if not sum(map(len, stacks)):
        raise ValueError(f"{path} holds no uint8 pictures (N, H, W), (N, H, W, 1) or (N, H, W, 3)")
    return [picture[..., 0] if picture.shape[2:] == (1,) else picture for stack in stacks for picture in stack]


def spread(items: Sequence[_Any], count: int) -> list[_Any]:
    """`count` of the items, evenly spaced, starting with the first."""
    count = min(count, len(items))
    return [items[len(items) * i // count] for i in range(count)]
