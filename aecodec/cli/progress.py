"""What a person at a terminal sees while many files are worked on, and the line at the end."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final

import click

_DELAY_SECONDS: Final = 1.0  # shorter work shows no bar
_REDRAW_SECONDS: Final = 0.2
_BAR_CELLS: Final = 20
_UNITS: Final = ("kB", "MB", "GB", "TB")
CLEAR: Final = "\r\033[K"


@dataclass
class Totals:
    """Counts of files, and bytes of those that were done."""

    files: int
    done: int = 0
    skipped: int = 0
    failed: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    part: float = 0.0  # of the picture that is being worked on, 0 to 1
    began: float = field(default_factory=time.monotonic)

    @property
    def seen(self) -> int:
        return self.done + self.skipped + self.failed

    def tell(self, done: int, count: int) -> None:
        """So many panels of a large picture are done."""
        self.part = done / count

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def rate(self) -> str:
        """Images per second, skipped ones left out."""
        return f"{(self.done + self.failed) / max(self.seconds, 1e-9):,.1f} images/s"

    def summary(self) -> str:
        """One line for the end."""
        part = f" ({self.written_bytes / self.read_bytes:.1%})" if self.read_bytes else ""
        words = [
            f"{self.done:,} of {self.files:,} done",
            f"{sized(self.read_bytes)} -> {sized(self.written_bytes)}{part}",
            f"{self.seconds:.1f} s",
            self.rate(),
        ]
        words += [f"{self.skipped:,} skipped"] if self.skipped else []
        words += [f"{self.failed:,} failed"] if self.failed else []
        return ", ".join(words)

    def bar(self) -> str:
        """One line for the meantime."""
        share = min(1.0, (self.seen + self.part) / self.files)
        cells = "#" * int(share * _BAR_CELLS)
        saved = self.read_bytes - self.written_bytes
        balance = f"saved {sized(saved)}" if saved >= 0 else f"grew by {sized(-saved)}"
        failed = f", {self.failed:,} failed" if self.failed else ""
        return (
            f"[{cells:-<{_BAR_CELLS}}] {share:4.0%}  {self.seen:,}/{self.files:,}  {self.rate()}  {balance}"
            f"  {self.seconds:.0f} s{failed}"
        )


class Progress:
    """Draws the bar of `totals` from a thread of its own, so that it moves while one large picture takes its time."""

    def __init__(self, totals: Totals, *, visible: bool) -> None:
        self._totals = totals
        self._visible = visible
        self._drawn = False
        self._lock = threading.Lock()
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True)

    def __enter__(self) -> Progress:
        if self._visible:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finished.set()
        if self._visible:
            self._thread.join()

    def say(self, line: str) -> None:
        """A line of its own on standard error, above the bar."""
        with self._lock:
            click.echo((CLEAR if self._drawn else "") + line, err=True)

    def _draw(self) -> None:
        delay = _DELAY_SECONDS
        while not self._finished.wait(delay):
            with self._lock:
                self._drawn = True
                sys.stderr.write(CLEAR + self._totals.bar()[: columns() - 1])
                sys.stderr.flush()
            delay = _REDRAW_SECONDS
        if self._drawn:
            sys.stderr.write(CLEAR)
            sys.stderr.flush()


def columns() -> int:
    """Of the terminal that standard error is."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def sized(count: int) -> str:
    """A number of bytes for people, in powers of 1,000."""
    if count < 1000:
        return f"{count} B"
    power = min(len(_UNITS), int(math.log10(count)) // 3)
    return f"{count / 1000**power:.1f} {_UNITS[power - 1]}"
