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
    """The number of threads to use: OMP_NUM_THREADS if set, as it limits NumPy's own threads; otherwise all cores."""
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(allowed)) if allowed.isdecimal() else os.cpu_count() or 1


def in_threads(work: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """`map` in threads, results in order; at most one item more than there are threads is in flight.

    An error cancels the items that have not begun. With several items, NumPy's products use one thread each.
    """
    count = workers()
    if count == 1:
        yield from map(work, items)
        return
    from concurrent.futures import ThreadPoolExecutor  # slow to import, and small pictures do not need it

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
