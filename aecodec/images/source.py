"""A picture as the encoder receives it, with samples, opacity and metadata; and limits on its size."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from aecodec.errors import InvalidValue, LimitExceeded, UnsupportedImage
from aecodec.images.metadata import Metadata

if TYPE_CHECKING:
    from typing import IO

    from numpy.typing import NDArray
    from PIL import Image

Picture: TypeAlias = "NDArray[Any]"
"""Samples: uint8, or uint16 where 16 bits are kept."""
ImageLike: TypeAlias = "Image.Image | NDArray[Any] | Source | str | os.PathLike[str] | IO[bytes]"
"""What `aecodec.encode` takes for a picture; see `images.loading.load`."""

MAX_PIXELS: Final = 1024**3 // 4 // 3
"""The most pixels that a file may declare unless the caller allows more: Pillow's own limit."""

_NARROWED: Final = "16-bit samples are rounded to 8 bits: use lossless or max_error to keep them"


@dataclass(frozen=True)
class Source:
    """A picture as the encoder receives it.

    samples: uint8 or uint16, (height, width) if gray, (height, width, 3) if RGB. alpha: opacity of the same type,
    (height, width), from 0 for transparent to the largest value for opaque, or None. notes: the conversions that were
    made, in a few words each.
    """

    samples: Picture
    alpha: Picture | None = None
    metadata: Metadata = Metadata()
    notes: tuple[str, ...] = ()

    def narrowed(self) -> Source:
        """The same picture with 8-bit samples."""
        if self.samples.dtype == np.uint8:
            return self
        alpha = None if self.alpha is None else eight_bits(self.alpha)
        return replace(self, samples=eight_bits(self.samples), alpha=alpha, notes=(*self.notes, _NARROWED))


def require_several(values: object) -> None:
    """Raise InvalidValue for a single picture or file, which would be iterated over character by character."""
    from PIL import Image

    if isinstance(values, str | bytes | bytearray | os.PathLike | Image.Image):
        raise InvalidValue(f"expected a sequence, not one {type(values).__name__}: put it into a list")


def require_within_limit(width: int, height: int, max_pixels: int | None) -> None:
    """Raise LimitExceeded if width * height > max_pixels (None: no limit). Call it before any allocation."""
    if max_pixels is not None and width * height > max_pixels:
        raise LimitExceeded(
            f"the picture has {width}x{height} pixels, over the limit of {max_pixels}:"
            " raise it (max_pixels, --max-pixels) if you trust the file"
        )


def require_pixels(width: int, height: int) -> None:
    """Raise UnsupportedImage for a picture without pixels."""
    if width == 0 or height == 0:
        raise UnsupportedImage(f"a picture needs at least one pixel, and this one is {width}x{height}")


def eight_bits(samples: NDArray[Any]) -> Picture:
    """Samples 0..65535 rounded to 0..255, where 255 stands for 65535."""
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def joined(samples: Picture, alpha: Picture | None) -> Picture:
    """Samples (height, width) or (height, width, 3), with opacity, if any, as the last channel."""
    return samples if alpha is None else np.dstack([samples, alpha])
