"""Parts of a page of results: environment, command line, tables."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import aecodec
from aecodec.evaluation.rivals import Rival
from aecodec.models import registry


def environment(rivals: Sequence[Rival] = (), model_names: Sequence[str] = ()) -> str:
    """One line: versions, machine, CPU count, ids of the models."""
    parts = [
        f"Python {platform.python_version()}",
        f"NumPy {np.__version__}",
        f"Pillow {version('pillow')}",
        *filter(None, dict.fromkeys(rival.versions() for rival in rivals)),
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
    ]
    used = {registry.latest().get(name, name) for name in model_names}
    parts += [f"model {model.name} ({model.id})" for model in aecodec.list_models() if model.name in used]
    return ", ".join(parts)


def command_line(words: Sequence[str]) -> str:
    """A command as it was typed, with files outside the current folder given by name only."""
    shown = []
    for word in words:
        elsewhere = os.path.isabs(word) or word.startswith(os.pardir)
        name = Path(word).name if elsewhere else word
        shown.append(f'"{name}"' if " " in name else name)
    return " ".join(shown)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A Markdown table that also lines up as text; all but the first `left` columns flush right."""
    widths = [max(3, *map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = ["-" * w if index < left else "-" * (w - 1) + ":" for index, w in enumerate(widths)]
    return "\n".join([line(head), line(rule), *map(line, rows)])


def number(value: float | None, digits: int = 1) -> str:
    """A number for a table; a dash for None."""
    return "-" if value is None else f"{value:,.{digits}f}"


def finite(value: Any) -> Any:
    """A value for JSON: None in place of infinities and NaN."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
