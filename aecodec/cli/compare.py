"""aec compare"""

from __future__ import annotations

from pathlib import Path

import click

from aecodec.cli.byte_files import write
from aecodec.cli.columns import aligned
from aecodec.cli.decompress import parse_region
from aecodec.cli.failures import Failure
from aecodec.cli.measurement import (
    Status,
    coding_options,
    data_options,
    load,
    measuring,
    output_path,
    quiet_option,
    require_new,
    require_png,
    write_png,
)
from aecodec.images.regions import Region

MOST_PICTURES = 40  # on one sheet


@click.command("compare")
@data_options
@coding_options
@click.option("-q", "--quality", type=click.IntRange(1, 100), default=50, show_default=True, help="Of aecodec.")
@click.option(
    "--region",
    metavar="X,Y,W,H",
    callback=parse_region,
    help="What is shown of the pictures. [default: all of small ones, the middle of large ones]",
)
@output_path("-o", "--output", text="The figure, a PNG file.")
@output_path("--html", text="A page with a slider, in one file.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@quiet_option
def command(
    data: tuple[str, ...],
    tile: tuple[int, int] | None,
    limit: int | None,
    model: str,
    effort: int,
    quality: int,
    region: Region | None,
    output: Path | None,
    html: Path | None,
    force: bool,
    quiet: bool,
) -> None:
    """Show pictures beside JPEG, WebP, AVIF, JPEG 2000 and JPEG XL at equal bytes.

    DATA are pictures, or what else `aec evaluate` takes. Each codec has the highest quality whose file is not larger
    than that of aecodec. Bytes, PSNR and SSIM are those of the whole picture; small pictures are enlarged without
    smoothing. The page needs no network: a slider moves between the original and what any codec made of it.

    \b
    Example:
      aec compare photo.png -o compared.png -q 30
      aec compare digit.png letter.png --html compared.html
    """
    from aecodec.evaluation import webpage
    from aecodec.evaluation.comparison import compare, section
    from aecodec.evaluation.rivals import available
    from aecodec.evaluation.sheets import draw
    from aecodec.evaluation.sweeps import ours
    from aecodec.images.regions import Box

    if output is None and html is None:
        raise click.UsageError("name a file to write: -o FILE.png, --html FILE.html, or both")
    if output is not None:
        require_png(output)
    require_new([output, html], force)
    items = load(data, tile, limit)
    if len(items) > MOST_PICTURES:
        raise Failure(f"{len(items):,} pictures are too many to look at: take at most {MOST_PICTURES} with --limit")
    rivals, notes = available()
    box = None if region is None else Box(region[1], region[1] + region[3], region[0], region[0] + region[2])
    with measuring(), Status(quiet) as status:
        codec = ours(model, effort)
        found = [compare(item, codec, quality, rivals, status) for item in items]
        sections = [section(one, box) for one in found]
    if output is not None:
        write_png(output, draw(sections))
    if html is not None:
        write(str(html), webpage.page(found).encode())
    for one in found:
        rows = [("codec", "quality", "bytes", "PSNR dB", "SSIM")]
        for shown in one.shown:
            larger = "" if shown.fitted.fits else " (its smallest file)"
            rows.append((shown.name + larger, f"{shown.fitted.quality}", *shown.figures()))
        click.echo(f"{one.title}\n{aligned(rows, right=(1, 2, 3, 4))}\n")
    for note in notes:
        click.echo(note, err=True)
