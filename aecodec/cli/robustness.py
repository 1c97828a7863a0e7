"""`aec robustness`: the effect of noise and filters on a codec."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aecodec.cli.byte_files import write
from aecodec.cli.conversion_options import force_option
from aecodec.cli.encoder_options import effort_option, quality_option
from aecodec.cli.measurement import (
    limit_option,
    load_alike,
    measurement_errors,
    no_progress_option,
    output_path,
    require_new,
    require_png,
    write_png,
)
from aecodec.cli.option_groups import take
from aecodec.cli.option_values import whole_number
from aecodec.cli.progress import on_terminal
from aecodec.cli.text_table import text_table
from aecodec.errors import InvalidValue

if TYPE_CHECKING:
    from aecodec.studies.robustness import Result

SHEET = ("none", "poisson:10", "white:0.2", "salt-pepper:0.1", "speckle:0.4", "gaussian:0.2", "median:3", "mean:3")


@dataclass(frozen=True)
class ReportOptions:
    """How to print the results."""

    as_json: bool
    as_markdown: bool
    quiet: bool

    def print_progress(self, result: Result) -> None:
        """Print a line about one result on standard error, if that is a terminal."""
        if on_terminal() and not self.quiet:
            click.echo(f"{result.distortion} {result.model}: {result.file_bytes:.1f} bytes", err=True)

    def print_table(self, results: Sequence[Result]) -> None:
        """Print all results."""
        from aecodec.studies import robustness

        if self.as_json:
            click.echo(json.dumps([result.as_dict() for result in results], indent=2))
        elif self.as_markdown:
            click.echo(robustness.markdown(results))
        else:
            click.echo(text_table(robustness.rows(results), right=range(2, len(robustness.COLUMNS))))


@click.command("robustness")
@click.argument("data")
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    required=True,
    metavar="NAME",
    help="Model to measure, as listed by `aec models`; may be repeated.",
)
@click.option(
    "-d",
    "--distortion",
    "distortions",
    multiple=True,
    metavar="KIND:NUMBER",
    help="Distortion to apply; may be repeated. [default: all of the study]",
)
@quality_option(75)
@effort_option
@limit_option("-n", default=1000)
@click.option("--seed", type=whole_number(0), default=0, show_default=True, metavar="N", help="Seed of the noise.")
@output_path("--plot", text="Write a plot, a PNG file.")
@output_path("--sheet", text="Write a contact sheet, a PNG file.")
@force_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print a Markdown table.")
@no_progress_option
def command(
    data: str,
    models: tuple[str, ...],
    distortions: tuple[str, ...],
    plot: Path | None,
    sheet: Path | None,
    force: bool,
    **options: Any,
) -> None:
    """Measure the effect of noise and filters on a codec.

    DATA is an idx file (gzipped or not), an npz file, a tile sheet or a folder of pictures, all of the model's size.
    Kinds of distortion are poisson, white, salt-pepper, speckle, gaussian, median, mean and none. The table lists
    the bytes for each distortion, and the similarity of distorted to clean, decoded to distorted, and decoded to clean
    pictures.

    \b
    Example:
      aec robustness t10k-images-idx3-ubyte.gz -m mnist -m noisy --plot robustness.png
    """
    from aecodec.images.distortions import STUDY, parse
    from aecodec.studies import robustness

    report = take(ReportOptions, options)
    limit = options.pop("limit")
    coding = robustness.Coding(**options)
    specs = distortions or tuple(STUDY)
    for spec in specs:
        try:
            parse(spec)
        except InvalidValue as error:
            raise click.BadParameter(str(error), param_hint="--distortion") from None
    if plot and set(specs) == {"none"}:
        raise click.UsageError("--plot needs a distortion other than none")
    for figure in (plot, sheet):
        if figure:
            require_png(figure)
    require_new([plot, sheet], [data], force=force)
    with measurement_errors():
        if plot or sheet:
            from aecodec.studies import robustness_figures as figures
    pictures = load_alike(data, models[0], limit)
    results = robustness.measure(pictures, models, specs, coding, report.print_progress)
    report.print_table(results)
    if plot:
        title = f"{len(pictures):,} pictures at quality {coding.quality}, effort {coding.effort}"
        write(str(plot), figures.plot(results, title))
    if sheet:
        few = pictures[:: max(1, len(pictures) // 3)][:3]
        write_png(sheet, figures.sheet(few, models, distortions or SHEET, coding))
