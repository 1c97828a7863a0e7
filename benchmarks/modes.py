"""Conversion of every kind of picture: each is created, coded and decoded, and the table shows the result."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import aecodec
from aecodec.evaluation.pages import environment, table
from aecodec.images.pillow_images import CONVERSIONS
from benchmarks.reporting import command_line, output_option, publish, require_folders

WIDTH, HEIGHT = 48, 40
QUALITY = 90
UNKNOWN = ("LAB",)  # modes of Pillow that no picture file is opened in
GRAY_16 = {"I;16": "<u2", "I;16L": "<u2", "I;16B": ">u2", "I;16N": "=u2"}


def colours() -> Image.Image:
    """A smooth RGB picture."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    planes = [128 + 90 * np.sin(x / 9 + c) * np.cos(y / 11 - c) for c in range(3)]
    return Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8))


def opacity() -> Image.Image:
    """A gradient from black to white, mode L."""
    return Image.linear_gradient("L").resize((WIDTH, HEIGHT))


def of_mode(mode: str) -> Image.Image:
    """A picture of a mode of Pillow, with opacity that varies where the mode has any."""
    if mode in GRAY_16:
        samples = np.asarray(colours().convert("L")).astype(GRAY_16[mode]) * 257
        return Image.frombytes(mode, (WIDTH, HEIGHT), samples.astype(GRAY_16[mode]).tobytes())
    if mode == "I":
        return Image.fromarray(np.asarray(colours().convert("L")).astype(np.int32) * 257)
    if mode in ("LA", "La", "RGBA", "RGBa"):
        with_alpha = colours().convert(mode.upper())
        with_alpha.putalpha(opacity())
        return with_alpha.convert(mode)
    if mode == "PA":
        return colours().convert("P").convert("PA")
    return Image.new("LAB", (WIDTH, HEIGHT)) if mode == "LAB" else colours().convert(mode)


def with_info(mode: str, key: Any) -> Image.Image:
    """A picture whose transparent colour is key(picture)."""
    image = of_mode(mode)
    image.info["transparency"] = key(image)
    return image


def animation() -> Image.Image:
    """A TIFF of two frames."""
    buffer = BytesIO()
    frames = [colours(), colours().transpose(Image.Transpose.ROTATE_180)]
    frames[0].save(buffer, "TIFF", save_all=True, append_images=frames[1:])
    return Image.open(buffer)


def turned() -> Image.Image:
    """A picture with EXIF orientation 6."""
    image = colours()
    image.getexif()[0x0112] = 6
    return image


def corner(image: Image.Image) -> Any:
    """The first pixel."""
    return image.getpixel((0, 0))


def array(*shape: int, dtype: type = np.uint8) -> NDArray[Any]:
    """An array of one value."""
    return np.full(shape, 77, dtype)


def pictures() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every kind of picture: its name, and a function that makes it."""
    for mode in (*CONVERSIONS, *UNKNOWN):
        yield f"mode {mode}", partial(of_mode, mode)
    yield "mode P, gray palette", lambda: of_mode("L").convert("P")
    yield "mode P, entries with opacity", lambda: with_info("P", lambda image: bytes(range(256)))
    for mode in ("L", "RGB", "P", "I;16"):
        yield f"mode {mode}, a transparent colour", partial(with_info, mode, corner)
    yield "several frames", animation
    yield "EXIF orientation 6", turned
    for channels in ((), (1,), (2,), (3,), (4,), (5,)):
        shape = ", ".join(["H", "W", *map(str, channels)])
        yield f"array ({shape})", partial(array, HEIGHT, WIDTH, *channels)
    for dtype in (np.uint16, np.float32, np.bool_):
        yield f"array of {np.dtype(dtype).name}", partial(array, HEIGHT, WIDTH, dtype=dtype)


def row(name: str, make: Callable[[], Any]) -> tuple[str, str, str, str]:
    """Name, what came back, the warnings or the error; and what came back of a lossless file."""
    back, messages = tried(make, quality=QUALITY)
    return name, back, messages, "refused" if back == "refused" else tried(make, lossless=True)[0]


def tried(make: Callable[[], Any], **options: Any) -> tuple[str, str]:
    """Code and decode a picture: what came back, and the warnings or the error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", aecodec.AecWarning)
        try:
            decoded = aecodec.decode_image(aecodec.encode(make(), **options))
        except aecodec.UnsupportedImage as error:
            return "refused", str(error)
    back = decoded.mode + ("" if decoded.size == (WIDTH, HEIGHT) else f", {decoded.width}x{decoded.height}")
    notes = [str(w.message) for w in caught if w.category is aecodec.AecWarning]
    return back, "; ".join(notes) or "-"


@click.command("modes")
@output_option()
def command(output: Path | None) -> None:
    """Code and decode a picture of each Pillow mode, and arrays of each kind."""
    require_folders(output)
    rows = [row(name, make) for name, make in pictures()]
    page = [
        "# Conversion of every kind of picture",
        f"    {command_line()}",
        f"Pictures of {WIDTH}x{HEIGHT} pixels, in Pillow's modes and as NumPy arrays. A message is issued once, as a\n"
        "Python warning of the category `aecodec.AecWarning`; a refused picture raises `aecodec.UnsupportedImage`.\n"
        "The last column shows the result of lossless coding.",
        table(("picture", "decoded as", "message", "lossless"), rows, left=4),
        f"{environment()}.",
    ]
    publish(page, output)
