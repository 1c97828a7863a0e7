"""The walks of ``causal_walk`` by the native library: ``samples.c`` codes several panels in one call."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from aecodec import native
from aecodec.engines.native_engine import NativeEngine
from aecodec.engines.network import Network
from aecodec.engines.threads import in_parts
from aecodec.models import causal
from aecodec.native import Address, Count, Held, address
from aecodec.packing import native_coders

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aecodec.models.causal import Coding

SHARED_PIXELS = 1 << 12  # from which on panels are handed out to several threads
AT_ONCE = 128  # pixels of a step, roughly: enough to pay for a call of the networks, and few enough for the cache


class NetworkStruct(ctypes.Structure):
    """``network`` of samples.c."""

    _fields_ = (("layers", Address), ("count", Count), ("units", Count))


class StageStruct(ctypes.Structure):
    """``aec_stage`` of samples.c."""

    _fields_ = (
        *((name, Count) for name in ("panels", "height", "width", "channels", "coded")),
        *((name, Count) for name in ("reach", "window", "linear_window", "inputs")),
        *((name, Address) for name in ("taps", "inner", "linear", "networks")),
        *((name, Count) for name in ("max_error", "offset", "tile_height", "tile_width", "path")),
        *((name, Address) for name in ("samples", "errors")),
    )


class StreamsStruct(ctypes.Structure):
    """``aec_streams`` of samples.c."""

    _fields_ = (
        *((name, Address) for name in ("tables", "data", "positions", "ends", "states")),
        *((name, Count) for name in ("lanes", "count", "failed")),
    )


def can_run(coding: Coding) -> bool:
    """Whether the library can run all networks of the stage, and the engine is the native one."""
    return isinstance(coding.engine, NativeEngine) and all(
        coding.engine.layers(network) for network in (coding.stage.trunk, *coding.stage.heads)
    )


@lru_cache(maxsize=16)
def _networks(engine: NativeEngine, networks: tuple[Network, ...]) -> tuple[Any, tuple[Any, ...]]:
    """The networks as structures, and what they point to."""
    chains = [engine.layers(network) for network in networks]
    found = (NetworkStruct * len(chains))()
    for place, chain in enumerate(chains):
        assert chain is not None
        found[place] = NetworkStruct(ctypes.addressof(chain.structures), len(chain.layers), chain.layers[-1].units)
    return found, tuple(chains)


class _Panels:
    """The samples and errors of S panels, and the structures that describe them."""

    def __init__(self, coding: Coding, size: tuple[int, int, int]) -> None:
        d, stage = coding.model.description, coding.stage
        shape, self.size, self.coding = stage.shape, size, coding
        assert isinstance(coding.engine, NativeEngine)
        empty = np.zeros((*size, d.channels), np.uint8)
        self.samples = causal.bordered(shape, empty)
        self.errors = np.zeros(self.samples.shape, np.int16)
        window = shape.window
        self.held = Held.of(
            StageStruct,
            {
                "taps": np.array(window, np.int64),
                "inner": np.array([window.index(offset) for offset in shape.linear_window], np.int64),
                "linear": np.ascontiguousarray(stage.linear, np.int32),
            },
            channels=d.channels,
            coded=coding.coded,
            reach=shape.reach,
            window=len(window),
            linear_window=len(shape.linear_window),
            inputs=shape.inputs(d),
            max_error=coding.max_error,
            offset=int(stage.offset[coding.max_error]),
            tile_height=d.tile[0] if d.tile else 0,
            tile_width=d.tile[1] if d.tile else 0,
            path=native.path(),
            height=size[1],
            width=size[2],
        )
        self.networks, self.kept = _networks(coding.engine, (stage.trunk, *stage.heads))

    def structure(self, begin: int, end: int) -> StageStruct:
        """The structure of some panels."""
        found = StageStruct.from_buffer_copy(self.held.structure)
        found.panels, found.networks = end - begin, ctypes.addressof(self.networks)
        found.samples, found.errors = address(self.samples[begin]), address(self.errors[begin])
        return found

    def decoded(self) -> NDArray[np.uint8]:
        """The samples (S, H, W, coded)."""
        reach, width = self.coding.stage.shape.reach, self.size[2]
        return self.samples[:, reach:, reach : reach + width, : self.coding.coded]

    def each(self, work: Any) -> None:
        """Call work(begin, end) for all panels, a few at once, in several threads where there is enough to do."""
        count, height, width = self.size
        step = max(1, AT_ONCE // min(height, (width + 1) // causal.SKEW))

        def some(begin: int, end: int) -> None:
            for first in range(begin, end, step):
                work(first, min(first + step, end))

        in_parts(some, count, shared=count > 1 and count * height * width >= SHARED_PIXELS)


def encode(coding: Coding, stack: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.uint8]]:
    """Residuals and classes (S, elements) in the order of coding, and decoded samples (S, H, W, coded)."""
    library = native.library()
    assert library is not None
    count, height, width, coded = stack.shape
    channels = coding.model.description.channels
    panels = _Panels(coding, (count, height, width))
    targets = np.ascontiguousarray(np.broadcast_to(stack, (count, height, width, channels)))
    residuals = np.empty((count, height * width * coded), np.int32)
    classes = np.empty(residuals.shape, np.uint8)

    def work(begin: int, end: int) -> None:
        structure = panels.structure(begin, end)
        places = address(targets[begin]), address(classes[begin]), address(residuals[begin])
        if library.aec_code_samples(ctypes.byref(structure), None, *places):
            raise native.failed()

    panels.each(work)
    return residuals, classes, panels.decoded()


def decode(coding: Coding, size: tuple[int, int, int], decoder: native_coders.RansDecoder) -> NDArray[np.uint8]:
    """The samples (S, H, W, coded) of panels (S, H, W), each of which has a stream of the decoder, or which share one.

    Raises AecError.
    """
    library = native.library()
    assert library is not None
    panels = _Panels(coding, size)
    tables = native_coders.rans_tables(decoder.tables)

    shared = decoder.streams < size[0]

    def work(begin: int, end: int) -> None:
        structure = panels.structure(begin, end)
        streams = StreamsStruct(
            ctypes.addressof(tables.structure),
            *(address(array) for array in (decoder.data, decoder.positions[begin:], decoder.ends[begin:])),
            address(decoder.states[begin]),
            decoder.lanes,
            1 if shared else end - begin,
        )
        code = library.aec_code_samples(ctypes.byref(structure), ctypes.byref(streams), None, None, None)
        if code == native.NO_MEMORY:
            raise native.failed()
        if code:
            kind, message = native_coders.ERRORS[code]
            decoder.fail(kind, message, begin + streams.failed)

    if shared:
        work(0, size[0])
    else:
        panels.each(work)
    return panels.decoded()
