"""What compression does to learning: small classifiers trained on decoded pictures, and on originals."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import keras
import numpy as np
from matplotlib import pyplot
from numpy.typing import NDArray

import aecodec
from aecodec import dataset
from aecodec.cli.option_values import number_list
from aecodec.evaluation import plots
from aecodec.evaluation.curves import point
from aecodec.evaluation.pages import environment, table
from aecodec.evaluation.rivals import PNG
from aecodec.sources import items, readers
from aecodec.sources.readers import Picture
from benchmarks.reporting import command_line, output_option, progress, publish, require_folders

SHEET: Final = (32, 32)
ORIGINAL: Final = 0  # in place of a quality
BATCH: Final = 64
PNG_SAMPLE: Final = 1000
LABELS: Final = "-labels-idx1-ubyte.gz"
CLASSES: Final = 10
COLUMNS: Final = (
    ("decoded", "decoded"),
    ("decoded", "original"),
    ("original", "decoded"),
)  # the pictures of training, those of the test


@dataclass(frozen=True)
class Split:
    """Pictures (N, H, W) or (N, H, W, 3) and their labels (N,)."""

    pictures: Picture
    labels: NDArray[np.uint8]


@dataclass(frozen=True)
class Task:
    """A data set, the codec's model for it, and the classifier that learns it.

    train, test: the names of the files of pictures begin with these. epochs: of a training run. layers: makes the
    hidden layers of the classifier.
    """

    title: str
    model: str
    train: str
    test: str
    epochs: int
    layers: Callable[[], list[Any]]


class Accuracy(NamedTuple):
    """Mean and standard deviation over the seeds, in per cent of the test pictures."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class Result:
    """One quality: size and PSNR of the test pictures, and a test accuracy for each entry of COLUMNS.

    file_bytes: mean of single files. picture_bytes: of a data set, divided by the number of its pictures.
    """

    quality: int
    file_bytes: float
    picture_bytes: float
    psnr: float
    accuracies: Sequence[Accuracy]


@dataclass(frozen=True)
class Found:
    """All that was measured of a task."""

    task: Task
    training_count: int
    test_count: int
    original: Accuracy
    png_bytes: float
    results: Sequence[Result]


def _digit_layers() -> list[Any]:
    return [*_convolutions(16, 2), *_convolutions(32, 2), keras.layers.Flatten()]


def _colour_layers() -> list[Any]:
    hidden = [keras.layers.RandomFlip("horizontal"), *_convolutions(32, 1), keras.layers.MaxPooling2D()]
    hidden += [*_convolutions(64, 1), keras.layers.MaxPooling2D(), *_convolutions(128, 2)]
    return [*hidden, keras.layers.GlobalAveragePooling2D()]


def _convolutions(filters: int, strides: int) -> list[Any]:
    convolution = keras.layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)
    return [convolution, keras.layers.BatchNormalization(momentum=0.9), keras.layers.ReLU()]


DIGITS: Final = Task("MNIST", "mnist", "train-images", "t10k-images", 4, _digit_layers)
COLOUR: Final = Task("CIFAR-10", "cifar", "train-0", "test-0", 6, _colour_layers)


def load(folder: Path, task: Task, training: int, test: int) -> tuple[Split, Split]:
    """The first pictures of the training and of the test split. Raises ValueError for what cannot be read."""
    return _split(folder, task.train, training), _split(folder, task.test, test)


def _split(folder: Path, prefix: str, limit: int) -> Split:
    files = sorted(path for path in folder.glob(f"{prefix}*"))
    labels = folder / f"{prefix.partition('-')[0]}{LABELS}"
    if not files or not labels.exists():
        raise ValueError(f"{folder} has no {prefix}* or no {labels.name}")
    found = items.load([str(file) for file in files], SHEET, limit, readers.SHEET_TILES)
    return Split(np.stack([item.picture for item in found]), readers.read_idx(labels)[: len(found)])


