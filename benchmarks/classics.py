"""Trained autoencoders over one data set, beside a bundled model at the same bytes: pictures, metrics and curves."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from aecodec import metrics
from aecodec.cli.option_values import number_list
from aecodec.evaluation.pages import environment, finite, number, table
from aecodec.evaluation.sheets import Cell, Section
from aecodec.evaluation.sheets import Row as SheetRow
from aecodec.evaluation.sheets import draw as sheet
from aecodec.models import registry
from aecodec.models.description import QUALITIES
from aecodec.models.model import Model
from aecodec.sources.items import spread
from aecodec.sources.readers import Picture
from aecodec.sources.tile_arrays import load
from aecodec.studies.robustness import Coding, code
from benchmarks.reporting import DATA_HELP, command_line, data_argument, progress, publish, require_folders

ROWS = 10  # of a figure
SCALE = 4
ID_BYTES = 8  # by which a file is longer whose model has no permanent number
FINDING = 500  # pictures by which the quality is found that makes files of some size


@dataclass(frozen=True)
class Result:
    """Figures of all pictures after one coding.

    file_bytes: mean of whole files, or of a network its latent in float32. quality: None for a network. cross_entropy
    in nats, mse of samples in 0..1, both means over samples; psnr in dB, of that mse; uqi and sewar_uqi means over
    pictures, of samples of 8 bits. unrounded_uqi: that of sewar before a network's outputs are rounded to 8 bits; black
    windows are hardly ever black then, and count as different.
    """

    model: str
    quality: int | None
    file_bytes: float
    cross_entropy: float
    mse: float
    psnr: float
    uqi: float
    sewar_uqi: float
    unrounded_uqi: float | None = None

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        what = "network, float32" if self.quality is None else f"quality {self.quality}"
        numbers = number(self.file_bytes, 1), number(self.cross_entropy, 4), number(self.mse, 5), number(self.psnr, 2)
        return self.model, what, *numbers, *(number(v, 3) for v in (self.uqi, self.sewar_uqi, self.unrounded_uqi))


HEAD = ("model", "coded as", "bytes", "cross-entropy", "squared error", "PSNR (dB)", "UQI", "sewar's UQI", "unrounded")


@dataclass(frozen=True)
class Shown:
    """What a figure shows of a model: some pictures, (N, H, W, C), as it decodes them, and how they were coded."""

    head: str
    pictures: Picture


@dataclass(frozen=True)
class Measured:
    """Everything about one autoencoder: results, columns of its figure, entries of its log for each epoch."""

    model: Model
    results: Sequence[Result]
    columns: Sequence[Shown]
    epochs: Sequence[dict[str, float]]


@dataclass(frozen=True)
class Settings:
    """qualities: of the autoencoders, the last one is shown. beside: name of a bundled model, if any."""

    qualities: Sequence[int]
    beside: str | None
    effort: int


def measured_at(tiles: Picture, name: str, quality: int, effort: int) -> tuple[Result, Shown]:
    """Code all pictures (N, H, W, C), each in a file of its own, and measure what the files decode to."""
    progress(f"{name} at quality {quality}")
    decoded, size = code(tiles, name, Coding(quality, effort))
    mse = float(metrics.squared_error(tiles, decoded).sum()) / (tiles.size * metrics.PEAK**2)
    result = Result(
        name,
        quality,
        size,
        float(metrics.cross_entropy(tiles, decoded).mean()),
        mse,
        metrics.pooled_psnr(tiles, decoded),
        float(metrics.uqi(tiles, decoded).mean()),
        float(metrics.sewar_uqi(tiles, decoded).mean()),
    )
    return result, Shown(f"{name}, {size:.1f} bytes", np.stack(spread(list(decoded), ROWS)))


def largest_quality(tiles: Picture, name: str, size: float, effort: int) -> int | None:
    """The largest quality at which some of the pictures take `size` bytes or less in the mean; None if none does."""
    some = np.stack(spread(list(tiles), FINDING))
    low, high = 0, QUALITIES
    while low < high:
        middle = (low + high + 1) // 2
        progress(f"{name} at {size:.1f} bytes: quality {middle}")
        if code(some, name, Coding(middle, effort))[1] <= size:
            low = middle
        else:
            high = middle - 1
    return low or None


def network_result(tiles: Picture, model: Model, folder: Path) -> Result | None:
    """Figures of the network in floats, from the folder of its training; None, with a notice, where it is not there."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # silence the notices of TensorFlow
    try:
        from aecodec.training import classic_training

        progress(f"{model.name}: the network")
        network = classic_training.restore(model.description, folder)
        outputs = classic_training.float_outputs(network, tiles)
        found = classic_training.float_figures(network, tiles, outputs)
    except (ImportError, ValueError) as error:
        click.echo(f"benchmarks: {model.name} is measured without its network: {error}", err=True)
        return None
    names = ("cross_entropy", "mse", "psnr", "uqi", "sewar_uqi")
    figures = {name: found[name] for name in names}
    return Result(model.name, None, found["bytes"], **figures, unrounded_uqi=unrounded_uqi(tiles, outputs))


def unrounded_uqi(tiles: Picture, outputs: NDArray[np.float64]) -> float | None:
    """The mean of what sewar gives for outputs in 0..1, which are compared with samples in 0..1; None without sewar."""
    try:
        import sewar
    except ImportError:
        return None
    return float(np.mean([sewar.uqi(a / metrics.PEAK, b) for a, b in zip(tiles, outputs, strict=True)]))


