"""Whole-process time of `aec decompress` on one 32x32 file, beside a Python that only imports what it stands on.

    python benchmarks/startup.py [PICTURE] [--runs 21]

The picture is compressed once, untimed, with the model `cifar`. Then both commands run in turns, and the medians count.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from reporting import command_line, environment, progress, run, table

import aecodec

CHECKOUT = Path(__file__).resolve().parent.parent
IMPORTS = "import numpy, PIL.Image, zstandard, click"


def aec() -> list[str]:
    """The `aec` of this very Python, or the module where it is not installed."""
    script = shutil.which("aec", path=os.path.dirname(sys.executable))
    return [script] if script else [sys.executable, "-m", "aecodec"]


def seconds(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", nargs="?", type=Path, default=CHECKOUT / "examples" / "horse.png")
    parser.add_argument("-m", "--model", default="cifar")
    parser.add_argument("--runs", type=int, default=21, help="of each command (default: 21)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.aec"
        with Image.open(arguments.picture) as image:
            size = f"{image.width}x{image.height}"
            file.write_bytes(aecodec.encode(image, model=arguments.model))
        output = str(file.with_suffix(".png"))
        commands = {
            f"aec decompress, {size}": [*aec(), "decompress", str(file), "-o", output, "--force"],
            f'python -c "{IMPORTS}"': [sys.executable, "-c", IMPORTS],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(arguments.runs + 1):
            progress(f"run {turn} of {arguments.runs}")
            for name, command in commands.items():
                spent = seconds(command)
                if turn:  # the first fills caches
                    times[name].append(spent)
        progress("")
    medians = [statistics.median(spent) for spent in times.values()]
    rows = [
        (name, f"{1e3 * median:.0f}", f"{1e3 * min(times[name]):.0f}", f"{median / medians[-1]:.2f}")
        for name, median in zip(times, medians, strict=True)
    ]
    print(f"    {command_line(__file__)}\n")
    print(table(("", "median ms", "least ms", "of the imports"), rows))
    print(f"\nMedians of {arguments.runs} runs in turns. {environment((), [arguments.model])}.")


if __name__ == "__main__":
    run(main)
