"""Many PNGs compressed by several processes, broken off half-way by Ctrl-C, and resumed: nothing lost, nothing partial.

    python benchmarks/many.py DATA [-n 10000] [--jobs 2] [-q 75] [-o docs/many.md]

The pictures of DATA are written as PNGs into a tree of folders, which `aec compress -r` compresses. When half of the
files are there it gets SIGINT, as from Ctrl-C. Then what is there must be whole files and nothing else; the same
command with --skip-existing must add the rest and leave the others alone; and all files must equal those of a run that
nobody broke off.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import datasets
from datasets import Picture
from PIL import Image
from reporting import command_line, environment, number, progress, run, table

import aecodec

FOLDERS = 16
POLL_SECONDS = 0.01
AEC = (sys.executable, "-m", "aecodec")
INTERRUPTED = 130  # the exit code after Ctrl-C


@dataclass(frozen=True)
class Run:
    """One run of the command: its exit code, and the files that were there when it had ended."""

    name: str
    exit_code: int
    seconds: float
    files: dict[str, bytes]


def write_tree(pictures: Sequence[Picture], folder: Path) -> list[str]:
    """PNGs in several folders; their names without suffix, relative to `folder`."""
    names = []
    for index, picture in enumerate(pictures):
        name = f"{index % FOLDERS:02}/{index:06}"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / f"{name}.png")
        names.append(name)
    return sorted(names)


def _hear() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def compress(
    name: str,
    source: Path,
    target: Path,
    options: Sequence[str],
    *,
    interrupt_at: int | None = None,
    aec: Sequence[str] = AEC,
) -> Run:
    """Runs `aec compress -r`; sends it SIGINT when so many files are there."""
    command = [*aec, "compress", "-r", str(source), "-o", str(target), *options]
    began = time.monotonic()
    # A shell starts what it puts into the background deaf to SIGINT, and children inherit that.
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hear if os.name == "posix" else None,
    )
    while interrupt_at is not None and process.poll() is None:
        if count_files(target) >= interrupt_at:
            process.send_signal(signal.SIGINT)
            break
        time.sleep(POLL_SECONDS)
    said = process.communicate()[1]
    seconds = time.monotonic() - began
    expected = 0 if interrupt_at is None else INTERRUPTED
    if process.returncode != expected:
        raise ValueError(f"{name}: exit code {process.returncode} and not {expected}: {said}")
    files = {str(p.relative_to(target)): p.read_bytes() for p in target.rglob("*") if p.is_file()}
    return Run(name, process.returncode, seconds, files)


def count_files(folder: Path) -> int:
    return sum(1 for _ in folder.rglob("*.aec"))


def interrupt_and_resume(
    pictures: Sequence[Picture], folder: Path, options: Sequence[str], interrupt_at: int, aec: Sequence[str] = AEC
) -> tuple[Run, Run, Run]:
    """The run that was broken off, the one that resumed, and one in one go. Raises ValueError if anything is wrong."""
    names = write_tree(pictures, folder / "pictures")
    target = folder / "resumed"
    progress(f"{len(names)} pictures, to be broken off")
    broken = compress("broken off", folder / "pictures", target, options, interrupt_at=interrupt_at, aec=aec)
    if not interrupt_at <= len(broken.files) < len(names):
        raise ValueError(f"{len(broken.files)} of {len(names)} files were there after Ctrl-C")
    whole = {f"{name}.aec" for name in names}
    if strangers := broken.files.keys() - whole:
        raise ValueError(f"Ctrl-C left {', '.join(sorted(strangers))}")
    aecodec.decode_many(list(broken.files.values()))  # each is checked by its checksum
    times = {name: (target / name).stat().st_mtime_ns for name in broken.files}
    progress(f"{len(names)} pictures, to be resumed at {len(broken.files)}")
    resumed = compress("resumed", folder / "pictures", target, [*options, "--skip-existing"], aec=aec)
    if resumed.files.keys() != whole:
        raise ValueError(f"{len(whole - resumed.files.keys())} files are missing in the end")
    if any((target / name).stat().st_mtime_ns != times[name] for name in times):
        raise ValueError("resuming has written files anew")
    progress(f"{len(names)} pictures in one go")
    once = compress("in one go", folder / "pictures", folder / "once", options, aec=aec)
    if once.files != resumed.files:
        raise ValueError("the resumed run wrote other files than one in one go")
    progress("")
    return broken, resumed, once


def report(runs: tuple[Run, Run, Run], count: int, source_bytes: int) -> str:
    broken, resumed, once = runs
    written = {broken.name: len(broken.files), resumed.name: count - len(broken.files), once.name: count}
    rows = [
        (r.name, f"{r.exit_code}", f"{written[r.name]:,}", number(r.seconds), number(written[r.name] / r.seconds, 0))
        for r in runs
    ]
    total = sum(map(len, once.files.values()))
    return "\n\n".join(
        [
            f"# {count:,} PNGs, broken off and resumed",
            f"    {command_line(__file__)}",
            table(("run", "exit code", "files written", "seconds", "images/s"), rows),
            f"After Ctrl-C {len(broken.files):,} files were there, all of them whole; no temporary file was left."
            f" Resuming wrote the other {written[resumed.name]:,} and touched none of these. All {count:,} files are"
            f" those of the run in one go: {total:,} bytes, {total / source_bytes:.1%} of the PNGs' {source_bytes:,}.",
            environment() + ".",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", metavar="DATA", help="idx file, tile sheet, picture or folder")
    parser.add_argument("-n", "--number", type=int, default=10_000, metavar="N", help="of pictures (default: 10000)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("-q", "--quality", type=int, default=75)
    parser.add_argument("--tile", type=int, default=32, metavar="N", help="width and height of a sheet's tiles")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the Markdown there as well")
    arguments = parser.parse_args()
    pictures = datasets.load(arguments.data, (arguments.tile, arguments.tile), arguments.number)
    options = ["--jobs", str(arguments.jobs), "-q", str(arguments.quality)]
    with tempfile.TemporaryDirectory() as folder:
        runs = interrupt_and_resume(pictures, Path(folder), options, len(pictures) // 2)
        source_bytes = sum(p.stat().st_size for p in (Path(folder) / "pictures").rglob("*.png"))
    text = report(runs, len(pictures), source_bytes)
    print(text)
    if arguments.output:
        arguments.output.write_text(text + "\n")


if __name__ == "__main__":
    run(main)
