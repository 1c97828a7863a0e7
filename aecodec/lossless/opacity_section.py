"""The content of the opacity section: one plane, coded without loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aecodec.images import opacity
from aecodec.lossless import planes

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pack(alpha: NDArray[Any], quality: int) -> bytes:
    """The bytes of opacity (height, width): uint8 at a quality of 1..100, or uint16 at 100; see `opacity.quantized`."""
    return planes.pack(opacity.quantized(alpha, quality)[..., None])


def unpack(content: bytes, size: tuple[int, int], bits: int) -> NDArray[Any]:
    """The opacity of a picture of `size` (height, width): uint8 or, of 16 bits, uint16. Raises AecError."""
    return planes.unpack(content, (*size, 1), np.uint8 if bits == 8 else np.uint16)[..., 0]
