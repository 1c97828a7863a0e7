"""The squared error at the borders of panels, beside that at the other borders of blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import click
import numpy as np
from numpy.typing import NDArray

from aecodec.evaluation.pages import environment, number, table
from aecodec.evaluation.sweeps import aecodec_codec
from aecodec.format.panels import PanelGrid
from aecodec.models import registry
from aecodec.sources.readers import Picture
from benchmarks import datasets
from benchmarks.reporting import (
    command_line,
    data_argument,
    model_option,
    output_option,
    progress,
    publish,
    require_folders,
    sweep_options,
)

Values: TypeAlias = NDArray[np.float64]

NEAR = 1  # pixels on each side of a border: the two lines that meet there
EXPLANATION = (
    "MSE is the mean squared error of the two rows or columns of samples that meet at a border. `ratio` is that at"
    " panel borders over that at all other block borders, both means over pictures; 1 where panels leave no trace. The"
    " lines compared show different parts of the pictures, and the standard error is what that, and chance, leave open"
    " (jackknife over pictures). `beside its surroundings` compares the lines with what surrounds them instead: MSE"
    " divided by that within a block's side of the border, at panel borders over the same at other block borders. It"
    " hardly depends on what the pictures show, but does not notice an error that fills the blocks along a panel's"
    " border evenly."
)


@dataclass(frozen=True)
class Sides:
    """Sides in pixels: of a block, and (height, width) of a panel."""

    block: int
    panel: tuple[int, int]

    @classmethod
    def of(cls, model: str) -> Sides:
        """Those of a model. Raises AecError if there is none of this name."""
        description = registry.by_name(model).description
        return cls(description.block, PanelGrid.of(description.unit, description.unit).side)

    def has_borders(self, picture: Picture) -> bool:
        """Whether a picture has several panels."""
        height, width = picture.shape[:2]
        return bool(height > self.panel[0] or width > self.panel[1])


@dataclass
class Pool:
    """Squared errors of samples: their sum and number."""

    total: float = 0.0
    count: int = 0

    def add(self, errors: Values) -> None:
        """Take in the squared errors of some samples."""
        self.total += float(errors.sum())
        self.count += errors.size

    @property
    def mean(self) -> float:
        """The mean squared error."""
        return self.total / self.count


def border_errors(original: Picture, decoded: Picture, sides: Sides) -> Values:
    """Mean squared errors of a picture (H, W) or (H, W, C) with several panels, float64 (4,).

    At panel borders, and within a block's side of them; at other block borders, and within a block's side of those.
    """
    squared = np.square(original.astype(np.float64) - decoded)
    pools = [Pool() for _ in range(4)]
    for axis, panel in enumerate(sides.panel):
        lines = np.moveaxis(squared, axis, 0)
        for at in range(sides.block, len(lines), sides.block):
            near, around = pools[:2] if at % panel == 0 else pools[2:]
            near.add(lines[at - NEAR : at + NEAR])
            around.add(lines[at - sides.block : at + sides.block])
    return np.array([pool.mean for pool in pools])


def at_borders(errors: Values) -> float:
    """The error at panel borders over that at other block borders, of what `border_errors` gives."""
    return float(errors[0] / errors[2])


def beside_surroundings(errors: Values) -> float:
    """The same, with each of the two divided by the error within a block's side."""
    return float(errors[0] / errors[1] / (errors[2] / errors[3]))


def jackknife(statistic: Callable[[Values], float], rows: Values) -> tuple[float, float | None]:
    """A statistic of the mean of rows (N, K), and its standard error by leaving out each row; None of a single row."""
    count = len(rows)
    if count < 2:
        return statistic(rows.mean(axis=0)), None
    without = np.array([statistic(np.delete(rows, index, axis=0).mean(axis=0)) for index in range(count)])
    spread = np.square(without - without.mean()).sum() * (count - 1) / count
    return statistic(rows.mean(axis=0)), float(np.sqrt(spread))


def shown(found: tuple[float, float | None]) -> str:
    """A ratio and its standard error: "1.012 (0.020)"."""
    return f"{found[0]:.3f} ({number(found[1], 3)})"


def row(quality: int, bits_per_pixel: float, errors: Values) -> list[str]:
    """The line of a quality, from the errors (N, 4) of its pictures."""
    means = errors.mean(axis=0)
    return [
        str(quality),
        number(bits_per_pixel, 3),
        number(float(means[0]), 2),
        number(float(means[2]), 2),
        shown(jackknife(at_borders, errors)),
        shown(jackknife(beside_surroundings, errors)),
    ]


def measure(pictures: Sequence[Picture], model: str, qualities: Sequence[int], effort: int) -> list[list[str]]:
    """The lines of the table."""
    codec, sides = aecodec_codec(model, effort), Sides.of(model)
    pixels = sum(picture.shape[0] * picture.shape[1] for picture in pictures)
    rows = []
    for done, quality in enumerate(qualities):
        progress(f"quality {quality}", done, len(qualities))
        files = codec.encode(pictures, quality)
        decoded = codec.decode(files)
        errors = np.array([border_errors(a, b, sides) for a, b in zip(pictures, decoded, strict=True)])
        rows.append(row(quality, 8 * sum(map(len, files)) / pixels, errors))
    return rows


@click.command("seams")
@data_argument
@model_option()
@sweep_options
@output_option()
def command(data: tuple[str, ...], model: str, qualities: tuple[int, ...], effort: int, output: Path | None) -> None:
    """Compare the squared error at the borders of panels with that at the other borders of blocks.

    DATA are pictures or folders of them; those of a single panel are left out.
    """
    require_folders(output)
    everything = datasets.load(data)
    sides = Sides.of(model)
    pictures = [picture for picture in everything if sides.has_borders(picture)]
    if not pictures:
        raise ValueError(f"no picture is larger than a panel, {sides.panel[1]}x{sides.panel[0]}")
    height, width = sides.panel
    page = [
        "# Panel borders",
        f"    {command_line()}",
        f"{len(pictures)} of {len(everything)} pictures have several panels of {width}x{height}; model `{model}`,"
        f" effort {effort}, blocks of {sides.block}x{sides.block}. {EXPLANATION}",
        table(
            ("quality", "bits/pixel", "MSE, panel", "MSE, other", "ratio (s.e.)", "beside its surroundings (s.e.)"),
            measure(pictures, model, qualities, effort),
            left=0,
        ),
        f"{environment((), [model])}.",
    ]
    publish(page, output)
