"""What compress and decompress share: their options, and the line that they print when they are done."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

import click

import aecodec
from aecodec.cli.files import PIPE, shown
from aecodec.pictures import MAX_PIXELS

MODE_NAMES: Final = {"L": "gray", "RGB": "RGB"}

force_option = click.option("--force", is_flag=True, help="Overwrite existing files.")
quiet_option = click.option("--quiet", is_flag=True, help="Say nothing on success.")
max_pixels_option = click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=MAX_PIXELS,
    show_default=True,
    help="Refuse pictures that declare more.",
)


def output_option(text: str) -> Callable[[Any], Any]:
    """-o with its help."""
    return click.option("-o", "--output", metavar="OUT", help=text)


def report(source: str, target: str, encoded: bytes) -> None:
    """One line about an .aec file that was written or read, if a person sees standard error."""
    if not sys.stderr.isatty():
        return
    info = aecodec.inspect(encoded)
    names = source if source != PIPE else shown(PIPE, is_input=True)
    names += " -> " + shown(target, is_input=False)
    picture = f"{info.width}x{info.height} {MODE_NAMES.get(info.mode, info.mode)}"
    size = f"{info.file_bytes} bytes ({info.bits_per_pixel:.2f} bits per pixel)"
    click.echo(f"{names}: {picture}, {info.model}, {size}", err=True)
