"""Claims about the packings: exact inverses, close to the ideal length, and no way to fail but AecError."""

from __future__ import annotations

import contextlib
import dataclasses
import zlib
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aecodec.errors import (
    AecError,
    ChecksumMismatch,
    InvalidModelFile,
    InvalidValue,
    TrailingBytes,
    TruncatedFile,
)
from aecodec.packing import (
    CODERS,
    Tables,
    frames,
    ideal_bits,
    pack,
    parametric,
    quantize_probabilities,
    rans,
    unpacker,
    zstd,
)

Elements: TypeAlias = list[np.ndarray]  # one array for each part of a file, (streams, elements)

LOGISTIC = parametric()
NARROW = Tables(np.zeros(64, int), np.arange(64) % 16, 3, np.tile([4095, 1], 64))
WIDE = Tables(
    np.full(64, 63), np.zeros(64, int), 0, np.tile(np.append(np.full(127, 1), 4096 - 127), 64)
)  # all but the escape as improbable as can be
# small integers, so that its golden bytes depend on no floating point
PLAIN = Tables(np.full(64, 2), np.arange(64) // 4, 1, np.tile([200, 600, 2400, 700, 190, 6], 64))
TABLES = {
    "plain": PLAIN,
    "logistic": LOGISTIC,
    "skipping": dataclasses.replace(LOGISTIC, skip=9),
    "narrow": NARROW,
    "wide": WIDE,
}


def checksums(residuals: Elements) -> list[int]:
    return [zlib.crc32(b"".join(np.int32(r[s]).tobytes() for r in residuals)) for s in range(len(residuals[0]))]


def decode(name: str, tables: Tables, payloads: list[bytes], classes: Elements) -> Elements:
    decoder = unpacker(name, tables, payloads, sum(c.shape[1] for c in classes))
    residuals = [decoder.read(c) for c in classes]
    decoder.finish(checksums(residuals))
    return residuals


def draw(
    rng: np.random.Generator, streams: int, sizes: list[int], low: int = 11, high: int = 28
) -> tuple[Elements, Elements]:
    """Half of the elements nearly certain, sigma < 0.4 steps; the others up to sigma = 4 steps."""
    residuals, classes = [], []
    for size in sizes:
        shape = (streams, size)
        c = np.where(rng.random(shape) < 0.5, rng.integers(0, low, shape), rng.integers(low, high, shape))
        u = rng.random(shape)
        r = np.round(np.log(u / (1 - u)) * 2.0 ** ((c - 17) / 5) * np.sqrt(3) / np.pi)
        residuals.append(r.astype(np.int32))
        classes.append(c.astype(np.uint8))
    return residuals, classes


@st.composite
def sequences(draw: st.DrawFn) -> tuple[Tables, Elements, Elements]:
    tables = TABLES[draw(st.sampled_from(sorted(TABLES)))]
    streams = draw(st.integers(1, 3))
    residuals, classes = [], []
    for size in draw(st.lists(st.integers(0, 12), min_size=1, max_size=4)):
        n = streams * size
        edges = st.sampled_from([0, 0, 0, -1, 1, 64, -64, 1 << 20, -1 << 20, 32767, -32768])
        r = draw(st.lists(edges | st.integers(-300, 300) | st.integers(-1 << 20, 1 << 20), min_size=n, max_size=n))
        drawn = draw(st.lists(st.sampled_from([0, 63]) | st.integers(0, 63), min_size=n, max_size=n))
        c = np.array(drawn, np.uint8).reshape(streams, size)
        residuals.append(np.where(c >= tables.skip, np.array(r, np.int32).reshape(streams, size), 0))
        classes.append(c)
    return tables, residuals, classes


@pytest.mark.parametrize("name", CODERS)
@settings(max_examples=60, deadline=None)
@given(sequence=sequences())
def test_whatever_is_packed_is_read_back(name: str, sequence: tuple[Tables, Elements, Elements]) -> None:
    tables, residuals, classes = sequence
    payloads = pack(name, tables, residuals, classes, checksums(residuals))
    for r, back in zip(residuals, decode(name, tables, payloads, classes), strict=True):
        assert back.dtype == np.int32
        np.testing.assert_array_equal(back, r)


@pytest.mark.parametrize("scalar_lanes", [0, 10**6])
@pytest.mark.parametrize("streams", [1, 3])
def test_many_lanes_are_read_back_and_both_ways_to_compute_them_agree(
    monkeypatch: pytest.MonkeyPatch, scalar_lanes: int, streams: int
) -> None:
    monkeypatch.setattr(rans, "ELEMENTS_PER_LANE", 50)
    residuals, classes = draw(np.random.default_rng(1), streams, [0, 1, 6, 100, 249])
    checks = checksums(residuals)
    expected = [
        pack("rans", LOGISTIC, [r[s : s + 1] for r in residuals], [c[s : s + 1] for c in classes], [checks[s]])[0]
        for s in range(streams)
    ]
    monkeypatch.setattr(rans, "SCALAR_LANES", scalar_lanes)
    assert rans.lanes_for(356) == 7
    payloads = pack("rans", LOGISTIC, residuals, classes, checks)
    assert payloads == expected
    for r, back in zip(residuals, decode("rans", LOGISTIC, payloads, classes), strict=True):
        np.testing.assert_array_equal(back, r)


@pytest.mark.parametrize("name", CODERS)
def test_a_batch_packs_to_what_each_packs_to_alone(name: str) -> None:
    residuals, classes = draw(np.random.default_rng(2), 70, [16, 16, 100])
    checks = checksums(residuals)
    payloads = pack(name, LOGISTIC, residuals, classes, checks)
    decoded = decode(name, LOGISTIC, payloads, classes)
    for s in range(70):
        r, c = [r[s : s + 1] for r in residuals], [c[s : s + 1] for c in classes]
        assert pack(name, LOGISTIC, r, c, checks[s : s + 1]) == [payloads[s]]
        for one, all_ in zip(decode(name, LOGISTIC, [payloads[s]], c), decoded, strict=True):
            np.testing.assert_array_equal(one[0], all_[s])


@pytest.mark.parametrize("name", CODERS)
def test_nothing_to_code_is_a_checksum_alone(name: str) -> None:
    tables = dataclasses.replace(LOGISTIC, skip=64)
    residuals, classes = [np.zeros((2, 50), np.int32)], [np.full((2, 50), 63, np.uint8)]
    payloads = pack(name, tables, residuals, classes, [0x12340000, 0])
    # rans: 16 bits, in no bytes if they are 0; zstd: two bytes of frame header, an empty block, the checksum
    empty = b"\0\0\1\0\0"
    assert payloads == {"rans": [b"\x12\x34", b""], "zstd": [empty + b"\0\0\x34\x12", empty + bytes(4)]}[name]
    decoder = unpacker(name, tables, payloads, 50)
    assert not decoder.read(classes[0]).any()
    decoder.finish([0x12340000, 0])


@pytest.mark.parametrize("name", CODERS)
def test_no_streams_and_no_elements(name: str) -> None:
    empty = [np.zeros((0, 5), np.int32)]
    assert pack(name, LOGISTIC, empty, empty, []) == []
    assert unpacker(name, LOGISTIC, [], 5).read(empty[0]).shape == (0, 5)
    payloads = pack(name, LOGISTIC, [], [], [77])
    unpacker(name, LOGISTIC, payloads, 0).finish([77])


def test_the_bytes_of_a_small_sequence() -> None:
    residuals = [np.array([[0, 1, -1, 0]], np.int32), np.array([[5, -40, 300, 0, 2000, -1 << 20]], np.int32)]
    classes = [np.array([[0, 17, 12, 3]], np.uint8), np.array([[22, 30, 50, 17, 5, 63]], np.uint8)]
    golden = {
        "rans": "089c7f861e56c1fef7f26e5809006c00",
        "zstd": "00007100005fa9b9c06f0840737fcf37f75fe00df0feca",
    }
    for name, literal in golden.items():
        payload = bytes.fromhex(literal)
        assert pack(name, PLAIN, residuals, classes, [0xCAFEF00D])[0].hex() == payload.hex()
        decoder = unpacker(name, PLAIN, [payload], 10)
        for r, c in zip(residuals, classes, strict=True):
            np.testing.assert_array_equal(decoder.read(c), r)
        decoder.finish([0xCAFEF00D])


@pytest.mark.parametrize("name", CODERS)
@pytest.mark.parametrize("lanes", [1, 3])
def test_every_truncation_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str, lanes: int) -> None:
    monkeypatch.setattr(rans, "lanes_for", lambda elements: lanes)
    residuals, classes = draw(np.random.default_rng(3), 1, [20, 60, 100])
    payload = pack(name, LOGISTIC, residuals, classes, checksums(residuals))[0]
    for length in range(len(payload)):
        with pytest.raises(AecError):
            decode(name, LOGISTIC, [payload[:length]], classes)
    with pytest.raises(TruncatedFile):
        decode(name, LOGISTIC, [payload[:2]], classes)


