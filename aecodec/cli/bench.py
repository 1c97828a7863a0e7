"""`aec bench`: rate-distortion curves, speed and memory of aecodec and other codecs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aecodec.cli.byte_files import write
from aecodec.cli.conversion_options import force_option
from aecodec.cli.encoder_options import efforts_option, model_option, qualities_option, tunes_option
from aecodec.cli.measurement import (
    DataOptions,
    data_options,
    load,
    measurement_errors,
    no_progress_option,
    output_path,
    require_new,
)
from aecodec.cli.option_groups import take
from aecodec.cli.option_values import psnr_list, rate_range, rival_names, whole_number
from aecodec.cli.progress import StatusLine

if TYPE_CHECKING:
    from aecodec.evaluation.curves import Point
    from aecodec.evaluation.quality_scales import Distance
    from aecodec.evaluation.report import Bench
    from aecodec.evaluation.rivals import Rival
    from aecodec.evaluation.speed import Speed
    from aecodec.images.source import Picture

QUALITIES = "1,10,20,30,40,50,60,70,80,90,100"
SUFFIXES = (".md", ".json", ".png", ".svg")


@dataclass(frozen=True)
class BenchOptions:
    """What to measure: the options of these names."""

    model: str
    qualities: tuple[int, ...]
    efforts: tuple[int, ...]
    tunes: tuple[str, ...]
    rivals: tuple[str, ...]
    anchors: tuple[Path, ...]
    klt: tuple[str, ...]
    mean_psnr: bool | None
    rates: tuple[float, float] | None
    bd_by: tuple[Distance, ...]
    ssimulacra2: bool
    no_speed: bool

    @property
    def uses_mean_psnr(self) -> bool:
        """Whether PSNR is the mean over pictures, as in published curves."""
        return bool(self.anchors) if self.mean_psnr is None else self.mean_psnr

    @property
    def encoders(self) -> list[tuple[int, str, str]]:
        """Effort, tune and name of each curve."""
        from aecodec.evaluation.sweeps import aecodec_name

        several = len(self.efforts) > 1
        return [
            (effort, tune, aecodec_name(tune, effort if several else None))
            for tune in self.tunes
            for effort in self.efforts
        ]


@dataclass(frozen=True)
class Selection:
    """Which of the pictures to measure: the options of these names."""

    held_out: int | None
    smoothest: int | None

    def load(self, data: DataOptions) -> tuple[list[Picture], list[str]]:
        """Return the pictures, and sentences that say which they are. Raises Failure."""
        from aecodec.sources import selection

        said = []
        if self.held_out is not None:
            with measurement_errors():
                files, count = selection.held_out_files(data.data, self.held_out)
            data = replace(data, data=tuple(files))
            held = f"the {len(files)} that `aec train` with seed {self.held_out} holds out"
            said.append(f"Of {count:,} pictures, these are {held}.")
        items = data.load()
        if self.smoothest is not None:
            before = len(items)
            items = selection.smoothest(items, self.smoothest)
            said.append(f"Of {before:,}, these are the {len(items)} whose neighbouring samples differ least.")
        return [item.picture for item in items], said


@dataclass(frozen=True)
class Measured:
    """What was measured, and what the page says about it."""

    pictures: Sequence[Picture]
    bench: Bench
    speeds: Sequence[Speed]
    rivals: Sequence[Rival]
    notes: Sequence[str]  # on rivals that are not installed
    environment: str
    command_line: str
    selected: Sequence[str] = ()  # sentences on which pictures they are


def _distance(text: str) -> Distance:
    """MEASURE or MEASURE:LOW:HIGH, with rates in bits per pixel."""
    from aecodec.evaluation.quality_scales import SCALES, Distance

    name, colon, rates = text.partition(":")
    if name not in SCALES:
        raise click.BadParameter(f"{name!r} is not one of {', '.join(SCALES)}")
    return Distance(SCALES[name], rate_range(rates) if colon else None)


@click.command("bench")
@data_options
@click.option(
    "--held-out",
    type=whole_number(0),
    metavar="SEED",
    help="Only the picture files that training with this seed holds out of its first source, one in sixteen.",
)
@click.option(
    "--smoothest",
    type=whole_number(1),
    metavar="N",
    help="Only the N pictures whose neighbouring samples differ least.",
)
@model_option
@qualities_option(QUALITIES)
@efforts_option
@tunes_option
@click.option(
    "--rivals",
    default="all",
    type=rival_names,
    metavar="NAME,...",
    help="Other codecs: webp, jpeg, jxl, avif, jpeg2000, or none; AVIF with other options: avif-420, avif-speed-4,"
    " avif-speed-4-420. [default: webp to jpeg2000, where installed]",
)
@click.option(
    "--anchors",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Add a published curve, in the JSON form of CompressAI's results; may be repeated.",
)
@click.option(
    "--klt",
    multiple=True,
    metavar="DATA",
    help="Add the bound of linear transforms, learned from these pictures; may be repeated.",
)
@click.option("--at", type=psnr_list, metavar="DB,...", help="PSNRs in the table. [default: even steps]")
@click.option(
    "--mean-psnr/--pooled-psnr",
    default=None,
    help="Mean of the pictures' PSNRs, or PSNR of the pooled error. [default: pooled; mean with --anchors]",
)
@click.option(
    "--rates",
    type=rate_range,
    metavar="LOW:HIGH",
    help="Range of the BD-rates, in bits per pixel of the other codec. [default: all that both codecs reach]",
)
@click.option(
    "--bd-by",
    multiple=True,
    type=_distance,
    metavar="MEASURE[:LOW:HIGH]",
    help="Add a table of BD-rates by psnr, ssim, ms-ssim or ssimulacra2, in a range of rates; may be repeated.",
)
@click.option("--ssimulacra2", is_flag=True, help="Also measure SSIMULACRA2: a second for half a megapixel.")
@click.option("--no-speed", is_flag=True, help="Do not measure speed and memory.")
@click.option("--title", metavar="TEXT", help="Title of page and plot. [default: data and model]")
@output_path("-o", "--output", metavar="PREFIX", text="Also write PREFIX.md, .json, .png and .svg.")
@force_option
@no_progress_option
def command(
    at: tuple[float, ...] | None, title: str | None, output: Path | None, force: bool, quiet: bool, **options: Any
) -> None:
    """Measure rate-distortion curves, speed and memory.

    DATA are pictures, or anything else that `aec evaluate` takes. Every picture is encoded to a file and decoded, at
    each quality of aecodec and of the other codecs. Speed and peak memory are measured in a separate process for each
    codec, on about a megapixel of pictures, at the quality whose PSNR is nearest to that of aecodec's middle quality.

    \b
    Example:
      aec bench t10k-images-idx3-ubyte.gz -m mnist -e 0 -o docs/mnist
      aec bench kodak --anchors hyperprior.json --anchors bpg.json -o kodak
    """
    data = take(DataOptions, options)
    selection = take(Selection, options)
    settings = BenchOptions(**options)
    if not settings.ssimulacra2 and any(distance.scale.field == "ssimulacra2" for distance in settings.bd_by):
        raise click.UsageError("--bd-by ssimulacra2 needs --ssimulacra2")
    files = [] if output is None else [output.with_name(output.name + suffix) for suffix in SUFFIXES]
    require_new(files, [*data.data, *settings.klt, *settings.anchors], force=force)
    with measurement_errors():
        if output is not None:
            from aecodec.evaluation import plots  # now, since matplotlib may be missing
        if settings.ssimulacra2:
            from aecodec.evaluation import perceptual  # noqa: F401, for the same reason
    pictures, selected = selection.load(data)
    training = [item.picture for item in load(settings.klt, data.tile)] if settings.klt else []
    measured = replace(_measure(pictures, training, settings, quiet), selected=selected)
    names = ", ".join(click.format_filename(Path(name).name or name) for name in data.data)
    title = title or f"{names}, model {settings.model}"
    text = _page(title, measured, settings, at or (), output)
    click.echo(text, nl=False)
    if output is not None:
        png, svg = plots.draw(title, measured.bench, _mean_pixels(measured.pictures))
        for file, content in zip(files, (text.encode(), _json(measured), png, svg), strict=True):
            write(str(file), content)


def _measure(pictures: Sequence[Picture], training: Sequence[Picture], options: BenchOptions, quiet: bool) -> Measured:
    from aecodec.evaluation import speed
    from aecodec.evaluation.pages import command_line, environment
    from aecodec.evaluation.rivals import available

    rivals, notes = available(options.rivals)
    longest = max(pictures, key=lambda picture: max(picture.shape[:2]))
    notes += [
        f"{rival.name}: left out, a side has at most {rival.longest:,} pixels, and a picture {max(longest.shape[:2]):,}"
        for rival in rivals
        if not rival.can_store(longest)
    ]
    rivals = [rival for rival in rivals if rival.can_store(longest)]
    with measurement_errors(), StatusLine(quiet) as status:
        bench = _curves(pictures, training, options, rivals, status)
        speeds: list[Speed] = []
        if not options.no_speed:
            middle = bench.ours[0].points[len(options.qualities) // 2]
            jobs = [
                speed.Job(name, "", int(middle.setting), options.model, effort, tune)
                for effort, tune, name in options.encoders
            ]
            jobs += speed.rival_jobs(rivals, bench.rivals, middle.psnr)
            speeds = speed.measure(jobs, speed.timed(pictures), status)
    about = environment(rivals, [options.model])
    if options.ssimulacra2:
        about += f", ssimulacra2 {version('ssimulacra2')}"
    return Measured(pictures, bench, speeds, rivals, notes, about, command_line(["aec", "bench", *_arguments()]))


def _curves(
    pictures: Sequence[Picture],
    training: Sequence[Picture],
    options: BenchOptions,
    rivals: Sequence[Rival],
    status: StatusLine,
) -> Bench:
    from aecodec.evaluation import anchors, klt
    from aecodec.evaluation.curves import by_mean_psnr
    from aecodec.evaluation.report import Bench
    from aecodec.evaluation.scores import SIMILARITIES
    from aecodec.evaluation.sweeps import aecodec_codec, rival_codec, sweep

    gray = all(picture.ndim == 2 for picture in pictures)
    published = [anchors.read(path, _mean_pixels(pictures)) for path in options.anchors]
    codecs = [aecodec_codec(options.model, effort, name, tune=tune) for effort, tune, name in options.encoders]
    measures = (*SIMILARITIES, "ssimulacra2") if options.ssimulacra2 else SIMILARITIES
    mine = [sweep(codec, pictures, options.qualities, measures, status) for codec in codecs]
    others = [sweep(rival_codec(rival, gray), pictures, rival.qualities, measures, status) for rival in rivals]
    linear = [klt.measure(training, pictures, progress=status)] if training else []
    if options.uses_mean_psnr:
        mine, others, linear = ([by_mean_psnr(curve) for curve in group] for group in (mine, others, linear))
    return Bench(mine, others, linear, published, options.rates, options.bd_by)


def _mean_pixels(pictures: Sequence[Picture]) -> float:
    return sum(math.prod(picture.shape[:2]) for picture in pictures) / len(pictures)


def _page(title: str, measured: Measured, options: BenchOptions, at: Sequence[float], output: Path | None) -> str:
    """Return the page in Markdown. at: PSNRs in the table."""
    from aecodec.evaluation import report, speed

    bench, speeds = measured.bench, measured.speeds
    about = report.describe(len(measured.pictures), measured.rivals, bench, options.uses_mean_psnr)
    paragraphs = [f"# {title}", f"    {measured.command_line}", " ".join([about, *measured.selected])]
    if output is not None:
        figure = f"{output.name}.png"
        target = f"<{figure}>" if " " in figure else figure
        paragraphs.append(f"![Bits per pixel against PSNR and other measures]({target})")
    paragraphs += report.page(bench, at)
    if speeds:
        heading = f"## Speed and memory: {speeds[0].pictures:,} pictures"
        paragraphs += [heading, speed.report(speeds), speed.EXPLANATION]
    paragraphs += [*measured.notes, measured.environment + "."]
    return "\n\n".join(paragraphs) + "\n"


def _arguments() -> Sequence[str]:
    """Return the words after `aec bench`, as they were typed."""
    words = [click.format_filename(word) for word in sys.argv[1:]]
    return words[words.index("bench") + 1 :] if "bench" in words else words


def _point(point: Point) -> dict[str, Any]:
    """Return the fields of a point, without the measure that only an option adds."""
    return {name: value for name, value in asdict(point).items() if name != "ssimulacra2" or value is not None}


def _json(measured: Measured) -> bytes:
    """Return all points and speeds; each curve also in the form that `--anchors` reads."""
    from aecodec.evaluation.pages import finite

    content = {
        "command": measured.command_line,
        "environment": measured.environment,
        "pictures": len(measured.pictures),
        "curves": [
            {
                "name": curve.name,
                "results": {
                    "bpp": [p.bits_per_pixel for p in curve.points],
                    "psnr-rgb": [p.psnr for p in curve.points],
                    "ms-ssim-rgb": [p.ms_ssim for p in curve.points],
                },
                "points": [_point(p) for p in curve.points],
            }
            for curve in measured.bench.curves
        ],
        "speeds": [asdict(s) for s in measured.speeds],
    }
    return (json.dumps(finite(content), indent=1) + "\n").encode()
