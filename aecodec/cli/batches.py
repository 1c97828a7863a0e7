"""Conversion of any number of files, in one process or several: each file is converted, skipped or reported alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeAlias, TypeVar

import click

from aecodec.cli.failures import Failure, expected_errors
from aecodec.cli.file_pairs import PIPE, FilePair
from aecodec.cli.library_messages import Message, collected, summary
from aecodec.cli.progress import ProgressBar, Totals, on_terminal
from aecodec.errors import AecError
from aecodec.format.panels import Progress

# Chunks are what a process gets at a time: enough files to be coded together, and about a second of work.
CHUNK_FILES: Final = 128
CHUNK_BYTES: Final = 1 << 20
BATCH_PIXELS = 1 << 20  # coded together, between two updates of the progress bar


class Outcome(NamedTuple):
    """The outcome for one file.

    conversions: what the user should know of the conversion, such as a changed mode. line: what was done, for verbose
    output. failure: why nothing was written. skipped: whether the output existed already. messages: what libraries said
    about the file.
    """

    pair: FilePair
    read_bytes: int = 0
    written_bytes: int = 0
    conversions: tuple[str, ...] = ()
    line: str = ""
    failure: str | None = None
    skipped: bool = False
    messages: tuple[Message, ...] = ()


Convert: TypeAlias = Callable[[Sequence[FilePair], Progress | None], Generator[Outcome, None, None]]
"""Yields one outcome for every pair, and raises nothing that a file may cause. Picklable.