@pytest.mark.parametrize("name", CODERS)
@pytest.mark.parametrize("lanes", [1, 3])
def test_every_damaged_byte_is_an_error_or_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, name: str, lanes: int
) -> None:
    monkeypatch.setattr(rans, "lanes_for", lambda elements: lanes)
    residuals, classes = draw(np.random.default_rng(4), 1, [20, 60, 100])
    payload = pack(name, LOGISTIC, residuals, classes, checksums(residuals))[0]
    silent = 0
    for at in range(len(payload)):
        for mask in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            damaged = bytearray(payload)
            damaged[at] ^= mask
            try:
                decoded = decode(name, LOGISTIC, [bytes(damaged)], classes)
            except AecError:
                continue
            silent += 1
            for r, back in zip(residuals, decoded, strict=True):
                np.testing.assert_array_equal(back, r)
    # a zstd frame has bits that its content does not depend on, as the window's size; a rans payload has none
    assert silent <= {"rans": 0, "zstd": 12}[name]


@pytest.mark.parametrize("name", CODERS)
def test_appended_bytes_are_an_error(name: str) -> None:
    residuals, classes = draw(np.random.default_rng(5), 1, [40, 160])
    payload = pack(name, LOGISTIC, residuals, classes, checksums(residuals))[0]
    for tail in (b"\0", b"\xff", b"\0\0\0\0", payload):
        with pytest.raises(AecError):
            decode(name, LOGISTIC, [payload + tail], classes)


