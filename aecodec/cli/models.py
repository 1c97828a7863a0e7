"""`aec models`: list the installed models."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

import aecodec
from aecodec.cli.text_table import text_table


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def command(as_json: bool) -> None:
    """List the installed models.

    The figures were measured on held-out pictures, which were not used in training.

    \b
    Example:
      aec models
      aec models --json
    """
    models = aecodec.list_models()
    if as_json:
        click.echo(json.dumps([asdict(model) for model in models], indent=2))
        return
    rows = [("name", "number", "id", "tile", "channels", "parameters", "MAC/pixel", "for")]
    for model in models:
        tile = f"{model.tile[0]}x{model.tile[1]}" if model.tile else "any"
        number = f"{model.number}" if model.number else "-"
        size = f"{model.channels}", f"{model.parameters:,}", f"{model.macs_per_pixel:,.0f}"
        rows.append((model.name, number, model.id, tile, *size, model.purpose))
    click.echo(text_table(rows, right=(1, 4, 5, 6)))
    figures = [(model.name, figure) for model in models for figure in model.figures]
    if figures:
        held_out = [("name", "quality", "bytes", "PSNR")]
        for name, figure in figures:
            file_bytes, psnr = f"{figure['bytes']:.1f}", f"{figure['psnr']:.2f} dB"
            held_out.append((name, f"{figure['quality']}", file_bytes, psnr))
        click.echo("\nHeld-out pictures, mean bytes of a whole file:\n" + text_table(held_out, right=(1, 2, 3)))
