"""What compress and decompress share: their options, and the line that they print when they are done."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import click

import aecodec
from aecodec.cli.batches import cores
from aecodec.cli.byte_files import require_writable
from aecodec.cli.plan import PIPE, Pair, shown
from aecodec.images.source import MAX_PIXELS

MODE_NAMES: Final = {"L": "gray", "LA": "gray with alpha", "RGB": "RGB", "RGBA": "RGBA", "I;16": "gray"}


_UNITS: Final = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3}
_SHARED: Final = (
    click.option("-r", "--recursive", is_flag=True, help="Take folders, and mirror their trees."),
    click.option(
        "-j",
        "--jobs",
        type=click.IntRange(min=1),
        default=cores,
        show_default="the number of cores",
        help="Processes for many files; 1: none but this one.",
    ),
    click.option(
        "--max-pixels",
        type=click.IntRange(min=1),
        default=MAX_PIXELS,
        show_default=True,
        help="Refuse pictures that declare more.",
    ),
    click.option("--force", is_flag=True, help="Overwrite existing files."),
    click.option("--skip-existing", is_flag=True, help="Pass over files whose output exists: goes on after a break."),
    click.option("--quiet", is_flag=True, help="Say nothing but what failed."),
    click.option("--verbose", is_flag=True, help="Print a line for every file."),
)


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options about files, limits and output."""
    for option in reversed(_SHARED):
        command = option(command)
    return command


def output_option(text: str) -> Callable[[Any], Any]:
    """-o with its help."""
    return click.option("-o", "--output", metavar="OUT", help=text)


def file_size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """So many bytes, or k, M or G of them, thousands each, with or without a B: as click's callback."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+) ?([kmg]?)b?", value.strip(), re.IGNORECASE)
    size = int(float(found[1]) * _UNITS[found[2].lower()]) if found else 0
    if size < 1:
        raise click.BadParameter(f"{value!r} is no number of bytes such as 900, 2k, 1.5KB or 1M")
    return size


class Overwriting(NamedTuple):
    """What happens to outputs that exist."""

    force: bool
    skip_existing: bool

    @classmethod
    def of(cls, force: bool, skip_existing: bool) -> Overwriting:
        if force and skip_existing:
            raise click.UsageError("--force and --skip-existing exclude each other")
        return cls(force, skip_existing)

    def skips(self, pair: Pair) -> bool:
        """Whether there is nothing to do. Raises Failure if the output must not be written."""
        source, target = pair
        if self.skip_existing and target != PIPE and os.path.isfile(target):
            return True
        require_writable(source, target, force=self.force)
        return False


def described(pair: Pair, encoded: bytes) -> str:
    """One line about an .aec file that was written or read."""
    info = aecodec.inspect(encoded)
    names = f"{shown(pair[0], is_input=True)} -> {shown(pair[1], is_input=False)}"
    picture = f"{info.width}x{info.height} {kind(info)}"
    size = f"{info.file_bytes} bytes ({info.bits_per_pixel:.2f} bits per pixel)"
    return f"{names}: {picture}, {info.model}{promise(info)}, {size}"


def kind(info: aecodec.Info) -> str:
    """What kind of picture a file holds, in words."""
    return MODE_NAMES.get(info.mode, info.mode) + (" of 16 bits" if info.bits == 16 else "")


def promise(info: aecodec.Info) -> str:
    """What a file promises of its samples, behind a comma; nothing for a file that promises nothing."""
    if info.max_error is None:
        return ""
    return f", off by {info.max_error} at most" if info.max_error else ", lossless"
