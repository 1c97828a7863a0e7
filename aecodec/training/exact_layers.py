"""Keras layers that compute exactly what an engine computes with integers.

A real value here is the engine's integer divided by a power of two, and float32 represents both exactly. With ``exact``
on, the default, weights and outputs are rounded and clamped as in the exported model, and gradients pass straight
through (Bengio et al. 2013, arXiv:1308.3432). With ``exact`` off, a layer is an ordinary convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from aecodec.models.description import ACTIVATION_BITS, ACTIVATION_LIMIT

Tensor = Any  # of the backend of Keras

EXACT_SUM = 2.0**24  # integers up to here are exact in float32
WEIGHT_BITS_LIMIT = 14  # weights stay within int16


def constant(values: Any) -> Tensor:
    """Convert an array to a float32 tensor; not every backend multiplies NumPy arrays."""
    return ops.convert_to_tensor(np.asarray(values, np.float32))


def numpy(variable: Any) -> np.ndarray:
    """Convert a Keras variable to a float64 array."""
    return np.asarray(ops.convert_to_numpy(variable), np.float64)


def straight_through(value: Tensor, replacement: Tensor) -> Tensor:
    """Return ``replacement`` with the gradient of ``value``."""
    return value + ops.stop_gradient(replacement - value)


def round_half_up(value: Tensor) -> Tensor:
    """Round to the nearest integer, halves upwards."""
    return ops.floor(value + 0.5)


class ExactConvolution(keras.layers.Layer):
    """A k x k convolution with zero padding whose exported form is exact in float32.

    ``output_bits``: fraction bits of the output, one number a unit (negative: the unit's output is coarser than 1).
    ``output_limits``: largest magnitude of the integer output, one number a unit.
    """

    def __init__(
        self,
        kernel: int,
        units: int,
        output_bits: Sequence[int] | None = None,
        output_limits: Sequence[int] | None = None,
        leaky: bool = False,
        gain: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kernel_size, self.units, self.leaky, self.gain = kernel, units, leaky, gain
        self.output_bits = np.full(units, ACTIVATION_BITS) if output_bits is None else np.array(output_bits)
        self.output_limits = np.full(units, ACTIVATION_LIMIT) if output_limits is None else np.array(output_limits)
        self.exact = True

    def build(self, shape: Sequence[Any]) -> None:
        """Create kernel (k, k, inputs, units) and bias (units,)."""
        fan_in = self.kernel_size**2 * shape[-1]
        # He et al. 2015; a ``gain`` below 1 for layers that must start near zero.
        spread = self.gain * (2.0 / fan_in) ** 0.5
        init = keras.initializers.RandomNormal(stddev=spread, seed=keras.random.SeedGenerator(fan_in + self.units))
        self.kernel = self.add_weight(
            shape=(self.kernel_size, self.kernel_size, shape[-1], self.units), initializer=init, name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.fan_in = fan_in

    def weight_bits(self) -> Tensor:
        """Fraction bits of each unit's weights: as many as keep its sum below EXACT_SUM."""
        size = ops.sum(ops.abs(self.kernel), axis=(0, 1, 2)) * ACTIVATION_LIMIT
        size = size + ops.abs(self.bias) * 2.0**ACTIVATION_BITS
        rounding = constant(2.0 ** (ACTIVATION_BITS - 1.0 - self.output_bits))
        slack = 0.5 * self.fan_in * ACTIVATION_LIMIT + 64.0  # weights round by up to one half
        bits = ops.floor(ops.log2((EXACT_SUM - slack) / (size + rounding)))
        return ops.minimum(bits, float(WEIGHT_BITS_LIMIT))

    def quantized(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return kernel and bias, rounded, as real numbers, and the fraction bits of the weights."""
        bits = ops.stop_gradient(self.weight_bits())
        scale = 2.0**bits
        kernel = straight_through(self.kernel, round_half_up(self.kernel * scale) / scale)
        fine = scale * 2.0**ACTIVATION_BITS
        bias = straight_through(self.bias, round_half_up(self.bias * fine) / fine)
        return kernel, bias, bits

    def call(self, x: Tensor, add: Tensor | None = None, every: tuple[int, int] | None = None) -> Tensor:
        """Convolve ``x`` (N, H, W, C), or rows (N, C) if the kernel is 1.

        ``add``: added before the activation. ``every``: (y, x) of 0 or 1; only the outputs at every second row from y
        and every second column from x.
        """
        kernel, bias = self.kernel, self.bias
        if self.exact:
            kernel, bias, _ = self.quantized()
        if every is None and self.kernel_size == 1:
            y = ops.matmul(x, kernel[0, 0]) + bias
        elif every is None:
            y = ops.conv(x, kernel, strides=1, padding="same") + bias
        else:
            edge = self.kernel_size // 2
            wide = ops.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)))[:, every[0] :, every[1] :]
            y = ops.conv(wide, kernel, strides=2, padding="valid") + bias
        unit = constant(2.0**self.output_bits)
        if self.exact:
            y = straight_through(y, round_half_up(y * unit) / unit)
        if add is not None:
            y = y + add
        if self.leaky:
            falling = y / 8.0
            if self.exact:
                falling = straight_through(falling, ops.floor(falling * unit) / unit)
            y = ops.where(y > 0.0, y, falling)
        limit = constant(self.output_limits / 2.0**self.output_bits)
        return clamp(y, limit)


def clamp(value: Tensor, limit: Tensor) -> Tensor:
    """Clamp to -limit..limit; with selections, whose gradients are selections too and so cheaper than those of clip."""
    return ops.where(value > limit, limit, ops.where(value < -limit, -limit, value))


def activation(value: Tensor, bits: Tensor) -> Tensor:
    """Scale element values (gray levels) by ``2**bits`` to context values, rounded and clamped."""
    fine = 2.0**ACTIVATION_BITS
    scaled = value * 2.0**bits
    limit = ACTIVATION_LIMIT / fine
    return clamp(straight_through(scaled, round_half_up(scaled * fine) / fine), limit)
