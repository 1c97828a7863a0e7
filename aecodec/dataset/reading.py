"""Reading of data sets: an array-like object that decodes blocks of pictures when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from aecodec.dataset import assembling, framing, picture_blocks, verifying
from aecodec.dataset.batches import Batch, Order, ReadAhead, several
from aecodec.dataset.cache import PictureCache
from aecodec.dataset.columns import LABEL, Column, Columns
from aecodec.dataset.description import Description
from aecodec.dataset.framing import Entry
from aecodec.dataset.picture_blocks import Blocks, Joined
from aecodec.dataset.ranges import DataSetLike, RangeSource, source_of
from aecodec.dataset.runs import Places, Runs
from aecodec.dataset.verifying import Damage
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.engines import DEFAULT_ENGINE
from aecodec.engines.threads import in_threads, workers
from aecodec.errors import AecError, InvalidValue, LimitExceeded, TruncatedFile
from aecodec.format.panels import Progress
from aecodec.images.metadata import Metadata
from aecodec.images.source import MAX_PIXELS, Picture

CACHE_BYTES: Final = 1 << 28
MOST_AHEAD: Final = 1024  # pictures that are read at a time where they are small
_SPARSE: Final = 1 << 10  # pictures for each that is there: a few bytes must not announce billions
BLOCK_PICTURES: Final = 256  # of a block, unless the writer chose otherwise

Index: TypeAlias = "int | slice | Sequence[int] | NDArray[Any]"
Wanted: TypeAlias = "tuple[int, NDArray[np.int64], NDArray[np.int64]]"
"""A block, the places of pictures in it, and where these belong in the answer."""


class DataSet:
    """A data set that was opened for reading: a sequence of pictures with labels and columns.

    `ds[i]` is a picture, uint8 (H, W), (H, W, 3), or with one more channel for opacity; uint16 if it was written so.
    `ds[a:b]` and `ds[[i, j, ...]]` are arrays (N, H, W[, C]), or lists if the pictures differ in shape or type.
    Reading is safe from several threads, and in processes that are forked or to which the data set is sent.
    """

    def __init__(
        self,
        source: RangeSource,
        *,
        cache_bytes: int = CACHE_BYTES,
        max_pixels: int | None = MAX_PIXELS,
        engine: str = DEFAULT_ENGINE,
        recover: bool = False,
    ) -> None:
        self._source, self._recover = source, recover
        self._cache_bytes, self._max_pixels, self._engine = cache_bytes, max_pixels, engine
        self._cache, self._process = PictureCache(cache_bytes), os.getpid()
        self.entries = _entries(source, recover)
        pictures = [index for index, entry in enumerate(self.entries) if entry.kind in framing.PICTURES]
        self._places = Places([(index, picture_blocks.numbers_of(self.entries[index])) for index in pictures])
        if self._places.end > _SPARSE * (self._places.count + BLOCK_PICTURES):
            raise LimitExceeded("nearly all pictures of the data set are missing, or their numbers are invented")
        self._parsed: dict[int, Blocks] = {}

    # Pictures ---

    def __len__(self) -> int:
        """The number of pictures; with `recover`, the last number that was found plus one."""
        return self._places.end

    def __getitem__(self, index: Index) -> Any:
        """A picture, or several. Raises IndexError, AecError."""
        if isinstance(index, slice):
            return self.read(range(*index.indices(len(self))))
        if isinstance(index, int | np.integer) and not isinstance(index, bool):
            return self._single(int(index))
        return self.read(index)  # type: ignore[arg-type]  # whatever it is, it is looked at there

    @property
    def shards(self) -> tuple[DataSet, ...]:
        """The data sets that this one consists of: itself, or its shards."""
        return (self,)

    @property
    def file_bytes(self) -> int:
        """The size of the file in bytes."""
        return self._source.size

    def __iter__(self) -> Iterator[Picture]:
        """All pictures in turn, block by block."""
        ahead, begin = ReadAhead(MOST_AHEAD), 0
        while begin < len(self):
            pictures = self.read(range(begin, min(begin + ahead.count, len(self))))
            begin += len(pictures)
            ahead.learn(pictures)
            yield from pictures

    def _single(self, number: int) -> Picture:
        numbers = self._numbers([number])
        block, place = (int(part[0]) for part in self._places.find(numbers))
        self._require(numbers, np.array([block]))
        found = self._pictures(block, np.array([place]))
        return np.array(found[0])

    def read(self, index: Sequence[int] | NDArray[Any]) -> Any:
        """The pictures with these numbers, in this order: an array, or a list if they differ in shape or type.

        Blocks are decoded in several threads. Raises IndexError, AecError.
        """
        numbers = self._numbers(index)
        wanted = self._wanted(numbers)
        found = in_threads(lambda each: self._pictures(each[0], each[1]), wanted)
        return assembling.assembled(len(numbers), zip((where for _, _, where in wanted), found, strict=True))

    def file(self, number: int) -> bytes:
        """The .aec file of a picture, in the packing of its block. Raises IndexError, AecError."""
        return self.files([number])[0]

    def files(self, index: Sequence[int] | NDArray[Any]) -> list[bytes]:
        """The .aec files of some pictures, which are not encoded again. Raises IndexError, AecError."""
        numbers = self._numbers(index)
        files = [b""] * len(numbers)
        for block, places, where in self._wanted(numbers):
            parsed, body = self._block(block), self.body(self.entries[block])
            all_files = parsed.files(body, self._engine) if isinstance(parsed, Joined) else parsed.files(body)
            for place, position in zip(places.tolist(), where.tolist(), strict=True):
                files[position] = all_files[place]
        return files

    def metadata_of(self, number: int) -> Metadata:
        """Colour profile, EXIF, XMP and resolution of a picture. Raises IndexError, AecError."""
        numbers = self._numbers([number])
        ((block, _, _),) = self._wanted(numbers)
        if isinstance(self._block(block), Joined):  # only pictures without metadata are
            return Metadata()
        return ParsedFile.parse(self.files(numbers)[0], self._max_pixels).metadata()

    def _numbers(self, index: Any) -> NDArray[np.int64]:
        given = np.asarray(index)
        if given.dtype == bool and given.shape == (len(self),):
            given = np.flatnonzero(given)
        large = given.dtype == object and all(isinstance(n, int | np.integer) for n in given.flat)
        if given.ndim != 1 or given.dtype.kind not in "iu" and given.size and not large:
            raise TypeError("pictures are chosen by an integer, a slice, or a sequence of integers")
        outside = (given < -len(self)) | (given >= len(self))  # before int64 makes others of large ones
        if outside.any():
            raise IndexError(f"there is no picture {given[outside][0]} in a data set of {len(self)}")
        numbers = given.astype(np.int64)
        return np.where(numbers < 0, numbers + len(self), numbers)

    def _wanted(self, numbers: NDArray[np.int64]) -> list[Wanted]:
        blocks, places = self._places.find(numbers)
        self._require(numbers, blocks)
        order = np.argsort(blocks, kind="stable")
        cuts = np.flatnonzero(np.diff(blocks[order])) + 1
        return [(int(blocks[part[0]]), places[part], part) for part in np.split(order, cuts) if part.size]

    def _require(self, numbers: NDArray[np.int64], blocks: NDArray[np.int64]) -> None:
        if (blocks < 0).any():
            lost = Runs.of(sorted(set(numbers[blocks < 0].tolist())))
            raise TruncatedFile(f"these pictures are lost: {lost}")

    def _block(self, block: int) -> Blocks:
        if block not in self._parsed:
            self._parsed[block] = picture_blocks.parse(self.entries[block], self._max_pixels)
        return self._parsed[block]

    def body(self, entry: Entry) -> bytes:
        """What follows the header of a block. Raises ChecksumMismatch, OSError."""
        return entry.read(self._source)

    def _pictures(self, block: int, places: NDArray[np.int64]) -> Sequence[Picture]:
        """The pictures at some places of a block, as an array if they are alike; an error says in a note which."""
        if self._process != os.getpid():  # forked, perhaps while another thread held a lock
            self._cache, self._process = PictureCache(self._cache_bytes), os.getpid()
        cache = self._cache
        try:
            parsed = self._block(block)
            if isinstance(parsed, Joined):
                whole = cache.get(block, lambda: parsed.decode(self.body(self.entries[block]), self._engine))
                found: Sequence[Picture] = whole[places]  # type: ignore[assignment]
                return found
            body = b""
            pictures: list[Picture] = []
            for place in places.tolist():
                held = cache.find((block, place))
                if held is None:
                    body = body or self.body(self.entries[block])
                    held = cache.get((block, place), lambda: _read_only(parsed, body, place, self))  # noqa: B023
                pictures.append(held)
            return pictures
        except AecError as error:
            error.add_note(f"in the block of pictures {picture_blocks.numbers_of(self.entries[block])}")
            raise

    def batches(
        self,
        size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        part: tuple[int, int] = (0, 1),
    ) -> Iterator[Batch]:
        """All pictures once, `size` at a time, with their labels and numbers.

        shuffle: in a random order that decodes each block once: the blocks in random order, and the pictures of some
        8,000 at a time, so `cache_bytes` should hold these. seed: another one for each epoch gives another order.
        drop_last: leave out the last batch if it is not whole. part: (index, count), the share of one of several
        readers, such as the workers of a loader; together they read every picture once.

        Raises InvalidValue, AecError.
        """
        if size < 1:
            raise InvalidValue(f"a batch has 1 picture or more, not {size}")
        order = Order(self.blocks(), seed if shuffle else None, part)
        return self._batches(order.batches(size, drop_last))

    def _batches(self, each: Iterable[NDArray[np.int64]]) -> Iterator[Batch]:
        labels, ahead = self.labels, ReadAhead(workers() * BLOCK_PICTURES)
        for some in several(each, ahead):
            images, begin = self.read(np.concatenate(some)), 0
            ahead.learn(images)
            for numbers in some:
                part = assembling.alike(images[begin : begin + len(numbers)])
                begin += len(numbers)
                yield Batch(part, None if labels is None else labels[numbers], numbers)

    def blocks(self) -> list[NDArray[np.int64]]:
        """The numbers of the pictures of each block, in the order of the lowest; a block is decoded as a whole."""
        pictures = (entry for entry in self.entries if entry.kind in framing.PICTURES)
        return sorted((picture_blocks.numbers_of(entry).numbers() for entry in pictures), key=lambda n: int(n[0]))

    @property
    def missing(self) -> Runs:
        """The numbers of pictures that no block holds: lost ones in a data set that was opened with `recover`."""
        return self._places.missing()

    def verify(self, progress: Progress | None = None) -> list[Damage]:
        """Decode everything and return what is damaged; nothing if the data set is whole.

        progress: called with (blocks done, blocks in all).
        """
        found = [Damage(self.missing, "lost: no block holds them")] if self.missing.count else []

        def work(entry: Entry) -> Damage | None:
            return verifying.damage(entry, self._source, self._max_pixels, self._engine)

        for done, damage in enumerate(in_threads(work, self.entries), 1):
            found += [damage] if damage else []
            if progress:
                progress(done, len(self.entries))
        return found

    @property
    def cached_bytes(self) -> int:
        """The bytes of decoded pictures that are kept at present."""
        return self._cache.held

    def forget(self) -> None:
        """Drop the decoded pictures that are kept."""
        self._cache = PictureCache(self._cache_bytes)

    # Columns ---

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """The labels (N,), or None if there are none. Raises AecError."""
        labels = self.columns.get(LABEL)
        if labels is not None and not _are_integers(labels) and self.label_names:
            raise InvalidValue("the labels of the data set have names, but they are not integers")
        return labels

    @property
    def label_names(self) -> list[str]:
        """The names of the labels 0, 1, ...; empty if they have none. Raises AecError."""
        return list(self._description.label_names)

    @property
    def metadata(self) -> dict[str, Any]:
        """What was given as metadata when the data set was written. Raises AecError."""
        return dict(self._description.metadata)

    @cached_property
    def columns(self) -> Columns:
        """The columns by name, each (N,), which are read when they are asked for; labels are one of them."""
        return Columns(self._source, self.entries, len(self), self._recover)

    @cached_property
    def _description(self) -> Description:
        found = Description()
        for entry in self.entries:
            if entry.kind == framing.METADATA:
                found = Description.unpack(entry.read(self._source))
        return found

    # The end ---

    def close(self) -> None:
        """Release the file."""
        self._source.close()

    def __enter__(self) -> DataSet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<aecodec data set of {len(self)} pictures>"

    def __getstate__(self) -> dict[str, Any]:
        kept = ("_source", "_recover", "_cache_bytes", "_max_pixels", "_engine", "entries", "_places")
        return {name: self.__dict__[name] for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self._cache, self._process = PictureCache(self._cache_bytes), os.getpid()
        self._parsed = {}


def open(data: DataSetLike, **options: Any) -> DataSet:  # noqa: A001
    """Open a single file; arguments and errors as for `aecodec.dataset.open`."""
    source = source_of(data)
    try:
        return DataSet(source, **options)
    except BaseException:
        source.close()
        raise


def _entries(source: RangeSource, recover: bool) -> list[Entry]:
    try:
        return framing.read_index(source)
    except AecError as error:
        if not recover:
            if isinstance(error, TruncatedFile):
                error.add_note("recover=True opens what is left of it")
            raise
        return list(framing.scan(source))


def _are_integers(labels: Column) -> bool:
    return labels.dtype.kind in "iu" or labels.dtype == object and all(isinstance(label, int) for label in labels)


def _read_only(parsed: picture_blocks.Files, body: bytes, place: int, data_set: DataSet) -> Picture:
    return parsed.decode(body, [place], data_set._max_pixels, data_set._engine)[0]
