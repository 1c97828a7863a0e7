"""Originals above what their .aec files decode to, as one picture, and a table of one picture of each data set.

    python benchmarks/figure.py --set Digits IDX mnist --set Letters IDX alphabet --set CIFAR-10 SHEET cifar

Nothing is picked by hand: the pictures shown are spread evenly over each data set, beginning with its first, and the
table is of the first, or of the one that --index names. Pixels are enlarged, not smoothed. The numbers below the
pictures are the bytes of their files; means and PSNR in the labels are those of the pictures shown.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import datasets
import numpy as np
from curves import Point, point
from datasets import Picture
from PIL import Image, ImageDraw, ImageFont
from reporting import command_line, environment, number, progress, run, table
from rivals import RIVALS

import aecodec

MARGIN, GAP = 28, 10
INK, PALE, PAPER = (32, 32, 36), (110, 110, 118), (255, 255, 255)
LABEL_SIZE, NOTE_SIZE = 25, 19


@dataclass(frozen=True)
class Row:
    """Some pictures of a data set, their files, and what those decode to."""

    title: str
    originals: Sequence[Picture]
    files: Sequence[bytes]
    decoded: Sequence[Picture]

    @property
    def point(self) -> Point:
        return point(0, self.originals, self.files, self.decoded)

    @property
    def label(self) -> str:
        png = np.mean([len(lossless(picture)) for picture in self.originals])
        info = aecodec.inspect(self.files[0])
        return (
            f"{self.title}: model {info.model}, quality {info.quality}, mean {self.point.file_bytes:.1f} bytes a file"
            f" (PNG {png:,.0f}), {self.point.psnr:.1f} dB"
        )


def lossless(picture: Picture) -> bytes:
    return RIVALS["png"].encode(picture, **RIVALS["png"].best)


def code(title: str, pictures: Sequence[Picture], model: str, quality: int) -> Row:
    files = aecodec.encode_many(pictures, model=model, quality=quality)
    return Row(title, pictures, files, aecodec.decode_many(files))


def spread(pictures: Sequence[Picture], count: int) -> list[Picture]:
    """`count` pictures at even distances, from the first on."""
    return [pictures[len(pictures) * i // count] for i in range(min(count, len(pictures)))]


def draw(rows: Sequence[Row], scale: int) -> Image.Image:
    """The sheet: for each row a label, originals, what was decoded, and bytes."""
    cell = scale * max(max(picture.shape[:2]) for row in rows for picture in row.originals)
    columns = max(len(row.originals) for row in rows)
    heights = [scale * max(picture.shape[0] for picture in row.originals) for row in rows]
    above, below = LABEL_SIZE + 16, NOTE_SIZE + 30
    width = 2 * MARGIN + columns * (cell + GAP) - GAP
    height = 2 * MARGIN + sum(2 * h + GAP + above + below for h in heights) - below + NOTE_SIZE + 6
    sheet = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    label_font, note_font = ImageFont.load_default(LABEL_SIZE), ImageFont.load_default(NOTE_SIZE)
    top = MARGIN
    for row, h in zip(rows, heights, strict=True):
        pen.text((MARGIN, top), row.label, INK, label_font)
        top += above
        for column, (original, file, decoded) in enumerate(zip(row.originals, row.files, row.decoded, strict=True)):
            left = MARGIN + column * (cell + GAP)
            for y, picture in ((top, original), (top + h + GAP, decoded)):
                large = enlarged(picture, scale)
                sheet.paste(large, (left + (cell - large.width) // 2, y))
            pen.text((left + cell // 2, top + 2 * h + GAP + 6), f"{len(file)} bytes", PALE, note_font, anchor="ma")
        top += 2 * h + GAP + below
    return sheet


def enlarged(picture: Picture, scale: int) -> Image.Image:
    image = Image.fromarray(picture).convert("RGB")
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)


def webp_nearest(picture: Picture, psnr: float) -> Point:
    """WebP at the quality whose PSNR is nearest; the smallest file of those."""
    webp = RIVALS["webp"]
    points = []
    for quality in range(101):
        data = webp.encode(picture, quality=quality, **webp.best)
        points.append(point(quality, [picture], [data], [webp.decode(data, picture.ndim == 2)]))
    return min(points, key=lambda p: (abs(p.psnr - psnr), p.file_bytes))


def compare(rows: Sequence[Row]) -> str:
    """The table: the one picture of each row."""
    head = ("", "size", "PNG bytes", "WebP bytes", "WebP dB", "WebP quality", ".aec bytes", ".aec dB")
    lines = []
    for row in rows:
        mine, picture = row.point, row.originals[0]
        webp = webp_nearest(picture, mine.psnr)
        lines.append(
            (
                row.title,
                f"{picture.shape[1]}x{picture.shape[0]}",
                number(len(lossless(picture)), 0),
                number(webp.file_bytes, 0),
                number(webp.psnr),
                str(webp.setting),
                number(mine.file_bytes, 0),
                number(mine.psnr),
            )
        )
    return table(head, lines)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--set", nargs=3, action="append", required=True, metavar=("TITLE", "DATA", "MODEL"), help="once for each row"
    )
    parser.add_argument("--index", type=int, nargs="*", default=[], help="of the table's picture, a set each")
    parser.add_argument("-q", "--quality", type=int, default=75, help="(default: 75)")
    parser.add_argument("--count", type=int, default=10, help="of pictures a row (default: 10)")
    parser.add_argument("--scale", type=int, default=4, help="pixels a pixel (default: 4)")
    parser.add_argument("--tile", type=int, default=32, metavar="N", help="width and height of a sheet's tiles")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/reconstructions.png"), metavar="FILE")
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    shown, single = [], []
    for number_, (title, data, model) in enumerate(arguments.set):
        progress(title)
        pictures = datasets.load([data], (arguments.tile, arguments.tile))
        index = arguments.index[number_] if number_ < len(arguments.index) else 0
        shown.append(code(title, spread(pictures, arguments.count), model, arguments.quality))
        single.append(code(title, pictures[index : index + 1], model, arguments.quality))
    draw(shown, arguments.scale).save(arguments.output, optimize=True)
    progress("")
    print(f"    {command_line(__file__)}\n")
    print(compare(single))
    models = [model for _, _, model in arguments.set]
    print(f"\n{environment([RIVALS['webp']], models)}.")


if __name__ == "__main__":
    run(main)
