"""Encoding a placeholder: the search for the residuals that fill its bytes best."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from aecodec.errors import InvalidValue
from aecodec.images.arguments import integer
from aecodec.images.loading import load
from aecodec.images.source import MAX_PIXELS, Source
from aecodec.placeholders.coefficients import analyse
from aecodec.placeholders.decoder import gray_event, is_coded, read_coefficients, residual_events
from aecodec.placeholders.intervals import TOTAL, Writer
from aecodec.placeholders.layout import LONG_SIDE, MOST_BYTES, STEPS, Front, aspect_of, size_of
from aecodec.placeholders.model import COEFFICIENTS, ESCAPE, Model, Walk, bundled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aecodec.images.source import ImageLike

LEAST_BYTES: Final = 8
WHITE: Final = (255, 255, 255)
_WEIGHTS: Final = np.geomspace(0.001, 0.5, 18)  # of a bit, in squared steps
_REFINED: Final = 24  # lanes of the second search
_NEAR: Final = 1.4  # the range of their weights, around the best of the first
_FINISHED: Final = 3  # lanes whose payloads are tried
_TRIED: Final = 6  # payloads of each


def placeholder(
    image: ImageLike,
    max_bytes: int = 24,
    *,
    background: tuple[int, int, int] = WHITE,
    max_pixels: int | None = MAX_PIXELS,
) -> bytes:
    """Encode a picture to a placeholder: a few bytes to be shown until the picture is there.

    image: as for `encode`, of any size. max_bytes: 8 to 64; the result is seldom shorter. It holds the aspect ratio and
    blurred colours, and no opacity: `background` is the colour (red, green, blue) behind what is transparent.
    max_pixels: the most that a picture file may declare. `decode_placeholder` is the inverse.

    Raises InvalidValue for other arguments; UnsupportedImage and OSError as `encode`.
    """
    size = _whole(max_bytes)
    picture = _opaque(load(image, max_pixels=max_pixels), _colour(background))
    aspect = aspect_of(*picture.shape[:2])
    return encode_picture(_reduced(picture, aspect), aspect, size, bundled())


def _whole(max_bytes: Any) -> int:
    found = integer(max_bytes)
    if found is None or not LEAST_BYTES <= found <= MOST_BYTES:
        raise InvalidValue(f"max_bytes must be a whole number of {LEAST_BYTES} to {MOST_BYTES}, not {max_bytes!r}")
    return found


def _colour(background: Any) -> NDArray[np.float64]:
    colour = np.asarray(background)
    if colour.shape != (3,) or colour.dtype.kind not in "iu" or not ((colour >= 0) & (colour <= 255)).all():
        raise InvalidValue(f"background must be red, green and blue of 0 to 255, not {background!r}")
    return colour.astype(np.float64)


def _opaque(source: Source, background: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The picture in RGB (H, W, 3), in front of a colour."""
    samples = source.samples
    colours = np.repeat(samples[..., None], 3, axis=2) if samples.ndim == 2 else samples
    if source.alpha is None:
        return colours
    weight = source.alpha[..., None] / 255
    return np.rint(colours * weight + background * (1 - weight)).astype(np.uint8)


def _reduced(picture: NDArray[np.uint8], aspect: int) -> NDArray[np.uint8]:
    """The picture with at most 32 pixels a side; smaller ones stay as they are."""
    if max(picture.shape[:2]) <= LONG_SIDE:
        return picture
    height, width = size_of(aspect)
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0))


@dataclass(frozen=True)
class _Lanes:
    """Ways to code one picture: steps (L,) as indices, weights (L,) of a bit in squared steps, and what comes of them.

    residuals: (L, COEFFICIENTS). error: (L,), the sum of squares.
    """

    steps: NDArray[np.int64]
    weights: NDArray[np.float64]
    residuals: NDArray[np.int64]
    error: NDArray[np.float64]


