"""aec compress"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import click

import aecodec
from aecodec.cli.batches import Loudness, Outcome, Tell, in_batches, run
from aecodec.cli.byte_files import read, write
from aecodec.cli.options import Overwriting, described, file_size, output_option, shared_options
from aecodec.cli.picture_files import is_picture_name, read_picture
from aecodec.cli.plan import Pair, plan
from aecodec.encoding.options import DEFAULT_EFFORT, DEFAULT_QUALITY, MOST_ERROR, RateTarget
from aecodec.images.source import Source
from aecodec.models import registry


@dataclass(frozen=True)
class Loaded:
    """A picture and the size of the file that it came from."""

    source: Source
    file_bytes: int

    @property
    def pixels(self) -> int:
        height, width = self.source.samples.shape[:2]
        return int(height * width)


@dataclass(frozen=True)
class Compression:
    """From picture files to .aec files; small pictures are coded together."""

    settings: dict[str, Any]  # of aecodec.encode_many
    wide: bool  # samples of 16 bits are kept
    max_pixels: int
    overwriting: Overwriting
    with_lines: bool

    def __call__(self, pairs: Sequence[Pair], tell: Tell | None) -> Generator[Outcome, None, None]:
        return in_batches(pairs, self._load, partial(self._code, tell), self._write)

    def _load(self, pair: Pair) -> Loaded | None:
        if self.overwriting.skips(pair):
            return None
        data = read(pair[0])
        return Loaded(read_picture(data, self.max_pixels, wide=self.wide), len(data))

    def _code(self, tell: Tell | None, batch: Sequence[Loaded]) -> list[bytes]:
        # Without their notes: what was converted is said later, with the file's name.
        sources = [replace(loaded.source, notes=()) for loaded in batch]
        return aecodec.encode_many(sources, progress=tell, **self.settings)

    def _write(self, pair: Pair, loaded: Loaded, encoded: bytes) -> Outcome:
        write(pair[1], encoded)
        line = described(pair, encoded) if self.with_lines else ""
        return Outcome(pair, loaded.file_bytes, len(encoded), loaded.source.notes, line)


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
    show_default=str(DEFAULT_QUALITY),
    help="From smallest (1) to most faithful (100).",
)
@click.option(
    "--max-bytes",
    metavar="N",
    callback=file_size,
    help="The best quality whose file has no more: 900, 2k, 1.5KB, 1M.",
)
@click.option("--min-psnr", type=float, metavar="DB", help="The smallest file that decodes to no less PSNR.")
@click.option("--min-ssim", type=float, metavar="S", help="The smallest file that decodes to no less SSIM.")
@click.option("--lossless", is_flag=True, help="Every sample comes back, of 16 bits too.")
@click.option(
    "--max-error",
    type=click.IntRange(0, MOST_ERROR),
    metavar="N",
    help="The smallest file in which no sample is off by more.",
)
@click.option(
    "-e",
    "--effort",
    type=click.IntRange(0, 9),
    default=DEFAULT_EFFORT,
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
@click.option("--strip", is_flag=True, help="Drop colour profile, EXIF, XMP and resolution.")
@click.option(
    "--alpha-quality",
    type=click.IntRange(1, 100),
    default=100,
    show_default=True,
    help="Of the opacity; 100 keeps it exactly.",
)
@click.option("--exact-transparent", is_flag=True, help="Keep the colours of fully transparent pixels, too.")
@shared_options
def command(
    inputs: tuple[str, ...],
    output: str | None,
    recursive: bool,
    jobs: int,
    max_pixels: int,
    force: bool,
    skip_existing: bool,
    quiet: bool,
    verbose: bool,
    **settings: Any,
) -> None:
    """Compress pictures to .aec files.

    IN is a picture file of any format that Pillow reads, or - for standard input, or with -r a folder. A picture that
    cannot be compressed is reported, the others are; the exit code is then 1. Of -q, --max-bytes, --min-psnr,
    --min-ssim, --lossless and --max-error one says what is wanted of each file.

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
    overwriting = Overwriting.of(force, skip_existing)
    try:
        target = RateTarget.parse(settings)
    except aecodec.InvalidValue as error:
        raise click.UsageError(str(error)) from error
    if settings["model"] != "auto":
        try:
            registry.by_name(settings["model"])
        except aecodec.UnknownModel as error:
            raise click.BadParameter(str(error), param_hint="-m") from error
    pairs = plan(inputs, output, ".aec", recursive=recursive, wanted=is_picture_name)
    loudness = Loudness.of(quiet, verbose, len(pairs))
    run(
        Compression(settings, target.bounds_error, max_pixels, overwriting, loudness.lines),
        pairs,
        jobs=jobs,
        loudness=loudness,
    )
