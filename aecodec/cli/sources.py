"""The sources that `aec pack` and `aec shard` are given."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from aecodec.cli.failures import Failure
from aecodec.cli.file_pairs import PIPE, input_name
from aecodec.sources.labelled import OptionDoesNotFit, Source, open_pipe, open_source, require_fitting


def open_sources(
    inputs: Sequence[str], tile: tuple[int, int] | None, labels: str | None, *, pipe: bool = True
) -> list[Source]:
    """The sources of a command; `pipe`: one may be PIPE. Raises Failure, and click.UsageError."""
    if labels is not None and len(inputs) > 1:
        raise click.UsageError("--labels are those of one input: name only that")
    if inputs.count(PIPE) > 1:
        raise click.UsageError("standard input can be read only once")
    path = Path(labels) if labels is not None else None
    try:
        return [_piped(tile, path) if pipe and name == PIPE else open_source(name, tile, path) for name in inputs]
    except OptionDoesNotFit as error:
        raise click.UsageError(str(error)) from error
    except ValueError as error:
        raise Failure(str(error)) from error


def _piped(tile: tuple[int, int] | None, labels: Path | None) -> Source:
    require_fitting(input_name(PIPE), tile, labels)
    if sys.stdin is None:
        raise Failure("standard input is closed")
    return open_pipe(sys.stdin.buffer)
