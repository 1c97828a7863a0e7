"""Bytes against PSNR, SSIM and UQI of a data set: aecodec beside others in the same run.

    python benchmarks/rate_distortion.py DATA... -m MODEL [--efforts 0,5,9] [--rivals webp jxl jpeg avif]
        [--klt TRAINING...] [--classics digits] [-o FILE.md] [--json FILE.json] [--plot PREFIX]

DATA is an idx file, a sheet of tiles, a picture or a folder of pictures. Every picture is encoded to a whole file and
that file decoded, at each quality; nothing else is varied, and the model is forced. Bytes are the mean of whole files;
PSNR is that of the mean squared error pooled over all 8-bit samples of all pictures; SSIM and UQI are means over
pictures. Bytes at a given PSNR lie between two measured settings, on a monotone cubic in (PSNR, log bytes).
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import datasets
import klt
from aecodec.evaluation.curves import Curve, Point, bd_rate, bytes_at, front
from aecodec.evaluation.codecs import QUALITIES, ours, sweep, theirs
from reporting import command_line, environment, number, numbers, progress, publish, require_folders, run, table
from aecodec.evaluation.rivals import RIVALS, Rival, available

CLASSICS = Path(__file__).with_name("classics.json")
PSNR_POINTS = (20.0, 22.0, 23.0, 25.0, 27.5, 30.0, 32.5, 34.0, 36.0, 40.0)
SHOWN = 10  # of a rival's settings on the page; the JSON file has all


@dataclass(frozen=True)
class Classic:
    """What was published of an autoencoder: its latent's real bytes, without a header, and the quality if given."""

    name: str
    latent: str
    file_bytes: float
    remark: str
    psnr: float | None = None
    uqi: float | None = None


def classics(data_set: str) -> list[Classic]:
    """The published autoencoders of a kind of pictures."""
    return [Classic(**entry) for entry in json.loads(CLASSICS.read_text())[data_set]]


def overview(curves: Sequence[Curve], reference: Curve | None) -> str:
    """A line a codec: its range, its speed, and its BD-rate against the reference."""
    head = ["codec", "bytes", "PSNR dB", "encoded /s"]
    head += [f"BD-rate against {reference.name}", "over dB"] if reference else []
    rows = []
    for curve in curves:
        best = front(curve.points)
        row = [curve.name, _range([p.file_bytes for p in best], 1), _range([p.psnr for p in best], 2)]
        row.append(number(curve.encoded_per_second, 0))
        if reference:
            found = bd_rate(curve.points, reference.points) if curve is not reference else None
            row += ["-", "-"] if found is None else [f"{found[0]:+.1f} %", _range(found[1:], 1)]
        rows.append(row)
    return table(head, rows)


def _range(values: Sequence[float], digits: int) -> str:
    return f"{number(values[0], digits)} to {number(values[-1], digits)}" if values else "-"


def by_psnr(curves: Sequence[Curve], reference: Curve | None, mine: int, points_db: Sequence[float]) -> str:
    """Bytes at a PSNR, everything interpolated, and the ratios of the first `mine` curves to the reference."""
    head = ["PSNR dB", *(curve.name for curve in curves)]
    head += [f"{curve.name} / {reference.name}" for curve in curves[:mine]] if reference else []
    rows = []
    for at in points_db:
        needed = [bytes_at(curve.points, at) for curve in curves]
        row = [number(at), *map(number, needed)]
        if reference:
            whole = bytes_at(reference.points, at)
            row += [number(part / whole if part and whole else None, 3) for part in needed[:mine]]
        rows.append(row)
    return table(head, rows, left=0)


def by_setting(curve: Curve, reference: Curve | None, label: str, most: int | None = None) -> str:
    """The measured points of a curve, at most so many, and what the reference needs for the same PSNR."""
    head = [label, "bytes", "bits/pixel", "PSNR dB", "SSIM", "UQI"]
    head += [f"{reference.name} bytes", "ratio"] if reference else []
    points: Sequence[Point] = curve.points
    if most is not None and len(points) > most:
        points = [points[round(k * (len(points) - 1) / (most - 1))] for k in range(most)]
    rows = []
    for p in points:
        row = [f"{p.setting:.4g}", number(p.file_bytes), number(p.bits_per_pixel, 3), number(p.psnr, 2)]
        row += [number(p.ssim, 4), number(p.uqi, 4)]
        if reference:
            needed = bytes_at(reference.points, p.psnr)
            row += [number(needed), number(p.file_bytes / needed if needed else None, 3)]
        rows.append(row)
    return table(head, rows, left=0)


