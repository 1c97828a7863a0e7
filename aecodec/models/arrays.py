"""The arrays of a model file: checks of their ranges, and conversion from and to layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aecodec.engines.network import ExactLayer, Network, prove
from aecodec.errors import InvalidModelFile
from aecodec.models.description import ACTIVATION_LIMIT, LEAK, Layer
from aecodec.models.safetensors import Arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAYER_ARRAYS = ("weight", "bias", "shift")


def expect(arrays: Arrays, name: str, shape: tuple[int, ...], low: int, high: int) -> None:
    """Raise ``InvalidModelFile`` unless the array has this shape and all its values are in low..high."""
    array = arrays[name]
    if array.shape != shape or array.dtype.kind not in "iu":
        raise InvalidModelFile(f"array {name} is {array.dtype} {array.shape}, not integers {shape}")
    if array.size and not low <= int(array.min()) <= int(array.max()) <= high:
        raise InvalidModelFile(f"array {name} holds values outside {low}..{high}")


def expect_floats(arrays: Arrays, name: str, shape: tuple[int, ...]) -> None:
    """Raise ``InvalidModelFile`` unless the array has this shape and holds finite float32 values."""
    array = arrays[name]
    if array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
        raise InvalidModelFile(f"array {name} is not finite float32 values {shape}")


def read_network(
    arrays: Arrays, prefix: str, layers: tuple[Layer, ...], inputs: int, limits: NDArray[np.int64] | None = None
) -> Network:
    """The network stored as `prefix.0.weight`, `prefix.0.bias`, ..., proven exact.

    limits: largest magnitudes of the last layer's outputs; ACTIVATION_LIMIT if None, as for hidden layers. Raises
    InvalidModelFile.
    """
    made = []
    for index, layer in enumerate(layers):
        last = limits is not None and index == len(layers) - 1
        limit = limits if last and limits is not None else np.full(layer.units, ACTIVATION_LIMIT, np.int64)
        made.append(read_layer(arrays, f"{prefix}.{index}", layer, limit))
    return prove(tuple(made), np.full(inputs, ACTIVATION_LIMIT, np.int64))


def read_layer(arrays: Arrays, name: str, layer: Layer, limit: NDArray[np.int64]) -> ExactLayer:
    """The layer stored as ``name.weight``, ``name.bias`` and ``name.shift``. Raises ``InvalidModelFile``."""
    weight, bias, shift = (arrays[f"{name}.{part}"] for part in LAYER_ARRAYS)
    if any(array.dtype.kind not in "iu" for array in (weight, bias, shift)):
        raise InvalidModelFile(f"layer {name} is not made of integers")
    if weight.ndim != 2 or weight.shape[1] != layer.units or {bias.shape, shift.shape} != {(layer.units,)}:
        raise InvalidModelFile(f"layer {name} does not have {layer.units} units")
    bias, shift = bias.astype(np.int64), shift.astype(np.int64)
    if layer.kernel not in (1, 3) or shift.min(initial=0) < 0 or shift.max(initial=0) > 30:
        raise InvalidModelFile(f"layer {name} has a kernel or a shift that is not allowed")
    return ExactLayer(layer.kernel, weight, bias, shift, limit, LEAK if layer.leaky else 0, layer.add)


def exact_layer_arrays(prefix: str, layer: Layer, weight: Any, bias: Any, shift: Any) -> Arrays:
    """Arrays of one layer as the file stores them: int8 or int16 weights, int32 biases, uint8 shifts."""
    weight = np.asarray(weight).reshape(-1, layer.units)
    narrow = np.int8 if np.abs(weight).max(initial=0) <= 127 else np.int16
    return {
        f"{prefix}.weight": weight.astype(narrow),
        f"{prefix}.bias": np.asarray(bias).astype(np.int32),
        f"{prefix}.shift": np.asarray(shift).astype(np.uint8),
    }
