"""`aec compare`: pictures as several codecs decode them, at equal file sizes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aecodec.cli.byte_files import write
from aecodec.cli.conversion_options import force_option
from aecodec.cli.encoder_options import parse_encoder_options, quality_option
from aecodec.cli.failures import Failure
from aecodec.cli.measurement import (
    DataOptions,
    coding_options,
    data_options,
    measurement_errors,
    no_progress_option,
    output_path,
    print_beside,
    require_new,
    require_png,
    write_png,
)
from aecodec.cli.option_groups import take
from aecodec.cli.option_values import region as region_value
from aecodec.cli.progress import StatusLine
from aecodec.cli.text_table import text_table
from aecodec.images.regions import Box, Region

if TYPE_CHECKING:
    from aecodec.evaluation.comparison import Comparison

MOST_PICTURES = 40  # in one figure


@click.command("compare")
@data_options
@coding_options
@quality_option(50)
@click.option(
    "--region",
    type=region_value,
    metavar="X,Y,W,H",
    help="Show only this part, in pixels. [default: all of small pictures, the middle of large ones]",
)
@output_path("-o", "--output", text="Write the figure, a PNG file.")
@output_path("--html", text="Write a page with a slider, a single file.")
@force_option
@no_progress_option
def command(
    region: Region | None, output: Path | None, html: Path | None, force: bool, quiet: bool, **options: Any
) -> None:
    """Compare with other codecs at equal file sizes.

    DATA are pictures, or anything else that `aec evaluate` takes. JPEG, WebP, AVIF, JPEG 2000 and JPEG XL each get the
    highest quality whose file is no larger than that of aecodec. Bytes, PSNR and SSIM are of whole pictures; small
    pictures are enlarged without smoothing. The page works offline: a slider moves between the original and the
    reconstruction by any codec.

    \b
    Example:
      aec compare photo.png -o compared.png -q 30
      aec compare digit.png letter.png --html compared.html
    """
    from aecodec.evaluation import webpage
    from aecodec.evaluation.comparison import codecs_for, compare, left_out, section
    from aecodec.evaluation.rivals import available
    from aecodec.evaluation.sheets import draw
    from aecodec.evaluation.sweeps import aecodec_codec

    if output is None and html is None:
        raise click.UsageError("nothing to write: give -o FILE.png, --html FILE.html, or both")
    if output is not None:
        require_png(output)
    data = take(DataOptions, options)
    parse_encoder_options(options)
    require_new([output, html], data.data, force=force)
    items = data.load()
    if len(items) > MOST_PICTURES:
        raise Failure(f"{len(items):,} pictures are too many for one figure: take at most {MOST_PICTURES} with --limit")
    rivals, notes = available()
    with measurement_errors(), StatusLine(quiet) as status:
        codec = aecodec_codec(options["model"], options["effort"], tune=options["tune"])
        found = [compare(item, codec, options["quality"], codecs_for(item, rivals), status) for item in items]
        sections = [section(comparison, _box(region)) for comparison in found]
    if output is not None:
        write_png(output, draw(sections))
    if html is not None:
        write(str(html), webpage.page(found).encode())
    for comparison in found:
        print_beside(f"{comparison.title}\n{_table(comparison)}\n", [html])
    for note in [*notes, *left_out(items, rivals)]:
        click.echo(note, err=True)


def _box(region: Region | None) -> Box | None:
    if region is None:
        return None
    x, y, width, height = region
    return Box(y, y + height, x, x + width)


def _table(comparison: Comparison) -> str:
    rows = [("codec", "quality", "bytes", "PSNR dB", "SSIM")]
    for result in comparison.results:
        larger = "" if result.reconstruction.fits else " (its smallest file)"
        rows.append((result.name + larger, f"{result.reconstruction.quality}", *result.figures()))
    return text_table(rows, right=(1, 2, 3, 4))
