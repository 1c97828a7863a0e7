"""Engines: networks of exact integer layers, and the programs that run them. All engines give the same integers."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import numpy as np

from aecodec import native
from aecodec.engines.network import Network
from aecodec.errors import InvalidValue

if TYPE_CHECKING:
    from numpy.typing import NDArray

Tensor: TypeAlias = "NDArray[Any]"  # integers, in the engine's type


class Engine(Protocol):
    """Something that runs networks, and the integer arithmetic between them.

    All engines agree by `array_equal` on every input within the proven limits. Has to be thread-safe.
    """

    @property
    def dtype(self) -> type[np.generic]:
        """The type in which the engine holds grids, and outputs of networks."""

    def run(
        self, network: Network, x: Tensor, positions: NDArray[np.intp] | None = None, plus: Tensor | None = None
    ) -> Tensor:
        """The outputs (N, P, units) of a network on grids x (N, H, W, C), or on the sums x + plus.

        positions: (P,) raster indices y * W + x of the outputs to compute, P of 0 or more, or None for all H * W of
        them. With positions, only the first layer of the network may have a kernel larger than 1.
        """

    def classes(self, output: Tensor, first: int, offset: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Classes (N, P, K), 0..63, from an output (N, P, units), channels `first` onwards; offset: (N, K)."""

    def settle(
        self,
        output: Tensor,
        residual: NDArray[np.int32],
        scale: tuple[NDArray[np.int32], NDArray[np.int64]],
        where: NDArray[np.intp],
        targets: tuple[Tensor, Tensor],
    ) -> None:
        """Write elements, and their context values, to the blocks `where` (P,).

        output: (N, P, units), whose first K channels are means. residual: (N, P, K). scale: steps (N, K) and exponents
        (K,), by which an element becomes a context value. targets: K channels of the plane and of the context, views
        (N, blocks, K) of larger arrays.
        """

    def pixels(self, samples: Tensor, block: int, channels: int) -> NDArray[np.uint8]:
        """Pixels (N, H, W, channels) of blocks (N, rows, columns, block * block * channels), clamped to 0..255."""

    def cells(self, samples: Tensor, sizes: tuple[int, int, int], inputs: int) -> Tensor:
        """Grid (N, H / cell, W / cell, inputs) of the cells of blocks (N, rows, columns, block * block * channels).

        samples: with two fraction bits. sizes: block, cell, channels. The first cell * cell * channels inputs are the
        samples of a cell, clamped to 0..1023, less 512; the others are left to the caller.
        """

    def finished(self, grid: Tensor, output: Tensor, cell: int, channels: int) -> NDArray[np.uint8]:
        """Pixels (N, H, W, channels) of `cells` plus the output (N, cells, cell * cell * channels), without fraction.

        They are rounded down and clamped to 0..255.
        """


# The module and the class of each engine, imported when it is first asked for.
ENGINES: Final = {
    "native": ("aecodec.engines.native_engine", "NativeEngine"),
    "numpy": ("aecodec.engines.numpy_engine", "NumpyEngine"),
    "tensorflow": ("aecodec.engines.tensorflow_engine", "TensorflowEngine"),
}
DEFAULT_ENGINE: Final = "auto"  # the first of them that is installed, but for TensorFlow


def require_known(name: str) -> None:
    """Raise InvalidValue for what is no name of an engine, installed or not."""
    if name not in (DEFAULT_ENGINE, *ENGINES):
        raise InvalidValue(f"there is no engine {name!r}: choose {', '.join(map(repr, ENGINES))} or 'auto'")


@cache
def engine(name: str = DEFAULT_ENGINE) -> Engine:
    """The engine of that name, one of ENGINES or "auto". Raises InvalidValue; ImportError if it is not installed."""
    if name == DEFAULT_ENGINE:
        name = active()
    require_known(name)
    module, kind = ENGINES[name]
    found: Engine = getattr(import_module(module), kind)()
    return found


def active() -> str:
    """The name of the engine that "auto" stands for."""
    return "numpy" if native.library() is None else "native"


def neighbourhoods(height: int, width: int, positions: NDArray[np.intp]) -> NDArray[np.intp]:
    """Indices (P, 9) of the 3x3 neighbourhoods of raster positions (P,) in a grid padded by one on every side."""
    top = positions // width * (width + 2) + positions % width
    taps = (np.arange(3)[:, None] * (width + 2) + np.arange(3)).reshape(-1)
    return np.asarray(top[:, None] + taps, dtype=np.intp)