The second argument is called with panels done and panels in all, for pictures of several panels.
"""


if TYPE_CHECKING:

    class Sized(Protocol):
        """A loaded file whose number of pixels is known."""

        @property
        def pixels(self) -> int:
            """The number of pixels of the picture."""


Item = TypeVar("Item", bound="Sized")
Result = TypeVar("Result")


class Verbosity(NamedTuple):
    """What to print on standard error apart from failures.

    quiet: nothing. originals: what libraries said about a file, in their words. lines: a line for every file. bar: a
    progress bar. summary: a line at the end.
    """

    quiet: bool
    originals: bool
    lines: bool
    bar: bool
    summary: bool

    @classmethod
    def choose(cls, quiet: bool, verbose: bool, files: int) -> Verbosity:
        """Follow the options --quiet and --verbose, the number of files, and whether standard error is a terminal."""
        shown = on_terminal() and not quiet
        return cls(
            quiet=quiet,
            originals=verbose,
            lines=verbose or shown and files == 1,
            bar=shown,
            summary=(verbose or shown) and files > 1,
        )


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def convert_in_batches(
    pairs: Sequence[FilePair],
    load: Callable[[FilePair], Item | None],
    code: Callable[[Sequence[Item]], Sequence[Result]],
    finish: Callable[[FilePair, Item, Result], Outcome],
) -> Generator[Outcome, None, None]:
    """Convert files; small pictures are coded together, up to BATCH_PIXELS and one picture at a time.

    load: reads an input; None skips it. code: returns one result for each item. finish: writes the output.
    """
    batch: list[tuple[FilePair, Item, tuple[Message, ...]]] = []
    for pair in pairs:
        failure = None
        with collected() as messages:
            try:
                with expected_errors(pair.source_name):
                    item = load(pair)
            except Failure as error:
                failure = error.format_message()
        if failure is not None:
            yield Outcome(pair, failure=failure, messages=tuple(messages))
            continue
        if item is None:
            yield Outcome(pair, line=f"{pair.target_name}: already exists, skipped", skipped=True)
            continue
        batch.append((pair, item, tuple(messages)))
        if sum(item.pixels for _, item, _ in batch) >= BATCH_PIXELS:
            yield from _convert_batch(batch, code, finish)
            batch = []
    yield from _convert_batch(batch, code, finish)


def _convert_batch(
    batch: Sequence[tuple[FilePair, Item, tuple[Message, ...]]],
    code: Callable[[Sequence[Item]], Sequence[Result]],
    finish: Callable[[FilePair, Item, Result], Outcome],
) -> Iterator[Outcome]:
    results: Sequence[Result | None]
    try:
        results = code([item for _, item, _ in batch])
    except (AecError, MemoryError):
        results = [None] * len(batch)  # one file is to blame: code each alone
    for (pair, item, before), result in zip(batch, results, strict=True):
        with collected() as messages:
            try:
                with expected_errors(pair.source_name):
                    outcome = finish(pair, item, code([item])[0] if result is None else result)
            except Failure as failure:
                outcome = Outcome(pair, failure=failure.format_message())
        yield outcome._replace(messages=(*before, *messages))


def run(convert: Convert, pairs: Sequence[FilePair], *, jobs: int, verbosity: Verbosity) -> None:
    """Convert all pairs in at most `jobs` processes. Exit with 1 at the end if any failed."""
    totals = Totals(len(pairs))
    try:
        with (
            closing(_outcomes(convert, pairs, jobs, totals.report_panels)) as outcomes,
            ProgressBar(totals, visible=verbosity.bar) as bar,
        ):
            for outcome in outcomes:
                _count(totals, outcome)
                if outcome.line and len(pairs) == 1 and not outcome.skipped:
                    outcome = outcome._replace(line=f"{outcome.line}, {totals.seconds:.1f} s")
                _report(outcome, bar, verbosity)
    except KeyboardInterrupt:
        if len(pairs) > 1 and not verbosity.quiet:
            click.echo(f"aec: interrupted: {totals.summary()}; use --skip-existing to resume", err=True)
        raise
    if verbosity.summary or totals.failed and len(pairs) > 1 and not verbosity.quiet:
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


def _report(outcome: Outcome, bar: ProgressBar, verbosity: Verbosity) -> None:
    notes = (*outcome.conversions, *summary(outcome.messages))
    if outcome.failure is not None:
        bar.print_above(f"aec: {outcome.failure}")
    elif notes and not verbosity.quiet:
        bar.print_above(f"aec: {outcome.pair.source_name}: {'; '.join(notes)}")
    for message in outcome.messages if verbosity.originals else ():
        bar.print_above(f"  {message.original}")
    if outcome.line and verbosity.lines:
        bar.print_above(outcome.line)


def _outcomes(
    convert: Convert, pairs: Sequence[FilePair], jobs: int, progress: Progress
) -> Generator[Outcome, None, None]:
    in_this_process = jobs == 1 or any(PIPE in pair for pair in pairs)  # other processes do not have the pipes
    chunks = [] if in_this_process else list(_chunks(pairs))
    if len(chunks) < 2:
        yield from convert(pairs, progress)
        return
    from aecodec.cli.process_pool import map_unordered  # slow to import, and a single file does not need it

    processes = min(jobs, len(chunks))
    threads = max(1, available_cores() // processes)
    for chunk, outcomes in map_unordered(partial(_convert_chunk, convert), chunks, processes, threads):
        if outcomes is None:
            yield from (Outcome(pair, failure=_process_died(pair)) for pair in chunk)
        else:
            yield from outcomes


def _convert_chunk(convert: Convert, pairs: Sequence[FilePair]) -> list[Outcome]:
    return list(convert(pairs, None))


def _process_died(pair: FilePair) -> str:
    return f"{pair.source_name}: the process working on this file died, perhaps for lack of memory"


def _chunks(pairs: Sequence[FilePair]) -> Iterator[list[FilePair]]:
    chunk: list[FilePair] = []
    chunk_bytes = 0
    for pair in pairs:
        try:
            file_bytes = os.path.getsize(pair.source)
        except OSError:
            file_bytes = 0  # reported when the file is read
        if chunk and (len(chunk) == CHUNK_FILES or chunk_bytes + file_bytes > CHUNK_BYTES):
            yield chunk
            chunk, chunk_bytes = [], 0
        chunk.append(pair)
        chunk_bytes += file_bytes
    if chunk:
        yield chunk
