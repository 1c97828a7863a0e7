"""Work shared by threads: panels of a large picture, parts of a batch."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from aecodec.engines import blas

if TYPE_CHECKING:
    from concurrent.futures import Future

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def workers() -> int:
    """Threads that panels are shared by: what OMP_NUM_THREADS allows, as it limits NumPy's own; else all cores."""
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(allowed)) if allowed.isdecimal() else os.cpu_count() or 1


def in_threads(work: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """`map`, a few at once: never more than one for each thread and one more, and an error stops what is to come. With
    several items each has one thread, NumPy's products too.
    """
    count = workers()
    if count == 1:
        yield from map(work, items)
        return
    from concurrent.futures import ThreadPoolExecutor  # which takes time to import: small pictures do without

    with ExitStack() as stack, ThreadPoolExecutor(count) as pool:
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
