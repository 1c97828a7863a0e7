"""What Pillow, and the C libraries below it, say while a picture is read or written.

All of it is collected as Python warnings, so that a command can say one line of its own about a file, and show the
originals only if asked to. Nothing is redirected outside the command line.
"""

from __future__ import annotations

import os
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

import click

from aecodec.errors import AecWarning

TERMINAL: Final = threading.RLock()
"""Held while the standard streams lead elsewhere: a thread that writes to them has to hold it, or its text is lost."""

_STREAMS: Final = (1, 2)  # Ghostscript complains on standard output
# First bytes of TIFF files, and of PostScript ones, without and with a preview.
_PRINTED_ABOUT: Final = (b"II", b"MM", b"%!PS", b"\xc5\xd0\xd3\xc6")


class LibraryWarning(UserWarning):
    """A line that a C library or another program wrote to a standard stream."""


class Message(NamedTuple):
    """A warning: its text in one line, the same as Python would have printed it, and whether it is one of aecodec."""

    text: str
    original: str
    ours: bool


def is_printed_about(data: bytes) -> bool:
    """Whether a file, by its first bytes, is one whose reader prints to the standard streams by itself."""
    return data.startswith(_PRINTED_ABOUT)


@contextmanager
def collected() -> Iterator[list[Message]]:
    """Collect all warnings in a list, which is complete at the end. Those for developers are dropped."""
    messages: list[Message] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        for category in (UserWarning, RuntimeWarning):
            warnings.simplefilter("always", category)
        try:
            yield messages
        finally:
            messages.extend(dict.fromkeys(map(_message, caught)))


def _message(caught: warnings.WarningMessage) -> Message:
    text = " ".join(str(caught.message).split())
    if caught.category is LibraryWarning:
        return Message(text, text, ours=False)
    original = f"{caught.filename}:{caught.lineno}: {caught.category.__name__}: {text}"
    return Message(text, original, ours=issubclass(caught.category, AecWarning))


def summary(messages: Sequence[Message]) -> tuple[str, ...]:
    """Return a few words on each warning of aecodec, and on all others together."""
    ours = tuple(message.text for message in messages if message.ours)
    foreign = [message.text for message in messages if not message.ours]
    if not foreign:
        return ours
    more = f" (and {len(foreign) - 1} more)" if len(foreign) > 1 else ""
    return (*ours, f"Pillow reported a problem: {foreign[0].rstrip('.')}{more}")


@contextmanager
def reported(name: str | None = None) -> Iterator[None]:
    """Collect warnings, and print one line about them at the end; name: of the file that they are about."""
    with collected() as messages:
        yield
    if messages:
        click.echo(f"aec: {f'{name}: ' if name else ''}{'; '.join(summary(messages))}", err=True)


@contextmanager
def printing_collected() -> Iterator[None]:
    """Turn what is written to the standard streams, by whatever code in this process, into a LibraryWarning a line."""
    lines: list[str] = []
    try:
        with TERMINAL, tempfile.TemporaryFile() as file:
            try:
                with _redirected(file.fileno()):
                    yield
            finally:
                file.seek(0)
                lines = file.read().decode("utf-8", "replace").splitlines()
    finally:
        for line in filter(str.strip, lines):
            warnings.warn(line, LibraryWarning, stacklevel=3)


@contextmanager
def _redirected(descriptor: int) -> Iterator[None]:
    """Let the standard streams lead to `descriptor`; one that is closed stays closed."""
    saved: dict[int, int] = {}
    try:
        for stream in _STREAMS:
            with suppress(OSError):
                saved[stream] = os.dup(stream)
                os.dup2(descriptor, stream)
        yield
    finally:
        for stream, kept in saved.items():
            os.dup2(kept, stream)
            os.close(kept)
