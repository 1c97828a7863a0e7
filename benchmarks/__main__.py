"""`python -m benchmarks`: list the pages of docs/ that are measured, measure one of them, or renew all of them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

import aecodec
from benchmarks.pages import BENCHMARKS, PAGES, Page
from benchmarks.reporting import progress

ROOT = Path(__file__).resolve().parents[1]


class Benchmarks(click.Group):
    """One command for each benchmark; its module is imported when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the benchmarks, and `all`."""
        return [*BENCHMARKS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a benchmark, from its module."""
        if cmd_name not in BENCHMARKS:
            return super().get_command(ctx, cmd_name)
        command: click.Command = importlib.import_module(f"benchmarks.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing their modules."""
        with formatter.section("Pages"):
            formatter.write_dl([*BENCHMARKS.items(), ("all", "Renew every page whose data is there.")])


def _print_list(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        click.echo(listing())
        ctx.exit()


def listing() -> str:
    """The benchmarks, and for each page of docs/ the data that it needs and its command line."""
    lines = [f"{name:12} {description}" for name, description in BENCHMARKS.items()]
    for page in PAGES:
        lines += ["", f"{page.name}: {', '.join(page.writes)}", f"    {page.command}"]
        lines += [f"    data: {', '.join(page.data)}"] if page.data else []
    return "\n".join(lines)


@click.group("benchmarks", cls=Benchmarks, invoke_without_command=True)
@click.option(
    "--list", is_flag=True, is_eager=True, expose_value=False, callback=_print_list,
    help="List the pages, the files that they write, and their command lines.",
)  # fmt: skip
@click.pass_context
def main(ctx: click.Context) -> None:
    """Measure the figures of a page in docs/. Run from the repository root."""
    if ctx.invoked_subcommand is None:
        click.echo(listing())


def _data_of_pages() -> str:
    lines = [f"{page.name}: {', '.join(page.data) or 'none'}" for page in PAGES]
    return "\b\n" + "\n".join(["Data of each page:", *lines])


@main.command("all", epilog=_data_of_pages())
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with the files and folders that are named below.",
)
@click.option("--only", multiple=True, metavar="PAGE", help="Only the page of this name; may be given several times.")
@click.option("--dry-run", is_flag=True, help="Print the commands, and run none.")
def renew(data: Path, only: tuple[str, ...], dry_run: bool) -> None:
    """Renew every page whose data is there, each by the command that --list shows; say which are skipped.

    Some pages take hours.
    """
    unknown = set(only) - {page.name for page in PAGES}
    if unknown:
        raise click.BadParameter(f"there is no page {', '.join(sorted(unknown))}", param_hint="--only")
    failed = []
    for page in PAGES:
        if only and page.name not in only:
            continue
        missing = page.missing(data)
        if missing:
            click.echo(f"{page.name}: skipped, {data} has no {', '.join(missing)}", err=True)
            continue
        click.echo(f"{page.name}: {page.command}", err=True)
        if not dry_run and _run(page, data):
            failed.append(page.name)
    if failed:
        raise click.ClickException(f"failed: {', '.join(failed)}")


def _run(page: Page, data: Path) -> int:
    """The exit code of a page's command, in a process of its own."""
    return subprocess.run([sys.executable, *page.arguments(data)], cwd=ROOT, env=page.variables()).returncode


def run(**options: Any) -> None:
    """Run the command line; what is wrong with data or arguments is one sentence and exit code 1."""
    try:
        main(prog_name="python -m benchmarks", **options)
    except (ValueError, OSError, aecodec.AecError) as error:
        progress("")
        sys.exit(f"benchmarks: {error}")


if __name__ == "__main__":
    run()
