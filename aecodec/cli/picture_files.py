"""Picture files of other formats, read and written by Pillow."""

from __future__ import annotations

import os
import warnings
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from aecodec.cli.failures import Failure
from aecodec.cli.files import PIPE
from aecodec.errors import AecError, LimitExceeded, UnsupportedImage
from aecodec.pictures import load, require_within_limit

if TYPE_CHECKING:
    from numpy.typing import NDArray

# No palettes and no pages: formats that keep a picture's samples, or nearly.
_WRITTEN: Final = {".avif", ".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
# What a decoded picture is worth keeping: nothing lost where the format can, little where it cannot.
_SAVE_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    ".avif": {"quality": 95},
    ".jpeg": {"quality": 95},
    ".jpg": {"quality": 95},
    ".webp": {"lossless": True},
}


def read_picture(data: bytes, max_pixels: int) -> NDArray[np.uint8]:
    """The samples of a picture file, as `aecodec.pictures.load` gives them.

    Raises LimitExceeded if the file declares more than `max_pixels`, and UnsupportedImage for whatever else
    is wrong.
    """
    with warnings.catch_warnings():
        # Pillow warns above its limit, and fails at twice that even where a plugin decodes before it says a
        # size; ours fails at once.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        pillow_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
        try:
            with Image.open(BytesIO(data)) as image:
                require_within_limit(image.width, image.height, max_pixels)
                return load(image)
        except AecError:
            raise
        except Image.DecompressionBombError as error:
            raise LimitExceeded(f"the picture is over the limit of {max_pixels} pixels (--max-pixels)") from error
        except UnidentifiedImageError as error:
            raise UnsupportedImage("this is not a picture that Pillow can read") from error
        except MemoryError:
            raise
        except Exception as error:  # Pillow's plugins raise whatever they stumble over in a damaged file
            raise UnsupportedImage(f"the picture is damaged: {error}") from error
        finally:
            Image.MAX_IMAGE_PIXELS = pillow_limit


def suffix_for(target: str) -> str:
    """The suffix of `target`, lower case, which stands for a format: .png for a pipe or no suffix."""
    suffix = os.path.splitext(target)[1].lower()
    if target == PIPE or suffix in {"", ".png"}:
        return ".png"  # without asking Pillow, which would import the plugins of all formats
    if suffix not in _WRITTEN or Image.registered_extensions().get(suffix) not in Image.SAVE:
        raise Failure(f"{target}: pictures cannot be written as {suffix}; try .png")
    return suffix


class _NamedBuffer(BytesIO):
    """Bytes with a name: Pillow takes the format from it, and then imports that format's plugin alone."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


def write_picture(samples: NDArray[np.uint8], suffix: str) -> bytes:
    """The bytes of a picture file in the format that `suffix` stands for."""
    buffer = _NamedBuffer("picture" + suffix)
    try:
        Image.fromarray(samples).save(buffer, **_SAVE_OPTIONS.get(suffix, {}))
    except (OSError, ValueError) as error:
        raise Failure(f"Pillow cannot write this picture as {suffix}: {error}") from error
    return buffer.getvalue()
