"""Pictures with labels, one after the other, from sources of every kind: what `aec pack` packs.

Files are not read before they are needed, and an archive is read from beginning to end, so sources may be of any size.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
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
# How a compressed archive begins, and what reads it: all streams of it, and their checks. A name may begin with BZh.
_COMPRESSED: Final[tuple[tuple[re.Pattern[bytes], Callable[[Any], Any]], ...]] = (
    (re.compile(rb"\x1f\x8b\x08"), gzip.open),
    (re.compile(rb"BZh[1-9]1AY&SY"), bz2.open),
    (re.compile(rb"\xfd7zXZ\0|\x5d\0\0\x80"), lzma.open),
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


class OptionDoesNotFit(ValueError):
    """Labels or a tile, given for a source that has no use for them."""


def open_source(text: str, tile: tuple[int, int] | None = None, labels: Path | None = None) -> Source:
    """The source that a path names. Raises ValueError for what cannot be read.

    A folder (searched recursively; its first level of folders are the labels), a tar archive (the same, or a member
    NAME.cls with the label beside NAME.png), an idx file, an npz file or one array of it as FILE.npz:NAME (with an
    array of labels, if there is one), or a picture file; with a tile (height, width), that is a sheet of such tiles.
    labels: an idx file with a label for each picture. Raises OptionDoesNotFit for a tile or labels without use.
    """
    readers.require_named(text)
    path, array = split_npz(text)
    if not path.exists():
        raise ValueError(f"{text} does not exist")
    is_archive = path.name.lower().endswith(_TAR_SUFFIXES)
    is_sheet = tile is not None and readers.is_picture(path) and not path.is_dir()
    files = path.is_dir() or is_archive or path.suffix.lower() == AEC_SUFFIX or readers.is_picture(path)
    require_fitting(text, tile, labels, sheet=is_sheet, stack=is_sheet or not files)
    if path.is_dir():
        return _folder(path)
    if is_archive:
        return Source(lambda: _tar(path.open("rb"), path.name), None, named=True)
    if files and not is_sheet:
        return Source(lambda: iter([Sample(path.name, path)]), 1, named=True)
    given = None if labels is None else _flat(labels)
    if is_sheet:
        assert tile is not None
        sheet = readers.read_picture(path)
        if not readers.is_sheet(sheet, tile, 1):
            raise ValueError(f"{path} is not a sheet of {tile[1]}x{tile[0]} tiles")
        return _stack(path.name, readers.sheet_tiles(sheet, tile), given)
    if readers.is_npz(path):
        headers = readers.npz_headers(path)
        name = _chosen(path, headers, array)
        stack = readers.read_npz(path, [name])[name]
        return _stack(path.name, stack, _npz_labels(path, headers, name) if given is None else given)
    stack = readers.read_idx(path)
    if stack.ndim not in (3, 4) or 0 in stack.shape:
        raise ValueError(f"{path} holds an array of shape {stack.shape}, not pictures")
    return _stack(path.name, stack, given)


def require_fitting(
    name: str, tile: tuple[int, int] | None, labels: Path | None, *, sheet: bool = False, stack: bool = False
) -> None:
    """Raise OptionDoesNotFit for a tile if the source is no sheet, and for labels if it is no stack of pictures."""
    if tile is not None and not sheet:
        raise OptionDoesNotFit(f"a tile is for picture files that are sheets of tiles: {name} is none")
    if labels is not None and not stack:
        raise OptionDoesNotFit(f"labels are for idx files, npz files and sheets of tiles: {name} is none of these")


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
    if not stack.size:
        raise ValueError(f"{name} holds no pictures")
    if labels is not None and len(labels) != len(stack):
        raise ValueError(f"{name} has {len(stack)} pictures, and there are {len(labels)} labels")

    def samples() -> Iterator[Sample]:
        for index, picture in enumerate(stack):
            label = None if labels is None else labels[index].item()
            yield Sample(f"{name}#{index}", picture, label)

    return Source(samples, len(stack), named=False)


def _flat(path: Path) -> NDArray[np.uint8]:
    labels = readers.read_idx(path)
    if labels.ndim != 1:
        raise ValueError(f"{path} holds an array of shape {labels.shape}, not labels")
    return labels


def _chosen(path: Path, headers: Mapping[str, readers.Header], name: str) -> str:
    """The array of pictures of an npz file, of which there must be one unless it is named."""
    stacks = [key for key, header in headers.items() if header.is_stack]
    chosen = [name] if name else stacks
    if len(chosen) != 1 or chosen[0] not in stacks:
        offered = ", ".join(f"{path}:{key}" for key in stacks)
        raise ValueError(f"{path} holds no one array of uint8 pictures; choose one of {offered or 'none'}")
    return chosen[0]


def _npz_labels(path: Path, headers: Mapping[str, readers.Header], name: str) -> NDArray[Any] | None:
    """The labels of the pictures in an array of an npz file; None if it has no other array of as many values."""
    count = headers[name].shape[0]
    for pictures, labels in _LABELS_OF:
        other = name.replace(pictures, labels)
        if other == name or other not in headers or math.prod(headers[other].shape) != count:
            continue
        kind = headers[other].dtype
        if kind.kind not in "iuU":
            raise ValueError(f"{path}: labels are integers or strings, and the array {other} is of {kind}")
        return readers.read_npz(path, [other])[other].reshape(-1)
    return None


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
    opened: IO[bytes] = next((read(buffered) for magic, read in _COMPRESSED if magic.match(start)), buffered)
    return opened


def _tar(stream: IO[bytes], name: str) -> Iterator[Sample]:
    """The pictures of an archive; each waits for what follows it, which may be its label.

    Folders are labels from the first picture in one on; those before it must have been in none.
    """
    waiting: list[Sample] = []
    label: Sample | None = None
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
                failure = "" if held else "links in archives are not followed"
                if suffix == _LABEL_SUFFIX:
                    label = Sample(path.as_posix(), b"", _parsed_label(content), failure)
                else:
                    labelled = labelled or bool(folders)
                    own = folders[0] if folders else "" if labelled else None
                    waiting.append(Sample(path.as_posix(), content, own, failure))
            while data.read(_PIECE):  # the check of a compressed archive is at its end
                pass
        yield from _labelled(waiting, label)
        if not key:
            raise ValueError(f"{name} holds no pictures")
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise ValueError(f"{name} cannot be read as a tar archive: {error}") from error


def _labelled(samples: Sequence[Sample], label: Sample | None) -> Iterator[Sample]:
    """Pictures of one name, with the label of the member that was beside them. Raises ValueError if it is of none."""
    if label is None:
        yield from samples
        return
    if label.failure or not samples:
        raise ValueError(f"{label.name}: {label.failure or 'this label has no picture beside it in the archive'}")
    yield from (replace(sample, label=label.label) for sample in samples)


def _parsed_label(data: bytes) -> int | str:
    text = data[:_MOST_LABEL_BYTES].decode("utf-8", "replace").strip()
    return int(text) if re.fullmatch("-?[0-9]{1,18}", text) else text
