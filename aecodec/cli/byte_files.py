"""Files and pipes: how commands read and write them.

A file appears whole or not at all: it is written under another name in the same folder and then renamed.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from aecodec.cli.failures import Failure
from aecodec.cli.plan import PIPE


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
        _replace(target, data)


def _replace(target: str, data: bytes) -> None:
    final = os.path.realpath(target)  # a link stays a link
    folder = os.path.dirname(final)
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, f".aec-{os.urandom(8).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        try:
            descriptor = os.open(temporary, flags, 0o666)
        except OSError as error:
            raise OSError(error.errno, error.strerror, target) from error  # name the file that the user knows
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        with suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(os.stat(final).st_mode))  # overwriting keeps permissions
        os.replace(temporary, final)
    except BaseException:  # Ctrl-C as well
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
