"""Pictures in: what an array or a Pillow image is as samples, opacity and metadata.

Nothing is lost in silence: what is converted is said in a warning, and what cannot be converted is refused.
"""

from __future__ import annotations

import os
from typing import Any, Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from aecodec.errors import LimitExceeded, UnsupportedImage
from aecodec.images import pillow_images
from aecodec.images.source import Source, require_pixels

_SHAPES: Final = "(height, width), or (height, width, channels) with 1 to 4 channels"


def load(image: Any, *, wide: bool = False) -> Source:
    """A picture given as a Pillow image, an array, a Source, or the path or the file object of a picture file.

    Arrays have uint8 or uint16 samples of any byte order, or bool ones (False is black, True white), and the shape
    (height, width), or (height, width, channels) with 1 channel (gray), 2 (gray, opacity), 3 (RGB) or 4 (RGB, opacity).
    They are copied only where their samples change. Files are opened by Pillow, whose images are read by
    `aecodec.images.pillow_images.read`. wide: keep 16-bit samples, which are rounded to 8 otherwise, and refuse what
    would be rounded to integers.

    Raises UnsupportedImage for other dtypes, shapes and modes, for damaged pictures and those without pixels; OSError
    where a file cannot be read.
    """
    if isinstance(image, Source):
        source = image
    elif isinstance(image, Image.Image):
        source = pillow_images.read(image, exact=wide)
    elif isinstance(image, str | os.PathLike) or hasattr(image, "read"):
        source = _load_file(image, exact=wide)
    else:
        source = _load_array(image)
    return source if wide else source.narrowed()


def _load_file(file: Any, *, exact: bool) -> Source:
    try:
        with Image.open(file) as opened:
            return pillow_images.read(opened, exact=exact)
    except Image.DecompressionBombError as error:
        raise LimitExceeded(f"the picture is over Pillow's limit: {error}") from error
    except UnicodeDecodeError as error:
        raise UnsupportedImage("expected a picture file that was opened in binary mode") from error
    except UnidentifiedImageError as error:
        raise UnsupportedImage(f"this is not a picture that Pillow can read: {error}") from error


def _load_array(image: Any) -> Source:
    if not hasattr(image, "__array__"):
        raise UnsupportedImage(f"expected a Pillow image, a uint8 array or a picture file, not {type(image).__name__}")
    samples = np.asarray(image)
    if samples.dtype == np.bool_:
        samples = samples * np.uint8(255)
    native = samples.dtype.newbyteorder("=")
    if native not in (np.uint8, np.uint16):
        raise UnsupportedImage(
            f"expected uint8 samples (0..255), not {samples.dtype}: scale to 0..255, round, and convert the array"
        )
    if not (samples.ndim == 2 or (samples.ndim == 3 and 1 <= samples.shape[2] <= 4)):
        raise UnsupportedImage(f"expected the shape {_SHAPES}, not {samples.shape}")
    require_pixels(samples.shape[1], samples.shape[0])
    samples = samples.astype(native, copy=False)
    if samples.ndim == 2:
        return Source(samples)
    channels = samples.shape[2]
    alpha = samples[..., -1] if channels in (2, 4) else None
    return Source(samples[..., 0] if channels <= 2 else samples[..., :3], alpha)
