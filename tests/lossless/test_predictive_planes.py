"""The lossless coder of planes: what is packed comes back, never takes much more than raw, and damage is an error."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aecodec.errors import AecError, ChecksumMismatch, InvalidValue, TrailingBytes, TruncatedFile
from aecodec.lossless.planes import pack, unpack
from aecodec.packing import frames
from conformance import decoder as reference

MOST_MORE = 5  # bytes beyond raw
sides = st.integers(1, 40)
shapes = st.tuples(sides, sides, st.integers(1, 4))
dtypes = st.sampled_from([np.uint8, np.uint16])
noise = st.tuples(dtypes, shapes, st.integers(0, 2**32 - 1)).map(
    lambda drawn: np.random.default_rng(drawn[2]).integers(0, 2**16, drawn[1]).astype(drawn[0])
)
few = st.tuples(dtypes, shapes, st.integers(2, 300), st.integers(0, 2**32 - 1)).map(
    lambda drawn: (
        np.random.default_rng(drawn[3])
        .integers(0, 2**16, (drawn[2], drawn[1][2]))
        .astype(drawn[0])[np.random.default_rng(drawn[3]).integers(0, drawn[2], drawn[1][:2])]
    )
)
filled = st.tuples(dtypes, shapes).flatmap(lambda drawn: arrays(*drawn))


def ramp(height: int, width: int, channels: int, dtype: type[np.unsignedinteger] = np.uint8) -> np.ndarray:
    y, x, c = np.mgrid[:height, :width, :channels]
    samples: np.ndarray = 3 * x + 5 * y + 40 * c + (x * y) % 3
    return samples.astype(dtype)


@given(noise | filled | few)
def test_unpacking_inverts_packing(samples: np.ndarray) -> None:
    data = pack(samples)
    assert len(data) <= samples.nbytes + MOST_MORE
    again = unpack(data, samples.shape, samples.dtype)
    assert again.dtype == samples.dtype
    assert np.array_equal(again, samples)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_predictor_is_used_and_undone(dtype: type[np.unsignedinteger]) -> None:
    random = np.random.default_rng(5)
    y, x = np.mgrid[:60, :80]
    bands = [random.integers(-1, 2, (60, 80)), x * 3, y * 301 + random.integers(0, 2**16, 80), 5 * x + 300 * y]
    plane = np.concatenate([*bands, bands[0], bands[3]]).astype(dtype)[..., None]
    data = pack(plane)
    rows = np.frombuffer(frames.decompress(data[1:-4], 2 * plane.nbytes), np.uint8)[: len(plane)]
    assert set(rows.tolist()) == {0, 1, 2, 3}
    assert np.array_equal(unpack(data, plane.shape, dtype), plane)


def test_smooth_planes_become_much_smaller() -> None:
    assert len(pack(ramp(200, 300, 1))) < 0.1 * 200 * 300
    wide = ramp(200, 300, 1, np.uint16) * 37
    assert len(pack(wide)) < 0.1 * wide.nbytes


def test_colours_that_change_together_cost_little_more_than_one() -> None:
    gray = np.random.default_rng(1).integers(0, 256, (64, 64, 1)).astype(np.uint8)
    assert len(pack(np.repeat(gray, 3, axis=2))) < 1.1 * gray.nbytes


@pytest.mark.parametrize(("samples", "size"), [(np.full((5000, 7000, 1), 255, np.uint8), 6)])
def test_a_constant_plane_costs_next_to_nothing(samples: np.ndarray, size: int) -> None:
    assert len(pack(samples)) == size


@pytest.mark.parametrize("colours", [2, 3, 4, 5, 16, 17, 256])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_few_colours_cost_their_bits(colours: int, dtype: type[np.unsignedinteger]) -> None:
    random = np.random.default_rng(colours)
    palette = random.permutation(2**16)[: 3 * colours].reshape(colours, 3).astype(dtype)
    picture = palette[random.integers(0, colours, (64, 61))]
    data = pack(picture)
    bits = next(bits for bits in (1, 2, 4, 8) if colours <= 2**bits)
    assert data[0] == 4
    assert len(data) <= 5 + palette.nbytes + 64 * (-(-61 * bits // 8)) + 80
    assert np.array_equal(unpack(data, picture.shape, dtype), picture)


def test_enlarged_pixels_cost_little_more_than_themselves() -> None:
    small = np.random.default_rng(2).integers(0, 2, (25, 25)).astype(np.uint8)[..., None] * 255
    large = np.kron(small, np.ones((8, 8, 1), np.uint8))
    assert len(pack(large)) < 2.5 * len(pack(small))


def test_one_colour_more_than_a_palette_holds_is_coded_without() -> None:
    colours = np.random.default_rng(3).permutation(2**24)[:257]
    rows = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1).astype(np.uint8)
    random = np.random.default_rng(4)
    order = np.concatenate([random.permuted(np.tile(np.arange(256), (8, 1)), axis=1).T, np.full((1, 8), 256)])
    picture = rows[order]
    assert pack(picture[:256])[0] == 4
    assert pack(picture)[0] != 4
    assert np.array_equal(unpack(pack(picture), picture.shape), picture)


def sealed(content: bytes) -> bytes:
    return b"\4" + content + bytes(4)


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        (b"", TruncatedFile, "palette"),
        (b"\1\5", TruncatedFile, "palette"),
        (b"\0\5" + frames.compress(b"\0\0" + bytes(2), (19,)), InvalidValue, "not in ascending order"),
        (b"\1\5\5" + frames.compress(b"\0\0" + bytes(2), (19,)), InvalidValue, "not in ascending order"),
        (b"\2\5\6\7" + frames.compress(b"\0\0\xf0\x00", (19,)), InvalidValue, "beyond its palette"),
        (b"\1\5\6" + frames.compress(b"\0\0\x20\x00", (19,)), InvalidValue, "beyond its palette"),
        (b"\1\5\6" + frames.compress(b"\0\0\x40", (19,)), TruncatedFile, "too few"),
        (b"\1\5\6" + frames.compress(b"\0\0\x40\x80", (19,)), ChecksumMismatch, "damaged"),
    ],
)
def test_every_bad_palette_has_its_error(content: bytes, error: type[AecError], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        unpack(sealed(content), (2, 2, 1))
    with pytest.raises(reference.Refused):
        reference.read_planes(sealed(content), 2, 2, 1, 1)


def test_a_constant_plane_that_lies_about_its_size_is_refused_without_a_picture() -> None:
    data = pack(np.full((4, 4, 3), 7, np.uint8), seed=1)
    tracemalloc.start()
    with pytest.raises(ChecksumMismatch):
        unpack(data, (9000, 9000, 3), seed=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_literal_bytes() -> None:
    assert pack(np.full((3, 4, 2), 0x1234, np.uint16)).hex() == "0134123412" + "4b453c09"
    assert pack(np.array([[[1], [200]]], np.uint8)).hex() == "0001c8" + "3c697dcd"


@pytest.mark.parametrize(
    "samples",
    [
        ramp(30, 40, 3),
        ramp(9, 9, 1, np.uint16) * 99,
        np.full((4, 4, 1), 9, np.uint8),
        np.kron(ramp(5, 5, 3) // 64, np.ones((9, 9, 1), np.uint8)),
    ],
)
def test_every_damage_and_truncation_is_an_error(samples: np.ndarray) -> None:
    data = pack(samples)
    for length in range(len(data)):
        with pytest.raises(AecError):
            unpack(data[:length], samples.shape, samples.dtype)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 0x15
        try:
            again = unpack(bytes(damaged), samples.shape, samples.dtype)
        except AecError:
            continue
        assert np.array_equal(again, samples)  # bits that zstd does not use


@pytest.mark.parametrize("shape", [(30, 41, 1), (30, 39, 1), (1, 1, 1), (9000, 9000, 1)])
def test_another_shape_is_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises((TruncatedFile, TrailingBytes)):
        unpack(pack(ramp(30, 40, 1)), shape)


def test_each_failure_has_its_error() -> None:
    shape = (2, 2, 1)
    with pytest.raises(InvalidValue, match="method"):
        unpack(b"\5" + bytes(8), shape)
    with pytest.raises(InvalidValue, match="method"):
        unpack(b"\3" + bytes(8), shape)  # a colour transform of one channel
    with pytest.raises(ChecksumMismatch):
        unpack(b"\0abcd" + bytes(4), shape)
    with pytest.raises(InvalidValue, match="predictor"):
        unpack(b"\2" + frames.compress(b"\4\0abcd", (19,)) + bytes(4), shape)
    with pytest.raises(TruncatedFile):
        unpack(b"\2" + frames.compress(b"\0\0abc", (19,)) + bytes(4), shape)
    with pytest.raises(TrailingBytes):
        unpack(b"\2" + frames.compress(b"\0\0abcde", (19,)) + bytes(4), shape)


# As the specification says it ---


@given(noise | filled | few)
def test_the_specification_says_the_same(samples: np.ndarray) -> None:
    for picture in (samples, np.cumsum(np.cumsum(samples & 1, axis=0), axis=1).astype(samples.dtype)):
        height, width, channels = picture.shape
        found = reference.read_planes(pack(picture), height, width, channels, picture.dtype.itemsize)
        assert found == picture.ravel().tolist()
