"""aec robustness"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aecodec.cli.columns import aligned
from aecodec.cli.measurement import measuring

if TYPE_CHECKING:
    from aecodec.studies.robustness import Result

SHEET = ("none", "poisson:10", "white:0.2", "salt-pepper:0.1", "speckle:0.4", "gaussian:0.2", "median:3", "mean:3")


@click.command("robustness")
@click.argument("data")
@click.option("-m", "--model", "models", multiple=True, required=True, help="A name of aec models; may be repeated.")
@click.option("-d", "--distortion", "specs", multiple=True, help="KIND:NUMBER; may be repeated. [default: all]")
@click.option("-q", "--quality", type=click.IntRange(1, 100), default=75, show_default=True)
@click.option("-e", "--effort", type=click.IntRange(0, 9), default=3, show_default=True)
@click.option("-n", "--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="The first pictures.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the noise.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write a figure (PNG).")
@click.option("--sheet", type=click.Path(dir_okay=False, path_type=Path), help="Write a contact sheet (PNG).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the table for a page.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    data: str,
    models: tuple[str, ...],
    specs: tuple[str, ...],
    quality: int,
    effort: int,
    limit: int,
    seed: int,
    plot: Path | None,
    sheet: Path | None,
    as_json: bool,
    as_markdown: bool,
    quiet: bool,
) -> None:
    """Measure what noise and filters do to a codec.

    DATA is an idx file (gzipped or not), an npz file, a tile sheet or a folder of pictures, all of the model's size.
    The kinds are poisson, white, salt-pepper, speckle, gaussian, median, mean and none. For each distortion: bytes, and
    how like the distorted picture is to the clean one, the decoded to the distorted, and the decoded to the clean.

    \b
    Example:
      aec robustness t10k-images-idx3-ubyte.gz -m mnist -m noisy --plot robustness.png
    """
    from aecodec.images import distortions
    from aecodec.sources.stacks import pictures_for
    from aecodec.studies import robustness

    chosen = specs or tuple(distortions.STUDY)
    for spec in chosen:
        distortions.parse(spec)
    with measuring():
        if plot or sheet:
            from aecodec.studies import robustness_figures as figures
        pictures = pictures_for(data, models[0], limit)

    def tell(result: Result) -> None:
        if not quiet:
            click.echo(f"{result.distortion} {result.model}: {result.file_bytes:.1f} bytes", err=True)

    results = robustness.measure(pictures, models, chosen, quality=quality, effort=effort, seed=seed, done=tell)
    if as_json:
        click.echo(json.dumps([result.as_dict() for result in results], indent=2))
    elif as_markdown:
        click.echo(robustness.markdown(results))
    else:
        click.echo(aligned(robustness.rows(results), right=range(2, len(robustness.COLUMNS))))
    if plot:
        figures.plot(results, f"{len(pictures):,} pictures at quality {quality}, effort {effort}", plot)
    if sheet:
        few = pictures[:: max(1, len(pictures) // 3)][:3]
        figures.sheet(few, models, specs or SHEET, sheet, quality=quality, effort=effort, seed=seed)
