"""Rate-distortion-optimised rounding of elements to residuals, one by one (as in RDOQ, Karczewicz et al. 2008)."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from aecodec import native
from aecodec.models.description import COEFFICIENT_BITS
from aecodec.models.ladder import Prediction
from aecodec.native import Address, Count, Held, address
from aecodec.packing.tables import MAX_RESIDUAL, Tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_FRACTION: Final = 0.25  # a residual of zero is tried as one where its element is further than this from zero
NEVER: Final = np.float32(1e9)  # a cost that nothing reaches
UNIT: Final = np.float32(2**COEFFICIENT_BITS)


@dataclass(frozen=True)
class Elements:
    """The elements of a pass, and what they should be.

    ``target``: (N, blocks, K), the real values, in units of an element, of all blocks; those of the pass are ``where``
    (P,). ``inside``: (N, blocks), or None for all, which blocks hold some of the picture; the others get no residuals.
    ``lambdas``: (N, blocks), bits that a squared error is worth; ``element_weights``: (K,), times how much for each
    element of a block. ``share``: how much the bits count that a smaller residual saves.
    """

    prediction: Prediction
    target: NDArray[np.float32]
    where: NDArray[np.intp]
    inside: NDArray[np.bool_] | None
    lambdas: NDArray[np.float32]
    element_weights: NDArray[np.float32]
    share: np.float32
    tables: Tables


@dataclass(frozen=True)
class Rounded:
    """Residuals (N, P * K), and what was asked for beside them.

    ``spent``: (N, P), the bits of each block. ``margin``, ``change``: (N, P * K), what the best alternative residual
    would seem to cost more, NEVER where there is none, and how it differs.
    """

    residual: NDArray[np.int32]
    spent: NDArray[np.float32] | None = None
    margin: NDArray[np.float32] | None = None
    change: NDArray[np.int8] | None = None


def choose(
    elements: Elements, changes: NDArray[np.int8] | None = None, *, measuring: bool = False, proposing: bool = False
) -> Rounded:
    """The nearest integers, or the next ones towards zero where those cost less; then ``changes`` (N, P * K) added."""
    if native.library() is not None:
        return _native(elements, changes, measuring, proposing)
    rows = _Rows.of(elements)
    residual = _rounded(rows, elements.share)
    margin, change = _alternatives(rows, residual) if proposing else (None, None)
    if changes is not None:
        residual = np.where(rows.classes < elements.tables.skip, 0, residual + changes)
    spent = None
    if measuring:
        bits = elements.tables.quick_bits(residual, rows.classes).reshape(elements.prediction.mean.shape)
        spent = bits.sum(axis=2, dtype=np.float64).astype(np.float32)
    return Rounded(residual, spent, margin, change)


# By NumPy ---


@dataclass(frozen=True)
class _Rows:
    """Arrays (N, P * K): elements as real numbers of steps from the mean, and the nearest residuals.

    weight: bits that a squared error of one step is worth.
    """

    exact: NDArray[np.float32]
    nearest: NDArray[np.int32]
    classes: NDArray[np.uint8]
    weight: NDArray[np.float32]
    tables: Tables

    @classmethod
    def of(cls, elements: Elements) -> _Rows:
        """The nearest residual of a skipped class is 0."""
        prediction, tables = elements.prediction, elements.tables
        n = len(prediction.mean)
        size = prediction.step.astype(np.float32)[:, None]
        exact = (elements.target[:, elements.where] - prediction.mean.astype(np.float32)) / size
        if elements.inside is not None:
            exact *= elements.inside[:, elements.where, None]
        exact, classes = exact.reshape(n, -1), prediction.classes.reshape(n, -1)
        price = elements.lambdas[:, elements.where, None] * elements.element_weights
        weight = (price * (size / UNIT) ** 2).reshape(n, -1)
        nearest = np.rint(np.clip(exact, -MAX_RESIDUAL, MAX_RESIDUAL)).astype(np.int32)
        nearest[classes < tables.skip] = 0
        return cls(exact, nearest, classes, weight, tables)

    def extra_cost(
        self, where: tuple[NDArray[np.intp], ...], other: NDArray[np.int32], chosen: NDArray[np.int32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """(bits, weighted squared error) that other residuals cost more than the chosen ones, of elements `where`."""
        x, classes = self.exact[where].astype(np.float64), self.classes[where]
        bits = self.tables.quick_bits(other, classes) - self.tables.quick_bits(chosen, classes)
        return bits, self.weight[where] * ((x - other) ** 2 - (x - chosen) ** 2)


def _rounded(rows: _Rows, share: np.float32) -> NDArray[np.int32]:
    result = rows.nearest.copy()
    where = np.nonzero(rows.nearest)
    nearest = rows.nearest[where]
    smaller = nearest - np.sign(nearest)
    bits, harm = rows.extra_cost(where, smaller, nearest)
    result[where] = np.where(harm < -bits * share, smaller, nearest)
    return result


def _alternatives(rows: _Rows, residual: NDArray[np.int32]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """The margin and the change of `Rounded`."""
    margin = np.full(residual.shape, NEVER, np.float32)
    change = np.zeros(residual.shape, np.int8)
    coded = rows.classes >= rows.tables.skip
    where = np.nonzero(coded & (np.abs(rows.exact) > LEAST_FRACTION))
    chosen, nearest = residual[where], rows.nearest[where]
    away = np.where(rows.exact[where] < 0, -1, 1)
    # Not the nearest: that. The nearest, and not zero: one less. Zero: one more.
    other = np.where(chosen != nearest, nearest, np.where(nearest == 0, away, nearest - np.sign(nearest)))
    bits, harm = rows.extra_cost(where, other, chosen)
    margin[where] = bits + harm
    change[where] = other - chosen
    return margin, change


# By the native library ---


class CostsStruct(ctypes.Structure):
    """``aec_costs`` of rounding.c."""

    _fields_ = (
        *((name, Address) for name in ("near_bits", "event_bits", "first", "extents", "shifts")),
        ("skip", Count),
    )


class ElementsStruct(ctypes.Structure):
    """``aec_elements`` of rounding.c."""

    _fields_ = (
        *((name, Count) for name in ("n", "positions", "count")),
        *(("mean", Address), ("units", Count), ("classes", Address), ("step", Address), ("target", Address)),
        *(("target_block", Count), ("blocks", Count), ("where", Address), ("inside", Address), ("lambdas", Address)),
        *((name, Address) for name in ("element_weights", "change")),
        *((name, ctypes.c_float) for name in ("share", "least_fraction", "never", "unit")),
    )


@lru_cache(maxsize=32)
def _costs(tables: Tables) -> Held:
    """The structure of a model's tables."""
    arrays: dict[str, NDArray[Any]] = {
        "near_bits": tables.near_bits,
        "event_bits": tables.event_bits,
        "first": tables.first.astype(np.int32),
        "extents": tables.extents,
        "shifts": tables.shifts,
    }
    return Held.of(CostsStruct, arrays, skip=tables.skip)


