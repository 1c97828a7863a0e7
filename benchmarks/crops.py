"""Crops of photographs, in colour and gray: bytes at equal PSNR by aecodec and others, and a sheet to look at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

from aecodec.cli.option_values import number_list, psnr_list
from aecodec.evaluation.curves import Curve, bd_rate, bytes_at
from aecodec.evaluation.pages import environment, number, table
from aecodec.evaluation.rivals import Rival, available
from aecodec.evaluation.sheets import Cell, Row, Section, draw
from aecodec.evaluation.sweeps import aecodec_codec, fit_budgets, rival_codec, sweep
from aecodec.sources.items import spread
from aecodec.sources.readers import Picture
from benchmarks import datasets
from benchmarks.figure import reconstruction_row
from benchmarks.reporting import (
    command_line,
    model_option,
    output_option,
    publish,
    qualities_option,
    require_folders,
    rivals_option,
)

SHOWN_WIDTH = 288  # of a crop on the sheet, in pixels, about: crops are enlarged by whole factors


def compare(curves: Sequence[Curve], points_db: Sequence[float]) -> str:
    """Table of the curves' bytes at each PSNR, and the ratio of the first one's to the others'."""
    head = ["PSNR dB", f"{curves[0].name} bytes"]
    for curve in curves[1:]:
        head += [f"{curve.name} bytes", "ratio"]
    rows = []
    for at in points_db:
        mine = bytes_at(curves[0].points, at)
        row = [number(at), number(mine, 0)]
        for curve in curves[1:]:
            needed = bytes_at(curve.points, at)
            row += [number(needed, 0), number(mine / needed if mine and needed else None, 3)]
        rows.append(row)
    return table(head, rows, left=0)


def summary(curves: Sequence[Curve]) -> str:
    """The BD-rates of the first curve against the others."""
    parts = []
    for curve in curves[1:]:
        found = bd_rate(curves[0].points, curve.points)
        if found is not None:
            parts.append(f"**{found[0]:+.1f} %** against {curve.name} ({found[1]:.1f} to {found[2]:.1f} dB)")
    return f"BD-rate: {', '.join(parts) or 'no PSNR range in common'}."


def section(size: int, crops: Sequence[Picture], model: str, rival: Rival, bits_per_pixel: float) -> Section:
    """Crops of one size, and below them what both codecs make of them within a budget of bytes."""
    budget = int(bits_per_pixel * size * size / 8)
    rows = [Row([Cell(crop) for crop in crops], "original")]
    for codec in (aecodec_codec(model), rival_codec(rival, crops[0].ndim == 2)):
        rows.append(reconstruction_row(codec.name, fit_budgets(codec, crops, [budget])[0]))
    title = f"Crops of {size}x{size}, at most {budget:,} bytes ({bits_per_pixel:g} bits/pixel)"
    return Section(title, rows, max(1, round(SHOWN_WIDTH / size)))


def cut(pictures: Sequence[Picture], size: int, count: int, seed: int) -> list[Picture]:
    """Cut `count` crops of size x size from random places of each picture, the same for the same seed.

    Raises ValueError for a picture that is smaller.
    """
    rng = np.random.default_rng(seed)
    found = []
    for picture in pictures:
        height, width = picture.shape[:2]
        if min(height, width) < size:
            raise ValueError(f"a picture of {width}x{height} has no crops of {size}x{size}")
        for _ in range(count):
            top, left = rng.integers(height - size + 1), rng.integers(width - size + 1)
            found.append(np.ascontiguousarray(picture[top : top + size, left : left + size]))
    return found


def gray(picture: Picture) -> Picture:
    """The luma of a picture (H, W, 3), ITU-R BT.601, as Pillow computes it; a gray one as it is."""
    return np.asarray(Image.fromarray(picture).convert("L"))