@dataclass(frozen=True)
class _Search:
    """A picture to code in at most `size` bytes. target: its coefficients (3, ORDERS, ORDERS)."""

    model: Model
    target: NDArray[np.float64]
    aspect: int
    gray: bool
    size: int

    def coded(self) -> list[tuple[int, float]]:
        """The index of each coefficient that is coded, and its value."""
        front = Front(self.aspect, 0)
        places = enumerate(self.model.places)
        return [(index, self.target[place]) for index, place in places if is_coded(front, self.gray, *place)]

    def run(self, steps: NDArray[np.int64], weights: NDArray[np.float64]) -> _Lanes:
        """Choose residuals one after the other, by squared error and code length, until the bytes are used up."""
        lanes = steps.size
        step = np.array(STEPS)[steps]
        weight = weights * step**2
        budget = 8.0 * (self.size - 1) - np.log2(TOTAL / gray_event(self.gray)[1])
        walk = Walk(self.model, self.aspect, steps)
        residuals = np.zeros((lanes, COEFFICIENTS), np.int64)
        bits, error = np.zeros(lanes), np.zeros(lanes)
        every = np.arange(lanes)
        for index, value in self.coded():
            mean, kind = walk.predict(index)
            wanted = value - mean
            nearest = np.rint(wanted / step).astype(np.int64)
            choices = np.stack([nearest, nearest - np.sign(nearest), np.zeros(lanes, np.int64)])
            lengths = _lengths(self.model, kind, abs(choices))
            costs = (wanted - choices * step) ** 2 + weight * lengths
            costs[:2][(bits + lengths[:2] > budget) & (choices[:2] != 0)] = np.inf  # after the end, zeros are implied
            chosen = costs.argmin(axis=0)
            residual = choices[chosen, every]
            residuals[:, index] = residual
            bits += lengths[chosen, every]
            error += (wanted - residual * step) ** 2
            walk.add(index, mean + residual * step)
        return _Lanes(steps, weights, residuals, error)

    def payloads(self, step: int, residuals: NDArray[np.int64]) -> list[bytes]:
        """Placeholders of at most `size` bytes that begin with these residuals, as many of them as fit."""
        writer, kept, room = Writer(), Writer(), self.size - 1
        for event in self._events(step, residuals):
            writer.take(*event)
            if not writer.fits(room):
                break
            kept = copy(writer)
        else:
            room = min(room, -(-writer.scale // 8))  # more bytes would tell nothing
        found = kept.payloads(room)
        picked = found if len(found) <= _TRIED else [found[k * (len(found) - 1) // (_TRIED - 1)] for k in range(_TRIED)]
        return [bytes([Front(self.aspect, step).byte]) + value.to_bytes(room, "big") for value in picked]

    def _events(self, step: int, residuals: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
        walk = Walk(self.model, self.aspect, np.array([step]))
        yield gray_event(self.gray)
        for index, _ in self.coded():
            mean, kind = walk.predict(index)
            yield from residual_events(self.model, int(kind[0]), int(residuals[index]))
            walk.add(index, mean + residuals[index] * STEPS[step])

    def error(self, data: bytes) -> float:
        """The sum of squares between the picture and what a placeholder decodes to."""
        return float(((read_coefficients(data, self.model) - self.target) ** 2).sum())


def encode_picture(picture: NDArray[np.uint8], aspect: int, size: int, model: Model) -> bytes:
    """Encode a picture (H, W, 3) of at most 32 pixels a side in at most `size` bytes."""
    search = _Search(model, analyse(picture), aspect, bool((picture == picture[..., :1]).all()), size)
    lanes = search.run(np.repeat(np.arange(len(STEPS)), _WEIGHTS.size), np.tile(_WEIGHTS, len(STEPS)))
    best = lanes.error.argmin()
    near = lanes.weights[best] * np.geomspace(1 / _NEAR, _NEAR, _REFINED)
    lanes = search.run(np.full(_REFINED, lanes.steps[best]), near)
    found = [
        data
        for lane in np.argsort(lanes.error, kind="stable")[:_FINISHED]
        for data in search.payloads(int(lanes.steps[lane]), lanes.residuals[lane])
    ]
    return min(dict.fromkeys(found), key=lambda data: (search.error(data), len(data)))


def _lengths(model: Model, kind: NDArray[np.int64], magnitudes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Bits of residuals (choices, lanes) of classes (lanes,)."""
    lengths = model.bits[kind, np.minimum(magnitudes, ESCAPE)]
    if magnitudes.max() >= ESCAPE:
        excess = np.maximum(magnitudes - ESCAPE, 0)
        lengths = lengths + np.where(magnitudes >= ESCAPE, 2 * np.floor(np.log2(excess + 1)) + 1, 0)
    return lengths
