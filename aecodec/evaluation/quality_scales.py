"""The scales on which BD-rates compare codecs: PSNR, and other measures in its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from aecodec.evaluation.curves import Curve, Point


def _unchanged(value: float) -> float:
    return value


def decibels(similarity: float) -> float:
    """A similarity of at most 1 in dB, -10 log10(1 - similarity): 0.9 is 10 dB, 0.99 is 20 dB, 1 is infinite."""
    return -10 * math.log10(1 - similarity) if similarity < 1 else math.inf


@dataclass(frozen=True)
class Scale:
    """A measure, and the scale on which curves are interpolated.

    field: of Point. unit: of the scale. value: from the measure to the scale. explanation: how the scale is to be read.
    """

    label: str
    field: str
    unit: str
    value: Callable[[float], float]
    explanation: str

    def points(self, points: Sequence[Point]) -> list[Point]:
        """The points with this scale in place of PSNR; those without the measure are left out."""
        found = [(p, getattr(p, self.field)) for p in points]
        return [replace(p, psnr=self.value(value)) for p, value in found if value is not None]

    def curve(self, curve: Curve) -> Curve:
        """The curve with this scale in place of PSNR."""
        return replace(curve, points=self.points(curve.points))


_IN_DECIBELS = (
    "The mean over the channels and pictures is interpolated in decibels, -10 log10(1 - {0}): 0.9 is 10 dB, 0.99 is"
    " 20 dB."
)
SCALES = {
    "psnr": Scale("PSNR", "psnr", "dB", _unchanged, ""),
    "ssim": Scale("SSIM", "ssim", "dB", decibels, _IN_DECIBELS.format("SSIM")),
    "ms-ssim": Scale("MS-SSIM", "ms_ssim", "dB", decibels, _IN_DECIBELS.format("MS-SSIM")),
    "ssimulacra2": Scale(
        "SSIMULACRA2",
        "ssimulacra2",
        "points",
        _unchanged,
        "The mean over pictures is interpolated as it is: 100 for equal pictures, below 0 for the worst.",
    ),
}
"""By the name that options give them."""


@dataclass(frozen=True)
class Distance:
    """BD-rates by a scale. rates: over what the other codec reaches at these bits per pixel; None: at all of them."""

    scale: Scale
    rates: tuple[float, float] | None = None

    @property
    def title(self) -> str:
        """The measure and the range: "MS-SSIM, 0.1 to 0.6 bits/pixel"."""
        return (
            f"{self.scale.label}, {self.rates[0]:g} to {self.rates[1]:g} bits/pixel" if self.rates else self.scale.label
        )

    @property
    def explanation(self) -> str:
        """The paragraph below the title."""
        text = (
            f"The mean difference in bytes at equal {self.scale.label}; negative values mean smaller files."
            f" {self.scale.explanation}".rstrip()
        )
        if self.rates:
            text += f" The range is what the other codec reaches at {self.rates[0]:g} to {self.rates[1]:g} bits/pixel."
        return text
