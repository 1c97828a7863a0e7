"""aec bench"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aecodec.cli.byte_files import write
from aecodec.cli.measurement import (
    Decibels,
    Numbers,
    Rates,
    Status,
    data_options,
    load,
    measuring,
    model_option,
    output_path,
    quiet_option,
    require_new,
)
from aecodec.encoding.options import DEFAULT_EFFORT

if TYPE_CHECKING:
    from aecodec.evaluation.report import Bench
    from aecodec.evaluation.speed import Speed

QUALITIES = "1,10,20,30,40,50,60,70,80,90,100"
SUFFIXES = (".md", ".json", ".png", ".svg")


@click.command("bench")
@data_options
@model_option
@click.option(
    "-q",
    "--quality",
    type=Numbers(1, 100),
    default=QUALITIES,
    show_default=True,
    metavar="Q,Q,...",
    help="Points of the curve.",
)
@click.option(
    "-e",
    "--effort",
    type=Numbers(0, 9),
    default=str(DEFAULT_EFFORT),
    show_default=True,
    metavar="E,E,...",
    help="As of `aec compress`; a curve each.",
)
@click.option(
    "--rivals",
    metavar="NAME,...",
    help="Of webp, jpeg, jxl, avif and jpeg2000; none for no one. [default: all that are installed]",
)
@click.option(
    "--anchors",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Published curves in the JSON form of CompressAI's results; may be given several times.",
)
@click.option("--klt", multiple=True, metavar="DATA", help="Training pictures, for the bound of linear transforms.")
@click.option("--at", type=Decibels(), metavar="DB,...", help="PSNRs of the table. [default: some]")
@click.option(
    "--mean-psnr/--pooled-psnr",
    default=None,
    help="The mean of the pictures' PSNRs, or the PSNR of their pooled error. [default: pooled; mean with --anchors]",
)
@click.option(
    "--rates",
    type=Rates(),
    metavar="LOW:HIGH",
    help="BD-rates over what the other codec reaches at these bits per pixel. [default: all that both reach]",
)
@click.option("--no-speed", is_flag=True, help="Leave out speed and memory.")
@click.option("--title", help="Of the page and the plot. [default: the data and the model]")
@output_path("-o", "--output", text="PREFIX: write PREFIX.md, .json, .png and .svg. [default: print the page]")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@quiet_option
def command(
    data: tuple[str, ...],
    tile: tuple[int, int] | None,
    limit: int | None,
    model: str,
    quality: tuple[int, ...],
    effort: tuple[int, ...],
    rivals: str | None,
    anchors: tuple[Path, ...],
    klt: tuple[str, ...],
    at: tuple[float, ...] | None,
    mean_psnr: bool | None,
    rates: tuple[float, float] | None,
    no_speed: bool,
    title: str | None,
    output: Path | None,
    force: bool,
    quiet: bool,
) -> None:
    """Measure rate against distortion, speed and memory beside other codecs, in one run.

    DATA are what `aec evaluate` takes. Every picture is encoded to a whole file and decoded, at each quality of each
    codec. Speed and peak memory are those of a process for each codec, at the quality nearest in PSNR to aecodec's
    middle one, over pictures of a megapixel in all.

    \b
    Example:
      aec bench t10k-images-idx3-ubyte.gz -m mnist -e 0 -o docs/mnist
      aec bench kodak --anchors hyperprior.json --anchors bpg.json -o kodak
    """
    from aecodec.evaluation import report, speed
    from aecodec.evaluation.anchors import read
    from aecodec.evaluation.curves import by_mean_psnr
    from aecodec.evaluation.klt import measure
    from aecodec.evaluation.pages import command_line, environment
    from aecodec.evaluation.rivals import RIVALS, available
    from aecodec.evaluation.sweeps import ours, sweep, theirs

    names = list(RIVALS) if rivals is None else [name for name in rivals.split(",") if name not in ("", "none")]
    unknown = [name for name in names if name not in RIVALS]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(RIVALS)}", param_hint="--rivals")
    files = [] if output is None else [output.with_name(output.name + suffix) for suffix in SUFFIXES]
    require_new(files, force)
    with measuring():
        if output is not None:
            from aecodec.evaluation import plots  # now: matplotlib may be missing
    pictures = [item.picture for item in load(data, tile, limit)]
    training = [item.picture for item in load(klt, tile)] if klt else []
    pixels = sum(p.shape[0] * p.shape[1] for p in pictures) / len(pictures)
    gray = all(p.ndim == 2 for p in pictures)
    found, notes = available(names)
    with measuring(), Status(quiet) as status:
        labels = ["aecodec"] if len(effort) == 1 else [f"aecodec, effort {e}" for e in effort]
        published = [read(path, pixels) for path in anchors]
        codecs = [ours(model, e, label) for e, label in zip(effort, labels, strict=True)]
        mine = [sweep(codec, pictures, quality, tell=status) for codec in codecs]
        others = [sweep(theirs(rival, gray), pictures, rival.qualities, tell=status) for rival in found]
        linear = [measure(training, pictures, tell=status)] if training else []
        by_mean = bool(anchors) if mean_psnr is None else mean_psnr
        if by_mean:
            mine, others, linear = ([by_mean_psnr(c) for c in group] for group in (mine, others, linear))
        bench = report.Bench(mine, others, linear, published, rates)
        speeds: list[Speed] = []
        if not no_speed:
            middle = mine[0].points[len(quality) // 2]
            jobs = [
                speed.Job(label, "", int(middle.setting), model, e) for e, label in zip(effort, labels, strict=True)
            ]
            jobs += speed.rival_jobs(found, others, middle.psnr)
            speeds = speed.measure(jobs, speed.timed(pictures), status)
    title = title or f"{', '.join(Path(name).name for name in data)}, model {model}"
    typed = command_line(["aec", "bench", *_arguments()])
    about = environment(found, [model])
    page = [f"# {title}", f"    {typed}", report.describe(len(pictures), found, bench, by_mean)]
    if output is not None:
        png, svg = plots.draw(title, bench, pixels)
        page.append(f"![Bits per pixel against PSNR and other measures]({output.name}.png)")
    page += report.page(bench, at or ())
    if speeds:
        page += [f"## Speed and memory: {speeds[0].pictures:,} pictures", speed.report(speeds), speed.EXPLANATION]
    page += [*notes, about + "."]
    text = "\n\n".join(page) + "\n"
    click.echo(text, nl=False)
    if output is not None:
        content = _json(bench, speeds, typed, about, len(pictures))
        for file, written in zip(files, (text.encode(), content, png, svg), strict=True):
            write(str(file), written)


def _arguments() -> Sequence[str]:
    """The words after `aec bench`, as they were typed."""
    words = sys.argv[1:]
    return words[words.index("bench") + 1 :] if "bench" in words else words


def _json(bench: Bench, speeds: Sequence[Speed], typed: str, about: str, count: int) -> bytes:
    """All points, and speeds. Each curve is also there in the form that `--anchors` reads."""
    from aecodec.evaluation.pages import finite

    content = {
        "command": typed,
        "environment": about,
        "pictures": count,
        "curves": [
            {
                "name": curve.name,
                "results": {
                    "bpp": [p.bits_per_pixel for p in curve.points],
                    "psnr-rgb": [p.psnr for p in curve.points],
                    "ms-ssim-rgb": [p.ms_ssim for p in curve.points],
                },
                "points": [asdict(p) for p in curve.points],
            }
            for curve in bench.curves
        ],
        "speeds": [asdict(s) for s in speeds],
    }
    return (json.dumps(finite(content), indent=1) + "\n").encode()
