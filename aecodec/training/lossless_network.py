"""The lossless stage as a Keras model: the arithmetic of ``aecodec.models.causal`` with gradients.

In training, all samples of a picture are known, so pixels do not depend on each other: a batch consists of pixels
drawn from many pictures. Near-lossless coding, in which decoded samples differ from the original ones, is simulated by
samples quantized to a grid of random phase, which leaves flat parts flat.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from aecodec.models import causal
from aecodec.models.causal import Places, Surroundings
from aecodec.models.description import (
    ACTIVATION_BITS,
    ACTIVATION_LIMIT,
    CLASS_LIMIT,
    ERRORS,
    SHARE_LIMIT,
    Description,
)
from aecodec.models.model import Model
from aecodec.models.safetensors import Arrays
from aecodec.packing.tables import CLASSES
from aecodec.training.exact_layers import round_half_up, straight_through
from aecodec.training.initialization import continue_from
from aecodec.training.ladder_network import CLASS_BITS, LOGISTIC_SPREAD, logistic_bits, network, run

Tensor = Any  # of the backend of Keras
Array = np.ndarray[Any, Any]

SCALE_OF_ONE = 14  # the scale class whose logistic distribution has the scale 1
SCALE_AT_START = 5  # at level 0, when training starts
WEIGHT = 1 << causal.WEIGHT_BITS
FITTED_PIXELS = 400_000  # to which the linear prediction is fitted
RIDGE = 0.01
LEAST_LOG_PROBABILITY = -16.0 * math.log(2.0)  # of a residual, in training


def spreads() -> Array:
    """The standard deviation (64,) of each class's residuals, in steps."""
    scale = np.arange(CLASSES) // causal.PHASES
    return np.asarray(LOGISTIC_SPREAD * 2.0 ** ((scale - SCALE_OF_ONE) / causal.SCALES_PER_OCTAVE))


def offsets() -> Array:
    """What each largest error (256,) adds to a scale class: residuals count steps."""
    octaves = np.log2(2.0 * np.arange(ERRORS) + 1.0)
    return np.floor(0.5 - causal.SCALES_PER_OCTAVE * octaves).astype(np.int16)


@dataclass(frozen=True)
class Planes:
    """Pictures whose pixels are all known: rows of all of them one after the other, with borders.

    ``samples``: (rows, C) uint8, decoded, in the order of coding. ``targets``: (rows, C) uint8, the original ones.
    ``errors``: (rows, C) int16, of the linear prediction. ``shape``: (N, H, W). ``max_error``, ``gray``: (N,).
    """

    description: Description
    samples: Array
    targets: Array
    errors: Array
    shape: tuple[int, int, int]
    max_error: Array
    gray: Array

    @classmethod
    def of(cls, d: Description, weights: Array, tiles: Array, max_error: Array, random: np.random.Generator) -> Planes:
        """Planes of tiles (N, H, W, C), off by the largest errors (N,) at most."""
        assert d.lossless is not None
        n, height, width, channels = tiles.shape
        ordered = tiles[..., list(d.lossless.order)]
        gray = (ordered == ordered[..., :1]).reshape(n, -1).all(axis=1) & (channels > 1)
        most = max_error[:, None, None, None]
        phase = random.integers(-most, most + 1, (n, 1, 1, channels))
        steps = np.floor_divide(ordered.astype(np.int16) - phase + most, 2 * most + 1)
        noisy = np.clip(steps * (2 * most + 1) + phase, 0, 255)
        noisy[gray] = noisy[gray][..., :1]
        samples, targets = (
            causal.bordered(d.lossless, part.astype(np.uint8)).reshape(-1, channels) for part in (noisy, ordered)
        )
        made = cls(d, samples, targets, np.zeros(samples.shape, np.int16), (n, height, width), max_error, gray)
        pixels = np.arange(n * height * width)
        for begin in range(0, pixels.size, 1 << 18):
            places, which = made.places(pixels[begin : begin + (1 << 18)])
            decoded = samples[places.at].astype(np.int32)
            near, base = causal.differences(samples, places, d.lossless.linear_window)
            near = near.reshape(len(near), -1)
            for channel in range(channels):
                linear = causal.linear_of(weights, near, base, decoded, channel)
                made.errors[places.at, channel] = 4 * decoded[:, channel] - linear
            rows = places.at[gray[which]]
            made.errors[rows] = made.errors[rows, :1]
        return made

    def places(self, pixels: Array) -> tuple[Places, Array]:
        """The places of pixels (B,), counted through all pictures, and their pictures (B,)."""
        assert self.description.lossless is not None
        n, height, width = self.shape
        reach = self.description.lossless.reach
        which, rest = np.divmod(pixels, height * width)
        y, x = np.divmod(rest, width)
        line = width + 2 * reach
        at = (which * (height + reach) + reach + y) * line + reach + x
        return Places(at, line, y, x, width), which

    def rows(self, pixels: Array) -> tuple[Surroundings, Array, Array, Array, Array]:
        """What is known of pixels (B,); errors and targets (B, C), largest errors (B,), whether they are gray (B,)."""
        places, which = self.places(pixels)
        known = causal.surroundings(self.description, self.samples, self.errors, places, self.max_error[which])
        errors, targets = (part[places.at].astype(np.int32) for part in (self.errors, self.targets))
        return known, errors, targets, self.max_error[which], self.gray[which]

    def inputs(self, pixels: Array) -> tuple[Array, ...]:
        """The inputs of `LosslessNetwork` for pixels (B,)."""
        known, errors, targets, max_error, gray = self.rows(pixels)
        places, _ = self.places(pixels)
        linear = 4 * self.samples[places.at].astype(np.int32) - errors
        more = [causal.head_inputs(known, linear[:, k], errors, k) for k in range(errors.shape[1])]
        floats = known.inputs, np.concatenate(more, axis=1), linear, errors, known.level, targets, max_error, gray
        return tuple(np.asarray(part, np.float32) for part in floats)


