"""Time and peak memory of coding pictures that are large, each step in a process of its own.

    python benchmarks/large.py [--gray WxH ...] [--rgb WxH ...] [-m auto] [-q 75] [-e 3] [-o docs/large.md]

The pictures are made here: soft shapes, edges and grain, the same every time. The first row of each is a process that
only holds the picture; "above" is what the others take beyond Python and its libraries, in multiples of the picture.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from reporting import command_line, environment, number, progress, run, table

import aecodec
from aecodec.encoding.options import DEFAULT_EFFORT
from aecodec.evaluation.speed import peak_bytes

BAND = 256  # rows made at once
SEED = 12
MEBI = 1 << 20
REGION = 256
THUMBNAIL = 400
STEPS = ("hold", "encode", "decode", "region", "thumbnail")


def size(text: str) -> tuple[int, int]:
    width, height = text.lower().split("x")
    return int(width), int(height)


def make(file: Path, width: int, height: int, channels: int) -> None:
    """A picture of that size as an .npy file, made and written by bands of rows."""
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


def step(name: str, source: Path, file: Path, model: str, quality: int, effort: int) -> None:
    """One step, in this process; prints seconds, peak bytes, and the bytes at rest before it."""
    tiny = aecodec.encode(np.zeros((8, 8, 3), np.uint8))  # loads the models
    aecodec.decode(tiny)
    rest = peak_bytes()
    begin = time.perf_counter()
    if name == "hold":
        np.load(source)
    elif name == "encode":
        file.write_bytes(aecodec.encode(np.load(source), model=model, quality=quality, effort=effort))
    else:
        data = file.read_bytes()
        info = aecodec.inspect(data)
        corner = (info.width // 2, info.height // 2, min(REGION, info.width // 2), min(REGION, info.height // 2))
        options: dict[str, dict[str, Any]] = {"region": {"region": corner}, "thumbnail": {"thumbnail": THUMBNAIL}}
        aecodec.decode(data, max_pixels=None, **options.get(name, {}))
    print(time.perf_counter() - begin, peak_bytes(), rest)


def measured(label: str, width: int, height: int, channels: int, options: Sequence[str]) -> list[list[str]]:
    rows = []
    raw = width * height * channels
    with tempfile.TemporaryDirectory() as folder:
        source, file = Path(folder) / "picture.npy", Path(folder) / "picture.aec"
        progress(f"making {label}")
        make(source, width, height, channels)
        for name in STEPS:
            progress(f"{label}: {name}")
            command = [sys.executable, __file__, "--step", name, "--files", str(source), str(file)]
            done = subprocess.run([*command, *options], capture_output=True, text=True)
            if done.returncode:
                raise ValueError(f"{name} of {label} failed: {done.stderr.strip().splitlines()[-1]}")
            seconds, peak, rest = map(float, done.stdout.split())
            written = number(file.stat().st_size, 0) if name == "encode" else "-"
            above = number((peak - rest) / raw, 2)
            each = number(seconds / (width * height / 1e6), 2)
            rows.append([f"{label}: {name}", number(seconds), each, number(peak / MEBI, 0), above, written])
    progress("")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gray", type=size, nargs="*", default=[(20000, 20000)], metavar="WxH")
    parser.add_argument("--rgb", type=size, nargs="*", default=[(12500, 8000)], metavar="WxH")
    parser.add_argument("-m", "--model", default="auto")
    parser.add_argument("-q", "--quality", type=int, default=75)
    parser.add_argument("-e", "--effort", type=int, default=DEFAULT_EFFORT)
    parser.add_argument("-o", "--output", type=Path, help="write the page there too")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--files", type=Path, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        source, file = arguments.files
        step(arguments.step, source, file, arguments.model, arguments.quality, arguments.effort)
        return
    options = ["-m", arguments.model, "-q", str(arguments.quality), "-e", str(arguments.effort)]
    rows = []
    for kind, sizes, channels in (("gray", arguments.gray, 1), ("RGB", arguments.rgb, 3)):
        for width, height in sizes:
            rows += measured(f"{width}x{height} {kind}", width, height, channels, options)
    page = "\n\n".join(
        [
            "# Large pictures",
            f"    {command_line(__file__)}",
            table(("", "seconds", "s/megapixel", "peak MiB", "above, x raw", "file bytes"), rows),
            f"region: {REGION}x{REGION} pixels in the middle; thumbnail: at most {THUMBNAIL} pixels. {environment()}.",
        ]
    )
    print(page)
    if arguments.output:
        arguments.output.write_text(page + "\n")


if __name__ == "__main__":
    run(main)
