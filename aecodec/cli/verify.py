"""`aec verify`: check .aec files."""

from __future__ import annotations

from typing import Any

import click
import numpy as np

import aecodec
from aecodec.cli.byte_files import read
from aecodec.cli.conversion_options import max_pixels_option, quiet_option
from aecodec.cli.descriptions import describe_error_bound, describe_mode
from aecodec.cli.failures import Failure, expected_errors
from aecodec.cli.file_pairs import PIPE, input_name
from aecodec.cli.library_messages import reported
from aecodec.cli.picture_files import is_data_set, read_aec, read_picture
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.images.source import Picture, joined


@click.command("verify")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--against", metavar="ORIGINAL", help="Compare with this picture: print PSNR and largest error.")
@max_pixels_option
@quiet_option
def command(files: tuple[str, ...], against: str | None, max_pixels: int, quiet: bool) -> None:
    """Decode .aec files and data sets, and check every checksum.

    Prints a line for each file; for a damaged data set, one for each part of it that is lost. The exit code is 0 if all
    files are intact. It is 1 if a file is damaged or, with --against, if its picture differs from ORIGINAL in size or
    mode, or by more than the error that the file promises. Without such a promise, colours of fully transparent pixels
    are ignored.

    \b
    Example:
      aec verify photo.aec
      aec verify photo.aec --against photo.png
      aec verify *.aec --quiet && echo all intact
      aec verify digits.aecs
    """
    if against is not None and len(files) > 1:
        raise click.UsageError("--against compares a single file with its original")
    if against == PIPE and PIPE in files:
        raise click.UsageError("standard input cannot be both the file and the original")
    failed = False
    for name in files:
        where = input_name(name)
        try:
            with expected_errors(where):
                if name != PIPE and is_data_set(name):
                    line = _verify_data_set(name, max_pixels, against, quiet)
                else:
                    line = _verify(read_aec(name), max_pixels, against)
        except Failure as failure:
            failure.show()
            failed = True
            continue
        if not quiet:
            click.echo(f"{where}: {line}")
    if failed:
        raise click.exceptions.Exit(1)


def _verify_data_set(name: str, max_pixels: int, against: str | None, quiet: bool) -> str:
    """Describe a data set that is whole. Raises Failure."""
    from aecodec.cli.data_sets import verified

    if against is not None:
        raise click.UsageError("--against compares a single picture with its original, not a data set")
    return verified(name, max_pixels, quiet)


def _verify(data: bytes, max_pixels: int, against: str | None) -> str:
    """Describe a file that is whole. Raises AecError and Failure."""
    info = aecodec.inspect(data)
    decoded = aecodec.decode(data, max_pixels=max_pixels)
    ParsedFile.parse(data, max_pixels).metadata()
    line = f"intact, {info.width}x{info.height} {describe_mode(info)}, {info.model}{describe_error_bound(info)}"
    return line if against is None else f"{line}, {_compare(info, decoded, against, max_pixels)}"


def _compare(info: aecodec.Info, decoded: Picture, against: str, max_pixels: int) -> str:
    from aecodec.evaluation.differences import difference

    name = input_name(against)
    with reported(name), expected_errors(name):
        source = read_picture(read(against), max_pixels, wide=info.bits == 16 or info.max_error is not None)
    original = joined(source.samples, source.alpha)
    if original.shape != decoded.shape or original.dtype != decoded.dtype:
        raise aecodec.AecError(f"the picture is {_describe(decoded)}, but {name} is {_describe(original)}")
    found = difference(source, decoded, every_sample=info.max_error is not None)
    if info.max_error is not None and found.largest > info.max_error:
        raise aecodec.AecError(f"the largest error is {found.largest}, and the file promises at most {info.max_error}")
    return f"PSNR {found.psnr}, largest error {found.largest}" if found.largest else "identical"


def _describe(picture: Picture) -> str:
    """Return the size, mode and depth of a picture in words."""
    modes: dict[Any, str] = {(): "gray", (2,): "gray with alpha", (3,): "RGB", (4,): "RGBA"}
    wide = "16-bit " if picture.dtype == np.uint16 else ""
    return f"{picture.shape[1]}x{picture.shape[0]} {wide}{modes[picture.shape[2:]]}"
