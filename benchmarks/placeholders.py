"""Placeholders beside BlurHash and ThumbHash: PSNR and colour error at a few sizes, and a sheet of pictures."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import click
import numpy as np
from PIL import Image

import aecodec
from aecodec.evaluation.pages import environment, number, table
from aecodec.evaluation.sheets import Cell, Row, Section, draw
from aecodec.metrics.pixelwise import psnr
from aecodec.models import registry
from aecodec.sources.readers import Picture, some_picture_files
from benchmarks.reporting import command_line, progress, publish, require_folders

SIDE = 32  # pixels of the longer side of what is encoded
SIZES = (16, 20, 24, 32)
BLUR_COMPONENTS = ((3, 3), (4, 3), (5, 4), (6, 5))
AEC_SIZES = (20, 25, 30)
BESIDE = ("BlurHash 4x3", "ThumbHash")  # on the sheet
PACKAGES = ("blurhash", "thash")
SHOWN = 8  # pictures on the sheet
SCALE = 5
MEASURED = """\
{count} pictures, each reduced to {side} pixels on its longer side (Lanczos). PSNR is the mean over the pictures, in
RGB, of what is decoded to the same size. The error of the tint is the mean distance of a* and b* (CIE L\\*a\\*b\\*)
of the pixels, brightness left out."""
REMARKS = """\
- A BlurHash is text of base 83, one byte a character; the others are bytes, whose base64 form is a third longer.
- ThumbHash can hold opacity, which these pictures do not have and placeholders of aecodec cannot.
- An `.aec` file also has a checksum. To decode one of this kind, a browser loads a model of {megabytes:.1f} MB;
  for placeholders 20 kB with all code."""
# To L*a*b* from linear sRGB (IEC 61966-2-1), by the white point D65.
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = np.array([0.9505, 1.0, 1.089])


@dataclass(frozen=True)
class Codec:
    """A kind of placeholder. code: a picture (H, W, 3) to (bytes, picture decoded to the same size)."""

    name: str
    code: Callable[[Picture], tuple[int, Picture]]


def lab(picture: Picture) -> np.ndarray:
    """CIE L*a*b* (H, W, 3) of sRGB samples."""
    v = picture / 255
    linear = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    t = linear @ _TO_XYZ.T / _WHITE
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def colour_error(picture: Picture, decoded: Picture) -> float:
    """The mean distance of a* and b* of the pixels: the error of the tint, without brightness."""
    return float(np.linalg.norm((lab(picture) - lab(decoded))[..., 1:], axis=-1).mean())


def ours(size: int) -> Codec:
    """Placeholders of at most `size` bytes."""

    def code(picture: Picture) -> tuple[int, Picture]:
        data = aecodec.placeholder(picture, size)
        return len(data), aecodec.decode_placeholder(data, width=picture.shape[1], height=picture.shape[0])

    return Codec(f"aecodec placeholder, {size} bytes", code)


def _psnr(picture: Picture, decoded: Picture) -> float:
    return float(psnr(picture[None], decoded[None])[0])


def aec_file(size: int) -> Codec:
    """`.aec` files of at most `size` bytes."""

    def code(picture: Picture) -> tuple[int, Picture]:
        try:
            data = aecodec.encode(picture, model="cifar", max_bytes=size, effort=6)
        except aecodec.Unreachable:
            data = aecodec.encode(picture, model="cifar", quality=1, effort=6)
        return len(data), aecodec.decode(data)

    return Codec(f"`.aec` file, model `cifar`, {size} bytes", code)


def blurhash(across: int, down: int) -> Codec:
    """BlurHash with so many components; its bytes are its characters."""
    library = importlib.import_module("blurhash")

    def code(picture: Picture) -> tuple[int, Picture]:
        tall = picture.shape[0] > picture.shape[1]
        text = library.encode(picture.astype(float), *((down, across) if tall else (across, down)))
        decoded = np.array(library.decode(text, picture.shape[1], picture.shape[0]))
        return len(text), decoded.clip(0, 255).round().astype(np.uint8)

    return Codec(f"BlurHash {across}x{down}", code)


def thumbhash() -> Codec:
    """ThumbHash, decoded to the size that its library gives it, and resampled to that of the picture."""
    library = importlib.import_module("thash")

    def code(picture: Picture) -> tuple[int, Picture]:
        height, width = picture.shape[:2]
        opaque = np.dstack([picture, np.full((height, width), 255, np.uint8)])
        data = bytes(library.rgba_to_thumb_hash(width, height, opaque.ravel().tolist()))
        w, h, samples = library.thumb_hash_to_rgba(data)
        decoded = Image.frombytes("RGBA", (w, h), samples).convert("RGB")
        return len(data), np.asarray(decoded.resize((width, height), Image.Resampling.BICUBIC))

    return Codec("ThumbHash", code)


def rivals() -> tuple[list[Codec], list[str]]:
    """The other kinds that are installed, and a note for each that is not."""
    found, notes = [], []
    makers: tuple[Callable[[], list[Codec]], ...] = (
        lambda: [blurhash(*components) for components in BLUR_COMPONENTS],
        lambda: [thumbhash()],
    )
    for package, made in zip(PACKAGES, makers, strict=True):
        if find_spec(package):
            found += made()
        else:
            notes.append(f"Left out, as it is not installed: {package} (`pip install {package}`).")
    return found, notes


def reduced(path: Path) -> Picture:
    """A picture file with 32 pixels on its longer side, by Lanczos resampling."""
    image = Image.open(path).convert("RGB")
    scale = SIDE / max(image.size)
    size = [max(1, round(side * scale)) for side in image.size]
    return np.asarray(image.resize((size[0], size[1]), Image.Resampling.LANCZOS))


def row_of(codec: Codec, pictures: Sequence[Picture]) -> list[str]:
    """A row of the table: mean bytes, mean PSNR, mean error of the tint."""
    coded = [(picture, *codec.code(picture)) for picture in pictures]
    sizes = np.mean([size for _, size, _ in coded])
    quality = np.mean([_psnr(picture, decoded) for picture, _, decoded in coded])
    tint = np.mean([colour_error(picture, decoded) for picture, _, decoded in coded])
    return [codec.name, number(float(sizes)), number(float(quality), 2), number(float(tint))]


def sheet(codecs: Sequence[Codec], pictures: Sequence[Picture]) -> Image.Image:
    """Originals and what the placeholders show, one row for each picture."""
    rows = []
    for picture in pictures:
        cells = [Cell(picture)]
        for codec in codecs:
            size, decoded = codec.code(picture)
            cells.append(Cell(decoded, f"{size} bytes, {_psnr(picture, decoded):.1f} dB"))
        rows.append(Row(cells))
    names = [codec.name.partition(",")[0] for codec in codecs]
    return draw([Section("", rows, SCALE, ["32 pixels", *names])])


@click.command("placeholders")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A .md file.")
def command(folder: Path, output: Path) -> None:
    """Measure placeholders of the pictures in FOLDER; write a page, and a sheet of pictures beside it."""
    require_folders(output)
    pictures = [reduced(path) for path in some_picture_files(folder)]
    others, notes = rivals()
    codecs = [*map(ours, SIZES), *others, *map(aec_file, AEC_SIZES)]
    rows = []
    for done, codec in enumerate(codecs):
        progress(codec.name, done, len(codecs))
        rows.append(row_of(codec, pictures))
    drawn = output.with_suffix(".png")
    beside = [codec for codec in others if codec.name in BESIDE]
    spread = [pictures[k * (len(pictures) - 1) // max(1, SHOWN - 1)] for k in range(min(SHOWN, len(pictures)))]
    sheet([*beside, ours(24)], spread).save(drawn, optimize=True)
    installed = [f"{package} {version(package)}" for package in PACKAGES if find_spec(package)]
    page = [
        "# Placeholders",
        f"    {command_line()}",
        MEASURED.format(count=len(pictures), side=SIDE),
        table(["placeholder", "bytes", "PSNR, dB", "error of the tint"], rows),
        f"![Pictures, and what placeholders of several kinds show of them]({drawn.name})",
        REMARKS.format(megabytes=registry.files()[registry.by_name("cifar").name].stat().st_size / 1e6),
        " ".join([*notes, f"{', '.join([environment(), *installed])}."]),
    ]
    publish(page, output)
