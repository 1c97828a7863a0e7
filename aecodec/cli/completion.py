"""aec completion"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from aecodec.cli.failures import Failure

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_AEC_COMPLETE"  # click answers the script's questions where this is set


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands and options in a shell.

    \b
    Example:
      aec completion bash >> ~/.bashrc
      aec completion zsh >> ~/.zshrc
      aec completion fish > ~/.config/fish/completions/aec.fish
    """
    completion = get_completion_class(shell)
    if completion is None:
        raise Failure(f"this release of click cannot complete in {shell}")
    click.echo(completion(ctx.find_root().command, {}, "aec", VARIABLE).source())
