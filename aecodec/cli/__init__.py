"""The command line `aec`: one module per command, imported only when the command is called."""

from __future__ import annotations

import difflib
import os
import shlex
from importlib import import_module
from typing import Any, Final

import click

from aecodec.cli.failures import expected_errors

COMMANDS: Final = (
    "compress",
    "decompress",
    "info",
    "view",
    "placeholder",
    "verify",
    "pack",
    "unpack",
    "ls",
    "shard",
    "models",
    "doctor",
    "train",
    "evaluate",
    "compare",
    "bench",
    "reconstruct",
    "robustness",
    "features",
    "anomalies",
    "completion",
)
INTERRUPTED: Final = 130  # 128 + SIGINT, the convention of shells
# What other programs call these commands.
_SYNONYMS: Final = {
    "encode": "compress",
    "decode": "decompress",
    "extract": "decompress",
    "inspect": "info",
    "identify": "info",
    "show": "view",
    "check": "verify",
    "test": "verify",
    "list": "models",
    "benchmark": "bench",
    "help": "--help",
}


class LazyGroup(click.Group):
    """A group that imports a command when it is called, so that each starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of the help text."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"aecodec.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names; for an unknown one say which may have been meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(f"No such command {name!r}. {_hint(name)}", ctx)
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the arguments; to print the help can fail."""
        with expected_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; failures become one sentence and an exit code."""
        try:
            with expected_errors():
                return super().invoke(ctx)
        except click.MissingParameter as error:
            example = _example(error.ctx.command) if error.ctx else ""
            raise click.UsageError(f"{error.format_message().rstrip()}\nFor example: {example}", error.ctx) from None
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None


def _hint(name: str) -> str:
    """Return a sentence with what may have been meant by a first argument that is not a command."""
    if os.path.exists(name):
        suffix = os.path.splitext(name)[1]
        command = {".aec": "decompress", ".aecs": "unpack"}.get(suffix, "compress")
        command += " -r" if os.path.isdir(name) else ""
        return f"Did you mean `aec {command} {shlex.quote(name)}`?"
    close = _SYNONYMS.get(name.lower()) or next(iter(difflib.get_close_matches(name, COMMANDS)), None)
    return f"Did you mean `aec {close}`?" if close else "`aec --help` lists the commands."


def _example(command: click.Command) -> str:
    """Return the first example in the help text of a command, without its explanation."""
    line = (command.help or "").partition("Example:\n")[2].partition("\n")[0]
    return line.strip().partition("  ")[0]


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="aecodec", prog_name="aec")
def main() -> None:
    """Compress pictures with learned models; decompress them to the same pixels on every machine.

    \b
    Example:
      aec compress photo.png -q 80
      aec decompress photo.aec -o again.png
      aec compress -r photos -o compressed

    `aec COMMAND --help` explains a command.
    """
