"""How fast the native engine is: beside the NumPy engine, beside other codecs, and beside the processor's peak.

Each engine is timed in a process of its own, together with the other codecs, so that a row's factor compares two times
of the same process.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

import aecodec
from aecodec import engines, native
from aecodec.engines.threads import workers
from aecodec.evaluation.pages import environment, number, table
from aecodec.evaluation.rivals import RIVALS, Rival
from aecodec.metrics import pooled_psnr
from aecodec.models import registry
from aecodec.sources.items import spread
from benchmarks import datasets
from benchmarks.reporting import command_line, output_option, progress, publish, require_folders

ROUNDS = 5
QUALITY = 50
SAMPLE = 200  # small pictures on which a rival's quality is chosen
MEGA = 1_000_000


@dataclass(frozen=True)
class Row:
    """A task: seconds for one picture by aecodec, and by the rival; the shorter of several rounds each."""

    task: str
    ours: float
    rival: str
    theirs: float | None


def seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The shortest of several rounds, after one that is not counted."""
    work()
    found = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return min(found)


def psnr_of(pictures: Sequence[np.ndarray], decoded: Sequence[np.ndarray]) -> float:
    """The PSNR in dB of the pooled error of pictures of any sizes."""
    samples = [np.concatenate([picture.ravel() for picture in each]) for each in (pictures, decoded)]
    return pooled_psnr(*(values.reshape(1, -1, 1, 1) for values in samples))


def nearest_quality(rival: Rival, pictures: Sequence[np.ndarray], psnr: float) -> int:
    """The quality at which the rival's PSNR over the pictures is nearest to that one."""

    def off(quality: int) -> float:
        decoded = [rival.decode(rival.at(picture, quality), picture.ndim == 2) for picture in pictures]
        return abs(psnr_of(pictures, decoded) - psnr)

    return min(rival.qualities, key=off)


