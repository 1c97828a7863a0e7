"""`aec view`: a page that shows .aec files in a browser."""

from __future__ import annotations

import tempfile
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

import aecodec
from aecodec.cli.byte_files import write
from aecodec.cli.conversion_options import force_option
from aecodec.cli.failures import Failure, expected_errors
from aecodec.cli.file_pairs import input_name
from aecodec.cli.measurement import output_path, require_new
from aecodec.cli.picture_files import read_aec

if TYPE_CHECKING:
    from aecodec.evaluation.viewer import Original, ViewedFile


@click.command("view")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@output_path("-o", "--output", text="Write the page, a single HTML file.")
@click.option("--open", "opened", is_flag=True, help="Show the page in the browser; without -o, from a temporary file.")
@click.option(
    "--against",
    "originals",
    multiple=True,
    metavar="PICTURE",
    help="Compare with this picture, with a slider; once for each FILE, in their order.",
)
@force_option
def command(files: tuple[str, ...], output: Path | None, opened: bool, originals: tuple[str, ...], force: bool) -> None:
    """Show .aec files in a browser.

    The page holds the files, a decoder and the models that they need, and works offline. It enlarges without smoothing,
    shows what is known of each file, and decodes further files that are dropped on it.

    \b
    Example:
      aec view photo.aec --open
      aec view photo.aec --against photo.png -o photo.html
    """
    from aecodec.evaluation import viewer

    if output is None and not opened:
        raise click.UsageError("nothing to do: give -o FILE.html, --open, or both")
    if originals and len(originals) != len(files):
        raise click.UsageError(
            f"--against is given {len(originals)} times for {len(files)} files: give it once for each"
        )
    require_new([output], [*files, *originals], force=force)
    pairs = zip(files, originals or [None] * len(files), strict=True)
    page = viewer.page([_viewed(file, original) for file, original in pairs]).encode()
    if output is None:
        with tempfile.NamedTemporaryFile(prefix="aec-", suffix=".html", delete=False) as temporary:
            output = Path(temporary.name)
    write(str(output), page)
    if opened and not webbrowser.open(output.absolute().as_uri()):
        raise Failure(f"no browser was found: open {output} in one")


def _viewed(file: str, original: str | None) -> ViewedFile:
    from aecodec.evaluation.viewer import ViewedFile

    with expected_errors(input_name(file)):
        data = read_aec(file)
        info = aecodec.inspect(data)
    against = None if original is None else _original(original, data, info)
    return ViewedFile(Path(input_name(file)).name, data, against)


def _original(name: str, data: bytes, info: aecodec.Info) -> Original:
    from aecodec.evaluation.differences import difference
    from aecodec.evaluation.viewer import Original
    from aecodec.images import loading
    from aecodec.images.source import eight_bits, joined

    with expected_errors(name):
        source = loading.load(name, wide=info.bits == 16)
    height, width = source.samples.shape[:2]
    if (width, height) != (info.width, info.height):
        raise Failure(f"{name}: the picture is {width}x{height}, and the file decodes to {info.width}x{info.height}")
    picture, psnr = joined(source.samples, source.alpha), None
    with suppress(aecodec.AecError):  # the page says what is wrong with the file
        decoded = aecodec.decode(data, max_pixels=info.width * info.height)
        if (decoded.shape, decoded.dtype) == (picture.shape, picture.dtype):
            psnr = difference(source, decoded, every_sample=info.max_error is not None).psnr
        else:
            click.echo(f"{name}: no PSNR, since it has other channels or another depth than the file", err=True)
    shown = picture if picture.dtype == np.uint8 else eight_bits(picture)
    return Original(Path(name).name, shown, psnr)
