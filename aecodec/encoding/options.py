"""What a caller can want of a file: a quality, a size, or a promise about the decoded picture; one of them."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Final

from aecodec.errors import InvalidValue

LEAST_QUALITY: Final = 1
MOST_QUALITY: Final = 100
DEFAULT_QUALITY: Final = 75
MOST_EFFORT: Final = 9
DEFAULT_EFFORT: Final = 3
MOST_ERROR: Final = (1 << 16) - 1  # of a sample of 16 bits


@dataclass(frozen=True)
class Wanted:
    """Exactly one of these is not None.

    quality: 1..100. max_bytes: of the whole file, 1 or more. min_psnr: in dB, of samples of 8 bits. min_ssim: up to 1.
    max_error: how far a sample may be off, 0..65535; 0 is lossless.
    """

    quality: int | None = None
    max_bytes: int | None = None
    min_psnr: float | None = None
    min_ssim: float | None = None
    max_error: int | None = None

    @classmethod
    def of(
        cls,
        quality: int | None,
        max_bytes: int | None,
        min_psnr: float | None,
        min_ssim: float | None,
        max_error: int | None,
        lossless: bool,
    ) -> Wanted:
        """What the arguments of `aecodec.encode` mean. Raises InvalidValue where they say two things, or nonsense."""
        given = {
            "quality": quality,
            "max_bytes": max_bytes,
            "min_psnr": min_psnr,
            "min_ssim": min_ssim,
            "max_error": max_error,
            "lossless": lossless or None,
        }
        named = [name for name, value in given.items() if value is not None]
        if len(named) > 1:
            raise InvalidValue(f"{named[0]} and {named[1]} exclude each other: a file can be asked for one of them")
        if lossless:
            return cls(max_error=0)
        if max_error is not None:
            return cls(max_error=whole("max_error", max_error, 0, MOST_ERROR))
        if max_bytes is not None:
            return cls(max_bytes=whole("max_bytes", max_bytes, 1, (1 << 63) - 1))
        if min_psnr is not None:
            return cls(min_psnr=_real("min_psnr", min_psnr, 0.0, math.inf))
        if min_ssim is not None:
            return cls(min_ssim=_real("min_ssim", min_ssim, -1.0, 1.0))
        quality = DEFAULT_QUALITY if quality is None else quality
        return cls(quality=whole("quality", quality, LEAST_QUALITY, MOST_QUALITY))

    @property
    def bounded(self) -> bool:
        """Whether every sample is promised, opacity and samples of 16 bits included."""
        return self.max_error is not None


def whole(name: str, value: int, low: int, high: int) -> int:
    """An argument that is a whole number within a range. Raises InvalidValue."""
    try:
        found = low - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        found = low - 1
    if not low <= found <= high:
        limits = f"from {low} to {high}" if high < 1 << 62 else f"of {low} or more"
        raise InvalidValue(f"{name} must be a whole number {limits}, not {value!r}")
    return found


def _real(name: str, value: float, low: float, high: float) -> float:
    try:
        found = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not (low <= found <= high and math.isfinite(found)):
        limits = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of {low:g} or more"
        raise InvalidValue(f"{name} must be a number {limits}, not {value!r}")
    return found