def _native(elements: Elements, changes: NDArray[np.int8] | None, measuring: bool, proposing: bool) -> Rounded:
    library = native.library()
    assert library is not None
    prediction, target = elements.prediction, elements.target
    shape = n, places, count = prediction.mean.shape
    mean = prediction.mean
    if mean.dtype != np.int16 or mean.strides != (places * mean.strides[1], mean.strides[1], 2):
        mean = np.ascontiguousarray(mean, np.int16)  # of another engine, or of the vector
    assert target.dtype == np.float32
    assert target.strides == (target.shape[1] * target.strides[1], target.strides[1], 4) or not target.size
    arrays: dict[str, NDArray[Any]] = {
        "mean": mean,
        "classes": np.ascontiguousarray(prediction.classes),
        "step": np.ascontiguousarray(prediction.step, np.int32),
        "target": target,
        "where": np.ascontiguousarray(elements.where, np.int64),
        "lambdas": np.ascontiguousarray(elements.lambdas, np.float32),
        "element_weights": np.ascontiguousarray(elements.element_weights, np.float32),
    }
    if elements.inside is not None:
        arrays["inside"] = np.ascontiguousarray(elements.inside, np.bool_)
    if changes is not None:
        arrays["change"] = np.ascontiguousarray(changes, np.int8)
    structure = ElementsStruct(
        *shape,
        units=mean.strides[1] // mean.itemsize,
        target_block=target.strides[1] // target.itemsize,
        blocks=target.shape[1],
        share=float(elements.share),
        least_fraction=LEAST_FRACTION,
        never=float(NEVER),
        unit=float(UNIT),
        **{name: address(array) for name, array in arrays.items()},
    )
    costs = _costs(elements.tables)
    made = Rounded(
        np.empty((n, places * count), np.int32),
        np.empty((n, places), np.float32) if measuring else None,
        np.empty((n, places * count), np.float32) if proposing else None,
        np.empty((n, places * count), np.int8) if proposing else None,
    )
    outputs = (None if array is None else address(array) for array in (made.spent, made.margin, made.change))
    library.aec_choose(ctypes.byref(structure), ctypes.byref(costs.structure), address(made.residual), *outputs)
    return made
