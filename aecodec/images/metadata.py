"""Metadata of a picture: colour profile, EXIF, XMP and resolution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from aecodec.images.exif import PREFIX

MAX_BYTES: Final = 1 << 24
"""The most bytes that profile, EXIF and XMP of a file may have together, unpacked."""

PER_INCH: Final = 1000
_MOST: Final = (1 << 32) - 1


@dataclass(frozen=True)
class Metadata:
    """icc: an ICC profile. exif: a TIFF structure without prefix. xmp: an XML packet. dpi: (x, y), pixels per inch."""

    icc: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None

    def info(self) -> dict[str, Any]:
        """The metadata under Pillow's names, as in `image.info`."""
        found = {"icc_profile": self.icc, "exif": PREFIX + self.exif if self.exif else b"", "xmp": self.xmp}
        return {key: value for key, value in (*found.items(), ("dpi", self.dpi)) if value}


def resolution(dpi: Any) -> tuple[float, float] | None:
    """A resolution (x, y) in pixels per inch, or None if it is not one that the format can hold."""
    try:
        x, y = float(dpi[0]), float(dpi[1])
    except (TypeError, ValueError, IndexError, KeyError, ZeroDivisionError, OverflowError):
        return None
    if not (math.isfinite(x) and math.isfinite(y)) or not all(1 <= n <= _MOST for n in thousandths((x, y))):
        return None
    return x, y


def thousandths(dpi: tuple[float, float]) -> tuple[int, int]:
    """A resolution in thousandths of a pixel per inch, as files store it."""
    return round(dpi[0] * PER_INCH), round(dpi[1] * PER_INCH)
