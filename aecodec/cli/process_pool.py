"""A pool of processes that survives the death of any of them, and ends at once on Ctrl-C."""

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

_THREAD_VARIABLES: Final = (
    "AECODEC_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_TERMINATION_SECONDS: Final = 10  # for a process to clean up before it is killed


def map_unordered(
    work: Callable[[Chunk], Result], chunks: Iterable[Chunk], processes: int, threads: int = 1
) -> Iterator[tuple[Chunk, Result | None]]:
    """Yield (chunk, work(chunk)) for every chunk, in the order of completion; work has to be picklable.

    processes: how many to start at most. threads: of each process, for linear algebra. The result is None for the
    chunk of a process that died, from lack of memory for instance; another process takes its place. If the iteration
    is abandoned, by Ctrl-C say, the processes are terminated at once, and their `finally` blocks run.
    """
    queue = iter(chunks)
    busy: dict[Connection, tuple[BaseProcess, Chunk]] = {}
    idle: list[tuple[Connection, BaseProcess]] = []
    with _thread_limit(threads):
        try:
            for chunk in queue:
                connection, process = idle.pop() if idle else _start_process(work)
                busy[connection] = process, chunk
                with suppress(OSError):  # the process is dead: `_completed` reports it
                    connection.send(chunk)
                if len(busy) == processes:
                    yield from _completed(busy, idle)
            while busy:
                yield from _completed(busy, idle)
        finally:
            _terminate([*idle, *((connection, process) for connection, (process, _) in busy.items())])


def _completed(
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


def _start_process(work: Callable[[Chunk], Result]) -> tuple[Connection, BaseProcess]:
    # Spawned on every system: a fork would copy locks that threads of NumPy or TensorFlow hold.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work), daemon=True)
    with _sigint_blocked():
        process.start()
    theirs.close()
    return ours, process


def _terminate(started: list[tuple[Connection, BaseProcess]]) -> None:
    for _, process in started:
        process.terminate()
    for connection, process in started:
        connection.close()
        process.join(_TERMINATION_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()


def _serve(connection: Connection, work: Callable[[Chunk], Result]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to all processes: the parent handles it
    signal.signal(signal.SIGTERM, _exit)
    with suppress(EOFError, ConnectionError):  # the parent is gone
        while True:
            connection.send(work(connection.recv()))


def _exit(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second signal must not interrupt the cleaning up
    raise SystemExit(1)


@contextmanager
def _thread_limit(count: int) -> Iterator[None]:
    """Limit the threads for linear algebra in processes started within, unless the environment already does.

    NumPy's libraries start one thread per core in every process. With one process per core these threads would compete
    with each other, which is often several times slower.
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
def _sigint_blocked() -> Iterator[None]:
    """Defer Ctrl-C; processes started within never receive it, not even before they ignore it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
