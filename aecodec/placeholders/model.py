"""The model of placeholders: which coefficients are coded in which order, and the scale and mean of each.

It is a neural autoregressive estimator (Larochelle and Murray 2011, NADE) in integers: HIDDEN numbers sum up the
coefficients decoded so far, and two dot products with them give the mean and the scale class of the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from aecodec.placeholders.intervals import PRECISION, TOTAL
from aecodec.placeholders.layout import ASPECTS, LONG_SIDE, STEP_CLASSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

COEFFICIENTS: Final = 240
HIDDEN: Final = 16
CLASSES: Final = 32
ESCAPE: Final = 24  # magnitudes from here on are escaped
SMALLEST_CLASS: Final = -16  # quarters of the binary logarithm of scale / step that class 0 stands for
FILE: Final = Path(__file__).with_name("placeholder-1.bin")
_LARGEST: Final = 255  # of inputs and of hidden numbers, in 1/64

# Arrays of the model file, in its order.
ARRAYS: Final[dict[str, tuple[str, tuple[int, ...]]]] = {
    "place": ("u1", (COEFFICIENTS, 3)),  # channel, row, column
    "deviation": ("<u2", (COEFFICIENTS,)),  # in sixteenths of a gray level
    "start": ("<i2", (ASPECTS, HIDDEN)),
    "signed": ("i1", (COEFFICIENTS, HIDDEN)),
    "absolute": ("i1", (COEFFICIENTS, HIDDEN)),
    "mean": ("i1", (COEFFICIENTS, HIDDEN)),
    "scale": ("i1", (COEFFICIENTS, HIDDEN)),
    "scale_start": ("<i2", (COEFFICIENTS,)),
    "scale_aspect": ("i1", (COEFFICIENTS, 4)),
    "frequencies": ("<u2", (CLASSES, ESCAPE + 1)),
}


def features(aspect: int) -> NDArray[np.int64]:
    """(4,) what the scales depend on: r = 64 log2(width / height), |r|, and the excess of r and -r over 32."""
    short = aspect + 1 if aspect < LONG_SIDE else ASPECTS - aspect
    ratio = round(64 * np.log2(LONG_SIDE / short)) * (1 if aspect < LONG_SIDE else -1)
    return np.array([ratio, abs(ratio), max(ratio - 32, 0), max(-ratio - 32, 0)], np.int64)


@dataclass(frozen=True, eq=False)
class Model:
    """The arrays of the model file, as int64."""

    arrays: dict[str, NDArray[np.int64]]

    @classmethod
    def parse(cls, data: bytes) -> Model:
        """Read a model file."""
        arrays, at = {}, 0
        for name, (dtype, shape) in ARRAYS.items():
            found = np.frombuffer(data, dtype, int(np.prod(shape)), at)
            arrays[name] = found.reshape(shape).astype(np.int64)
            at += found.nbytes
        return cls(arrays)

    def dump(self) -> bytes:
        """Return the bytes of the model file."""
        return b"".join(self.arrays[name].astype(dtype).tobytes() for name, (dtype, _) in ARRAYS.items())

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """(CLASSES, ESCAPE + 2) first slots of the magnitudes."""
        return np.pad(np.cumsum(self.arrays["frequencies"], axis=1), ((0, 0), (1, 0)))

    @cached_property
    def bits(self) -> NDArray[np.float64]:
        """(CLASSES, ESCAPE + 1) code lengths, of the sign too; without what follows an escape."""
        lengths = PRECISION - np.log2(self.arrays["frequencies"])
        lengths[:, 1:] += 1
        return lengths

    @cached_property
    def places(self) -> list[tuple[int, int, int]]:
        """(channel, row, column) of each coefficient."""
        return [(c, v, u) for c, v, u in self.arrays["place"].tolist()]


@cache
def bundled() -> Model:
    """The model that the package comes with."""
    return Model.parse(FILE.read_bytes())


class Walk:
    """The predictions for one coefficient after the other, for `lanes` placeholders of one aspect at once."""

    def __init__(self, model: Model, aspect: int, step: NDArray[Any]) -> None:
        self._a = model.arrays
        base = (self._a["scale_aspect"] @ features(aspect) + self._a["scale_start"])[:, None]
        self._base = base - ((np.array(STEP_CLASSES)[step] + SMALLEST_CLASS) << 10)  # (COEFFICIENTS, lanes)
        self._sums = np.repeat(self._a["start"][aspect][None], step.size, axis=0)

    def predict(self, index: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(mean, class) of a coefficient, each (lanes,): sixteenths of a gray level; 0..31."""
        hidden = np.minimum(np.maximum(self._sums >> 6, 0), _LARGEST)
        scaled = hidden @ self._a["mean"][index] * self._a["deviation"][index]
        classes = (hidden @ self._a["scale"][index] + self._base[index]) >> 10
        return (scaled + 2048) >> 12, np.minimum(np.maximum(classes, 0), CLASSES - 1)

    def add(self, index: int, value: NDArray[np.int64]) -> None:
        """Take a coefficient (lanes,) into account."""
        scaled = np.minimum(np.maximum(value * 64 // self._a["deviation"][index], -_LARGEST), _LARGEST)[:, None]
        self._sums += scaled * self._a["signed"][index] + abs(scaled) * self._a["absolute"][index]


assert PRECISION == 12 and TOTAL == 4096  # of the frequencies in the model file
