"""Streams that are coded as one come back, and take fewer bytes than each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecodec.errors import AecError
from aecodec.packing import CODERS, Coded, joined, pack, parametric

TABLES = parametric(skip=3)


def coded(seed: int, streams: int, sizes: list[int]) -> Coded:
    random = np.random.default_rng(seed)
    classes = [random.integers(0, 40, (streams, size), dtype=np.uint8) for size in sizes]
    residuals = [np.where(c < 3, 0, random.integers(-9, 10, c.shape)).astype(np.int32) for c in classes]
    return Coded(residuals, classes)


@given(st.integers(0, 99), st.integers(1, 5), st.lists(st.integers(0, 30), max_size=4), st.sampled_from(sorted(CODERS)))
def test_all_streams_come_back(seed: int, streams: int, sizes: list[int], name: str) -> None:
    given_streams = coded(seed, streams, sizes or [0])
    payload = joined.pack(name, TABLES, given_streams)
    decoder = joined.Decoder(name, TABLES, payload, streams * sum(sizes))
    for residuals, classes in zip(given_streams.residuals, given_streams.classes, strict=True):
        assert np.array_equal(decoder.read(classes), residuals)
    decoder.finish()


@pytest.mark.parametrize("name", sorted(CODERS))
def test_damage_is_noticed(name: str) -> None:
    some = coded(1, 4, [20, 30])
    payload = joined.pack(name, TABLES, some)
    for at in range(len(payload)):
        changed = bytearray(payload)
        changed[at] ^= 4
        found = []
        try:
            decoder = joined.Decoder(name, TABLES, bytes(changed), 200)
            found = [decoder.read(classes) for classes in some.classes]
            decoder.finish()
        except AecError:
            continue
        assert name == "zstd", "a zstd frame has bits that its content does not depend on"
        assert all(np.array_equal(*both) for both in zip(found, some.residuals, strict=True))


def test_streams_together_take_fewer_bytes_than_each_alone() -> None:
    some = coded(2, 50, [40])
    alone = pack("rans", TABLES, some.residuals, some.classes, [0xABCD1234] * 50)
    assert len(joined.pack("rans", TABLES, some)) < sum(map(len, alone)) - 2 * 49
