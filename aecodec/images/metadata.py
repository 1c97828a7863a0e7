"""What a picture says beside its pixels: colour profile, EXIF, XMP and resolution."""

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
    """icc: an ICC profile. exif: a TIFF structure without prefix. xmp: an XML packet. dpi: pixels per inch, (x, y)."""

    icc: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None

    def info(self) -> dict[str, Any]:
        """Under the names that Pillow gives these things in `image.info`."""
        found = {"icc_profile": self.icc, "exif": PREFIX + self.exif if self.exif else b"", "xmp": self.xmp}
        return {key: value for key, value in (*found.items(), ("dpi", self.dpi)) if value}


def resolution(dpi: Any) -> tuple[float, float] | None:
    """Pixels per inch (x, y) as the format can hold them; None for what is no resolution."""
    try:
        x, y = float(dpi[0]), float(dpi[1])
    except (TypeError, ValueError, IndexError, KeyError, ZeroDivisionError, OverflowError):
        return None
    if not (math.isfinite(x) and math.isfinite(y)) or not all(1 <= n <= _MOST for n in thousandths((x, y))):
        return None
    return x, y


def thousandths(dpi: tuple[float, float]) -> tuple[int, int]:
    return round(dpi[0] * PER_INCH), round(dpi[1] * PER_INCH)