@pytest.mark.parametrize("name", CODERS)
def test_errors_name_their_kind_and_stream(name: str) -> None:
    residuals, classes = draw(np.random.default_rng(6), 3, [50, 150])
    checks = checksums(residuals)
    payloads = pack(name, LOGISTIC, residuals, classes, checks)

    def finish(payloads: list[bytes], checks: list[int]) -> None:
        decoder = unpacker(name, LOGISTIC, payloads, 200)
        for c in classes:
            decoder.read(c)
        decoder.finish(checks)

    finish(payloads, checks)
    with pytest.raises(AecError, match="stream 1"):
        finish([payloads[0], payloads[1][:-1], payloads[2]], checks)
    with pytest.raises((ChecksumMismatch, TruncatedFile), match="stream 2"):
        finish(payloads, [*checks[:2], checks[2] ^ 0x55])
    with pytest.raises(InvalidValue, match="deflate"):
        pack("deflate", LOGISTIC, residuals, classes, checks)


@pytest.mark.parametrize("name", CODERS)
@settings(max_examples=150, deadline=None)
@given(payload=st.binary(max_size=60), c=st.integers(0, 63), table=st.sampled_from(sorted(TABLES)))
def test_any_bytes_decode_or_raise_aecerror(name: str, payload: bytes, c: int, table: str) -> None:
    classes = [np.full((1, 7), c, np.uint8), np.arange(0, 64, 3, dtype=np.uint8)[None]]
    with contextlib.suppress(AecError):
        decode(name, TABLES[table], [payload], classes)


@pytest.mark.parametrize("lanes", [1, 3])
@settings(max_examples=150, deadline=None)
@given(payload=st.binary(max_size=60), c=st.integers(0, 63))
def test_scalar_and_array_decoding_agree_on_any_bytes(lanes: int, payload: bytes, c: int) -> None:
    classes = np.concatenate([np.full((1, 40), c), np.arange(0, 63, 3)[None]], axis=1)
    outcomes: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rans, "lanes_for", lambda elements: lanes)
        for scalar_lanes in (0, 100):
            patch.setattr(rans, "SCALAR_LANES", scalar_lanes)
            try:
                decoder = rans.Decoder(LOGISTIC, [payload], classes.size)
                residuals = decoder.read(classes)
                outcomes.append((residuals.tolist(), decoder.states.tolist(), decoder.positions.tolist()))
            except AecError as error:
                outcomes.append(repr(error))
    assert outcomes[0] == outcomes[1]


@settings(max_examples=150, deadline=None)
@given(payload=st.binary(max_size=30), c=st.integers(0, 63), size=st.integers(0, 60))
def test_a_short_payload_that_decodes_is_the_one_that_is_written(payload: bytes, c: int, size: int) -> None:
    classes = np.full((1, size), c, np.uint8)
    try:
        decoder = rans.Decoder(LOGISTIC, [payload], size)
        residuals = decoder.read(classes)
    except AecError:
        return
    with contextlib.suppress(AecError):
        decoder.finish([0])  # the lane takes what is left
    check = int(decoder.states[0, 0])
    if decoder.positions[0] == len(payload) and check < 1 << 16:
        assert pack("rans", LOGISTIC, [residuals], [classes], [check]) == [payload]


def test_a_zstd_bomb_is_refused() -> None:
    bomb = frames.compress(bytes(10_000_000), zstd.LEVELS)
    with pytest.raises(TrailingBytes):
        unpacker("zstd", LOGISTIC, [bomb + bytes(4)], 1000)


