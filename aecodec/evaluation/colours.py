"""Colour scales for numbers, readable by colour-blind people and in grayscale prints."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aecodec.sources.readers import Picture

# From light to dark in one hue; and two hues away from white, which nobody takes for one another.
ERROR: Final = ((255, 255, 255), (254, 217, 166), (240, 127, 40), (166, 54, 3), (70, 16, 0))
SIGNED: Final = (
    (178, 88, 6),
    (241, 163, 64),
    (254, 224, 182),
    (247, 247, 247),
    (209, 229, 240),
    (67, 147, 195),
    (5, 48, 97),
)


def coloured(values: NDArray[Any], scale: tuple[tuple[int, int, int], ...]) -> Picture:
    """Values (H, W) of 0..1, clipped, as colours (H, W, 3)."""
    anchors = np.array(scale, np.float64)
    at = np.clip(values, 0.0, 1.0) * (len(anchors) - 1)
    below = np.minimum(at.astype(np.intp), len(anchors) - 2)
    part = (at - below)[..., None]
    mixed: Picture = np.rint(anchors[below] * (1 - part) + anchors[below + 1] * part).astype(np.uint8)
    return mixed


def errors(original: Picture, decoded: Picture, most: int) -> Picture:
    """The largest error of each pixel's samples, (H, W, 3): white is none, the darkest brown `most` or more."""
    return coloured(difference(original, decoded) / most, ERROR)


def difference(original: Picture, decoded: Picture) -> NDArray[np.int16]:
    """The largest error of each pixel's samples, (H, W)."""
    found: NDArray[np.int16] = np.abs(original.astype(np.int16) - decoded)
    return found if found.ndim == 2 else np.maximum.reduce(found, axis=2)


def signed(values: NDArray[Any], most: float) -> Picture:
    """Numbers (H, W) of -most..most, clipped, as colours (H, W, 3): brown below 0, white at 0, blue above."""
    return coloured(0.5 + values / (2 * most) if most else np.full(values.shape, 0.5), SIGNED)


def strip(width: int, height: int, scale: tuple[tuple[int, int, int], ...]) -> Picture:
    """A scale from end to end (height, width, 3), for a legend."""
    return coloured(np.tile(np.linspace(0, 1, width), (height, 1)), scale)
