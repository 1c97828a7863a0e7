"""The command line `aec`: one module per command, imported only when the command is called."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import click

from aecodec.cli.failures import expected_errors

COMMANDS: Final = (
    "compress",
    "decompress",
    "info",
    "verify",
    "models",
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

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; failures become one sentence and an exit code."""
        try:
            with expected_errors():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="aecodec", prog_name="aec")
def main() -> None:
    """Compress pictures with learned models; decompress them to the same pixels on every machine.

    \b
    Example:
      aec compress photo.png -q 80
      aec decompress photo.aec -o again.png
      aec compress -r photos -o compressed
    """
