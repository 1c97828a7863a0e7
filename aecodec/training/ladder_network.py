"""The ladder as a Keras model: the arithmetic of ``aecodec.models.ladder`` with gradients."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from aecodec.encoding.shares import USUAL, along
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
    Pass,
    lambda_of_quality,
)
from aecodec.packing.tables import CLASSES
from aecodec.training.exact_layers import ExactConvolution, activation, constant, round_half_up, straight_through
from aecodec.training.statistics import Statistics

Tensor = Any  # of the backend of Keras

CLASS_BITS = 3  # a class output of 1.0 stands for eight classes
CORRECTION_BITS = 2
ZERO_SLOPE = 0.3  # share of the distortion's gradient that reaches the mean of an element whose residual is zero
SKIPPED_CLASSES = 2  # the lowest classes, whose residuals are so rarely non-zero that they are not coded
LOGISTIC_SPREAD = math.pi / math.sqrt(3.0)  # standard deviation of the logistic distribution of scale 1


def quality_tables() -> tuple[np.ndarray, np.ndarray]:
    """Return lambdas (101,) and cues (101, 4) by quality 0..100; row 0 is unused."""
    qualities = [max(q, 1) for q in range(QUALITIES + 1)]
    u = np.array([2.0 * (q - 1) / (QUALITIES - 1) - 1.0 for q in qualities])
    lambdas = np.array([lambda_of_quality(q) for q in qualities])
    unit = 2.0**ACTIVATION_BITS
    cues = np.floor(np.stack([np.ones_like(u), u, u * u, u * u * u], axis=1) * unit + 0.5) / unit
    return lambdas, cues


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)), from functions that XLA computes as vectors on a processor (log1p is not among them)."""
    return ops.where(x > 0.0, x, 0.0) + ops.log(1.0 + ops.exp(-ops.abs(x)))


def logistic_bits(residual: Tensor, log_scale: Tensor) -> Tensor:
    """Code length in bits of a residual in steps under a discretised logistic distribution of natural log scale."""
    inverse = ops.exp(-log_scale)
    size = ops.abs(residual)
    nats = softplus((size - 0.5) * inverse) + softplus((-0.5 - size) * inverse)
    return (nats - ops.log(1.0 - ops.exp(-inverse) + 1e-12)) / math.log(2.0)


def bits_saved(residual: Tensor, log_scale: Tensor) -> Tensor:
    """What a residual other than 0 costs more, in bits, than the next one towards zero; see ``logistic_bits``."""
    inverse = ops.exp(-log_scale)
    size = ops.abs(residual)
    nats = softplus((-0.5 - size) * inverse) - softplus((size - 1.5) * inverse)
    return (nats + (size - 0.5) * inverse) / math.log(2.0)


def network(
    layers: tuple[Layer, ...], name: str, output_bits: Any = None, output_limits: Any = None
) -> list[ExactConvolution]:
    """Return the Keras layers of a network; ``output_bits`` and ``output_limits``, if given, are those of the last."""
    made = []
    for index, layer in enumerate(layers):
        own = {}
        if output_bits is not None and index == len(layers) - 1:
            own = {"output_bits": output_bits, "output_limits": output_limits, "gain": 0.1}
        made.append(ExactConvolution(layer.kernel, layer.units, leaky=layer.leaky, name=f"{name}_{index}", **own))
    return made


def run(
    net: list[ExactConvolution], layers: tuple[Layer, ...], x: Tensor, every: tuple[int, int] | None = None
) -> Tensor:
    """Apply a network to ``x`` (N, H, W, C).

    ``every``: (y, x) of 0 or 1; only the outputs at every second row from y and every second column from x.
    """
    outputs: list[Tensor] = []
    for index, (layer, spec) in enumerate(zip(net, layers, strict=True)):
        add = None if spec.add is None else outputs[spec.add]
        x = layer(x, add=add, every=None if index else every)
        outputs.append(x)
    return x


