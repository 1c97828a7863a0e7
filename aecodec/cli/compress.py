"""`aec compress`: compress pictures to .aec files."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import click

import aecodec
from aecodec.cli.batches import Outcome, convert_in_batches, run
from aecodec.cli.byte_files import read, write
from aecodec.cli.conversion_options import ConversionOptions, conversion_options, output_option
from aecodec.cli.descriptions import describe_compression
from aecodec.cli.encoder_options import encoder_options, parse_encoder_options
from aecodec.cli.file_pairs import FilePair, pair_files
from aecodec.cli.option_groups import take
from aecodec.cli.picture_files import read_picture, refuse_aec
from aecodec.format.panels import Progress
from aecodec.images.files import is_picture_name
from aecodec.images.source import Source


@dataclass(frozen=True)
class Loaded:
    """A picture and the size of its file."""

    source: Source
    file_bytes: int

    @property
    def pixels(self) -> int:
        """The number of pixels of the picture."""
        height, width = self.source.samples.shape[:2]
        return int(height * width)


@dataclass(frozen=True)
class Compression:
    """The conversion of picture files to .aec files.

    encoder_options: keyword arguments of `aecodec.encode_many`. wide: whether samples of 16 bits are kept.
    """

    encoder_options: Mapping[str, Any]
    wide: bool
    options: ConversionOptions
    with_lines: bool

    def __call__(self, pairs: Sequence[FilePair], progress: Progress | None) -> Generator[Outcome, None, None]:
        """Compress files, one outcome for each."""
        return convert_in_batches(pairs, self._load, partial(self._encode, progress), self._write)

    def _load(self, pair: FilePair) -> Loaded | None:
        if pair.source.lower().endswith(".aec"):
            refuse_aec(read(pair.source))  # before anything is said about an output, which may be the same file
        if self.options.skips(pair):
            return None
        data = read(pair.source)
        return Loaded(read_picture(data, self.options.max_pixels, wide=self.wide), len(data))

    def _encode(self, progress: Progress | None, batch: Sequence[Loaded]) -> list[bytes]:
        # Without their notes, which would become warnings: they are reported with the outcome.
        sources = [replace(loaded.source, notes=()) for loaded in batch]
        return aecodec.encode_many(sources, progress=progress, **self.encoder_options)

    def _write(self, pair: FilePair, loaded: Loaded, encoded: bytes) -> Outcome:
        write(pair.target, encoded)
        line = describe_compression(pair, loaded.file_bytes, encoded) if self.with_lines else ""
        return Outcome(pair, loaded.file_bytes, len(encoded), loaded.source.notes, line)


@click.command("compress")
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@output_option("Output: a file, a folder, or - for standard output. [default: IN with suffix .aec]")
@encoder_options()
@conversion_options
def command(inputs: tuple[str, ...], output: str | None, **options: Any) -> None:
    """Compress pictures to .aec files.

    IN is a picture in any format that Pillow reads, - for standard input, or with -r a folder. If some pictures cannot
    be compressed, they are reported, the others are still compressed, and the exit code is 1.

    Choose one rate target: -q, --max-bytes, --min-psnr, --min-ssim, --lossless or --max-error.

    \b
    Example:
      aec compress digit.png                      writes digit.aec
      aec compress photo.jpg -o small.aec -q 40
      aec compress photo.jpg --max-bytes 20k
      aec compress photo.jpg --min-psnr 38
      aec compress screenshot.png --lossless
      aec compress *.png -o compressed/
      aec compress -r photos -o compressed --skip-existing
      aec compress - -o - < in.png > out.aec
    """
    conversion = take(ConversionOptions, options)
    target = parse_encoder_options(options).target
    pairs = pair_files(inputs, output, ".aec", recursive=conversion.recursive, accepts=is_picture_name)
    if output is not None and pairs[0].target == output and is_picture_name(output):
        raise click.UsageError(f"{output}: compressed files are .aec files; use -o {os.path.splitext(output)[0]}.aec")
    verbosity = conversion.verbosity(len(pairs))
    compression = Compression(options, target.bounds_error, conversion, verbosity.lines)
    run(compression, pairs, jobs=conversion.jobs, verbosity=verbosity)