def test_values_out_of_range_are_refused() -> None:
    one = np.ones((1, 1), np.int32)
    with pytest.raises(InvalidValue):
        pack("rans", LOGISTIC, [one << 21], [one], [0])
    with pytest.raises(InvalidValue):
        pack("rans", LOGISTIC, [one], [one * 64], [0])
    with pytest.raises(InvalidValue):
        pack("rans", dataclasses.replace(LOGISTIC, skip=2), [one], [one], [0])


@pytest.mark.parametrize(
    "change",
    [
        {"extents": np.full(64, 64)},
        {"extents": np.zeros(63, int)},
        {"shifts": np.full(64, 16)},
        {"shifts": np.full(64, 0.5)},
        {"skip": 65},
        {"skip": -1},
        {"frequencies": LOGISTIC.frequencies[:-1]},
        {"frequencies": LOGISTIC.frequencies + 1},
        {"frequencies": np.append(0, LOGISTIC.frequencies[1:])},
    ],
)
def test_tables_that_break_a_bound_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidModelFile):
        dataclasses.replace(LOGISTIC, **change)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=12))
def test_frequencies_are_the_best_of_their_sum(counts: list[float]) -> None:
    f = quantize_probabilities(counts)
    assert f.sum() == 4096 and f.min() >= 1
    p = np.array(counts)
    bits = -(p * np.log2(f)).sum()
    for i in range(f.size):
        for j in range(f.size):
            if i != j and f[j] > 1:
                g = f.copy()
                g[i] += 1
                g[j] -= 1
                assert -(p * np.log2(g)).sum() >= bits - 1e-9 * (1 + abs(bits))


def test_the_ideal_code_length_counts_escapes_and_raw_bits() -> None:
    frequencies = np.concatenate([[1024, 1024, 1024, 1024], np.tile([4095, 1], 63)])
    extents = np.append(1, np.zeros(63, int))
    tables = Tables(extents, np.append([0, 3], np.zeros(62, int)), 0, frequencies)
    r = np.array([[0, -1, 2, -3, 1 << 20]])  # n = 1, 2, 2^20 - 1
    assert tables.bits(r, np.zeros((1, 5), int)).tolist() == [[2, 2, 2 + 1 + 1, 2 + 1 + 3, 2 + 1 + 19 * 2 + 1]]
    assert tables.bits(np.array([7]), np.array([1])) == pytest.approx(3 + 12 - np.log2(4095))
    assert dataclasses.replace(tables, skip=1).bits(r * 0, np.zeros((1, 5), int)).sum() == 0


def test_every_slot_is_one_rank_of_one_value() -> None:
    for tables in TABLES.values():
        entries = rans.slots(tables).reshape(72, 4096)
        value, f, rank = entries & 127, entries >> 7 & 8191, entries >> 20
        inverse = rans.slots_of_values(tables).reshape(72, 4096)
        for kind, first in enumerate(tables.first):
            np.testing.assert_array_equal(f[kind], tables.event_frequencies[first + value[kind]])
            at = tables.event_starts[first + value[kind]] + rank[kind]
            np.testing.assert_array_equal(inverse[kind][at], np.arange(4096))


def test_slots_are_in_the_order_of_their_fractions() -> None:
    entries = rans.slots(PLAIN).reshape(72, 4096)[9]
    keys = [(Fraction(4 * (entry >> 20) + 1, entry >> 7 & 8191), entry & 127) for entry in entries.tolist()]
    assert keys == sorted(keys)


def test_short_payloads_without_a_checksum_cost_less_than_a_third_of_a_byte() -> None:
    rng = np.random.default_rng(9)
    for sizes in ([16, 16, 40], [16, 16, 40, 40, 88], [24, 64, 64, 300]):
        residuals, classes = draw(rng, 1000, sizes)
        payloads = pack("rans", LOGISTIC, residuals, classes, [0] * 1000)
        assert np.mean([len(p) for p in payloads]) < 0.33 + ideal_bits(LOGISTIC, residuals, classes).mean() / 8


def test_short_payloads_cost_less_than_half_a_byte_and_one_percent_beyond_the_ideal() -> None:
    rng = np.random.default_rng(7)
    for sizes in ([16, 16, 40, 40, 88], [24, 64, 64, 300], [10]):
        residuals, classes = draw(rng, 500, sizes)
        payloads = pack("rans", LOGISTIC, residuals, classes, checksums(residuals))
        ideal = (ideal_bits(LOGISTIC, residuals, classes) + 16) / 8
        assert np.mean([len(p) for p in payloads]) <= 0.5 + 1.01 * ideal.mean()


def test_long_payloads_are_within_eight_percent_of_the_ideal() -> None:
    residuals, classes = draw(np.random.default_rng(8), 1, [5000, 5000, 10000])
    payload = pack("zstd", LOGISTIC, residuals, classes, checksums(residuals))[0]
    assert len(payload) <= 1.08 * ideal_bits(LOGISTIC, residuals, classes)[0] / 8
