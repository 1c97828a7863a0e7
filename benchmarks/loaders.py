"""Pictures a second in training loops: a data set beside PNG and WebP, through plain Python, PyTorch and tf.data."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
import numpy as np
import tensorflow as tf
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from aecodec import dataset
from aecodec.evaluation.pages import environment, table
from aecodec.integrations.tensorflow import batches
from aecodec.integrations.torch import BlockBatches, Pictures
from aecodec.sources.readers import Picture
from benchmarks import datasets
from benchmarks.reporting import (
    command_line,
    data_argument,
    model_option,
    output_option,
    progress,
    publish,
    require_folders,
)

BATCH: Final = 256
WORKERS: Final = 2
ROUNDS: Final = 3
COLUMNS: Final = tuple(
    f"{loop}, {order}" for loop in ("Python", "torch", "tf.data") for order in ("in order", "shuffled")
)

Loop = Callable[[], Iterable[Any]]
"""One epoch, batch by batch: the first element of a batch has the pictures."""


class Files(Dataset):  # type: ignore[misc]
    """Picture files in memory, decoded one by one by Pillow, as a map-style data set of PyTorch."""

    def __init__(self, files: Sequence[bytes], labels: Sequence[int]) -> None:
        self.files, self.labels = files, labels

    def __len__(self) -> int:
        """The number of files."""
        return len(self.files)

    def __getitem__(self, index: int) -> Any:
        """The picture (C, H, W) as a tensor, and its label."""
        picture = decoded(self.files[index])
        return torch.from_numpy(np.ascontiguousarray(np.moveaxis(np.atleast_3d(picture), 2, 0))), self.labels[index]


def decoded(file: bytes) -> Picture:
    """A picture file, decoded by Pillow."""
    return np.array(Image.open(io.BytesIO(file)))


def encoded(picture: Picture, format_name: str, **options: Any) -> bytes:
    """A picture file, written by Pillow."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format_name, **options)
    return stream.getvalue()


def loops_of_data_set(path: Path) -> list[Loop]:
    """The epochs of a data set, in the order of COLUMNS; each opens it anew, so that nothing is cached."""

    def plain(shuffle: bool) -> Iterable[Any]:
        return dataset.open(path).batches(BATCH, shuffle=shuffle)

    def with_torch(shuffle: bool) -> Iterable[Any]:
        ds = dataset.open(path)
        order = BlockBatches(ds, BATCH, shuffle=shuffle, workers=WORKERS)
        loader: Iterable[Any] = DataLoader(Pictures(ds), batch_sampler=order, num_workers=WORKERS)
        return loader

    def with_tensorflow(shuffle: bool) -> Iterable[Any]:
        source: Iterable[Any] = batches(dataset.open(path), BATCH, shuffle=shuffle)
        return source

    return [partial(loop, shuffle) for loop in (plain, with_torch, with_tensorflow) for shuffle in (False, True)]


def loops_of_files(files: Sequence[bytes], decode: Callable[[Any], Any]) -> list[Loop]:
    """The epochs of picture files in memory; decode: of TensorFlow, from a tensor of bytes."""
    labels = [0] * len(files)

    def plain(shuffle: bool) -> Iterable[Any]:
        order = np.random.default_rng(0).permutation(len(files)) if shuffle else np.arange(len(files))
        for begin in range(0, len(files), BATCH):
            some = order[begin : begin + BATCH].tolist()
            yield np.stack([decoded(files[index]) for index in some]), [labels[index] for index in some]

    def with_torch(shuffle: bool) -> Iterable[Any]:
        data = Files(files, labels)
        loader: Iterable[Any] = DataLoader(data, batch_size=BATCH, shuffle=shuffle, num_workers=WORKERS)
        return loader

    def with_tensorflow(shuffle: bool) -> Iterable[Any]:
        source = tf.data.Dataset.from_tensor_slices((list(files), labels))
        source = source.shuffle(len(files)) if shuffle else source
        source = source.map(lambda file, label: (decode(file), label), num_parallel_calls=tf.data.AUTOTUNE)
        prepared: Iterable[Any] = source.batch(BATCH).prefetch(tf.data.AUTOTUNE)
        return prepared

    return [partial(loop, shuffle) for loop in (plain, with_torch, with_tensorflow) for shuffle in (False, True)]


def speed(loop: Loop, count: int, rounds: int) -> float:
    """Pictures a second, the best of some epochs. Raises ValueError if an epoch does not have all pictures."""
    best = 0.0
    for _ in range(rounds):
        begin = time.perf_counter()
        seen = sum(len(batch[0]) for batch in loop())
        best = max(best, seen / (time.perf_counter() - begin))
        if seen != count:
            raise ValueError(f"an epoch had {seen} pictures instead of {count}")
    return best


@click.command("loaders")
@data_argument
@model_option()
@click.option("-q", "--quality", default=60, show_default=True)
@click.option("--webp-quality", default=75, show_default=True)
@click.option("--limit", type=int, help="The first pictures. [default: all]")
@click.option("--rounds", default=ROUNDS, show_default=True, help="Epochs of each loop, the fastest of which counts.")
@output_option()
def command(data: tuple[str, ...], output: Path | None, **options: Any) -> None:
    """Time epochs over a data set, and over PNG and WebP files in memory. DATA has pictures of one size."""
    require_folders(output)
    pictures = datasets.load(data, limit=options["limit"])
    channels = 1 if pictures[0].ndim == 2 else 3
    progress("encoding")
    files = {
        "PNG": [encoded(picture, "png") for picture in pictures],
        f"WebP, quality {options['webp_quality']}": [
            encoded(picture, "webp", quality=options["webp_quality"]) for picture in pictures
        ],
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "set.aecs"
        dataset.write(path, pictures, labels=[0] * len(pictures), model=options["model"], quality=options["quality"])
        sizes = {f"data set, quality {options['quality']}": path.stat().st_size}
        loops = [loops_of_data_set(path)]
        for name, some in files.items():
            decode = partial(tf.io.decode_png, channels=channels) if name == "PNG" else pillow_in_tensorflow
            sizes[name] = sum(map(len, some))
            loops.append(loops_of_files(some, decode))
        rows = []
        for (name, size), each in zip(sizes.items(), loops, strict=True):
            row = [name, f"{size / len(pictures):,.0f}"]
            for column, loop in zip(COLUMNS, each, strict=True):
                progress(f"{name}: {column}")
                row.append(f"{speed(loop, len(pictures), options['rounds']):,.0f}")
            rows.append(row)
    text = (
        f"{len(pictures):,} pictures, batches of {BATCH}; pictures a second, the best of {options['rounds']} epochs."
        f" PyTorch's loader has {WORKERS} worker processes, which each epoch starts anew. The data set is opened anew"
        " for each epoch and read from disk; PNG and WebP files lie in memory, without labels or an index, and are"
        " decoded by Pillow, PNG in tf.data by TensorFlow itself."
    )
    page = [
        "# Pictures a second in training loops",
        f"    {command_line()}",
        table(("", "bytes", *COLUMNS), rows),
        text,
    ]
    versions = f"PyTorch {version('torch')}, TensorFlow {version('tensorflow')}"
    publish([*page, f"{environment(model_names=[options['model']])}, {versions}."], output)


def pillow_in_tensorflow(file: Any) -> Any:
    """A picture file, decoded by Pillow in a function that TensorFlow calls."""
    return tf.numpy_function(decoded, [file], tf.uint8)