def measure(tiles: Picture, model: Model, settings: Settings) -> Measured:
    """Measure a model at every quality, its network, and the model beside it at the bytes of the last quality."""
    folder = registry.files()[model.name]
    folder = folder.with_name(folder.name + ".training")
    log = folder / "log.jsonl"
    epochs = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    network = network_result(tiles, model, folder)
    results = [] if network is None else [network]
    columns = [Shown("original", np.stack(spread(list(tiles), ROWS)))]
    for quality in settings.qualities:
        result, shown = measured_at(tiles, model.name, quality, settings.effort)
        results.append(result)
    columns.append(shown)
    if settings.beside:
        size = results[-1].file_bytes
        for less in (0, ID_BYTES):
            best = largest_quality(tiles, settings.beside, size - less, settings.effort)
            if best is not None:
                result, shown = measured_at(tiles, settings.beside, best, settings.effort)
                results.append(result)
                columns += [shown] if not less else []
    return Measured(model, results, columns, epochs)


def figure(found: Measured) -> Section:
    """A row for each picture: the original, what the autoencoder makes of it, and what the model beside it does."""
    rows = [
        SheetRow([Cell(picture.squeeze()) for picture in pictures])
        for pictures in zip(*(column.pictures for column in found.columns), strict=True)
    ]
    return Section("", rows, SCALE, [column.head for column in found.columns])


def draw_curves(found: Sequence[Measured], path: Path) -> None:
    """Plot loss and validation loss by epoch, a panel for each autoencoder. Raises ImportError without matplotlib."""
    from matplotlib import pyplot

    from aecodec.evaluation.plots import DPI, LINES, STYLE

    with pyplot.rc_context(STYLE):
        wide = (4.4 * len(found), 3.4)
        plot, panels = pyplot.subplots(1, len(found), figsize=wide, layout="constrained", squeeze=False)
        for panel, one in zip(panels[0], found, strict=True):
            for name, label, (colour, _) in zip(("loss", "val_loss"), ("training", "validation"), LINES, strict=False):
                points = [(e["epoch"], e[name]) for e in one.epochs if name in e]
                panel.plot(*zip(*points, strict=True), label=label, color=colour)
            panel.set_title(one.model.name)
            panel.set_xlabel("epoch")
            panel.set_ylabel("loss")
            panel.xaxis.get_major_locator().set_params(integer=True)
            panel.legend(frameon=False)
        plot.savefig(path, dpi=DPI, metadata={"Software": None})
        pyplot.close(plot)


def write(folder: Path, found: Sequence[Measured], about: dict[str, Any]) -> None:
    """Write metrics.json, metrics.md, curves.png if there are logs, and a figure NAME.png for each autoencoder."""
    for one in found:
        sheet([figure(one)]).save(folder / f"{one.model.name}.png")
    logged = [one for one in found if one.epochs]
    if logged:
        draw_curves(logged, folder / "curves.png")
    results = [asdict(result) for one in found for result in one.results]
    epochs = {one.model.name: one.epochs for one in found}
    text = json.dumps(finite({**about, "results": results, "epochs": epochs}), indent=1)
    (folder / "metrics.json").write_text(text + "\n")


def load_tiles(data: Sequence[str], models: Sequence[Model], limit: int) -> Picture:
    """The first pictures (N, H, W, C) of all sources. Raises ValueError unless all models are for such pictures."""
    shapes = {(model.description.tile, model.description.channels) for model in models}
    ((tile, channels), *others) = shapes
    if others or tile is None:
        raise ValueError("the models are for pictures of different kinds: measure them one by one")
    return np.concatenate([load(source, tile, channels) for source in data])[:limit]


@click.command("classics", epilog=f"{DATA_HELP} Also keras:mnist:test, keras:cifar10:test and keras:cifar100:test.")
@data_argument
@click.option("-m", "--model", multiple=True, required=True, metavar="NAME", help="An autoencoder; repeatable.")
@click.option("--beside", metavar="NAME", help="A bundled model, measured at the same bytes.")
@click.option(
    "-o", "--results", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
    help="Write pictures, metrics and curves to this folder, which is made if need be.",
)  # fmt: skip
@click.option("-q", "--qualities", type=number_list(1, QUALITIES), default="100", show_default=True, metavar="Q,...")
@click.option("-n", "--limit", default=10_000, show_default=True, help="The first pictures.")
@click.option("-e", "--effort", default=0, show_default=True)
def command(
    data: tuple[str, ...], model: tuple[str, ...], beside: str | None, results: Path, limit: int, **options: Any
) -> None:
    """Measure autoencoders that `aec train` has made, over pictures that they have not seen.

    Their files are found through AECODEC_MODELS; where the folder of the training lies beside a file, its log gives the
    curves, and the network itself is measured too.
    """
    models = [registry.by_name(name) for name in model]
    beside = beside and registry.by_name(beside).name
    require_folders(results)
    tiles = load_tiles(data, models, limit)
    settings = Settings(tuple(options["qualities"]), beside, options["effort"])
    found = [measure(tiles, one, settings) for one in models]
    results.mkdir(exist_ok=True)
    names = [one.name for one in models] + ([beside] if beside else [])
    about = {"command": command_line(), "pictures": len(tiles), "environment": environment((), names)}
    write(results, found, about)
    rows = list(dict.fromkeys(result.cells() for one in found for result in one.results))
    page = [f"    {about['command']}", f"{len(tiles):,} pictures. {about['environment']}.", table(HEAD, rows, left=2)]
    publish(page, results / "metrics.md")
