"""aec info"""

from __future__ import annotations

import json
from dataclasses import asdict

import click

import aecodec
from aecodec.cli.byte_files import read
from aecodec.cli.columns import aligned
from aecodec.cli.failures import in_one_sentence
from aecodec.cli.options import kind, promise
from aecodec.cli.plan import shown


@click.command("info")
@click.argument("file", metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: str, as_json: bool) -> None:
    """Show what an .aec file says about itself.

    No pixels are decoded. FILE may be - for standard input.

    \b
    Example:
      aec info digit.aec
      aec info digit.aec --json
    """
    name = shown(file, is_input=True)
    with in_one_sentence(name):
        info = aecodec.inspect(read(file))
    if as_json:
        click.echo(json.dumps({"file": file, **asdict(info)}, indent=2))
        return
    mode = kind(info) + (", inverted" if info.inverted else "")
    plain = info.max_error is not None
    rows = [
        ("file", name),
        ("format version", f"{info.format_version}"),
        ("model", info.model + (f" ({info.model_id})" if info.model_id else "")),
        ("size", f"{info.width}x{info.height} {mode}"),
        *([("samples", promise(info).removeprefix(", "))] if plain else [("quality", f"{info.quality}")]),
        ("packing", info.packing),
        ("panels", f"{info.panels}"),
        ("bytes", f"{info.file_bytes}"),
        *((f"  {part}", f"{part_bytes}") for part, part_bytes in info.parts.items()),
        *((f"    {name}", f"{content_bytes}") for name, content_bytes in info.sections.items()),
        ("bits per pixel", f"{info.bits_per_pixel:.3f}"),
    ]
    click.echo(aligned(rows))
