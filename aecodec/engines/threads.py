"""Threads for all work that is shared: panels of a large picture, parts of a batch, parts of a layer.

A *task* is a panel or a part of a batch; there are never more at work than `workers` says. A layer is cut into parts
only where threads are left over, and each part takes one of them, so that nothing that waits can keep a part from
running. NumPy's products use one thread each as soon as several tasks are in work.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

from aecodec.engines import blas
from aecodec.errors import InvalidValue

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

_In = TypeVar("_In")
_Out = TypeVar("_Out")

VARIABLES: Final = ("AECODEC_THREADS", "OMP_NUM_THREADS")  # the first that is set counts
_local = threading.local()


class _Budget:
    """The threads at work; tasks wait for one, parts of layers take what is left."""

    def __init__(self) -> None:
        self.used = 0
        self.changed = threading.Condition()

    def wait(self) -> None:
        """Take one thread, as soon as there is one."""
        with self.changed:
            self.changed.wait_for(lambda: self.used < workers())
            self.used += 1

    def take(self, most: int) -> int:
        """Take up to so many threads; returns how many."""
        with self.changed:
            found = max(0, min(most, workers() - self.used))
            self.used += found
        return found

    def give(self, count: int) -> None:
        """Give threads back."""
        with self.changed:
            self.used -= count
            self.changed.notify_all()


def workers() -> int:
    """The number of threads to use.

    As AECODEC_THREADS or OMP_NUM_THREADS says; otherwise one in a process that multiprocessing started, and all cores
    that the process may use in others. Raises InvalidValue for an AECODEC_THREADS that is no number.
    """
    for name in VARIABLES:
        allowed = os.environ.get(name, "")
        if allowed.isdecimal():
            return max(1, int(allowed))
        if allowed and name == VARIABLES[0]:  # the other has forms that mean something to OpenMP
            raise InvalidValue(f"{name}={allowed} is not a number of threads")
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        return 1  # whoever starts processes, a data loader for one, has them share the cores
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _budget(process: int) -> _Budget:
    """The budget of a process; a forked one begins anew."""
    return _Budget()


@cache
def _pool(process: int, count: int, use: str) -> ThreadPoolExecutor:
    """The threads of a process for one use; a forked one needs its own."""
    from concurrent.futures import ThreadPoolExecutor  # slow to import, and small pictures do not need it

    return ThreadPoolExecutor(count, f"aecodec-{use}")


def alone() -> bool:
    """Whether this thread hands out no tasks: it does one itself, or is the only thread."""
    return getattr(_local, "busy", False) or workers() == 1


def in_threads(work: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """`map` in the pool, results in order; at most one item more than there are threads is in flight.

    An error cancels the items that have not begun. With several items, or a single worker, NumPy's products use one
    thread each.
    """
    if alone():
        with blas.one_thread() if workers() == 1 else nullcontext():  # in a process of many, cores are shared
            yield from map(work, items)
        return
    count = workers()
    budget, pool = _budget(os.getpid()), _pool(os.getpid(), count, "task")

    def task(item: _In) -> _Out:
        budget.wait()
        _local.busy = True
        try:
            return work(item)
        finally:
            _local.busy = False
            budget.give(1)

    with ExitStack() as stack:
        waiting: deque[Future[_Out]] = deque()
        try:
            for index, item in enumerate(items):
                if index == 1:
                    stack.enter_context(blas.one_thread())
                waiting.append(pool.submit(task, item))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def in_parts(work: Callable[[int, int], object], total: int, shared: bool) -> None:
    """Call work(begin, end) so that 0..total is covered: in one part or, if shared, in one for each free thread."""
    if not shared or workers() == 1:
        work(0, total)
        return
    budget = _budget(os.getpid())
    own = 0 if getattr(_local, "busy", False) else budget.take(1)
    extra = budget.take(min(workers() - 1, total - 1))
    begins = [total * i // (extra + 1) for i in range(extra + 2)]
    waiting: list[Future[object]] = []
    try:
        for part in zip(begins[1:], begins[2:], strict=False):
            waiting.append(_pool(os.getpid(), workers(), "part").submit(work, *part))
        work(*begins[:2])
    finally:
        # Whatever happened here: the arrays must outlive the parts that work on them.
        errors = [future.exception() for future in waiting]
        budget.give(own + extra)
    for error in filter(None, errors):
        raise error
