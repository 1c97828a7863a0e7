"""The ladder as a Keras model: what ``aecodec.models.ladder`` does with integers, here with gradients."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from aecodec.models.description import (
    ACTIVATION_BITS,
    CLASS_LIMIT,
    CLASS_OF_ONE,
    CLASSES_PER_OCTAVE,
    COEFFICIENT_BITS,
    COEFFICIENT_LIMIT,
    QUALITIES,
    Description,
    Layer,
    lambda_of_quality,
    step_of_quality,
)
from aecodec.packing.tables import CLASSES
from aecodec.training.layers import ExactConvolution, activation, round_half_up, straight_through
from aecodec.training.statistics import Statistics

Tensor = Any  # of whatever backend Keras runs on

KNOTS = 6  # the steps' gains are piecewise linear in quality between so many points
CLASS_BITS = 3  # a class output of 1.0 stands for eight classes
CORRECTION_BITS = 2
VECTOR_GAIN = 0.3  # octaves a knot by which the vector's steps fall behind the nominal one as quality rises
CONTEXT_SPREAD = 2.0  # standard deviation that an element has as context, before rounding to a power of two
ZERO_SLOPE = 0.3  # share of the distortion's gradient that reaches an element whose residual is zero
SKIPPED_CLASSES = 2  # so nearly certain that they are not coded
LOGISTIC_SPREAD = math.pi / math.sqrt(3.0)  # standard deviation of the logistic distribution of scale 1


def quality_tables() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """By quality 0..100 (0 unused): log2 step (101,), lambda (101,), hat functions (101, KNOTS), cues (101, 4)."""
    qualities = [max(q, 1) for q in range(QUALITIES + 1)]
    log_step = np.log2([step_of_quality(q) for q in qualities])
    lambdas = np.array([lambda_of_quality(q) for q in qualities])
    place = np.array([(q - 1) / (QUALITIES - 1) * (KNOTS - 1) for q in qualities])
    hats = np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(KNOTS)))
    u = np.array([2.0 * (q - 1) / (QUALITIES - 1) - 1.0 for q in qualities])
    unit = 2.0**ACTIVATION_BITS
    cues = np.floor(np.stack([np.ones_like(u), u, u * u, u * u * u], axis=1) * unit + 0.5) / unit
    return log_step, lambdas, hats, cues


def logistic_bits(residual: Tensor, log_scale: Tensor) -> Tensor:
    """Code length in bits of an integer (or noisy) residual under a discretised logistic of natural log scale."""
    inverse = ops.exp(-log_scale)
    size = ops.abs(residual)
    upper, lower = (0.5 - size) * inverse, (-0.5 - size) * inverse
    log_p = ops.log_sigmoid(upper) + ops.log_sigmoid(-lower) + ops.log(-ops.expm1(-inverse) + 1e-12)
    return -log_p / math.log(2.0)


class Ladder(keras.Model):
    """Passes from coarse to fine, trained for all qualities at once.

    ``call`` takes tiles (N, H, W, C) in 0..255 and qualities (N,) and returns, per image, bits (N,), the sum of squared
    errors (N,) and the reconstruction (N, H, W, C).
    """

    def __init__(self, description: Description, statistics: Statistics, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        assert description.tile is not None
        self.description, self.statistics = description, statistics
        self.exact = False  # integer layers and the encoder's own rounding
        d = description
        self.rows, self.columns = d.grid(*description.tile)
        self.seeds = keras.random.SeedGenerator(1)
        log_step, lambdas, hats, cues = (t.astype(np.float32) for t in quality_tables())
        self.log_step, self.lambdas, self.hats, self.cue_table = log_step, lambdas, hats, cues
        spread = statistics.block_spread
        self.context_bits = np.round(np.log2(CONTEXT_SPREAD / spread)).astype(int)
        self.vector_context_bits = np.round(np.log2(CONTEXT_SPREAD / statistics.tile_spread)).astype(int)
        # A mean of 1.0 stands for 2**gain_bits grey levels, a correction of 1.0 for a quarter of that.
        self.gain_bits = np.round(np.log2(spread)).astype(int)

        self.vector_net = self._network(d.vector_layers, "vector")
        self.pass_nets = []
        for index, (stage, layers) in enumerate(zip(d.passes, d.pass_layers, strict=True)):
            bits = [*(self.gain_bits[stage.lo : stage.hi] + COEFFICIENT_BITS), *[CLASS_BITS] * (stage.hi - stage.lo)]
            limits = [COEFFICIENT_LIMIT] * (stage.hi - stage.lo) + [CLASS_LIMIT] * (stage.hi - stage.lo)
            self.pass_nets.append(self._network(layers, f"pass{index}", bits, limits))
        bits = [*(self.gain_bits - CORRECTION_BITS + COEFFICIENT_BITS)]
        limits = [COEFFICIENT_LIMIT] * d.coefficients
        self.correction_net = self._network(d.correction_layers, "correction", bits, limits)

        self.masks = []
        y, x = np.mgrid[0 : self.rows, 0 : self.columns]
        for stage in d.passes:
            mask = np.zeros((1, self.rows, self.columns, 1), np.float32)
            for py, px in stage.lattice:
                mask[0, (y % 2 == py) & (x % 2 == px), 0] = 1.0
            self.masks.append(mask)

    @staticmethod
    def _network(
        layers: tuple[Layer, ...], name: str, output_bits: Any = None, output_limits: Any = None
    ) -> list[ExactConvolution]:
        """Keras layers of a network; the last one has ``output_bits`` and ``output_limits`` where they are given."""
        made = []
        for index, layer in enumerate(layers):
            own = {}
            if output_bits is not None and index == len(layers) - 1:
                own = {"output_bits": output_bits, "output_limits": output_limits, "gain": 0.1}
            made.append(ExactConvolution(layer.kernel, layer.units, leaky=layer.leaky, name=f"{name}_{index}", **own))
        return made

    def build(self, shape: Any = None) -> None:
        d, s = self.description, self.statistics
        constant = keras.initializers.Constant
        n = d.coefficients
        self.analysis = self.add_weight(
            shape=(n, n), initializer=constant(s.block_directions.T.astype(np.float32)), name="analysis"
        )
        self.synthesis = self.add_weight(
            shape=(n, n), initializer=constant(s.block_directions.astype(np.float32)), name="synthesis"
        )
        self.block_mean = self.add_weight(
            shape=(n,), initializer=constant(s.block_mean.astype(np.float32)), name="block_mean"
        )
        self.vector_analysis = self.add_weight(
            shape=(s.tile_mean.size, d.vector),
            initializer=constant(s.tile_directions.T.astype(np.float32)),
            name="vector_analysis",
        )
        self.vector_class = self.add_weight(
            shape=(d.vector,),
            initializer=constant(CLASSES_PER_OCTAVE * np.log2(s.tile_spread).astype(np.float32)),
            name="vector_class",
        )
        # One octave of step is one unit; learned for each channel of the plane. The vector's stay as they are: before
        # its features mean anything to the passes, rate alone would widen them until the vector is dead.
        gain = np.zeros((KNOTS, d.kinds), np.float32)
        gain[:, : d.vector] = VECTOR_GAIN * np.arange(KNOTS)[:, None]
        self.log_gain = self.add_weight(shape=gain.shape, initializer=constant(gain), name="log_gain")
        self._build_net(self.vector_net, d.vector + d.cues)
        for stage, net in zip(d.passes, self.pass_nets, strict=True):
            self._build_net(net, d.context(stage.hi))
            # Start at a scale of half the spread of the element itself.
            start = CLASSES_PER_OCTAVE * np.log2(s.block_spread[stage.lo : stage.hi] / 2.0) / 2.0**CLASS_BITS
            net[-1].bias.assign(np.concatenate([np.zeros(stage.hi - stage.lo), start]).astype(np.float32))
        self._build_net(self.correction_net, d.context(n))
        self.built = True

    @staticmethod
    def _build_net(net: list[ExactConvolution], channels: int) -> None:
        for layer in net:
            layer.build((None, None, None, channels))
            channels = layer.units

    def set_exact(self, exact: bool, layers: bool | None = None) -> None:
        """Switch hard rounding, and with it integer layers unless ``layers`` says otherwise; then compile again."""
        self.exact = exact
        for net in [self.vector_net, *self.pass_nets, self.correction_net]:
            for layer in net:
                layer.exact = exact if layers is None else layers

    def _run(self, net: list[ExactConvolution], layers: tuple[Layer, ...], x: Tensor) -> Tensor:
        outputs: list[Tensor] = []
        for layer, spec in zip(net, layers, strict=True):
            x = layer(x, add=None if spec.add is None else outputs[spec.add])
            outputs.append(x)
        return x

    def steps(self, quality: Tensor) -> tuple[Tensor, Tensor]:
        """(log2 steps (N, kinds), steps (N, kinds)) for qualities (N,)."""
        log_gain = ops.concatenate(
            [
                ops.stop_gradient(self.log_gain[:, : self.description.vector]),
                self.log_gain[:, self.description.vector :],
            ],
            axis=1,
        )
        log_step = ops.take(self.log_step, quality)[:, None] + ops.matmul(
            ops.take(self.hats, quality, axis=0), log_gain
        )
        steps = 2.0**log_step
        if self.exact:
            # Hard rounding gives steps no gradient that could be trusted: they stay where the noise has led them.
            unit = 2.0**COEFFICIENT_BITS
            steps = ops.stop_gradient(ops.maximum(1.0, round_half_up(steps * unit)) / unit)
            log_step = ops.log2(steps)
        return log_step, steps

    def _code(
        self, value: Tensor, mean: Tensor, absolute_class: Tensor, log_step: Tensor, step: Tensor, lambda_: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(decoded value, bits) of elements, all arrays of the same shape or broadcastable."""
        offset = -CLASSES_PER_OCTAVE * log_step
        if self.exact:
            offset = straight_through(offset, round_half_up(offset))
            absolute_class = straight_through(absolute_class, round_half_up(absolute_class))  # the vector's
        scale_class = absolute_class + offset
        # The gradient passes the limits, so that a class that was put too low can rise again.
        scale_class = straight_through(scale_class, ops.clip(scale_class, 0.0, CLASSES - 1.0))
        log_scale = (scale_class - CLASS_OF_ONE) * (math.log(2.0) / CLASSES_PER_OCTAVE) - math.log(LOGISTIC_SPREAD)
        x = (value - mean) / step
        rounded = ops.stop_gradient(ops.round(x))
        if self.exact:
            # Rate-distortion-optimal rounding between the nearest integer and the next one towards zero.
            smaller = rounded - ops.sign(rounded)
            frozen = ops.stop_gradient(log_scale)
            saved = logistic_bits(rounded, frozen) - logistic_bits(smaller, frozen)
            harm = lambda_ * step**2 * ((x - smaller) ** 2 - (x - rounded) ** 2)
            rounded = ops.stop_gradient(ops.where(harm < saved, smaller, rounded))
            bits = logistic_bits(straight_through(x, rounded), log_scale)
            # What is skipped costs nothing, but its gradient tells the class what it would have cost.
            coded = ops.cast(scale_class >= SKIPPED_CLASSES, rounded.dtype)
            bits = straight_through(bits, bits * coded)
            rounded = rounded * coded
        else:
            noisy = x + keras.random.uniform(ops.shape(x), -0.5, 0.5, seed=self.seeds)
            bits = logistic_bits(noisy, log_scale)
        slope = ops.where(rounded == 0.0, ZERO_SLOPE, 1.0)
        moved = rounded + slope * (x - ops.stop_gradient(x))
        decoded = mean + moved * step
        if self.exact:
            unit = 2.0**COEFFICIENT_BITS
            decoded = straight_through(decoded, round_half_up(decoded * unit) / unit)
        return decoded, bits

    def call(self, inputs: tuple[Tensor, Tensor], training: bool = False) -> dict[str, Tensor]:
        tiles, quality = inputs
        tiles = ops.cast(tiles, "float32")
        quality = ops.cast(ops.reshape(quality, (-1,)), "int32")
        d, s = self.description, self.statistics
        count = ops.shape(tiles)[0]
        lambda_ = ops.take(self.lambdas, quality)[:, None]
        log_step, step = self.steps(quality)

        blocks = ops.reshape(tiles, (-1, self.rows, d.block, self.columns, d.block, d.channels))
        blocks = ops.reshape(ops.transpose(blocks, (0, 1, 3, 2, 4, 5)), (-1, self.rows, self.columns, d.coefficients))
        coefficients = ops.matmul(blocks - self.block_mean, self.analysis)
        synthesis, centre = self.synthesis, self.block_mean
        flat = ops.reshape(tiles, (-1, s.tile_mean.size)) - s.tile_mean.astype(np.float32)
        vector = ops.matmul(flat, self.vector_analysis)
        if self.exact:
            coefficients, vector = ops.stop_gradient(coefficients), ops.stop_gradient(vector)
            synthesis, centre = ops.stop_gradient(synthesis), ops.stop_gradient(centre)

        vector, vector_bits = self._code(
            vector, 0.0, self.vector_class[None], log_step[:, : d.vector], step[:, : d.vector], lambda_
        )
        bits = ops.sum(vector_bits, axis=1)
        cues = ops.take(self.cue_table, quality, axis=0)
        known = ops.concatenate([activation(vector, self.vector_context_bits.astype(np.float32)), cues], axis=1)
        features = self._run(self.vector_net, d.vector_layers, known[:, None, None, :])
        features = ops.reshape(features, (-1, self.rows, self.columns, d.features))
        planes = ops.broadcast_to(cues[:, None, None, :], (count, self.rows, self.columns, d.cues))

        parts: dict[int, Tensor] = {}  # decoded channels by their first one, in rising order
        lambda_ = lambda_[:, None, None]
        for stage, net, layers, mask in zip(d.passes, self.pass_nets, d.pass_layers, self.masks, strict=True):
            lo, hi = stage.lo, stage.hi
            if lo not in parts:
                parts[lo] = ops.zeros((count, self.rows, self.columns, hi - lo))
            context = self._context(features, planes, parts)
            output = self._run(net, layers, context)
            gain = 2.0 ** self.gain_bits[lo:hi].astype(np.float32)
            mean, scale = output[..., : hi - lo] * gain, output[..., hi - lo :]
            kinds = slice(d.vector + lo, d.vector + hi)
            decoded, pass_bits = self._code(
                coefficients[..., lo:hi],
                mean,
                scale * 2.0**CLASS_BITS,
                log_step[:, None, None, kinds],
                step[:, None, None, kinds],
                lambda_,
            )
            parts[lo] = parts[lo] + decoded * mask
            bits = bits + ops.sum(pass_bits * mask, axis=(1, 2, 3))
        plane = ops.concatenate(list(parts.values()), axis=-1)
        correction = self._run(self.correction_net, d.correction_layers, self._context(features, planes, parts))
        correction = correction * 2.0 ** (self.gain_bits - CORRECTION_BITS).astype(np.float32)
        pixels = ops.matmul(plane + correction, synthesis) + centre
        pixels = straight_through(pixels, ops.clip(pixels, 0.0, 255.0))
        pixels = ops.reshape(pixels, (-1, self.rows, self.columns, d.block, d.block, d.channels))
        pixels = ops.reshape(ops.transpose(pixels, (0, 1, 3, 2, 4, 5)), ops.shape(tiles))
        error = ops.sum((pixels - tiles) ** 2, axis=(1, 2, 3))
        return {"bits": bits, "error": error, "pixels": pixels}

    def _context(self, features: Tensor, planes: Tensor, parts: dict[int, Tensor]) -> Tensor:
        known = ops.concatenate(list(parts.values()), axis=-1)
        bits = self.context_bits[: known.shape[-1]].astype(np.float32)
        return ops.concatenate([features, planes, activation(known, bits)], axis=-1)
