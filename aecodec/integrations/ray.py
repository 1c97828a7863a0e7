"""Compression and decoding on a Ray cluster: `write` makes the shards of a data set, `read` decodes them.

    pictures = ray.data.read_images("photos", include_paths=True)
    write(pictures, "photos.aecs", shards=8, columns=["path"], quality=60)
    decoded = read("photos-*.aecs")

Without a cluster, Ray starts one on this machine; `ray.init(ADDRESS)` connects to another, whose machines need aecodec
and a path or URL that all of them reach.

Pictures are encoded batch by batch; files, which are small, are what is moved between machines and collected into
shards. Ray repeats the batch, or the shard, of a worker that is lost. As encoding always gives the same bytes and a
shard appears under its name when it is whole, nothing is lost and nothing is there twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import ray
import ray.data

from aecodec import dataset, urls
from aecodec.dataset import DataSet
from aecodec.errors import InvalidValue
from aecodec.integrations.batches import FILE, IMAGE, Encode

BATCH: Final = 256
ERROR: Final = "error"
RETRIES: Final = 16  # of a shard whose worker is lost


class Written(NamedTuple):
    """What `write` has written.

    paths: of the shards. pictures: their number. left_out: for each picture that is in none of them its columns, and
    its "error".
    """

    paths: list[str]
    pictures: int
    left_out: list[dict[str, Any]]


def write(
    pictures: Any,
    path: str,
    *,
    shards: int,
    image: str = IMAGE,
    columns: Sequence[str] = (),
    leave_out: bool = False,
    batch_size: int = BATCH,
    **options: Any,
) -> Written:
    """Encode a Ray data set and write it as shards, which `aecodec.dataset.open` reads as one.

    pictures: a `ray.data.Dataset` with a column of pictures, called `image`. path: a path or URL that all machines
    reach; that of `name.aecs` gives the shards `name-00000-of-00128.aecs` and so on, which are written over. shards:
    how many, of about the same number of pictures, in the order of the data set. columns: those to keep; one called
    "label" has the labels. leave_out: leave out pictures that cannot be read or encoded, and tell which; otherwise the
    first of them ends the run. batch_size: pictures that are encoded together. options: those of `aecodec.encode`.

    Raises InvalidValue for wrong options; errors in workers are raised as those of Ray, with the cause in them.
    """
    if shards < 1:
        raise InvalidValue(f"a data set has 1 shard or more, not {shards}")
    encode = Encode(image=image, file=FILE, errors=ERROR if leave_out else None, **options)
    pictures.context.execution_options.preserve_order = True
    files = pictures.select_columns([image, *columns]).map_batches(encode, batch_size=batch_size)
    tables = files.repartition(shards).to_arrow_refs()
    paths = [dataset.shard_path(path, index, shards) for index in range(shards)]
    write_one = ray.remote(_write_shard).options(max_retries=RETRIES)
    with _staging(path) as folder:
        done = [write_one.remote(*each, folder, list(columns), options) for each in zip(tables, paths, strict=True)]
        del tables  # a shard that is written needs its files no longer
        found = ray.get(done)
    return Written(paths, sum(count for count, _ in found), [row for _, rows in found for row in rows])


@contextmanager
def _staging(path: str) -> Iterator[str | None]:
    """A folder beside the shards in which they are written, so that a killed worker leaves nothing; None at a URL."""
    if urls.is_url(path):
        yield None
    else:
        with TemporaryDirectory(prefix=".aec-", dir=os.path.dirname(os.path.abspath(path))) as folder:
            yield folder


def _write_shard(
    table: Any, path: str, folder: str | None, columns: Sequence[str], options: dict[str, Any]
) -> tuple[int, list[dict[str, Any]]]:
    """Write a shard; returns the number of its pictures, and the rows of those that were left out."""
    rows = table.to_pylist()
    kept = [row for row in rows if not row.get(ERROR)]
    written = path if folder is None else os.path.join(folder, os.path.basename(path))
    with dataset.Writer(written, **options) as writer:
        writer.add([row[FILE] for row in kept], columns={name: [row[name] for row in kept] for name in columns})
    if folder is not None:
        os.replace(written, path)
    return len(kept), [{name: row[name] for name in (*columns, ERROR)} for row in rows if row.get(ERROR)]


def read(path: str, *, batch_size: int = BATCH) -> Any:
    """A `ray.data.Dataset` of the pictures of a data set, decoded by the workers, with its columns.

    path: a path or URL that all machines reach, with wildcards for shards. Its rows have the column "image" and those
    of the data set, labels among them. batch_size: pictures that are decoded together, and make a block.

    Raises AecError and OSError; errors in workers are raised as those of Ray, with the cause in them.
    """
    count = len(_opened(path))
    begins = ray.data.from_items([{"begin": begin} for begin in range(0, count, batch_size)])
    return begins.map_batches(_Read(path, batch_size), batch_size=1)


class _Read:
    """The pictures from a number on, with their columns."""

    def __init__(self, path: str, count: int) -> None:
        self.path, self.count = path, count

    def __call__(self, batch: dict[str, Iterable[int]]) -> dict[str, Any]:
        (begin,) = batch["begin"]
        data_set = _opened(self.path)
        rows = slice(begin, begin + self.count)
        return {IMAGE: data_set[rows], **{name: column[rows] for name, column in data_set.columns.items()}}


@lru_cache(maxsize=1)
def _opened(path: str) -> DataSet:
    """The data set, which a worker opens once."""
    return dataset.open(path)
