"""Decoding a placeholder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aecodec.errors import InvalidValue
from aecodec.images.arguments import integer
from aecodec.placeholders.coefficients import LARGEST, ORDERS, synthesize
from aecodec.placeholders.intervals import HALF, Reader
from aecodec.placeholders.layout import MAX_SIDE, STEPS, Front
from aecodec.placeholders.model import ESCAPE, Model, Walk, bundled

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLOUR_SLOTS = 3968  # of 4096; the others mean gray
_LONGEST_ESCAPE = 10  # bits


def decode_placeholder(data: bytes, *, width: int | None = None, height: int | None = None) -> NDArray[np.uint8]:
    """Decode a placeholder to RGB pixels: uint8, (height, width, 3).

    data: what `placeholder` returned, or its first bytes: the fewer, the coarser the picture.
    width, height: of the result, 1 to 1024 pixels; the one that is not given follows from the picture's aspect ratio.
    Without both, the long side has 32 pixels. The picture is evaluated at the pixels asked for, not interpolated. The
    samples are the same on every machine.

    Raises InvalidValue if `data` is not a placeholder: not 1 to 64 bytes, or a first byte above 251.
    """
    data = bytes(data)
    front = Front.parse(data)
    size = _size(front, width, height)
    return synthesize(read_coefficients(data, bundled()), *size)


def _size(front: Front, width: Any, height: Any) -> tuple[int, int]:
    tall, wide = front.size
    if width is None and height is None:
        return tall, wide
    w = None if width is None else _side(width, "width")
    h = None if height is None else _side(height, "height")
    if w is None:
        assert h is not None
        w = max(1, (2 * h * wide + tall) // (2 * tall))
    if h is None:
        h = max(1, (2 * w * tall + wide) // (2 * wide))
    if max(w, h) > MAX_SIDE:
        raise InvalidValue(f"a placeholder is decoded to at most {MAX_SIDE} pixels a side, not {w}x{h}")
    return h, w


def _side(value: Any, name: str) -> int:
    side = integer(value)
    if side is None or not 1 <= side <= MAX_SIDE:
        raise InvalidValue(
            f"the {name} of a placeholder must be a whole number of 1 to {MAX_SIDE} pixels, not {value!r}"
        )
    return side


def read_coefficients(data: bytes, model: Model) -> NDArray[np.int64]:
    """Coefficients (3, ORDERS, ORDERS) in sixteenths of a gray level. Raises InvalidValue."""
    front = Front.parse(data)
    reader = Reader(data[1:])
    found = np.zeros((3, ORDERS, ORDERS), np.int64)
    walk = Walk(model, front.aspect, np.array([front.step]))
    gray = not reader.ended and _read_gray(reader)
    for index, (channel, row, column) in enumerate(model.places):
        if not is_coded(front, gray, channel, row, column):
            continue
        mean, kind = walk.predict(index)
        residual = 0 if reader.ended else read_residual(reader, model, int(kind[0]))
        value = np.minimum(np.maximum(mean + residual * STEPS[front.step], -LARGEST), LARGEST)
        walk.add(index, value)
        found[channel, row, column] = value[0]
    return found


def is_coded(front: Front, gray: bool, channel: int, row: int, column: int) -> bool:
    """Whether a picture has such a coefficient: gray ones have no colour, and short sides few cosines."""
    height, width = front.size
    return row < height and column < width and not (gray and channel)


def _read_gray(reader: Reader) -> bool:
    gray = reader.slot() >= COLOUR_SLOTS
    reader.take(*gray_event(gray))
    return gray


def gray_event(gray: bool) -> tuple[int, int]:
    """Start and frequency of the first symbol."""
    return (COLOUR_SLOTS, 4096 - COLOUR_SLOTS) if gray else (0, COLOUR_SLOTS)


def read_residual(reader: Reader, model: Model, kind: int) -> int:
    """The next residual, of a class: its magnitude, what exceeds ESCAPE as an Elias gamma code, its sign."""
    starts = model.starts[kind]
    magnitude = int(np.searchsorted(starts, reader.slot(), "right")) - 1
    reader.take(int(starts[magnitude]), int(starts[magnitude + 1] - starts[magnitude]))
    if magnitude == ESCAPE:
        bits = 0
        while bits < _LONGEST_ESCAPE and _read_bit(reader):
            bits += 1
        excess = 1
        for _ in range(bits):
            excess = 2 * excess + _read_bit(reader)
        magnitude += excess - 1
    return -magnitude if magnitude and _read_bit(reader) else magnitude


def _read_bit(reader: Reader) -> int:
    bit = int(reader.slot() >= HALF)
    reader.take(HALF * bit, HALF)
    return bit


def residual_events(model: Model, kind: int, residual: int) -> list[tuple[int, int]]:
    """(start, frequency) of the symbols of a residual, as `read_residual` reads them."""
    magnitude = min(abs(residual), ESCAPE)
    starts = model.starts[kind]
    events = [(int(starts[magnitude]), int(starts[magnitude + 1] - starts[magnitude]))]
    if magnitude == ESCAPE:
        excess = abs(residual) - ESCAPE + 1
        bits = excess.bit_length() - 1
        digits = [1] * bits + [0] * (bits < _LONGEST_ESCAPE)
        events += [(HALF * bit, HALF) for bit in (*digits, *(excess >> k & 1 for k in reversed(range(bits))))]
    if residual:
        events.append((HALF * (residual < 0), HALF))
    return events
