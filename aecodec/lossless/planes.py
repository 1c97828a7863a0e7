"""Lossless predictive coding of sample planes: a predictor for each row, differences in one Zstandard frame.

    1 byte    method: 0 raw, 1 constant, 2 differences, 3 differences after the colour transform, 4 palette
    content   raw: the samples, row by row, those of a pixel together, little-endian
              constant: one pixel
              differences: a Zstandard frame, as in section 9 of the format
              palette: the number of colours minus one, the colours in raw form, increasing; then a frame
    4 bytes   CRC-32 of the raw samples, little-endian; of a constant plane, of its one pixel

The frame holds one byte for each row of channel 0, then of channel 1, ..., with the predictor of its samples: 0 for
none, 1 for the sample to the left, 2 for the sample above, 3 for left + above - above left, where samples outside the
picture are 0. Then come the differences, channel by channel, row by row, modulo 2^8 or 2^16. Those of 16 bits are first
folded, 0 -1 1 -2 2 ... to 0 1 2 3 4 ..., and a channel's high bytes come before its low ones. The colour transform
subtracts channel 1 from channels 0 and 2, with the same modulus.

With a palette, the frame holds a single channel of 8 bits instead: rows of indices of 1, 2, 4 or 8 bits, as many to a
byte as fit, the first in the highest bits, with the rest of a row's last byte 0. So zstd sees up to eight pixels at
once.

Every predictor is a difference along an axis, and its inverse is a cumulative sum, so decoding needs no loop over
samples.
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
_PALETTE: Final = 4
_LEFT: Final = 1
_ABOVE: Final = 2
CHECK_BYTES: Final = 4
_COLOURS: Final = 256  # of a palette at most
_GRAY_COLOURS: Final = 128  # where a sample has 8 bits anyway, a palette must leave out half of the values to pay
_GLANCE: Final = 4096  # pixels that a picture with too many colours is known by
_BAND: Final = 64  # rows that are changed at once: little memory beside the picture
_WHAT: Final = "a lossless plane"
_LEVELS: Final = ((1 << 19, 19), (1 << 22, 9), (1 << 63, 6))  # zstd's level up to so many bytes: seconds, not minutes
_ALL_BYTES: Final = 1 << 16  # of a longer body zstd's fast level says which one the slow one will pack best
_FAST: Final = 3


def pack(samples: NDArray[Any], seed: int = 0) -> bytes:
    """Pack samples (height, width, channels), uint8 or uint16, into at most their raw size plus five bytes.

    seed: the value from which the checksum starts.
    """
    little = samples.astype(samples.dtype.newbyteorder("<"), copy=False)
    raw = np.ascontiguousarray(little)
    if samples.size and bool((samples == samples[:1, :1]).all()):
        pixel = raw[0, 0].tobytes()
        return b"".join([bytes([_CONSTANT]), pixel, _check(pixel, seed)])
    coloured = [(_DIFFERENCES, samples)]
    if samples.shape[2] >= 3:
        coloured.append((_COLOUR, _transformed(samples, np.subtract)))
    method, changed = min(coloured, key=lambda item: _cost(item[1]))
    tried = [
        (method, b"", _body(changed, range(4))),
        (_DIFFERENCES, b"", _body(samples, range(1))),
    ]
    found = _palette(samples)
    if found is not None:
        colours, indices = found
        head = bytes([len(colours) - 1]) + colours.astype(little.dtype).tobytes()
        packed = _joined(indices, _index_bits(len(colours)))[..., None]
        tried += [(_PALETTE, head, _body(packed, predictors)) for predictors in (range(4), range(1))]
    if raw.nbytes > _ALL_BYTES:
        tried = [min(tried, key=lambda item: len(item[1]) + len(frames.compress(item[2], (_FAST,))))]
    parts = [(method, head + frames.compress(body, (_level(body),))) for method, head, body in tried]
    method, content = min(parts, key=lambda item: len(item[1]))
    if len(content) >= raw.nbytes:
        method, content = _RAW, raw.tobytes()
    return b"".join([bytes([method]), content, _check(raw.data if raw.size else b"", seed)])


def unpack(data: bytes, shape: tuple[int, int, int], dtype: DTypeLike = np.uint8, seed: int = 0) -> NDArray[Any]:
    """The samples (height, width, channels) that were packed; dtype is uint8 or uint16.

    Allocates no more than a few times those samples, and nothing for data that cannot hold them. Raises
    TruncatedFile, TrailingBytes, InvalidValue or ChecksumMismatch.
    """
    native = np.dtype(dtype)
    little = native.newbyteorder("<")
    height, width, channels = shape
    pixel = channels * native.itemsize
    if len(data) < 1 + CHECK_BYTES:
        raise TruncatedFile(f"{_WHAT} ends before its checksum")
    method, content, check = data[0], data[1:-CHECK_BYTES], data[-CHECK_BYTES:]
    if method > _PALETTE or method == _COLOUR and channels < 3:
        raise InvalidValue(f"{_WHAT} uses an unknown packing method")
    if method == _CONSTANT:
        _require_size(len(content), pixel)
        _require_check(content, seed, check)  # before there is a picture
        return np.array(np.broadcast_to(np.frombuffer(content, little), shape), dtype=native)
    if method == _RAW:
        _require_size(len(content), height * width * pixel)
        samples = np.frombuffer(content, little).reshape(shape).astype(native)
    elif method == _PALETTE:
        samples = _by_palette(content, shape, native)
    else:
        samples = _unframed(content, shape, native)
        if method == _COLOUR:
            _transformed(samples, np.add, out=samples)
    _require_check(np.ascontiguousarray(samples.astype(little, copy=False)).data, seed, check)
    return samples


def _level(body: bytes) -> int:
    return next(level for most, level in _LEVELS if len(body) <= most)


def _check(content: bytes | memoryview, seed: int) -> bytes:
    return zlib.crc32(content, seed).to_bytes(CHECK_BYTES, "little")


def _require_check(content: bytes | memoryview, seed: int, check: bytes) -> None:
    if _check(content, seed) != check:
        raise ChecksumMismatch(f"{_WHAT} is damaged: its checksum does not match")


def _require_size(found: int, expected: int) -> None:
    if found < expected:
        raise TruncatedFile(f"{_WHAT} has too few bytes for its picture")
    if found > expected:
        raise TrailingBytes(f"{_WHAT} has more bytes than its picture")


def _transformed(samples: NDArray[Any], combine: np.ufunc, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Subtract channel 1 from channels 0 and 2, or add it; unsigned integers wrap around."""
    changed = samples.copy() if out is None else out
    for channel in (0, 2):
        combine(samples[..., channel], samples[..., 1], out=changed[..., channel])
    return changed


