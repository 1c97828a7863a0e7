"""Pictures in and out: what an array or a Pillow image is as samples, opacity and metadata, and how large one may be.

Nothing is lost in silence: what is converted is said in a warning, and what cannot be is refused.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from PIL import Image

from aecodec.errors import AecWarning, LimitExceeded, UnsupportedImage
from aecodec.images.metadata import Metadata

if TYPE_CHECKING:
    from numpy.typing import NDArray

Picture: TypeAlias = "NDArray[Any]"
"""uint8; or uint16 where samples of 16 bits are kept."""

MAX_PIXELS: Final = 1024**3 // 4 // 3
"""The most pixels that a file may declare unless the caller allows more: Pillow's own limit."""

_NARROWED: Final = "samples of 16 bits are rounded to 8, which lossless and max_error do not"
_SHAPES: Final = "(height, width), or (height, width, channels) with 1 to 4 channels"


@dataclass(frozen=True)
class Source:
    """A picture as the encoder takes it.

    samples: uint8 or uint16, (height, width) if it is gray, (height, width, 3) if it is RGB. alpha: of the same type,
    (height, width), from 0, transparent, to the largest value, opaque, or None where the picture has no such channel.
    notes: what was converted, in a few words each.
    """

    samples: Picture
    alpha: Picture | None = None
    metadata: Metadata = Metadata()
    notes: tuple[str, ...] = ()

    def narrowed(self) -> Source:
        """The same in 8 bits a sample."""
        if self.samples.dtype == np.uint8:
            return self
        alpha = None if self.alpha is None else eight_bits(self.alpha)
        return replace(self, samples=eight_bits(self.samples), alpha=alpha, notes=(*self.notes, _NARROWED))


def load(image: Any, *, wide: bool = False) -> Source:
    """A picture that is given as a Pillow image, as an array, or as a Source already; wide: with samples of 16 bits.

    An array has uint8 or uint16 samples and the shape (height, width), or (height, width, channels) with 1 channel
    (gray), 2 (gray, opacity), 3 (RGB) or 4 (RGB, opacity); it is not copied, but where samples of 16 bits are rounded
    to 8. For Pillow images see `aecodec.images.pillow_modes.read`.

    Raises UnsupportedImage for other dtypes, shapes and modes, and for pictures without pixels.
    """
    if isinstance(image, Source):
        source = image
    elif isinstance(image, Image.Image):
        from aecodec.images import pillow_modes

        source = pillow_modes.read(image)
    else:
        source = _load_array(image)
    return source if wide else source.narrowed()


def require_within_limit(width: int, height: int, max_pixels: int | None) -> None:
    """Raises LimitExceeded if width * height > max_pixels (None: no limit). Call it before any allocation."""
    if max_pixels is not None and width * height > max_pixels:
        raise LimitExceeded(
            f"the picture is {width}x{height} pixels and the limit is {max_pixels} in all:"
            " raise it (max_pixels, --max-pixels) if you trust the source"
        )


def require_pixels(width: int, height: int) -> None:
    if width == 0 or height == 0:
        raise UnsupportedImage(f"a picture needs at least one pixel, and this one is {width}x{height}")


def eight_bits(samples: NDArray[Any]) -> Picture:
    """Samples 0..65535 as the nearest of 0..255 (255 stands for 65535)."""
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def joined(samples: Picture, alpha: Picture | None) -> Picture:
    """Samples (height, width) or (height, width, 3), with opacity as a last channel where there is any."""
    return samples if alpha is None else np.dstack([samples, alpha])


def to_pillow(picture: Picture, metadata: Metadata) -> Image.Image:
    """A Pillow image of mode L, LA, RGB, RGBA or I;16, with the metadata in its `info`."""
    if picture.dtype == np.uint16 and picture.ndim == 3:
        picture = eight_bits(picture)
        warn(("samples of 16 bits are rounded to 8: Pillow holds no more of them than gray without opacity",))
    image = Image.fromarray(picture)
    image.info.update(metadata.info())
    return image


def warn(notes: tuple[str, ...]) -> None:
    """Say what was converted, in one AecWarning at the caller's line."""
    if notes:
        level, frame = 1, sys._getframe()
        while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "aecodec":
            level, frame = level + 1, frame.f_back
        warnings.warn("; ".join(notes), AecWarning, stacklevel=level)


def _load_array(image: Any) -> Source:
    if not hasattr(image, "__array__"):
        raise UnsupportedImage(f"expected a Pillow image or a uint8 array, not {type(image).__name__}")
    samples = np.asarray(image)
    if samples.dtype not in (np.uint8, np.uint16):
        raise UnsupportedImage(f"expected uint8 samples (0..255), not {samples.dtype}: scale and convert the array")
    if not (samples.ndim == 2 or (samples.ndim == 3 and 1 <= samples.shape[2] <= 4)):
        raise UnsupportedImage(f"expected the shape {_SHAPES}, not {samples.shape}")
    require_pixels(samples.shape[1], samples.shape[0])
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    if samples.ndim == 2:
        return Source(samples)
    channels = samples.shape[2]
    alpha = samples[..., -1] if channels in (2, 4) else None
    return Source(samples[..., 0] if channels <= 2 else samples[..., :3], alpha)
