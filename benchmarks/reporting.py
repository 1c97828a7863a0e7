"""What every benchmark prints beside its figures: environment, command line, tables, progress."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rivals import Rival

import aecodec


def environment(rivals: Sequence[Rival] = (), model_names: Sequence[str] = ()) -> str:
    """One line: versions, machine, CPU count, ids of the models."""
    parts = [
        f"Python {platform.python_version()}",
        f"NumPy {np.__version__}",
        f"Pillow {version('pillow')}",
        *filter(None, (rival.versions() for rival in rivals)),
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
    ]
    for model in aecodec.models():
        if model.name in model_names or model.name.rpartition("-")[0] in model_names:
            parts.append(f"model {model.name} ({model.id})")
    return ", ".join(parts)


def command_line(script: str) -> str:
    """The command as it was typed; of files that lie elsewhere only the names."""
    words = []
    for word in sys.argv[1:]:
        elsewhere = os.path.isabs(word) or word.startswith(os.pardir)
        words.append(Path(word).name if elsewhere else word)
    return " ".join(["python", f"benchmarks/{Path(script).name}", *words])


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
    """A figure of a table; a dash where there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def numbers(kind: type) -> Callable[[str], tuple[Any, ...]]:
    """An argument type: values separated by commas."""

    def parse(text: str) -> tuple[Any, ...]:
        return tuple(kind(part) for part in text.split(","))

    parse.__name__ = f"list of {kind.__name__}"  # for argparse's own message
    return parse


def require_folders(files: Sequence[Path | None]) -> None:
    """Raises ValueError if a file that is to be written has no folder: better now than when all is measured."""
    for file in files:
        if file is not None and not file.parent.is_dir():
            raise ValueError(f"{file.parent} is not a folder")


def publish(page: Sequence[str], output: Path | None) -> None:
    """Prints the paragraphs of a page, and writes them to a file if one is named."""
    progress("")
    text = "\n\n".join(page)
    print(text)
    if output is not None:
        output.write_text(text + "\n")


def progress(text: str) -> None:
    """What is being done, on one line of a terminal and nowhere else; "" clears it."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def run(main: Callable[[], None]) -> None:
    """Runs a benchmark; what is wrong with its arguments is one sentence."""
    try:
        main()
    except (ValueError, OSError, aecodec.AecError) as error:
        progress("")
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")
