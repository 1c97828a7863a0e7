"""Networks of exact integer layers, and the proof that they are exact.

A layer computes, for integers x with |x| <= limit of its channel::

    y = floor((sum w x + bias) / 2**shift)      bias holds the 2**(shift - 1) that rounds to nearest
    y = y + (output of an earlier layer)        where the layer says so
    y = max(y, floor(y / leak))                 where it has a leak, 5 or 8
    y = clamp(y, -limit, limit)

In float32 a sum of integers is exact in any order while every partial sum stays within 2**24; the proof of a layer is
``|bias| + sum |w| * max |x| < 2**24`` for each output channel, for every input that can occur. Layers that fail it are
computed in float64 under the same rule with 2**53; a model that fails that too is refused.

Division by 8 is exact. Division by 5 rounds, but to an integer k only where y = 5 k. For let u be the spacing of floats
at 5 k: another y is at least u away, its quotient at least u / 5 from k, and the spacing at k is at most u / 4, so that
rounding moves the quotient by at most u / 8. The floor of the rounded quotient is therefore the floor of y / 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from aecodec.errors import InvalidModelFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLOAT32_EXACT = 1 << 24
FLOAT64_EXACT = 1 << 53


@dataclass(frozen=True)
class ExactLayer:
    """``weight``: (kernel * kernel * inputs, units), rows in (y, x, channel) order; the other arrays: (units,).

    ``leak``: what a negative output is divided by, 5 or 8, or 0 if outputs stay as they are.
    """

    kernel: int
    weight: NDArray[np.integer]
    bias: NDArray[np.int64]
    shift: NDArray[np.int64]
    limit: NDArray[np.int64]
    leak: int = 0
    add: int | None = None

    @property
    def units(self) -> int:
        """Output channels."""
        return int(self.weight.shape[1])

    def bound(self, input_limit: NDArray[np.int64]) -> int:
        """Largest magnitude of any partial sum, over every input within ``input_limit`` (inputs,)."""
        # Weights are below 2**31 and limits below 2**17; float64 rounds a sum beyond 2**53 by far less than it exceeds.
        weight = self.weight.astype(np.float64)
        reach = np.tile(input_limit, self.kernel**2).astype(np.float64) @ np.abs(weight, out=weight)
        return int((reach + np.abs(self.bias.astype(np.float64))).max(initial=0))


@dataclass(frozen=True)
class ScaledLayer:
    """Weight and bias times ``2**-shift``, which floating point multiplies by without error; float32 or float64."""

    weight: NDArray[np.floating]
    bias: NDArray[np.floating]
    limit: NDArray[np.floating] | float  # one number where all units share it: clamping is much faster then


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in order, each proven.

    ``bounds[i]``: the largest magnitude of any partial sum of layer i. ``reach``: that of an input.
    """

    layers: tuple[ExactLayer, ...]
    bounds: tuple[int, ...]
    inputs: int
    reach: int

    @property
    def single(self) -> tuple[bool, ...]:
        """Whether float32 is enough, layer by layer."""
        return tuple(bound < FLOAT32_EXACT for bound in self.bounds)

    @cached_property
    def scaled(self) -> tuple[ScaledLayer, ...]:
        """The layers as floating-point engines multiply with them."""
        return tuple(_scaled(layer, single) for layer, single in zip(self.layers, self.single, strict=True))

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds for one position."""
        return sum(layer.weight.size for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Weights and biases of all layers."""
        return sum(layer.weight.size + layer.bias.size for layer in self.layers)


def _scaled(layer: ExactLayer, single: bool) -> ScaledLayer:
    dtype = np.dtype(np.float32 if single else np.float64)
    factor: NDArray[np.floating] = np.ldexp(1.0, -layer.shift).astype(dtype)
    limit: NDArray[np.floating] = layer.limit.astype(dtype)
    return ScaledLayer(
        weight=layer.weight.astype(dtype) * factor,
        bias=layer.bias.astype(dtype) * factor,
        limit=float(limit[0]) if (limit == limit[0]).all() else limit,
    )


def prove(layers: tuple[ExactLayer, ...], input_limit: NDArray[np.int64]) -> Network:
    """Check every layer's bound; ``input_limit`` (inputs,) holds for the first one. Raises ``InvalidModelFile``."""
    bounds: list[int] = []
    limit = input_limit
    for index, layer in enumerate(layers):
        if layer.weight.shape[0] != layer.kernel**2 * limit.size:
            raise InvalidModelFile(f"layer {index} has weights for another number of inputs")
        if layer.add is not None and not (0 <= layer.add < index and layers[layer.add].units == layer.units):
            raise InvalidModelFile(f"layer {index} adds a layer that does not fit it")
        bound = layer.bound(limit)
        if bound >= FLOAT64_EXACT:
            raise InvalidModelFile(f"layer {index} breaks the bound of exact arithmetic")
        bounds.append(bound)
        limit = layer.limit
    return Network(layers, tuple(bounds), int(input_limit.size), int(input_limit.max(initial=0)))
