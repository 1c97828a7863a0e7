"""Reading and writing of picture files of other formats, by Pillow."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from aecodec.cli.failures import Failure
from aecodec.cli.file_pairs import PIPE
from aecodec.errors import AecError, LimitExceeded, UnsupportedImage
from aecodec.images.loading import load
from aecodec.images.metadata import Metadata
from aecodec.images.source import Picture, Source, eight_bits, require_within_limit


class Format(NamedTuple):
    """What a file format can store beside 8-bit colours, and how Pillow should write it.

    alpha: an alpha channel. metadata: keys of Pillow's `info`. wide: 16-bit gray samples. options: for Pillow's `save`,
    lossless where the format allows it and otherwise of high quality.
    """

    alpha: bool
    metadata: frozenset[str]
    wide: bool = False
    options: Mapping[str, Any] = MappingProxyType({})


_EVERYTHING: Final = frozenset({"icc_profile", "exif", "xmp", "dpi"})
_JPEG: Final = Format(False, _EVERYTHING, options={"quality": 95})
_TIFF: Final = Format(True, _EVERYTHING, wide=True)
_BARE: Final = Format(False, frozenset())
# Formats that keep samples exactly or nearly so: no palettes, no pages.
FORMATS: Final[dict[str, Format]] = {
    "avif": Format(True, _EVERYTHING - {"dpi"}, options={"quality": 95}),
    "bmp": Format(False, frozenset({"dpi"})),
    "jpeg": _JPEG,
    "jpg": _JPEG,
    "pgm": _BARE._replace(wide=True),
    "png": Format(True, _EVERYTHING, wide=True),
    "ppm": _BARE,
    "tif": _TIFF,
    "tiff": _TIFF,
    "webp": Format(True, _EVERYTHING - {"dpi"}, options={"lossless": True}),
}
_TIFF_XMP: Final = 700


def read_picture(data: bytes, max_pixels: int, *, wide: bool = False) -> Source:
    """Read the picture in a picture file as `aecodec.images.loading.load` does; wide: keep samples of 16 bits.

    Raises LimitExceeded if the file declares more than `max_pixels`, and UnsupportedImage if anything else is wrong.
    """
    with warnings.catch_warnings():
        # Pillow only warns above its limit, and fails at twice that; our own check fails at the limit. Some plugins
        # decode before they report a size: Pillow's limit stops those.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        pillow_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
        try:
            with Image.open(BytesIO(data)) as image:
                require_within_limit(image.width, image.height, max_pixels)
                return load(image, wide=wide)
        except AecError:
            raise
        except Image.DecompressionBombError as error:
            raise LimitExceeded(f"the picture is over the limit of {max_pixels} pixels (--max-pixels)") from error
        except UnidentifiedImageError as error:
            raise UnsupportedImage("this is not a picture that Pillow can read") from error
        except MemoryError:
            raise
        except Exception as error:  # for damaged files Pillow's plugins raise anything
            raise UnsupportedImage(f"the picture cannot be decoded: {error}") from error
        finally:
            Image.MAX_IMAGE_PIXELS = pillow_limit


def is_picture_name(name: str) -> bool:
    """Return whether a file name has the suffix of a picture format that Pillow reads."""
    return os.path.splitext(name)[1].lower() in _readable_suffixes()


@cache
def _readable_suffixes() -> frozenset[str]:
    by_suffix = Image.registered_extensions()
    readable = {
        name
        for name, (factory, _) in Image.OPEN.items()
        # Stubs, and the plugin for MPEG, recognize a format but cannot read it.
        if name != "MPEG" and not (isinstance(factory, type) and issubclass(factory, ImageFile.StubImageFile))
    }
    return frozenset(suffix for suffix, name in by_suffix.items() if name in readable) - {".aec"}


def format_for(target: str) -> str:
    """Return the key of FORMATS for the suffix of `target`; png for a pipe or no suffix. Raises Failure."""
    suffix = os.path.splitext(target)[1].lower()
    if target == PIPE or suffix in {"", ".png"}:
        return "png"  # asking Pillow would import the plugins of all formats
    if suffix[1:] not in FORMATS or Image.registered_extensions().get(suffix) not in Image.SAVE:
        raise Failure(f"{target}: pictures cannot be written as {suffix}; try .png")
    return suffix[1:]


class _NamedBuffer(BytesIO):
    """A buffer with a file name, from which Pillow infers the format and imports the plugin of that format alone."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


def write_picture(picture: Picture, metadata: Metadata, name: str) -> bytes:
    """Return a picture file in the format `name`, with those metadata that the format can store."""
    written = FORMATS[name]
    if is_narrowed(picture, name):
        picture = eight_bits(picture)
    opacity = picture.shape[2] in (2, 4) if picture.ndim == 3 else False
    if opacity and not written.alpha:
        if not (picture[..., -1] == np.iinfo(picture.dtype).max).all():
            raise UnsupportedImage(f"{name} cannot store transparency, which this picture has: use png, webp or tiff")
        picture = picture[..., 0] if picture.shape[2] == 2 else picture[..., :3]
    kept = {key: value for key, value in metadata.info().items() if key in written.metadata}
    buffer = _NamedBuffer(f"picture.{name}")
    try:
        Image.fromarray(picture).save(buffer, **written.options, **_save_arguments(kept, name))
    except (OSError, ValueError, KeyError) as error:
        raise UnsupportedImage(f"Pillow cannot write this picture as {name}: {error}") from error
    return buffer.getvalue()


def is_narrowed(picture: Picture, name: str) -> bool:
    """Return whether 16-bit samples are rounded to 8 in the format `name`: Pillow writes 16 bits for gray only."""
    return picture.dtype == np.uint16 and not (FORMATS[name].wide and picture.ndim == 2)


def _save_arguments(metadata: dict[str, Any], name: str) -> dict[str, Any]:
    """Return metadata as arguments of Pillow's `save`; PNG and TIFF take XMP in ways of their own."""
    if "xmp" in metadata and name == "png":
        from PIL.PngImagePlugin import PngInfo

        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", metadata.pop("xmp").decode("utf-8", "replace"))
        metadata["pnginfo"] = text
    elif "xmp" in metadata and FORMATS[name] is _TIFF:
        tags = Image.Exif()
        tags.load(metadata.get("exif", b""))
        tags[_TIFF_XMP] = metadata.pop("xmp")
        metadata["exif"] = tags
    return metadata