def small_rows(name: str, pictures: list[np.ndarray], model: str) -> list[Row]:
    """Decoding and encoding of many small pictures, beside WebP's loop at about the same PSNR."""
    rival = RIVALS["webp"]
    coded = aecodec.encode_many(pictures, model=model, quality=QUALITY, effort=0)
    decoded = aecodec.decode_many(coded)
    sample = spread(list(zip(pictures, decoded, strict=True)), SAMPLE)
    psnr = psnr_of([picture for picture, _ in sample], [other for _, other in sample])
    quality = nearest_quality(rival, [picture for picture, _ in sample], psnr)
    theirs = [rival.at(picture, quality) for picture in pictures]
    gray, count = pictures[0].ndim == 2, len(pictures)
    few = spread(pictures, max(1, count // 5))
    progress(f"{name}: decoding")
    rows = [
        Row(
            f"`decode_many`, {count:,} of {name}",
            seconds(lambda: aecodec.decode_many(coded)) / count,
            f"{rival.name}, one by one",
            seconds(lambda: [rival.decode(data, gray) for data in theirs], 2) / count,
        )
    ]
    ways: dict[str, dict[str, Any]] = {
        "default options": {},
        f"model {model}": {"model": model},
        f"model {model}, effort 0": {"model": model, "effort": 0},
    }
    for what, options in ways.items():
        progress(f"{name}: encoding, {what}")
        rows.append(
            Row(
                f"`encode_many`, {len(few):,} of {name}, {what}",
                seconds(partial(aecodec.encode_many, few, quality=QUALITY, **options), 2) / len(few),
                f"{rival.name}, one by one",
                seconds(lambda: [rival.at(picture, quality) for picture in few], 2) / len(few),
            )
        )
    return rows


def photograph_rows(pictures: list[np.ndarray]) -> list[Row]:
    """Photographs one by one, lossy beside AVIF at about the same PSNR, and lossless beside JPEG XL."""
    count = len(pictures)
    avif, jxl = RIVALS["avif"], RIVALS["jxl"]
    coded = [aecodec.encode(picture, quality=QUALITY, model="photo") for picture in pictures]
    psnr = psnr_of(pictures, [aecodec.decode(data) for data in coded])
    quality = nearest_quality(avif, pictures[:2], psnr)
    theirs = [avif.at(picture, quality) for picture in pictures]
    progress("photographs: lossy")
    encoded_by_avif = seconds(lambda: [avif.at(p, quality) for p in pictures], 2) / count
    rows = [
        Row(
            "photograph by `photo`, decode",
            seconds(lambda: [aecodec.decode(data) for data in coded]) / count,
            f"{avif.name}, quality {quality}",
            seconds(lambda: [avif.decode(data, False) for data in theirs]) / count,
        )
    ]
    ways: dict[str, dict[str, Any]] = {
        "photograph by `photo`, encode": {"model": "photo"},
        "photograph by `photo`, encode, effort 0": {"model": "photo", "effort": 0},
        "photograph by `photo`, encode, effort 3": {"model": "photo", "effort": 3},
        "photograph, encode, model chosen": {},
    }
    for task, options in ways.items():
        took = seconds(partial(_encode_each, pictures, options), 3)
        rows.append(Row(task, took / count, f"{avif.name}, quality {quality}", encoded_by_avif))
    progress("photographs: lossless")
    few = pictures[:2]
    exact = [aecodec.encode(picture, lossless=True) for picture in few]
    missing = jxl.missing()
    theirs = [] if missing else [jxl.encode(picture, lossless=True, effort=7) for picture in few]
    encode = None if missing else seconds(lambda: [jxl.encode(p, lossless=True, effort=7) for p in few], 2) / len(few)
    decode = None if missing else seconds(lambda: [jxl.decode(data, False) for data in theirs], 2) / len(few)
    ours = seconds(lambda: [aecodec.encode(p, lossless=True) for p in few], 2) / len(few)
    rows.append(Row("photograph, lossless, encode", ours, jxl.name, encode))
    ours = seconds(lambda: [aecodec.decode(data) for data in exact], 3) / len(few)
    rows.append(Row("photograph, lossless, decode", ours, jxl.name, decode))
    return rows


def _encode_each(pictures: Sequence[np.ndarray], options: dict[str, Any]) -> list[bytes]:
    return [aecodec.encode(picture, quality=QUALITY, **options) for picture in pictures]


def large_row(pictures: list[np.ndarray], megapixels: int, file: Path) -> Row:
    """Decoding of a large picture, made of photographs side by side; the first process writes its file."""
    height, width = pictures[0].shape[:2]
    across = max(1, round((megapixels * MEGA / (height * width)) ** 0.5))
    down = max(1, round(megapixels * MEGA / (height * width * across)))
    alike = [picture for picture in pictures if picture.shape == pictures[0].shape]
    lines = [np.concatenate([alike[(y * across + x) % len(alike)] for x in range(across)], axis=1) for y in range(down)]
    whole = np.concatenate(lines)
    progress(f"{whole.shape[1]}x{whole.shape[0]} pixels")
    if not file.exists():
        file.write_bytes(aecodec.encode(whole, quality=QUALITY, effort=0, model="photo"))
    data = file.read_bytes()
    started = time.perf_counter()
    aecodec.decode(data, max_pixels=None)
    return Row(f"{whole.size / 3 / MEGA:.0f} megapixels, decode", time.perf_counter() - started, "", None)


def reached() -> tuple[float, float] | None:
    """(multiply-adds a second in the widest pass of `photo`, the most that registers alone allow), of one thread."""
    library = native.library()
    if library is None:
        return None
    network = max(registry.by_name("photo").pass_networks, key=lambda net: net.multiply_adds)
    x = np.random.default_rng(0).integers(-1000, 1001, (1, 64, 64, network.inputs)).astype(np.int16)
    where = np.arange(0, 64 * 64, 2)
    before = os.environ.get("AECODEC_THREADS")
    os.environ["AECODEC_THREADS"] = "1"
    try:
        layers = seconds(lambda: engines.engine("native").run(network, x, where), 20)
    finally:
        del os.environ["AECODEC_THREADS"]
        if before is not None:
            os.environ["AECODEC_THREADS"] = before
    count = library.aec_peak(native.path(), 1)
    loops = 200_000
    peak = seconds(lambda: library.aec_peak(native.path(), loops), 20)
    return network.multiply_adds * where.size / layers, count * loops / peak


def measure(data: dict[str, list[str]], limit: int, megapixels: int, large: Path) -> dict[str, Any]:
    """All rows, and what the engine reaches, in this process."""
    photographs = datasets.load(data["photographs"])[:8]
    rows = photograph_rows(photographs)
    for name, model in (("cifar", "cifar"), ("digits", "mnist")):
        rows += small_rows(name, datasets.load(data[name], limit=limit), model)
    if megapixels:
        rows.append(large_row(photographs, megapixels, large))
    return {"rows": [asdict(row) for row in rows], "reached": reached(), "engine": engines.active()}


def processor() -> str:
    """The processor's name, as well as the system knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def figure(value: float | None, task: str) -> str:
    """Seconds as milliseconds, or as pictures a second for tasks on many."""
    if value is None:
        return "-"
    return f"{1 / value:,.0f} /s" if "_many" in task else f"{1000 * value:,.1f} ms"


@click.command("native")
@click.option("--photographs", multiple=True, required=True, metavar="PATH", help="A folder of photographs.")
@click.option("--cifar", multiple=True, required=True, metavar="PATH", help="Small colour pictures.")
@click.option("--digits", multiple=True, required=True, metavar="PATH", help="Digits.")
@click.option("--limit", default=10_000, show_default=True, help="The first small pictures.")
@click.option("--megapixels", default=100, show_default=True, help="Of the large picture; 0 for none.")
@click.option("--worker", type=click.Path(path_type=Path), hidden=True, help="Measure here; keep the large file there.")
@output_option()
def command(worker: Path | None, output: Path | None, limit: int, megapixels: int, **paths: tuple[str, ...]) -> None:
    """Time aecodec with its native library and without it, beside WebP, AVIF and JPEG XL."""
    data = {name: list(found) for name, found in paths.items()}
    if worker:
        click.echo(json.dumps(measure(data, limit, megapixels, worker)))
        return
    require_folders(output)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for title, variables in (("native", {}), ("NumPy", {native.LIBRARY: "0"})):
            progress(f"engine {title}")
            words = [sys.executable, "-m", "benchmarks", *sys.argv[1:], "--worker", str(Path(folder, "large.aec"))]
            made = subprocess.run(words, env={**os.environ, **variables}, stdout=subprocess.PIPE, check=True)
            found[title] = json.loads(made.stdout)
    names = native.paths() if native.library() is not None else ["none"]
    head = ["task", "native", "NumPy", "faster", "other codec", "takes", "native / other"]
    rows = []
    for one, other in zip(found["native"]["rows"], found["NumPy"]["rows"], strict=True):
        task, theirs = one["task"], one["theirs"]
        rows.append(
            [
                *(task, figure(one["ours"], task), figure(other["ours"], task)),
                *(number(other["ours"] / one["ours"]), one["rival"] or "-", figure(theirs, task)),
                "-" if theirs is None else number(one["ours"] / theirs, 2),
            ]
        )
    page = ["# The native engine", f"    {command_line()}", table(head, rows)]
    page.append(
        f"Shortest of several rounds, for one picture; small pictures a second. All codecs of a column ran in the same "
        f"process, on {workers()} threads; WebP, AVIF and JPEG XL code one picture after the other, as Pillow does. "
        f"Lossy pictures at quality {QUALITY}, the others' at the nearest PSNR."
    )
    if found["native"]["reached"]:
        layers, peak = found["native"]["reached"]
        page.append(
            f"**Roofline.** One thread reaches {layers / 1e9:.0f} billion multiply-adds a second in the "
            f"widest pass of `photo`, {100 * layers / peak:.0f} % of the {peak / 1e9:.0f} that the same instruction "
            f"reaches on registers alone."
        )
    kind = environment([RIVALS[name] for name in ("webp", "avif", "jxl") if not RIVALS[name].missing()])
    page.append(f"{processor()}, code path {names[0]}. {kind}.")
    publish(page, output)
