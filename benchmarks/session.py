"""The first minutes of a new user: commands in a terminal of 80 columns, and what they print there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import click
import numpy as np
from PIL import Image

from aecodec.evaluation.pages import environment
from benchmarks.reporting import command_line, output_option, progress, publish, require_folders

ROOT: Final = Path(__file__).resolve().parents[1]
SHOWN_ROOT: Final = "~/aecodec"  # in place of where this checkout lies
COLUMNS: Final = 80
ROWS: Final = 24
_CLEARED: Final = re.compile(r"[^\n]*\r\033\[K")  # a progress bar, which a terminal no longer shows at the end


class Part(NamedTuple):
    """A heading, a sentence, and the command lines that follow it."""

    title: str
    text: str
    lines: Sequence[str]


PARTS: Final = (
    Part("Looking around", "Is it there, and does it work?", ("aec --version", "aec", "aec doctor")),
    Part(
        "A photograph",
        "Compressed, looked at, and decompressed again.",
        (
            "aec photo.jpg",
            "aec compress photo.jpg",
            "aec info photo.aec",
            "aec decompress photo.aec -o again.png",
            "aec verify photo.aec --against photo.jpg",
        ),
    ),
    Part(
        "Smaller, better, exact",
        "A quality, a number of bytes, a PSNR, or every sample.",
        (
            "aec compress photo.jpg",
            "aec compress photo.jpg --force -q 30",
            "aec compress photo.jpg -o small.aec --max-bytes 1k",
            "aec compress photo.jpg -o tiny.aec --max-bytes 20",
            "aec compress photo.jpg -o good.aec --min-psnr 38",
            "aec compress screenshot.png --lossless",
            "aec compress photo.jpg --qualty 50",
            "aec compress photo.jpg -q 50 --lossless",
        ),
    ),
    Part(
        "A folder",
        "One of its files is damaged: the others are compressed all the same.",
        (
            "aec compress photos",
            "aec compress -r photos -o compressed",
            "aec compress -r photos -o compressed --skip-existing -v",
            "aec decompress -r compressed -o back --format webp",
        ),
    ),
    Part(
        "Mistakes",
        "Wrong usage has the exit code 2, a failure 1, and neither leaves a file behind.",
        (
            "aec compress",
            "aec encode photo.jpg",
            "aec comprss photo.jpg",
            "aec compress photo.aec",
            "aec compress notes.txt",
            "aec compress missing.png",
            "aec compress photo.jpg -o photo.png",
            "aec compress photo.jpg -m cifra",
            "aec decompress photo.jpg",
            "aec decompress photo.aec -o again.gif",
            "aec decompress photo.aec -o -",
            "aec info photos",
        ),
    ),
)


@click.command("session")
@output_option()
def command(output: Path | None) -> None:
    """Run the commands of the first minutes, mistakes included, and write what a terminal shows."""
    require_folders(output)
    page = [
        "# The first minutes",
        f"    {command_line()}",
        f"What a terminal of {COLUMNS} columns shows a new user, mistakes included. The folder holds the photograph"
        " `photo.jpg`,\na `screenshot.png`, the folder `photos` and `notes.txt`; exit codes other than 0 stand below"
        " the output. In a pipe,\n`aec compress` and `aec decompress` print nothing when they succeed.",
    ]
    with TemporaryDirectory() as name:
        prepare(Path(name))
        for part in PARTS:
            page += [f"## {part.title}", part.text]
            for line in part.lines:
                progress(line)
                page.append(_indented(f"$ {line}\n{shown(line, Path(name))}"))
    publish([*page, f"{environment()}."], output)


def prepare(folder: Path) -> None:
    """Make the files that the commands work on."""
    examples = ROOT / "examples"
    with Image.open(examples / "landscape.png") as image:
        exif = Image.Exif()
        exif[0x010F] = "a maker"
        image.save(folder / "photo.jpg", quality=92, dpi=(300, 300), exif=exif)
    screenshot = np.full((120, 160, 3), 250, np.uint8)
    screenshot[10:14, 8:120], screenshot[30:90, 20:90] = (30, 30, 30), (66, 133, 244)
    Image.fromarray(screenshot).save(folder / "screenshot.png")
    (folder / "notes.txt").write_text("Buy milk.\n")
    photos = folder / "photos"
    photos.mkdir()
    for name in ("digit.png", "horse.png", "landscape.png"):
        shutil.copy(examples / name, photos)
    (photos / "damaged.jpg").write_bytes((folder / "photo.jpg").read_bytes()[:2000])


def shown(line: str, folder: Path) -> str:
    """What a terminal shows of a command line at its end, and its exit code if that is not 0."""
    import fcntl
    import pty
    import struct
    import termios

    program, *words = shlex.split(line)
    assert program == "aec"
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    variables = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "aecodec", *words],
        cwd=folder,
        env={**variables, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # what Linux has for the end of a terminal
        while part := os.read(ours, 1 << 16):
            seen += part
    os.close(ours)
    code = process.wait()
    text = _CLEARED.sub("", seen.decode().replace("\r\n", "\n")).replace(str(ROOT), SHOWN_ROOT)
    lines = [row for line in text.splitlines() for row in _wrapped(line)]
    return "\n".join([*lines, *([f"[exit code {code}]"] if code else [])])


def _wrapped(line: str) -> list[str]:
    """A line as the rows of the terminal that it takes."""
    return [line[at : at + COLUMNS] for at in range(0, len(line), COLUMNS)] or [""]


def _indented(text: str) -> str:
    """Text as a block of code."""
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
