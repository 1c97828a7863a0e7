"""Reading and writing of picture files of other formats, by Pillow."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from io import BytesIO
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import click
import numpy as np
from PIL import Image

from aecodec.cli.byte_files import read
from aecodec.cli.file_pairs import PIPE
from aecodec.cli.library_messages import collected, is_printed_about, printing_collected
from aecodec.errors import AecError, NotAnAecFile, UnsupportedImage
from aecodec.format import container
from aecodec.images.loading import load
from aecodec.images.metadata import Metadata
from aecodec.images.pillow_images import STRUCTURE
from aecodec.images.source import Picture, Source, eight_bits


class Format(NamedTuple):
    """What a file format can store beside 8-bit colours, and how Pillow should write it.

    alpha: an alpha channel. metadata: keys of Pillow's `info`. wide: 16-bit gray samples. parses_exif: whether Pillow
    writes EXIF data only if it can read it. options: for Pillow's `save`, lossless where the format allows it and
    otherwise of high quality.
    """

    alpha: bool
    metadata: frozenset[str]
    wide: bool = False
    parses_exif: bool = False
    options: Mapping[str, Any] = MappingProxyType({})


_EVERYTHING: Final = frozenset({"icc_profile", "exif", "xmp", "dpi"})
_JPEG: Final = Format(False, _EVERYTHING, options={"quality": 95})
_TIFF: Final = Format(True, _EVERYTHING, wide=True, parses_exif=True)
_BARE: Final = Format(False, frozenset())
# Formats that keep samples exactly or nearly so: no palettes, no pages.
FORMATS: Final[dict[str, Format]] = {
    "avif": Format(True, _EVERYTHING - {"dpi"}, parses_exif=True, options={"quality": 95}),
    "bmp": Format(False, frozenset({"dpi"})),
    "jpeg": _JPEG,
    "jpg": _JPEG,
    "pgm": _BARE._replace(wide=True),
    "png": Format(True, _EVERYTHING, wide=True),
    "ppm": _BARE,
    "tif": _TIFF,
    "tiff": _TIFF,
    "webp": Format(True, _EVERYTHING - {"dpi"}, options={"lossless": True, "exact": True}),
}
_TIFF_XMP: Final = 700
NOT_FROM_A_PIPE: Final = "a data set of many pictures, which is not read from a pipe: name its file"
_HEADER_BYTES: Final = 16


def read_picture(data: bytes, max_pixels: int, *, wide: bool = False) -> Source:
    """Read the picture in a picture file as `aecodec.images.loading.load` does; wide: keep samples of 16 bits.

    Raises LimitExceeded if the file declares more than `max_pixels`, and UnsupportedImage if anything else is wrong.
    """
    if not data:
        raise UnsupportedImage("the file is empty")
    refuse_aec(data)
    with printing_collected() if is_printed_about(data) else nullcontext():
        return load(BytesIO(data), wide=wide, max_pixels=max_pixels)


def refuse_aec(data: bytes) -> None:
    """Raise UnsupportedImage for an .aec file, which is a picture already but none that Pillow reads."""
    if container.is_picture(data):
        raise UnsupportedImage("this is an .aec file already: use `aec decompress`")


def read_aec(name: str) -> bytes:
    """Return the bytes of an .aec file, or of a pipe. Raises NotAnAecFile, which says what other picture file it is."""
    data = read(name)
    if not data or container.is_picture(data):
        return data  # an empty file is reported when it is parsed
    if container.is_data_set(data) and name == PIPE:
        raise NotAnAecFile(f"this is {NOT_FROM_A_PIPE}")
    if container.is_data_set(data):
        raise NotAnAecFile(f"this is a data set of many pictures: use `aec unpack {shlex.quote(name)}`")
    other = recognized_format(data)
    if other is None:
        raise NotAnAecFile("this is not an .aec file")
    raise NotAnAecFile(f"this is a {other} picture: use `aec compress {shlex.quote(name)}`")


def is_data_set(name: str) -> bool:
    """Whether a file, by its first bytes, or else by its name, is a data set."""
    if not os.path.isfile(name):  # what a named pipe gives can be read once only
        return name.lower().endswith(".aecs")
    try:
        with open(name, "rb") as file:
            start = file.read(_HEADER_BYTES)
    except OSError:
        return False  # reported when it is read
    return container.is_data_set(start) or name.lower().endswith(".aecs")


def recognized_format(data: bytes) -> str | None:
    """Return the name of the format of a picture file, such as PNG, or None if Pillow does not know it."""
    with collected():
        try:
            with Image.open(BytesIO(data)) as image:
                return image.format
        except Exception:  # for damaged files Pillow's plugins raise anything
            return None


def format_for(target: str) -> str:
    """Return the key of FORMATS for the suffix of `target`; png for a pipe or no suffix. Raises UsageError."""
    suffix = os.path.splitext(target)[1].lower()
    if target == PIPE or suffix in {"", ".png"}:
        return "png"  # asking Pillow would import the plugins of all formats
    if suffix[1:] not in FORMATS or Image.registered_extensions().get(suffix) not in Image.SAVE:
        raise click.UsageError(f"{target}: pictures cannot be written as {suffix}; try .png")
    return suffix[1:]


class _NamedBuffer(BytesIO):
    """A buffer with a file name, from which Pillow infers the format and imports the plugin of that format alone."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


