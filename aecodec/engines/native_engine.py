"""The native engine: exact layers in C, on 16-bit integers, over all cores."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import numpy as np

from aecodec import native
from aecodec.engines.network import ExactLayer, Network
from aecodec.engines.numpy_engine import NumpyEngine
from aecodec.engines.threads import in_parts
from aecodec.native import TILE, ChainStruct, LayerStruct, PlacesStruct, address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from aecodec.engines import Tensor

INT16_LIMIT: Final = 32767
# A sum of 32 bits, to which an earlier layer's output of 16 bits may be added
NARROW_LIMIT: Final = (1 << 31) - (1 << 16)
MOST_SHIFT: Final = 31
# Positions times multiply-adds below which one thread does the work: handing it out takes some 50 microseconds
SHARED_WORK: Final = 1 << 23
# Winograd's algorithm in layers.c: products of a patch of 2x2 positions; up to which share of the 9 for each position
# it is worth it; and 2 G, for the weights
PLACES: Final = 16
WORTH_IT: Final = 0.8
_WINOGRAD: Final = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])


class NativeEngine:
    """Needs the native library. Grids are int16; where inputs may be larger, in int32, they are taken in two parts."""

    dtype: Final = np.int16

    def __init__(self) -> None:
        library = native.library()
        if library is None:
            raise ImportError(f"the native engine is missing: {native.reason()}", name="aecodec.native")
        self._library = library
        self._compiled: WeakKeyDictionary[Network, tuple[Chain, ...] | None] = WeakKeyDictionary()
        self._numpy = NumpyEngine()

    def run(
        self, network: Network, x: Tensor, positions: NDArray[np.intp] | None = None, plus: Tensor | None = None
    ) -> Tensor:
        """As `Engine.run`."""
        if network not in self._compiled:
            self._compiled[network] = _compile(network)
        chains = self._compiled[network]
        if chains is None:
            more = None if plus is None else plus.astype(np.float32)
            return self._numpy.run(network, x.astype(np.float32), positions, more).astype(_dtype(network))
        n, height, width, _ = x.shape
        if positions is not None and not positions.size:
            return np.empty((n, 0, network.layers[-1].units), np.int16)
        grid = _halves(x, plus) if network.reach > INT16_LIMIT else _sum(x, plus).astype(np.int16, copy=False)
        outputs: list[NDArray[np.int16]] = []
        for chain in chains:
            outputs.append(chain.run(grid, positions, outputs))
            grid = outputs[-1].reshape(n, height, width, -1) if positions is None else grid
        return outputs[-1]

    def layers(self, network: Network) -> Chain | None:
        """What the library runs for a network that looks at no neighbours; None if it cannot."""
        if network not in self._compiled:
            self._compiled[network] = _compile(network)
        chains = self._compiled[network]
        return chains[0] if chains and len(chains) == 1 and chains[0].kernel == 1 else None

    def classes(self, output: Tensor, first: int, offset: NDArray[np.int32]) -> NDArray[np.uint8]:
        """As `Engine.classes`."""
        n, count, units = output.shape
        found = np.empty((n, count, offset.shape[1]), np.uint8)
        offset = np.ascontiguousarray(offset, np.int32)
        output = np.ascontiguousarray(output, np.int16)
        shape = n, count, units, first, offset.shape[1]
        self._library.aec_classes(address(output), *shape, address(offset), address(found))
        return found

    def settle(
        self,
        output: Tensor,
        residual: NDArray[np.int32],
        scale: tuple[NDArray[np.int32], NDArray[np.int64]],
        where: NDArray[np.intp],
        targets: tuple[Tensor, Tensor],
    ) -> None:
        """As `Engine.settle`."""
        n, count, units = output.shape
        step, exponent = (np.ascontiguousarray(values, np.int32) for values in scale)
        residual = np.ascontiguousarray(residual, np.int32)
        output, where = np.ascontiguousarray(output, np.int16), np.ascontiguousarray(where, np.int64)
        places = [(address(view), view.strides[1] // view.itemsize) for view in targets]
        for view in targets:
            assert view.dtype == np.int16 and view.strides == (view.shape[1] * view.strides[1], view.strides[1], 2)
        self._library.aec_settle(
            *(address(output), n, count, units, step.shape[1], address(residual), address(step), address(exponent)),
            *(address(where), targets[0].shape[1], *places[0], *places[1]),
        )

    def pixels(self, samples: Tensor, block: int, channels: int) -> NDArray[np.uint8]:
        """As `Engine.pixels`."""
        n, rows, columns, _ = samples.shape
        found = np.empty((n, rows * block, columns * block, channels), np.uint8)
        samples = np.ascontiguousarray(samples, np.int16)
        self._library.aec_pixels(address(samples), n, rows, columns, block, channels, address(found))
        return found

    def cells(self, samples: Tensor, sizes: tuple[int, int, int], inputs: int) -> Tensor:
        """As `Engine.cells`."""
        n, rows, columns, _ = samples.shape
        block, cell, _ = sizes
        grid = np.empty((n, rows * block // cell, columns * block // cell, inputs), np.int16)
        samples = np.ascontiguousarray(samples, np.int16)
        self._library.aec_cells(address(samples), n, rows, columns, *sizes, inputs, address(grid))
        return grid

    def finished(self, grid: Tensor, output: Tensor, cell: int, channels: int) -> NDArray[np.uint8]:
        """As `Engine.finished`."""
        n, height, width, inputs = grid.shape
        found = np.empty((n, height * cell, width * cell, channels), np.uint8)
        grid, output = np.ascontiguousarray(grid, np.int16), np.ascontiguousarray(output, np.int16)
        shape = n, height, width, cell, channels, inputs
        self._library.aec_finished(address(grid), address(output), *shape, address(found))
        return found


@dataclass(frozen=True, eq=False)
class Chain:
    """A first layer, which may look at neighbours, and those after it, which do not, as the library wants them.

    ``earlier``: of layers that add the output of an earlier chain, which one. ``bound``, ``reach``: the largest
    magnitudes of the first layer's sums and inputs.
    """

    layers: tuple[ExactLayer, ...]
    arrays: tuple[dict[str, NDArray[Any]], ...]  # of each layer; the structures only point to them
    structures: ctypes.Array[LayerStruct]
    inputs: int
    earlier: dict[int, int]
    bound: int
    reach: int

    @cached_property
    def kernel(self) -> int:
        """That of the first layer."""
        return self.layers[0].kernel

    @cached_property
    def multiply_adds(self) -> int:
        """Multiply-adds for one position."""
        return sum(layer.weight.size for layer in self.layers)

    @cached_property
    def winograd(self) -> Chain | None:
        """The chain with what its first layer needs for Winograd's algorithm; None if that is not exact there."""
        first, made = self.layers[0], self.arrays[0]
        if self.kernel != 3 or "weight" not in made or "low" in made:
            return None
        if 4 * self.reach > INT16_LIMIT or 4 * self.bound >= NARROW_LIMIT or first.shift.max() + 2 > MOST_SHIFT:
            return None
        weight = first.weight.reshape(3, 3, self.inputs, first.units).astype(np.int64)
        weight = np.einsum("iy,jx,yxcu->ijcu", _WINOGRAD, _WINOGRAD, weight).reshape(-1, self.inputs, first.units)
        if np.abs(weight).max(initial=0) > INT16_LIMIT:
            return None
        changed = made | {"weight": _packed(weight), "bias": 4 * made["bias"], "shift": made["shift"] + 2}
        structures = type(self.structures)(*self.structures)
        structures[0] = _structure(first, len(weight), self.inputs, changed, None)
        return replace(self, arrays=(changed, *self.arrays[1:]), structures=structures)

    def run(
        self, x: NDArray[np.int16], positions: NDArray[np.intp] | None, outputs: Sequence[NDArray[np.int16]]
    ) -> NDArray[np.int16]:
        """The outputs (N, P, units) on grids x (N, H, W, inputs) at raster positions (P,), or at all.

        ``outputs``: those of the chains before, which are at all positions if any is used.
        """
        _, height, width, _ = x.shape
        patches = -(-height // 2) * -(-width // 2)
        pays = positions is None and PLACES * patches <= WORTH_IT * 9 * height * width
        chain = self.winograd if pays else None
        where = np.arange(height * width) if positions is None else positions
        return (chain or self)._run(x, where, outputs, patches if chain else 0)

    def _run(
        self, x: NDArray[np.int16], positions: NDArray[np.intp], outputs: Sequence[NDArray[np.int16]], patches: int
    ) -> NDArray[np.int16]:
        """By Winograd's algorithm if the number of patches of a grid is given."""
        library = native.library()
        assert library is not None
        n, height, width, _ = x.shape
        flat, line, size = self._laid_out(x)
        if patches:
            where = positions  # nothing looks at them: patches follow from height and width
        else:
            y, column = np.divmod(positions, width)
            where = ((y * line + column) * self.inputs).astype(np.int64)
        count, units = positions.size, self.layers[-1].units
        made = np.empty(n * count * units + TILE, np.int16)  # what a later chain adds is read by whole tiles
        places = np.arange(count, dtype=np.int64) * units
        earlier = (ctypes.c_void_p * len(self.layers))()
        for layer, chain in self.earlier.items():
            earlier[layer] = address(outputs[chain])
        structure = ChainStruct(
            *(len(self.layers), bool(patches), ctypes.addressof(self.structures), ctypes.addressof(earlier)),
            *(address(flat), line * self.inputs, PlacesStruct(address(where), count, size)),
            *(address(made), PlacesStruct(address(places), count, count * units), height, width),
        )

        def work(begin: int, end: int) -> None:
            if library.aec_run(ctypes.byref(structure), native.path(), begin, end):
                raise native.failed()

        in_parts(work, n * (patches or count), shared=n * count * self.multiply_adds >= SHARED_WORK)
        return made[:-TILE].reshape(n, count, units)

    def _laid_out(self, x: NDArray[np.int16]) -> tuple[NDArray[np.int16], int, int]:
        """(grids as the library reads them, positions of a line, values of a grid)."""
        n, height, width, channels = x.shape
        library = native.library()
        assert library is not None
        if self.kernel == 1:
            flat = np.empty(x.size + 1, np.int16)  # an odd last input is read with the value after it
            flat[:-1].reshape(x.shape)[...] = x
            return flat, width, height * width * channels
        if x.strides[3] != x.itemsize:
            x = np.ascontiguousarray(x)
        size = (height + 2) * (width + 2) * channels
        # What is read with the last inputs and comes to nothing: a partner, and what patches have beyond the border.
        flat = np.empty(n * size + (width + 3) * channels + 2 * TILE, np.int16)
        flat[n * size :] = 0
        strides = [stride // x.itemsize for stride in x.strides[:3]]
        library.aec_frame(address(x), n, height, width, channels, *strides, address(flat))
        return flat, width + 2, size


def _compile(network: Network) -> tuple[Chain, ...] | None:
    """The chains of a network, or None for one that the library cannot run."""
    begins = [0, *(i for i, layer in enumerate(network.layers) if i and layer.kernel > 1), len(network.layers)]
    inputs = network.inputs
    chains: list[Chain] = []
    ends = {end - 1: number for number, end in enumerate(begins[1:])}  # the chain that a layer is the last of
    for begin, end in zip(begins, begins[1:], strict=False):
        layers = network.layers[begin:end]
        earlier = {i: layer.add for i, layer in enumerate(layers) if layer.add is not None and layer.add < begin}
        if len(layers) > native.MAX_LAYERS or not ends.keys() >= set(earlier.values()):
            return None
        if any((layer.limit > INT16_LIMIT).any() for layer in layers):
            return None
        if not begin and network.reach > INT16_LIMIT:
            if network.reach > 2 * INT16_LIMIT or layers[0].kernel > 1:
                return None
            layers = (_doubled(layers[0]), *layers[1:])
            inputs *= 2
        arrays, structures, seen = [], [], inputs
        for number, layer in enumerate(layers, begin):
            made = _arrays(layer, seen, network.bounds[number])
            arrays.append(made)
            add = None if layer.add is None or layer.add < begin else layer.add - begin
            structures.append(_structure(layer, layer.kernel, layer.kernel * seen, made, add))
            seen = layer.units
        links = {layer: ends[add] for layer, add in earlier.items()}
        reach = int(network.layers[begin - 1].limit.max()) if begin else network.reach
        made_of = (LayerStruct * len(structures))(*structures)
        chains.append(Chain(layers, tuple(arrays), made_of, inputs, links, network.bounds[begin], reach))
        inputs = layers[-1].units
    return tuple(chains)


def _dtype(network: Network) -> type[np.signedinteger[Any]]:
    """The type that holds a network's outputs."""
    return np.int16 if network.layers[-1].limit.max() <= INT16_LIMIT else np.int32


def _sum(x: Tensor, plus: Tensor | None) -> Tensor:
    return x if plus is None else np.add(x, plus, dtype=np.int32)


def _halves(x: Tensor, plus: Tensor | None) -> NDArray[np.int16]:
    """Grids of larger inputs as twice as many channels, whose sums are those inputs."""
    if plus is None:
        first = np.clip(x, -INT16_LIMIT, INT16_LIMIT)
        x, plus = first, x - first
    return np.concatenate([x, plus], axis=3).astype(np.int16, copy=False)


def _doubled(layer: ExactLayer) -> ExactLayer:
    """A layer of kernel 1 for inputs in two parts."""
    assert layer.kernel == 1
    return ExactLayer(
        1, np.concatenate([layer.weight] * 2), layer.bias, layer.shift, layer.limit, layer.leak, layer.add
    )


def _arrays(layer: ExactLayer, inputs: int, bound: int) -> dict[str, NDArray[Any]]:
    """The arrays of a layer's structure; ``bound`` holds for its sums."""

    def packed(weight: NDArray[Any]) -> NDArray[np.int16]:
        return _packed(
            weight.reshape(layer.kernel, layer.kernel * inputs, layer.units)
        )  # a segment: a row of the kernel

    padding = (0, -layer.units % TILE)
    made = {name: np.pad(getattr(layer, name), padding).astype(np.int32) for name in ("shift", "limit")}
    narrow = np.abs(layer.weight).max(initial=0) <= INT16_LIMIT
    if narrow and bound < NARROW_LIMIT:
        return made | {
            "weight": packed(layer.weight),
            "bias": np.pad(layer.bias, padding).astype(np.int32),
        }
    made["wide_bias"] = np.pad(layer.bias, padding).astype(np.int64)
    high = (layer.weight.astype(np.int32) + 128) >> 8  # the low part is within +-128, and so is what sums of it reach
    if narrow and max(np.abs(high).sum(axis=0).max(), 128 * len(high)) * INT16_LIMIT < NARROW_LIMIT:
        low = layer.weight.astype(np.int32) - 256 * high
        return made | {"weight": packed(high), "low": packed(low)}
    return made | {"wide_weight": layer.weight.astype(np.int32)}


def _packed(weight: NDArray[Any]) -> NDArray[np.int16]:
    """Weights (segments, inputs, units) in the order [tile][segment][pair of inputs][unit][2]."""
    segments, inputs, units = weight.shape
    rows = np.pad(weight, ((0, 0), (0, inputs % 2), (0, -units % TILE)))
    packed = rows.reshape(segments, -1, 2, rows.shape[2] // TILE, TILE).transpose(3, 0, 1, 4, 2)
    return np.ascontiguousarray(packed, np.int16)


def _structure(
    layer: ExactLayer, segments: int, inputs: int, arrays: dict[str, NDArray[Any]], add: int | None
) -> LayerStruct:
    return LayerStruct(
        segments=segments,
        units=layer.units,
        pairs=-(-inputs // 2),
        add=-1 if add is None else add,
        leak=layer.leak,
        wide="wide_weight" in arrays,
        inputs=inputs,
        **{name: address(array) for name, array in arrays.items()},
    )
