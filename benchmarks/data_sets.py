"""Data sets beside other stores of many small pictures: bytes a picture, and pictures a second in every order."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

import aecodec
from aecodec import dataset, metrics
from aecodec.dataset.reading import BLOCK_PICTURES, CACHE_BYTES
from aecodec.evaluation.pages import environment, number, table
from aecodec.sources.readers import Picture, read_picture, some_picture_files
from benchmarks import datasets
from benchmarks.reporting import command_line, output_option, progress, publish, require_folders
from benchmarks.stores import AecFiles, AecSet, Npz, Parquet, Store, Tar, opened, saved

BATCH = 256
SEARCHED = 1000  # pictures on which the quality is searched
UNCACHED = 200  # single reads without a cache, each of which decodes a block
WEBP_QUALITIES = range(0, 101, 2)
THUMBNAIL = 32


@dataclass(frozen=True)
class Set:
    """Pictures of one size, the model that codes them, and the PSNR in dB at which stores are compared."""

    name: str
    pictures: list[Picture]
    model: str
    psnr: float


# Bytes ---


def psnr(pictures: Sequence[Picture], decoded: Iterable[Picture]) -> float:
    """Of the pooled squared error, in dB."""
    stacks = [np.stack(list(some)) for some in (pictures, decoded)]
    return metrics.pooled_psnr(*(stack.reshape(*stack.shape[:3], -1) for stack in stacks))


@dataclass(frozen=True)
class Point:
    """A quality, the PSNR that it reaches and the bytes a picture that it takes: one file each, and in one file."""

    quality: int
    psnr: float
    single: float
    joined: float


def measured(some: Set, quality: int, effort: int, folder: Path) -> tuple[Point, list[bytes], Path]:
    """A data set of all pictures at a quality, beside single files."""
    progress(f"{some.name}, quality {quality}, effort {effort}")
    files = aecodec.encode_many(some.pictures, model=some.model, quality=quality, effort=effort)
    path = folder / f"{some.name}-{quality}-{effort}.aecs"
    dataset.write(path, files)
    with dataset.open(path) as ds:
        reached = psnr(some.pictures, ds)
    count = len(files)
    return Point(quality, reached, sum(map(len, files)) / count, path.stat().st_size / count), files, path


def at_psnr(some: Set, effort: int, folder: Path) -> tuple[Point, Point, list[bytes], Path]:
    """The highest quality below the PSNR, and the next one with its files."""
    sample = some.pictures[:: max(1, len(some.pictures) // SEARCHED)]
    low, high = 1, 100
    while low < high:
        middle = (low + high) // 2
        files = aecodec.encode_many(sample, model=some.model, quality=middle, effort=min(effort, 1))
        low, high = (low, middle) if psnr(sample, aecodec.decode_many(files)) >= some.psnr else (middle + 1, high)
    upper = measured(some, high, effort, folder)
    lower = measured(some, max(1, high - 1), effort, folder)
    while upper[0].psnr < some.psnr and upper[0].quality < 100:
        lower, upper = upper, measured(some, upper[0].quality + 1, effort, folder)
    while lower[0].psnr >= some.psnr and lower[0].quality > 1:
        lower, upper = measured(some, lower[0].quality - 1, effort, folder), lower
    return lower[0], upper[0], upper[1], upper[2]


def interpolated(wanted: float, low: Point, high: Point, pick: Callable[[Point], float]) -> float:
    """Bytes at a PSNR between two points; the logarithm of bytes is nearly linear in PSNR."""
    share = (wanted - low.psnr) / (high.psnr - low.psnr) if high.psnr > low.psnr else 1.0
    return float(np.exp((1 - share) * np.log(pick(low)) + share * np.log(pick(high))))


def webp_at(some: Set) -> list[bytes]:
    """Lossy WebP files at the lowest quality that reaches the PSNR."""
    mode = "L" if some.pictures[0].ndim == 2 else "RGB"
    sample = some.pictures[:: max(1, len(some.pictures) // SEARCHED)]
    for quality in WEBP_QUALITIES:
        blobs = [saved(picture, "webp", quality=quality, method=6) for picture in sample]
        if psnr(sample, [opened(blob, mode) for blob in blobs]) >= some.psnr:
            break
    progress(f"{some.name}, WebP, quality {quality}")
    return [saved(picture, "webp", quality=quality, method=6) for picture in some.pictures]


# The page ---


@dataclass
class Part:
    """The rows of one set, and the stores whose speed is measured."""

    rows: list[tuple[str, ...]]
    stores: list[Callable[[int], Store]]


def part_of(some: Set, efforts: Sequence[int], folder: Path) -> Part:
    """Write all stores of a set."""
    rows: list[tuple[str, ...]] = []
    stores: list[Callable[[int], Store]] = []
    count = len(some.pictures)

    def lossy(name: str, size: float) -> None:
        rows.append((some.name, name, f"{some.psnr:g} dB", number(size, 2)))

    for effort in efforts:
        low, high, files, path = at_psnr(some, effort, folder)
        lossy(f"single files, effort {effort}", interpolated(some.psnr, low, high, lambda point: point.single))
        lossy(f"data set, effort {effort}", interpolated(some.psnr, low, high, lambda point: point.joined))
    stores += [partial(AecSet, "data set", path), partial(AecFiles, "single files", files)]
    webp, png = webp_at(some), [saved(picture, "png", optimize=True) for picture in some.pictures]
    packed = [saved(picture, "webp", lossless=True, method=6) for picture in some.pictures]
    lossy_stores: list[Store] = [Tar("WebP in tar", folder / "lossy.tar", webp, "webp")]
    exact_stores: list[Store] = [
        Tar("PNG in tar", folder / "png.tar", png, "png"),
        Npz("npz, compressed", folder / "set.npz", some.pictures),
    ]
    with suppress(ImportError):
        lossy_stores.append(Parquet("Parquet, WebP", folder / "lossy.parquet", webp))
        exact_stores.append(Parquet("Parquet, PNG", folder / "png.parquet", png))
        exact_stores.append(Parquet("Parquet, lossless WebP", folder / "webp.parquet", packed))
    for store in lossy_stores:
        lossy(store.name, store.size / count)
    progress(f"{some.name}, lossless")
    exact = aecodec.encode_many(some.pictures, model=some.model, lossless=True, effort=0)
    dataset.write(folder / "exact.aecs", exact)
    exact_set = folder / "exact.aecs"
    for name, size in [
        ("single files", sum(map(len, exact))),
        ("data set", exact_set.stat().st_size),
        *((store.name, store.size) for store in exact_stores),
    ]:
        rows.append((some.name, name, "lossless", number(size / count, 2)))
    stores.append(partial(AecSet, "data set, lossless", exact_set))
    stores += [partial(_as_it_is, store) for store in (*lossy_stores, *exact_stores)]
    return Part(rows, stores)


def _as_it_is(store: Store, cache_bytes: int) -> Store:
    """A store without a cache of its own."""
    return store


def speeds(part: Part, count: int) -> Iterator[tuple[str, ...]]:
    """Pictures a second of each store: batches in order and shuffled, single pictures, and these without a cache."""
    shuffled = random.Random(0).sample(range(count), count)
    for make in part.stores:
        store = make(dataset.reading.CACHE_BYTES)
        store.read([0])
        progress(f"{store.name}, speed")
        found = [_rate(make(dataset.reading.CACHE_BYTES), _batches(range(count)), count)]
        fresh = make(dataset.reading.CACHE_BYTES)
        if isinstance(fresh, AecSet):
            found.append(_timed(partial(_epoch, fresh.ds), count))
        else:
            found.append(_rate(fresh, _batches(shuffled), count))
        found.append(_rate(make(dataset.reading.CACHE_BYTES), [[index] for index in shuffled], count))
        some = [[index] for index in shuffled[:UNCACHED]]
        found.append(_rate(make(0), some, len(some)))
        yield (store.name, *(number(rate, 0) for rate in found))


def _epoch(ds: dataset.DataSet) -> int:
    return sum(len(batch.numbers) for batch in ds.batches(BATCH, shuffle=True))


def _batches(indices: Sequence[int]) -> list[Sequence[int]]:
    return [indices[begin : begin + BATCH] for begin in range(0, len(indices), BATCH)]


def _rate(store: Store, each: Sequence[Sequence[int]], count: int) -> float:
    def read() -> None:
        for indices in each:
            store.read(indices)

    return _timed(read, count)


def _timed(work: Callable[[], object], count: int) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


# A million thumbnails ---


THUMBNAIL_REMARKS = f"""\
The thumbnails are crops of photographs, reduced to {THUMBNAIL}x{THUMBNAIL}. The peak is that of the whole process so
far; up to {CACHE_BYTES >> 20} MiB of it are decoded pictures that are kept. For one picture read at random its whole
block of {BLOCK_PICTURES} is decoded, so blocks of fewer pictures (`block_pictures`) are faster there, and take
more bytes."""


def thumbnails(folder: Path, count: int, seed: int = 0) -> Iterator[Picture]:
    """Crops of photographs at several scales, reduced to 32x32: (32, 32, 3)."""
    draw = np.random.default_rng(seed)
    photographs = [Image.fromarray(read_picture(path)).convert("RGB") for path in some_picture_files(folder)]
    for _ in range(count):
        photograph = photographs[draw.integers(len(photographs))]
        side = int(draw.integers(THUMBNAIL, min(photograph.size) + 1))
        x, y = (int(draw.integers(length - side + 1)) for length in photograph.size)
        resized = photograph.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR, (x, y, x + side, y + side))
        yield np.asarray(resized)


def million(folder: Path, count: int, model: str, quality: int, place: Path) -> list[tuple[str, ...]]:
    """Pack thumbnails, verify them, and read some at random: time and peak memory of this process."""
    path = place / "thumbnails.aecs"
    began = time.perf_counter()
    images, labels = _counted(thumbnails(folder, count), count), (i % 10 for i in range(count))
    dataset.write(path, images, labels=labels, model=model, quality=quality, effort=0)
    rows: list[tuple[str, ...]] = [("step", "seconds", "peak MB")]
    rows += [("packed, with making the pictures", number(time.perf_counter() - began), number(_peak_megabytes(), 0))]
    began = time.perf_counter()
    ds = dataset.open(path)
    rows.append(("opened", number(time.perf_counter() - began, 3), number(_peak_megabytes(), 0)))
    began = time.perf_counter()
    if ds.verify():
        raise ValueError("the data set is damaged")
    rows.append(("verified", number(time.perf_counter() - began), number(_peak_megabytes(), 0)))
    chosen = np.random.default_rng(1).integers(count, size=1000)
    began = time.perf_counter()
    for index in chosen.tolist():
        ds[index]
    rows.append(("1,000 read at random", number(time.perf_counter() - began), number(_peak_megabytes(), 0)))
    began = time.perf_counter()
    if _epoch(ds) != count:
        raise ValueError("an epoch does not have all pictures")
    rows.append(("an epoch, shuffled", number(time.perf_counter() - began), number(_peak_megabytes(), 0)))
    size = path.stat().st_size
    return [*rows, ("size", f"{size:,} bytes, {size / count:.1f} a picture", "")]


def _counted(images: Iterator[Picture], count: int) -> Iterator[Picture]:
    for index, image in enumerate(images):
        if index % 1000 == 0:
            progress(f"{index:,} of {count:,} thumbnails")
        yield image


def _peak_megabytes() -> float:
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _parquet() -> str:
    try:
        return f", pyarrow {version('pyarrow')}"
    except PackageNotFoundError:
        return ", without pyarrow: Parquet is left out"


@click.command("data-sets")
@click.option("--digits", type=click.Path(exists=True), help="An idx file of pictures 28x28.")
@click.option("--letters", type=click.Path(exists=True), help="Another.")
@click.option("--cifar", type=click.Path(exists=True), multiple=True, help="Sheets of tiles 32x32, in colour.")
@click.option("--limit", type=int, help="The first pictures of each set only.")
@click.option("--efforts", default="3", show_default=True, metavar="N,...", help="Of encoding.")
@click.option("--no-speed", is_flag=True, help="Measure bytes only.")
@click.option(
    "--thumbnails", type=click.Path(exists=True, path_type=Path), help="Folder of photographs to cut them from."
)
@click.option("--count", default=1_000_000, show_default=True, help="Of thumbnails.")
@click.option("-m", "--model", default="auto", show_default=True, help="For thumbnails.")
@click.option("-q", "--quality", default=40, show_default=True, help="Of thumbnails.")
@output_option()
def command(**options: Any) -> None:
    """Compare data sets with other stores of small pictures, or pack very many thumbnails."""
    require_folders(options["output"])
    with tempfile.TemporaryDirectory() as name:
        make = _thumbnails_page if options["thumbnails"] else _stores_page
        page = make(options, Path(name))
    publish([*page, environment() + _parquet() + "."], options["output"])


def _thumbnails_page(options: dict[str, Any], folder: Path) -> list[str]:
    head, *rows = million(options["thumbnails"], options["count"], options["model"], options["quality"], folder)
    title = f"# {options['count']:,} thumbnails in one file"
    return [title, f"    {command_line()}", table(head, rows), THUMBNAIL_REMARKS]


def _stores_page(options: dict[str, Any], folder: Path) -> list[str]:
    limit, efforts = options["limit"], [int(effort) for effort in options["efforts"].split(",")]
    given = [("MNIST", [options["digits"]], "mnist", 27.5), ("letters", [options["letters"]], "alphabet", 27.5)]
    given.append(("CIFAR-10", list(options["cifar"]), "cifar", 28.9))
    rows: list[tuple[str, ...]] = []
    speed: list[str] = []
    for name, paths, model, wanted in given:
        if not all(paths) or not paths:
            continue
        some = Set(name, datasets.load(paths, limit=limit), model, wanted)
        place = folder / name
        os.mkdir(place)
        part = part_of(some, efforts, place)
        rows += part.rows
        if not options["no_speed"]:
            head = ("pictures/s", "batches in order", "batches shuffled", "single", "single, no cache")
            speed += [f"## Speed, {name}", table(head, list(speeds(part, len(some.pictures))))]
    text = [
        "# Data sets beside other stores" + (", CIFAR-10" if {row[0] for row in rows} == {"CIFAR-10"} else ""),
        f"    {command_line()}",
        "Bytes a picture, the whole file with its index included, without labels. Lossy stores are compared at the"
        " PSNR of the pooled squared error that is given; that of .aec files is interpolated between two qualities.",
        table(("set", "store", "quality", "bytes a picture"), rows, left=3),
    ]
    if speed:
        text.append(
            f"Batches have {BATCH} pictures. A shuffled epoch of a data set decodes each block once. Single pictures"
            " are read at random, all of the set; without a cache, each reading decodes a block."
        )
    return [*text, *speed]
