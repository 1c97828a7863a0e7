"""A third engine: what the format defines, in 64-bit integers; and the engines that tests compare with it."""

from __future__ import annotations

import os

import numpy as np
import pytest

from aecodec.engines import Tensor
from aecodec.engines.network import Network

# Set by hand, so that no engine is left out by accident.
WITHOUT = "AECODEC_TEST_WITHOUT_TENSORFLOW"
WITHOUT_NATIVE = "AECODEC_TEST_WITHOUT_NATIVE"
needs_tensorflow = pytest.mark.skipif(
    WITHOUT in os.environ, reason=f"{WITHOUT} is set: the second engine is not tested"
)
needs_native = pytest.mark.skipif(
    WITHOUT_NATIVE in os.environ, reason=f"{WITHOUT_NATIVE} is set: the native library is not tested"
)


class Reference:
    """Sums of products, floor shifts and clamps, in 64-bit integers and nothing else."""

    dtype = np.int64

    def run(
        self, network: Network, x: Tensor, positions: np.ndarray | None = None, plus: Tensor | None = None
    ) -> Tensor:
        n, height, width, _ = x.shape
        outputs: list[np.ndarray] = []
        rows = x.astype(np.int64)
        assert np.array_equal(rows, x)
        if plus is not None:
            rows = rows + plus
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
        return rows

    def classes(self, output: Tensor, first: int, offset: np.ndarray) -> np.ndarray:
        found = output[..., first : first + offset.shape[1]] + offset[:, None]
        classes: np.ndarray = np.clip(found, 0, 63).astype(np.uint8)
        return classes

    def settle(
        self,
        output: Tensor,
        residual: np.ndarray,
        scale: tuple[np.ndarray, np.ndarray],
        where: np.ndarray,
        targets: tuple[Tensor, Tensor],
    ) -> None:
        step, exponent = scale
        mean = output[..., : step.shape[1]].astype(np.int64)
        exact = mean + residual.reshape(mean.shape).astype(np.int64) * step[:, None]
        targets[0][:, where] = np.clip(exact, -32767, 32767)
        fine = targets[0][:, where].astype(np.int64) << 17  # units of 2**-17: every exponent leaves whole numbers
        scaled = np.where(exponent < 0, fine >> np.maximum(-exponent, 0), fine << np.maximum(exponent, 0))
        known = (scaled + (1 << 16)) >> 17
        targets[1][:, where] = np.clip(known, -1023, 1023)

    def pixels(self, samples: Tensor, block: int, channels: int) -> np.ndarray:
        n, rows, columns, _ = samples.shape
        found = np.zeros((n, rows * block, columns * block, channels), np.uint8)
        for y in range(block):
            for x in range(block):
                of_place = samples.reshape(n, rows, columns, block, block, channels)[:, :, :, y, x]
                found[:, y::block, x::block] = np.minimum(np.maximum(of_place, 0), 255)
        return found

    def cells(self, samples: Tensor, sizes: tuple[int, int, int], inputs: int) -> Tensor:
        block, cell, channels = sizes
        n, rows, columns, _ = samples.shape
        found = np.zeros((n, rows * block // cell, columns * block // cell, inputs), np.int64)
        side = block // cell
        for y in range(block):
            for x in range(block):
                of_place = samples.reshape(n, rows, columns, block, block, channels)[:, :, :, y, x]
                first = (y % cell * cell + x % cell) * channels
                own = np.minimum(np.maximum(of_place, 0), 1023) - 512
                found[:, y // cell :: side, x // cell :: side, first : first + channels] = own
        return found

    def finished(self, grid: Tensor, output: Tensor, cell: int, channels: int) -> np.ndarray:
        n, height, width, _ = grid.shape
        added = output.reshape(n, height, width, -1)
        found = np.zeros((n, height * cell, width * cell, channels), np.uint8)
        for y in range(cell):
            for x in range(cell):
                part = slice((y * cell + x) * channels, (y * cell + x + 1) * channels)
                fine = grid[..., part] + 512 + added[..., part]
                found[:, y::cell, x::cell] = np.minimum(np.maximum(fine >> 2, 0), 255)
        return found


def left_out() -> set[str]:
    """The engines that are left out by hand."""
    return {
        name for name, variable in {"native": WITHOUT_NATIVE, "tensorflow": WITHOUT}.items() if variable in os.environ
    }


ENGINES = [
    pytest.param("native", id="native", marks=needs_native),
    pytest.param("numpy", id="numpy"),
    pytest.param("tensorflow", id="tensorflow", marks=needs_tensorflow),
]
