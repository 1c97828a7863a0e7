"""`aec decompress`: decompress .aec files to pictures."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import click

import aecodec
from aecodec.cli.batches import Outcome, convert_in_batches, run
from aecodec.cli.byte_files import write
from aecodec.cli.conversion_options import ConversionOptions, conversion_options, output_option
from aecodec.cli.descriptions import describe_decompression
from aecodec.cli.file_pairs import FilePair, pair_files
from aecodec.cli.option_groups import take
from aecodec.cli.option_values import region as region_value
from aecodec.cli.option_values import whole_number
from aecodec.cli.picture_files import FORMATS, format_for, read_aec, write_picture
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.format.panels import Progress
from aecodec.images.metadata import Metadata
from aecodec.images.regions import Region
from aecodec.images.source import Picture


class Encoded(NamedTuple):
    """The bytes of an .aec file, and what is known before decoding."""

    data: bytes
    pixels: int
    metadata: Metadata


@dataclass(frozen=True)
class DecoderOptions:
    """The format to write, a key of FORMATS (None: by suffix), and the part or the reduced picture to decode."""

    picture_format: str | None
    region: Region | None
    thumbnail: int | None

    def __post_init__(self) -> None:
        if self.region and self.thumbnail:
            raise click.UsageError("--region and --thumbnail cannot be combined")


@dataclass(frozen=True)
class Decompression:
    """The conversion of .aec files to picture files."""

    decoder_options: DecoderOptions
    options: ConversionOptions
    with_lines: bool

    def __call__(self, pairs: Sequence[FilePair], progress: Progress | None) -> Generator[Outcome, None, None]:
        """Decompress files, one outcome for each."""
        return convert_in_batches(pairs, self._load, partial(self._decode, progress), self._write)

    def _load(self, pair: FilePair) -> Encoded | None:
        data = read_aec(pair.source)
        file = ParsedFile.parse(data, self.options.max_pixels)  # a wrong input is reported before an existing output
        if self.options.skips(pair):
            return None
        return Encoded(data, file.size[0] * file.size[1], file.metadata())

    def _decode(self, progress: Progress | None, batch: Sequence[Encoded]) -> list[Picture]:
        max_pixels = self.options.max_pixels
        region, thumbnail = self.decoder_options.region, self.decoder_options.thumbnail
        if len(batch) > 1 and not region and not thumbnail:
            return aecodec.decode_many([encoded.data for encoded in batch], max_pixels=max_pixels)
        return [
            aecodec.decode(encoded.data, max_pixels=max_pixels, region=region, thumbnail=thumbnail, progress=progress)
            for encoded in batch
        ]

    def _write(self, pair: FilePair, encoded: Encoded, picture: Picture) -> Outcome:
        name = self.format(pair)
        written, notes = write_picture(picture, encoded.metadata, name)
        write(pair.target, written)
        line = describe_decompression(pair, encoded.data, picture, len(written)) if self.with_lines else ""
        return Outcome(pair, len(encoded.data), len(written), notes, line)

    def format(self, pair: FilePair) -> str:
        """The format to write: a key of FORMATS. Raises UsageError."""
        return self.decoder_options.picture_format or format_for(pair.target)


@click.command("decompress")
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@output_option(
    "Output: a file, whose suffix selects the format, a folder, or - for standard output. [default: IN with the suffix"
    " of the format]"
)
@click.option(
    "--format",
    "picture_format",
    type=click.Choice(list(FORMATS)),
    help="Format to write. [default: by the suffix of OUT, else png]",
)
@click.option(
    "--region",
    type=region_value,
    metavar="X,Y,W,H",
    help="Decode only this part, in pixels: left, top, width, height.",
)
@click.option(
    "--thumbnail",
    type=whole_number(1),
    metavar="N",
    help="Decode a picture reduced to at most N pixels a side, which is faster.",
)
@conversion_options
def command(inputs: tuple[str, ...], output: str | None, **options: Any) -> None:
    """Decompress .aec files to pictures.

    IN is an .aec file, - for standard input, or with -r a folder. If some files cannot be decompressed, they are
    reported, the others are decompressed nevertheless, and the exit code is 1.

    \b
    Example:
      aec decompress digit.aec                    writes digit.png
      aec decompress photo.aec -o photo.webp
      aec decompress *.aec -o pictures/ --format jpg
      aec decompress -r compressed -o pictures
      aec decompress photo.aec -o part.png --region 100,50,640,480
      aec decompress - -o - < in.aec > out.png
    """
    conversion = take(ConversionOptions, options)
    decoder_options = take(DecoderOptions, options)
    suffix = f".{decoder_options.picture_format or 'png'}"
    pairs = pair_files(inputs, output, suffix, recursive=conversion.recursive, accepts=_is_aec_name)
    verbosity = conversion.verbosity(len(pairs))
    decompression = Decompression(decoder_options, conversion, verbosity.lines)
    for pair in pairs:
        decompression.format(pair)
    run(decompression, pairs, jobs=conversion.jobs, verbosity=verbosity)


def _is_aec_name(name: str) -> bool:
    return name.lower().endswith(".aec")
