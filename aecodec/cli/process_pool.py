"""Work spread over processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final, TypeVar, cast

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")

_THREAD_VARIABLES: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_PATIENCE_SECONDS: Final = 10  # for a process to tidy up after it was told to end


def spread(
    work: Callable[[Chunk], Result], chunks: Iterable[Chunk], processes: int, threads: int = 1
) -> Iterator[tuple[Chunk, Result | None]]:
    """(chunk, work(chunk)) for every chunk as it is done, in any order, by so many processes of so many threads.

    A process that dies, of too little memory for instance, takes its chunk with it, whose result is None; another
    one takes its place. When the iteration is left early, by Ctrl-C say, the processes end at once, each after
    tidying up (`finally` runs).
    """
    queue = iter(chunks)
    busy: dict[Connection, tuple[BaseProcess, Chunk]] = {}
    idle: list[tuple[Connection, BaseProcess]] = []
    with _threads(threads):
        try:
            for chunk in queue:
                connection, process = idle.pop() if idle else _start(work)
                busy[connection] = process, chunk
                with suppress(OSError):  # it is dead: no result will come
                    connection.send(chunk)
                if len(busy) == processes:
                    yield from _finished(busy, idle)
            while busy:
                yield from _finished(busy, idle)
        finally:
            _end([*idle, *((connection, process) for connection, (process, _) in busy.items())])


def _finished(
    busy: dict[Connection, tuple[BaseProcess, Chunk]], idle: list[tuple[Connection, BaseProcess]]
) -> Iterator[tuple[Chunk, Result | None]]:
    for ready in wait(list(busy)):
        connection = cast(Connection, ready)
        process, chunk = busy[connection]
        try:
            result: Result | None = connection.recv()
            idle.append((connection, process))
        except (EOFError, OSError):
            result = None
            connection.close()
            process.join()
        del busy[connection]
        yield chunk, result


def _start(work: Callable[[Chunk], Result]) -> tuple[Connection, BaseProcess]:
    # Spawned, on every system alike: a fork would copy the threads' locks of NumPy's and TensorFlow's libraries.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work), daemon=True)
    with _interrupts_blocked():
        process.start()
    theirs.close()
    return ours, process


def _end(started: list[tuple[Connection, BaseProcess]]) -> None:
    for _, process in started:
        process.terminate()
    for connection, process in started:
        connection.close()
        process.join(_PATIENCE_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()


def _serve(connection: Connection, work: Callable[[Chunk], Result]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to all: it is for the first one to act on
    signal.signal(signal.SIGTERM, _leave)
    with suppress(EOFError, ConnectionError):  # the first one is gone
        while True:
            connection.send(work(connection.recv()))


def _leave(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: tidying up is not to be interrupted
    raise SystemExit(1)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """So many threads for the linear algebra of each process that is started in here.

    NumPy's libraries start a thread a core in every process unless the environment says otherwise when they are
    loaded. With a process a core these threads would only be in each other's way: often several times slower.
    """
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    for name, value in before.items():
        if value is None:
            os.environ[name] = str(count)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Ctrl-C waits; processes started in here never get it, not even before they could say that they ignore it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
