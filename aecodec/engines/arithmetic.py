"""The integer arithmetic between the networks, by NumPy: classes, elements and their context values, pixels.

Every engine agrees on it by `array_equal`. An engine that keeps its grids in another type has arithmetic of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ACTIVATION_LIMIT: Final = 1023  # largest magnitude of a context value or hidden activation
COEFFICIENT_LIMIT: Final = 32767  # largest magnitude of an element, a mean or a correction
SATURATING: Final = 2 * COEFFICIENT_LIMIT + 1
LAST_CLASS: Final = 63
FINE_MIDDLE: Final = 512  # the middle of the samples with two fraction bits, 0..1023


def decoded(mean: NDArray[Any], residual: NDArray[Any], step: NDArray[Any]) -> NDArray[np.int32]:
    """clamp(mean + residual * step) to +-COEFFICIENT_LIMIT.

    A residual beyond +-65535 leaves that range whatever the mean, so it may be clamped first; then int32 holds
    everything: 65535 * 32767 + 32767 < 2**31.
    """
    value = np.clip(residual, -SATURATING, SATURATING) * step
    value += mean
    return np.asarray(np.clip(value, -COEFFICIENT_LIMIT, COEFFICIENT_LIMIT, out=value))


def activation(values: NDArray[np.int32], exponent: NDArray[np.int64]) -> NDArray[np.float32]:
    """Elements as context values: times 2**exponent, rounded half up, clamped. Exact, as |values| < 2**15."""
    scaled = np.ldexp(values.astype(np.float32), exponent)
    clamped: NDArray[np.float32] = np.clip(np.floor(scaled + np.float32(0.5)), -ACTIVATION_LIMIT, ACTIVATION_LIMIT)
    return clamped


class FloatArithmetic:
    """Integers held in float32, as the engines that multiply in floating point want them."""

    dtype: Final = np.float32

    def classes(self, output: NDArray[Any], first: int, offset: NDArray[np.int32]) -> NDArray[np.uint8]:
        """As `Engine.classes`."""
        found = output[..., first : first + offset.shape[1]].astype(np.int32) + offset[:, None]
        return np.asarray(np.clip(found, 0, LAST_CLASS).astype(np.uint8))

    def settle(
        self,
        output: NDArray[Any],
        residual: NDArray[np.int32],
        scale: tuple[NDArray[np.int32], NDArray[np.int64]],
        where: NDArray[np.intp],
        targets: tuple[NDArray[Any], NDArray[Any]],
    ) -> None:
        """As `Engine.settle`."""
        (step, exponent), (plane, context) = scale, targets
        mean = output[..., : step.shape[1]].astype(np.int32)
        values = decoded(mean, residual.reshape(mean.shape), step[:, None])
        plane[:, where] = values
        context[:, where] = activation(values, exponent)

    def pixels(self, samples: NDArray[Any], block: int, channels: int) -> NDArray[np.uint8]:
        """As `Engine.pixels`."""
        n, rows, columns, _ = samples.shape
        blocks = np.clip(samples, 0, 255).astype(np.uint8).reshape(n, rows, columns, block, block, channels)
        return np.asarray(blocks.swapaxes(2, 3).reshape(n, rows * block, columns * block, channels))

    def cells(self, samples: NDArray[Any], sizes: tuple[int, int, int], inputs: int) -> NDArray[Any]:
        """As `Engine.cells`."""
        n, rows, columns, _ = samples.shape
        block, cell, channels = sizes
        side = block // cell
        grid = np.empty((n, rows * side, columns * side, inputs), self.dtype)
        fine = np.clip(samples, 0, 2 * FINE_MIDDLE - 1) - FINE_MIDDLE
        parts = fine.reshape(n, rows, columns, side, cell, side, cell * channels).transpose(0, 1, 3, 2, 5, 4, 6)
        grid[..., : cell * cell * channels] = parts.reshape(*grid.shape[:3], -1)
        return grid

    def finished(self, grid: NDArray[Any], output: NDArray[Any], cell: int, channels: int) -> NDArray[np.uint8]:
        """As `Engine.finished`."""
        n, height, width, _ = grid.shape
        fine = grid[..., : cell * cell * channels] + output.reshape(n, height, width, -1)
        pixels = np.clip(np.floor_divide(fine + FINE_MIDDLE, 4), 0, 255).astype(np.uint8)
        return np.asarray(
            pixels.reshape(n, height, width, cell, cell * channels)
            .swapaxes(2, 3)
            .reshape(n, height * cell, width * cell, channels)
        )
