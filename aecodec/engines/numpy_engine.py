"""The default engine: every layer is a gather and one matrix product."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aecodec.engines import Tensor, neighbourhoods
from aecodec.models.network import LEAK, ExactLayer, Network

CHUNK_VALUES = 1 << 19  # values gathered at once: two megabytes, so that a chunk stays in the cache


class NumpyEngine:
    """Integers held in float32 or float64, which multiply fast; see ``aecodec.models.network`` for why it is exact."""

    def __init__(self) -> None:
        self._scaled: dict[int, list[tuple[NDArray[np.floating], NDArray[np.floating]]]] = {}
        self._networks: dict[int, Network] = {}  # keeps the keys of _scaled alive

    def run(self, network: Network, x: Tensor, positions: NDArray[np.intp] | None = None) -> Tensor:
        if positions is None:
            positions = np.arange(x.shape[1] * x.shape[2])
        weights = self._weights(network)
        count = len(x)
        widest = max(layer.weight.shape[0] for layer in network.layers)
        size = max(1, CHUNK_VALUES // (widest * max(1, positions.size)))
        if size >= count:
            return self._run(network, weights, x, positions)
        return np.concatenate([self._run(network, weights, x[i : i + size], positions) for i in range(0, count, size)])

    def _weights(self, network: Network) -> list[tuple[NDArray[np.floating], NDArray[np.floating]]]:
        """Weights and biases times ``2**-shift``, which floating point multiplies by without error."""
        key = id(network)
        if key not in self._scaled:
            self._networks[key] = network
            self._scaled[key] = [
                (
                    np.ldexp(layer.weight, -layer.shift).astype(np.float32 if single else np.float64),
                    np.ldexp(layer.bias, -layer.shift).astype(np.float32 if single else np.float64),
                )
                for layer, single in zip(network.layers, network.single, strict=True)
            ]
        return self._scaled[key]

    @staticmethod
    def _run(
        network: Network,
        weights: list[tuple[NDArray[np.floating], NDArray[np.floating]]],
        x: Tensor,
        positions: NDArray[np.intp],
    ) -> Tensor:
        n, height, width, _ = x.shape
        rows = x  # (N, H, W, C) until the first layer, then (N * P, units)
        outputs: list[NDArray[np.floating]] = []
        for index, (layer, (weight, bias)) in enumerate(zip(network.layers, weights, strict=True)):
            if layer.kernel == 3:
                grid = rows.reshape(n, height, width, -1)
                padded = np.pad(grid, ((0, 0), (1, 1), (1, 1), (0, 0)))
                places = neighbourhoods(height, width, positions)
                gathered = padded.reshape(n, -1, grid.shape[-1]).take(places.reshape(-1), axis=1)
                rows = gathered.reshape(n * positions.size, -1)
            elif index == 0:
                rows = rows.reshape(n, height * width, -1).take(positions, axis=1).reshape(n * positions.size, -1)
            rows = _layer(layer, rows.astype(weight.dtype, copy=False), weight, bias, outputs)
            outputs.append(rows)
        return rows.astype(np.float32, copy=False).reshape(n, positions.size, -1)


def _layer(
    layer: ExactLayer,
    rows: NDArray[np.floating],
    weight: NDArray[np.floating],
    bias: NDArray[np.floating],
    outputs: list[NDArray[np.floating]],
) -> NDArray[np.floating]:
    y = rows @ weight
    y += bias
    np.floor(y, out=y)
    if layer.add is not None:
        y += outputs[layer.add]
    if layer.leaky:
        falling = y * (1.0 / LEAK)
        np.floor(falling, out=falling)
        np.maximum(y, falling, out=y)
    limit = layer.limit.astype(y.dtype)
    return np.clip(y, -limit, limit, out=y)
