"""`aec info`: show the header of an .aec file."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from aecodec.cli.descriptions import describe_error_bound, describe_metadata, describe_mode, metadata_sizes, raw_bytes
from aecodec.cli.failures import expected_errors
from aecodec.cli.file_pairs import PIPE, input_name
from aecodec.cli.picture_files import is_data_set, read_aec
from aecodec.cli.text_table import text_table
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.errors import AecError
from aecodec.images.metadata import Metadata


@click.command("info")
@click.argument("file", metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def command(file: str, as_json: bool) -> None:
    """Show the properties of an .aec file or a data set.

    FILE may be - for standard input. No pixels are decoded.

    \b
    Example:
      aec info digit.aec
      aec info digit.aec --json
      aec info digits.aecs
    """
    name = input_name(file)
    if file != PIPE and is_data_set(file):
        from aecodec.cli.data_sets import show

        show(file, as_json)
        return
    with expected_errors(name):
        parsed = ParsedFile.parse(read_aec(file), None)
    info = parsed.info()
    try:
        metadata, damage = parsed.metadata(), ""
    except AecError as error:
        metadata, damage = Metadata(), f"damaged: {error}"
    raw = raw_bytes(info)
    if as_json:
        more = {"raw_bytes": raw, "metadata": metadata_sizes(metadata), "dpi": metadata.dpi}
        click.echo(json.dumps({"file": file, **asdict(info), **more}, indent=2))
        return
    mode = describe_mode(info) + (", inverted" if info.inverted else "")
    bounded = info.max_error is not None
    rows = [
        ("file", name),
        ("format version", f"{info.format_version}"),
        ("model", info.model + (f" ({info.model_id})" if info.model_id else "")),
        ("size", f"{info.width}x{info.height} {mode}"),
        *(
            [("samples", describe_error_bound(info).removeprefix(", "))]
            if bounded
            else [("quality", f"{info.quality}")]
        ),
        ("packing", info.packing),
        ("panels", f"{info.panels}"),
        ("bytes", f"{info.file_bytes}"),
        *((f"  {part}", f"{part_bytes}") for part, part_bytes in info.parts.items()),
        *((f"    {name}", f"{content_bytes}") for name, content_bytes in info.sections.items()),
        ("bits per pixel", f"{info.bits_per_pixel:.3f}"),
        ("of raw", f"{info.file_bytes / raw:.2%} of {raw} bytes, {raw / info.file_bytes:.1f}:1"),
        ("metadata", damage or describe_metadata(metadata)),
    ]
    click.echo(text_table(rows))
