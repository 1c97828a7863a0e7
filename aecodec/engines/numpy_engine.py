"""The default engine: every layer is a gather and one matrix product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aecodec.engines import Tensor, neighbourhoods
from aecodec.models.network import LEAK, Network

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK_VALUES = 1 << 18  # values gathered at once: one megabyte, so that a chunk stays in the cache


class NumpyEngine:
    """Integers held in float32 or float64, which multiply fast; see ``aecodec.models.network`` for why it is exact."""

    def run(self, network: Network, x: Tensor, positions: NDArray[np.intp] | None = None) -> Tensor:
        if positions is None:
            positions = np.arange(x.shape[1] * x.shape[2])
        if not positions.size:  # of a pass whose lattice a very small grid misses
            return np.zeros((len(x), 0, network.layers[-1].units), np.float32)
        widest = max(layer.weight.shape[0] for layer in network.layers)
        size = max(1, CHUNK_VALUES // max(1, widest * positions.size))
        if size >= len(x):
            return _run(network, x, positions)
        return np.concatenate([_run(network, x[i : i + size], positions) for i in range(0, len(x), size)])


def _run(network: Network, x: Tensor, positions: NDArray[np.intp]) -> Tensor:
    n, height, width, _ = x.shape
    rows: NDArray[np.floating] = x  # (N, H, W, C) until the first layer, then (N * P, units)
    outputs: list[NDArray[np.floating]] = []
    for index, (layer, scaled) in enumerate(zip(network.layers, network.scaled, strict=True)):
        if layer.kernel == 3:
            y = _convolve(rows.reshape(n, height, width, -1), scaled.weight, positions)
        else:
            if index == 0:
                rows = rows.reshape(n, height * width, -1).take(positions, axis=1).reshape(n * positions.size, -1)
            y = rows.astype(scaled.weight.dtype, copy=False) @ scaled.weight
        y += scaled.bias
        np.floor(y, out=y)
        if layer.add is not None:
            y += outputs[layer.add]
        if layer.leaky:
            falling = y * (1.0 / LEAK)
            np.floor(falling, out=falling)
            np.maximum(y, falling, out=y)
        rows = np.clip(y, -scaled.limit, scaled.limit, out=y)
        outputs.append(rows)
    return rows.astype(np.float32, copy=False).reshape(n, positions.size, -1)


def _convolve(grid: NDArray[Any], weight: NDArray[np.floating], positions: NDArray[np.intp]) -> NDArray[np.floating]:
    """Sums (N * P, units) over the 3x3 neighbourhoods of positions (P,) in a grid (N, H, W, C)."""
    n, height, width, channels = grid.shape
    padded = np.zeros((n, height + 2, width + 2, channels), weight.dtype)
    padded[:, 1:-1, 1:-1] = grid
    flat = padded.reshape(n, (height + 2) * (width + 2), channels)
    places = neighbourhoods(height, width, positions)
    size = max(1, CHUNK_VALUES // max(1, n * len(weight)))
    if size >= positions.size:
        every: NDArray[np.floating] = flat.take(places.reshape(-1), axis=1).reshape(n * positions.size, -1) @ weight
        return every
    sums = np.empty((n, positions.size, weight.shape[1]), weight.dtype)
    for begin in range(0, positions.size, size):
        part = places[begin : begin + size]
        gathered = flat.take(part.reshape(-1), axis=1).reshape(n * len(part), -1)
        sums[:, begin : begin + size] = (gathered @ weight).reshape(n, len(part), -1)
    return sums.reshape(n * positions.size, -1)
