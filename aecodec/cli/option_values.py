"""Option values: functions that read them from text, for click's `type`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from aecodec.images.regions import Region

_BYTES_PER_UNIT: Final = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3}


def whole_number(low: int, high: int | None = None) -> Callable[[str | int], int]:
    """Whole numbers in low..high. Unlike with `click.IntRange`, only the help text of the option gives the range."""
    numbers: Any = click.IntRange(low, high)  # its type differs between releases of click
    return lambda text: int(numbers.convert(text, None, None))


def number_list(low: int, high: int) -> Callable[[str], tuple[int, ...]]:
    """Comma-separated whole numbers in low..high, without duplicates."""

    def read(text: str) -> tuple[int, ...]:
        parts = [part.strip() for part in text.split(",")]
        if not all(part.isdecimal() and low <= int(part) <= high for part in parts):
            raise click.BadParameter(f"{text!r} is not a comma-separated list of whole numbers from {low} to {high}")
        return tuple(dict.fromkeys(map(int, parts)))

    return read


def name_list(names: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """Comma-separated names, without duplicates."""

    def read(text: str) -> tuple[str, ...]:
        parts = [part.strip() for part in text.split(",")]
        unknown = [part for part in parts if part not in names]
        if unknown:
            raise click.BadParameter(f"{unknown[0]!r} is not one of {', '.join(names)}")
        return tuple(dict.fromkeys(parts))

    return read


def psnr_list(text: str) -> tuple[float, ...]:
    """Comma-separated PSNRs in dB, above 0 and below 100."""
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or not all(0 < psnr < 100 for psnr in found):
        raise click.BadParameter(f"{text!r} is not a comma-separated list of PSNRs in dB")
    return found


def rate_range(text: str) -> tuple[float, float]:
    """LOW:HIGH, two rates in bits per pixel."""
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        low = high = 0.0
    if not 0 < low < high < 1000:
        raise click.BadParameter(f"{text!r} is not a range of bits per pixel such as 0.3:1.5")
    return low, high


def file_size(text: str) -> int:
    """A number of bytes, 1 or more; a suffix k, M or G, with or without a B, stands for powers of 1000."""
    found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+) ?([kmg]?)b?", text.strip(), re.IGNORECASE)
    size = int(float(found[1]) * _BYTES_PER_UNIT[found[2].lower()]) if found else 0
    if size < 1:
        raise click.BadParameter(f"{text!r} is not a file size such as 900, 2k, 1.5KB or 1M")
    return size


def tile_size(text: str) -> tuple[int, int]:
    """The (height, width) that N, for squares, or WxH stands for."""
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and (height or width).isdecimal() and int(width) and int(height or width)):
        raise click.BadParameter(f"{text!r} is not a tile size such as 32 or 28x28")
    return int(height or width), int(width)


def region(text: str) -> Region:
    """X,Y,W,H in pixels: (left, top, width, height)."""
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise click.BadParameter(f"{text!r} is not of the form X,Y,W,H: left, top, width and height in pixels")
    x, y, width, height = map(int, parts)
    return x, y, width, height


def rival_names(text: str) -> tuple[str, ...]:
    """Comma-separated names of rivals, `all` for the usual ones, or `none`."""
    from aecodec.evaluation.rivals import BY_NAME, RIVALS

    if text == "all":
        return tuple(RIVALS)
    names = tuple(name for name in text.split(",") if name not in ("", "none"))
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is not one of {', '.join(BY_NAME)}")
    return names
