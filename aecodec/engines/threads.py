"""One pool of threads for all work that is shared: panels of a large picture, parts of a batch, parts of a layer.

Work that is handed out hands nothing out itself: a thread of the pool does its part alone. So there are never more
threads at work than `workers` says, and NumPy's products use one thread each as soon as several parts are in work.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

from aecodec.engines import blas

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

_In = TypeVar("_In")
_Out = TypeVar("_Out")

VARIABLES: Final = ("AECODEC_THREADS", "OMP_NUM_THREADS")  # the first that is set counts
_local = threading.local()


def workers() -> int:
    """The number of threads to use: as AECODEC_THREADS or OMP_NUM_THREADS says; otherwise all cores that we may use."""
    for name in VARIABLES:
        allowed = os.environ.get(name, "")
        if allowed.isdecimal():
            return max(1, int(allowed))
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _pool(process: int, count: int) -> ThreadPoolExecutor:
    """The pool of a process; a forked one needs its own."""
    from concurrent.futures import ThreadPoolExecutor  # slow to import, and small pictures do not need it

    return ThreadPoolExecutor(count, "aecodec", _mark)


def _mark() -> None:
    _local.busy = True


def alone() -> bool:
    """Whether this thread may not hand out work: it has been handed some itself, or is the only one."""
    return getattr(_local, "busy", False) or workers() == 1


def in_threads(work: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """`map` in the pool, results in order; at most one item more than there are threads is in flight.

    An error cancels the items that have not begun. With several items, NumPy's products use one thread each.
    """
    if alone():
        yield from map(work, items)
        return
    count = workers()
    pool = _pool(os.getpid(), count)
    with ExitStack() as stack:
        waiting: deque[Future[_Out]] = deque()
        try:
            for index, item in enumerate(items):
                if index == 1:
                    stack.enter_context(blas.one_thread())
                waiting.append(pool.submit(work, item))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def parts(total: int, shared: bool) -> list[tuple[int, int]]:
    """Cut 0..total into one part for each thread, or into a single one: (begin, end) each."""
    count = 1 if not shared or alone() else max(1, min(workers(), total))
    return [(total * i // count, total * (i + 1) // count) for i in range(count)]


def share_out(work: Callable[[_In], object], items: Sequence[_In]) -> None:
    """Do the first item in this thread and the others in the pool, at the same time."""
    if len(items) == 1:
        work(items[0])
        return
    waiting = [_pool(os.getpid(), workers()).submit(work, item) for item in items[1:]]
    work(items[0])
    for future in waiting:
        future.result()
