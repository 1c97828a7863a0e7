"""Options that commands which convert pictures share: inputs, outputs, limits, messages."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

import click

from aecodec.cli.batches import Verbosity, available_cores
from aecodec.cli.byte_files import require_writable
from aecodec.cli.file_pairs import PIPE, FilePair
from aecodec.cli.option_groups import Decorator, all_of
from aecodec.cli.option_values import tile_size, whole_number
from aecodec.images.source import MAX_PIXELS

max_pixels_option: Final = click.option(
    "--max-pixels",
    type=whole_number(1),
    default=MAX_PIXELS,
    show_default=True,
    metavar="N",
    help="Refuse pictures of more than N pixels.",
)
force_option: Final = click.option("--force", is_flag=True, help="Overwrite existing files.")
sample_options: Final = all_of(  # what `aec pack` and `aec shard` make pictures and labels of
    click.option("--tile", type=tile_size, metavar="N|WxH", help="Treat pictures as sheets of tiles of this size."),
    click.option("--labels", metavar="FILE", help="Labels of one idx file, npz file or sheet: an idx file."),
)
quiet_option: Final = click.option("--quiet", is_flag=True, help="Report failures only.")


def jobs_option(text: str) -> Decorator:
    """``--jobs``, as many as there are cores by default; ``text``: what they are."""
    return click.option(
        "-j",
        "--jobs",
        type=whole_number(1),
        default=available_cores,
        metavar="N",
        help=f"{text}  [default: number of cores]",
    )


conversion_options: Final = all_of(
    click.option("-r", "--recursive", is_flag=True, help="Process folders, and keep their structure in OUT."),
    jobs_option("Number of processes."),
    max_pixels_option,
    force_option,
    click.option("--skip-existing", is_flag=True, help="Skip inputs whose output exists, to resume a run."),
    quiet_option,
    click.option(
        "-v", "--verbose", is_flag=True, help="Print a line for every file, and the warnings of libraries in full."
    ),
)


def output_option(text: str) -> Decorator:
    """Declare -o with a help text."""
    return click.option("-o", "--output", metavar="OUT", help=text)


@dataclass(frozen=True)
class ConversionOptions:
    """The values of these options. Raises click.UsageError for those that cannot be combined."""

    recursive: bool
    jobs: int
    max_pixels: int
    force: bool
    skip_existing: bool
    quiet: bool
    verbose: bool

    def __post_init__(self) -> None:
        if self.force and self.skip_existing:
            raise click.UsageError("--force and --skip-existing cannot be combined")
        if self.quiet and self.verbose:
            raise click.UsageError("--quiet and --verbose cannot be combined")

    def verbosity(self, files: int) -> Verbosity:
        """What to print about so many files."""
        return Verbosity.choose(self.quiet, self.verbose, files)

    def skips(self, pair: FilePair) -> bool:
        """Whether the output exists and is to be kept. Raises Failure if it must not be written."""
        if self.skip_existing and pair.target != PIPE and os.path.isfile(pair.target):
            return True
        require_writable(pair.source, pair.target, force=self.force)
        return False
