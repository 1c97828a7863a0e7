"""aec decompress"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import click

import aecodec
from aecodec.cli.batches import Loudness, Outcome, Tell, in_batches, run
from aecodec.cli.byte_files import read, write
from aecodec.cli.options import Overwriting, described, output_option, shared_options
from aecodec.cli.picture_files import FORMATS, format_for, is_narrowed, write_picture
from aecodec.cli.plan import Pair, plan
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.images.metadata import Metadata
from aecodec.images.regions import Region
from aecodec.images.source import Picture


class Encoded(NamedTuple):
    """The bytes of an .aec file, and what is known of it before decoding."""

    data: bytes
    pixels: int
    metadata: Metadata


@dataclass(frozen=True)
class Decompression:
    """From .aec files to picture files; small pictures are decoded together."""

    picture_format: str | None
    settings: dict[str, Any]  # of aecodec.decode
    max_pixels: int
    overwriting: Overwriting
    with_lines: bool

    def __call__(self, pairs: Sequence[Pair], tell: Tell | None) -> Generator[Outcome, None, None]:
        return in_batches(pairs, self._load, partial(self._code, tell), self._write)

    def _load(self, pair: Pair) -> Encoded | None:
        data = read(pair[0])
        file = ParsedFile.parse(data, self.max_pixels)  # whoever names the wrong file should hear of that first
        if self.overwriting.skips(pair):
            return None
        self._format(pair)
        return Encoded(data, file.size[0] * file.size[1], file.metadata())

    def _code(self, tell: Tell | None, batch: Sequence[Encoded]) -> list[Picture]:
        if len(batch) > 1 and not any(self.settings.values()):
            return aecodec.decode_many([encoded.data for encoded in batch], max_pixels=self.max_pixels)
        return [
            aecodec.decode(encoded.data, max_pixels=self.max_pixels, progress=tell, **self.settings)
            for encoded in batch
        ]

    def _write(self, pair: Pair, encoded: Encoded, picture: Picture) -> Outcome:
        name = self._format(pair)
        written = write_picture(picture, encoded.metadata, name)
        write(pair[1], written)
        line = described(pair, encoded.data) if self.with_lines else ""
        remarks = (f"samples of 16 bits are rounded to 8, as {name} cannot hold them",)
        narrowed = remarks if is_narrowed(picture, name) else ()
        return Outcome(pair, len(encoded.data), len(written), narrowed, line)

    def _format(self, pair: Pair) -> str:
        return self.picture_format or format_for(pair[1])


def parse_region(ctx: click.Context, param: click.Parameter, value: str | None) -> Region | None:
    """Four whole numbers, as click's callback."""
    if value is None:
        return None
    parts = value.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise click.BadParameter(f"{value!r} is no X,Y,W,H: left and upper edge, width and height, in pixels")
    x, y, width, height = map(int, parts)
    return x, y, width, height


@click.command("decompress")
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@output_option(
    "Where to write: a file, whose suffix chooses the format, - for standard output, or a folder."
    " [default: IN, another suffix]"
)
@click.option(
    "--format",
    "picture_format",
    type=click.Choice(list(FORMATS)),
    help="What to write. [default: by the suffix of -o, else png]",
)
@click.option(
    "--region",
    metavar="X,Y,W,H",
    callback=parse_region,
    help="Only this part, in pixels; no more is decoded than it needs.",
)
@click.option(
    "--thumbnail",
    type=click.IntRange(min=1),
    metavar="N",
    help="Reduced to at most N pixels a side; faster than all of it.",
)
@shared_options
def command(
    inputs: tuple[str, ...],
    output: str | None,
    picture_format: str | None,
    region: Region | None,
    thumbnail: int | None,
    recursive: bool,
    jobs: int,
    max_pixels: int,
    force: bool,
    skip_existing: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Decompress .aec files to pictures.

    IN is a file, or - for standard input, or with -r a folder. A file that cannot be decompressed is reported, the
    others are; the exit code is then 1.

    \b
    Example:
      aec decompress digit.aec                    writes digit.png
      aec decompress photo.aec -o photo.webp
      aec decompress *.aec -o pictures/ --format jpg
      aec decompress -r compressed -o pictures
      aec decompress photo.aec -o part.png --region 100,50,640,480
      aec decompress - -o - < in.aec > out.png
    """
    overwriting = Overwriting.of(force, skip_existing)
    if region and thumbnail:
        raise click.UsageError("--region and --thumbnail exclude each other")
    settings = {"region": region, "thumbnail": thumbnail}
    suffix = f".{picture_format or 'png'}"
    pairs = plan(inputs, output, suffix, recursive=recursive, wanted=lambda name: name.lower().endswith(".aec"))
    loudness = Loudness.of(quiet, verbose, len(pairs))
    decompression = Decompression(picture_format, settings, max_pixels, overwriting, loudness.lines)
    run(decompression, pairs, jobs=jobs, loudness=loudness)
