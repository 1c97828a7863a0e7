"""Hold NumPy's BLAS to one thread while several Python threads multiply side by side.

Two BLAS threads for each of two Python threads on two cores take up to twice as long as either kind alone. OpenBLAS,
which NumPy's wheels bring, can be told; with another BLAS nothing is done. The setting holds for the whole process and
is restored as soon as nobody needs it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

NAMES = ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads")


@cache
def functions() -> tuple[Callable[[], int], Callable[[int], object]] | None:
    """The functions that read and set the number of BLAS threads, or None."""
    try:
        from numpy._core import _multiarray_umath  # type: ignore[attr-defined,unused-ignore]

        library = ctypes.CDLL(_multiarray_umath.__file__)  # a symbol is looked for in what it is linked with, too
    except (ImportError, OSError):
        return None
    for name in NAMES:
        try:
            return getattr(library, name.format("get")), getattr(library, name.format("set"))
        except AttributeError:
            continue
    return None


_lock = Lock()
_users = 0
_before = 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold BLAS to one thread until all callers have left the context."""
    global _users, _before
    found = functions()
    if found is None:
        yield
        return
    tell, put = found
    with _lock:
        if not _users:
            _before = tell()
            put(1)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                put(_before)
