"""`aec placeholder`: a few bytes that stand for a picture until it is there, and back."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any, Final

import click
from click.core import ParameterSource

from aecodec.cli.byte_files import read, require_writable, write
from aecodec.cli.conversion_options import force_option, max_pixels_option
from aecodec.cli.failures import expected_errors
from aecodec.cli.file_pairs import input_name
from aecodec.cli.option_groups import take
from aecodec.cli.option_values import whole_number
from aecodec.cli.picture_files import format_for, read_picture, write_picture
from aecodec.format import container
from aecodec.images.metadata import Metadata

_TEXT: Final = re.compile(r"[0-9a-zA-Z+/_-]+=*")
_HEXADECIMAL: Final = re.compile(r"(?:[0-9a-fA-F]{2})+")


@dataclass(frozen=True)
class Decoding:
    """Where the picture of a placeholder is written, and its sides in pixels."""

    output: str | None
    width: int | None
    height: int | None
    force: bool

    def write(self, file: str) -> None:
        """Decode `file`: its name, - or the text of a placeholder. Raises Failure, UsageError, OSError."""
        from aecodec import decode_placeholder

        if self.output is None:
            raise click.UsageError("--decode needs -o OUT")
        picture_format = format_for(self.output)
        data, name = _placeholder(file)
        with expected_errors(name):
            picture = decode_placeholder(data, width=self.width, height=self.height)
            require_writable(file, self.output, force=self.force)
            encoded, _ = write_picture(picture, Metadata(), picture_format)
            write(self.output, encoded)


@click.command("placeholder")
@click.argument("file", metavar="FILE")
@click.option(
    "-n", "--max-bytes", type=whole_number(8, 64), default=24, show_default=True, metavar="N", help="8 to 64."
)
@click.option("--hex", "as_hex", is_flag=True, help="Print hexadecimal digits instead of base64.")
@click.option("-d", "--decode", "as_picture", is_flag=True, help="FILE is a placeholder: write its picture.")
@click.option("-o", "--output", metavar="OUT", help="With --decode: the picture file; - for a PNG to a pipe.")
@click.option(
    "--width",
    type=whole_number(1, 1024),
    metavar="W",
    help="With --decode: pixels.  [default: by the aspect ratio; 32 on the long side]",
)
@click.option("--height", type=whole_number(1, 1024), metavar="H", help="With --decode: pixels.")
@max_pixels_option
@force_option
def command(file: str, max_bytes: int, as_hex: bool, as_picture: bool, max_pixels: int, **options: Any) -> None:
    """Print the placeholder of a picture: some 24 bytes to show until the picture is there.

    FILE is a picture or an .aec file, or - for standard input. With --decode it is base64 or hexadecimal text, or a
    file that holds such text or the bytes themselves.

    \b
    Example:
      aec placeholder photo.jpg
      aec placeholder photo.jpg -n 32 --hex
      aec placeholder --decode placeholder.txt -o blurred.png --width 300
    """
    decoding = take(Decoding, options)
    source = click.get_current_context().get_parameter_source
    if as_picture:
        if not file:
            raise click.UsageError("FILE is empty")
        if as_hex or source("max_bytes") is not ParameterSource.DEFAULT:
            raise click.UsageError("-n and --hex are for making a placeholder, not for --decode")
        decoding.write(file)
        return
    if (decoding.output, decoding.width, decoding.height, decoding.force) != (None, None, None, False):
        raise click.UsageError("-o, --width, --height and --force need --decode: a placeholder is printed")
    with expected_errors(input_name(file)):
        data = _encode(read(file), max_bytes, max_pixels)
    click.echo(data.hex() if as_hex else base64.b64encode(data).decode())


def _encode(data: bytes, max_bytes: int, max_pixels: int) -> bytes:
    from aecodec import decode_image, placeholder

    if container.is_picture(data):
        return placeholder(decode_image(data, max_pixels=max_pixels), max_bytes)
    return placeholder(read_picture(data, max_pixels), max_bytes)


def _placeholder(file: str) -> tuple[bytes, str]:
    """The bytes that FILE is or holds, and how messages name it. Raises OSError."""
    try:
        return _parsed(read(file)), input_name(file)
    except FileNotFoundError:
        if not _TEXT.fullmatch(file):
            raise
        return _parsed(file.encode()), "the placeholder"


def _parsed(data: bytes) -> bytes:
    """The bytes of a placeholder given as hexadecimal or base64 text, or as they are."""
    try:
        text = data.decode("ascii").strip()
        if _HEXADECIMAL.fullmatch(text):
            return bytes.fromhex(text)
        text = text.rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (UnicodeDecodeError, binascii.Error):
        return data
