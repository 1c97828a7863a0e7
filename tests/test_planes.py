"""The lossless coder of planes: what is packed comes back, never takes much more than raw, and damage is an error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aecodec.errors import AecError, ChecksumMismatch, InvalidValue, TrailingBytes, TruncatedFile
from aecodec.packing import frames
from aecodec.planes import pack, unpack

MOST_MORE = 5  # bytes beyond raw
sides = st.integers(1, 40)
shapes = st.tuples(sides, sides, st.integers(1, 4))
dtypes = st.sampled_from([np.uint8, np.uint16])
noise = st.tuples(dtypes, shapes, st.integers(0, 2**32 - 1)).map(
    lambda drawn: np.random.default_rng(drawn[2]).integers(0, 2**16, drawn[1]).astype(drawn[0])
)
filled = st.tuples(dtypes, shapes).flatmap(lambda drawn: arrays(*drawn))


def ramp(height: int, width: int, channels: int, dtype: type = np.uint8) -> np.ndarray:
    y, x, c = np.mgrid[:height, :width, :channels]
    return (3 * x + 5 * y + 40 * c + (x * y) % 3).astype(dtype)


@given(noise | filled)
def test_unpacking_inverts_packing(samples: np.ndarray) -> None:
    data = pack(samples)
    assert len(data) <= samples.nbytes + MOST_MORE
    again = unpack(data, samples.shape, samples.dtype)
    assert again.dtype == samples.dtype
    assert np.array_equal(again, samples)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_predictor_is_used_and_undone(dtype: type) -> None:
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


def test_literal_bytes() -> None:
    assert pack(np.full((3, 4, 2), 0x1234, np.uint16)).hex() == "0134123412" + "4b453c09"
    assert pack(np.array([[[1], [200]]], np.uint8)).hex() == "0001c8" + "3c697dcd"


@pytest.mark.parametrize("samples", [ramp(30, 40, 3), ramp(9, 9, 1, np.uint16) * 99, np.full((4, 4, 1), 9, np.uint8)])
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


def specified(data: bytes, shape: tuple[int, int, int], width_of_sample: int) -> list[int]:
    """The samples by section 17.1 of the format, one after the other, with nothing from the package."""
    import zstandard

    height, width, channels = shape
    content, method = data[1:-4], data[0]
    pixel = channels * width_of_sample
    if method in (0, 1):
        raw = content if method == 0 else content * (height * width)
        assert len(raw) == height * width * pixel
        return [int.from_bytes(raw[i : i + width_of_sample], "little") for i in range(0, len(raw), width_of_sample)]
    body = zstandard.ZstdDecompressor(format=zstandard.FORMAT_ZSTD1_MAGICLESS).decompressobj().decompress(content)
    assert len(body) == channels * height * (1 + width * width_of_sample)
    modulus = 256**width_of_sample
    planes = []
    at = channels * height
    for c in range(channels):
        stored = body[at : at + height * width * width_of_sample]
        at += len(stored)
        plane = [[0] * width for _ in range(height)]
        for y in range(height):
            predictor = body[c * height + y]
            for x in range(width):
                d = stored[y * width + x]
                if width_of_sample == 2:
                    z = d * 256 + stored[(height + y) * width + x]
                    d = z // 2 if z % 2 == 0 else 2**16 - (z + 1) // 2
                left = plane[y][x - 1] if x else 0
                above = plane[y - 1][x] if y else 0
                corner = plane[y - 1][x - 1] if x and y else 0
                plane[y][x] = (d + (0, left, above, left + above - corner)[predictor]) % modulus
        planes.append(plane)
    if method == 3:
        for c in (0, 2):
            planes[c] = [
                [(a + b) % modulus for a, b in zip(*rows, strict=True)]
                for rows in zip(planes[c], planes[1], strict=True)
            ]
    return [planes[c][y][x] for y in range(height) for x in range(width) for c in range(channels)]


@given(noise | filled)
def test_the_specification_says_the_same(samples: np.ndarray) -> None:
    for picture in (samples, np.cumsum(np.cumsum(samples & 1, axis=0), axis=1).astype(samples.dtype)):
        assert specified(pack(picture), picture.shape, picture.dtype.itemsize) == picture.ravel().tolist()
