"""The analysis network of a model without a plane: float layers from a tile to its vector. Not normative.

The metadata key ``analysis`` lists the layers as JSON, one object per layer; the arrays are float32:

    analysis.I.weight (k, k, inputs, units) or (inputs, units), analysis.I.bias (units,)
    analysis.I.scale, analysis.I.shift (units,)      factor and offset that are applied to the output
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aecodec.errors import InvalidModelFile
from aecodec.models.description import LEAKS, Description
from aecodec.models.safetensors import Arrays

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

PARTS = ("weight", "bias", "scale", "shift")
ACTIVATIONS = ("none", "relu", *LEAKS, "sigmoid")
STRIDES = (1, 2)


@dataclass(frozen=True)
class EncoderLayer:
    """A convolution with a stride, or a dense layer; then the activation, scale and shift, and 2x2 max pooling.

    activation: one of ACTIVATIONS. dense: a product with all inputs in place of the convolution. pool: whether to pool.
    """

    activation: str
    dense: bool = False
    pool: bool = False
    stride: int = 1


def to_json(layers: Sequence[EncoderLayer]) -> str:
    """The layers as the model file's metadata holds them."""
    return json.dumps([asdict(layer) for layer in layers])


def layers(metadata: Mapping[str, str]) -> tuple[EncoderLayer, ...]:
    """The layers that a model file's metadata holds. Raises KeyError, ValueError or TypeError if it holds none."""
    return tuple(EncoderLayer(**item) for item in json.loads(metadata["analysis"]))


def check(d: Description, arrays: Arrays, metadata: Mapping[str, str]) -> None:
    """Raise InvalidModelFile unless the layers turn a tile into its vector."""
    found = layers(metadata)
    for index, layer in enumerate(found):
        for part in PARTS:
            array = arrays[f"analysis.{index}.{part}"]
            if array.dtype != np.float32 or not np.isfinite(array).all():
                raise InvalidModelFile(f"array analysis.{index}.{part} is not finite float32 values")
        if layer.activation not in ACTIVATIONS or layer.stride not in STRIDES:
            raise InvalidModelFile("the model's encoder has an impossible layer")
    assert d.tile is not None
    if run(found, arrays, np.zeros((1, *d.tile, d.channels), np.float32)).shape != (1, d.vector):
        raise InvalidModelFile("the model's encoder does not give a tile its vector")


def run(found: Sequence[EncoderLayer], arrays: Arrays, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors (N, vector) in gray levels of tiles (N, H, W, C), samples in 0..255."""
    x: NDArray[np.float32] = tiles / np.float32(255)
    for index, layer in enumerate(found):
        weight, bias, scale, shift = (arrays[f"analysis.{index}.{part}"] for part in PARTS)
        x = x.reshape(len(x), -1) @ weight if layer.dense else _convolve(x, weight, layer.stride)
        x = _activated(x + bias, layer.activation) * scale + shift
        if layer.pool:
            x = _windows(x, 2, 2, -np.inf).max(axis=(-2, -1))
    return np.ascontiguousarray(x.reshape(len(x), -1), np.float32)


def _convolve(x: NDArray[np.float32], weight: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    kernel, _, inputs, units = weight.shape
    windows = _windows(x, kernel, stride, 0.0)  # (N, h, w, inputs, k, k)
    rows = windows.reshape(-1, inputs * kernel * kernel)
    return (rows @ weight.transpose(2, 0, 1, 3).reshape(-1, units)).reshape(*windows.shape[:3], units)


def _windows(x: NDArray[np.float32], kernel: int, stride: int, beyond: float) -> NDArray[np.float32]:
    """Windows (N, ceil(h / stride), ceil(w / stride), C, kernel, kernel), as Keras' padding ``same`` lays them."""
    padding = []
    for side in x.shape[1:3]:
        missing = max(0, (-(-side // stride) - 1) * stride + kernel - side)
        padding.append((missing // 2, missing - missing // 2))
    grown = np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=beyond)
    return np.lib.stride_tricks.sliding_window_view(grown, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]


def _activated(x: NDArray[Any], activation: str) -> NDArray[np.float32]:
    if activation == "relu":
        x = np.maximum(x, np.float32(0))
    elif activation in LEAKS:
        x = np.maximum(x, x / np.float32(LEAKS[activation]))
    elif activation == "sigmoid":
        x = np.float32(1) / (np.float32(1) + np.exp(-np.clip(x, -60, 60)))
    return x
