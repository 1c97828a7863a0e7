"""Pictures with labels, one after the other, from sources of every kind: what `aec pack` packs.

Files are not read before they are needed, and an archive is read from beginning to end, so sources may be of any size.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, Self, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from aecodec.images.files import files_below, is_hidden, is_picture_name
from aecodec.sources import readers
from aecodec.sources.items import split_npz

Content: TypeAlias = "NDArray[np.uint8] | bytes | Path"
"""Samples (H, W) or (H, W, C), the bytes of a picture file, or its path."""

AEC_SUFFIX: Final = ".aec"
_TAR_SUFFIXES: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
# How a compressed archive begins, and what reads it: all streams of it, and their checks.
_COMPRESSED: Final[tuple[tuple[bytes, Callable[[Any], Any]], ...]] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\0", lzma.open),
    (b"\x5d\0\0\x80", lzma.open),
)
_PIECE: Final = 1 << 16
_LABEL_SUFFIX: Final = ".cls"  # of a member of an archive that holds the label of the pictures of the same name
_MOST_LABEL_BYTES: Final = 1 << 10
# Of the arrays of an npz file: what the name of pictures becomes in that of their labels.
_LABELS_OF: Final = (("x", "y"), ("images", "labels"), ("image", "label"), ("data", "labels"), ("pictures", "labels"))


@dataclass(frozen=True)
class Sample:
    """A picture, its name within the source, and its label: a number, a word, or None.

    failure: why there is no content, if there is none.
    """

    name: str
    content: Content
    label: int | str | None = None
    failure: str = ""


@dataclass(frozen=True)
class Source:
    """Samples in a fixed order. count: how many, or None if that is not known before the end. named: by files."""

    samples: Callable[[], Iterator[Sample]]
    count: int | None
    named: bool


def open_source(text: str, tile: tuple[int, int] | None = None, labels: Path | None = None) -> Source:
    """The source that a path names. Raises ValueError for what cannot be read.

    A folder (searched recursively; its first level of folders are the labels), a tar archive (the same, or a member
    NAME.cls with the label beside NAME.png), an idx file, an npz file or one array of it as FILE.npz:NAME (with an
    array of labels, if there is one), or a picture file; with a tile (height, width), that is a sheet of such tiles.
    labels: an idx file with a label for each picture.
    """
    path, array = split_npz(text)
    if not path.exists():
        raise ValueError(f"{text} does not exist")
    if path.is_dir():
        return _folder(path)
    if path.name.lower().endswith(_TAR_SUFFIXES):
        return Source(lambda: _tar(path.open("rb"), path.name), None, named=True)
    if path.suffix.lower() == AEC_SUFFIX or readers.is_picture(path) and tile is None:
        return Source(lambda: iter([Sample(path.name, path)]), 1, named=True)
    given = None if labels is None else _flat(labels)
    if readers.is_picture(path):
        assert tile is not None
        sheet = readers.read_picture(path)
        if not readers.is_sheet(sheet, tile, 1):
            raise ValueError(f"{path} is not a sheet of {tile[1]}x{tile[0]} tiles")
        return _stack(path.name, readers.sheet_tiles(sheet, tile), given)
    if readers.is_npz(path):
        stack, found = _npz(path, array)
        return _stack(path.name, stack, found if given is None else given)
    stack = readers.read_idx(path)
    if stack.ndim not in (3, 4) or 0 in stack.shape:
        raise ValueError(f"{path} holds an array of shape {stack.shape}, not pictures")
    return _stack(path.name, stack, given)


def open_pipe(stream: IO[bytes]) -> Source:
    """The source of a tar archive that is read from a pipe."""
    return Source(lambda: _tar(stream, "standard input"), None, named=True)


def _folder(folder: Path) -> Source:
    files = sorted(map(Path, files_below(str(folder), _is_content)))
    if not files:
        raise ValueError(f"{folder} holds no pictures")
    names = [path.relative_to(folder) for path in files]
    labelled = any(len(name.parts) > 1 for name in names)

    def samples() -> Iterator[Sample]:
        for path, name in zip(files, names, strict=True):
            label = (name.parts[0] if len(name.parts) > 1 else "") if labelled else None
            yield Sample(name.as_posix(), path, label)

    return Source(samples, len(files), named=True)


def _is_content(name: str) -> bool:
    return is_picture_name(name) or name.lower().endswith(AEC_SUFFIX)


def _stack(name: str, stack: NDArray[np.uint8], labels: NDArray[Any] | None) -> Source:
    if labels is not None and len(labels) != len(stack):
        raise ValueError(f"{name} has {len(stack)} pictures, and there are {len(labels)} labels")

    def samples() -> Iterator[Sample]:
        for index, picture in enumerate(stack):
            label = None if labels is None else int(labels[index])
            yield Sample(f"{name}#{index}", picture, label)

    return Source(samples, len(stack), named=False)


def _flat(path: Path) -> NDArray[np.uint8]:
    labels = readers.read_idx(path)
    if labels.ndim != 1:
        raise ValueError(f"{path} holds an array of shape {labels.shape}, not labels")
    return labels


def _npz(path: Path, name: str) -> tuple[NDArray[np.uint8], NDArray[Any] | None]:
    """The pictures of an npz file, of which there must be one array unless it is named, and their labels."""
    arrays = readers.read_npz(path)
    stacks = {
        key: a for key, a in arrays.items() if a.dtype == np.uint8 and (a.ndim == 3 or a.shape[3:] in ((1,), (3,)))
    }
    chosen = [name] if name else list(stacks)
    if len(chosen) != 1 or chosen[0] not in stacks:
        offered = ", ".join(f"{path}:{key}" for key in stacks)
        raise ValueError(f"{path} holds no one array of uint8 pictures; choose one of {offered or 'none'}")
    stack = stacks[chosen[0]]
    for pictures, labels in _LABELS_OF:
        other = arrays.get(chosen[0].replace(pictures, labels))
        if other is not None and other.dtype.kind in "iu" and other.size == len(stack):
            return stack, other.reshape(-1)
    return stack, None


class _Member(tarfile.TarInfo):
    """A member of an archive; `tarfile` would take an archive for whole that is cut or damaged after the first one."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """See `tarfile.TarInfo.fromtarfile`; only blocks of zeros are the end."""
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.EmptyHeaderError as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError("unexpected end of data") from error
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


def _decompressed(stream: IO[bytes]) -> IO[bytes]:
    """The bytes of an archive, which may be compressed, of a stream that may be a pipe."""
    buffered = io.BufferedReader(cast(io.RawIOBase, stream))  # which can look ahead without seeking
    start = buffered.peek(_PIECE)
    opened: IO[bytes] = next((read(buffered) for magic, read in _COMPRESSED if start.startswith(magic)), buffered)
    return opened


def _tar(stream: IO[bytes], name: str) -> Iterator[Sample]:
    """The pictures of an archive; each waits for what follows it, which may be its label.

    Folders are labels from the first picture in one on; those before it must have been in none.
    """
    waiting: list[Sample] = []
    label: int | str | None = None
    labelled = False
    key = ""
    try:
        with stream, _decompressed(stream) as data, tarfile.open(fileobj=data, mode="r|", tarinfo=_Member) as archive:
            for member in archive:
                path = PurePosixPath(member.name)
                suffix = path.suffix.lower()
                folders = [part for part in path.parts[:-1] if part not in (".", "..", "/")]
                if any(map(is_hidden, (*folders, path.name))):
                    continue
                if member.isdir() or not (_is_content(path.name) or suffix == _LABEL_SUFFIX):
                    continue
                if path.with_suffix("").as_posix() != key:
                    yield from _labelled(waiting, label)
                    waiting, label, key = [], None, path.with_suffix("").as_posix()
                held = archive.extractfile(member) if member.isfile() else None  # what links mean has gone by
                content = held.read() if held else b""
                if suffix == _LABEL_SUFFIX:
                    label = _parsed_label(content)
                else:
                    labelled = labelled or bool(folders)
                    own = folders[0] if folders else "" if labelled else None
                    failure = "" if held else "links in archives are not followed"
                    waiting.append(Sample(path.as_posix(), content, own, failure))
            while data.read(_PIECE):  # the check of a compressed archive is at its end
                pass
        yield from _labelled(waiting, label)
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise ValueError(f"{name} cannot be read as a tar archive: {error}") from error


def _labelled(samples: Sequence[Sample], label: int | str | None) -> Iterator[Sample]:
    for sample in samples:
        yield sample if label is None else replace(sample, label=label)


def _parsed_label(data: bytes) -> int | str:
    text = data[:_MOST_LABEL_BYTES].decode("utf-8", "replace").strip()
    return int(text) if text.isdecimal() and len(text) < 10 else text
