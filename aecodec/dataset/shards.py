"""A data set in several files, its shards, that is read as one: `name-00000-of-00128.aecs` and so on."""

from __future__ import annotations

import errno
import glob
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aecodec import urls
from aecodec.dataset import assembling, reading
from aecodec.dataset.columns import LABEL, Column, joined
from aecodec.dataset.ranges import DataSetLike
from aecodec.dataset.reading import CACHE_BYTES, DataSet
from aecodec.dataset.remote import RemoteFile
from aecodec.dataset.runs import Runs
from aecodec.dataset.verifying import Damage
from aecodec.engines import DEFAULT_ENGINE
from aecodec.engines.threads import in_threads
from aecodec.errors import InvalidValue
from aecodec.format.panels import Progress
from aecodec.images.metadata import Metadata
from aecodec.images.source import MAX_PIXELS

_NUMBERED: Final = re.compile(r"-(\d{5,})-of-(\d{5,})(?=\.[^./\\]*$)")
_WILDCARDS: Final = re.compile(r"[*?[]")


def shard_path(path: str, index: int, count: int) -> str:
    """The name of a shard: that of `name.aecs` is `name-00000-of-00128.aecs`."""
    stem, suffix = os.path.splitext(path)
    return f"{stem}-{index:05}-of-{count:05}{suffix}"


def open(  # noqa: A001
    data: DataSetLike,
    *,
    cache_bytes: int = CACHE_BYTES,
    max_pixels: int | None = MAX_PIXELS,
    engine: str = DEFAULT_ENGINE,
    recover: bool = False,
) -> DataSet:
    """Open a data set for reading. Nothing but its index is read.

    data: a path or URL, the bytes of a data set, or an object with `size` and `read(offset, length)`. In a path or URL
    with wildcards, such as `name-*.aecs`, all files that match are read as one data set, in the order of their names.
    cache_bytes: decoded pictures kept for further accesses, the most recently used ones. max_pixels: refuse larger
    pictures, and blocks that together have more, before anything is allocated; None for no limit. engine: as for
    `aecodec.decode`. recover: open a file whose index is lost or damaged, too, by searching it for whole blocks;
    `missing` then tells which pictures are gone.

    Raises AecError, and OSError if a file cannot be read; InvalidValue if shards are missing.
    """

    def single(data: DataSetLike) -> DataSet:
        source = RemoteFile(data) if urls.is_url(data) else data
        return reading.open(source, cache_bytes=cache_bytes, max_pixels=max_pixels, engine=engine, recover=recover)

    if not isinstance(data, str | os.PathLike) or not _has_wildcards(os.fspath(data)) or os.path.exists(data):
        return single(data)
    pattern = os.fspath(data)
    paths = urls.matching(pattern) if urls.is_url(pattern) else sorted(glob.glob(pattern))
    if not paths:
        raise FileNotFoundError(errno.ENOENT, "no file matches", pattern)
    _require_complete(paths)
    return Shards(list(in_threads(single, paths)), cache_bytes)


def _has_wildcards(path: str) -> bool:
    """Whether a path stands for several files; in a URL, a question mark begins what is no part of the path."""
    return bool(_WILDCARDS.search(path.partition("?")[0] if urls.is_url(path) else path))


def _require_complete(paths: Sequence[str]) -> None:
    """Raise InvalidValue if the names are those of numbered shards, and some are missing."""
    numbered = [found for path in paths if (found := _NUMBERED.search(path))]
    if not numbered:
        return
    counts = {int(found[2]) for found in numbered}
    if len(counts) > 1 or len(numbered) < len(paths):
        raise InvalidValue(f"{paths[0]} and {paths[-1]} are not shards of one data set: choose a narrower pattern")
    (count,) = counts
    missing = sorted(set(range(count)) - {int(found[1]) for found in numbered})
    if missing or len(paths) != count:
        raise InvalidValue(f"of {count} shards like {paths[0]} these are missing: {Runs.of(missing)}")


