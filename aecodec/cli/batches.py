"""One file or a million: each is done, kept or reported by itself, in this process or in several."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeAlias, TypeVar

import click

from aecodec.cli.failures import Failure, in_one_sentence
from aecodec.cli.plan import PIPE, Pair, shown
from aecodec.cli.progress import Progress, Totals
from aecodec.errors import AecError

CHUNK_FILES: Final = 128  # what a process is given at a time: enough to be coded together,
CHUNK_BYTES: Final = 1 << 20  # and not more than a second or so of work
BATCH_PIXELS = 1 << 20  # between two signs of life


class Outcome(NamedTuple):
    """What came of one file.

    remarks: conversions that the user should know of. line: what was done, where lines are wanted. failure: why nothing
    was written. skipped: the output was there already.
    """

    pair: Pair
    read_bytes: int = 0
    written_bytes: int = 0
    remarks: tuple[str, ...] = ()
    line: str = ""
    failure: str | None = None
    skipped: bool = False


Tell: TypeAlias = Callable[[int, int], None]
"""Is told how many panels are done of how many in all, of a picture that has several."""

Convert: TypeAlias = Callable[[Sequence[Pair], Tell | None], Generator[Outcome, None, None]]
"""Gives one outcome for every pair and raises nothing that a file could be the reason of. Can be pickled."""


if TYPE_CHECKING:

    class Sized(Protocol):
        """A file's content, as far as it is known before coding."""

        @property
        def pixels(self) -> int: ...


Item = TypeVar("Item", bound="Sized")
Result = TypeVar("Result")


class Loudness(NamedTuple):
    """How much is said on standard error beside failures. quiet: nothing. lines: one for every file. bar: a person is
    there, who gets a bar and a summary. summary: at the end, if there were several files.
    """

    quiet: bool
    lines: bool
    bar: bool
    summary: bool

    @classmethod
    def of(cls, quiet: bool, verbose: bool, count: int) -> Loudness:
        """For so many files, as the options want it, and as it becomes a terminal or a pipe."""
        if quiet and verbose:
            raise click.UsageError("--quiet and --verbose exclude each other")
        on_terminal = sys.stderr.isatty() and not quiet
        return cls(
            quiet=quiet,
            lines=verbose or on_terminal and count == 1,
            bar=on_terminal,
            summary=(verbose or on_terminal) and count > 1,
        )


def cores() -> int:
    """The cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def in_batches(
    pairs: Sequence[Pair],
    load: Callable[[Pair], Item | None],
    code: Callable[[Sequence[Item]], Sequence[Result]],
    finish: Callable[[Pair, Item, Result], Outcome],
) -> Generator[Outcome, None, None]:
    """Small pictures are coded together, at most BATCH_PIXELS and one picture at once.

    load: reads an input; None skips it. code: one result for each item. finish: writes the output.
    """
    batch: list[tuple[Pair, Item]] = []
    for pair in pairs:
        try:
            with _expected(pair):
                item = load(pair)
        except Failure as failure:
            yield Outcome(pair, failure=failure.format_message())
            continue
        if item is None:
            yield Outcome(pair, line=f"{shown(pair[1], is_input=False)}: is there already", skipped=True)
            continue
        batch.append((pair, item))
        if sum(item.pixels for _, item in batch) >= BATCH_PIXELS:
            yield from _coded(batch, code, finish)
            batch = []
    yield from _coded(batch, code, finish)


def _coded(
    batch: Sequence[tuple[Pair, Item]],
    code: Callable[[Sequence[Item]], Sequence[Result]],
    finish: Callable[[Pair, Item, Result], Outcome],
) -> Iterator[Outcome]:
    together: Sequence[Result | None]
    try:
        together = code([item for _, item in batch])
    except (AecError, MemoryError):
        together = [None] * len(batch)  # one of them is to blame: each by itself
    for (pair, item), result in zip(batch, together, strict=True):
        try:
            with _expected(pair):
                outcome = finish(pair, item, code([item])[0] if result is None else result)
        except Failure as failure:
            outcome = Outcome(pair, failure=failure.format_message())
        yield outcome


def _expected(pair: Pair) -> AbstractContextManager[None]:
    return in_one_sentence(shown(pair[0], is_input=True))


def run(convert: Convert, pairs: Sequence[Pair], *, jobs: int, loudness: Loudness) -> None:
    """Converts all pairs, with at most so many processes. Exits with 1 if any failed, after the others were done."""
    totals = Totals(len(pairs))
    try:
        with (
            closing(_outcomes(convert, pairs, jobs, totals.tell)) as outcomes,
            Progress(totals, visible=loudness.bar) as progress,
        ):
            for outcome in outcomes:
                _count(totals, outcome)
                if outcome.failure is not None:
                    progress.say(f"aec: {outcome.failure}")
                    continue
                if outcome.remarks and not loudness.quiet:
                    progress.say(f"aec: {shown(outcome.pair[0], is_input=True)}: {'; '.join(outcome.remarks)}")
                if outcome.line and loudness.lines:
                    progress.say(outcome.line)
    except KeyboardInterrupt:
        if len(pairs) > 1 and not loudness.quiet:
            click.echo(f"aec: interrupted: {totals.summary()}; --skip-existing goes on from here", err=True)
        raise
    if loudness.summary or totals.failed and len(pairs) > 1 and not loudness.quiet:
        click.echo(totals.summary(), err=True)
    if totals.failed:
        raise click.exceptions.Exit(1)


def _count(totals: Totals, outcome: Outcome) -> None:
    totals.part = 0.0
    if outcome.failure is not None:
        totals.failed += 1
    elif outcome.skipped:
        totals.skipped += 1
    else:
        totals.done += 1
        totals.read_bytes += outcome.read_bytes
        totals.written_bytes += outcome.written_bytes


def _outcomes(convert: Convert, pairs: Sequence[Pair], jobs: int, tell: Tell) -> Generator[Outcome, None, None]:
    alone = jobs == 1 or any(PIPE in pair for pair in pairs)  # only this process has the pipes
    chunks = [] if alone else list(_chunks(pairs))
    if len(chunks) < 2:
        yield from convert(pairs, tell)
        return
    from aecodec.cli.workers import spread  # takes time to import: a single file does without

    processes = min(jobs, len(chunks))
    for chunk, outcomes in spread(partial(_listed, convert), chunks, processes, max(1, cores() // processes)):
        if outcomes is None:
            yield from (Outcome(pair, failure=_orphaned(pair)) for pair in chunk)
        else:
            yield from outcomes


def _listed(convert: Convert, pairs: Sequence[Pair]) -> list[Outcome]:
    return list(convert(pairs, None))


def _orphaned(pair: Pair) -> str:
    return f"{shown(pair[0], is_input=True)}: the process that had this file ended early, perhaps for lack of memory"


def _chunks(pairs: Sequence[Pair]) -> Iterator[list[Pair]]:
    chunk: list[Pair] = []
    chunk_bytes = 0
    for pair in pairs:
        try:
            file_bytes = os.path.getsize(pair[0])
        except OSError:
            file_bytes = 0  # whoever reads it will say so
        if chunk and (len(chunk) == CHUNK_FILES or chunk_bytes + file_bytes > CHUNK_BYTES):
            yield chunk
            chunk, chunk_bytes = [], 0
        chunk.append(pair)
        chunk_bytes += file_bytes
    if chunk:
        yield chunk