def fit_linear(d: Description, tiles: Array, random: np.random.Generator) -> Array:
    """Weights of the linear prediction that minimise its squared errors, relative to the spread of the neighbours."""
    assert d.lossless is not None
    shape = d.lossless.weights(d)
    n, height, width = tiles.shape[:3]
    zeros = Planes.of(d, np.zeros(shape, np.int8), tiles, np.zeros(n, int), random)
    pixels = random.integers(n * height * width, size=min(FITTED_PIXELS, n * height * width))
    places, _ = zeros.places(pixels)
    near, base = causal.differences(zeros.samples, places, d.lossless.linear_window)
    near = near.reshape(len(near), -1).astype(np.float64)
    target = zeros.samples[places.at] - base.astype(np.float64)
    weight = 1.0 / (np.abs(near).mean(axis=1) + 1.0)[:, None]
    found = np.zeros(shape)
    for channel in range(d.channels):
        used = np.r_[: near.shape[1], near.shape[1] : near.shape[1] + channel]
        given = np.concatenate([near, target[:, :channel]], axis=1) * weight
        normal = given.T @ given + RIDGE * len(given) * np.eye(given.shape[1])
        found[used, channel] = np.linalg.solve(normal, given.T @ (target[:, channel] * weight[:, 0]))
    return np.clip(np.floor(found * WEIGHT + 0.5), -128, 127).astype(np.int8)


