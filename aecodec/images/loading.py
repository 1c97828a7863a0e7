"""Pictures in: what an array or a Pillow image is as samples, opacity and metadata.

Nothing is lost in silence: what is converted is said in a warning, and what cannot be converted is refused.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from PIL import Image

from aecodec.errors import UnsupportedImage
from aecodec.images import pillow_images
from aecodec.images.source import Source, require_pixels

_SHAPES: Final = "(height, width), or (height, width, channels) with 1 to 4 channels"


def load(image: Any, *, wide: bool = False) -> Source:
    """A picture that is given as a Pillow image, as an array, or as a Source already; wide: with samples of 16 bits.

    An array has uint8 or uint16 samples and the shape (height, width), or (height, width, channels) with 1 channel
    (gray), 2 (gray, opacity), 3 (RGB) or 4 (RGB, opacity); it is not copied, but where samples of 16 bits are rounded
    to 8. For Pillow images see `aecodec.images.pillow_images.read`.

    Raises UnsupportedImage for other dtypes, shapes and modes, and for pictures without pixels.
    """
    if isinstance(image, Source):
        source = image
    elif isinstance(image, Image.Image):
        source = pillow_images.read(image)
    else:
        source = _load_array(image)
    return source if wide else source.narrowed()


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
