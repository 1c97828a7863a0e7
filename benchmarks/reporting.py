"""What every benchmark prints beside its figures: environment, command line, tables, progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import aecodec
from aecodec.evaluation import pages
from aecodec.evaluation.pages import environment, number, table

__all__ = [
    "command_line",
    "environment",
    "number",
    "numbers",
    "progress",
    "publish",
    "require_folders",
    "run",
    "table",
]


def command_line(script: str) -> str:
    """The command as it was typed; of files that lie elsewhere only the names."""
    return pages.command_line(["python", f"benchmarks/{Path(script).name}", *sys.argv[1:]])


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


def progress(text: str, done: int = 0, count: int = 0) -> None:
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
