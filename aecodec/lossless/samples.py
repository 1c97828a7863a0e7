"""The payload of lossless and near-lossless files of a model: its samples, panel by panel.

    1 byte              in a near-lossless file: N, 1..255; no sample is off by more
    panels - 1 varints  lengths of the packed samples of all panels but the last
    the rest            packed samples, always with the packing rans

Only the picture itself is coded, not the canvas to which a lossy file grows it. The checksum of a panel covers the
header, its number if there are several, and its decoded samples.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from aecodec import packing
from aecodec.errors import InvalidValue, TruncatedFile
from aecodec.format import container, panels
from aecodec.format.panels import PanelGrid
from aecodec.models import causal_walk
from aecodec.models.causal import Coding
from aecodec.packing import least_bytes

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
    boxes = [grid.box(index) for index in range(grid.count)]
    least = [least_bytes(PACKING, box.height * box.width * coded) for box in boxes]
    return panels.split(payload[len(head(max_error)) :], least)


def pack(coding: Coding, stack: Picture, seeds: Sequence[int]) -> list[bytes]:
    """The packed samples of pictures, or panels, (S, H, W, channels), whose checksums start from `seeds`."""
    ordered = stack[..., _order(coding)]
    made = causal_walk.encode(coding, np.ascontiguousarray(ordered, np.uint8))
    checks = _checks(made.decoded, seeds)
    return packing.pack(PACKING, coding.stage.tables, made.residuals, made.classes, checks)


def unpack(coding: Coding, size: tuple[int, int], parts: Sequence[bytes], seeds: Sequence[int]) -> Picture:
    """The pictures, or panels, (S, H, W, channels), from their packed samples. Raises AecError."""
    elements = size[0] * size[1] * coding.coded
    decoder = packing.unpacker(PACKING, coding.stage.tables, parts, elements)
    decoded = causal_walk.decode(coding, (len(parts), *size), decoder)
    decoder.finish(_checks(decoded, seeds))
    channels = coding.model.description.channels
    made = np.empty((*decoded.shape[:3], channels), np.uint8)
    made[..., list(coding.stage.shape.order)] = decoded  # a single channel is all of a gray picture's
    return made


def _order(coding: Coding) -> list[int]:
    return list(coding.stage.shape.order)[: coding.coded]


def _checks(decoded: NDArray[np.uint8], seeds: Sequence[int]) -> list[int]:
    return [zlib.crc32(part.tobytes(), seed) for part, seed in zip(decoded, seeds, strict=True)]
