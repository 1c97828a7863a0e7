"""From a tile's vector to its pixels, where a model has no plane: the decoder of an autoencoder, in exact layers.

The first layer runs on a grid of one place with the context values of the vector, each further one on the output of the
layer before it::

    y = clamp(floor((sum w x + bias) / 2**shift), -1023, 1023)      a k x k convolution with zeros beyond the edge
    y = max(y, floor(y / 5)), max(y, floor(y / 8)) or max(y, 0)     activation "leaky5", "leaky8" or "relu"
    depth to space: unit (dy * grow + dx) * channels + c of a place is channel c, dy rows below and dx columns right
    crop: this many rows and columns are removed from each side

Nearest-neighbour upsampling before a convolution, a transposed convolution, and a dense layer with a reshape are such
layers with other weights; the table ``tone`` maps the last output to samples.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aecodec.engines.network import Network, prove
from aecodec.errors import InvalidModelFile
from aecodec.models.arrays import read_layer
from aecodec.models.description import ACTIVATION_LIMIT, LEAKS, Description, Layer
from aecodec.models.safetensors import Arrays

GROW_LIMIT = 16
LARGEST = 2  # times the tile's height and width that a grid may have on the way


def check(d: Description) -> None:
    """Raise ``InvalidModelFile`` unless the layers lead from the vector to the pixels of a tile, and nothing else."""
    others = (d.passes, d.vector_layers, d.pass_layers, d.update_layers, d.correction_layers, d.finish)
    if any(others) or d.cues or d.tile is None or not d.vector or d.features != d.vector:
        raise InvalidModelFile("a model with synthesis layers needs a tile and a vector, and has no other networks")
    height, width = d.tile
    down = across = 1
    for layer in d.synthesis_layers:
        if not 1 <= layer.grow <= GROW_LIMIT or layer.units < 1:
            raise InvalidModelFile("the model's description has an impossible layer")
        if layer.units % layer.grow**2 or layer.kernel not in (1, 3):
            raise InvalidModelFile("the model's description has an impossible layer")
        large = down * layer.grow > LARGEST * height or across * layer.grow > LARGEST * width
        down, across = layer.side(down), layer.side(across)
        if large or min(down, across) < 1:
            raise InvalidModelFile("the grid of a synthesis layer is empty or far larger than the tile")
    if (down, across, layer.channels) != (height, width, d.channels):
        raise InvalidModelFile("the synthesis does not end with the pixels of a tile")


def read(d: Description, arrays: Arrays) -> tuple[Network, ...]:
    """Each layer as a separate network, proven. Raises ``InvalidModelFile``."""
    found, inputs = [], d.vector
    for index, layer in enumerate(d.synthesis_layers):
        limit = np.full(layer.units, ACTIVATION_LIMIT, np.int64)
        exact = read_layer(arrays, f"synthesis.{index}", Layer(layer.kernel, layer.units), limit)
        exact = replace(exact, leak=LEAKS.get(layer.activation, 0))
        found.append(prove((exact,), np.full(inputs, ACTIVATION_LIMIT, np.int64)))
        inputs = layer.channels
    return tuple(found)


def multiply_adds(d: Description) -> int:
    """Multiply-adds for one tile."""
    total, inputs, down, across = 0, d.vector, 1, 1
    for layer in d.synthesis_layers:
        total += down * across * layer.kernel**2 * inputs * layer.units
        down, across, inputs = layer.side(down), layer.side(across), layer.channels
    return total
