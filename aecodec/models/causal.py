"""The lossless stage: every sample is predicted from samples decoded before it, above and to the left of it.

Pixels are decoded along wavefronts: step ``t`` has the pixels (y, x) of a panel with ``x + 2 * y = t``, whose
neighbours in the window were decoded in earlier steps. In a step, the channels follow each other. A sample is
predicted three times:

- ``base``, 0..255: the median of left, above, and left + above - above left (Martucci 1990; LOCO-I);
- ``linear``, in quarters of a level: the base plus weighted differences of its neighbours from it, and of the pixel's
  channels before it;
- ``mean``, in quarters: the linear prediction plus what a network adds to it.

Networks see differences and errors of neighbours relative to the mean error around the pixel, the *level*, in powers
of two: what they learn of smooth parts holds for rough ones. All arithmetic is on integers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from aecodec.models.description import ACTIVATION_LIMIT, Description, Lossless, Offset

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aecodec.engines import Engine
    from aecodec.models.model import LosslessStage, Model

QUARTERS_OF_LEVEL: Final = 4
MOST_QUARTERS: Final = 255 * QUARTERS_OF_LEVEL
LEVELS: Final = 10
MIDDLE: Final = 128  # the base of the first sample
WEIGHT_BITS: Final = 6  # a linear weight of 64 is 1
PHASES: Final = 2  # of the position of a mean within a level; a mirrored residual makes four of them
SCALES: Final = 32  # scale classes, each with a table for both phases
SCALES_PER_OCTAVE: Final = 3
SKEW: Final = 2  # columns that a row is behind the one above it
ERROR_NEIGHBOURS: Final[tuple[Offset, ...]] = ((0, -1), (-1, 0), (-1, 1), (-1, -1), (0, -2), (-2, 0))
EDGE: Final = 3  # distances from the edges of a panel are told up to here


@dataclass(frozen=True)
class Coding:
    """How samples are coded: by the lossless stage of a model, on an engine, off by no more than max_error.

    gray: the three channels of the pictures are equal, and only one is coded.
    """

    model: Model
    engine: Engine
    gray: bool
    max_error: int

    @property
    def stage(self) -> LosslessStage:
        """The lossless stage of the model."""
        assert self.model.lossless is not None
        return self.model.lossless

    @property
    def coded(self) -> int:
        """The number of channels that are coded."""
        return 1 if self.gray else self.model.description.channels

    @property
    def step(self) -> int:
        """The distance of two values that a sample can be decoded to."""
        return 2 * self.max_error + 1


@dataclass(frozen=True)
class Pixels:
    """The pixels of a panel in the order of decoding: rows and columns, and where each step begins, ending with all."""

    y: NDArray[np.intp]
    x: NDArray[np.intp]
    begins: NDArray[np.intp]


@lru_cache(maxsize=64)
def steps_of(height: int, width: int) -> Pixels:
    """The pixels of a panel, step by step; some steps of a panel of one column have none."""
    y, x = np.divmod(np.arange(height * width), width)
    step = x + SKEW * y
    order = np.argsort(step, kind="stable")
    return Pixels(y[order], x[order], np.append(0, np.cumsum(np.bincount(step))))


@dataclass(frozen=True)
class Surroundings:
    """What is known of B pixels before they are decoded.

    ``inputs``: (B, inputs) int32, of the trunk. ``base``: (B, C). ``level``: (B,), 0..9. ``near``: (B, L * C), the
    differences of the neighbours in the linear window from the base.
    """

    inputs: NDArray[np.int32]
    base: NDArray[np.int32]
    level: NDArray[np.int32]
    near: NDArray[np.int32]


@dataclass(frozen=True)
class Places:
    """B pixels: their rows in flat arrays of samples and errors, the rows of a line there, and where they are.

    ``y``, ``x``: in their panels, whose widths are ``width``. All but ``at`` may be single numbers.
    """

    at: NDArray[np.intp]
    line: Any
    y: NDArray[np.intp]
    x: NDArray[np.intp]
    width: Any


def surroundings(
    d: Description, samples: NDArray[Any], errors: NDArray[Any], places: Places, max_error: Any
) -> Surroundings:
    """Gather what is known of pixels.

    samples: (rows, C) integers, the decoded samples in the order of coding, with a border (see `bordered`). errors:
    (rows, C), four times a sample minus its linear prediction, 0 in the border. max_error: of the picture, or (B,).
    """
    shape = d.lossless
    assert shape is not None
    y, x, count = places.y, places.x, len(places.at)
    window, base = differences(samples, places, shape.window)
    edy, edx, line = _ERRORS[:, 0], _ERRORS[:, 1], np.asarray(places.line)[..., None]
    off = errors.take(places.at[:, None] + edy * line + edx, axis=0).astype(np.int32).reshape(count, -1)
    level = _LEVEL_OF.take(np.minimum(np.abs(off).sum(axis=1) // (3 * d.channels), len(_LEVEL_OF) - 1))
    inputs = np.empty((count, shape.inputs(d)), np.int32)
    shift = level[:, None]
    first = window[0].size
    second = first + off.shape[1]
    np.right_shift(window.reshape(count, -1) << 7, shift, out=inputs[:, :first])
    np.right_shift(off << 6, shift, out=inputs[:, first:second])
    inputs[:, second : second + d.channels] = (base - MIDDLE) * 2
    others = inputs[:, second + d.channels :]
    for column, distance in enumerate((x, y, np.asarray(places.width) - 1 - x)):
        others[:, column] = np.minimum(distance, EDGE) * 32
    others[:, 3] = level * 32 - 96
    others[:, 4] = np.frexp(np.asarray(max_error, np.float64))[1] * 64
    if d.tile is not None:
        others[:, 5] = (y % d.tile[0] - d.tile[0] // 2) * 8
        others[:, 6] = (x % d.tile[1] - d.tile[1] // 2) * 8
    np.clip(inputs, -ACTIVATION_LIMIT, ACTIVATION_LIMIT, out=inputs)
    return Surroundings(inputs, base, level, window[:, _inner(shape)].reshape(count, -1))


_ERRORS: Final = np.array(ERROR_NEIGHBOURS)
_LEVEL_OF: Final = np.minimum(np.frexp(np.arange(1 << LEVELS) + 1.0)[1] - 1, LEVELS - 1).astype(np.int32)


@lru_cache(maxsize=16)
def _inner(shape: Lossless) -> NDArray[np.intp]:
    """Which neighbours of the window are in the linear one."""
    return np.array([shape.window.index(offset) for offset in shape.linear_window])


def differences(
    samples: NDArray[Any], places: Places, window: tuple[Offset, ...]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Differences (B, W, C) of the neighbours of pixels from their bases (B, C), 0 outside the panel, and the bases."""
    y, x = places.y, places.x
    taps = np.array(window)
    dy, dx = taps[:, 0], taps[:, 1]
    line, width = np.asarray(places.line)[..., None], np.asarray(places.width)[..., None]
    found = samples.take(places.at[:, None] + dy * line + dx, axis=0).astype(np.int32)
    left, above, corner = (found[:, window.index(offset)] for offset in ((0, -1), (-1, 0), (-1, -1)))
    down, right = (y > 0)[:, None], (x > 0)[:, None]
    left = np.where(right, left, np.where(down, above, MIDDLE))
    above = np.where(down, above, left)
    smaller, larger = np.minimum(left, above), np.maximum(left, above)
    base = np.where(right & down, np.maximum(np.minimum(larger, left + above - corner), smaller), left)
    known = (y[:, None] + dy >= 0) & (x[:, None] + dx >= 0) & (x[:, None] + dx < width)
    found -= base[:, None]
    found *= known[..., None]
    return found, base


