"""aec reconstruct"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

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


@click.command("reconstruct")
@data_options
@coding_options
@click.option("-q", "--quality", type=click.IntRange(1, 100), default=50, show_default=True)
@click.option("-n", "--count", type=click.IntRange(1, 40), default=10, show_default=True, help="Pictures in a row.")
@click.option(
    "--side",
    type=click.IntRange(8, 512),
    default=128,
    show_default=True,
    help="In pixels: larger pictures are reduced to it before coding, smaller ones are shown enlarged.",
)
@output_path("-o", "--output", text="The figure, a PNG file.", required=True)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@quiet_option
def command(
    data: tuple[str, ...],
    tile: tuple[int, int] | None,
    limit: int | None,
    model: str,
    effort: int,
    quality: int,
    count: int,
    side: int,
    output: Path,
    force: bool,
    quiet: bool,
) -> None:
    """Draw originals, their latents level by level, and what their files decode to.

    DATA are pictures, or what else `aec evaluate` takes; those shown lie at even distances in it. Latents are read from
    the files: brown numbers are below zero, blue ones above.

    \b
    Example:
      aec reconstruct t10k-images-idx3-ubyte.gz -n 10 -o digits.png
      aec reconstruct photos -n 5 -q 30 -o photos.png
    """
    from aecodec.evaluation import latent_figure
    from aecodec.evaluation.sheets import draw
    from aecodec.sources.items import spread

    require_png(output)
    require_new([output], force)
    items = spread(load(data, tile, limit), count)
    items = [replace(item, picture=latent_figure.within(item.picture, side)) for item in items]
    with measuring(), Status(quiet) as status:
        status("coding", 0, len(items))
        groups = latent_figure.code(items, {"model": model, "effort": effort, "quality": quality})
        sheet = draw([latent_figure.section(group, side) for group in groups])
    write_png(output, sheet)
