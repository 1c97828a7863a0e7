"""Pictures in: what an array or a Pillow image is as samples, opacity and metadata.

Nothing is lost in silence: what is converted is said in a warning, and what cannot be converted is refused.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from aecodec import urls
from aecodec.errors import LimitExceeded, UnsupportedImage
from aecodec.images import pillow_images
from aecodec.images.source import Source, require_pixels, require_within_limit

_LIMIT: Final = threading.Lock()  # while Pillow's limit, which is that of the whole process, is another
_SHAPES: Final = "(height, width), or (height, width, channels) with 1 to 4 channels"


def load(image: Any, *, wide: bool = False, max_pixels: int | None = None) -> Source:
    """A picture given as a Pillow image, an array, a Source, or the path, the URL or the file object of a picture file.

    Arrays have uint8 or uint16 samples of any byte order, or bool ones (False is black, True white), and the shape
    (height, width), or (height, width, channels) with 1 channel (gray), 2 (gray, opacity), 3 (RGB) or 4 (RGB, opacity).
    They are copied only where their samples change. Files are opened by Pillow, whose images are read by
    `aecodec.images.pillow_images.read`. wide: keep 16-bit samples, which are rounded to 8 otherwise, and refuse what
    would be rounded to integers. max_pixels: the most that a file may declare, in place of Pillow's own limit, which is
    changed meanwhile for the whole process; None leaves it alone.

    Raises UnsupportedImage for other dtypes, shapes and modes, for damaged pictures and those without pixels;
    LimitExceeded; OSError where a file cannot be read.
    """
    if isinstance(image, Source):
        source = image
    elif isinstance(image, Image.Image):
        source = pillow_images.read(image, exact=wide)
    elif urls.is_url(image):
        with urls.open_url(image) as file:
            source = _load_file(file, max_pixels, exact=wide)
    elif isinstance(image, str | os.PathLike) or hasattr(image, "read"):
        source = _load_file(image, max_pixels, exact=wide)
    else:
        source = _load_array(image)
    return source if wide else source.narrowed()


def _load_file(file: Any, max_pixels: int | None, *, exact: bool) -> Source:
    try:
        with pillow_images.decoding_errors(), _pillow_limit(max_pixels), Image.open(file) as opened:
            require_within_limit(opened.width, opened.height, max_pixels)
            return pillow_images.read(opened, exact=exact)
    except UnsupportedImage as error:
        # What these say by themselves is of use to a programmer only.
        if isinstance(error.__cause__, UnicodeDecodeError):
            raise UnsupportedImage("expected a picture file that was opened in binary mode") from error
        if isinstance(error.__cause__, UnidentifiedImageError):
            raise UnsupportedImage("this is not a picture in a format that Pillow reads") from error
        raise


@contextmanager
def _pillow_limit(max_pixels: int | None) -> Iterator[None]:
    """Let Pillow accept as many pixels, in the whole process: some plugins decode before they report a size."""
    with _LIMIT if max_pixels is not None else nullcontext():
        before = Image.MAX_IMAGE_PIXELS
        if max_pixels is not None:
            Image.MAX_IMAGE_PIXELS = max_pixels
        try:
            yield
        except Image.DecompressionBombError as error:
            limit = f"the limit of {max_pixels} pixels (--max-pixels)"
            limit = f"Pillow's limit: {error}" if max_pixels is None else limit
            raise LimitExceeded(f"the picture is over {limit}") from error
        finally:
            if max_pixels is not None:
                Image.MAX_IMAGE_PIXELS = before


def _load_array(image: Any) -> Source:
    if not hasattr(image, "__array__"):
        raise UnsupportedImage(f"expected a Pillow image, a uint8 array or a picture file, not {type(image).__name__}")
    samples = np.asarray(image)
    if samples.dtype == np.bool_:
        samples = samples * np.uint8(255)
    native = samples.dtype.newbyteorder("=")
    if native not in (np.uint8, np.uint16):
        raise UnsupportedImage(
            f"expected uint8, uint16 or bool samples, not {samples.dtype}: scale to 0..255, round, and convert it"
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
