"""A plain lossless coder for planes of samples: no network, a row of differences at a time, one zstd frame.

    1 byte    method: 0 raw, 1 constant, 2 differences, 3 differences after the colour transform
    content   raw: the samples, row by row, those of a pixel together, little-endian
              constant: one pixel
              differences: a Zstandard frame, as section 9 of the format has it
    4 bytes   CRC-32 of the raw samples, little-endian

The frame holds a byte for each row of channel 0, then of channel 1, ..., that says what its samples are counted from:
0 nothing, 1 the sample to the left, 2 the sample above, 3 left + above - above left, a sample outside the picture
being 0. Then come the differences, channel after channel, row by row, modulo 2^8 or 2^16. Those of 16 bits are first
folded, 0 -1 1 -2 2 ... to 0 1 2 3 4 ..., and a channel's high bytes come before its low ones. The colour transform
subtracts channel 1 from channels 0 and 2, with the same modulus.

Every predictor is a difference along an axis, so its inverse is a running sum: decoding has no loop over samples.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from aecodec.errors import ChecksumMismatch, InvalidValue, TrailingBytes, TruncatedFile
from aecodec.packing import frames

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

_RAW: Final = 0
_CONSTANT: Final = 1
_DIFFERENCES: Final = 2
_COLOUR: Final = 3
_LEFT: Final = 1
_ABOVE: Final = 2
_CHECK_BYTES: Final = 4
_WHAT: Final = "a lossless plane"
_SMALL_BYTES: Final = 1 << 22  # more than so many are not worth zstd's slowest level


def pack(samples: NDArray[Any]) -> bytes:
    """The bytes of samples (height, width, channels), uint8 or uint16: never more than they take raw, and five."""
    little = samples.astype(samples.dtype.newbyteorder("<"), copy=False)
    raw = np.ascontiguousarray(little)
    check = zlib.crc32(raw.data if raw.size else b"").to_bytes(_CHECK_BYTES, "little")
    if samples.size and bool((samples == samples[:1, :1]).all()):
        return b"".join([bytes([_CONSTANT]), raw[0, 0].tobytes(), check])
    levels = (19,) if raw.nbytes <= _SMALL_BYTES else (6,)
    found = [(_DIFFERENCES, samples)]
    if samples.shape[2] >= 3:
        found.append((_COLOUR, _transformed(samples, np.subtract)))
    method, planes = min(found, key=lambda item: _cost(item[1]))
    predicted, plain = _body(planes, range(4)), _body(samples, range(1))
    packed = [(method, frames.compress(predicted, levels)), (_DIFFERENCES, frames.compress(plain, levels))]
    method, frame = min(packed, key=lambda item: len(item[1]))
    if len(frame) >= raw.nbytes:
        return b"".join([bytes([_RAW]), raw.tobytes(), check])
    return bytes([method]) + frame + check


def unpack(data: bytes, shape: tuple[int, int, int], dtype: DTypeLike = np.uint8) -> NDArray[Any]:
    """The samples (height, width, channels) that `pack` was given; dtype is uint8 or uint16.

    Allocates no more than a few times those samples, and nothing for data that cannot hold them. Raises
    TruncatedFile, TrailingBytes, InvalidValue or ChecksumMismatch.
    """
    native = np.dtype(dtype)
    little = native.newbyteorder("<")
    height, width, channels = shape
    size = height * width * channels * native.itemsize
    if len(data) < 1 + _CHECK_BYTES:
        raise TruncatedFile(f"{_WHAT} ends before its checksum")
    method, content = data[0], data[1:-_CHECK_BYTES]
    if method > _COLOUR or method == _COLOUR and channels < 3:
        raise InvalidValue(f"{_WHAT} is packed by a method that there is not")
    if method in (_RAW, _CONSTANT):
        _require_size(len(content), size if method == _RAW else channels * native.itemsize)
        given = np.frombuffer(content, little).reshape(-1, 1 if method == _CONSTANT else width, channels)
        samples = np.array(np.broadcast_to(given, shape), dtype=native)
    else:
        rows = channels * height
        if rows + size > (len(content) // 4 + 1) * frames.BLOCK_BYTES:
            raise TruncatedFile(f"{_WHAT} has too few bytes for its picture")
        body = frames.decompress(content, rows + size, _WHAT)
        _require_size(len(body), rows + size)
        samples = _samples(np.frombuffer(body, np.uint8), shape, native)
        if method == _COLOUR:
            samples = _transformed(samples, np.add)
    if zlib.crc32(np.ascontiguousarray(samples.astype(little, copy=False)).data) != int.from_bytes(
        data[-_CHECK_BYTES:], "little"
    ):
        raise ChecksumMismatch(f"{_WHAT} is damaged: its checksum does not match")
    return samples


def _require_size(found: int, expected: int) -> None:
    if found < expected:
        raise TruncatedFile(f"{_WHAT} has too few bytes for its picture")
    if found > expected:
        raise TrailingBytes(f"{_WHAT} has more bytes than its picture")


def _transformed(samples: NDArray[Any], combine: np.ufunc) -> NDArray[Any]:
    """Channel 1 taken from, or added to, channels 0 and 2; unsigned integers wrap around."""
    changed = samples.copy()
    for channel in (0, 2):
        combine(samples[..., channel], samples[..., 1], out=changed[..., channel])
    return changed


def _magnitudes(differences: NDArray[Any]) -> NDArray[np.int64]:
    """Sums (rows,) of the differences' magnitudes: what chooses predictors, as PNG's encoders do."""
    return np.asarray(np.minimum(differences, 0 - differences).sum(axis=1, dtype=np.int64))


def _cost(samples: NDArray[Any]) -> int:
    """A rough measure of what the channels would take: the magnitudes of their differences from the left."""
    return sum(int(_magnitudes(_difference(samples[..., channel], _LEFT)).sum()) for channel in range(samples.shape[2]))


def _difference(plane: NDArray[Any], predictor: int) -> NDArray[Any]:
    found = plane.copy()
    if predictor & _LEFT:
        found[:, 1:] -= plane[:, :-1]
    if predictor & _ABOVE:
        upper = found[:-1].copy()
        found[1:] -= upper
    return found


def _body(samples: NDArray[Any], predictors: range) -> bytes:
    """What the frame holds, each row with the best of the predictors."""
    height, _, channels = samples.shape
    chosen = np.zeros((channels, height), np.uint8)
    parts: list[bytes] = []
    for channel in range(channels):
        plane = np.ascontiguousarray(samples[..., channel])
        best, costs = plane, _magnitudes(plane)
        for predictor in predictors[1:]:
            found = _difference(plane, predictor)
            cost = _magnitudes(found)
            better = cost < costs
            best, costs = np.where(better[:, None], found, best), np.where(better, cost, costs)
            chosen[channel, better] = predictor
        if best.dtype.itemsize == 1:
            parts.append(best.tobytes())
        else:
            folded = best << 1 ^ (0 - (best >> 15))
            parts += [(folded >> 8).astype(np.uint8).tobytes(), (folded & 255).astype(np.uint8).tobytes()]
    return chosen.tobytes() + b"".join(parts)


def _samples(body: NDArray[np.uint8], shape: tuple[int, int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The inverse of `_body`."""
    height, width, channels = shape
    chosen = body[: channels * height].reshape(channels, height)
    if chosen.max(initial=0) > _LEFT | _ABOVE:
        raise InvalidValue(f"{_WHAT} has a predictor that there is not")
    stored = body[channels * height :].reshape(channels, dtype.itemsize, height, width)
    samples = np.empty(shape, dtype)
    for channel in range(channels):
        if dtype.itemsize == 1:
            plane = stored[channel, 0].copy()
        else:
            folded = stored[channel, 0].astype(dtype) << 8 | stored[channel, 1]
            plane = folded >> 1 ^ (0 - (folded & 1))
        across = (chosen[channel] & _LEFT).astype(bool)
        plane[across] = np.cumsum(plane[across], axis=1, dtype=dtype)
        plane = np.cumsum(plane, axis=0, dtype=dtype)
        # A row that is not counted from the one above starts anew: all above its run add up to what is taken away.
        first = np.maximum.accumulate(np.where(chosen[channel] & _ABOVE, 0, np.arange(height)))
        below = first > 0
        plane[below] -= plane[first[below] - 1]
        samples[..., channel] = plane
    return samples