class LosslessNetwork(keras.Model):
    """The networks of a lossless stage.

    ``call`` takes what `Planes.inputs` returns and returns bits (B,) of the coded samples of each pixel.
    """

    def __init__(self, description: Description, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        assert description.lossless is not None
        self.description, self.stage = description, description.lossless
        self.trunk = network(self.stage.trunk, "trunk")
        self.heads = []
        for channel, layers in enumerate(self.stage.heads):
            limits = [ACTIVATION_LIMIT, CLASS_LIMIT] + [SHARE_LIMIT] * channel
            self.heads.append(network(layers, f"head{channel}", self._head_bits(channel), limits))

    def build(self, shape: Any = None) -> None:
        """Create the weights; ``shape`` is not needed, as the description has it."""
        self._build_net(self.trunk, self.stage.inputs(self.description))
        for channel, net in enumerate(self.heads):
            self._build_net(net, self.stage.trunk[-1].units + 1 + 2 * channel)
            bias = [0.0, SCALE_AT_START / 2.0**CLASS_BITS] + [0.0] * channel
            net[-1].bias.assign(np.array(bias, np.float32))
        self.built = True

    def start_from(self, model: Model) -> None:
        """Copy the networks of a model's lossless stage. Raises ``ValueError`` for one of another shape."""
        old, new = model.description, self.description
        if (old.lossless, old.channels, bool(old.tile)) != (new.lossless, new.channels, bool(new.tile)):
            raise ValueError(f"{model.name} has no lossless stage of the shape to be trained")
        continue_from(self.trunk, model, "lossless.trunk", self.stage.trunk)
        for channel, (net, layers) in enumerate(zip(self.heads, self.stage.heads, strict=True)):
            continue_from(net, model, f"lossless.head{channel}", layers, self._head_bits(channel))

    @staticmethod
    def _head_bits(channel: int) -> list[int]:
        """Fraction bits of the outputs of a channel's network."""
        return [ACTIVATION_BITS, CLASS_BITS] + [ACTIVATION_BITS] * channel

    @staticmethod
    def _build_net(net: Any, channels: int) -> None:
        for layer in net:
            layer.build((None, channels))
            channels = layer.units

    def call(self, inputs: tuple[Tensor, ...], training: bool = False) -> Tensor:
        """Bits (B,); see the class."""
        rows, more, linear, errors, level, target, max_error, gray = inputs
        unit = 2.0**ACTIVATION_BITS
        level, max_error, gray = (ops.reshape(part, (-1,)) for part in (level, max_error, gray))
        step = 2.0 * max_error + 1.0
        hidden = run(self.trunk, self.stage.trunk, rows / unit)
        total, at = 0.0, 0
        for channel, (net, layers) in enumerate(zip(self.heads, self.stage.heads, strict=True)):
            width = 1 + 2 * channel
            output = run(net, layers, ops.concatenate([hidden, more[:, at : at + width] / unit], axis=-1))
            at += width
            mean = linear[:, channel] + output[:, 0] * 2.0 ** (level + 1.0)
            for other in range(channel):
                mean = mean + output[:, 2 + other] * errors[:, other]
            scale = output[:, 1] * 2.0**CLASS_BITS + causal.SCALES_PER_OCTAVE * (level - ops.log2(step))
            bits = self._bits(mean, scale, target[:, channel], step)
            total = total + (bits * (1.0 - gray) if channel else bits)
        return total

    @staticmethod
    def _bits(mean: Tensor, scale: Tensor, target: Tensor, step: Tensor) -> Tensor:
        """Bits (B,) of samples, given means in quarters of a level and scale classes."""
        mean = straight_through(mean, ops.clip(ops.floor(mean), 0.0, float(causal.MOST_QUARTERS)))
        scale = straight_through(scale, ops.clip(round_half_up(scale), 0.0, causal.SCALES - 1.0))
        log_scale = (scale - SCALE_OF_ONE) * (math.log(2.0) / causal.SCALES_PER_OCTAVE)
        # A mean that was rounded down to a quarter is, on average, an eighth of a level too low.
        real = (target - (mean / 4.0 + 0.125)) / step
        coarse = straight_through(real, round_half_up((target - round_half_up(mean / 4.0)) / step))
        bits = logistic_bits(ops.where(step > 1.0, coarse, real), log_scale)
        # Tables have heavier tails: what the logistic distribution does not expect costs some 16 bits, not hundreds.
        return -ops.logaddexp(-bits * math.log(2.0), ops.full_like(bits, LEAST_LOG_PROBABILITY)) / math.log(2.0)


def arrays_of(trained: LosslessNetwork, weights: Array) -> Arrays:
    """All arrays of the stage except its tables; weights: of the linear prediction."""
    from aecodec.training.export import layer_arrays

    nets = [("trunk", trained.trunk, trained.stage.trunk)]
    nets += [(f"head{c}", *both) for c, both in enumerate(zip(trained.heads, trained.stage.heads, strict=True))]
    arrays: Arrays = {}
    for name, net, specs in nets:
        for index, (layer, spec) in enumerate(zip(net, specs, strict=True)):
            arrays |= layer_arrays(f"lossless.{name}.{index}", layer, spec)
    arrays["lossless.linear"] = np.asarray(weights, np.int8)
    arrays["lossless.offset"] = offsets()
    return arrays