@dataclass(frozen=True)
class Settings:
    """The options of the command."""

    data: tuple[str, ...]
    model: str
    sizes: tuple[int, ...]
    count: int
    seed: int
    qualities: tuple[int, ...]
    at: tuple[float, ...]
    rivals: tuple[str, ...]
    output: Path | None
    json_file: Path | None
    sheet: Path | None
    bits_per_pixel: float
    shown: int


def measure(settings: Settings, crops: Sequence[Picture], rivals: Sequence[Rival]) -> list[Curve]:
    """The curves of aecodec and the rivals over crops, all of them gray or all in colour."""
    is_gray = crops[0].ndim == 2
    curves = [sweep(aecodec_codec(settings.model), crops, settings.qualities, similarities=())]
    curves += [sweep(rival_codec(rival, is_gray), crops, rival.qualities, similarities=()) for rival in rivals]
    return curves


@click.command("crops")
@click.argument("data", nargs=-1, required=True, metavar="FOLDER...")
@model_option()
@click.option(
    "--sizes", type=number_list(1, 1 << 16), metavar="N,N,...", default="64,96,128", show_default=True, help="Of crops."
)
@click.option("--count", default=4, show_default=True, help="Crops of each size from each photograph.")
@click.option("--seed", default=1, show_default=True, help="Of the crops' places.")
@qualities_option("10,20,30,40,50,60,70,80")
@click.option(
    "--at",
    type=psnr_list,
    metavar="DB,DB,...",
    default="26,28,30,32,34",
    show_default=True,
    help="PSNRs of the table, in dB.",
)
@rivals_option("webp,jxl")
@output_option()
@output_option("--json", "json_file", text="Write all points to this file, as JSON.")
@output_option("--sheet", text="Write a sheet of crops to this PNG file.")
@click.option("--bits-per-pixel", default=0.75, show_default=True, help="At most, of crops on the sheet.")
@click.option("--shown", default=6, show_default=True, help="Crops of each size on the sheet.")
def command(**options: Any) -> None:
    """Compare crops of photographs, in colour and gray, at equal PSNR of the pooled mean squared error.

    FOLDERs hold photographs that no model was trained on. Bytes are means of whole files, interpolated between the
    measured qualities. The sheet shows crops at even distances, each at the highest quality that fits.
    """
    settings = Settings(**options)
    require_folders(settings.output, settings.json_file, settings.sheet)
    photographs = datasets.load(settings.data)
    rivals, notes = available(settings.rivals)
    count = len(photographs) * settings.count
    page = [
        f"# Crops of {len(photographs)} photographs",
        f"    {command_line()}",
        f"{count} crops of each size, in colour and gray, seed {settings.seed}; model `{settings.model}`. Mean bytes of"
        " whole files at equal PSNR of the pooled mean squared error, compared with"
        f" {', '.join(rival.described() for rival in rivals)}.",
    ]
    points: dict[str, dict[str, list[dict[str, float | None]]]] = {}
    sections = []
    for size in settings.sizes:
        coloured = cut(photographs, size, settings.count, settings.seed)
        for kind, crops in (("colour", coloured), ("gray", [gray(crop) for crop in coloured])):
            curves = measure(settings, crops, rivals)
            page += [f"## {size}x{size}, {kind}", compare(curves, settings.at), summary(curves)]
            points[f"{size}x{size} {kind}"] = {c.name: [asdict(p) for p in c.points] for c in curves}
        if settings.sheet and rivals:
            some = spread(coloured, settings.shown)
            sections.append(section(size, some, settings.model, rivals[0], settings.bits_per_pixel))
    if sections and settings.sheet:
        draw(sections).save(settings.sheet, optimize=True)
        page.append(f"![Crops, and the same crops coded by aecodec and {rivals[0].name}]({settings.sheet.name})")
    about = environment(rivals, [settings.model])
    publish([*page, *notes, about + "."], settings.output)
    if settings.json_file:
        content = {"command": command_line(), "environment": about, "crops": count, "points": points}
        settings.json_file.write_text(json.dumps(content, indent=1) + "\n")
