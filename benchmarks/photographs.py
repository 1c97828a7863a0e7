"""A folder of photographs through `aec compress -r` and `aec decompress -r`: does what they carry survive?

    python benchmarks/photographs.py FOLDER [-q 75] [-m auto] [-o docs/photographs.md]

FOLDER's JPEG and PNG files are copied. Of the first JPEG that has an EXIF block the copy gets eight more, one for each
orientation, stored as a camera stores them: turned, with the tag that says how to turn them back. What comes back is
compared with what a viewer shows of the original: size, pixels, ICC profile, EXIF (orientation 1, thumbnail dropped,
every other value of the first directory kept), XMP, resolution. A difference is an error, and the exit code 1.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from many import AEC
from PIL import ExifTags, Image, ImageOps
from reporting import command_line, environment, number, progress, publish, run, table

from aecodec import metrics
from aecodec.images import loading
from aecodec.images.source import Source

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
    """The photographs of `source` in `folder`, and eight orientations of one of them."""
    found = sorted(p for p in source.iterdir() if p.suffix.lower() in SUFFIXES)
    if not found:
        raise ValueError(f"{source} holds no JPEG or PNG files")
    copies = [Path(shutil.copy(p, folder / p.name)) for p in found]
    turned = next((p for p in copies if p.suffix.lower() != ".png" and "exif" in Image.open(p).info), None)
    if turned is not None:
        copies += [orient(turned, folder / f"orientation-{number}.jpg", number) for number in range(1, 9)]
    return copies


def orient(photograph: Path, target: Path, orientation: int) -> Path:
    with Image.open(photograph) as image:
        exif = image.getexif()
        exif[ExifTags.Base.Orientation] = orientation
        stored = image.transpose(STORED[orientation]) if orientation in STORED else image
        kept = {key: image.info[key] for key in ("icc_profile", "xmp", "dpi") if key in image.info}
        stored.save(target, quality=95, exif=exif.tobytes(), **kept)
    return target


def aec(*words: str) -> None:
    said = subprocess.run([*AEC, *words], capture_output=True, text=True)
    if said.returncode:
        raise ValueError(f"aec {words[0]}: exit code {said.returncode}: {said.stderr.strip()}")


def tags(image: Image.Image) -> dict[int, Any]:
    """The values of the first EXIF directory that have to survive."""
    return {tag: value for tag, value in image.getexif().items() if tag not in OFFSETS}


def same_resolution(first: Any, second: Any) -> bool:
    if not first or not second:
        return not first and not second
    return all(abs(float(a) - float(b)) <= DPI_TOLERANCE for a, b in zip(first, second, strict=True))


def _opacity(source: Source) -> np.ndarray:
    """(H, W), or nothing for a picture that has none."""
    return np.zeros(0, np.uint8) if source.alpha is None else source.alpha


def _alone(samples: np.ndarray) -> np.ndarray:
    """One picture as a stack (1, H, W, C)."""
    return samples.reshape(1, *samples.shape[:2], -1)


def check(original: Path, file: Path, back: Path) -> tuple[str, ...]:
    """A row of the table. Raises ValueError naming what was lost."""
    with Image.open(original) as stored, Image.open(back) as image:
        orientation = stored.getexif().get(ExifTags.Base.Orientation, 1)
        shown = ImageOps.exif_transpose(stored)
        wrong = []
        if image.size != shown.size:
            wrong.append(f"its size is {image.size} and not {shown.size}")
        if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            wrong.append("it is to be turned once more")
        if tags(image) != tags(stored):
            wrong.append("its EXIF values differ")
        for key in ("icc_profile", "xmp"):
            if image.info.get(key) != stored.info.get(key):
                wrong.append(f"its {key} differs")
        if not same_resolution(stored.info.get("dpi"), image.info.get("dpi")):
            wrong.append(f"its resolution is {image.info.get('dpi')} and not {stored.info.get('dpi')}")
        expected, found = loading.load(shown), loading.load(image)
        if not np.array_equal(_opacity(expected), _opacity(found)):
            wrong.append("its opacity differs")
        if wrong:
            raise ValueError(f"{original.name} came back changed: {'; '.join(wrong)}")
        psnr = metrics.pooled_psnr(*(_alone(source.samples) for source in (expected, found)))
        return (
            original.name,
            f"{shown.width}x{shown.height} {image.mode}",
            str(orientation),
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("-q", "--quality", type=int, default=75)
    parser.add_argument("-m", "--model", default="auto")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the Markdown there as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        options = ("-q", str(arguments.quality), "-m", arguments.model)
        rows = round_trip(arguments.folder, Path(scratch), options)
    head = ("photograph", "shown as", "orientation", "ICC", "EXIF", "XMP", "dpi", ".aec bytes", "PSNR")
    page = [
        "# Photographs there and back",
        f"    {command_line(__file__)}",
        table(head, rows),
        f"All {len(rows)} came back upright, with the size that a viewer shows, the same profile, EXIF values, XMP,"
        " resolution and opacity: the command fails where one does not. ICC, EXIF and XMP in bytes as the original has"
        " them, PSNR (dB) against the upright original. `orientation-1` to `-8` are made from one of the photographs,"
        " stored turned as cameras do.",
        environment() + ".",
    ]
    publish(page, arguments.output)


if __name__ == "__main__":
    run(main)
