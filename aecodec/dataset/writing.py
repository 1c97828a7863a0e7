"""Writing of data sets: pictures are encoded a few thousand at a time and collected into blocks.

A block is written as soon as enough pictures are there that are coded alike, so memory stays bounded however many
pictures come. The columns of a few thousand rows at a time make a block, too. The index comes last.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from types import TracebackType
from typing import IO, Any, Final, TypeAlias

import numpy as np

from aecodec import api
from aecodec.dataset import columns as column_blocks
from aecodec.dataset import framing, reading
from aecodec.dataset.columns import LABEL, Column
from aecodec.dataset.description import Description
from aecodec.dataset.framing import Block, Entry
from aecodec.dataset.partial_file import PartialFile
from aecodec.dataset.reading import BLOCK_PICTURES
from aecodec.dataset.remote import output_of
from aecodec.dataset.runs import MOST_PICTURES
from aecodec.dataset.waiting_files import WaitingFiles
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.encoding.options import EncodeOptions
from aecodec.errors import AecError, InvalidValue
from aecodec.images.source import ImageLike, require_several

CHUNK_PICTURES: Final = 2048  # that are encoded at once
CHUNK_PIXELS: Final = 1 << 22

Encodable: TypeAlias = "ImageLike | bytes"
"""A picture as `aecodec.encode` takes it, or the bytes of an .aec file, which is taken over as it is."""


class Writer:
    """Writes a data set picture by picture; a context manager, which on an error leaves no file behind.

    path: of the data set; it is written under another name beside it and renamed at the end. Or a URL that fsspec can
    write to, where the file appears at the end, too; or a binary file object.
    block_pictures: how many pictures are coded together, 1 to 65536; a random access decodes that many.
    metadata: values that `json` can write, kept with the data set. label_names: the names of the labels 0, 1, ...;
    labels given as strings extend them. encoder_options: as for `write`.

    What is refused before it is added, such as columns that do not fit, may be given again otherwise. After an error
    while pictures are put into blocks some of them may be lost: then `add` and `close` raise InvalidValue.

    Raises InvalidValue for options out of range, and OSError.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | IO[bytes],
        *,
        block_pictures: int = BLOCK_PICTURES,
        metadata: Mapping[str, Any] | None = None,
        label_names: Sequence[str] = (),
        appending: bool = False,
        **encoder_options: Any,
    ) -> None:
        if not 1 <= block_pictures <= MOST_PICTURES:
            raise InvalidValue(f"block_pictures must be 1..{MOST_PICTURES}, not {block_pictures}")
        if appending and (metadata or label_names):
            raise InvalidValue("metadata and label_names are those of the data set that is appended to")
        self._encoder_options = {"strip": True, **encoder_options}
        self._waiting = WaitingFiles(block_pictures, EncodeOptions.parse(encoder_options))
        self._description = Description(dict(metadata or {}), list(label_names))
        self._described = ""
        self._entries: list[Entry] = []
        self._rows: dict[str, list[Column]] | None = None
        self._kinds: dict[str, str] = {}
        self._bounds: dict[str, tuple[int, int]] = {}  # the lowest and highest integers that were added
        self._failure: BaseException | None = None
        self._first_row = self._count = 0
        self._file = output_of(path, appending=True) if appending else self._opened(path)
        try:
            if appending:
                self._take_over(path)
            elif not self._file.size:
                self._file.write(framing.head())
                self._describe()
            # By column, as they are known: of text also the rows that wait, of numbers those that are written.
            self._value_bytes = column_blocks.value_bytes(self._entries)
        except BaseException:
            self.abort()
            raise

    def _opened(self, path: Any) -> PartialFile:
        return output_of(path)

    def _take_over(self, path: Any) -> None:
        """Continue a data set."""
        with reading.open(path) as known:
            self._entries = list(known.entries)
            self._first_row = self._count = len(known)
            self._description = Description(known.metadata, known.label_names)
            self._described = self._description.to_json()
            if self._count:
                self._rows = {name: [] for name in known.columns}
                self._kinds = dict(known.columns.kinds)
                if LABEL in self._kinds:
                    with suppress(AecError):  # of a damaged block, which appending leaves alone
                        labels = known.columns[LABEL]
                        if labels.dtype.kind in "iu":
                            self._bounds[LABEL] = int(labels.min()), int(labels.max())

    def __len__(self) -> int:
        """The number of pictures so far."""
        return self._count

    # Adding ---

    def add(
        self,
        images: Iterable[Encodable],
        *,
        labels: Iterable[Any] | None = None,
        columns: Mapping[str, Iterable[Any]] | None = None,
    ) -> None:
        """Add pictures, and for each a label and a value of every column; iterators may be of any length.

        images: each as for `aecodec.encode`, or the bytes of an .aec file, which is not encoded again. labels: integers
        or strings. columns: integers, floats, bools, strings or bytes, one for each picture; the same columns in every
        call. Raises InvalidValue if some of these iterables is longer than another, and the errors of `aecodec.encode`.
        """
        require_several(images)
        given = {LABEL: labels} if labels is not None else {}
        given |= dict(columns or {})
        if labels is not None and columns and LABEL in columns:
            raise InvalidValue(f"labels are the column {LABEL!r}: give them once")
        values = {name: iter(column) for name, column in given.items()}
        for chunk in _chunks(images):
            rows = {name: list(islice(column, len(chunk))) for name, column in values.items()}
            for name, some in rows.items():
                if len(some) < len(chunk):
                    raise InvalidValue(f"the column {name} has fewer values than there are pictures")
            self.add_files(self._encoded(chunk), rows)
        for name, column in values.items():
            if next(column, self) is not self:
                raise InvalidValue(f"the column {name} has more values than there are pictures")

    def add_files(self, files: Sequence[bytes], columns: Mapping[str, Sequence[Any]]) -> None:
        """Add pictures that are encoded already, and their rows of the columns, labels among them. Raises AecError."""
        self._require_complete()
        parsed = [self._parsed(number, file) for number, file in enumerate(files, self._count)]
        names = list(self._description.label_names)
        self._add_rows({name: self._checked(name, values, names) for name, values in columns.items()}, len(files))
        self._description.label_names[:] = names
        try:
            for file in parsed:
                if file is not None:
                    self._waiting.add(self._count, file)
                self._count += 1
            self._write_all(self._waiting.full())
            self._write_rows(last=False)
        except BaseException as error:
            self._failure = error
            raise

    def _require_complete(self) -> None:
        """Raise InvalidValue if the file is closed, or pictures or rows may have been lost in an error."""
        if self._failure is not None:
            message = "an error interrupted the writing of pictures that were added: write the data set again"
            raise InvalidValue(message) from self._failure
        if self._file.closed:
            raise InvalidValue("the data set is closed: nothing more can be added, except with `append`")

    def _parsed(self, number: int, file: bytes) -> ParsedFile | None:
        """The file of a picture, or None for one that the data set has already."""
        try:
            return ParsedFile.parse(file, None)
        except AecError as error:
            error.add_note(f"in the file of picture {number}")
            raise

    def _encoded(self, chunk: Sequence[Encodable]) -> list[bytes]:
        images = [item for item in chunk if not isinstance(item, bytes)]
        encoded = iter(api.encode_many(images, **self._encoder_options) if images else [])
        return [item if isinstance(item, bytes) else next(encoded) for item in chunk]

    def _checked(self, name: str, values: Sequence[Any], names: list[str]) -> Column:
        """The values of a column; labels that are strings as integers, new ones of them added to `names`."""
        column = column_blocks.checked(name, values)
        if name != LABEL or column.dtype.kind in "iu" or not len(column):
            return column
        if column.dtype != object:
            raise InvalidValue("labels must be integers or strings")
        low, high = self._bounds.get(LABEL, (0, -1))
        if low < 0 or high >= len(names):
            raise InvalidValue("some labels before are integers without names, which strings would take for their own")
        places = {label: index for index, label in enumerate(names)}
        for label in column:
            if not isinstance(label, str):
                raise InvalidValue("labels must be integers or strings")
            if label not in places:
                places[label] = len(places)
                names.append(label)
        return np.array([places[label] for label in column], np.int64)

    def _add_rows(self, columns: Mapping[str, Column], count: int) -> None:
        """Keep the rows of `count` pictures, once all columns have been looked at."""
        known = list(columns) if self._rows is None else list(self._rows)
        if set(columns) != set(known) and count:
            raise InvalidValue(
                f"the pictures before have the columns {', '.join(known) or '(none)'},"
                f" and these have {', '.join(columns) or 'none'}"
            )
        kinds, bounds = dict(self._kinds), dict(self._bounds)
        for name, column in columns.items():
            if len(column) != count:
                raise InvalidValue(f"the column {name} has {len(column)} values for {count} pictures")
            kind = column_blocks.kind_of(column) if count else kinds.get(name, "")
            if kinds.setdefault(name, kind) != kind:
                raise InvalidValue(f"the column {name} mixes {kinds[name]} and {kind}")
            if count and column.dtype.kind in "iu":
                low, high = bounds.get(name, (0, 0))
                bounds[name] = min(low, int(column.min())), max(high, int(column.max()))
                column_blocks.integer_type(name, *bounds[name])
        if count:
            self._keep_rows(columns, kinds)
            self._bounds = bounds

    def _keep_rows(self, columns: Mapping[str, Column], kinds: dict[str, str]) -> None:
        sizes = dict(self._value_bytes)
        for name, column in columns.items():
            if column.dtype == object:
                sizes[name] = sizes.get(name, 0) + column_blocks.text_bytes(column)
                column_blocks.require_readable(name, sizes[name])
        self._kinds, self._value_bytes = kinds, sizes
        self._rows = self._rows if self._rows is not None else {name: [] for name in columns}
        for name, column in columns.items():
            self._rows[name].append(column)

    # Writing ---

    def _write_rows(self, *, last: bool) -> None:
        if not self._rows or not all(self._rows.values()):
            return
        columns = {name: column_blocks.joined(parts) for name, parts in self._rows.items()}
        begin, count = 0, len(next(iter(columns.values())))
        while count - begin >= column_blocks.ROWS or last and begin < count:
            self._describe()  # the names of these labels, so that they are not lost if the rest is
            rows = column_blocks.rows_that_fit({name: column[begin:] for name, column in columns.items()})
            some = {name: column[begin : begin + rows] for name, column in columns.items()}
            block = column_blocks.write(self._first_row + begin, some)
            for name, size in column_blocks.value_bytes([block]).items():
                if some[name].dtype != object:  # only a block shows how wide its numbers are
                    self._value_bytes[name] = self._value_bytes.get(name, 0) + size
                    column_blocks.require_readable(name, self._value_bytes[name])
            self._write(block)
            begin += rows
        self._first_row += begin
        self._rows = {name: [column[begin:]] for name, column in columns.items()}

    def _describe(self) -> None:
        """Write the metadata, unless they are those that were written last."""
        text = self._description.to_json()
        if text != (self._described or Description().to_json()):
            packed = self._description.packed()
            self._entries = [entry for entry in self._entries if entry.kind != framing.METADATA]
            self._write(Block(framing.METADATA, b"", packed))
            self._described = text

    def _write_all(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            self._write(block)

    def _write(self, block: Block) -> None:
        self._entries.append(Entry(block.kind, self._file.size, block.header, len(block.body)))
        self._file.write(block.to_bytes())

    # The end ---

    def close(self) -> None:
        """Write what is left and the index, and give the file its name; after an error the file is given up.

        Raises AecError, OSError; InvalidValue if pictures were lost in an earlier error.
        """
        if self._file.closed:
            return
        try:
            self._require_complete()
            self._write_all(self._waiting.rest())
            self._write_rows(last=True)
            self._describe()
            self._file.write(framing.index_block(self._entries))
            self._file.finish()
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Give up: nothing that was added since the start remains. Raises OSError."""
        self._file.abort()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


def _chunks(images: Iterable[Encodable]) -> Iterator[list[Encodable]]:
    """Pictures some at a time: as many as are worth encoding together, and not too many pixels."""
    chunk: list[Encodable] = []
    pixels = 0
    for image in images:
        chunk.append(image)
        pixels += _pixels(image)
        if len(chunk) >= CHUNK_PICTURES or pixels >= CHUNK_PIXELS:
            yield chunk
            chunk, pixels = [], 0
    if chunk:
        yield chunk


def _pixels(image: Encodable) -> int:
    """About how many pixels a picture has; that of a file is not known yet and taken for a photograph."""
    shape = getattr(image, "shape", None) or getattr(image, "size", None)
    if isinstance(shape, tuple) and len(shape) >= 2:
        return int(shape[0]) * int(shape[1])
    return 1 << 8 if isinstance(image, bytes) else 1 << 18


def write(
    path: str | os.PathLike[str] | IO[bytes],
    images: Iterable[Encodable],
    *,
    labels: Iterable[Any] | None = None,
    columns: Mapping[str, Iterable[Any]] | None = None,
    label_names: Sequence[str] = (),
    metadata: Mapping[str, Any] | None = None,
    block_pictures: int = BLOCK_PICTURES,
    **encoder_options: Any,
) -> None:
    """Write a data set. All iterables may be of any length: memory stays bounded.

    path: where to; a URL if fsspec is installed, or a binary file object.
    images: pictures of any sizes, each as for `aecodec.encode`, or the bytes of an .aec file, which is not encoded
    again.
    labels: for each an integer, or a string: then integers are stored, and the strings as `label_names`.
    columns: by name, for each picture an integer, float, bool, string or bytes.
    label_names: the names of the labels 0, 1, ... metadata: values that `json` can write.
    block_pictures: how many pictures are coded together, 1 to 65536: more take fewer bytes, and a random access, which
    decodes a block, takes longer.
    encoder_options: as for `aecodec.encode_many`: model, quality, lossless, max_error, effort, ... Metadata of pictures
    are left out unless strip=False is given: pictures with metadata do not share blocks.

    The file appears under its name once it is complete. Raises InvalidValue for options and columns that are not
    allowed, OSError, and the errors of `aecodec.encode_many`, whose notes then count from the picture that begins the
    present few thousand.
    """
    with Writer(
        path, block_pictures=block_pictures, metadata=metadata, label_names=label_names, **encoder_options
    ) as writer:
        writer.add(images, labels=labels, columns=columns)


def append(
    path: str | os.PathLike[str],
    images: Iterable[Encodable],
    *,
    labels: Iterable[Any] | None = None,
    columns: Mapping[str, Iterable[Any]] | None = None,
    block_pictures: int = BLOCK_PICTURES,
    **encoder_options: Any,
) -> None:
    """Append pictures to a data set, with the same columns; arguments and errors as for `write`.

    One writer at a time: another one raises OSError, where the platform has such locks. What is there is not touched:
    new blocks follow its index, and a new index follows them. If that fails, the file is as it was; if the process is
    killed meanwhile, `open(path, recover=True)` reads the pictures.
    """
    with Writer(path, block_pictures=block_pictures, appending=True, **encoder_options) as writer:
        writer.add(images, labels=labels, columns=columns)
