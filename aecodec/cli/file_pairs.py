"""Which input file goes to which output file: files, pipes, and folders whose tree is mirrored."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import click

from aecodec.cli.failures import Failure
from aecodec.images.files import files_below

PIPE: Final = "-"


class FilePair(NamedTuple):
    """The names of an input and of its output; PIPE for standard input and standard output."""

    source: str
    target: str

    @property
    def source_name(self) -> str:
        """The input as messages name it."""
        return input_name(self.source)

    @property
    def target_name(self) -> str:
        """The output as messages name it."""
        return "standard output" if self.target == PIPE else click.format_filename(self.target)


def input_name(name: str) -> str:
    """Return the name of an input as messages show it."""
    return "standard input" if name == PIPE else click.format_filename(name)


def pair_files(
    inputs: Sequence[str], output: str | None, suffix: str, *, recursive: bool, accepts: Callable[[str], bool]
) -> list[FilePair]:
    """Pair each input of a command with its output.

    Without `output`, a file goes beside its input under another suffix, and a pipe goes to a pipe. A folder, or a name
    that ends in a slash, takes any number of inputs; any other output only one. From folders among the inputs, which
    need `recursive`, the files are taken whose names `accepts` allows; a folder as output gets the same tree.

    Raises click.UsageError, also if two inputs have the same output, and Failure for folders without accepted files.
    """
    folders = [name for name in inputs if name != PIPE and os.path.isdir(name)]
    if folders and not recursive:
        command = click.get_current_context().command_path
        folder = folders[0]
        raise click.UsageError(f"{input_name(folder)} is a folder: use `{command} -r {shlex.quote(folder)}`")
    found = list(_expanded(inputs, accepts))
    if not found:
        raise Failure(f"{input_name(folders[0])}: this folder has no files to process")
    if output is None:
        pairs = [FilePair(name, name if name == PIPE else _with_suffix(name, suffix)) for name, _ in found]
    elif output != PIPE and (folders or os.path.isdir(output) or output.endswith(("/", os.sep))):
        _require_folder(inputs, output)
        pairs = [FilePair(name, os.path.join(output, _with_suffix(inside, suffix))) for name, inside in found]
    elif len(inputs) == 1:
        pairs = [FilePair(inputs[0], output)]
    else:
        raise click.UsageError(
            f"several inputs need a folder for -o, and {output} is not one (end the name of a new folder with /)"
        )
    _require_distinct_targets(pairs)
    return pairs


def _require_folder(inputs: Sequence[str], output: str) -> None:
    if PIPE in inputs:
        raise click.UsageError("standard input has no name to use in a folder: name a file with -o")
    if os.path.exists(output) and not os.path.isdir(output):
        raise click.UsageError(
            f"{click.format_filename(output)} is not a folder: several files need one for their output"
        )


def _require_distinct_targets(pairs: Sequence[FilePair]) -> None:
    seen: dict[str, FilePair] = {}
    for pair in pairs:
        other = seen.setdefault(os.path.normpath(pair.target), pair)
        if other is not pair:
            both = f"{other.source_name} and {pair.source_name}"
            raise click.UsageError(f"two inputs would both be written to {pair.target_name}: {both}")


def _expanded(inputs: Sequence[str], accepts: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """Yield (name of the input, name inside an output folder) for every file."""
    for name in inputs:
        if name == PIPE or not os.path.isdir(name):
            yield name, os.path.basename(name)
            continue
        yield from ((path, os.path.relpath(path, name)) for path in files_below(name, accepts))


def _with_suffix(name: str, suffix: str) -> str:
    return os.path.splitext(name)[0] + suffix
