"""`aec ls`: list the pictures of a data set."""

from __future__ import annotations

import json
from typing import Any

import click

from aecodec.cli.data_sets import infos, label_name, printable, require_file
from aecodec.cli.descriptions import describe_error_bound, describe_mode
from aecodec.cli.failures import expected_errors
from aecodec.cli.option_values import whole_number
from aecodec.dataset import DataSet, framing, picture_blocks
from aecodec.dataset import open as open_data_set
from aecodec.dataset.columns import LABEL


@click.command("ls")
@click.argument("file", metavar="FILE")
@click.option("-n", "--limit", type=whole_number(0), metavar="N", help="List the first N pictures only.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line.")
def command(file: str, limit: int | None, as_json: bool) -> None:
    """List the pictures of a data set: number, size, model, and their columns.

    No pixels are decoded.

    \b
    Example:
      aec ls digits.aecs --limit 10
      aec ls photos.aecs --json
    """
    require_file(file)
    with expected_errors(file), open_data_set(file, max_pixels=None) as ds:
        names, columns = ds.label_names, {name: ds.columns[name] for name in ds.columns}
        if ds.labels is not None:
            columns[LABEL] = ds.labels
        for number, found in _pictures(ds, limit):
            values = {name: _plain(column[number]) for name, column in columns.items()}
            if names and LABEL in values:
                values[LABEL] = label_name(names, values[LABEL])
            if as_json:
                click.echo(json.dumps({"picture": number, **found, **values}, ensure_ascii=False))
            else:
                shown = [printable(f"{name}={value}") for name, value in values.items()]
                size = f"{found['width']}x{found['height']} {found['mode']}"
                click.echo("  ".join([f"{number:>7}", f"{size:<14}", found["model"], *shown]))


def _pictures(ds: DataSet, limit: int | None) -> list[tuple[int, dict[str, Any]]]:
    """Number and properties of the pictures, in order."""
    found = []
    begin = 0
    for shard in ds.shards:
        for entry in shard.entries:
            if entry.kind not in framing.PICTURES:
                continue
            own = picture_blocks.numbers_of(entry)
            if limit is not None and begin + own.runs[0][0] >= limit:
                continue  # the properties of files take reading the whole block
            for number, info in zip((begin + own.numbers()).tolist(), infos(shard, entry), strict=True):
                if limit is None or number < limit:
                    quality = describe_error_bound(info) or f", quality {info.quality}"
                    size = {"width": info.width, "height": info.height, "mode": describe_mode(info)}
                    found.append((number, {**size, "model": info.model + quality}))
        begin += len(shard)
    return sorted(found, key=lambda item: item[0])


def _plain(value: Any) -> Any:
    """A value of a column as JSON can hold it."""
    if isinstance(value, bytes):
        return value.hex()
    return value.item() if hasattr(value, "item") else value
