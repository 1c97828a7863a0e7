"""A third engine: what the format defines, in 64-bit integers; and the engines that tests compare with it."""

from __future__ import annotations

import os

import numpy as np
import pytest

from aecodec.engines import Tensor
from aecodec.engines.network import Network

# Set by hand, so that the second engine is never left out by accident.
WITHOUT = "AECODEC_TEST_WITHOUT_TENSORFLOW"
needs_tensorflow = pytest.mark.skipif(
    WITHOUT in os.environ, reason=f"{WITHOUT} is set: the second engine is not tested"
)


class Reference:
    """Sums of products, floor shifts and clamps, in 64-bit integers and nothing else."""

    def run(self, network: Network, x: Tensor, positions: np.ndarray | None = None) -> Tensor:
        n, height, width, _ = x.shape
        outputs: list[np.ndarray] = []
        rows = x.astype(np.int64)
        assert np.array_equal(rows, x)
        for index, layer in enumerate(network.layers):
            if index and positions is not None:
                grid = rows[:, :, None]  # rows of single positions: no layer may look around any more
                assert layer.kernel == 1
            else:
                grid = rows.reshape(n, height, width, -1)
            around = layer.kernel // 2
            padded = np.pad(grid, ((0, 0), (around, around), (around, around), (0, 0)))
            shifted = [
                padded[:, dy : dy + grid.shape[1], dx : dx + grid.shape[2]]
                for dy in range(layer.kernel)
                for dx in range(layer.kernel)
            ]
            seen = np.concatenate(shifted, axis=-1)
            seen = seen.reshape(n, grid.shape[1] * grid.shape[2], seen.shape[-1])
            if index == 0 and positions is not None:
                seen = seen[:, positions]
            y = (seen @ layer.weight.astype(np.int64) + layer.bias) >> layer.shift
            if layer.add is not None:
                y = y + outputs[layer.add]
            if layer.leak:
                y = np.maximum(y, y // layer.leak)
            rows = np.clip(y, -layer.limit, layer.limit)
            outputs.append(rows)
        return rows.astype(np.float32)


ENGINES = [
    pytest.param("numpy", id="numpy"),
    pytest.param("tensorflow", id="tensorflow", marks=needs_tensorflow),
]
