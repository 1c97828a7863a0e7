"""Many PNGs compressed by several processes, interrupted half-way by Ctrl-C, and resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from PIL import Image

import aecodec
from aecodec.evaluation.pages import environment, number, table
from aecodec.sources.readers import Picture
from benchmarks import datasets
from benchmarks.reporting import command_line, data_argument, output_option, progress, publish, require_folders

FOLDERS = 16
POLL_SECONDS = 0.01
AEC = (sys.executable, "-m", "aecodec")
INTERRUPTED = 130  # the exit code after Ctrl-C


@dataclass(frozen=True)
class Run:
    """One run of the command: its exit code, and the files that are there when it has ended."""

    name: str
    exit_code: int
    seconds: float
    files: dict[str, bytes]


def write_tree(pictures: Sequence[Picture], folder: Path) -> list[str]:
    """Write PNGs to several folders; return their names without suffix, relative to `folder`, sorted."""
    names = []
    for index, picture in enumerate(pictures):
        name = f"{index % FOLDERS:02}/{index:06}"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / f"{name}.png")
        names.append(name)
    return sorted(names)


def _accept_interrupts() -> None:
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
    """Run `aec compress -r`; send it SIGINT as soon as `interrupt_at` files are there."""
    command = [*aec, "compress", "-r", str(source), "-o", str(target), *options]
    began = time.monotonic()
    # Shells start background processes with SIGINT ignored, and children inherit that.
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_accept_interrupts if os.name == "posix" else None,
    )
    while interrupt_at is not None and process.poll() is None:
        if count_files(target) >= interrupt_at:
            process.send_signal(signal.SIGINT)
            break
        time.sleep(POLL_SECONDS)
    errors = process.communicate()[1]
    seconds = time.monotonic() - began
    expected = 0 if interrupt_at is None else INTERRUPTED
    if process.returncode != expected:
        raise ValueError(f"{name}: exit code {process.returncode} and not {expected}: {errors}")
    files = {str(p.relative_to(target)): p.read_bytes() for p in target.rglob("*") if p.is_file()}
    return Run(name, process.returncode, seconds, files)


def count_files(folder: Path) -> int:
    """How many .aec files there are below a folder."""
    return sum(1 for _ in folder.rglob("*.aec"))


def interrupt_and_resume(
    pictures: Sequence[Picture], folder: Path, options: Sequence[str], interrupt_at: int, aec: Sequence[str] = AEC
) -> tuple[Run, Run, Run]:
    """Interrupt a run, resume it, and run once without interruption. Raises ValueError if anything is wrong.

    When `interrupt_at` files are there, the first run gets SIGINT. Then whole files and nothing else may be there; the
    same command with --skip-existing has to add the rest and leave the others alone; and all files have to equal those
    of the uninterrupted run.
    """
    names = write_tree(pictures, folder / "pictures")
    target = folder / "resumed"
    progress(f"{len(names)} pictures, to be interrupted")
    broken = compress("interrupted", folder / "pictures", target, options, interrupt_at=interrupt_at, aec=aec)
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
    progress(f"{len(names)} pictures without interruption")
    once = compress("uninterrupted", folder / "pictures", folder / "once", options, aec=aec)
    if once.files != resumed.files:
        raise ValueError("the files of the resumed run differ from those of an uninterrupted one")
    progress("")
    return broken, resumed, once


def report(runs: tuple[Run, Run, Run], count: int, source_bytes: int) -> str:
    """The page as Markdown."""
    broken, resumed, once = runs
    written = {broken.name: len(broken.files), resumed.name: count - len(broken.files), once.name: count}
    rows = [
        (r.name, f"{r.exit_code}", f"{written[r.name]:,}", number(r.seconds), number(written[r.name] / r.seconds, 0))
        for r in runs
    ]
    total = sum(map(len, once.files.values()))
    return "\n\n".join(
        [
            f"# {count:,} PNGs, interrupted and resumed",
            f"    {command_line()}",
            table(("run", "exit code", "files written", "seconds", "images/s"), rows),
            f"After Ctrl-C there were {len(broken.files):,} files, all of them complete, and no temporary file was"
            f" left. Resuming wrote the other {written[resumed.name]:,} and left these untouched. All {count:,} files"
            f" equal those of the uninterrupted run: {total:,} bytes, {total / source_bytes:.1%} of the"
            f" {source_bytes:,} bytes of the PNGs.",
            environment() + ".",
        ]
    )


@click.command("many")
@data_argument
@click.option("-n", "--limit", default=10_000, show_default=True, help="The first pictures.")
@click.option("--jobs", default=2, show_default=True, help="Processes.")
@click.option("-q", "--quality", default=75, show_default=True)
@click.option("--tile", default=32, show_default=True, help="Width and height of a sheet's tiles.")
@output_option()
def command(data: tuple[str, ...], limit: int, jobs: int, quality: int, tile: int, output: Path | None) -> None:
    """Write pictures as PNGs into a tree of folders, and compress that: interrupted, resumed, and uninterrupted."""
    require_folders(output)
    pictures = datasets.load(data, (tile, tile), limit)
    options = ["--jobs", str(jobs), "-q", str(quality)]
    with tempfile.TemporaryDirectory() as folder:
        runs = interrupt_and_resume(pictures, Path(folder), options, len(pictures) // 2)
        source_bytes = sum(p.stat().st_size for p in (Path(folder) / "pictures").rglob("*.png"))
    publish([report(runs, len(pictures), source_bytes)], output)
