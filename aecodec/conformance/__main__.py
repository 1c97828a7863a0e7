"""`python -m aecodec.conformance`: run a decoder on the suite, generate random valid files, decode to raw samples."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from aecodec import native
from aecodec.cli.progress import StatusLine
from aecodec.cli.text_table import text_table
from aecodec.conformance import generator, runner, suite
from aecodec.engines import DEFAULT_ENGINE
from aecodec.errors import AecError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Test any decoder of .aec files."""


@main.command()
@click.option("--decoder", metavar="COMMAND", help="With {input} and {output}: the file, and where the samples go.")
@click.option("--self", "own", is_flag=True, help="Test this package, in this process.")
@click.option("--engine", "engines", multiple=True, help="With --self: an engine; by default native and NumPy.")
@click.option("--suite", "folder", type=click.Path(path_type=Path), help="By default that of the checkout.")
@click.option("--only", default="*", metavar="PATTERN", help="Files to test, for example 'files/plain-*'.")
@click.option("--no-data-sets", is_flag=True, help="Leave out .aecs files, which a decoder need not read.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count(), help="Files at once (as many as cores).")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="For each file.",
)
def run(decoder: str | None, own: bool, folder: Path | None, only: str, **options: Any) -> None:
    """Decode every file of a suite, and list those that a decoder gets wrong.

    The decoder writes raw samples: row by row, the channels of a pixel together, 16 bits little-endian; of a data set
    those of all pictures, one after the other. It exits with 0, or with anything else, but not by a signal, for a file
    that it refuses. AECODEC_MODELS names a folder with the models of the file that are not bundled.

    The exit code is 0 if nothing is wrong, else 1.

    \b
    Example:
      python -m aecodec.conformance run --decoder 'python -m aecodec.conformance decode {input} {output}'
      python -m aecodec.conformance run --self
    """
    if own == (decoder is not None):
        raise click.UsageError("choose one of --decoder and --self")
    if options["engines"] and not own:
        raise click.UsageError("--engine goes with --self")
    folder = folder or suite.default_folder()
    if not (folder / suite.MANIFEST).is_file():
        raise click.UsageError(f"there is no suite in {folder}: give the conformance/ folder of a checkout as --suite")
    try:
        files = suite.Suite.read(folder)
        rows = runner.chosen(files, only, not options["no_data_sets"])
        if not rows:
            raise click.UsageError(f"no file of the suite matches {only}")
        with StatusLine() as progress:
            if decoder is None:
                failures = runner.run_own(files, rows, options["engines"] or own_engines(), progress)
            else:
                command = runner.Command.parse(decoder, options["timeout"])
                failures = runner.run_command(files, rows, command, options["jobs"], progress)
    except (OSError, ValueError, AecError, ImportError) as error:
        raise click.ClickException(str(error)) from None
    if failures:
        click.echo(text_table([("file", "what is wrong"), *((failure.file, failure.what) for failure in failures)]))
    wrong = len({failure.file for failure in failures})
    click.echo(f"{len(rows) - wrong:,} of {len(rows):,} files as they should be")
    sys.exit(1 if failures else 0)


def own_engines() -> tuple[str, ...]:
    """The engines that are here and quick to start."""
    return ("numpy",) if native.library() is None else ("native", "numpy")


@main.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A folder, which must be new.")
@click.option("--seed", type=click.IntRange(0), default=0, help="The same seed gives the same files.")
@click.option("--count", type=click.IntRange(1), default=100, help="How many files (100).")
@click.option("--models", type=click.IntRange(1), default=12, help="How many models are drawn for them (12).")
def generate(output: Path, seed: int, count: int, models: int) -> None:
    """Write random valid files, coded with tiny random models, as a suite that `run --suite` takes.

    \b
    Example:
      python -m aecodec.conformance generate -o more --seed 7 --count 500
      python -m aecodec.conformance run --suite more --decoder 'my-decoder {input} {output}'
    """
    if output.exists() and any(output.iterdir()):
        raise click.UsageError(f"{output} is not empty")
    with StatusLine() as progress:
        made = generator.generate(output, seed, count, models, progress)
    click.echo(f"{output}: {len(made.rows):,} files, {len(made.models):,} models")


@main.command()
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUTPUT", type=click.Path(path_type=Path))
@click.option("--engine", default=DEFAULT_ENGINE, help="The engine: native, numpy, tensorflow or auto.")
def decode(source: Path, target: Path, engine: str) -> None:
    """Write the raw samples of a file, as `run` expects them of a decoder."""
    try:
        samples = runner.decoded_samples(source.read_bytes(), engine)
    except (AecError, ImportError, OSError) as error:
        raise click.ClickException(f"{source}: {error}") from None
    target.write_bytes(samples)


if __name__ == "__main__":
    main()