class Shards(DataSet):
    """Data sets that are read as one, numbered one after the other.

    cache_bytes: of decoded pictures that are kept, in all of them together.
    """

    def __init__(self, shards: Sequence[DataSet], cache_bytes: int = CACHE_BYTES) -> None:
        self._shards, self._cache_bytes = tuple(shards), cache_bytes
        self._begins = np.cumsum([0, *map(len, shards)])
        self._used = dict.fromkeys(range(0))  # indices of shards that were read, the latest last

    @property
    def shards(self) -> tuple[DataSet, ...]:
        """The data sets that this one consists of, in order."""
        return self._shards

    def __len__(self) -> int:
        """The number of pictures in all shards."""
        return int(self._begins[-1])

    @property
    def file_bytes(self) -> int:
        """The size of all files in bytes."""
        return sum(shard.file_bytes for shard in self.shards)

    @property
    def cached_bytes(self) -> int:
        """The bytes of decoded pictures that are kept at present."""
        return sum(shard.cached_bytes for shard in self.shards)

    def forget(self) -> None:
        """Drop the decoded pictures that are kept."""
        for shard in self.shards:
            shard.forget()

    def read(self, index: Sequence[int] | NDArray[Any]) -> Any:
        """The pictures with these numbers, in this order: an array, or a list if they differ in shape or type."""
        numbers = self._numbers(index)
        parts = self._parts(numbers)
        return assembling.assembled(len(numbers), ((where, self._read(shard, own)) for shard, own, where in parts))

    def _read(self, shard: int, numbers: NDArray[np.int64]) -> Any:
        """Pictures of a shard; those that read longest ago forget what they keep, if it is too much."""
        found = self.shards[shard].read(numbers)
        self._used.pop(shard, None)
        self._used[shard] = None
        kept = self.cached_bytes
        for oldest in list(self._used)[:-1]:
            if kept <= self._cache_bytes:
                break
            kept -= self.shards[oldest].cached_bytes
            self.shards[oldest].forget()
            self._used.pop(oldest, None)
        return found

    def files(self, index: Sequence[int] | NDArray[Any]) -> list[bytes]:
        """The .aec files of some pictures: those that `aecodec.encode` writes. Raises IndexError, AecError."""
        numbers = self._numbers(index)
        files = [b""] * len(numbers)
        for shard, own, where in self._parts(numbers):
            for position, file in zip(where.tolist(), self.shards[shard].files(own), strict=True):
                files[position] = file
        return files

    def metadata_of(self, number: int) -> Metadata:
        """Colour profile, EXIF, XMP and resolution of a picture. Raises IndexError, AecError."""
        ((shard, own, _),) = self._parts(self._numbers([number]))
        return self.shards[shard].metadata_of(int(own[0]))

    def _single(self, number: int) -> Any:
        return self.read([number])[0]

    def _parts(self, numbers: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
        """(index of the shard, numbers in it, their places among all), for each shard that is needed."""
        owners = np.searchsorted(self._begins, numbers, side="right") - 1
        for index in np.unique(owners).tolist():
            where = np.flatnonzero(owners == index)
            yield index, numbers[where] - self._begins[index], where

    def blocks(self) -> list[NDArray[np.int64]]:
        """The numbers of the pictures of each block, shard by shard; a block is decoded as a whole."""
        return [own + begin for shard, begin in self._numbered() for own in shard.blocks()]

    def _numbered(self) -> Iterator[tuple[DataSet, int]]:
        return zip(self.shards, self._begins.tolist(), strict=False)

    @property
    def missing(self) -> Runs:
        """The numbers of pictures that no block holds."""
        return Runs.of(n for shard, begin in self._numbered() for n in (shard.missing.numbers() + begin).tolist())

    def verify(self, progress: Progress | None = None) -> list[Damage]:
        """Decode everything and return what is damaged, with the numbers in the whole.

        progress: called with (shards done, shards in all).
        """
        found = []
        for done, (shard, begin) in enumerate(self._numbered(), 1):
            for damage in shard.verify():
                found.append(Damage(Runs.of((damage.numbers.numbers() + begin).tolist()), damage.message))
            if progress:
                progress(done, len(self.shards))
        return found

    @cached_property
    def label_names(self) -> list[str]:
        """The names of the labels 0, 1, ... of all shards; labels of a shard with other names are numbered anew."""
        return [name for name, _ in dict.fromkeys(key for shard in self.filled for key in _keys(shard.label_names))]

    @property
    def filled(self) -> list[DataSet]:
        """The shards that have pictures, or else the first."""
        return [shard for shard in self.shards if len(shard)] or list(self.shards[:1])

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of the first shard."""
        return self.shards[0].metadata

    @cached_property
    def columns(self) -> _Columns:  # type: ignore[override]
        """The columns by name, each (N,), which are read when they are asked for; labels are one of them."""
        return _Columns(self)

    def close(self) -> None:
        """Release the files."""
        for shard in self.shards:
            shard.close()

    def __getstate__(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in ("_shards", "_cache_bytes", "_begins", "_used")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state


def _keys(names: Sequence[str]) -> list[tuple[str, int]]:
    """Each name with how often it was there before, since labels may share a name and are different nevertheless."""
    seen: Counter[str] = Counter()
    keys = []
    for name in names:
        keys.append((name, seen[name]))
        seen[name] += 1
    return keys


class _Columns(Mapping[str, Column]):
    """The columns that all shards have, one after the other, each read when it is first asked for."""

    def __init__(self, whole: Shards) -> None:
        self._label_names = whole.label_names
        self._shards = whole.filled
        self._names = [name for name in self._shards[0].columns if all(name in s.columns for s in self._shards)]
        self._read: dict[str, Column] = {}

    def __getitem__(self, name: str) -> Column:
        """A column (N,). Raises KeyError, AecError."""
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            parts = [self._labels(s) if name == LABEL else s.columns[name] for s in self._shards]
            self._read[name] = joined(parts)
        return self._read[name]

    @property
    def kinds(self) -> dict[str, str]:
        """The type of each column, as in `aecodec.dataset.columns.Columns.kinds`."""
        return {name: self._shards[0].columns.kinds[name] for name in self._names}

    def _labels(self, shard: DataSet) -> Column:
        """The labels of a shard, numbered as in the whole. Raises InvalidValue."""
        labels, own, names = shard.columns[LABEL], shard.label_names, self._label_names
        if own == names:
            return labels
        if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= len(own):
            raise InvalidValue("the shards name their labels differently, and not all labels have names")
        places = {key: index for index, key in enumerate(_keys(names))}
        return np.array([places[key] for key in _keys(own)], np.int64)[labels]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
