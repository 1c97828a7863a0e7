"""A process that is to use one thread does not use more through NumPy's products."""

from __future__ import annotations

import pytest

from aecodec.engines import blas, threads


def test_a_single_worker_holds_products_to_one_thread_and_lets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    found = blas.functions()
    if found is None:
        pytest.skip("NumPy has another BLAS than OpenBLAS")
    tell, put = found
    before = tell()
    monkeypatch.setenv("AECODEC_THREADS", "1")
    put(2)
    try:
        assert list(threads.in_threads(lambda _: tell(), range(2))) == [1, 1]
        assert tell() == 2
    finally:
        put(before)
