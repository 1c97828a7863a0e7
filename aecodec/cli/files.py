"""Files, pipes and folders: where commands read from and write to.

The name `-` is standard input or output. A file appears whole or not at all: it is written under another name
in the same folder and then renamed.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import click

from aecodec.cli.failures import Failure

PIPE: Final = "-"


def plan(inputs: Sequence[str], output: str | None, suffix: str) -> list[tuple[str, str]]:
    """Which input goes to which output.

    Without `output`, a file goes beside its input under another suffix and a pipe goes to a pipe. A folder,
    or a name that ends like one, takes any number of inputs; anything else only one. Wrong usage if two would
    go to the same.
    """
    if output is None:
        pairs = [(name, name if name == PIPE else _with_suffix(name, suffix)) for name in inputs]
    elif output != PIPE and (os.path.isdir(output) or output.endswith(("/", os.sep))):
        pairs = [(name, os.path.join(output, _with_suffix(os.path.basename(name), suffix))) for name in inputs]
        if PIPE in inputs:
            raise click.UsageError("standard input has no name to use in a folder: name a file with -o")
    elif len(inputs) == 1:
        pairs = [(inputs[0], output)]
    else:
        raise click.UsageError(f"several inputs need a folder for -o, and {output} is none (a new one must end in /)")
    seen: set[str] = set()
    for _, target in pairs:
        if target in seen:
            raise click.UsageError(f"two inputs would both be written to {shown(target, is_input=False)}")
        seen.add(target)
    return pairs


def _with_suffix(name: str, suffix: str) -> str:
    return os.path.splitext(name)[0] + suffix


def shown(name: str, *, is_input: bool) -> str:
    """The name of a file as messages show it."""
    if name != PIPE:
        return click.format_filename(name)
    return "standard input" if is_input else "standard output"


def read(name: str) -> bytes:
    """All bytes of an input."""
    if name == PIPE:
        return sys.stdin.buffer.read()
    return Path(name).read_bytes()


def require_writable(source: str, target: str, *, force: bool) -> None:
    """Fails, before any work is done, if writing to `target` would destroy something or flood a terminal."""
    if target == PIPE:
        if sys.stdout.isatty():
            raise Failure("binary data does not belong on a terminal: use -o FILE or a pipe")
    elif _is_same_file(source, target):
        raise Failure(f"{target}: input and output are the same file")
    elif os.path.isdir(target):
        raise Failure(f"{target}: this is a folder")
    elif os.path.isfile(target) and not force:
        raise Failure(f"{target}: exists already; --force overwrites it")


def _is_same_file(source: str, target: str) -> bool:
    return os.path.exists(source) and os.path.exists(target) and os.path.samefile(source, target)


def write(target: str, data: bytes) -> None:
    """Writes an output, and its folder if that is missing: whole or not at all."""
    if target == PIPE:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    elif os.path.exists(target) and not os.path.isfile(target):
        # A device such as /dev/null, or a named pipe: not to be replaced by a file.
        Path(target).write_bytes(data)
    else:
        with _replacing(target) as descriptor, os.fdopen(descriptor, "wb") as stream:
            stream.write(data)


@contextmanager
def _replacing(target: str) -> Iterator[int]:
    final = os.path.realpath(target)  # a link stays a link
    folder = os.path.dirname(final)
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, f".aec-{os.urandom(8).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(temporary, flags, 0o666)
    except OSError as error:
        raise OSError(error.errno, error.strerror, target) from error  # name the file that the user knows
    try:
        yield descriptor
        with suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(os.stat(final).st_mode))  # overwriting keeps permissions
        os.replace(temporary, final)
    except BaseException:  # Ctrl-C as well
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
