"""Encoder options: the rate target, and how to encode. Parsed here for Python, Pillow and `aec`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from aecodec.engines import DEFAULT_ENGINE, require_known
from aecodec.errors import InvalidValue
from aecodec.format.container import PACKINGS, Packing
from aecodec.format.panels import Progress
from aecodec.images.arguments import integer
from aecodec.images.opacity import ALPHA_LOSSLESS

LEAST_QUALITY: Final = 1
MOST_QUALITY: Final = 100
DEFAULT_QUALITY: Final = 75
MOST_EFFORT: Final = 9
DEFAULT_EFFORT: Final = 1  # from there on a second of encoding saves few bytes: docs/native.md
MOST_ERROR: Final = (1 << 16) - 1  # of a sample of 16 bits
AUTO: Final = "auto"
PSNR: Final = "psnr"
SSIM: Final = "ssim"
TUNE_NAMES: Final = (PSNR, SSIM)  # what lossy files are tuned for: encoding/tuning.py
DEFAULT_TUNE: Final = PSNR


@dataclass(frozen=True)
class RateTarget:
    """The size or fidelity that a file has to reach; exactly one field is not None.

    quality: 1..100. max_bytes: maximum size of the whole file, 1 or more. min_psnr: minimum PSNR in dB, of 8-bit
    samples. min_ssim: minimum mean SSIM, up to 1. max_error: largest absolute error of any sample, 0..65535; 0 is
    lossless.
    """

    quality: int | None = None
    max_bytes: int | None = None
    min_psnr: float | None = None
    min_ssim: float | None = None
    max_error: int | None = None

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> RateTarget:
        """The target given by keyword arguments of `aecodec.encode`; quality 75 if there is none.

        given: any of the fields' names, and "lossless"; other names are ignored. Raises InvalidValue for two targets
        at once and for values out of range.
        """
        named = [name for name in TARGET_NAMES if given.get(name) is not None]
        if not given.get("lossless"):
            named = [name for name in named if name != "lossless"]
        if len(named) > 1:
            raise InvalidValue(f"{named[0]} and {named[1]} cannot be combined: choose one rate target")
        name = named[0] if named else "quality"
        value = given[name] if named else DEFAULT_QUALITY
        match name:
            case "lossless":
                return cls(max_error=0)
            case "max_error":
                return cls(max_error=whole_number(name, value, 0, MOST_ERROR))
            case "max_bytes":
                return cls(max_bytes=whole_number(name, value, 1, (1 << 63) - 1))
            case "min_psnr":
                return cls(min_psnr=_real_number(name, value, 0.0, math.inf))
            case "min_ssim":
                return cls(min_ssim=_real_number(name, value, -1.0, 1.0))
            case _:
                return cls(quality=whole_number("quality", value, LEAST_QUALITY, MOST_QUALITY))

    @property
    def bounds_error(self) -> bool:
        """Whether the file guarantees a largest error, for opacity and 16-bit samples too."""
        return self.max_error is not None


TARGET_NAMES: Final = (*(field.name for field in fields(RateTarget)), "lossless")


@dataclass(frozen=True)
class EncodeOptions:
    """The checked options of `aecodec.encode`. The fields are its keyword arguments; see there."""

    target: RateTarget = RateTarget(quality=DEFAULT_QUALITY)
    model: str = AUTO
    effort: int = DEFAULT_EFFORT
    tune: str = DEFAULT_TUNE
    packing: str = AUTO
    engine: str = DEFAULT_ENGINE
    strip: bool = False
    alpha_quality: int = ALPHA_LOSSLESS
    exact_transparent: bool = False
    progress: Progress | None = None

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> EncodeOptions:
        """The options given by keyword arguments of `aecodec.encode`. Raises InvalidValue, and TypeError for others."""
        own = {name: value for name, value in given.items() if name not in TARGET_NAMES}
        options = cls(target=RateTarget.parse(given), **own)
        effort = whole_number("effort", options.effort, 0, MOST_EFFORT)
        alpha_quality = whole_number("alpha_quality", options.alpha_quality, 1, ALPHA_LOSSLESS)
        options = replace(options, effort=effort, alpha_quality=alpha_quality)
        if options.target.bounds_error and options.alpha_quality != ALPHA_LOSSLESS:
            raise InvalidValue("an alpha_quality below 100 contradicts lossless and max_error: leave it out")
        if options.tune not in TUNE_NAMES:
            raise InvalidValue(f"tune must be {' or '.join(TUNE_NAMES)}, not {options.tune}")
        if options.target.bounds_error and options.tune != DEFAULT_TUNE:
            raise InvalidValue(f"tune={options.tune} contradicts lossless and max_error: leave it out")
        require_known(options.engine)
        if not isinstance(options.model, str):
            raise InvalidValue(f"model must be a name, not {type(options.model).__name__}")
        if options.packing not in (AUTO, *PACKINGS):
            raise InvalidValue(f"packing must be {AUTO}, {' or '.join(PACKINGS)}, not {options.packing}")
        return options

    @property
    def allows_plain(self) -> bool:
        """Whether a plain file may be written whenever it is smaller: neither model nor packing is fixed."""
        return self.model == self.packing == AUTO

    @property
    def packings(self) -> tuple[Packing, ...]:
        """The packings to try, in the order of `format.container.PACKINGS`, with the fastest to decode last."""
        return tuple(name for name in PACKINGS if self.packing in (AUTO, name))


def whole_number(name: str, value: Any, low: int, high: int) -> int:
    """The value of an argument that must be a whole number in low..high. Raises InvalidValue."""
    found = integer(value)
    if found is None or not low <= found <= high:
        limits = f"from {low} to {high}" if high < 1 << 62 else f"of {low} or more"
        raise InvalidValue(f"{name} must be a whole number {limits}, not {value!r}")
    return found


def _real_number(name: str, value: Any, low: float, high: float) -> float:
    try:
        found = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not (low <= found <= high and math.isfinite(found)):
        limits = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of {low:g} or more"
        raise InvalidValue(f"{name} must be a number {limits}, not {value!r}")
    return found
