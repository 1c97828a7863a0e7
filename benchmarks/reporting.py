"""What the benchmarks share: their command line, options, output and progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from aecodec.cli.option_values import number_list, rival_names
from aecodec.encoding.options import DEFAULT_EFFORT
from aecodec.evaluation import pages
from aecodec.evaluation.rivals import BY_NAME

Command = TypeVar("Command", bound=Callable[..., Any])

DATA_HELP = "DATA are idx files, npz files, sheets of tiles, picture files or folders of them."


def command_line() -> str:
    """The command as it was typed; files outside the current folder by name only."""
    return pages.command_line(["python", "-m", "benchmarks", *sys.argv[1:]])


def data_argument(command: Command) -> Command:
    """DATA, one source or several."""
    return click.argument("data", nargs=-1, required=True, metavar="DATA...")(command)


def model_option(default: str | None = None) -> Callable[[Command], Command]:
    """-m, required unless it has a default."""
    options: dict[str, Any] = {"required": True} if default is None else {"default": default, "show_default": True}
    return click.option("-m", "--model", metavar="NAME", help="As `aec models` lists them.", **options)


def qualities_option(default: str) -> Callable[[Command], Command]:
    """--qualities, a list."""
    return click.option(
        "--qualities",
        type=number_list(1, 100),
        metavar="N,N,...",
        default=default,
        show_default=True,
        help="Of aecodec.",
    )


def sweep_options(command: Command) -> Command:
    """--qualities, from very low to high, and -e, one effort for all of them."""
    effort = click.option("-e", "--effort", default=DEFAULT_EFFORT, show_default=True)
    return qualities_option("10,20,30,40,60,80")(effort(command))


def output_option(*names: str, text: str = "Write the Markdown to this file, too.") -> Callable[[Command], Command]:
    """-o, or another option that names a file to write; its folder has to exist."""
    names = names or ("-o", "--output")
    return click.option(*names, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=text)


def rivals_option(default: str) -> Callable[[Command], Command]:
    """--rivals, as of `aec bench`."""
    text = f"Of {', '.join(BY_NAME)}; none for none of them."
    return click.option("--rivals", type=rival_names, default=default, show_default=True, metavar="NAME,...", help=text)


def require_folders(*files: Path | None) -> None:
    """Raise ValueError, before anything is measured, if the folder of a file to be written is missing."""
    for file in files:
        if file is not None and not file.parent.is_dir():
            raise ValueError(f"{file.parent} is not a folder")


def publish(page: Sequence[str], output: Path | None) -> None:
    """Print the paragraphs of a page, and write them to a file if there is one."""
    progress("")
    text = "\n\n".join(page)
    click.echo(text)
    if output is not None:
        output.write_text(text + "\n")


def progress(text: str, done: int = 0, count: int = 0) -> None:
    """Show what is being done on one line of the terminal, if there is one; "" clears it."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
