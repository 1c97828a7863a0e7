"""The TensorFlow engine: the same gathers and products as the NumPy engine, on the device that TensorFlow chooses.

Products go through ``tf.matmul`` and not through convolutions, whose algorithms (Winograd, FFT) are not plain sums.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from aecodec.engines import Tensor, neighbourhoods
from aecodec.engines.arithmetic import FloatArithmetic
from aecodec.engines.network import Network


class TensorflowEngine(FloatArithmetic):
    """Needs the package tensorflow. TF32 is switched off: it rounds float32 inputs and would not be exact."""

    def __init__(self) -> None:
        tf.config.experimental.enable_tensor_float_32_execution(False)

    def run(
        self, network: Network, x: Tensor, positions: NDArray[np.intp] | None = None, plus: Tensor | None = None
    ) -> Tensor:
        """As `Engine.run`."""
        x = x if plus is None else x + plus
        n, height, width, _ = x.shape
        if positions is None:
            positions = np.arange(height * width)
        if not positions.size:
            return np.zeros((n, 0, network.layers[-1].units), np.float32)
        rows = tf.convert_to_tensor(x)
        outputs: list[Any] = []
        for index, (layer, scaled) in enumerate(zip(network.layers, network.scaled, strict=True)):
            dtype = tf.as_dtype(scaled.weight.dtype)
            if layer.kernel == 3:
                grid = tf.reshape(rows, (n, height, width, -1))
                padded = tf.pad(grid, ((0, 0), (1, 1), (1, 1), (0, 0)))
                flat = tf.reshape(padded, (n, (height + 2) * (width + 2), grid.shape[-1]))
                gathered = tf.gather(flat, neighbourhoods(height, width, positions).reshape(-1), axis=1)
                rows = tf.reshape(gathered, (n * positions.size, 9 * grid.shape[-1]))
            elif index == 0:
                flat = tf.reshape(rows, (n, height * width, x.shape[-1]))
                rows = tf.reshape(tf.gather(flat, positions, axis=1), (n * positions.size, x.shape[-1]))
            rows = tf.floor(tf.matmul(tf.cast(rows, dtype), scaled.weight) + scaled.bias)
            if layer.add is not None:
                rows += tf.cast(outputs[layer.add], dtype)
            if layer.leak:
                # A GPU may divide in float32 with an error, so a factor it is; (y + 1/2) / leak is 1/16 or more away
                # from the next integer, which the error of the product does not reach while |y| < 2**20. Beyond that
                # it only has to stay as large as it is there, because the clamp is below 2**17.
                rows = tf.maximum(rows, tf.floor((rows + 0.5) * (1.0 / layer.leak)))
            rows = tf.clip_by_value(rows, -scaled.limit, scaled.limit)
            outputs.append(rows)
        result: Tensor = tf.cast(tf.reshape(rows, (n, positions.size, -1)), tf.float32).numpy()
        return result
