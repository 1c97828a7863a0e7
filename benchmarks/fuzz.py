"""Damaged and hostile files: whatever a decoder is given, it returns a picture or raises AecError; nothing else, ever.

Every input is made from the golden files, and a few with opacity, metadata and several panels, by one mutation or
several. It depends on the seed and its own number alone.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import click
import numpy as np
from PIL import Image

import aecodec
from aecodec import dataset, native
from aecodec.cli.batches import available_cores
from aecodec.cli.process_pool import map_unordered
from aecodec.conformance.suite import FILES, default_folder
from aecodec.evaluation.pages import environment, table
from aecodec.format import container
from benchmarks.mutations import MUTATIONS, SET_MUTATIONS, mutations_of, several
from benchmarks.reporting import command_line, output_option, progress, publish, require_folders

GOLDEN = default_folder() / FILES  # those that need models of the suite are left out
CHUNK = 500
ATTEMPTS = 3  # at an input that took too long: another process may have been in its way
SEVERAL, PICTURE = "several", "picture"
THUMBNAIL = 9  # pixels
MOST_PIXELS = 1 << 18  # of the pictures of a block


@dataclass(frozen=True)
class Limits:
    """Processor time and memory that decoding one input may take."""

    milliseconds: float
    megabytes: float


@dataclass
class Log:
    """Outcomes of many inputs: how many by (mutation, outcome)."""

    inputs: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, -1)  # milliseconds, number of the input
    largest: tuple[float, int] = (0.0, -1)  # megabytes above the start
    failures: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Log) -> None:
        """Add the outcomes of other inputs."""
        self.inputs += other.inputs
        self.outcomes += other.outcomes
        self.slowest = max(self.slowest, other.slowest)
        self.largest = max(self.largest, other.largest)
        self.failures += other.failures


def originals(most_bytes: int | None = None) -> list[bytes]:
    """The golden files that this release decodes, and files with all kinds of sections and several panels.

    The smallest come first, none has more than `most_bytes`.
    """
    found = []
    for path in GOLDEN.glob("*.aec"):
        data = path.read_bytes()
        with suppress(aecodec.AecError):  # another test's business
            aecodec.decode(data)
            found.append(data)
    y, x = np.mgrid[:40, :600]
    colours = np.stack([x // 3, y * 6, (x + y) % 256], axis=-1).astype(np.uint8)
    opacity = np.where((x - 300) ** 2 < 90 * y, 255, x // 5).astype(np.uint8)
    rich = Image.fromarray(np.dstack([colours, opacity]))
    rich.info.update(icc_profile=bytes(range(256)) * 3, xmp=b"<x:xmpmeta/>" * 9, dpi=(300, 299.5))
    tags = Image.Exif()
    tags[0x010F] = "a maker of cameras"
    rich.info["exif"] = tags.tobytes()
    small = rich.crop((0, 0, 32, 32))
    gray = Image.fromarray(np.dstack([opacity, opacity])[:28, 200:228])
    for picture in (small, gray, rich):
        found += [aecodec.encode(picture, quality=20, packing=packing) for packing in ("rans", "zstd")]
    found += [aecodec.encode(small, lossless=True), aecodec.encode(colours[:8, :8, :2] * np.uint16(257), max_error=9)]
    found.sort(key=lambda data: (len(data), data))
    return [data for data in found if most_bytes is None or len(data) <= most_bytes]


def data_sets() -> list[bytes]:
    """Data sets with blocks and columns of every kind, the smallest first."""
    y, x = np.mgrid[:32, :32]
    colours = [np.stack([x * i % 256, y * 7, (x + y) * i], axis=-1).astype(np.uint8) for i in range(5)]
    grays = [colour[:28, :28, 2].copy() for colour in colours]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.aecs"
        kinds: list[tuple[list[np.ndarray], dict[str, Any]]] = [
            (grays, {"quality": 20}),
            (grays, {"quality": 20, "packing": "zstd"}),
            (grays[:3], {"lossless": True, "model": "mnist"}),
            ([*colours, np.full((4, 4), 7, np.uint8)], {"min_psnr": 24}),
        ]
        for pictures, target in kinds:
            dataset.write(path, pictures, effort=0, block_pictures=3, **target)
            found.append(path.read_bytes())
        columns: dict[str, list[Any]] = {
            "name": [f"n{i}" for i in range(10)],
            "weight": [i / 8 for i in range(10)],
            "raw": [b"\0"] * 10,
        }
        labels = [*"abcdeabcde"]
        dataset.write(path, [*grays, *colours], labels=labels, columns=columns, metadata={"a": 1}, effort=0)
        dataset.append(path, grays[:1], labels=["f"], columns={name: some[:1] for name, some in columns.items()})
        found.append(path.read_bytes())
    return sorted(found, key=lambda data: (len(data), data))


@dataclass(frozen=True)
class Input:
    """A file, the mutation that made it, and the way to decode it."""

    mutation: str
    way: str
    data: bytes


def make(seed: int, number: int, files: Sequence[bytes]) -> Input:
    """Make the input of that number, the same at every call."""
    random = Random(f"{seed} {number}")
    data = random.choice(files)
    mutations, ways = mutations_of(data), SET_WAYS if container.is_data_set(data) else WAYS
    way = random.choice(list(ways))
    if random.random() < 0.15:
        return Input(SEVERAL, way, several(random, data, files))
    name = random.choice(list(mutations))
    return Input(name, way, mutations[name](random, data, files))


# Judgement ---


def _whole(data: bytes) -> None:
    picture, info = aecodec.decode(data), aecodec.inspect(data)
    assert 8 * picture.dtype.itemsize == info.bits, picture.dtype
    channels = {"L": (), "I;16": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}[info.mode]
    assert picture.shape == (info.height, info.width, *channels), picture.shape


def _image(data: bytes) -> None:
    image, info = aecodec.decode_image(data), aecodec.inspect(data)
    assert (image.mode, image.size) == (info.mode, (info.width, info.height)), image


def _region(data: bytes) -> None:
    info = aecodec.inspect(data)
    x, y = info.width // 2, info.height // 2
    picture = aecodec.decode(data, region=(x, y, info.width - x, 1))
    assert picture.shape[:2] == (1, info.width - x), picture.shape


def _thumbnail(data: bytes) -> None:
    picture = aecodec.decode(data, thumbnail=THUMBNAIL)
    assert 1 <= max(picture.shape[:2]) <= THUMBNAIL, picture.shape


def _set(data: bytes, recover: bool = False) -> None:
    ds = dataset.open(data, max_pixels=MOST_PIXELS, recover=recover)
    damage = ds.verify()
    for numbers in ds.blocks():
        with suppress(aecodec.AecError):
            assert len(ds[numbers]) == len(numbers)
    for name in ds.columns:
        assert len(ds.columns[name]) == len(ds), name
    assert isinstance(ds.metadata, dict)
    if damage:
        raise aecodec.ChecksumMismatch("; ".join(map(str, damage)))


WAYS: dict[str, Callable[[bytes], None]] = {
    "whole": _whole,
    "image": _image,
    "region": _region,
    "thumbnail": _thumbnail,
}
SET_WAYS: dict[str, Callable[[bytes], None]] = {"opened": _set, "recovered": partial(_set, recover=True)}


def outcome(item: Input) -> str:
    """Decode an input: `picture`, or the name of the AecError. Other exceptions propagate."""
    try:
        (WAYS | SET_WAYS)[item.way](item.data)
    except aecodec.AecError as error:
        return type(error).__name__
    return PICTURE


def judge(seed: int, numbers: Sequence[int], files: Sequence[bytes], limits: Limits) -> Log:
    """Make and decode the inputs of these numbers."""
    log = Log()
    base = _baseline(tuple(files))
    for number in numbers:
        item = make(seed, number, files)
        name = f"{item.mutation}, {item.way}"
        spent = found = None
        for _ in range(ATTEMPTS):
            began = time.process_time()
            try:
                found = outcome(item)
            except BaseException as error:  # this is what the whole program is for
                if isinstance(error, KeyboardInterrupt | SystemExit):
                    raise
                found = type(error).__name__
                log.failures.append((number, f"{name}: {''.join(traceback.format_exception(error))}"))
            took = 1e3 * (time.process_time() - began)
            spent = took if spent is None else min(spent, took)
            if spent <= limits.milliseconds:
                break
        assert found is not None and spent is not None
        if spent > limits.milliseconds:
            log.failures.append((number, f"{name}: {found} after {spent:.0f} ms"))
        grown = _peak_megabytes() - base
        if grown > limits.megabytes and grown >= log.largest[0]:
            log.failures.append((number, f"{name}: {found} with {grown:.0f} MB more"))
        if grown > log.largest[0]:
            log.largest = grown, number
        log.slowest = max(log.slowest, (spent, number))
        log.inputs += 1
        log.outcomes[item.mutation, found] += 1
    return log


@cache
def _baseline(files: tuple[bytes, ...]) -> float:
    """The most memory that this process has had, in MB, after everything that good files need is there."""
    warnings.simplefilter("ignore", aecodec.errors.AecWarning)
    for data in files:
        if container.is_data_set(data):
            _set(data)
        else:
            aecodec.decode(data)
    return _peak_megabytes()


def _peak_megabytes() -> float:
    try:
        import resource
    except ImportError:
        return 0.0  # Windows: the limit on memory is not checked there
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


# The program ---


def campaign(files: Sequence[bytes], seed: int, start: int, count: int, jobs: int, limits: Limits) -> tuple[Log, int]:
    """The log, and the number of the first input that was not reached: Ctrl-C ends a campaign early."""
    chunks = [range(at, min(at + CHUNK, start + count)) for at in range(start, start + count, CHUNK)]
    logs: dict[int, Log] = {}
    began = time.monotonic()
    work = partial(judge_chunk, seed, files, limits)
    with suppress(KeyboardInterrupt):
        results: Iterator[tuple[range, Log | None]]
        if jobs == 1:
            results = ((chunk, work(chunk)) for chunk in chunks)
        else:
            results = map_unordered(work, chunks, min(jobs, len(chunks)))
        for chunk, log in results:
            # A chunk without a result killed its process; its inputs have to be tried one by one.
            logs[chunk.start] = log or Log(len(chunk), failures=[(chunk.start, f"the process died in {chunk}")])
            done = sum(log.inputs for log in logs.values())
            rate = done / (time.monotonic() - began)
            failures = sum(len(log.failures) for log in logs.values())
            progress(f"{done:,} of {count:,}, {rate:,.0f}/s, {failures} failures")
    progress("")
    total = Log()
    end = start
    while end in logs:  # without what came after a gap: --start goes on from there
        total.add(logs[end])
        end += logs[end].inputs
    return total, end


def judge_chunk(seed: int, files: Sequence[bytes], limits: Limits, numbers: range) -> Log:
    """`judge`, with the numbers last."""
    return judge(seed, numbers, files, limits)


def report(log: Log, seed: int, start: int, end: int, files: int, rate: float) -> str:
    """The log as Markdown."""
    mutations = list(dict.fromkeys([*MUTATIONS, *SET_MUTATIONS, SEVERAL]))
    mutations = [name for name in mutations if any(mutation == name for mutation, _ in log.outcomes)]
    totals: Counter[str] = Counter()
    for (_, found), count in log.outcomes.items():
        totals[found] += count
    names = [name for name, _ in totals.most_common()]
    rows = [(m, *(f"{log.outcomes[m, name]:,}" for name in names)) for m in mutations]
    rows.append(("all", *(f"{totals[name]:,}" for name in names)))
    memory, number = log.largest
    largest = f"the largest (number {number}) took {memory:.0f} MB more" if number >= 0 else "none took more memory"
    return "\n\n".join(
        [
            f"# {log.inputs:,} damaged and hostile files",
            f"    {command_line()}",
            f"Made from {files} files with seed {seed}: numbers {start:,} to {end - 1:,}, {rate:,.0f} per second."
            f" **{len(log.failures)} failures.** The slowest (number {log.slowest[1]}) took {log.slowest[0]:.0f} ms;"
            f" {largest} than intact files.",
            table(("mutation", *names), rows),
            f"{environment()}; {_library()}.",
        ]
    )


def _library() -> str:
    """Which native library decoded the inputs."""
    if native.library() is None:
        return "without the native library"
    named = os.environ.get(native.LIBRARY)
    built = f" of {Path(named).name}" if named else ""
    return f"native library, code path {native.paths()[native.path()]}{built}"


@dataclass(frozen=True)
class Settings:
    """The options of the command."""

    number: int
    seed: int
    start: int
    jobs: int
    largest: int | None
    milliseconds: float
    megabytes: float
    failures: Path
    output: Path | None
    data_sets: bool


@click.command("fuzz")
@click.option("-n", "--number", default=100_000, show_default=True, help="Of inputs.")
@click.option("--seed", default=0, show_default=True)
@click.option("--start", default=0, show_default=True, help="Number of the first input.")
@click.option("--jobs", default=available_cores(), help="Processes. [default: one per core]")
@click.option("--largest", type=int, metavar="BYTES", help="Leave out larger originals.")
@click.option("--data-sets", is_flag=True, help="Damage data sets instead of files of one picture.")
@click.option("--milliseconds", default=100.0, show_default=True, help="Processor time for each input.")
@click.option("--megabytes", default=50.0, show_default=True, help="Memory for each input, above that of good files.")
@click.option("--failures", type=click.Path(path_type=Path), default="fuzz-failures", show_default=True)
@output_option()
def command(**options: Any) -> None:
    """Decode damaged and hostile files.

    Each has to end within the limits, in a picture as `inspect` describes it or in an AecError. Inputs that fail are
    kept in the folder --failures, and the exit code is 1. A run that was interrupted goes on with --start; a single
    input is made again with --start I -n 1.
    """
    settings = Settings(**options)
    require_folders(settings.output)
    files = data_sets() if settings.data_sets else originals(settings.largest)
    limits = Limits(settings.milliseconds, settings.megabytes)
    began = time.monotonic()
    log, end = campaign(files, settings.seed, settings.start, settings.number, settings.jobs, limits)
    rate = log.inputs / (time.monotonic() - began)
    publish([report(log, settings.seed, settings.start, end, len(files), rate)], settings.output)
    for number, why in log.failures:
        settings.failures.mkdir(exist_ok=True)
        stem = settings.failures / f"{settings.seed}-{number}"
        stem.with_suffix(".aecs" if settings.data_sets else ".aec").write_bytes(make(settings.seed, number, files).data)
        stem.with_suffix(".txt").write_text(why + "\n")
    if end < settings.start + settings.number:
        raise click.ClickException(f"interrupted: --start {end} goes on from here")
    if log.failures:
        raise click.ClickException(f"{len(log.failures)} failures, kept in {settings.failures}")
