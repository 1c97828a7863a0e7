"""Photographs through `aec compress -r` and `aec decompress -r`: whether what they carry survives."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from aecodec import metrics
from aecodec.evaluation.pages import environment, number, table
from aecodec.images import loading
from aecodec.images.source import Source
from benchmarks.many import AEC
from benchmarks.reporting import command_line, model_option, output_option, progress, publish, require_folders

SUFFIXES = (".jpg", ".jpeg", ".png")
# How a viewer turns a picture of each orientation, undone: what a camera would have stored.
STORED: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
# The directory's own pointers, and the thumbnail's: what changes when a block is written anew.
OFFSETS = {ExifTags.Base.ExifOffset, ExifTags.Base.GPSInfo, ExifTags.Base.Orientation}
DPI_TOLERANCE = 0.02  # PNG counts whole pixels per metre


def copy(source: Path, folder: Path) -> list[Path]:
    """Copy the photographs of `source` to `folder`, and add eight orientations of the first JPEG that has EXIF."""
    found = sorted(p for p in source.iterdir() if p.suffix.lower() in SUFFIXES)
    if not found:
        raise ValueError(f"{source} holds no JPEG or PNG files")
    copies = [Path(shutil.copy(p, folder / p.name)) for p in found]
    turned = next((p for p in copies if p.suffix.lower() != ".png" and "exif" in Image.open(p).info), None)
    if turned is not None:
        copies += [orient(turned, folder / f"orientation-{number}.jpg", number) for number in range(1, 9)]
    return copies


def orient(photograph: Path, target: Path, orientation: int) -> Path:
    """Write a photograph as a camera stores that orientation: turned, with the tag that says how to turn it back."""
    with Image.open(photograph) as image:
        exif = image.getexif()
        exif[ExifTags.Base.Orientation] = orientation
        stored = image.transpose(STORED[orientation]) if orientation in STORED else image
        kept = {key: image.info[key] for key in ("icc_profile", "xmp", "dpi") if key in image.info}
        stored.save(target, quality=95, exif=exif.tobytes(), **kept)
    return target


def aec(*words: str) -> None:
    """Run the command. Raises ValueError if it fails."""
    done = subprocess.run([*AEC, *words], capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"aec {words[0]}: exit code {done.returncode}: {done.stderr.strip()}")


def tags(image: Image.Image) -> dict[int, Any]:
    """The values of the first EXIF directory that have to be kept."""
    return {tag: value for tag, value in image.getexif().items() if tag not in OFFSETS}


def same_resolution(first: Any, second: Any) -> bool:
    """Whether two values of `dpi` agree, or both are missing."""
    if not first or not second:
        return not first and not second
    return all(abs(float(a) - float(b)) <= DPI_TOLERANCE for a, b in zip(first, second, strict=True))


def _opacity(source: Source) -> NDArray[Any]:
    """(H, W), or nothing for a picture that has none."""
    return np.zeros(0, np.uint8) if source.alpha is None else source.alpha


def _alone(samples: NDArray[Any]) -> NDArray[Any]:
    """One picture as a stack (1, H, W, C)."""
    return samples.reshape(1, *samples.shape[:2], -1)


def differences(stored: Image.Image, back: Image.Image) -> list[str]:
    """What a decoded photograph lacks of what a viewer shows of the original."""
    shown = ImageOps.exif_transpose(stored)
    expected, found = loading.load(shown), loading.load(back)
    dpi, dpi_back = stored.info.get("dpi"), back.info.get("dpi")
    checks = {
        f"its size is {back.size} and not {shown.size}": back.size == shown.size,
        "it is to be turned once more": back.getexif().get(ExifTags.Base.Orientation, 1) == 1,
        "its EXIF values differ": tags(back) == tags(stored),
        "its icc_profile differs": back.info.get("icc_profile") == stored.info.get("icc_profile"),
        "its xmp differs": back.info.get("xmp") == stored.info.get("xmp"),
        f"its resolution is {dpi_back} and not {dpi}": same_resolution(dpi, dpi_back),
        "its opacity differs": np.array_equal(_opacity(expected), _opacity(found)),
    }
    return [text for text, good in checks.items() if not good]


def check(original: Path, file: Path, back: Path) -> tuple[str, ...]:
    """A row of the table. Raises ValueError naming what was lost."""
    with Image.open(original) as stored, Image.open(back) as image:
        wrong = differences(stored, image)
        if wrong:
            raise ValueError(f"{original.name} came back changed: {'; '.join(wrong)}")
        shown = ImageOps.exif_transpose(stored)
        psnr = metrics.pooled_psnr(*(_alone(loading.load(picture).samples) for picture in (shown, image)))
        return (
            original.name,
            f"{shown.width}x{shown.height} {image.mode}",
            str(stored.getexif().get(ExifTags.Base.Orientation, 1)),
            *(f"{len(stored.info[key]):,}" if key in stored.info else "-" for key in ("icc_profile", "exif", "xmp")),
            "-" if "dpi" not in stored.info else number(float(stored.info["dpi"][0]), 0),
            f"{file.stat().st_size:,}",
            number(psnr),
        )


def round_trip(source: Path, folder: Path, options: Sequence[str]) -> list[tuple[str, ...]]:
    """The rows of the table. Raises ValueError at the first picture that comes back with anything lost."""
    given, files, back = (folder / name for name in ("photographs", "compressed", "back"))
    given.mkdir()
    progress("copying")
    copies = copy(source, given)
    progress(f"compressing {len(copies)} photographs")
    aec("compress", "-r", str(given), "-o", str(files), "--quiet", *options)
    progress(f"decompressing {len(copies)} photographs")
    aec("decompress", "-r", str(files), "-o", str(back), "--quiet")
    return [check(p, files / f"{p.stem}.aec", back / f"{p.stem}.png") for p in copies]


@click.command("photographs")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("-q", "--quality", default=75, show_default=True)
@model_option("auto")
@output_option()
def command(folder: Path, quality: int, model: str, output: Path | None) -> None:
    """Compress and decompress the JPEG and PNG files of FOLDER, and compare what comes back.

    Of the first JPEG that has EXIF there are eight more copies, one for each orientation. Compared with what a viewer
    shows of the original: size, pixels, ICC profile, EXIF (orientation 1, no thumbnail, every other value of the first
    directory kept), XMP, resolution. A difference is an error.
    """
    require_folders(output)
    with tempfile.TemporaryDirectory() as scratch:
        rows = round_trip(folder, Path(scratch), ("-q", str(quality), "-m", model))
    head = ("photograph", "shown as", "orientation", "ICC", "EXIF", "XMP", "dpi", ".aec bytes", "PSNR")
    page = [
        "# Photographs compressed and decompressed",
        f"    {command_line()}",
        table(head, rows),
        f"All {len(rows)} came back upright, with the size that a viewer shows and with the same profile, EXIF values,"
        " XMP, resolution and opacity; otherwise the command would have failed. ICC, EXIF and XMP give the bytes of the"
        " original, PSNR (dB) compares with the upright original. `orientation-1` to `-8` are made from one of the"
        " photographs and stored rotated, as cameras do.",
        environment() + ".",
    ]
    publish(page, output)