# Palettes ---


def _palette(samples: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.uint8]] | None:
    """The colours (count, channels) of a picture, increasing, and the index of each pixel (height, width).

    None if there are too many colours for a palette to pay off.
    """
    height, width, channels = samples.shape
    most = _GRAY_COLOURS if samples.dtype.itemsize * channels == 1 else _COLOURS
    shifts = 8 * samples.dtype.itemsize * np.arange(channels - 1, -1, -1, dtype=np.uint64)

    def keys(pixels: NDArray[Any]) -> NDArray[np.uint64]:
        """As integers, the first channel in the highest bits: at most 4 * 16 bits."""
        return np.asarray(np.bitwise_or.reduce(pixels.astype(np.uint64) << shifts, axis=-1))

    pixels = samples.reshape(-1, channels)
    if not pixels.size or len(np.unique(keys(pixels[:: 1 + len(pixels) // _GLANCE]))) > most:
        return None
    whole = keys(pixels)
    found, places = np.unique(whole, return_index=True)
    if not 2 <= len(found) <= most:
        return None
    return pixels[places], np.searchsorted(found, whole).astype(np.uint8).reshape(height, width)


def _by_palette(content: bytes, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    height, width, channels = shape
    pixel = channels * dtype.itemsize
    count = content[0] + 1 if content else 0
    begin = 1 + count * pixel
    if len(content) < begin:
        raise TruncatedFile(f"{_WHAT} ends within its palette")
    colours = np.frombuffer(content[1:begin], dtype.newbyteorder("<")).reshape(-1, channels).astype(dtype)
    rows = list(map(tuple, colours.tolist()))
    if count < 2 or any(a >= b for a, b in zip(rows, rows[1:], strict=False)):
        raise InvalidValue(f"{_WHAT} has a palette whose colours are not in ascending order")
    bits = _index_bits(count)
    joined = _unframed(content[begin:], (height, -(-width * bits // 8), 1), np.dtype(np.uint8))[..., 0]
    indices = _parted(joined, bits)
    if indices[:, :width].max() >= count or indices[:, width:].any():
        raise InvalidValue(f"{_WHAT} has an index beyond its palette")
    return colours[indices[:, :width]]


def _index_bits(count: int) -> int:
    """Of the index of one of 2 to 256 colours: 1, 2, 4 or 8, so that bytes hold whole indices."""
    return next(bits for bits in (1, 2, 4, 8) if count <= 1 << bits)


def _joined(indices: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Indices (height, width) side by side in bytes (height, ceil(width * bits / 8))."""
    height, width = indices.shape
    each = 8 // bits
    padded = np.pad(indices, ((0, 0), (0, -width % each))).reshape(height, -1, each)
    return np.asarray(np.bitwise_or.reduce(padded << np.arange(8 - bits, -1, -bits, dtype=np.uint8), axis=2))


def _parted(joined: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """The inverse of `_joined`: with what fills the last byte of a row."""
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    indices = joined[..., None] >> shifts & np.uint8((1 << bits) - 1)
    return indices.reshape(len(joined), -1)


# Differences ---


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


def _unframed(frame: bytes, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The inverse: the samples of a frame whose content is a body."""
    height, width, channels = shape
    rows, size = channels * height, channels * height * width * dtype.itemsize
    if rows + size > (len(frame) // 4 + 1) * frames.BLOCK_BYTES:
        raise TruncatedFile(f"{_WHAT} has too few bytes for its picture")
    body = frames.decompress(frame, rows + size, _WHAT)
    _require_size(len(body), rows + size)
    content = np.frombuffer(body, np.uint8)
    chosen = content[:rows].reshape(channels, height)
    if chosen.max(initial=0) > _LEFT | _ABOVE:
        raise InvalidValue(f"{_WHAT} uses an unknown predictor")
    stored = content[rows:].reshape(channels, dtype.itemsize, height, width)
    samples = np.empty(shape, dtype)
    for channel in range(channels):
        plane = stored[channel, 0]
        if dtype.itemsize > 1:
            folded = plane.astype(dtype) << 8 | stored[channel, 1]
            plane = folded >> 1 ^ (0 - (folded & 1))
        _sum_up(plane, chosen[channel])
        samples[..., channel] = plane
    return samples


def _sum_up(plane: NDArray[Any], predictors: NDArray[np.uint8]) -> None:
    """Differences (height, width) become samples, in place, a few rows at a time."""
    height = len(plane)
    across = np.flatnonzero(predictors & _LEFT)
    for begin in range(0, across.size, _BAND):
        some = across[begin : begin + _BAND]
        plane[some] = np.cumsum(plane[some], axis=1, dtype=plane.dtype)
    np.add.accumulate(plane, axis=0, out=plane)
    # A row without the vertical predictor restarts the sum: subtract the accumulated row before its run, from the last
    # row up, so that the row subtracted is still a sum.
    first = np.maximum.accumulate(np.where(predictors & _ABOVE, 0, np.arange(height)))
    below = np.flatnonzero(first)[::-1]
    for begin in range(0, below.size, _BAND):
        some = below[begin : begin + _BAND]
        plane[some] -= plane[first[some] - 1]
