"""What each part of a model's shape contributes: variants of a preset's shape, each trained for the same few steps."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from aecodec.evaluation.pages import table
from aecodec.metrics import bd_rate
from aecodec.models.description import CHECKERBOARD
from aecodec.training import presets
from aecodec.training.data import gather
from aecodec.training.fitting import train, validate
from aecodec.training.options import TrainingOptions
from aecodec.training.presets import LadderShape
from benchmarks.reporting import command_line, output_option, publish, require_folders

SHAPES = {
    "mnist": presets.GRAY_28,
    "alphabet": presets.GRAY_28,
    "cifar": presets.COLOUR_32,
    "photo": presets.COLOUR_ANY,
}


def wider(shape: LadderShape, factor: float) -> LadderShape:
    """Features and units times a factor."""
    width = shape.width
    units = tuple(round(w * factor) for w in width) if isinstance(width, tuple) else round(width * factor)
    return replace(shape, features=round(shape.features * factor), width=units)


def without(shape: LadderShape, index: int) -> LadderShape:
    """One group less: the group that begins at ``groups[index]`` joins the one before it."""
    groups, width = list(shape.groups), shape.width
    del groups[index]
    if isinstance(width, tuple):
        widths = list(width)
        del widths[index]
        width = tuple(widths)
    joined = tuple(j for j in shape.joined if j in groups)
    return replace(shape, groups=tuple(groups), width=width, joined=joined)


def all_at_once(shape: LadderShape) -> LadderShape:
    """No block before others."""
    return replace(shape, spacing=1, ahead=())


def updates(shape: LadderShape) -> bool:
    """Whether any network of the shape updates the features."""
    return any(shape.description().update_layers)


def without_tiles(shape: LadderShape) -> LadderShape:
    """The shape without tiles and vector; its features are made by updates, so it gets some if it had none."""
    return replace(shape, side=None, vector=0, joined=shape.joined if updates(shape) else ())


# The changed shape; None if the shape has no such part.
VARIANTS: dict[str, Callable[[LadderShape], LadderShape | None]] = {
    "as it is": lambda shape: shape,
    "no updates of the features": lambda shape: (
        replace(shape, update_depth=0) if shape.vector and updates(shape) else None
    ),
    "updates of the features": lambda shape: replace(shape, joined=()) if not updates(shape) else None,
    "first group in two passes instead of four": lambda shape: (
        replace(shape, first=CHECKERBOARD) if shape.spacing == 1 else None
    ),
    "no blocks before others": lambda shape: all_at_once(shape) if shape.spacing > 1 else None,
    "the same steps in all passes": lambda shape: replace(shape, ahead=()) if shape.ahead else None,
    "last group joined": lambda shape: without(shape, -1),
    "second group joined": lambda shape: without(replace(shape, ahead=()), 1) if len(shape.groups) > 2 else None,
    "no tiles, no vector": lambda shape: without_tiles(shape) if shape.vector else None,
    "vector of a quarter": lambda shape: replace(shape, vector=shape.vector // 4) if shape.vector else None,
    "half as wide": lambda shape: wider(shape, 0.5),
    "half as wide again": lambda shape: wider(shape, 1.5),
    "correction of one layer": lambda shape: replace(shape, correction_depth=1, correction_blocks=0),
}


def curve(figures: list[dict[str, float]]) -> tuple[list[float], list[float]]:
    """Bytes and PSNRs of the figures of a validation."""
    return [f["bytes"] for f in figures], [f["psnr"] for f in figures]


def explanation(measured: str) -> str:
    """What the page says of the runs. measured: what is compared."""
    return (
        "Every variant is trained from scratch with the preset's settings for the given number of steps, then measured"
        f" on held-out tiles: {measured}. Short runs rank the parts; they do not show how much each"
        " contributes after a long one."
    )


@dataclass(frozen=True)
class Settings:
    """The options of a command that trains variants."""

    data: tuple[str, ...]
    preset: str
    variant: tuple[str, ...]
    crops: int
    seed: int
    steps: int
    validation: int
    output: Path

    def training(self) -> TrainingOptions:
        """Those of each run."""
        return TrainingOptions(
            data=self.data,
            output=self.output,
            preset=self.preset,
            steps=self.steps,
            validation=self.validation,
            crops=self.crops,
            seed=self.seed,
            progress=False,
        )


def variant_options(
    names: Iterable[str], variants: Iterable[str]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The parameters that `Settings` holds, for these presets and variants."""
    found = list(variants)
    parameters = (
        click.argument("data", nargs=-1, required=True, metavar="DATA..."),
        click.option("--preset", type=click.Choice(list(names)), required=True),
        click.option("--variant", type=click.Choice(found), multiple=True, default=found, help="[all]"),
        click.option("--crops", default=16, show_default=True, help="Of each larger picture."),
        click.option("--seed", default=0, show_default=True),
        click.option("--steps", default=2000, show_default=True, help="Of each training."),
        click.option("--validation", default=500, show_default=True, help="Tiles held out."),
        output_option(),
    )

    def decorated(function: Callable[..., None]) -> Callable[..., None]:
        for parameter in reversed(parameters):
            function = parameter(function)
        return function

    return decorated


@click.command("ablations")
@variant_options(SHAPES, VARIANTS)
def command(**options: Any) -> None:
    """Train variants of a preset's shape, and compare them.

    DATA is as for `aec train`. Short trainings rank the parts; they do not show what each is worth after a long one.
    """
    settings = Settings(**options)
    require_folders(settings.output)
    found = measure(settings)
    reference = found[settings.variant[0]]
    rows = []
    for name, figures in found.items():
        change = bd_rate(*curve(figures), *curve(reference))
        rows.append([name, *(f"{f['bytes']:.1f} B, {f['psnr']:.2f} dB" for f in figures), f"{change:+.1f} %"])
    head = ["variant", *(f"quality {f['quality']}" for f in reference), "BD-rate"]
    explained = explanation("ideal payload bytes, greedy rounding")
    page = [f"# What each part contributes: {settings.preset}", f"    {command_line()}", explained, table(head, rows)]
    publish(page, settings.output)


def measure(settings: Settings) -> dict[str, list[dict[str, float]]]:
    """Train and validate each variant that the shape has."""
    preset, shape = presets.PRESETS[settings.preset], SHAPES[settings.preset]
    options = settings.training()
    pools, held_out = gather(options, preset)
    found = {}
    for name in settings.variant:
        changed = VARIANTS[name](shape)
        if changed is None:
            continue
        variant = replace(preset, description=changed.description(), crop=preset.tile[0])
        with tempfile.TemporaryDirectory() as folder:
            trained = train(variant, pools, (held_out,), replace(options, checkpoints=Path(folder)))
        found[name] = validate(trained, held_out)
        click.echo(f"{name} {found[name]}", err=True)
    return found
