"""Reading and writing of files and pipes.

A file is written under a temporary name in the same folder and then renamed, so it is never seen incomplete.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from aecodec import urls
from aecodec.cli.failures import Failure
from aecodec.cli.file_pairs import PIPE, input_name


def read(name: str) -> bytes:
    """Return all bytes of an input. Raises Failure for a folder and a URL, and OSError."""
    if name == PIPE:
        if sys.stdin is None:
            raise Failure("standard input is closed")
        return sys.stdin.buffer.read()
    require_local(name)
    if os.path.isdir(name):
        os.listdir(name)  # a folder that cannot be read is named among the pictures in the one that holds it
        raise Failure(f"{input_name(name)}: this is a folder: name a file in it")
    return Path(name).read_bytes()


def require_local(name: str) -> None:
    """Raise Failure for an empty name, and for a URL, whose protocol would be taken for the name of a folder here."""
    if not name:
        raise Failure("the name of the file is empty")
    if urls.is_url(name):
        raise Failure(f"{name} is a URL: this command reads and writes local files, and aecodec in Python also URLs")


def require_writable(source: str, target: str, *, force: bool) -> None:
    """Raise Failure if `target` must not be written.

    It must not be an existing file, the input itself, a folder, a terminal or a URL.
    """
    if not target:
        raise Failure("the name of the output is empty: use -o FILE")
    require_local(target)
    if target == PIPE:
        if sys.stdout is None:
            raise Failure("standard output is closed")
        if sys.stdout.isatty():
            raise Failure("binary data is not written to a terminal: use -o FILE or a pipe")
    elif _is_same_file(source, target):
        raise Failure(f"{target}: input and output are the same file")
    elif os.path.isdir(target):
        raise Failure(f"{target}: this is a folder: name a file in it")
    elif os.path.isfile(target) and not force:
        raise Failure(f"{target}: already exists; use --force to overwrite it")


def _is_same_file(source: str, target: str) -> bool:
    return os.path.exists(source) and os.path.exists(target) and os.path.samefile(source, target)


def make_folder(folder: str) -> None:
    """Create a folder and those above it, where they are missing. Raises OSError."""
    try:
        os.makedirs(folder, exist_ok=True)
    except FileExistsError as error:  # a file has the name, and "File exists" would not say what is wrong with that
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder) from error


def write(target: str, data: bytes) -> None:
    """Write an output completely or not at all, and create its folder if that is missing.

    Raises OSError, which names the output.
    """
    try:
        _write(target, data)
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, "standard output" if target == PIPE else target) from error


def _write(target: str, data: bytes) -> None:
    if target == PIPE:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    elif os.path.exists(target) and not os.path.isfile(target):
        # A device such as /dev/null, or a named pipe: must not be replaced by a file.
        Path(target).write_bytes(data)
    else:
        _replace(target, data)


def _replace(target: str, data: bytes) -> None:
    final = os.path.realpath(target)  # a link stays a link
    folder = os.path.dirname(final)
    make_folder(folder)
    temporary = os.path.join(folder, f".aec-{os.urandom(8).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        try:
            descriptor = os.open(temporary, flags, 0o666)
        except OSError as error:
            raise OSError(error.errno, error.strerror, target) from error  # not the temporary name
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        with suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(os.stat(final).st_mode))  # overwriting keeps permissions
        os.replace(temporary, final)
    except BaseException:  # including Ctrl-C
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
