"""Bytes against PSNR of a data set, aecodec beside WebP and others in the same run.

    python benchmarks/rate_distortion.py DATA... -m MODEL [-o FILE.md] [--json FILE.json]

DATA is an idx file, a sheet of tiles, a picture or a folder of pictures. Every picture is encoded to a whole file and
that file decoded, at each quality; nothing else is varied, and the model is forced. Bytes are the mean of whole files;
PSNR is that of the mean squared error pooled over all 8-bit samples of all pictures. A rival's bytes at a given PSNR
lie between two measured settings, log-linear.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import datasets
from curves import Point, bd_rate, bytes_at, front, point
from datasets import Picture
from reporting import command_line, environment, number, progress, run, table
from rivals import RIVALS, Rival, available

import aecodec

BATCH = 2000
QUALITIES = (1, 10, 20, 30, 40, 50, 60, 70, 75, 80, 90, 100)
PSNR_POINTS = (20.0, 22.0, 23.0, 25.0, 27.5, 30.0, 32.5, 34.0, 36.0, 40.0)


def measure_aecodec(pictures: Sequence[Picture], model: str, qualities: Sequence[int]) -> list[Point]:
    """One point a quality, from real files and what they decode to."""
    points = []
    for quality in qualities:
        files: list[bytes] = []
        decoded: list[Picture] = []
        for begin in range(0, len(pictures), BATCH):
            progress(f"aecodec, quality {quality}: {begin} of {len(pictures)}")
            part = aecodec.encode_many(pictures[begin : begin + BATCH], model=model, quality=quality)
            decoded += aecodec.decode_many(part)
            files += part
        points.append(point(quality, pictures, files, decoded))
    return points


def measure_rival(rival: Rival, pictures: Sequence[Picture]) -> list[Point]:
    """One point a setting of its sweep."""
    points = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for quality in rival.qualities:
            progress(f"{rival.name}, quality {quality}")

            def both_ways(picture: Picture, quality: int = quality) -> tuple[bytes, Picture]:
                data = rival.encode(picture, quality=quality, **rival.best)
                return data, rival.decode(data, picture.ndim == 2)

            files, decoded = zip(*pool.map(both_ways, pictures), strict=True)
            points.append(point(quality, pictures, files, decoded))
    return points


def by_quality(ours: Sequence[Point], rivals: dict[str, list[Point]]) -> str:
    """The first table: each quality of ours, and what a rival needs for the same PSNR."""
    head = ["quality", "bytes", "bits/pixel", "PSNR dB"]
    for name in rivals:
        head += [f"{name} bytes", "ratio"]
    rows = []
    for p in ours:
        row = [str(p.setting), number(p.file_bytes), number(p.bits_per_pixel, 3), number(p.psnr, 2)]
        for theirs in rivals.values():
            needed = bytes_at(theirs, p.psnr)
            row += [number(needed), number(None if needed is None else p.file_bytes / needed, 3)]
        rows.append(row)
    return table(head, rows, left=0)


def by_psnr(ours: Sequence[Point], rivals: dict[str, list[Point]], points_db: Sequence[float]) -> str:
    """The second table: bytes at those of the given PSNR that ours reaches, everything interpolated."""
    head = ["PSNR dB", "aecodec bytes"]
    for name in rivals:
        head += [f"{name} bytes", "ratio"]
    rows = []
    for at in points_db:
        mine = bytes_at(ours, at)
        if mine is None:
            continue
        row = [number(at), number(mine)]
        for theirs in rivals.values():
            needed = bytes_at(theirs, at)
            row += [number(needed), number(mine / needed if needed else None, 3)]
        rows.append(row)
    return table(head, rows, left=0)


def summary(ours: Sequence[Point], name: str, theirs: Sequence[Point]) -> str:
    """The range of a rival, and the BD-rate against it."""
    curve = front(theirs)
    if not curve:
        return f"{name} lost nothing at any setting."
    low, high = curve[0], curve[-1]
    text = f"{name} reaches from {low.psnr:.2f} dB ({low.file_bytes:.1f} bytes)"
    text += f" to {high.psnr:.2f} dB ({high.file_bytes:.1f} bytes)."
    found = bd_rate(ours, theirs)
    if found is None:
        return text + " No PSNR range in common."
    ratio, begin, end = found
    return f"{text} BD-rate against it: **{100 * (ratio - 1):+.1f} %** from {begin:.2f} to {end:.2f} dB."


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", metavar="DATA", help="idx file, tile sheet, picture or folder")
    parser.add_argument("-m", "--model", required=True, help="as `aec models` lists them")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N pictures")
    parser.add_argument("--tile", type=int, default=32, metavar="N", help="width and height of a sheet's tiles")
    parser.add_argument("--qualities", type=numbers(int), default=QUALITIES, metavar="Q,Q,...")
    parser.add_argument("--at", type=numbers(float), default=PSNR_POINTS, metavar="DB,DB,...", help="PSNR points")
    rivals = [name for name in RIVALS if name != "png"]
    parser.add_argument("--rivals", nargs="*", default=["webp"], choices=rivals, help="(default: webp)")
    parser.add_argument("--title", help="of the page (default: the model and the number of pictures)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the Markdown there as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all points, as JSON")
    return parser.parse_args()


def numbers(kind: type) -> object:
    """An argument type: values separated by commas."""

    def parse(text: str) -> tuple[float, ...]:
        return tuple(kind(part) for part in text.split(","))

    parse.__name__ = "list"
    return parse


def main() -> None:
    arguments = read_arguments()
    pictures = datasets.load(arguments.data, (arguments.tile, arguments.tile), arguments.limit)
    rivals, notes = available(arguments.rivals)
    ours = measure_aecodec(pictures, arguments.model, arguments.qualities)
    theirs = {rival.name: measure_rival(rival, pictures) for rival in rivals}
    progress("")
    settings = [f"{r.name} ({', '.join(f'{k} {v}' for k, v in r.best.items())})" for r in rivals]
    page = [
        f"# {arguments.title or f'{arguments.model}: {len(pictures):,} pictures'}",
        f"    {command_line(__file__)}",
        f"{len(pictures):,} pictures. Whole files, mean bytes; PSNR of the pooled mean squared error."
        + (f" Beside {', '.join(settings)} at the same PSNR; a dash where it has none." if settings else ""),
        by_quality(ours, theirs),
        by_psnr(ours, theirs, arguments.at),
        *(summary(ours, name, points) for name, points in theirs.items()),
        *notes,
        environment(rivals, [arguments.model]) + ".",
    ]
    text = "\n\n".join(page)
    print(text)
    if arguments.output:
        arguments.output.write_text(text + "\n")
    if arguments.json:
        curves = {"aecodec": ours, **theirs}
        content = {
            "command": command_line(__file__),
            "environment": environment(rivals, [arguments.model]),
            "pictures": len(pictures),
            "points": {name: [asdict(p) for p in points] for name, points in curves.items()},
        }
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    run(main)
