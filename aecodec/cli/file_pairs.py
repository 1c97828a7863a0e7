"""Which input goes to which output: files, pipes, and folders whose tree is mirrored."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

import click

from aecodec.cli.failures import Failure

PIPE: Final = "-"

Pair: TypeAlias = tuple[str, str]
"""The names of an input and of its output."""


def plan(
    inputs: Sequence[str],
    output: str | None,
    suffix: str,
    *,
    recursive: bool,
    wanted: Callable[[str], bool],
) -> list[Pair]:
    """The pairs for the inputs that a command was given.

    Without `output`, a file goes beside its input under another suffix and a pipe goes to a pipe. A folder,
    or a name that ends like one, takes any number of inputs; anything else only one. Of a folder among the
    inputs, which `recursive` allows, all `wanted` names are taken, and a folder as output gets the same tree.

    Wrong usage if two would go to the same. Raises Failure for folders without a wanted file.
    """
    folders = [name for name in inputs if name != PIPE and os.path.isdir(name)]
    if folders and not recursive:
        raise click.UsageError(f"{shown(folders[0], is_input=True)} is a folder: -r takes the pictures in it")
    found = list(_expanded(inputs, wanted))
    if not found:
        raise Failure(f"{shown(folders[0], is_input=True)}: nothing to do in this folder")
    if output is None:
        pairs = [(name, name if name == PIPE else _with_suffix(name, suffix)) for name, _ in found]
    elif output != PIPE and (folders or os.path.isdir(output) or output.endswith(("/", os.sep))):
        if PIPE in inputs:
            raise click.UsageError("standard input has no name to use in a folder: name a file with -o")
        if os.path.exists(output) and not os.path.isdir(output):
            raise click.UsageError(f"{shown(output, is_input=False)} is no folder, and a folder's pictures need one")
        pairs = [(name, os.path.join(output, _with_suffix(inside, suffix))) for name, inside in found]
    elif len(inputs) == 1:
        pairs = [(inputs[0], output)]
    else:
        raise click.UsageError(f"several inputs need a folder for -o, and {output} is none (a new one must end in /)")
    sources: dict[str, str] = {}
    for source, target in pairs:
        if (place := os.path.normpath(target)) in sources:
            both = f"{shown(sources[place], is_input=True)} and {shown(source, is_input=True)}"
            raise click.UsageError(f"two inputs would both be written to {shown(target, is_input=False)}: {both}")
        sources[place] = source
    return pairs


def _expanded(inputs: Sequence[str], wanted: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """(the input's name, its name inside an output folder) for every file."""
    for name in inputs:
        if name == PIPE or not os.path.isdir(name):
            yield name, os.path.basename(name)
            continue
        for folder, inner, names in os.walk(name):
            inner[:] = sorted(entry for entry in inner if not entry.startswith("."))
            for entry in sorted(names):
                # Hidden files are previews, thumbnails and temporary files of ours.
                if not entry.startswith(".") and wanted(entry):
                    path = os.path.join(folder, entry)
                    yield path, os.path.relpath(path, name)


def _with_suffix(name: str, suffix: str) -> str:
    return os.path.splitext(name)[0] + suffix


def shown(name: str, *, is_input: bool) -> str:
    """The name of a file as messages show it."""
    if name != PIPE:
        return click.format_filename(name)
    return "standard input" if is_input else "standard output"