class LadderNetwork(keras.Model):
    """A ladder for all qualities, with the integer layers and the hard rounding of the codec.

    ``call`` takes a tuple of groups: pictures (N, H, W, C) in 0..255 of one size, a multiple of the tile's, qualities
    (N,) and, if they are not the pictures themselves, the pictures that the error is measured against. It returns for
    each group the bits (N,), the sums of squared errors (N,) and the decoded pixels (N, H, W, C). ``shares``:
    (passes,), how much of the bits that a smaller residual saves counts in rounding; None for the usual ones.
    """

    def __init__(
        self, description: Description, statistics: Statistics, shares: np.ndarray | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.description, self.statistics = description, statistics
        self.shares = along(USUAL, len(description.passes)) if shares is None else shares
        d = description
        lambdas, cues = quality_tables()
        self.lambdas, self.cue_table = lambdas.astype(np.float32), cues.astype(np.float32)
        self.step_table = statistics.steps
        self.vector_context_bits, self.context_bits = np.split(statistics.context_bits, [d.vector])
        # A mean of 1.0 stands for 2**gain_bits gray levels, a correction of 1.0 for a quarter of that.
        self.gain_bits = np.round(np.log2(statistics.block_spread)).astype(int)

        self.vector_net = network(d.vector_layers, "vector")
        self.pass_nets, self.update_nets = [], []
        for index, (stage, layers) in enumerate(zip(d.passes, d.pass_layers, strict=True)):
            bits = [*(self.gain_bits[stage.lo : stage.hi] + COEFFICIENT_BITS), *[CLASS_BITS] * (stage.hi - stage.lo)]
            limits = [COEFFICIENT_LIMIT] * (stage.hi - stage.lo) + [CLASS_LIMIT] * (stage.hi - stage.lo)
            self.pass_nets.append(network(layers, f"pass{index}", bits, limits))
            self.update_nets.append(network(d.update_layers[index], f"update{index}"))
        bits = [*(self.gain_bits - CORRECTION_BITS + COEFFICIENT_BITS)]
        limits = [COEFFICIENT_LIMIT] * d.coefficients
        self.correction_net = network(d.correction_layers, "correction", bits, limits)

    @property
    def networks(self) -> list[list[ExactConvolution]]:
        """The layers of every network."""
        return [self.vector_net, *self.pass_nets, *self.update_nets, self.correction_net]

    def build(self, shape: Any = None) -> None:
        """Create the weights; ``shape`` is not needed, as the description has it."""
        d, s = self.description, self.statistics
        if d.vector:
            start = (CLASSES_PER_OCTAVE * np.log2(s.tile_spread)).astype(np.float32)
            self.vector_class = self.add_weight(
                shape=(d.vector,), initializer=keras.initializers.Constant(start), name="vector_class"
            )
        self._build_net(self.vector_net, d.vector + d.cues)
        for index, (stage, net) in enumerate(zip(d.passes, self.pass_nets, strict=True)):
            self._build_net(net, d.inputs(index, d.seen(index)))
            self._build_net(self.update_nets[index], d.inputs(index, stage.hi))
            # Start at a scale of half the spread of the element itself.
            start = CLASSES_PER_OCTAVE * np.log2(s.block_spread[stage.lo : stage.hi] / 2.0) / 2.0**CLASS_BITS
            net[-1].bias.assign(np.concatenate([np.zeros(stage.hi - stage.lo), start]).astype(np.float32))
        self._build_net(self.correction_net, d.context)
        self.built = True

    @staticmethod
    def _build_net(net: list[ExactConvolution], channels: int) -> None:
        for layer in net:
            layer.build((None, None, None, channels))
            channels = layer.units

    def set_exact(self, exact: bool) -> None:
        """Switch integer layers on, as they are at first, or off; the model must then be compiled again."""
        for net in self.networks:
            for layer in net:
                layer.exact = exact

    @staticmethod
    def _code(
        value: Tensor, mean: Tensor, absolute_class: Tensor, step: Tensor, lambda_: Tensor, share: float = 1.0
    ) -> tuple[Any, Any]:
        """Return decoded values and bits of elements; the arrays are broadcast, ``step`` is in gray levels."""
        offset = round_half_up(-CLASSES_PER_OCTAVE * ops.log2(step))
        absolute_class = straight_through(absolute_class, round_half_up(absolute_class))  # the vector's is real
        scale_class = absolute_class + offset
        # The gradient passes the limits, so that a class that has become too low can rise again.
        scale_class = straight_through(scale_class, ops.clip(scale_class, 0.0, CLASSES - 1.0))
        log_scale = (scale_class - CLASS_OF_ONE) * (math.log(2.0) / CLASSES_PER_OCTAVE) - math.log(LOGISTIC_SPREAD)
        x = (value - mean) / step
        rounded = ops.stop_gradient(ops.round(x))
        # Rate-distortion-optimal rounding between the nearest integer and the next one towards zero.
        smaller = rounded - ops.sign(rounded)
        frozen = ops.stop_gradient(log_scale)
        saved = bits_saved(rounded, frozen)
        loss = lambda_ * step**2 * ((x - smaller) ** 2 - (x - rounded) ** 2)
        rounded = ops.stop_gradient(ops.where(loss < share * saved, smaller, rounded))
        bits = logistic_bits(straight_through(x, rounded), log_scale)
        # Skipped elements cost nothing, but their gradient tells the class what they would have cost.
        coded = ops.cast(scale_class >= SKIPPED_CLASSES, rounded.dtype)
        bits = straight_through(bits, bits * coded)
        rounded = rounded * coded
        slope = ops.where(rounded == 0.0, ZERO_SLOPE, 1.0)
        moved = rounded + slope * (x - ops.stop_gradient(x))
        unit = 2.0**COEFFICIENT_BITS
        decoded = mean + moved * step
        return straight_through(decoded, round_half_up(decoded * unit) / unit), bits

    def call(self, groups: tuple[tuple[Tensor, ...], ...], training: bool = False) -> tuple[dict[str, Tensor], ...]:
        """Code all groups; see the class."""
        return tuple(self._code_group(*group) for group in groups)

    def _code_group(self, pictures: Tensor, quality: Tensor, clean: Tensor | None = None) -> dict[str, Tensor]:
        d, s = self.description, self.statistics
        pictures = ops.cast(pictures, "float32")
        quality = ops.cast(ops.reshape(quality, (-1,)), "int32")
        height, width = pictures.shape[1:3]
        rows, columns = height // d.block, width // d.block  # blocks
        count = ops.shape(pictures)[0]
        lambda_ = ops.take(constant(self.lambdas), quality)[:, None]
        step = ops.take(constant(self.step_table / 2.0**COEFFICIENT_BITS), quality, axis=0)
        cues = ops.take(constant(self.cue_table), quality, axis=0)

        coefficients = ops.matmul(
            regions(pictures, d.block, d.block) - constant(s.block_mean), constant(s.block_analysis)
        )
        parts: list[Tensor] = []  # decoded channels, group after group
        if d.tile is None:
            features, bits = None, ops.zeros((count,))
        else:
            down, across = height // d.tile[0], width // d.tile[1]  # tiles
            features, spent = self._features(regions(pictures, *d.tile), step, cues, lambda_)
            features = ops.reshape(features, (-1, down, across, rows // down, columns // across, d.features))
            features = ops.reshape(ops.transpose(features, (0, 1, 3, 2, 4, 5)), (-1, rows, columns, d.features))
            bits = ops.sum(spent, axis=(1, 2, 3))
        planes = ops.broadcast_to(cues[:, None, None, :], (count, rows, columns, d.cues))

        lambda_ = lambda_[:, None, None]
        for index, stage in enumerate(d.passes):
            lo, hi, share = stage.lo, stage.hi, float(self.shares[index])
            gain = constant(2.0 ** self.gain_bits[lo:hi])
            steps = ops.take(constant(self._steps(stage) / 2.0**COEFFICIENT_BITS), quality, axis=0)[:, None, None, :]
            context = self._context(features, planes, parts)
            if d.seen(index) == lo:
                parts.append(ops.zeros((count, rows, columns, hi - lo)))
            near = context[:, :: stage.spacing, :: stage.spacing]
            for y, x in stage.lattice:
                output = run(self.pass_nets[index], d.pass_layers[index], near, every=(y, x))
                mean, scale = output[..., : hi - lo] * gain, output[..., hi - lo :]
                target = coefficients[:, :: stage.spacing, :: stage.spacing][:, y::2, x::2, lo:hi]
                decoded, spent = self._code(target, mean, scale * 2.0**CLASS_BITS, steps, lambda_, share)
                decoded = at_every(decoded, y, x, *near.shape[1:3])
                for spacing in reversed(range(stage.spacing.bit_length() - 1)):
                    decoded = at_every(decoded, 0, 0, -(-rows >> spacing), -(-columns >> spacing))
                parts[-1] = parts[-1] + decoded
                bits = bits + ops.sum(spent, axis=(1, 2, 3))
            if d.update_layers[index]:
                context = self._context(features, planes, parts)
                features = run(self.update_nets[index], d.update_layers[index], context)
        correction = run(self.correction_net, d.correction_layers, self._context(features, planes, parts))
        correction = correction * constant(2.0 ** (self.gain_bits - CORRECTION_BITS))
        plane = ops.concatenate(parts, axis=-1)
        pixels = ops.matmul(plane + correction, constant(s.block_synthesis)) + constant(s.synthesis_mean)
        pixels = straight_through(pixels, ops.clip(pixels, 0.0, 255.0))
        pixels = ops.reshape(pixels, (-1, rows, columns, d.block, d.block, d.channels))
        pixels = ops.reshape(ops.transpose(pixels, (0, 1, 3, 2, 4, 5)), (-1, height, width, d.channels))
        reference = pictures if clean is None else ops.cast(clean, "float32")
        error = ops.sum((pixels - reference) ** 2, axis=(1, 2, 3))
        return {"bits": bits, "error": error, "pixels": pixels}

    def _steps(self, stage: Pass) -> np.ndarray:
        """Steps (101, K) of a pass by the quality of the picture."""
        kinds = slice(self.description.vector + stage.lo, self.description.vector + stage.hi)
        ahead = np.asarray(stage.quality_offset or np.zeros(stage.hi - stage.lo), np.intp)
        rows = np.clip(np.arange(QUALITIES + 1)[:, None] + ahead, 1, QUALITIES)
        return np.take_along_axis(self.step_table[:, kinds], rows, axis=0)

    def _features(self, tiles: Tensor, step: Tensor, cues: Tensor, lambda_: Tensor) -> tuple[Tensor, Tensor]:
        """Code the vectors of tiles (N, down, across, samples).

        Returns the first features (N, down, across, blocks of a tile * features) and bits (N, down, across, vector).
        """
        d, s = self.description, self.statistics
        vector = ops.matmul(tiles - constant(s.tile_mean), constant(s.tile_analysis))
        vector, bits = self._code(
            vector, ops.zeros_like(vector), self.vector_class, step[:, None, None, : d.vector], lambda_[:, None, None]
        )
        known = activation(vector, constant(self.vector_context_bits))
        planes = ops.broadcast_to(cues[:, None, None, :], (*ops.shape(known)[:3], d.cues))
        return run(self.vector_net, d.vector_layers, ops.concatenate([known, planes], axis=-1)), bits

    def _context(self, features: Tensor | None, planes: Tensor, parts: list[Tensor]) -> Tensor:
        """Everything decoded so far, as context; ``features`` are ``None`` until a network has computed them."""
        seen = [planes] if features is None else [features, planes]
        if parts:
            known = ops.concatenate(parts, axis=-1)
            seen.append(activation(known, constant(self.context_bits[: known.shape[-1]])))
        return ops.concatenate(seen, axis=-1)


def regions(pictures: Tensor, height: int, width: int) -> Tensor:
    """Cut pictures (N, H, W, C) into regions (N, H / height, W / width, height * width * C)."""
    h, w, c = pictures.shape[1:]
    cut = ops.reshape(pictures, (-1, h // height, height, w // width, width, c))
    return ops.reshape(ops.transpose(cut, (0, 1, 3, 2, 4, 5)), (-1, h // height, w // width, height * width * c))


def at_every(values: Tensor, y: int, x: int, rows: int, columns: int) -> Tensor:
    """Spread values (N, h, w, C) to every second place from (y, x), with zeros elsewhere: (N, rows, columns, C)."""
    for axis, first, size in ((1, y, rows), (2, x, columns)):
        zeros = ops.zeros_like(values)
        pair = ops.stack([zeros, values] if first else [values, zeros], axis=axis + 1)
        shape = list(values.shape)
        values = ops.reshape(pair, [-1, *shape[1:axis], 2 * shape[axis], *shape[axis + 1 :]])
        missing = size - 2 * shape[axis]
        if missing > 0:
            values = ops.pad(values, [(0, missing if i == axis else 0) for i in range(4)])
        else:
            values = values[(slice(None),) * axis + (slice(size),)]
    return values