def trained(task: Task, split: Split, seed: int) -> Any:
    """A classifier trained on a split; the same seed gives the same start and the same order of pictures."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([*task.layers(), keras.layers.Dense(CLASSES)])
    steps = task.epochs * -(-len(split.labels) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss)
    model.fit(_values(split.pictures), split.labels, batch_size=BATCH, epochs=task.epochs, verbose=0)
    return model


def accuracy(model: Any, split: Split) -> float:
    """The part of the pictures that a classifier gets right, in per cent."""
    scores = model.predict(_values(split.pictures), batch_size=500, verbose=0)
    return 100 * float(np.mean(np.argmax(scores, axis=1) == split.labels))


def _values(pictures: Picture) -> NDArray[np.float32]:
    stack = pictures if pictures.ndim == 4 else pictures[..., None]
    return stack.astype(np.float32) / 127.5 - 1


def coded(split: Split, model: str, quality: int) -> tuple[Split, list[bytes]]:
    """The split as it is decoded, and the files."""
    files = aecodec.encode_many(list(split.pictures), model=model, quality=quality)
    return Split(np.stack(aecodec.decode_many(files)), split.labels), files


def data_set_bytes(files: Sequence[bytes]) -> int:
    """The size of a data set of these files."""
    stream = io.BytesIO()
    dataset.write(stream, files)
    return len(stream.getvalue())


def measure(task: Task, train: Split, test: Split, qualities: Sequence[int], seeds: int) -> Found:
    """Train and test classifiers on originals and at each quality."""

    def classifiers(split: Split, name: str) -> list[Any]:
        models = []
        for seed in range(seeds):
            progress(f"{task.title}: training on {name}, {seed + 1} of {seeds}")
            models.append(trained(task, split, seed))
        return models

    def over(models: Sequence[Any], split: Split) -> Accuracy:
        values = [accuracy(model, split) for model in models]
        return Accuracy(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0)

    plain = classifiers(train, "originals")
    results = []
    for quality in qualities:
        progress(f"{task.title}: coding at quality {quality}")
        decoded_train, _ = coded(train, task.model, quality)
        decoded_test, files = coded(test, task.model, quality)
        decoded = classifiers(decoded_train, f"quality {quality}")
        models = {"original": plain, "decoded": decoded}
        tests = {"original": test, "decoded": decoded_test}
        rate = point(quality, list(test.pictures), files, list(decoded_test.pictures))
        found = [over(models[on], tests[of]) for on, of in COLUMNS]
        results.append(Result(quality, rate.file_bytes, data_set_bytes(files) / len(files), rate.psnr, found))
    png = float(np.mean([len(PNG.encode(picture, **PNG.best)) for picture in test.pictures[:PNG_SAMPLE]]))
    return Found(task, len(train.labels), len(test.labels), over(plain, test), png, results)


def results_table(found: Found) -> str:
    """One line for each quality, and one for the originals."""
    head = ["quality", "bytes", "in a file", "PSNR dB", *(f"{on} / {of}" for on, of in COLUMNS)]
    rows = []
    for result in found.results:
        sizes = [f"{size:.1f}" for size in (result.picture_bytes, result.file_bytes)]
        accuracies = [_shown(value) for value in result.accuracies]
        rows.append([str(result.quality), *sizes, f"{result.psnr:.2f}", *accuracies])
    png = f"PNG {found.png_bytes:,.0f}"
    rows.append(["original", "-", png, "-", "-", "-", _shown(found.original)])
    return table(head, rows)


def _shown(value: Accuracy) -> str:
    return f"{value.mean:.2f} ± {value.deviation:.2f}"


def summary(found: Found, seeds: int) -> str:
    """What the figures of a task allow to say: losses at each quality, and from which size on they are noise."""
    harmless: Result | None = None
    for result in sorted(found.results, key=lambda r: -r.picture_bytes):
        if _loss(found, result, 0) > _noise(found, result, 0, seeds):
            break
        harmless = result
    losing = [r for r in found.results if harmless is None or r.picture_bytes < harmless.picture_bytes]
    parts = [f"{_loss(found, r, 0):.1f} at {_size(r)}" for r in sorted(losing, key=lambda r: -r.picture_bytes)]
    losses = f"{', '.join(parts)} bytes"
    if harmless is None:
        text = f"A classifier that is trained and tested on decoded pictures loses points at every quality: {losses}."
    else:
        ratio = found.png_bytes / harmless.picture_bytes
        text = (
            f"From {_size(harmless)} bytes a picture on, {ratio:.0f} times fewer than PNG, a classifier that"
            " is trained and tested on decoded pictures loses nothing that can be told from noise."
        )
        text += f" Below, it loses points: {losses}." if losing else ""
    worst = min(found.results, key=lambda r: r.picture_bytes)
    return (
        f"**{found.task.title}.** {text} One that was trained on originals and then meets decoded pictures loses"
        f" {_loss(found, worst, 2):.1f} points at {_size(worst)} bytes, instead of"
        f" {_loss(found, worst, 0):.1f}."
    )


def _size(result: Result) -> str:
    return f"{result.picture_bytes:.{1 if result.picture_bytes < 100 else 0}f}"


def _loss(found: Found, result: Result, column: int) -> float:
    return found.original.mean - result.accuracies[column].mean


def _noise(found: Found, result: Result, column: int, seeds: int) -> float:
    """Twice the standard error of a loss."""
    return 2 * float(np.hypot(found.original.deviation, result.accuracies[column].deviation)) / float(np.sqrt(seeds))


EXPLANATION: Final = (
    "Test accuracy in per cent, mean ± standard deviation over seeds. The headings say what the classifier was trained"
    " on / tested on: `decoded / decoded` is a data set that was compressed as a whole, `decoded / original` meets"
    " uncompressed pictures after training, and `original / decoded` was trained before anything was compressed. Bytes"
    " a picture are those of a data set of all test pictures, index included; beside them the mean of single files."
)
CAVEAT: Final = (
    "A loss below twice its standard error over the seeds counts as noise. The classifiers are small, and their short"
    " training sees a part of the training split: a better classifier may depend more on detail that low qualities"
    " remove, and has less noise to hide a loss. The codec's models were trained on the training splits of these data"
    " sets, without labels; on other pictures they need more bytes for the same quality."
)


def draw(founds: Sequence[Found]) -> Any:
    """Accuracy against bytes, a panel for each task."""
    with pyplot.rc_context(plots.STYLE):
        figure, axes = pyplot.subplots(1, len(founds), figsize=(6 * len(founds), 4.8), layout="constrained")
        for panel, found in zip(np.atleast_1d(axes), founds, strict=True):
            _panel(panel, found)
        handles, names = np.atleast_1d(axes)[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _panel(panel: Any, found: Found) -> None:
    sizes = [result.picture_bytes for result in found.results]
    for index, (on, of) in enumerate(COLUMNS):
        colour, marker = plots.LINES[index]
        means = [result.accuracies[index].mean for result in found.results]
        deviations = [result.accuracies[index].deviation for result in found.results]
        style = {"color": colour, "marker": marker, "capsize": 3, **plots.BASE}
        panel.errorbar(sizes, means, deviations, label=f"trained on {on}, tested on {of}", **style)
    middle, spread = found.original
    panel.axhline(middle, color="black", linewidth=1, label="originals only (band: one standard deviation)")
    panel.axhspan(middle - spread, middle + spread, color="black", alpha=0.12, linewidth=0)
    panel.set_xscale("log")
    panel.set_xticks(sizes, [f"{size:.0f}" for size in sizes], minor=False)
    panel.minorticks_off()
    panel.set_xlabel(f"bytes a picture (log); PNG {found.png_bytes:,.0f}")
    panel.set_ylabel("test accuracy, %")
    panel.set_title(found.task.title)


@click.command("learning")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    required=True,
    metavar="FOLDER",
    help="Of MNIST's four idx files, or of CIFAR-10: sheets train-* and test-*, and idx files of labels.",
)
@click.option("-q", "--qualities", type=number_list(1, 100), default="1,10,30,50,75", show_default=True)
@click.option("--training", default=10000, show_default=True, help="Pictures to train on.")
@click.option("--test", default=10000, show_default=True, help="Pictures to test on.")
@click.option("--seeds", default=4, show_default=True, help="Training runs for each entry of the tables.")
@output_option(text="Write the Markdown to this file, and the plot beside it.")
def command(data: Sequence[Path], qualities: Sequence[int], training: int, test: int, seeds: int, output: Path) -> None:
    """Train small classifiers on decoded pictures and on originals, and compare their test accuracy with the bytes."""
    output = output or Path("docs/learning.md")
    require_folders(output)
    founds = []
    for folder in data:
        task = DIGITS if list(folder.glob(f"{DIGITS.test}*")) else COLOUR
        splits = load(folder, task, training, test)
        founds.append(measure(task, *splits, qualities, seeds))
    write(founds, seeds, output)


def write(founds: Sequence[Found], seeds: int, output: Path) -> None:
    """Write the page, and the plot beside it."""
    plot = output.with_suffix(".png")
    figure = draw(founds)
    figure.savefig(plot, dpi=plots.DPI, metadata={"Software": None})
    pyplot.close(figure)
    page = ["# What compression does to learning", f"    {command_line()}", EXPLANATION]
    page.append(f"![Test accuracy against bytes a picture]({plot.name})")
    for found in founds:
        counts = f"{found.training_count:,} training and {found.test_count:,} test pictures, {found.task.epochs} epochs"
        page += [f"## {found.task.title}", f"{counts}, {seeds} seeds.", results_table(found)]
    page += ["## What it says", " ".join([*(summary(found, seeds) for found in founds), CAVEAT])]
    versions = f"Keras {keras.__version__} on {keras.backend.backend()} {version(keras.backend.backend())}"
    models = [found.task.model for found in founds]
    publish([*page, f"{environment(model_names=models)}, {versions}."], output)
