"""`aec reconstruct`: draw originals, latents and reconstructions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from aecodec.cli.conversion_options import force_option
from aecodec.cli.encoder_options import parse_encoder_options, quality_option
from aecodec.cli.measurement import (
    DataOptions,
    coding_options,
    data_options,
    measurement_errors,
    no_progress_option,
    output_path,
    require_new,
    require_png,
    write_png,
)
from aecodec.cli.option_groups import take
from aecodec.cli.option_values import whole_number
from aecodec.cli.progress import StatusLine


@click.command("reconstruct")
@data_options
@coding_options
@quality_option(50)
@click.option(
    "-n",
    "--count",
    type=whole_number(1, 40),
    default=10,
    show_default=True,
    metavar="N",
    help="Number of pictures, 1 to 40.",
)
@click.option(
    "--side",
    type=whole_number(8, 512),
    default=128,
    show_default=True,
    metavar="N",
    help="Size in the figure, 8 to 512 pixels; larger pictures are reduced before coding, smaller ones enlarged.",
)
@output_path("-o", "--output", text="Write the figure, a PNG file.", required=True)
@force_option
@no_progress_option
def command(count: int, side: int, output: Path, force: bool, quiet: bool, **options: Any) -> None:
    """Draw originals, latents and reconstructions.

    DATA are pictures, or anything else that `aec evaluate` takes; N of them are drawn, at even distances. Latents are
    read from the encoded files and drawn level by level: brown is negative, blue positive.

    \b
    Example:
      aec reconstruct t10k-images-idx3-ubyte.gz -n 10 -o digits.png
      aec reconstruct photos -n 5 -q 30 -o photos.png
    """
    from aecodec.evaluation import latent_figure
    from aecodec.evaluation.sheets import draw
    from aecodec.sources.items import spread

    require_png(output)
    data = take(DataOptions, options)
    parse_encoder_options(options)
    require_new([output], data.data, force=force)
    items = spread(data.load(), count)
    items = [replace(item, picture=latent_figure.reduced(item.picture, side)) for item in items]
    with measurement_errors(), StatusLine(quiet) as status:
        status("coding", 0, len(items))
        groups = latent_figure.code(items, options)
        sheet = draw([latent_figure.section(group, side) for group in groups])
    write_png(output, sheet)
