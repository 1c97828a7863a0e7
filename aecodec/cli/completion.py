"""`aec completion`: shell completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from aecodec.cli.failures import Failure

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_AEC_COMPLETE"  # tells click to print completions


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a shell script that completes commands and options.

    \b
    Example:
      aec completion bash >> ~/.bashrc
      aec completion zsh >> ~/.zshrc
      aec completion fish > ~/.config/fish/completions/aec.fish
    """
    completion = get_completion_class(shell)
    if completion is None:
        raise Failure(f"this version of click has no completion for {shell}")
    click.echo(completion(ctx.find_root().command, {}, "aec", VARIABLE).source())
