"""Models side by side over one data set: mean bytes of whole files, PSNR of the pooled error, mean UQI."""

from __future__ import annotations

import click

from aecodec.sources.stacks import pictures_for
from aecodec.studies.robustness import Coding, Similarity, code


def model_and_qualities(text: str) -> tuple[str, tuple[int, ...]]:
    """NAME@QUALITY,..."""
    name, _, qualities = text.partition("@")
    return name, tuple(map(int, qualities.split(",")))


@click.command("classics")
@click.argument("data")
@click.option(
    "-m", "--model", type=model_and_qualities, multiple=True, required=True, metavar="NAME@Q,Q,...", help="Repeatable."
)
@click.option("-n", "--limit", default=10_000, show_default=True, help="The first pictures.")
@click.option("-e", "--effort", default=0, show_default=True)
def command(data: str, model: tuple[tuple[str, tuple[int, ...]], ...], limit: int, effort: int) -> None:
    """Print a table of models and qualities. DATA is as for `aec robustness`."""
    click.echo("| model | quality | bytes | PSNR (dB) | UQI |\n|---|---:|---:|---:|---:|")
    for name, qualities in model:
        tiles = pictures_for(data, name, limit)
        for quality in qualities:
            decoded, size = code(tiles, name, Coding(quality, effort))
            found = Similarity.of(tiles, decoded)
            click.echo(f"| {name} | {quality} | {size:.1f} | {found.psnr:.2f} | {found.uqi:.3f} |")
