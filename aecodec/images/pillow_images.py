"""Pillow images in and out: every mode, the several forms of opacity, orientation and metadata.

`CONVERSIONS` says what becomes of each mode; the page docs/modes.md is made by running them all.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from aecodec.errors import AecError, UnsupportedImage, warn_converted
from aecodec.images import exif
from aecodec.images.metadata import MAX_BYTES, Metadata, resolution
from aecodec.images.source import Picture, Source, eight_bits, require_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Conversion:
    """What a Pillow mode is coded as: `mode` L, LA, RGB, RGBA or I;16; `note` tells the user of a conversion.

    Whether 16-bit samples are rounded to 8 is decided later, by the encoder options.
    """

    mode: str
    note: str = ""


_TURNED = "mode {} is coded as {}"
CONVERSIONS: Final[dict[str, Conversion]] = {
    "1": Conversion("L", _TURNED),
    "L": Conversion("L"),
    "LA": Conversion("LA"),
    "La": Conversion("LA", _TURNED),
    "P": Conversion("RGB", _TURNED),
    "PA": Conversion("RGBA", _TURNED),
    "RGB": Conversion("RGB"),
    "RGBA": Conversion("RGBA"),
    "RGBa": Conversion("RGBA", _TURNED),
    "RGBX": Conversion("RGB", _TURNED),
    "CMYK": Conversion("RGB", _TURNED),
    "YCbCr": Conversion("RGB", _TURNED),
    "HSV": Conversion("RGB", _TURNED),
    "I;16": Conversion("I;16"),
    "I;16L": Conversion("I;16"),
    "I;16B": Conversion("I;16"),
    "I;16N": Conversion("I;16"),
    "I": Conversion("I;16", _TURNED),
    "F": Conversion("L", "mode {} is rounded to whole numbers"),
}
_WIDE: Final = {"I;16": 65535, "I;16L": 65535, "I;16B": 65535, "I;16N": 65535, "I": 65535, "F": 255}  # largest value

# Of a format: a mark, how far from its beginning a byte lies, and its bits that are set for more than 8 bits a sample.
# It is the byte of the first component in the marker SIZ (ISO/IEC 15444-1, A.5.1), the third of the box av1C (AV1 in
# ISOBMFF, 2.3).
_DEPTHS: Final = {"JPEG2000": (b"\xff\x4f\xff\x51", 42, 0x78), "AVIF": (b"av1C", 6, 0x40)}
_HEAD_BYTES: Final = 1 << 16  # of a file, where its properties are found
_WIDE_RAW_MODE: Final = re.compile(";16[LBN]")  # without a letter, 16 bits are those of a whole pixel

_ORIENTATION: Final = 0x0112
_XMP_ORIENTATION: Final = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>\s*))([1-8])")
# Image.Transpose of the orientations 1 to 8 of EXIF
_TURNS: Final = (
    None,
    Image.Transpose.FLIP_LEFT_RIGHT,
    Image.Transpose.ROTATE_180,
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
)
_SIDEWAYS: Final = 5  # from this orientation on, width and height are swapped
# TIFF tags that say how and where samples are stored, the size of the picture, colour profile and XMP.
STRUCTURE: Final = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 277, 278, 279, 284, 317, 318, 319, 320, 322, 323, 324, 325}
    | {330, 338, 339, 340, 341, 347, 529, 530, 531, 532, 700, 34377, 34675, 282, 283, 296}
)
_DIRECTORIES: Final = (0x8769, 0x8825)  # EXIF and GPS
_INTEROPERABILITY: Final = 0xA005  # the position of another directory within EXIF's
_BAD_EXIF: Final = (SyntaxError, ValueError, KeyError, TypeError, EOFError, IndexError, OSError, struct.error)


def read(image: Image.Image, *, exact: bool = False) -> Source:
    """The samples, opacity and metadata of a Pillow image, turned upright by its EXIF orientation.

    exact: refuse floating-point samples that are not integers, which are rounded otherwise, and files of which Pillow
    reads 8 of 16 bits.

    Raises UnsupportedImage for files that Pillow cannot decode to the end, modes that are not in `CONVERSIONS`, values
    that do not fit and pictures without pixels.
    """
    if image.mode not in CONVERSIONS:
        raise UnsupportedImage(f"Pillow's mode {image.mode} cannot be coded: convert the picture to L or RGB first")
    require_pixels(image.width, image.height)
    notes = _lost_bits(image, exact)
    # A TIFF file's tags are read before its pixels: loading turns the picture upright by them, and drops them.
    taken, turned = (_taken(image, notes), _orientation(image)) if image.format == "TIFF" else (b"", None)
    with decoding_errors():
        image.load()  # before anything else does it and swallows the error: a second `load` gives half a picture
    if image.format != "TIFF" and not image.info.get("exif"):
        taken = _taken(image, notes)
    # Phones write MPO: one photograph, followed by its depth map or preview.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        frames = getattr(image, "n_frames", "several")
        notes.append(f"the file holds {frames} pictures, and only one of them is coded")
    orientation = _orientation(image)
    turn = _TURNS[(orientation or 1) - 1]
    upright = image if turn is None else image.transpose(turn)
    conversion = CONVERSIONS[image.mode]
    samples, alpha = _samples(upright, conversion.mode, exact)
    if conversion.note:
        name = ("L" if samples.ndim == 2 else "RGB") + ("" if alpha is None else "A")
        name = "I;16" if samples.dtype == np.uint16 else name
        notes.append(conversion.note.format(image.mode, name))
    kept = _exif(image.info["exif"], orientation, notes) if image.info.get("exif") else taken
    sideways = max(orientation or 1, turned or 1) >= _SIDEWAYS
    return Source(samples, alpha, _metadata(image, kept, samples.ndim == 2, sideways, notes), tuple(notes))


def _lost_bits(image: Image.Image, exact: bool) -> list[str]:
    """A note if Pillow, which has more than 8 bits for gray only, drops bits of a file that has not been read yet.

    Raises UnsupportedImage if `exact`.
    """
    if image.mode in _WIDE or not (any(map(_is_wide, getattr(image, "tile", ()))) or _declares_more(image)):
        return []
    if exact:
        raise UnsupportedImage(
            "lossless and max_error need all bits, and Pillow reads only 8 bits of these samples:"
            " read the file with another library, and give its samples as an array"
        )
    return ["only 8 bits of these samples are read: Pillow has more for gray without opacity alone"]


def _is_wide(tile: Any) -> bool:
    """Whether a part of a file has samples of 16 bits: its raw mode says so, or the largest value of a PPM file."""
    codec, _, _, details = tile
    details = details if isinstance(details, tuple) else (details,)
    if any(isinstance(detail, str) and _WIDE_RAW_MODE.search(detail) for detail in details):
        return True
    return codec.startswith("ppm") and any(isinstance(detail, int) and detail > 255 for detail in details)


def _declares_more(image: Image.Image) -> bool:
    """Whether a file declares more than 8 bits a sample in a place of which Pillow says nothing."""
    file = getattr(image, "fp", None)
    if image.format not in _DEPTHS or file is None:
        return False
    mark, place, bits = _DEPTHS[image.format]
    before = file.tell()
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    file.seek(before)
    at = head.find(mark)
    return 0 <= at < len(head) - place and bool(head[at + place] & bits)


@contextmanager
def decoding_errors() -> Iterator[None]:
    """Turn whatever Pillow raises for a damaged file into UnsupportedImage.

    AecError, MemoryError and the OSError of a file that cannot be read, whatever it holds, are passed on.
    """
    try:
        yield
    except (AecError, MemoryError):
        raise
    except Exception as error:  # Pillow's plugins raise whatever they stumble over in a damaged file
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UnsupportedImage(f"the picture cannot be decoded: {str(error) or type(error).__name__}") from error


def to_pillow(picture: Picture, metadata: Metadata) -> Image.Image:
    """A Pillow image of mode L, LA, RGB, RGBA or I;16, with the metadata in its `info`."""
    if picture.dtype == np.uint16 and picture.ndim == 3:
        picture = eight_bits(picture)
        warn_converted(("16-bit samples are rounded to 8 bits: Pillow holds 16 bits only for gray without opacity",))
    image = Image.fromarray(picture)
    image.info.update(metadata.info())
    return image


def _samples(image: Image.Image, target: str, exact: bool) -> tuple[Picture, Picture | None]:
    key = image.info.get("transparency")
    if image.mode in _WIDE:
        return _wide(image, key, exact)
    if image.mode in ("La", "RGBa"):
        image = image.convert(target)  # Pillow converts these to no other modes
    if target.endswith("A") or not image.has_transparency_data:
        samples = np.asarray(image.convert(target))
        alpha = samples[..., -1] if target.endswith("A") else None
        colours = samples if alpha is None else samples[..., :-1]
    else:
        # A colour, or a palette's entries, are transparent: only Pillow's RGBA knows all of their forms.
        samples = np.asarray(image.convert("RGBA"))
        colours, alpha = samples[..., :3], samples[..., 3]
        alpha = None if bool((alpha == 255).all()) else alpha
    flat = colours.ndim == 3 and (target.startswith("L") or image.mode in ("P", "PA") and _is_gray(colours))
    return (colours[..., 0] if flat else colours), alpha


def _is_gray(colours: NDArray[np.uint8]) -> bool:
    return bool((colours == colours[..., :1]).all())


def _wide(image: Image.Image, key: Any, exact: bool) -> tuple[Picture, Picture | None]:
    """16-bit gray, or floating-point gray 0..255 rounded to 8 bits; the transparent key colour as opacity."""
    values = np.asarray(image)
    largest = _WIDE[image.mode]
    if not (values.min() >= 0 and values.max() <= largest):  # also where one is not a number
        raise UnsupportedImage(f"a picture of mode {image.mode} needs values 0..{largest}: scale it first")
    if exact and values.dtype.kind == "f" and bool((values != np.rint(values)).any()):
        raise UnsupportedImage(
            "lossless and max_error need integer samples, and this picture of mode F has fractions: round it first"
        )
    alpha = None
    if isinstance(key, int) and bool((values == key).any()):
        alpha = np.where(values == key, 0, largest)
    dtype = np.uint16 if largest > 255 else np.uint8
    return np.rint(values).astype(dtype), None if alpha is None else alpha.astype(dtype)


def _orientation(image: Image.Image) -> int | None:
    """The orientation 1 to 8 of EXIF, or else of XMP, or 1; None if the EXIF data is too damaged to tell."""
    try:
        found = image.getexif().get(_ORIENTATION)
    except _BAD_EXIF:
        return None
    if found is None and (written := _XMP_ORIENTATION.search(_xmp(image))):  # Pillow knows one way to write it
        found = int(written[2])
    return found if isinstance(found, int) and 1 <= found <= len(_TURNS) else 1


def _xmp(image: Image.Image) -> bytes:
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    return found.encode() if isinstance(found, str) else bytes(found)


def _exif(given: bytes, orientation: int | None, notes: list[str]) -> bytes:
    """EXIF data as it is kept: upright, and as it is where damage prevents that and nothing was rotated."""
    try:
        if orientation is None:
            raise UnsupportedImage
        upright, whole = exif.upright(given)
    except UnsupportedImage:
        if (orientation or 1) > 1:
            notes.append("the EXIF data is damaged and is dropped")
            return b""
        notes.append("the EXIF data is damaged: it is kept as it is, and the picture is not rotated")
        return exif.without_prefix(given)
    if not whole:
        notes.append("the EXIF data is damaged, and kept as far as it can be read")
    return upright


def _metadata(image: Image.Image, found: bytes, gray: bool, sideways: bool, notes: list[str]) -> Metadata:
    info = image.info
    icc = _profile(image, gray, notes)
    # The picture is upright now, and the orientation in XMP has to say so.
    xmp = _XMP_ORIENTATION.sub(rb"\g<1>1", _xmp(image))
    dpi = resolution(info.get("dpi"))
    if dpi is None and info.get("dpi"):
        notes.append("the resolution is out of range and is dropped")
    if dpi is not None and sideways:
        dpi = dpi[1], dpi[0]
    if len(icc) + len(found) + len(xmp) > MAX_BYTES:
        notes.append(f"the metadata has more than {MAX_BYTES} bytes: only the colour profile is kept")
        found = xmp = b""
        icc = icc if len(icc) <= MAX_BYTES else b""
    return Metadata(icc, found, xmp, dpi)


def _profile(image: Image.Image, gray: bool, notes: list[str]) -> bytes:
    """The colour profile, unless it is for colours that were converted, such as CMYK; its space: ICC.1:2022, 7.2.8."""
    icc: bytes = image.info.get("icc_profile") or b""
    if CONVERSIONS[image.mode].note and icc[16:20] != (b"GRAY" if gray else b"RGB "):
        if icc:
            notes.append("the colour profile is for other colours than these, and is dropped")
        return b""
    return icc


def _taken(image: Image.Image, notes: list[str]) -> bytes:
    """EXIF data made of the tags that Pillow reads from formats, such as TIFF, that keep them among their own."""
    kept = Image.Exif()
    try:
        source = image.getexif()
        for tag, value in source.items():
            if tag not in STRUCTURE | {_ORIENTATION, *_DIRECTORIES}:
                kept[tag] = value
        for tag in _DIRECTORIES:
            directory = {key: value for key, value in source.get_ifd(tag).items() if key != _INTEROPERABILITY}
            if directory:
                kept[tag] = directory
        return exif.upright(kept.tobytes())[0] if len(kept) else b""
    except (UnsupportedImage, *_BAD_EXIF):
        notes.append("the EXIF tags cannot be read and are dropped")
        return b""
