"""Whole-process time of `aec decompress` on one 32x32 file, beside a Python that only imports its dependencies."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from PIL import Image

import aecodec
from aecodec.evaluation.pages import environment, table
from benchmarks.reporting import command_line, model_option, progress, publish

CHECKOUT = Path(__file__).resolve().parent.parent
IMPORTS = "import numpy, PIL.Image, zstandard, click"


def aec() -> list[str]:
    """The `aec` of this Python, or its module where the script is not installed."""
    script = shutil.which("aec", path=os.path.dirname(sys.executable))
    return [script] if script else [sys.executable, "-m", "aecodec"]


def seconds(words: list[str]) -> float:
    """How long a command takes."""
    begin = time.perf_counter()
    subprocess.run(words, check=True)
    return time.perf_counter() - begin


@click.command("startup")
@click.argument("picture", type=click.Path(path_type=Path), default=CHECKOUT / "examples" / "horse.png")
@model_option("cifar")
@click.option("--runs", default=21, show_default=True, help="Of each command.")
def command(picture: Path, model: str, runs: int) -> None:
    """Time `aec decompress` on PICTURE, which is compressed first, and the imports, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.aec"
        with Image.open(picture) as image:
            size = f"{image.width}x{image.height}"
            file.write_bytes(aecodec.encode(image, model=model))
        output = str(file.with_suffix(".png"))
        commands = {
            f"aec decompress, {size}": [*aec(), "decompress", str(file), "-o", output, "--force"],
            f'python -c "{IMPORTS}"': [sys.executable, "-c", IMPORTS],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(runs + 1):
            progress(f"run {turn} of {runs}")
            for name, words in commands.items():
                spent = seconds(words)
                if turn:  # the first fills caches
                    times[name].append(spent)
        progress("")
    medians = [statistics.median(spent) for spent in times.values()]
    rows = [
        (name, f"{1e3 * median:.0f}", f"{1e3 * min(times[name]):.0f}", f"{median / medians[-1]:.2f}")
        for name, median in zip(times, medians, strict=True)
    ]
    publish(
        [
            f"    {command_line()}",
            table(("", "median ms", "least ms", "of the imports"), rows),
            f"Medians of {runs} runs in turns. {environment((), [model])}.",
        ],
        None,
    )