def bordered(shape: Lossless, stack: NDArray[Any]) -> NDArray[Any]:
    """Arrays (N, H, W, C) with a border of zeros as wide as the window on three sides: (N, H + R, W + 2 R, C)."""
    reach = shape.reach
    return np.pad(stack, ((0, 0), (reach, 0), (reach, reach), (0, 0)))


@dataclass(frozen=True)
class Prediction:
    """The prediction of a channel of B pixels, in quarters of a level: ``linear`` (B,), ``mean`` (B,), 0..1020.

    ``scale``: (B,), the scale class before the largest error is considered.
    """

    linear: NDArray[np.int32]
    mean: NDArray[np.int32]
    scale: NDArray[np.int32]


def linear_of(
    weights: NDArray[Any], near: NDArray[np.int32], base: NDArray[np.int32], decoded: NDArray[np.int32], channel: int
) -> NDArray[np.int32]:
    """Linear predictions (B,) of a channel, 0..1020, from near (B, L * C), base (B, C) and the decoded samples (B, C).

    weights: (L * C + C, C) integers in -128..127.
    """
    # Fewer than 150 products of at most 128 * 510: below 2^24, exact in float32 as well.
    weight = weights.astype(np.float32)
    inner = len(weights) - base.shape[1]
    found = near.astype(np.float32) @ weight[:inner, channel]
    for other in range(channel):
        found += (decoded[:, other] - base[:, other]) * weight[inner + other, channel]
    quarters = 4 * base[:, channel] + ((found.astype(np.int32) + 8) >> (WEIGHT_BITS - 2))
    return np.clip(quarters, 0, MOST_QUARTERS).astype(np.int32)


