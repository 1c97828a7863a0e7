"""Rate-distortion-optimised rounding of elements to residuals, one by one (as in RDOQ, Karczewicz et al. 2008)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from aecodec.packing.tables import MAX_RESIDUAL, Tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_FRACTION: Final = 0.25  # a residual of zero is tried as one where its element is further than this from zero
NEVER: Final = np.float32(1e9)  # a cost that nothing reaches


@dataclass(frozen=True)
class Elements:
    """The elements of a pass, arrays (N, E): real-valued distances from the mean in steps, and the nearest residuals.

    weight: (N, E) or (N, 1), the price in bits of a squared error of one step.
    """

    exact: NDArray[np.float32]
    nearest: NDArray[np.int32]
    classes: NDArray[np.uint8]
    weight: NDArray[np.float32]
    tables: Tables

    @classmethod
    def of(
        cls, exact: NDArray[np.float32], classes: NDArray[np.uint8], weight: NDArray[np.float32], tables: Tables
    ) -> Elements:
        """The nearest residual of a skipped class is 0."""
        nearest = np.rint(np.clip(exact, -MAX_RESIDUAL, MAX_RESIDUAL)).astype(np.int32)
        nearest[classes < tables.skip] = 0
        return cls(exact, nearest, classes, weight, tables)

    def extra_cost(
        self, where: tuple[NDArray[np.intp], ...], other: NDArray[np.int32], chosen: NDArray[np.int32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Extra cost (bits, weighted squared error) of other residuals than the chosen ones, at elements `where`."""
        x, classes = self.exact[where], self.classes[where]
        bits = self.tables.quick_bits(other, classes) - self.tables.quick_bits(chosen, classes)
        return bits, np.broadcast_to(self.weight, self.exact.shape)[where] * ((x - other) ** 2 - (x - chosen) ** 2)


def rounded(elements: Elements, share: np.float32) -> NDArray[np.int32]:
    """Residuals (N, E): the nearest integers, or the next ones towards zero if those cost less.

    share: the fraction of the bits saved by a smaller residual that is counted.
    """
    result = elements.nearest.copy()
    where = np.nonzero(elements.nearest)
    nearest = elements.nearest[where]
    smaller = nearest - np.sign(nearest)
    bits, harm = elements.extra_cost(where, smaller, nearest)
    result[where] = np.where(harm < -bits * share, smaller, nearest)
    return result


def alternatives(elements: Elements, residual: NDArray[np.int32]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """The best alternative residual of each element: (extra cost, difference), both (N, E).

    The cost is NEVER if there is no alternative.
    """
    margin = np.full(residual.shape, NEVER, np.float32)
    change = np.zeros(residual.shape, np.int8)
    coded = elements.classes >= elements.tables.skip
    where = np.nonzero(coded & (np.abs(elements.exact) > LEAST_FRACTION))
    chosen, nearest = residual[where], elements.nearest[where]
    away = np.where(elements.exact[where] < 0, -1, 1)
    # Not the nearest: that. The nearest, and not zero: one less. Zero: one more.
    other = np.where(chosen != nearest, nearest, np.where(nearest == 0, away, nearest - np.sign(nearest)))
    bits, harm = elements.extra_cost(where, other, chosen)
    margin[where] = bits + harm
    change[where] = other - chosen
    return margin, change
