"""Time and peak memory of coding large pictures, each step in a process of its own with as many threads as cores.

The pictures are synthetic: soft shapes, edges and grain, the same every time.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

import aecodec
from aecodec.encoding.options import DEFAULT_EFFORT
from aecodec.engines import threads
from aecodec.evaluation.pages import environment, number, table
from aecodec.evaluation.speed import peak_bytes
from benchmarks.reporting import command_line, model_option, output_option, progress, publish, require_folders

BAND = 256  # rows made at once
SEED = 12
MEBI = 1 << 20
REGION = 256
THUMBNAIL = 400
STEPS = ("hold", "encode", "decode", "region", "thumbnail")


@dataclass(frozen=True)
class Coding:
    """Encoder options."""

    model: str
    quality: int
    effort: int


@dataclass(frozen=True)
class Cost:
    """Seconds of a step, the peak memory of its process, and what that held before the step (rest)."""

    seconds: float
    peak_bytes: int
    rest_bytes: int


def sizes(text: str) -> tuple[tuple[int, int], ...]:
    """WxH,WxH,... or none, as (width, height)."""
    found = []
    for part in () if text == "none" else text.lower().split(","):
        width, _, height = part.partition("x")
        if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            raise click.BadParameter(f"{part!r} is not a size such as 1250x800")
        found.append((int(width), int(height)))
    return tuple(found)


def make(file: Path, width: int, height: int, channels: int) -> None:
    """Write a picture as an .npy file, by bands of rows."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    picture = np.lib.format.open_memmap(file, "w+", np.uint8, shape)
    random = np.random.default_rng(SEED)
    x = np.arange(width, dtype=np.float32)
    for begin in range(0, height, BAND):
        y = np.arange(begin, min(begin + BAND, height), dtype=np.float32)[:, None]
        edges = 40 * ((x // 173 + y // 131) % 3 == 0)
        grain = random.normal(0, 3, (len(y), width)).astype(np.float32)
        for channel in range(channels):
            soft = 60 * np.sin(x / (90 + 9 * channel) + y / 310) * np.cos(y / 70 - channel)
            plane = np.clip(110 + soft + edges + grain, 0, 255).astype(np.uint8)
            band = picture[begin : begin + len(y)]
            (band if channels == 1 else band[..., channel])[:] = plane
    picture.flush()


def step(name: str, source: Path, file: Path, coding: Coding, workers: int) -> Cost:
    """Run one of STEPS in this process, which has done nothing before. source: .npy file; file: .aec file."""
    os.environ[threads.VARIABLES[0]] = str(workers)  # not one, which a process of others has
    tiny = aecodec.encode(np.zeros((8, 8, 3), np.uint8))  # loads the models
    aecodec.decode(tiny)
    rest = peak_bytes()
    begin = time.perf_counter()
    if name == "hold":
        np.load(source)
    elif name == "encode":
        data = aecodec.encode(np.load(source), model=coding.model, quality=coding.quality, effort=coding.effort)
        file.write_bytes(data)
    else:
        data = file.read_bytes()
        info = aecodec.inspect(data)
        corner = (info.width // 2, info.height // 2, min(REGION, info.width // 2), min(REGION, info.height // 2))
        options: dict[str, dict[str, Any]] = {"region": {"region": corner}, "thumbnail": {"thumbnail": THUMBNAIL}}
        aecodec.decode(data, max_pixels=None, **options.get(name, {}))
    return Cost(time.perf_counter() - begin, peak_bytes(), rest)


def alone(name: str, source: Path, file: Path, coding: Coding) -> Cost:
    """`step` in a new process. Raises ValueError if that dies, from lack of memory for instance."""
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(step, name, source, file, coding, threads.workers()).result()
    except BrokenProcessPool as error:
        raise ValueError(f"{name}: the process died") from error


def measured(size: tuple[int, int], channels: int, coding: Coding) -> list[list[str]]:
    """Rows of the table for a picture of (width, height): one for each of STEPS."""
    (width, height), rows = size, []
    label, raw = f"{width}x{height} {'gray' if channels == 1 else 'RGB'}", width * height * channels
    with tempfile.TemporaryDirectory() as folder:
        source, file = Path(folder) / "picture.npy", Path(folder) / "picture.aec"
        progress(f"making {label}")
        make(source, width, height, channels)
        for name in STEPS:
            progress(f"{label}: {name}")
            cost = alone(name, source, file, coding)
            written = number(file.stat().st_size, 0) if name == "encode" else "-"
            above = number((cost.peak_bytes - cost.rest_bytes) / raw, 2)
            each = number(cost.seconds / (width * height / 1e6), 2)
            row = [f"{label}: {name}", number(cost.seconds), each, number(cost.peak_bytes / MEBI, 0), above, written]
            rows.append(row)
    return rows


@click.command("large")
@click.option("--gray", type=sizes, default="20000x20000", show_default=True, metavar="WxH,...", help="Or none.")
@click.option("--rgb", type=sizes, default="12500x8000", show_default=True, metavar="WxH,...", help="Or none.")
@model_option("auto")
@click.option("-q", "--quality", default=75, show_default=True)
@click.option("-e", "--effort", default=DEFAULT_EFFORT, show_default=True)
@output_option()
def command(
    gray: tuple[tuple[int, int], ...],
    rgb: tuple[tuple[int, int], ...],
    model: str,
    quality: int,
    effort: int,
    output: Path | None,
) -> None:
    """Encode large pictures; decode them, a region and a thumbnail.

    The first row of each picture is a process that only holds it. "above" is what a step takes beyond Python and its
    libraries, in multiples of the picture.
    """
    require_folders(output)
    coding = Coding(model, quality, effort)
    rows = []
    for chosen, channels in ((gray, 1), (rgb, 3)):
        for size in chosen:
            rows += measured(size, channels, coding)
    page = [
        "# Large pictures",
        f"    {command_line()}",
        table(("", "seconds", "s/megapixel", "peak MiB", "above, x raw", "file bytes"), rows),
        f"Region: {REGION}x{REGION} pixels from the centre. Thumbnail: at most {THUMBNAIL} pixels. With"
        f" {threads.workers()} threads. {environment()}.",
    ]
    publish(page, output)
