"""Arrays and Pillow images in, arrays out: which pictures can be encoded, and how large one may be.

Nothing is lost in silence: what 8-bit gray or RGB cannot hold is refused with the call that would convert it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from PIL import Image

from aecodec.errors import LimitExceeded, UnsupportedImage

if TYPE_CHECKING:
    from numpy.typing import NDArray

Picture: TypeAlias = "NDArray[np.uint8]"

MAX_PIXELS: Final = 1024**3 // 4 // 3
"""The most pixels that a file may declare unless the caller allows more: Pillow's own limit."""

_ORIENTATION_TAG: Final = 0x0112
_UPRIGHT: Final = 1
_GRAY_MODES: Final = frozenset({"1", "L", "LA", "La"})
_COLOUR_MODES: Final = frozenset({"P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"})


def load(image: NDArray[np.uint8] | Image.Image) -> NDArray[np.uint8]:
    """The samples of a picture: uint8, (height, width) if it is gray, (height, width, 3) if it is RGB.

    An array must have that dtype and one of these shapes already, and is not copied. A Pillow image is turned
    upright by its EXIF orientation; opaque alpha is dropped; CMYK, YCbCr, HSV and palettes become RGB, and
    palettes of grays become gray.

    Raises UnsupportedImage for what would lose data: other dtypes, shapes and modes, transparency, 16 bits a
    sample, several frames; and for pictures without pixels.
    """
    return _load_pillow(image) if isinstance(image, Image.Image) else _load_array(image)


def require_within_limit(width: int, height: int, max_pixels: int | None) -> None:
    """Raises LimitExceeded if width * height > max_pixels (None: no limit). Call it before any allocation."""
    if max_pixels is not None and width * height > max_pixels:
        raise LimitExceeded(
            f"the picture is {width}x{height} pixels and the limit is {max_pixels} in all:"
            " raise it (max_pixels, --max-pixels) if you trust the source"
        )


def _load_array(image: Any) -> NDArray[np.uint8]:
    if not hasattr(image, "__array__"):
        raise UnsupportedImage(f"expected a Pillow image or a uint8 array, not {type(image).__name__}")
    samples = np.asarray(image)
    if samples.dtype != np.uint8:
        raise UnsupportedImage(f"expected uint8 samples (0..255), not {samples.dtype}: scale and convert the array")
    if not (samples.ndim == 2 or (samples.ndim == 3 and samples.shape[2] == 3)):
        raise UnsupportedImage(f"expected the shape (height, width) or (height, width, 3), not {samples.shape}")
    _require_pixels(samples.shape[1], samples.shape[0])
    return samples


def _load_pillow(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode not in _GRAY_MODES | _COLOUR_MODES:
        raise UnsupportedImage(
            f"Pillow's mode {image.mode} does not fit into 8 bits a sample: convert it to L or RGB first"
        )
    _require_pixels(image.width, image.height)
    # MPO is what phones write: one photograph, followed by its depth or its preview.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise UnsupportedImage(
            f"the file holds {getattr(image, 'n_frames', 'many')} pictures: save the one you want by itself"
        )
    upright = _upright(image)
    opaque = _without_alpha(upright) if upright.has_transparency_data else upright
    if image.mode in _GRAY_MODES:
        return np.asarray(opaque.convert("L"))
    samples = np.asarray(opaque.convert("RGB"))
    if image.mode in {"P", "PA"} and bool((samples == samples[..., :1]).all()):
        return samples[..., 0]
    return samples


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, _UPRIGHT)
    except (SyntaxError, ValueError, KeyError, TypeError, EOFError, struct.error):
        return image  # damaged EXIF data is no reason to refuse the picture
    if orientation == _UPRIGHT:
        return image
    from PIL import ImageOps

    return ImageOps.exif_transpose(image)


def _without_alpha(image: Image.Image) -> Image.Image:
    # Pillow converts La only to LA; all others go to RGBA, the key colour of "transparency" included.
    rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    if rgba.getchannel("A").getextrema() != (255, 255):
        raise UnsupportedImage("transparency cannot be kept yet: convert the picture to L or RGB first")
    return rgba


def _require_pixels(width: int, height: int) -> None:
    if width == 0 or height == 0:
        raise UnsupportedImage(f"a picture needs at least one pixel, and this one is {width}x{height}")