def head_inputs(
    known: Surroundings, linear: NDArray[np.int32], errors: NDArray[np.int32], channel: int
) -> NDArray[np.int32]:
    """What the network of a channel sees beside the trunk's outputs: (B, 1 + 2 * channel).

    linear: (B,), of this channel. errors: (B, C), of the channels before it.
    """
    made = np.empty((len(linear), 1 + 2 * channel), np.int32)
    made[:, 0] = (linear - 4 * known.base[:, channel]) * 32 >> known.level
    for other in range(channel):
        made[:, 1 + 2 * other] = errors[:, other] * 64 >> known.level
        made[:, 2 + 2 * other] = errors[:, other] * 32
    return np.clip(made, -ACTIVATION_LIMIT, ACTIVATION_LIMIT, out=made)


def predicted(
    output: NDArray[np.int32], linear: NDArray[np.int32], errors: NDArray[np.int32], level: NDArray[np.int32]
) -> Prediction:
    """The prediction of a channel from the outputs (B, 2 + channel) of its network.

    The outputs are an addition to the mean, the scale class, and a share of each earlier channel's error.
    """
    # 1023 * 2^10 + 2 * 255 * 1020 < 2^21
    added = output[:, 0] << (level + 1)
    for other in range(output.shape[1] - 2):
        added = added + output[:, 2 + other] * errors[:, other]
    mean = np.clip(linear + (added >> 6), 0, MOST_QUARTERS)
    return Prediction(linear, mean, output[:, 1] + SCALES_PER_OCTAVE * level)


SampleCoder = Callable[[int, Prediction], "NDArray[np.int32]"]
"""The encoder's or the decoder's side: decoded samples (B,) of a channel, from its prediction."""


def decode_pixels(
    stage: LosslessStage, engine: Engine, known: Surroundings, channels: int, code: SampleCoder
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Decode the samples (B, C) of pixels that do not depend on each other, and return them with their errors.

    channels: the number that is coded; the others equal the first.
    """
    count = len(known.base)
    width = known.base.shape[1]
    samples, errors = np.zeros((count, width), np.int32), np.zeros((count, width), np.int32)
    hidden = _run(engine, stage.trunk, known.inputs)
    for channel in range(channels):
        linear = linear_of(stage.linear, known.near, known.base, samples, channel)
        more = head_inputs(known, linear, errors, channel)
        output = _run(engine, stage.heads[channel], np.concatenate([hidden, more], axis=1))
        samples[:, channel] = code(channel, predicted(output.astype(np.int32), linear, errors, known.level))
        errors[:, channel] = 4 * samples[:, channel] - linear
    if channels < width:
        samples[:, channels:], errors[:, channels:] = samples[:, :1], errors[:, :1]
    return samples, errors


def _run(engine: Engine, network: Any, rows: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(engine.run(network, rows[None, None].astype(engine.dtype))[0])


# Residuals ---


def class_of(found: Prediction, offset: Any, max_error: Any) -> NDArray[np.uint8]:
    """Classes (B,), 0..63: the scale, and the phase of the mean; offset: what the largest error adds to a scale."""
    scale = np.clip(found.scale + offset, 0, SCALES - 1)
    return np.asarray(PHASES * scale + np.where(np.equal(max_error, 0), _outer(found.mean), 0), np.uint8)


def _outer(mean: NDArray[np.int32]) -> NDArray[np.int32]:
    """1 where a mean, which was rounded down to its quarter, is nearer to two samples than to one."""
    return np.asarray((mean + 1 >> 1) & 1, np.int32)


def residual_of(target: NDArray[Any], mean: NDArray[np.int32], step: Any) -> NDArray[np.int32]:
    """Residuals of the nearest that steps from the means can come to targets in 0..255."""
    centre = mean + 2 >> 2
    steps = (target - centre + (step >> 1)) // step
    low, high, sign = _reach(centre, mean, step)
    steps = steps * sign
    near = np.minimum(low, high)
    beyond = np.abs(steps) - near
    side = near + (beyond + 1 >> 1)
    return np.asarray(np.where(beyond <= 0, steps, np.where(beyond & 1, side, -side)), np.int32)


def sample_of(residual: NDArray[np.int32], mean: NDArray[np.int32], step: Any) -> NDArray[np.int32]:
    """The inverse: samples in 0..255. Residuals that no encoder writes are taken as the nearest possible value."""
    centre = mean + 2 >> 2
    low, high, sign = _reach(centre, mean, step)
    near = np.minimum(low, high)
    beyond = np.abs(residual) - near
    away = near + 2 * beyond - (residual > 0)
    steps = np.where(beyond <= 0, residual, np.where(high > low, away, -away))
    return np.asarray(np.clip(centre + steps * sign * step, 0, 255), np.int32)


def _reach(centre: NDArray[np.int32], mean: NDArray[np.int32], step: Any) -> tuple[Any, Any, Any]:
    """Steps that can be needed downwards and upwards, once mirrored where the mean lies below its nearest sample."""
    half = step >> 1
    down, up = (centre + half) // step, (255 - centre + half) // step
    mirrored = (mean & 3) >= 2
    low, high = np.where(mirrored, up, down), np.where(mirrored, down, up)
    return low, high, np.where(mirrored, -1, 1)
