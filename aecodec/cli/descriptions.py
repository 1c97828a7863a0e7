"""Descriptions of .aec files in words."""

from __future__ import annotations

from typing import Final

import aecodec
from aecodec.cli.file_pairs import FilePair
from aecodec.cli.progress import readable_bytes
from aecodec.images.metadata import Metadata
from aecodec.images.source import Picture

_MODE_NAMES: Final = {"L": "gray", "LA": "gray with alpha", "RGB": "RGB", "RGBA": "RGBA", "I;16": "gray"}


def describe_compression(pair: FilePair, input_bytes: int, encoded: bytes) -> str:
    """Return one line about an .aec file that was written; input_bytes: the size of the picture file."""
    info = aecodec.inspect(encoded)
    shares = f"{info.file_bytes / raw_bytes(info):.1%} of raw, {info.file_bytes / input_bytes:.1%} of input"
    coding = f"{info.bits_per_pixel:.2f} bpp, {info.model}{describe_error_bound(info)}"
    return f"{pair.target_name}: {readable_bytes(info.file_bytes)}, {shares}, {coding}"


def describe_decompression(pair: FilePair, encoded: bytes, picture: Picture, written_bytes: int) -> str:
    """Return one line about a picture file of so many bytes that was written."""
    info = aecodec.inspect(encoded)
    size = f"{picture.shape[1]}x{picture.shape[0]} {describe_mode(info)}, {readable_bytes(written_bytes)}"
    source = f"{readable_bytes(info.file_bytes)}, {info.model}{describe_error_bound(info)}"
    return f"{pair.target_name}: {size}, from {pair.source_name} ({source})"


def raw_bytes(info: aecodec.Info) -> int:
    """Return the bytes that the samples of a picture take without any compression."""
    channels = 1 if info.mode == "I;16" else len(info.mode)
    return info.width * info.height * channels * info.bits // 8


def metadata_sizes(metadata: Metadata) -> dict[str, int]:
    """Return the bytes, unpacked, of each kind of metadata that is there, but for the resolution."""
    found = {"ICC": metadata.icc, "EXIF": metadata.exif, "XMP": metadata.xmp}
    return {name: len(data) for name, data in found.items() if data}


def describe_metadata(metadata: Metadata) -> str:
    """Return what metadata there is and how large each part is, or "none"."""
    parts = [f"{name} {size:,} bytes" for name, size in metadata_sizes(metadata).items()]
    if metadata.dpi is not None:
        x, y = metadata.dpi
        parts.append(f"{x:g} dpi" if x == y else f"{x:g} x {y:g} dpi")
    return ", ".join(parts) or "none"


def describe_mode(info: aecodec.Info) -> str:
    """Return the kind of picture that a file holds."""
    return ("16-bit " if info.bits == 16 else "") + _MODE_NAMES.get(info.mode, info.mode)


def describe_error_bound(info: aecodec.Info) -> str:
    """Return the largest error that a file promises, after a comma; an empty string if it promises none."""
    if info.max_error is None:
        return ""
    return f", max error {info.max_error}" if info.max_error else ", lossless"
