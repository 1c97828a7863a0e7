"""The payload of lossless and near-lossless files of a model: its samples, panel by panel.

    1 byte              in a near-lossless file: N, 1..255; no sample is off by more
    panels - 1 varints  lengths of the packed samples of all panels but the last
    the rest            packed samples, always with the packing rans

Only the picture itself is coded, not the canvas to which a lossy file grows it. The checksum of a panel covers the
header, its number if there are several, and its decoded samples; of it, the small form carries what
`aecodec.format.check` says.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from aecodec import packing
from aecodec.errors import InvalidValue, TruncatedFile
from aecodec.format import container, panels, payloads
from aecodec.format.panels import PanelGrid
from aecodec.format.payloads import Unpacker
from aecodec.models import causal_walk
from aecodec.models.causal import Coding
from aecodec.packing import Coded, joined, least_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aecodec.images.source import Picture

PACKING: Final = "rans"
MOST_ERROR: Final = 255


def head(max_error: int) -> bytes:
    """The bytes of a payload before those of panels."""
    return bytes([max_error]) if max_error else b""


def read_max_error(quality: int, payload: bytes) -> int:
    """The largest error of the samples of a file with this quality. Raises TruncatedFile, InvalidValue."""
    if quality == container.LOSSLESS:
        return 0
    if not payload:
        raise TruncatedFile("the file ends before its largest error")
    if not payload[0]:
        raise InvalidValue("the file states a largest error of 0, which needs no statement")
    return payload[0]


def split(payload: bytes, max_error: int, grid: PanelGrid, coded: int) -> list[bytes]:
    """The packed samples of each panel, of as many channels. Raises AecError."""
    packed = payload[len(head(max_error)) :]
    return panels.split(packed, grid, lambda box: least_bytes(PACKING, box.height * box.width * coded))


@dataclass(frozen=True)
class PackedSamples:
    """The packed samples of a picture or panel, and the value from which its checksum starts.

    is_small: whether they are those of a file in the small form.
    """

    packed: bytes
    seed: int
    is_small: bool = False


def pack(coding: Coding, stack: Picture, seeds: Sequence[int], small: Sequence[bool]) -> list[bytes]:
    """The packed samples of pictures, or panels, (S, H, W, channels), whose checksums start from `seeds`.

    small: which of them are for files in the small form.
    """
    made, decoded = coded(coding, stack)
    return payloads.pack(PACKING, coding.stage.tables, made, _checks(decoded, seeds), small)


def coded(coding: Coding, stack: Picture) -> tuple[Coded, NDArray[np.uint8]]:
    """What is packed of pictures, or panels, (S, H, W, channels), and their samples as a decoder finds them."""
    ordered = stack[..., list(coding.stage.shape.order)[: coding.coded]]
    return causal_walk.encode(coding, np.ascontiguousarray(ordered, np.uint8))


def unpack(coding: Coding, size: tuple[int, int], parts: Sequence[PackedSamples]) -> Picture:
    """The pictures, or panels, (S, H, W, channels) of a size (height, width). Raises AecError."""
    packed, small = [part.packed for part in parts], [part.is_small for part in parts]
    unpacker = Unpacker.of(PACKING, coding.stage.tables, packed, small, math.prod(size) * coding.coded)
    decoded = causal_walk.decode(coding, (len(parts), *size), unpacker.decoder)
    unpacker.finish(_checks(decoded, [part.seed for part in parts]))
    return of_model(coding, decoded)


def pack_joined(coding: Coding, stack: Picture) -> bytes:
    """The samples of pictures (S, H, W, channels) as one stream, which has one checksum: of all decoded samples."""
    made, decoded = coded(coding, stack)
    return joined.pack(PACKING, coding.stage.tables, made, zlib.crc32(decoded.tobytes()))


def unpack_joined(coding: Coding, size: tuple[int, int, int], payload: bytes) -> Picture:
    """The pictures (S, H, W, channels) of a size (S, H, W) that share a stream. Raises AecError."""
    elements = math.prod(size) * coding.coded
    decoder = packing.unpacker(PACKING, coding.stage.tables, [payload], elements, lanes=joined.LANES)
    decoded = causal_walk.decode(coding, size, decoder)
    decoder.finish([zlib.crc32(decoded.tobytes())])
    return of_model(coding, decoded)


def of_model(coding: Coding, decoded: NDArray[np.uint8]) -> Picture:
    """Decoded samples (S, H, W, coded), in the order of coding, as those of the model, (S, H, W, channels)."""
    made = np.empty((*decoded.shape[:3], coding.model.description.channels), np.uint8)
    made[..., list(coding.stage.shape.order)] = decoded  # a single channel is all of a gray picture's
    return made


def _checks(decoded: NDArray[np.uint8], seeds: Sequence[int]) -> list[int]:
    return [zlib.crc32(part.tobytes(), seed) for part, seed in zip(decoded, seeds, strict=True)]
