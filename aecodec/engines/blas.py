"""Holding NumPy's BLAS to one thread while several Python threads multiply side by side.

Two of one beside two of the other on two cores take up to twice as long as either alone. OpenBLAS, which NumPy's wheels
bring, has functions for that; where they are not found (another BLAS, Windows) nothing is done. The setting is that of
the whole process, so it is put back as soon as nobody needs it.
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
    """What tells and what sets the number of threads, or None."""
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
    """One BLAS thread until all who asked for it are done."""
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
