"""Engines run networks of exact layers; all of them give the same integers.

An engine is a class with one method, ``run(network, x, positions)``: x is (N, H, W, C) float32 of integers, positions
is an integer array (P,) of raster indices ``y * W + x`` or None for all of them; the result is (N, P, units) float32
of integers. With positions, only the first layer may look at neighbours.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from aecodec.engines.network import Network
from aecodec.errors import InvalidValue

if TYPE_CHECKING:
    from numpy.typing import NDArray

Tensor: TypeAlias = "NDArray[np.float32]"


class Engine(Protocol):
    def run(self, network: Network, x: Tensor, positions: NDArray[np.intp] | None = None) -> Tensor: ...


@cache
def engine(name: str = "numpy") -> Engine:
    """The engine of that name: ``numpy`` (default) or ``tensorflow`` (which has to be installed)."""
    if name == "numpy":
        from aecodec.engines.numpy_engine import NumpyEngine

        return NumpyEngine()
    if name == "tensorflow":
        from aecodec.engines.tensorflow_engine import TensorflowEngine

        return TensorflowEngine()
    raise InvalidValue(f"there is no engine {name!r}: choose 'numpy' or 'tensorflow'")


def neighbourhoods(height: int, width: int, positions: NDArray[np.intp]) -> NDArray[np.intp]:
    """Indices (P, 9) of the 3x3 neighbourhoods of raster positions (P,) in a grid padded by one on every side."""
    top = positions // width * (width + 2) + positions % width
    taps = (np.arange(3)[:, None] * (width + 2) + np.arange(3)).reshape(-1)
    return np.asarray(top[:, None] + taps, dtype=np.intp)
