"""Progress on a terminal: a bar while files are converted, a status line while pictures are measured, and totals."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final

import click

from aecodec.cli.library_messages import TERMINAL

_DELAY_SECONDS: Final = 1.0  # shorter work shows no bar
_REDRAW_SECONDS: Final = 0.2
_STATUS_REDRAW_SECONDS: Final = 0.1
_BAR_CELLS: Final = 20
_UNITS: Final = ("kB", "MB", "GB", "TB")
_CLEAR: Final = "\r\033[K"


@dataclass
class Totals:
    """Numbers of files, and the bytes of those that were converted."""

    files: int
    done: int = 0
    skipped: int = 0
    failed: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    part: float = 0.0  # of the current picture that is done, 0 to 1
    began: float = field(default_factory=time.monotonic)

    @property
    def seen(self) -> int:
        """The number of files that are finished in one way or another."""
        return self.done + self.skipped + self.failed

    def report_panels(self, done: int, count: int) -> None:
        """Note that so many panels of the current picture are done, of `count` in all."""
        self.part = done / count

    @property
    def seconds(self) -> float:
        """The time since the start."""
        return time.monotonic() - self.began

    def rate(self) -> str:
        """Return pictures per second, not counting skipped ones."""
        return f"{(self.done + self.failed) / max(self.seconds, 1e-9):,.1f} pictures/s"

    def summary(self) -> str:
        """Return the line to print at the end."""
        words = [f"{self.done:,} of {self.files:,} done"]
        if self.read_bytes:
            share = self.written_bytes / self.read_bytes
            words += [f"{readable_bytes(self.read_bytes)} -> {readable_bytes(self.written_bytes)} ({share:.1%})"]
        words += [f"{self.seconds:.1f} s", self.rate()]
        words += [f"{self.skipped:,} skipped"] if self.skipped else []
        words += [f"{self.failed:,} failed"] if self.failed else []
        return ", ".join(words)

    def bar(self) -> str:
        """Return the progress bar."""
        share = min(1.0, (self.seen + self.part) / self.files)
        saved = self.read_bytes - self.written_bytes
        balance = f"saved {readable_bytes(saved)}" if saved >= 0 else f"grew by {readable_bytes(-saved)}"
        failed = f", {self.failed:,} failed" if self.failed else ""
        return f"{_bar(share)}  {self.seen:,}/{self.files:,}  {self.rate()}  {balance}  {self.seconds:.0f} s{failed}"


class ProgressBar:
    """The bar of `totals`, drawn by a thread so that it moves while a large picture is coded."""

    def __init__(self, totals: Totals, *, visible: bool) -> None:
        self._totals = totals
        self._visible = visible
        self._drawn = False
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True)

    def __enter__(self) -> ProgressBar:
        if self._visible:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finished.set()
        if self._visible:
            self._thread.join()

    def print_above(self, line: str) -> None:
        """Print a line on standard error, above the bar."""
        with TERMINAL:
            click.echo((_CLEAR if self._drawn else "") + line, err=True)

    def _draw(self) -> None:
        delay = _DELAY_SECONDS
        while not self._finished.wait(delay):
            with TERMINAL:
                self._drawn = True
                sys.stderr.write(_CLEAR + self._totals.bar()[: _terminal_columns() - 1])
                sys.stderr.flush()
            delay = _REDRAW_SECONDS
        if self._drawn:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()


class StatusLine:
    """A line on standard error that says what is being measured and how far it is; only on a terminal."""

    def __init__(self, quiet: bool = False) -> None:
        self._visible = on_terminal() and not quiet
        self._drawn = 0.0

    def __call__(self, text: str, done: int, count: int) -> None:
        """Draw the line, unless it was drawn a moment ago."""
        if not self._visible or time.monotonic() - self._drawn < _STATUS_REDRAW_SECONDS:
            return
        self._drawn = time.monotonic()
        line = f"{_bar(done / count if count else 0.0)}  {done:,}/{count:,}  {text}"
        sys.stderr.write(_CLEAR + line[: _terminal_columns() - 1])
        sys.stderr.flush()

    def part(self, index: int, parts: int) -> Callable[[str, int, int], None]:
        """Return the same for one of several equal parts of the work."""
        return lambda text, done, count: self(text, index * count + done, parts * count)

    def __enter__(self) -> StatusLine:
        return self

    def __exit__(self, *error: object) -> None:
        if self._visible and self._drawn:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()


def on_terminal() -> bool:
    """Return whether standard error is a terminal; it is None if it was closed before Python started."""
    return sys.stderr is not None and sys.stderr.isatty()


def _bar(share: float) -> str:
    cells = "#" * int(share * _BAR_CELLS)
    return f"[{cells:-<{_BAR_CELLS}}] {share:4.0%}"


def _terminal_columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def readable_bytes(count: int) -> str:
    """Return a number of bytes with a unit, a power of 1000."""
    if count < 1000:
        return f"{count} B"
    power = min(len(_UNITS), int(math.log10(count)) // 3)
    return f"{count / 1000**power:.1f} {_UNITS[power - 1]}"
