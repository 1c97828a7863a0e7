"""Pictures to look at: originals above what their files decode to, at one quality or within budgets of bytes.

    python benchmarks/figure.py --set Digits IDX mnist --set Letters IDX alphabet --set CIFAR-10 SHEET cifar
    python benchmarks/figure.py --set CIFAR-10 SHEET cifar --budgets 100,200,300 --count 12 -o FILE.png

The first draws originals and what .aec files of one quality decode to, and prints a table of one picture of each set,
the first or the one that --index names. The second draws aecodec beside a rival, each at the highest quality whose file
is not larger than the budget, and prints means over the pictures shown.

Nothing is picked by hand: the pictures shown are spread evenly over each data set, beginning with its first. Pixels are
enlarged, not smoothed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import datasets
import numpy as np
from datasets import Picture, spread
from reporting import command_line, environment, number, numbers, progress, publish, require_folders, run, table

import aecodec
from aecodec.evaluation.curves import Point, point
from aecodec.evaluation.rivals import PNG, RIVALS
from aecodec.evaluation.sheets import Cell, Row, Section, draw
from aecodec.evaluation.sweeps import Fitted, ours, theirs, within


@dataclass(frozen=True)
class Coded:
    """Some pictures of a data set, their files, and what those decode to."""

    title: str
    originals: Sequence[Picture]
    files: Sequence[bytes]
    decoded: Sequence[Picture]

    @property
    def point(self) -> Point:
        return point(0, self.originals, self.files, self.decoded)

    def section(self, scale: int) -> Section:
        png = np.mean([len(lossless(picture)) for picture in self.originals])
        info = aecodec.inspect(self.files[0])
        title = (
            f"{self.title}: model {info.model}, quality {info.quality}, mean {self.point.file_bytes:.1f} bytes a file"
            f" (PNG {png:,.0f}), {self.point.psnr:.1f} dB"
        )
        above = [Cell(picture) for picture in self.originals]
        below = [Cell(p, f"{len(file)} bytes") for p, file in zip(self.decoded, self.files, strict=True)]
        return Section(title, [Row(above), Row(below)], scale)


def lossless(picture: Picture) -> bytes:
    return PNG.encode(picture, **PNG.best)


def code(title: str, pictures: Sequence[Picture], model: str, quality: int) -> Coded:
    files = aecodec.encode_many(pictures, model=model, quality=quality)
    return Coded(title, pictures, files, aecodec.decode_many(files))


def webp_nearest(picture: Picture, psnr: float) -> Point:
    """WebP at the quality whose PSNR is nearest; the smallest file of those."""
    webp = RIVALS["webp"]
    points = []
    for quality in range(101):
        data = webp.encode(picture, quality=quality, **webp.best)
        points.append(point(quality, [picture], [data], [webp.decode(data, picture.ndim == 2)]))
    return min(points, key=lambda p: (abs(p.psnr - psnr), p.file_bytes))


def compare(rows: Sequence[Coded]) -> str:
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


@dataclass(frozen=True)
class Budget:
    """Pictures of a data set within a number of bytes, by aecodec and by a rival."""

    title: str
    file_bytes: int
    originals: Sequence[Picture]
    shown: dict[str, Sequence[Fitted]]  # by the codec's name


def budgets(
    title: str, pictures: Sequence[Picture], model: str, rival_name: str, limits: Sequence[int]
) -> list[Budget]:
    """One for each limit."""
    codecs = [ours(model), theirs(RIVALS[rival_name], pictures[0].ndim == 2)]
    found = {codec.name: within(codec, pictures, limits) for codec in codecs}
    return [
        Budget(title, limit, pictures, {name: rows[number] for name, rows in found.items()})
        for number, limit in enumerate(limits)
    ]


def fitted_row(name: str, fitted: Sequence[Fitted]) -> Row:
    """A codec's row of a sheet. The note of a picture that does not fit is stressed."""
    return Row([Cell(f.picture, f"{f.file_bytes:,} B, {f.psnr:.1f} dB", not f.fits) for f in fitted], name)


def budget_sections(found: Sequence[Budget], scale: int) -> list[Section]:
    """The originals, and a section of two rows a budget."""
    title = f"{found[0].title}: for each picture the highest quality of each codec that fits"
    sections = [Section(title, [Row([Cell(p) for p in found[0].originals], "original")], scale)]
    for budget in found:
        title = f"At most {budget.file_bytes:,} bytes"
        if not all(f.fits for fitted in budget.shown.values() for f in fitted):
            title += " (orange: the smallest file is larger)"
        rows = [fitted_row(name, fitted) for name, fitted in budget.shown.items()]
        sections.append(Section(title, rows, scale))
    return sections


def budget_table(found: Sequence[Budget]) -> str:
    """Means over the pictures shown; PSNR of the pooled mean squared error."""
    names = list(found[0].shown)
    head = ["", "at most", *(f"{name} {what}" for name in names for what in ("bytes", "dB", "fit"))]
    rows = []
    for budget in found:
        row = [budget.title, f"{budget.file_bytes:,} bytes"]
        for fitted in budget.shown.values():
            pooled = point(0, budget.originals, [b""] * len(fitted), [f.picture for f in fitted])
            row += [number(float(np.mean([f.file_bytes for f in fitted]))), number(pooled.psnr)]
            row.append(f"{sum(f.fits for f in fitted)} of {len(fitted)}")
        rows.append(row)
    return table(head, rows)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--set", nargs=3, action="append", required=True, metavar=("TITLE", "DATA", "MODEL"), help="once for each set"
    )
    parser.add_argument("--index", type=int, nargs="*", default=[], help="of the table's picture, a set each")
    parser.add_argument("-q", "--quality", type=int, default=75, help="without --budgets (default: 75)")
    parser.add_argument("--budgets", type=numbers(int), metavar="N,N,...", help="bytes of a file")
    parser.add_argument("--rival", choices=[n for n in RIVALS if n != "png"], default="webp", help="(default: webp)")
    parser.add_argument("--count", type=int, default=10, help="of pictures a row (default: 10)")
    parser.add_argument("--scale", type=int, default=4, help="pixels a pixel (default: 4)")
    parser.add_argument("--tile", type=int, default=32, metavar="N", help="width and height of a sheet's tiles")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/reconstructions.png"), metavar="FILE")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write what is printed there as Markdown")
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    require_folders([arguments.output, arguments.page])
    sections: list[Section] = []
    single: list[Coded] = []
    fitted: list[Budget] = []
    for number_, (title, data, model) in enumerate(arguments.set):
        progress(title)
        pictures = datasets.load([data], (arguments.tile, arguments.tile))
        some = spread(pictures, arguments.count)
        if arguments.budgets:
            found = budgets(title, some, model, arguments.rival, arguments.budgets)
            sections += budget_sections(found, arguments.scale)
            fitted += found
        else:
            index = arguments.index[number_] if number_ < len(arguments.index) else 0
            sections.append(code(title, some, model, arguments.quality).section(arguments.scale))
            single.append(code(title, pictures[index : index + 1], model, arguments.quality))
    draw(sections).save(arguments.output, optimize=True)
    page = [f"    {command_line(__file__)}", f"![What files decode to]({arguments.output.name})"]
    page.append(budget_table(fitted) if fitted else compare(single))
    rival = RIVALS[arguments.rival if fitted else "webp"]
    page.append(f"{environment([rival], [model for _, _, model in arguments.set])}.")
    publish(page, arguments.page)


if __name__ == "__main__":
    run(main)
