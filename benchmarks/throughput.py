"""Pictures per second, encoded and decoded, by aecodec and by others at about the same PSNR."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from aecodec.cli.option_values import number_list
from aecodec.evaluation import speed
from aecodec.evaluation.pages import environment
from aecodec.evaluation.rivals import available
from aecodec.evaluation.sweeps import aecodec_codec, rival_codec, sweep
from aecodec.sources.items import spread
from benchmarks import datasets
from benchmarks.reporting import (
    command_line,
    data_argument,
    model_option,
    output_option,
    progress,
    publish,
    require_folders,
    rivals_option,
)

SAMPLE = 200  # pictures on which the rivals' qualities are chosen


@dataclass(frozen=True)
class Settings:
    """The options of the command."""

    data: tuple[str, ...]
    model: str
    efforts: tuple[int, ...]
    quality: int
    rivals: tuple[str, ...]
    limit: int | None
    output: Path | None


@click.command("throughput")
@data_argument
@model_option()
@click.option("--efforts", type=number_list(0, 9), default="0,1,3", show_default=True, metavar="E,E,...")
@click.option("-q", "--quality", default=75, show_default=True)
@rivals_option("webp,jxl,avif")
@click.option("--limit", type=int, help="The first pictures. [default: all]")
@output_option()
def command(**options: Any) -> None:
    """Time encoding and decoding, each codec in a process of its own with all pictures.

    aecodec gets them in one call, the others one after the other. Their qualities are those nearest in PSNR to
    aecodec's, on some of the pictures.
    """
    settings = Settings(**options)
    require_folders(settings.output)
    model, quality = settings.model, settings.quality
    pictures = datasets.load(settings.data, limit=settings.limit)
    rivals, notes = available(settings.rivals)
    sample = spread(pictures, SAMPLE)
    gray = all(picture.ndim == 2 for picture in pictures)
    progress("the rivals' qualities")
    psnr = sweep(aecodec_codec(model), sample, [quality], similarities=()).points[0].psnr
    jobs = [speed.Job(f"aecodec, effort {e}", "", quality, model, e) for e in settings.efforts]
    curves = [sweep(rival_codec(rival, gray), sample, rival.qualities, similarities=()) for rival in rivals]
    jobs += speed.rival_jobs(rivals, curves, psnr)
    found = speed.measure(jobs, pictures, progress)
    page = [f"# Pictures per second: {model}", f"    {command_line()}", speed.report(found)]
    page += [f"{len(pictures):,} pictures. {speed.EXPLANATION}", *notes, environment(rivals, [model]) + "."]
    publish(page, settings.output)
