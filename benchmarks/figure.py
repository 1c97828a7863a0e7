"""Pictures to look at: originals above what their files decode to, at one quality or within budgets of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

import aecodec
from aecodec.cli.option_values import number_list
from aecodec.evaluation.curves import Point, point
from aecodec.evaluation.pages import environment, number, table
from aecodec.evaluation.rivals import PNG, RIVALS
from aecodec.evaluation.sheets import Cell, Row, Section, draw
from aecodec.evaluation.sweeps import Reconstruction, aecodec_codec, fit_budgets, rival_codec
from aecodec.sources.items import spread
from aecodec.sources.readers import Picture
from benchmarks import datasets
from benchmarks.reporting import command_line, output_option, progress, publish, require_folders


@dataclass(frozen=True)
class Coded:
    """Some pictures of a data set, their files, and the decoded pictures."""

    title: str
    originals: Sequence[Picture]
    files: Sequence[bytes]
    decoded: Sequence[Picture]

    @property
    def point(self) -> Point:
        """Their rate and distortion."""
        return point(0, self.originals, self.files, self.decoded)

    def section(self, scale: int) -> Section:
        """Originals above decoded pictures, enlarged `scale` times."""
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
    """The picture as PNG."""
    return PNG.encode(picture, **PNG.best)


def code(title: str, pictures: Sequence[Picture], model: str, quality: int) -> Coded:
    """Encode and decode pictures."""
    files = aecodec.encode_many(pictures, model=model, quality=quality)
    return Coded(title, pictures, files, aecodec.decode_many(files))


def webp_nearest(picture: Picture, psnr: float) -> Point:
    """WebP at the quality whose PSNR is nearest; of equals the smallest file."""
    webp = RIVALS["webp"]
    points = []
    for quality in range(101):
        data = webp.encode(picture, quality=quality, **webp.best)
        points.append(point(quality, [picture], [data], [webp.decode(data, picture.ndim == 2)]))
    return min(points, key=lambda p: (abs(p.psnr - psnr), p.file_bytes))


def compare(rows: Sequence[Coded]) -> str:
    """Table of the first picture of each set, as PNG, as WebP and as .aec."""
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
    """Pictures of a data set within a number of bytes, by aecodec and by a rival.

    reconstructions: by the name of the codec.
    """

    title: str
    file_bytes: int
    originals: Sequence[Picture]
    reconstructions: dict[str, Sequence[Reconstruction]]


def budgets(
    title: str, pictures: Sequence[Picture], model: str, rival_name: str, limits: Sequence[int]
) -> list[Budget]:
    """Fit pictures into each number of bytes."""
    codecs = [aecodec_codec(model), rival_codec(RIVALS[rival_name], pictures[0].ndim == 2)]
    found = {codec.name: fit_budgets(codec, pictures, limits) for codec in codecs}
    return [
        Budget(title, limit, pictures, {name: rows[number] for name, rows in found.items()})
        for number, limit in enumerate(limits)
    ]


def reconstruction_row(name: str, reconstructions: Sequence[Reconstruction]) -> Row:
    """A codec's row of a sheet. The note of a picture that does not fit is stressed."""
    return Row([Cell(r.picture, f"{r.file_bytes:,} B, {r.psnr:.1f} dB", not r.fits) for r in reconstructions], name)


def budget_sections(found: Sequence[Budget], scale: int) -> list[Section]:
    """The originals, and for each budget a section of two rows."""
    title = f"{found[0].title}: for each picture the highest quality of each codec that fits"
    sections = [Section(title, [Row([Cell(p) for p in found[0].originals], "original")], scale)]
    for budget in found:
        title = f"At most {budget.file_bytes:,} bytes"
        if not all(r.fits for row in budget.reconstructions.values() for r in row):
            title += " (orange: the smallest file is larger)"
        rows = [reconstruction_row(name, found) for name, found in budget.reconstructions.items()]
        sections.append(Section(title, rows, scale))
    return sections


def budget_table(found: Sequence[Budget]) -> str:
    """Table of means over the pictures shown; PSNR of the pooled mean squared error."""
    names = list(found[0].reconstructions)
    head = ["", "at most", *(f"{name} {what}" for name in names for what in ("bytes", "dB", "fit"))]
    rows = []
    for budget in found:
        row = [budget.title, f"{budget.file_bytes:,} bytes"]
        for fitted in budget.reconstructions.values():
            pooled = point(0, budget.originals, [b""] * len(fitted), [f.picture for f in fitted])
            row += [number(float(np.mean([f.file_bytes for f in fitted]))), number(pooled.psnr)]
            row.append(f"{sum(f.fits for f in fitted)} of {len(fitted)}")
        rows.append(row)
    return table(head, rows)


@dataclass(frozen=True)
class Settings:
    """The options of the command."""

    sets: tuple[tuple[str, str, str], ...]
    index: tuple[int, ...]
    quality: int
    budgets: tuple[int, ...] | None
    rival: str
    count: int
    scale: int
    tile: int
    output: Path
    page: Path | None


@click.command("figure")
@click.option(
    "--set", "sets", nargs=3, multiple=True, required=True, metavar="TITLE DATA MODEL", help="Once for each data set."
)
@click.option(
    "--index", type=number_list(0, 1 << 30), default="0", metavar="N,N,...", help="The table's picture of each set."
)
@click.option("-q", "--quality", default=75, show_default=True, help="Without --budgets.")
@click.option("--budgets", type=number_list(1, 1 << 30), metavar="N,N,...", help="In bytes of a file.")
@click.option("--rival", type=click.Choice(list(RIVALS)), default="webp", show_default=True)
@click.option("--count", default=10, show_default=True, help="Pictures in a row.")
@click.option("--scale", default=4, show_default=True, help="Factor of enlargement.")
@click.option("--tile", default=32, show_default=True, help="Width and height of a sheet's tiles.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default="docs/reconstructions.png", show_default=True)
@output_option("--page", text="Write the table to this file, as Markdown.")
def command(**options: Any) -> None:
    """Draw originals and what their files decode to, and print a table.

    Without --budgets files have one quality, and the table is of one picture of each set: the first, or the one of
    --index. With --budgets aecodec stands beside a rival, each at the highest quality whose file is not larger, and the
    table has means over the pictures shown. The pictures lie at even distances in each data set, from its first on.
    """
    settings = Settings(**options)
    require_folders(settings.output, settings.page)
    sections: list[Section] = []
    single: list[Coded] = []
    fitted: list[Budget] = []
    for place, (title, data, model) in enumerate(settings.sets):
        progress(title)
        pictures = datasets.load([data], (settings.tile, settings.tile))
        some = spread(pictures, settings.count)
        if settings.budgets:
            found = budgets(title, some, model, settings.rival, settings.budgets)
            sections += budget_sections(found, settings.scale)
            fitted += found
        else:
            index = settings.index[place] if place < len(settings.index) else 0
            sections.append(code(title, some, model, settings.quality).section(settings.scale))
            single.append(code(title, pictures[index : index + 1], model, settings.quality))
    draw(sections).save(settings.output, optimize=True)
    page = [f"    {command_line()}", f"![Originals and decoded pictures]({settings.output.name})"]
    page.append(budget_table(fitted) if fitted else compare(single))
    rival = RIVALS[settings.rival if fitted else "webp"]
    page.append(f"{environment([rival], [model for _, _, model in settings.sets])}.")
    publish(page, settings.page)
