"""Descriptions of .aec files in words."""

from __future__ import annotations

from typing import Final

import aecodec
from aecodec.cli.file_pairs import FilePair

_MODE_NAMES: Final = {"L": "gray", "LA": "gray with alpha", "RGB": "RGB", "RGBA": "RGBA", "I;16": "gray"}


def describe_conversion(pair: FilePair, encoded: bytes) -> str:
    """Return one line about an .aec file that was written or read."""
    info = aecodec.inspect(encoded)
    picture = f"{info.width}x{info.height} {describe_mode(info)}"
    size = f"{info.file_bytes} bytes ({info.bits_per_pixel:.2f} bits per pixel)"
    return f"{pair.source_name} -> {pair.target_name}: {picture}, {info.model}{describe_error_bound(info)}, {size}"


def describe_mode(info: aecodec.Info) -> str:
    """Return the kind of picture that a file holds."""
    return _MODE_NAMES.get(info.mode, info.mode) + (" of 16 bits" if info.bits == 16 else "")


def describe_error_bound(info: aecodec.Info) -> str:
    """Return the largest error that a file promises, after a comma; an empty string if it promises none."""
    if info.max_error is None:
        return ""
    return f", off by {info.max_error} at most" if info.max_error else ", lossless"
