"""Crops of photographs, in colour and gray: bytes at equal PSNR by aecodec and others, and a sheet to look at.

    python benchmarks/crops.py FOLDER -m cifar [--sizes 64,96,128] [-o FILE.md] [--json FILE.json] [--sheet FILE.png]

FOLDER holds photographs that no model was trained on. From each, --count crops of each size are cut from places that
--seed draws. Bytes are means of whole files at a PSNR of the pooled mean squared error, between measured qualities on a
monotone cubic in (PSNR, log bytes). The sheet shows some crops, spread evenly, by aecodec and the first rival, each at
the highest quality whose file is not larger than --bits-per-pixel allows; enlarged without smoothing, so that borders
of tiles would be seen.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import datasets
from datasets import Picture, spread
from figure import fitted_row
from reporting import command_line, environment, number, numbers, progress, publish, require_folders, run, table

from aecodec.evaluation.curves import Curve, bd_rate, bytes_at
from aecodec.evaluation.rivals import RIVALS, Rival, available
from aecodec.evaluation.sheets import Cell, Row, Section, draw
from aecodec.evaluation.sweeps import ours, sweep, theirs, within

QUALITIES = range(10, 81, 10)
PSNR_POINTS = (26.0, 28.0, 30.0, 32.0, 34.0)
SHOWN_WIDTH = 288  # of a crop on the sheet, or the nearest that whole multiples of its pixels give


def compare(curves: Sequence[Curve], points_db: Sequence[float]) -> str:
    """Bytes of the curves at each PSNR, and the first one's ratio to the others."""
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
    """The BD-rates of the first curve."""
    parts = []
    for curve in curves[1:]:
        found = bd_rate(curves[0].points, curve.points)
        if found is not None:
            parts.append(f"**{found[0]:+.1f} %** against {curve.name} ({found[1]:.1f} to {found[2]:.1f} dB)")
    return f"BD-rate: {', '.join(parts) or 'no PSNR range in common'}."


def section(size: int, crops: Sequence[Picture], model: str, rival: Rival, bits_per_pixel: float) -> Section:
    """Crops of one size, and below them what both codecs make of them."""
    budget = int(bits_per_pixel * size * size / 8)
    rows = [Row([Cell(crop) for crop in crops], "original")]
    for codec in (ours(model), theirs(rival, crops[0].ndim == 2)):
        rows.append(fitted_row(codec.name, within(codec, crops, [budget])[0]))
    title = f"Crops of {size}x{size}, at most {budget:,} bytes ({bits_per_pixel:g} bits/pixel)"
    return Section(title, rows, max(1, round(SHOWN_WIDTH / size)))


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", metavar="FOLDER", help="of colour photographs, or single ones")
    parser.add_argument("-m", "--model", required=True, help="as `aec models` lists them")
    parser.add_argument("--sizes", type=numbers(int), default=(64, 96, 128), metavar="N,N,...", help="of crops")
    parser.add_argument("--count", type=int, default=4, help="of crops of each size a photograph (default: 4)")
    parser.add_argument("--seed", type=int, default=1, help="of the crops' places (default: 1)")
    parser.add_argument("--qualities", type=numbers(int), default=QUALITIES, metavar="Q,Q,...", help="of aecodec")
    parser.add_argument("--at", type=numbers(float), default=PSNR_POINTS, metavar="DB,DB,...", help="PSNR points")
    names = [name for name in RIVALS if name != "png"]
    parser.add_argument("--rivals", nargs="+", default=["webp", "jxl"], choices=names, help="(default: webp jxl)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the Markdown there as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all points, as JSON")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="write the picture there")
    parser.add_argument("--bits-per-pixel", type=float, default=0.75, metavar="R", help="on the sheet (default: 0.75)")
    parser.add_argument("--shown", type=int, default=6, help="crops of each size on the sheet (default: 6)")
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    require_folders([arguments.output, arguments.json, arguments.sheet])
    photographs = datasets.load(arguments.data)
    rivals, notes = available(arguments.rivals)
    page = [
        f"# Crops of {len(photographs)} photographs",
        f"    {command_line(__file__)}",
        f"{len(photographs) * arguments.count} crops of each size, in colour and gray, seed {arguments.seed}; model"
        f" `{arguments.model}`. Mean bytes of whole files at equal PSNR of the pooled mean squared error, beside"
        f" {', '.join(rival.described() for rival in rivals)}.",
    ]
    measured: dict[str, dict[str, list[dict[str, float | None]]]] = {}
    sections = []
    for size in arguments.sizes:
        coloured = datasets.crops(photographs, size, arguments.count, arguments.seed)
        for kind, crops in (("colour", coloured), ("gray", [datasets.gray(crop) for crop in coloured])):
            curves = [sweep(ours(arguments.model), crops, arguments.qualities, similarity=False)]
            for rival in rivals:
                curves.append(sweep(theirs(rival, kind == "gray"), crops, rival.qualities, similarity=False))
            page += [f"## {size}x{size}, {kind}", compare(curves, arguments.at), summary(curves)]
            measured[f"{size}x{size} {kind}"] = {c.name: [asdict(p) for p in c.points] for c in curves}
        if arguments.sheet and rivals:
            some = spread(coloured, arguments.shown)
            sections.append(section(size, some, arguments.model, rivals[0], arguments.bits_per_pixel))
    progress("")
    if sections:
        draw(sections).save(arguments.sheet, optimize=True)
        page.append(f"![Crops, what aecodec and what {rivals[0].name} make of them]({arguments.sheet.name})")
    page += [*notes, environment(rivals, [arguments.model]) + "."]
    publish(page, arguments.output)
    if arguments.json:
        content = {
            "command": command_line(__file__),
            "environment": environment(rivals, [arguments.model]),
            "crops": len(photographs) * arguments.count,
            "points": measured,
        }
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    run(main)
