"""aec verify"""

from __future__ import annotations

from typing import Any

import click
import numpy as np

import aecodec
from aecodec.cli.byte_files import read
from aecodec.cli.failures import Failure, in_one_sentence
from aecodec.cli.options import kind, promise
from aecodec.cli.plan import PIPE, shown
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.images.source import MAX_PIXELS, Picture, joined


@click.command("verify")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--against", metavar="ORIGINAL", help="A picture to compare with: prints PSNR and the largest error.")
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=MAX_PIXELS,
    show_default=True,
    help="Refuse pictures that declare more.",
)
@click.option("--quiet", is_flag=True, help="Say nothing but what failed.")
def command(files: tuple[str, ...], against: str | None, max_pixels: int, quiet: bool) -> None:
    """Decode .aec files and check every checksum.

    A line for each file says what it holds. The exit code is 0 if all are whole, and 1 if one is damaged or, with
    --against, if its picture is another one in size or mode, or is off by more than the file promises. Colours of fully
    transparent pixels do not count, but where every sample is promised.

    \b
    Example:
      aec verify photo.aec
      aec verify photo.aec --against photo.png
      aec verify *.aec --quiet && echo all are whole
    """
    if against is not None and len(files) > 1:
        raise click.UsageError("--against compares a single file with its original")
    if against == PIPE and PIPE in files:
        raise click.UsageError("standard input cannot be both the file and the original")
    failed = False
    for name in files:
        where = shown(name, is_input=True)
        try:
            with in_one_sentence(where):
                line = _verified(read(name), max_pixels, against)
        except Failure as failure:
            failure.show()
            failed = True
            continue
        if not quiet:
            click.echo(f"{where}: {line}")
    if failed:
        raise click.exceptions.Exit(1)


def _verified(data: bytes, max_pixels: int, against: str | None) -> str:
    """What is said of a file that is as it should be. Raises AecError, Failure."""
    info = aecodec.inspect(data)
    decoded = aecodec.decode(data, max_pixels=max_pixels)
    ParsedFile.parse(data, max_pixels).metadata()
    line = f"whole, {info.width}x{info.height} {kind(info)}, {info.model}{promise(info)}"
    return line if against is None else f"{line}, {_compared(info, decoded, against, max_pixels)}"


def _compared(info: aecodec.Info, decoded: Picture, against: str, max_pixels: int) -> str:
    from aecodec.cli.picture_files import read_picture

    name = shown(against, is_input=True)
    with in_one_sentence(name):
        source = read_picture(read(against), max_pixels, wide=info.bits == 16)
    original = joined(source.samples, source.alpha)
    if original.shape != decoded.shape or original.dtype != decoded.dtype:
        raise aecodec.AecError(f"its picture is {_size(decoded)}, and {name} is {_size(original)}")
    error = np.abs(original.astype(np.int64) - decoded)
    colours = error
    if source.alpha is not None:
        colours = error[..., :-1]
        if info.max_error is None:
            colours[source.alpha == 0] = 0
    largest = int(error.max())
    if info.max_error is not None and largest > info.max_error:
        raise aecodec.AecError(f"a sample is off by {largest}, more than the {info.max_error} that the file promises")
    if not largest:
        return "every sample equal"
    mean = float((colours.astype(np.float64) ** 2).mean())
    psnr = f"{10 * np.log10(np.iinfo(decoded.dtype).max ** 2 / mean):.2f} dB" if mean else "infinite"
    return f"PSNR {psnr}, largest error {largest}"


def _size(picture: Picture) -> str:
    """Of a picture, in words: two that look alike here are alike."""
    modes: dict[Any, str] = {(): "gray", (2,): "gray with alpha", (3,): "RGB", (4,): "RGBA"}
    wide = " of 16 bits" if picture.dtype == np.uint16 else ""
    return f"{picture.shape[1]}x{picture.shape[0]} {modes[picture.shape[2:]]}{wide}"