def published(found: Sequence[Classic]) -> str:
    """The table of what others published."""
    head = ("published autoencoder", "latent", "remark", "real bytes", "PSNR dB", "UQI")
    rows = [(c.name, c.latent, c.remark, number(c.file_bytes, 0), number(c.psnr), number(c.uqi, 2)) for c in found]
    return table(head, rows, left=3)


def finite(value: Any) -> Any:
    """The same for JSON, which has no infinity: null."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", metavar="DATA", help="idx file, tile sheet, picture or folder")
    parser.add_argument("-m", "--model", required=True, help="as `aec models` lists them")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N pictures")
    parser.add_argument("--tile", type=int, default=32, metavar="N", help="width and height of a sheet's tiles")
    parser.add_argument("--qualities", type=numbers(int), default=QUALITIES, metavar="Q,Q,...")
    parser.add_argument(
        "--efforts", type=numbers(int), default=(None,), metavar="E,E,...", help="a curve each (default: the library's)"
    )
    parser.add_argument("--at", type=numbers(float), default=PSNR_POINTS, metavar="DB,DB,...", help="PSNR points")
    names = [name for name in RIVALS if name != "png"]
    parser.add_argument(
        "--rivals", nargs="*", default=["webp"], choices=names, help="the first is the reference (default: webp)"
    )
    parser.add_argument("--klt", nargs="+", metavar="DATA", help="training pictures of the linear KLT")
    parser.add_argument("--classics", choices=json.loads(CLASSICS.read_text()), help="published autoencoders for these")
    parser.add_argument("--title", help="of the page (default: the model and the number of pictures)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the Markdown there as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all points, as JSON")
    parser.add_argument("--plot", type=Path, metavar="PREFIX", help="write PREFIX.png and PREFIX.svg")
    return parser.parse_args()


def describe(count: int, rivals: Sequence[Rival], with_klt: bool) -> str:
    """What the figures are."""
    text = f"{count:,} pictures. Whole files, mean bytes; PSNR of the pooled mean squared error; SSIM and UQI are means"
    text += (
        " over pictures. BD-rate: mean difference in bytes at equal PSNR, piecewise cubic (PCHIP). Encoded /s: pictures"
    )
    text += " a second on all processors, mean over the settings."
    if rivals:
        text += f" Beside {', '.join(rival.described() for rival in rivals)}."
    if with_klt:
        text += " The linear KLT is a bound, not a codec: the ideal entropy of its coefficients, no header, no tables."
    return text


def main() -> None:
    arguments = read_arguments()
    require_folders([arguments.output, arguments.json, arguments.plot])
    if arguments.plot:
        import plots  # now: matplotlib may be missing
    pictures = datasets.load(arguments.data, (arguments.tile, arguments.tile), arguments.limit)
    training = datasets.load(arguments.klt, (arguments.tile, arguments.tile)) if arguments.klt else []
    rivals, notes = available(arguments.rivals)
    gray = pictures[0].ndim == 2
    mine = [sweep(ours(arguments.model, effort), pictures, arguments.qualities) for effort in arguments.efforts]
    others = [sweep(theirs(rival, gray), pictures, rival.qualities) for rival in rivals]
    linear = [klt.measure(training, pictures)] if arguments.klt else []
    progress("")
    everything, reference = [*mine, *others, *linear], others[0] if others else None
    known = classics(arguments.classics) if arguments.classics else []
    title = arguments.title or f"{arguments.model}: {len(pictures):,} pictures"
    page = [f"# {title}", f"    {command_line(__file__)}", describe(len(pictures), rivals, bool(linear))]
    if arguments.plot:
        files = plots.draw(title, mine, others, linear, known, arguments.plot)
        page.append(f"![Bytes against PSNR, SSIM and UQI]({files[0].name})")
    page += [overview(everything, reference), "## Bytes at equal PSNR"]
    page.append(by_psnr(everything, reference, len(mine), arguments.at))
    for curve in mine:
        page += [f"## {curve.name}", by_setting(curve, reference, "quality")]
    for curve in others:
        page += [f"## {curve.name}", by_setting(curve, None, "quality", SHOWN)]
    for curve in linear:
        page += [f"## {curve.name}", by_setting(curve, reference, "step")]
    if known:
        page += ["## Published autoencoders", published(known)]
        page.append("Figures as their authors published them, not measured here: float32 latents without any header.")
    page += [*notes, environment(rivals, [arguments.model]) + "."]
    publish(page, arguments.output)
    if arguments.json:
        content = {
            "command": command_line(__file__),
            "environment": environment(rivals, [arguments.model]),
            "pictures": len(pictures),
            "points": {curve.name: [finite(asdict(p)) for p in curve.points] for curve in everything},
            "published": [asdict(classic) for classic in known],
        }
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    run(main)
