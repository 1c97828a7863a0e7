"""aec decompress"""

from __future__ import annotations

import click

import aecodec
from aecodec.cli.failures import in_one_sentence
from aecodec.cli.files import plan, read, require_writable, shown, write
from aecodec.cli.options import force_option, max_pixels_option, output_option, quiet_option, report
from aecodec.cli.picture_files import suffix_for, write_picture
from aecodec.container import read_header


@click.command("decompress")
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@output_option(
    "Where to write: a file, whose suffix chooses the format, - for PNG on standard output, or a folder."
    " [default: IN, suffix .png]"
)
@max_pixels_option
@force_option
@quiet_option
def command(inputs: tuple[str, ...], output: str | None, max_pixels: int, force: bool, quiet: bool) -> None:
    """Decompress .aec files to pictures.

    IN is a file, or - for standard input.

    \b
    Example:
      aec decompress digit.aec                    writes digit.png
      aec decompress photo.aec -o photo.webp
      aec decompress - -o - < in.aec > out.png
    """
    for source, target in plan(inputs, output, ".png"):
        with in_one_sentence(shown(source, is_input=True)):
            encoded = read(source)
            read_header(encoded)  # whoever names the wrong file should hear of that first
            require_writable(source, target, force=force)
            suffix = suffix_for(target)
            picture = aecodec.decode(encoded, max_pixels=max_pixels)
            write(target, write_picture(picture, suffix))
        if not quiet:
            report(source, target, encoded)
