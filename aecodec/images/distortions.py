"""Distortions of pictures: five kinds of noise and two filters, for training and for the study of robustness.

Each takes pictures (N, H, W, C) uint8 and returns the same shape. The meaning of its number:

    gaussian     standard deviation of additive Gaussian noise, as a fraction of white
    white        amplitude of additive uniform noise, as a fraction of white
    speckle      standard deviation of multiplicative Gaussian noise: sample * (1 + noise)
    salt-pepper  fraction of the pixels that become black or white, half of them each
    poisson      mean photon count of a white sample; fewer photons are noisier
    median       side of the window of a median filter, odd; the edge of the picture is repeated
    mean         side of the window of a mean filter, odd
    none         no distortion
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from aecodec.errors import InvalidValue

if TYPE_CHECKING:
    from numpy.typing import NDArray

Pictures: TypeAlias = "NDArray[np.uint8]"
Numbers: TypeAlias = "NDArray[np.float64]"  # (N, 1, 1, 1)
WHITE: Final = 255.0


def _gaussian(pictures: Pictures, number: Numbers, random: np.random.Generator) -> Pictures:
    return _rounded(pictures + random.normal(size=pictures.shape) * number * WHITE)


def _white(pictures: Pictures, number: Numbers, random: np.random.Generator) -> Pictures:
    return _rounded(pictures + random.uniform(-1.0, 1.0, pictures.shape) * number * WHITE)


def _speckle(pictures: Pictures, number: Numbers, random: np.random.Generator) -> Pictures:
    return _rounded(pictures * (1.0 + random.normal(size=pictures.shape) * number))


def _salt_pepper(pictures: Pictures, number: Numbers, random: np.random.Generator) -> Pictures:
    chance = random.random((*pictures.shape[:3], 1))  # a pixel's channels go together
    struck = np.where(chance < number / 2, 0, pictures)
    result: Pictures = np.where(chance > 1 - number / 2, 255, struck).astype(np.uint8)
    return result


def _poisson(pictures: Pictures, number: Numbers, random: np.random.Generator) -> Pictures:
    return _rounded(random.poisson(pictures / WHITE * number) / number * WHITE)


def _median(pictures: Pictures, number: Numbers, random: np.random.Generator) -> Pictures:
    return _by_window(pictures, number, lambda windows: np.median(windows, axis=(-2, -1)))


def _mean(pictures: Pictures, number: Numbers, random: np.random.Generator) -> Pictures:
    return _by_window(pictures, number, lambda windows: windows.mean(axis=(-2, -1)))


def _none(pictures: Pictures, number: Numbers, random: np.random.Generator) -> Pictures:
    return pictures


def _rounded(samples: NDArray[Any]) -> Pictures:
    return np.clip(np.floor(samples + 0.5), 0, 255).astype(np.uint8)


def _by_window(pictures: Pictures, number: Numbers, join: Callable[[NDArray[Any]], NDArray[Any]]) -> Pictures:
    result = np.empty_like(pictures)
    sides = number.reshape(-1).astype(int)
    for side in np.unique(sides).tolist():
        mine = sides == side
        edge = (side // 2, side // 2)
        grown = np.pad(pictures[mine], ((0, 0), edge, edge, (0, 0)), mode="edge")
        result[mine] = _rounded(join(np.lib.stride_tricks.sliding_window_view(grown, (side, side), axis=(1, 2))))
    return result


_KINDS: Final = {
    "gaussian": _gaussian,
    "white": _white,
    "speckle": _speckle,
    "salt-pepper": _salt_pepper,
    "poisson": _poisson,
    "median": _median,
    "mean": _mean,
    "none": _none,
}
_FILTERS: Final = ("median", "mean")
MOST: Final = {"gaussian": 4.0, "white": 4.0, "speckle": 4.0, "salt-pepper": 1.0, "poisson": 1e6, "median": 15.0}
"""The largest number of a kind; that of `mean` is that of `median`."""


@dataclass(frozen=True)
class Distortion:
    """One kind with a number, or with a range from which a number is drawn uniformly for each picture."""

    kind: str
    low: float = 0.0
    high: float = 0.0

    @property
    def name(self) -> str:
        """The specification: ``gaussian:0.1`` or ``gaussian:0.1-0.3``."""
        if self.kind == "none":
            return self.kind
        return f"{self.kind}:{self.low:g}" + (f"-{self.high:g}" if self.high != self.low else "")

    def apply(self, pictures: Pictures, random: np.random.Generator) -> Pictures:
        """Pictures (N, H, W, C) distorted; the same for the same state of ``random``."""
        number = np.full(len(pictures), self.low)
        if self.high > self.low:
            number = random.uniform(self.low, self.high, len(pictures))
        if self.kind in _FILTERS:
            number = number // 2 * 2 + 1  # the odd side that the range holds next below, or a number itself
        return _KINDS[self.kind](pictures, number.reshape(-1, 1, 1, 1), random)


@dataclass(frozen=True)
class Mixture:
    """Several equally likely distortions, one of which is drawn for each picture."""

    parts: tuple[Distortion, ...]

    @property
    def name(self) -> str:
        """The specification that `parse` reads."""
        return ",".join(part.name for part in self.parts)

    def apply(self, pictures: Pictures, random: np.random.Generator) -> Pictures:
        """Pictures (N, H, W, C) distorted; the same for the same state of ``random``."""
        result = pictures.copy()
        owner = random.integers(len(self.parts), size=len(pictures))
        for number, part in enumerate(self.parts):
            mine = np.flatnonzero(owner == number)
            if mine.size:
                result[mine] = part.apply(pictures[mine], random)
        return result


def parse(spec: str) -> Mixture:
    """``gaussian:0.1-0.3,salt-pepper:0.1,none``: kinds with a number or a range each. Raises InvalidValue."""
    return Mixture(tuple(_parse_one(part.strip()) for part in spec.split(",")))


def _parse_one(text: str) -> Distortion:
    kind, colon, numbers = text.partition(":")
    if kind not in _KINDS or (kind == "none") == bool(colon):
        kinds = ", ".join(_KINDS)
        raise InvalidValue(f"{text!r} is not a distortion: write KIND:NUMBER or KIND:LOW-HIGH, where KIND is {kinds}")
    if kind == "none":
        return Distortion(kind)
    low, dash, high = numbers.partition("-")
    try:
        found = Distortion(kind, float(low), float(high if dash else low))
    except ValueError:
        raise InvalidValue(f"{text!r} needs a number or a range of numbers after the colon") from None
    most = MOST["median" if kind in _FILTERS else kind]
    if not 0 < found.low <= found.high <= most:
        raise InvalidValue(f"{text!r} is out of range: {kind} must be above 0 and at most {most:g}")
    if kind in _FILTERS and any(number % 2 != 1 for number in (found.low, found.high)):
        raise InvalidValue(f"{text!r}: the window size must be an odd whole number")
    return found


STUDY: Final[Sequence[str]] = (
    "none",
    *(f"poisson:{photons}" for photons in (100, 30, 10, 3)),
    *(f"white:{share}" for share in (0.05, 0.1, 0.2, 0.4)),
    *(f"salt-pepper:{share}" for share in (0.02, 0.05, 0.1, 0.2)),
    *(f"speckle:{spread}" for spread in (0.1, 0.2, 0.4, 0.8)),
    *(f"gaussian:{spread}" for spread in (0.05, 0.1, 0.2, 0.3)),
    *(f"median:{side}" for side in (3, 5)),
    *(f"mean:{side}" for side in (3, 5)),
)
"""The distortions of the robustness study, weak before strong."""
