"""What each part of a lossless stage contributes: variants of a preset's stage, each trained for the same few steps."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from aecodec.evaluation.pages import table
from aecodec.models import registry
from aecodec.models.description import Layer, Lossless
from aecodec.training import lossless_run
from aecodec.training.data import gather
from aecodec.training.presets import PRESETS
from benchmarks.ablations import Settings, explanation, variant_options
from benchmarks.reporting import command_line, progress, publish, require_folders


def wider(stage: Lossless, factor: float) -> Lossless:
    """Hidden units times a factor."""

    def grown(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
        return tuple(replace(layer, units=round(layer.units * factor)) if layer.leaky else layer for layer in layers)

    return replace(stage, trunk=grown(stage.trunk), heads=tuple(map(grown, stage.heads)))


def reaching(stage: Lossless, reach: int) -> Lossless | None:
    """A window that reaches so many pixels, if it is another one."""
    return replace(stage, reach=reach) if reach != stage.reach else None


# The changed stage; None if the stage has no such part.
VARIANTS: dict[str, Callable[[Lossless], Lossless | None]] = {
    "as it is": lambda stage: stage,
    "neighbours up to 2 pixels away": lambda stage: reaching(stage, 2),
    "neighbours up to 3 pixels away": lambda stage: reaching(stage, 3),
    "neighbours up to 4 pixels away": lambda stage: reaching(stage, 4),
    "linear prediction from all neighbours": lambda stage: replace(stage, linear_reach=stage.reach),
    "trunk of two layers": lambda stage: replace(stage, trunk=stage.trunk[:2]),
    "half as wide": lambda stage: wider(stage, 0.5),
    "half as wide again": lambda stage: wider(stage, 1.5),
    "red before green": lambda stage: replace(stage, order=(0, 1, 2)) if len(stage.order) == 3 else None,
}


@click.command("lossless-ablations")
@variant_options(PRESETS, VARIANTS)
def command(**options: Any) -> None:
    """Train variants of a preset's lossless stage, and compare them.

    DATA is as for `aec train`. Short trainings rank the parts; they do not show what each is worth after a long one.
    """
    settings = Settings(**options)
    require_folders(settings.output)
    found = measure(settings)
    reference, _ = found[settings.variant[0]]
    rows = [
        [name, f"{macs:,}", f"{size:,.1f}", f"{100 * (size / reference - 1):+.1f} %"]
        for name, (size, macs) in found.items()
    ]
    head = ["variant", "multiply-adds a pixel", "bytes", "change"]
    page = [f"# What each part of a lossless stage contributes: {settings.preset}", f"    {command_line()}"]
    publish([*page, explanation("ideal bytes of lossless coding"), table(head, rows)], settings.output)


def measure(settings: Settings) -> dict[str, tuple[float, int]]:
    """Train each variant that the stage has: mean bytes of a held-out tile, and multiply-adds a pixel."""
    preset, model = PRESETS[settings.preset], registry.by_name(settings.preset)
    options = settings.training()
    pools, held_out = gather(options, preset)
    found = {}
    for name in settings.variant:
        stage = VARIANTS[name](preset.lossless)
        if stage is None:
            continue
        progress(name)
        with tempfile.TemporaryDirectory() as folder:
            kept = replace(options, checkpoints=Path(folder))
            network, weights = lossless_run.train(model, replace(preset, lossless=stage), pools, held_out, kept)
        random = np.random.default_rng(settings.seed)
        planes = lossless_run.measured_planes(network, weights, held_out, random)
        found[name] = lossless_run.ideal_bytes(network, planes), stage.multiply_adds(network.description)
    return found
