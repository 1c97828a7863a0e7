"""aec compress"""

from __future__ import annotations

import click

import aecodec
from aecodec.cli.failures import in_one_sentence
from aecodec.cli.files import plan, read, require_writable, shown, write
from aecodec.cli.options import force_option, max_pixels_option, output_option, quiet_option, report
from aecodec.cli.picture_files import read_picture


@click.command("compress")
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@output_option("Where to write: a file, a folder, or - for standard output. [default: IN, suffix .aec]")
@click.option(
    "-m",
    "--model",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Which model compresses it, as `aec models` lists them; auto tries.",
)
@click.option(
    "-q",
    "--quality",
    type=click.IntRange(1, 100),
    default=75,
    show_default=True,
    help="From smallest (1) to most faithful (100).",
)
@click.option(
    "-e",
    "--effort",
    type=click.IntRange(0, 9),
    default=3,
    show_default=True,
    help="From fastest (0) to smallest at the same quality (9); decoding is as fast.",
)
@click.option(
    "--packing",
    type=click.Choice(["auto", "zstd", "rans"]),
    default="auto",
    show_default=True,
    help="The entropy coder: zstd decodes faster, rans makes small files smaller.",
)
@max_pixels_option
@force_option
@quiet_option
def command(
    inputs: tuple[str, ...],
    output: str | None,
    model: str,
    quality: int,
    effort: int,
    packing: str,
    max_pixels: int,
    force: bool,
    quiet: bool,
) -> None:
    """Compress pictures to .aec files.

    IN is a picture file of any format that Pillow reads, or - for standard input.

    \b
    Example:
      aec compress digit.png                      writes digit.aec
      aec compress photo.jpg -o small.aec -q 40
      aec compress *.png -o compressed/
    """
    for source, target in plan(inputs, output, ".aec"):
        with in_one_sentence(shown(source, is_input=True)):
            require_writable(source, target, force=force)
            picture = read_picture(read(source), max_pixels)
            try:
                encoded = aecodec.encode(picture, model=model, quality=quality, effort=effort, packing=packing)
            except aecodec.UnknownModel as error:
                raise click.BadParameter(str(error), param_hint="-m") from error
            write(target, encoded)
        if not quiet:
            report(source, target, encoded)