def write_picture(picture: Picture, metadata: Metadata, name: str) -> tuple[bytes, tuple[str, ...]]:
    """Return a picture file in the format `name`, with those metadata that it can store; and notes on what it cannot.

    Raises UnsupportedImage for transparency that the format cannot store, and for what Pillow refuses.
    """
    written = FORMATS[name]
    notes: list[str] = []
    if picture.dtype == np.uint16 and not (written.wide and picture.ndim == 2):  # Pillow writes 16 bits for gray only
        picture = eight_bits(picture)
        notes.append(f"16-bit samples are rounded to 8 bits, as {name} cannot store them")
    opacity = picture.shape[2] in (2, 4) if picture.ndim == 3 else False
    if opacity and not written.alpha:
        if not (picture[..., -1] == np.iinfo(picture.dtype).max).all():
            raise UnsupportedImage(f"{name} cannot store transparency, which this picture has: use png, webp or tiff")
        picture = picture[..., 0] if picture.shape[2] == 2 else picture[..., :3]
    kept = {key: value for key, value in metadata.info().items() if key in written.metadata}
    if written.parses_exif and "exif" in kept and not _is_readable(kept["exif"]):
        del kept["exif"]
        notes.append(f"the EXIF data is damaged, and not written to {name}")
    buffer = _NamedBuffer(f"picture.{name}")
    try:
        with printing_collected() if written is _TIFF else nullcontext():
            Image.fromarray(picture).save(buffer, **written.options, **_save_arguments(kept, name))
    except (AecError, MemoryError):
        raise
    except Exception as error:  # Pillow stumbles over tags of EXIF data in as many ways as there are types
        if "exif" in kept:
            bare = replace(metadata, exif=b"")
            data, more = write_picture(picture, bare, name)
            return data, (*notes, f"the EXIF data cannot be written to {name}", *more)
        raise UnsupportedImage(f"Pillow cannot write this picture as {name}: {error}") from error
    return buffer.getvalue(), tuple(notes)


def _is_readable(exif: bytes) -> bool:
    try:
        Image.Exif().load(exif)
    except Exception:  # Pillow raises whatever it stumbles over
        return False
    return True


def _save_arguments(metadata: dict[str, Any], name: str) -> dict[str, Any]:
    """Return metadata as arguments of Pillow's `save`; PNG and TIFF take XMP in ways of their own."""
    if "xmp" in metadata and name == "png":
        from PIL.PngImagePlugin import PngInfo

        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", metadata.pop("xmp").decode("utf-8", "replace"))
        metadata["pnginfo"] = text
    elif FORMATS[name] is _TIFF and metadata.keys() & {"exif", "xmp"}:
        # These tags become the file's own, in which those that describe another file would be wrong.
        tags = Image.Exif()
        tags.load(metadata.get("exif", b""))
        for tag in STRUCTURE & tags.keys():
            del tags[tag]
        if "xmp" in metadata:
            tags[_TIFF_XMP] = metadata.pop("xmp")
        metadata["exif"] = tags
    return metadata
