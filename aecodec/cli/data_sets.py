"""Data sets in words, for `aec info`, `aec verify` and `aec ls`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import click
import numpy as np

import aecodec
from aecodec.cli.descriptions import describe_error_bound, describe_mode
from aecodec.cli.failures import Failure, expected_errors
from aecodec.cli.file_pairs import PIPE, input_name
from aecodec.cli.picture_files import NOT_FROM_A_PIPE
from aecodec.cli.progress import StatusLine
from aecodec.cli.text_table import text_table
from aecodec.dataset import DataSet, framing, picture_blocks
from aecodec.dataset import open as open_data_set
from aecodec.dataset.picture_blocks import Joined
from aecodec.errors import AecError


def require_file(name: str) -> None:
    """Raise Failure for a pipe, of which no parts can be read before others."""
    if name == PIPE:
        raise Failure(f"{input_name(name)} cannot be {NOT_FROM_A_PIPE}")


def show(name: str, as_json: bool) -> None:
    """Print the properties of a data set. Raises Failure."""
    with expected_errors(name), open_data_set(name, max_pixels=None) as ds:
        found = summary(ds)
    if as_json:
        click.echo(json.dumps({"file": name, **found}, indent=2))
        return
    labels, columns = found["labels"], found["columns"]
    shown = [f"{printable(label)}: {count:,}" for label, count in list(labels.items())[:20]]
    rows = [
        ("file", name),
        ("pictures", f"{found['pictures']:,}" + (f", {found['missing']:,} missing" if found["missing"] else "")),
        *(("  of size", f"{size}: {count:,}") for size, count in found["sizes"].items()),
        *(("  coded by", f"{model}: {count:,}") for model, count in found["models"].items()),
        ("blocks", ", ".join(f"{count:,} {kind}" for kind, count in found["blocks"].items()) or "none"),
        ("bytes", f"{found['file_bytes']:,}"),
        *((f"  {part}", f"{size:,}") for part, size in found["parts"].items()),
        ("bytes per picture", f"{found['file_bytes'] / max(1, found['pictures']):.2f}"),
        ("labels", (", ".join(shown) + (", ..." if len(labels) > len(shown) else "")) or "none"),
        ("columns", ", ".join(f"{printable(column)} ({kind})" for column, kind in columns.items()) or "none"),
        ("metadata", json.dumps(found["metadata"], ensure_ascii=False) if found["metadata"] else "none"),
    ]
    click.echo(text_table(rows))


def summary(ds: DataSet) -> dict[str, Any]:
    """The properties of a data set, none of which needs pixels. Raises AecError."""
    sizes: Counter[str] = Counter()
    models: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    blocks: Counter[str] = Counter()
    for shard, entry in ((each, entry) for each in ds.shards for entry in each.entries):
        blocks[framing.KINDS[entry.kind]] += 1
        parts["pictures" if entry.kind in framing.PICTURES else framing.KINDS[entry.kind]] += entry.size
        if entry.kind in framing.PICTURES:
            for info, count in _alike(shard, entry):
                sizes[f"{info.width}x{info.height} {describe_mode(info)}"] += count
                quality = describe_error_bound(info) or f", quality {info.quality}"
                models[info.model + quality] += count
    parts["index"] = ds.file_bytes - sum(parts.values())
    labels = ds.labels
    names = ds.label_names
    values, counts = np.unique(labels, return_counts=True) if labels is not None else (np.zeros(0), np.zeros(0))
    return {
        "pictures": len(ds),
        "missing": ds.missing.count,
        "sizes": dict(sizes.most_common()),
        "models": dict(models.most_common()),
        "blocks": dict(blocks),
        "file_bytes": ds.file_bytes,
        "parts": dict(parts),
        "labels": {
            label_name(names, value): count for value, count in zip(values.tolist(), counts.tolist(), strict=True)
        },
        "columns": ds.columns.kinds,
        "metadata": ds.metadata,
    }


def label_name(names: list[str], label: int) -> str:
    """The name of a label, or its number if it has none."""
    return names[label] if 0 <= label < len(names) else str(label)


def printable(text: str) -> str:
    r"""A text for a line of a terminal: a newline in it becomes \n, and other characters of control likewise."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def infos(ds: DataSet, entry: framing.Entry) -> Iterator[aecodec.Info]:
    """The properties of every picture of a block, as far as they are known without decoding. Raises AecError."""
    for info, count in _alike(ds, entry):
        for _ in range(count):
            yield info


def _alike(ds: DataSet, entry: framing.Entry) -> Iterator[tuple[aecodec.Info, int]]:
    parsed = picture_blocks.parse(entry, None)
    if isinstance(parsed, Joined):
        yield parsed.info(), parsed.numbers.count
        return
    for file in parsed.files(ds.body(entry)):
        yield aecodec.inspect(file), 1


def verified(name: str, max_pixels: int, quiet: bool) -> str:
    """Describe a data set that is whole. Raises Failure, which lists what is not."""
    lost = ""
    with expected_errors(name):
        try:
            ds = open_data_set(name, max_pixels=max_pixels)
        except AecError as error:
            lost, ds = str(error), open_data_set(name, max_pixels=max_pixels, recover=True)
        with ds, StatusLine(quiet) as status:
            damage = ds.verify(lambda done, count: status("blocks verified", done, count))
            found = f"{len(ds) - ds.missing.count:,} pictures"
    problems = ([f"{lost}; {found} can be recovered"] if lost else []) + list(map(str, damage))
    if problems:
        raise Failure("\n".join(f"{name}: {problem}" for problem in problems))
    return f"intact, {found}"
