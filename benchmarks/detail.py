"""A detail of one picture as several codecs decode it, at equal file sizes: the figure of the README."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from aecodec.cli.encoder_options import tunes_option
from aecodec.cli.option_values import number_list
from aecodec.cli.option_values import region as region_value
from aecodec.evaluation.comparison import Comparison, codecs_for, compare
from aecodec.evaluation.pages import environment
from aecodec.evaluation.rivals import available
from aecodec.evaluation.sheets import Cell, Row, Section, draw
from aecodec.evaluation.sweeps import aecodec_codec
from aecodec.images.regions import Box
from aecodec.sources import items
from benchmarks.reporting import model_option, require_folders, rivals_option

SCALE = 3  # the factor of enlargement, without smoothing, if none is given


def section(found: Comparison, area: Box, scale: int) -> Section:
    """One row: the detail of the original and of each reconstruction, enlarged by a whole factor.

    Bytes and PSNR below them are those of the whole picture.
    """
    cells = [Cell(found.item.picture[area.slices], f"{found.item.picture.size:,} bytes raw")]
    for result in found.results:
        detail = result.reconstruction.picture[area.slices]
        cells.append(Cell(detail, "\n".join(result.lines()[:2]), not result.reconstruction.fits))
    return Section("", [Row(cells)], scale, ["original", *(result.name for result in found.results)])


@click.command("detail")
@click.argument("picture", type=click.Path(exists=True, dir_okay=False))
@model_option("auto")
@click.option("-q", "--quality", default=50, show_default=True, help="Of aecodec; it sets the file size.")
@click.option("--region", type=region_value, required=True, metavar="X,Y,W,H", help="The detail, in pixels.")
@click.option(
    "--scales",
    type=number_list(1, 16),
    default=str(SCALE),
    show_default=True,
    metavar="N,...",
    help="Factors of enlargement, one row for each: 1 shows the pixels as they are.",
)
@tunes_option
@rivals_option("avif,webp,jpeg")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default="docs/detail.png", show_default=True
)
def command(picture: str, output: Path, rivals: tuple[str, ...], **options: Any) -> None:
    """Draw a detail of PICTURE as aecodec and other codecs decode it.

    The other codecs, and aecodec with the other --tune, each have the highest quality whose file is no larger than that
    of aecodec with the first --tune.
    """
    require_folders(output)
    others, notes = available(rivals)
    item = items.load([picture])[0]
    codec, *codecs = [aecodec_codec(options["model"], tune=tune) for tune in options["tunes"]]
    found = compare(item, codec, options["quality"], codecs + codecs_for(item, others))
    x, y, width, height = options["region"]
    area = Box(y, y + height, x, x + width)
    draw([section(found, area, scale) for scale in options["scales"]]).save(output, optimize=True)
    for result in found.results:
        click.echo(f"{result.name}, quality {result.reconstruction.quality}: {', '.join(result.lines())}")
    for line in (*notes, f"{environment(others, [options['model']])}."):
        click.echo(line)
