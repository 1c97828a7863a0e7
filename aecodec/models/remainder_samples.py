"""The samples of a remainder's pass: means and classes from a network's output, and samples from residuals.

Samples are within 0..255, so near the ends, steps beyond the `room` of the nearer side are possible only to the other.
Steps are folded so that no residual stands for an impossible value: with a room of 2, the steps 0 1 2 3 4 5 6 towards
the wider side become the residuals 0 1 2 3 -3 4 -4. `residual` is always the folded number.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from aecodec import native
from aecodec.engines import Tensor
from aecodec.models.description import SHARE_BITS
from aecodec.models.ladder import Integers
from aecodec.native import Address, Count, address
from aecodec.packing.tables import CLASSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

KNOWN: Final = 4  # context of a decoded sample: this times its difference from the reconstruction, within +-1020


@dataclass(frozen=True)
class Pass:
    """What a pass begins with.

    ``output``: (N, P, units) of its network. ``where``: (P,), its blocks. ``base``: (N, blocks, channels) int32, the
    reconstructed samples. ``lo``, ``count``: its channels. ``offset``, ``step``: (N,) int32, what is added to classes,
    and the distance of two values. ``plane``, ``context``: (N, blocks, count), where samples and their context values
    go: views of arrays of the engine's type.
    """

    output: Tensor
    where: NDArray[np.intp]
    base: Integers
    lo: int
    count: int
    offset: Integers
    step: Integers
    plane: Tensor
    context: Tensor


class Samples(Protocol):
    """The channels of a pass, one after the other."""

    def predict(self, channel: int) -> tuple[Integers, NDArray[np.uint8]]:
        """(means in 0..255, classes in 0..63), both (N, P), of a channel whose predecessors are settled."""

    def settle(self, channel: int, mean: Integers, residual: Integers) -> None:
        """Write the samples of a channel, and their context values, from residuals (N, P)."""


def samples_of(given: Pass) -> Samples:
    """The samples of a pass, by the native library if the engine is."""
    return _NativeSamples(given) if given.plane.dtype == np.int16 else _ArraySamples(given)


def residuals_to(
    targets: NDArray[np.uint8],
    inside: NDArray[np.uint8],
    channel: int,
    where: NDArray[np.intp],
    mean: Integers,
    step: Integers,
) -> Integers:
    """Residuals (N, P) of the nearest that steps from the means can come to targets, 0 where nothing is inside.

    targets: (N, blocks, channels). inside: (blocks, channels), 1 for samples of the picture. step: (N,).
    """
    library = native.library()
    if library is None:
        target = targets[:, where, channel].astype(np.int32)
        return np.asarray(steps_to(target, mean, step[:, None]) * inside[where, channel])
    n, blocks, channels = targets.shape
    mean, step = np.ascontiguousarray(mean, np.int32), np.ascontiguousarray(step, np.int32)
    targets, inside = np.ascontiguousarray(targets), np.ascontiguousarray(inside, np.uint8)
    where = np.ascontiguousarray(where, np.int64)
    found = np.empty(mean.shape, np.int32)
    places = address(targets), address(inside), n, blocks, channels, channel, address(where), where.size
    library.aec_fold(*places, address(mean), address(step), address(found))
    return found


class _ArraySamples:
    """By NumPy."""

    def __init__(self, given: Pass) -> None:
        self.given = given
        self.output = given.output.astype(np.int32)
        self.found = given.base[:, given.where, given.lo : given.lo + given.count]
        self.off: list[Integers] = []

    def predict(self, channel: int) -> tuple[Integers, NDArray[np.uint8]]:
        given, output = self.given, self.output
        mean = self.found[..., channel] + output[..., channel]
        if self.off:
            # Shares and differences are within 255 and no pass has 768 channels or more: the sum is below 2**26.
            pair = 2 * given.count + channel * (channel - 1) // 2
            shared = sum(output[..., pair + other] * difference for other, difference in enumerate(self.off))
            mean += (shared + (1 << (SHARE_BITS - 1))) >> SHARE_BITS
        classes = np.clip(output[..., given.count + channel] + given.offset[:, None], 0, CLASSES - 1).astype(np.uint8)
        return np.clip(mean, 0, 255), classes

    def settle(self, channel: int, mean: Integers, residual: Integers) -> None:
        step, where = self.given.step[:, None], self.given.where
        values = np.clip(mean + unfolded(residual, mean, step) * step, 0, 255)
        self.off.append(values - mean)
        self.given.plane[:, where, channel] = values
        self.given.context[:, where, channel] = (values - self.found[..., channel]) * KNOWN


class SamplesStruct(ctypes.Structure):
    """``aec_samples`` of elements.c."""

    _fields_ = (
        *((name, Count) for name in ("n", "positions", "units", "count", "blocks", "channels", "lo")),
        *((name, Address) for name in ("output", "base", "where", "offset", "step", "off")),
        *(("plane", Address), ("plane_block", Count), ("context", Address), ("context_block", Count)),
    )


class _NativeSamples:
    """By the native library."""

    def __init__(self, given: Pass) -> None:
        library = native.library()
        assert library is not None
        self.library = library
        self.shape = n, positions, units = given.output.shape
        self.arrays: dict[str, NDArray[Any]] = {
            "output": np.ascontiguousarray(given.output, np.int16),
            "base": np.ascontiguousarray(given.base, np.int32),
            "where": np.ascontiguousarray(given.where, np.int64),
            "offset": np.ascontiguousarray(given.offset, np.int32),
            "step": np.ascontiguousarray(given.step, np.int32),
            "off": np.empty((given.count, n, positions), np.int32),
            "plane": given.plane,
            "context": given.context,
        }
        for view in (given.plane, given.context):
            assert view.strides == (view.shape[1] * view.strides[1], view.strides[1], 2)
        self.structure = SamplesStruct(
            *(n, positions, units, given.count, *given.base.shape[1:], given.lo),
            plane_block=given.plane.strides[1] // 2,
            context_block=given.context.strides[1] // 2,
            **{name: address(array) for name, array in self.arrays.items()},
        )

    def predict(self, channel: int) -> tuple[Integers, NDArray[np.uint8]]:
        mean, classes = np.empty(self.shape[:2], np.int32), np.empty(self.shape[:2], np.uint8)
        self.library.aec_sample_means(ctypes.byref(self.structure), channel, address(mean), address(classes))
        return mean, classes

    def settle(self, channel: int, mean: Integers, residual: Integers) -> None:
        mean, residual = np.ascontiguousarray(mean, np.int32), np.ascontiguousarray(residual, np.int32)
        self.library.aec_settle_samples(ctypes.byref(self.structure), channel, address(mean), address(residual))


# Folding ---


def steps_to(target: Integers, mean: Integers, step: Integers) -> Integers:
    """Folded residuals of the steps from the means that come closest to the targets, all in 0..255."""
    return folded((target - mean + (step >> 1)) // step, mean, step)


def _room(mean: Integers, step: Integers) -> tuple[Integers, Integers]:
    """Steps that can be needed towards the nearer end, and the sign of the other direction."""
    up = mean < 128
    near = np.where(up, mean, 255 - mean)
    return (near + (step >> 1)) // step, np.where(up, np.int32(1), np.int32(-1))


def folded(steps: Integers, mean: Integers, step: Integers) -> Integers:
    """Steps, 0 at a target within 0..255, as residuals."""
    room, wide = _room(mean, step)
    away = steps * wide
    beyond = away - room
    side = room + ((beyond + 1) >> 1)
    return np.asarray(np.where(beyond <= 0, away, np.where(beyond & 1, side, -side)))


def unfolded(residual: Integers, mean: Integers, step: Integers) -> Integers:
    """The inverse of `folded`. Residuals that no encoder writes give values outside 0..255; 2**21 * 511 < 2**31."""
    room, wide = _room(mean, step)
    beyond = np.abs(residual) - room
    away = room + 2 * beyond - (residual > 0)
    return np.asarray(np.where(beyond <= 0, residual, away) * wide)
