"""The default engine: every layer is a gather and one matrix product."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aecodec.engines import Tensor, neighbourhoods
from aecodec.engines.arithmetic import FloatArithmetic
from aecodec.engines.network import Network

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

CHUNK_VALUES = 1 << 19  # values gathered at once: two megabytes, so that a chunk stays in the cache


class NumpyEngine(FloatArithmetic):
    """Integers held in float32 or float64, which BLAS multiplies fast; `engines.network` says why that is exact."""

    def run(
        self, network: Network, x: Tensor, positions: NDArray[np.intp] | None = None, plus: Tensor | None = None
    ) -> Tensor:
        """As `Engine.run`, in chunks that fit the cache."""
        x = x if plus is None else x + plus
        n, height, width, _ = x.shape
        if positions is None:
            positions = np.arange(height * width)
        made = np.empty((n, positions.size, network.layers[-1].units), np.float32)
        if not positions.size:  # a very small grid may have none of a pass's positions
            return made
        places = neighbourhoods(height, width, positions)
        widest = max(layer.weight.shape[0] for layer in network.layers)
        size = max(1, CHUNK_VALUES // max(1, widest * positions.size))
        scratch = _Scratch()
        for begin in range(0, n, size):
            part = x[begin : begin + size]
            made[begin : begin + size] = _run(network, part, positions, places, scratch).reshape(
                len(part), positions.size, -1
            )
        return made


class _Scratch:
    """Arrays that the chunks of one call share, so that they stay in the cache and are zeroed only once."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, int], NDArray[Any]] = {}

    def __call__(self, use: str, layer: int, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """The scratch array of a layer, zeros at first. Chunks never grow, and only the first axis shrinks."""
        size = math.prod(shape)
        if (use, layer) not in self.held:
            self.held[use, layer] = np.zeros(size, dtype)
        return self.held[use, layer][:size].reshape(shape)


def _run(
    network: Network, x: Tensor, positions: NDArray[np.intp], places: NDArray[np.intp], scratch: _Scratch
) -> NDArray[np.floating]:
    """The outputs (N * P, units) for grids (N, H, W, C); places: the neighbourhoods of the positions (P,)."""
    n, height, width, _ = x.shape
    rows: NDArray[np.floating] = x  # (N, H, W, C) until the first layer, then (N * P, units)
    outputs: list[NDArray[np.floating]] = []
    for index, (layer, scaled) in enumerate(zip(network.layers, network.scaled, strict=True)):
        y = scratch("sums", index, (n * positions.size, layer.units), scaled.weight.dtype)
        if layer.kernel == 3:
            _convolve(rows.reshape(n, height, width, -1), scaled.weight, places, y, scratch, index)
        else:
            if index == 0:
                rows = rows.reshape(n, height * width, -1).take(positions, axis=1).reshape(n * positions.size, -1)
            np.matmul(rows.astype(scaled.weight.dtype, copy=False), scaled.weight, out=y)
        y += scaled.bias
        if layer.add is not None:
            np.floor(y, out=y)
            y += outputs[layer.add]
        if layer.leak:  # the floor of the larger is the larger of the floors
            falling = np.divide(y, layer.leak, out=scratch("falling", index, y.shape, y.dtype))
            np.maximum(y, falling, out=y)
        np.floor(y, out=y)
        rows = np.clip(y, -scaled.limit, scaled.limit, out=y)
        outputs.append(rows)
    return rows


def _convolve(
    grid: NDArray[Any],
    weight: NDArray[np.floating],
    places: NDArray[np.intp],
    sums: NDArray[np.floating],
    scratch: _Scratch,
    index: int,
) -> None:
    """Fill `sums` (N * P, units) with the products over the neighbourhoods (P, 9) in a grid (N, H, W, C)."""
    n, height, width, channels = grid.shape
    padded = scratch("padded", index, (n, height + 2, width + 2, channels), weight.dtype)
    padded[:, 1:-1, 1:-1] = grid
    flat = padded.reshape(n, (height + 2) * (width + 2), channels)
    # Several grids fit a chunk as they are.
    size = len(places) if n > 1 else max(1, CHUNK_VALUES // max(1, len(weight)))
    for begin in range(0, len(places), size):
        part = places[begin : begin + size].reshape(-1)
        gathered = scratch("gathered", index, (n, part.size, channels), weight.dtype)
        flat.take(part, axis=1, out=gathered, mode="clip")  # all are in range; "raise" would copy
        y = sums[n * begin : n * begin + n * part.size // 9]
        np.matmul(gathered.reshape(len(y), -1), weight, out=y)
