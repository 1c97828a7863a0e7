"""Scanned digits: bytes and quality as paper, ink, light and frame vary, with the model that `auto` chooses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

import aecodec
from aecodec.evaluation.pages import environment, table
from aecodec.evaluation.rivals import PNG
from aecodec.metrics import pooled_psnr
from benchmarks import datasets
from benchmarks.reporting import (
    command_line,
    data_argument,
    output_option,
    progress,
    publish,
    require_folders,
)

NOTE = """\
Each digit, bright on black, is turned into a scan: paper and ink of the given gray levels, light that falls off towards
one corner by so many levels, a scanner's noise of a standard deviation, and a dark frame of two pixels at one side.
Mean bytes of whole files at the default quality and effort; *by* says which models `auto` chose."""


@dataclass(frozen=True)
class Scan:
    """What a scanner makes of ink on paper, in gray levels."""

    name: str
    paper: float = 255.0
    ink: float = 0.0
    falling: float = 0.0
    noise: float = 0.0
    frame: float | None = None

    def of(self, digits: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
        """Scans (N, H, W) of digits (N, H, W), bright on black."""
        height, width = digits.shape[1:]
        shade = np.add.outer(np.linspace(0, 0.5, height), np.linspace(0, 0.5, width)) * self.falling
        gray = self.paper + (self.ink - self.paper) * (digits / 255.0) - shade
        gray += random.normal(0.0, self.noise, gray.shape) if self.noise else 0.0
        if self.frame is not None:
            gray[:, :2] = np.minimum(gray[:, :2], self.frame)
        return np.clip(np.rint(gray), 0, 255).astype(np.uint8)


SCANS = (
    Scan("as drawn, the negative"),
    Scan("paper 230, ink 0", 230),
    Scan("paper 230, ink 60", 230, 60),
    Scan("paper 200, ink 60", 200, 60),
    Scan("paper 180, ink 120", 180, 120),
    Scan("paper 230, ink 30, light falling by 20", 230, 30, falling=20),
    Scan("paper 230, ink 30, noise of 2", 230, 30, noise=2),
    Scan("paper 230, ink 30, a frame of 100", 230, 30, frame=100),
    Scan("all of it: paper 215, ink 45, light falling by 15, noise of 1.5, a frame of 120", 215, 45, 15, 1.5, 120),
)


def row(scan: Scan, digits: NDArray[np.uint8], model: str | None) -> list[str]:
    """Bytes, models and PSNR (dB, pooled) of the scans of digits (N, H, W), and PNG's bytes."""
    progress(scan.name)
    pictures = scan.of(digits, np.random.default_rng(0))
    settings: dict[str, Any] = {} if model is None else {"model": model}
    files = aecodec.encode_many(list(pictures), **settings)
    decoded = np.stack(aecodec.decode_many(files))
    models = Counter(aecodec.inspect(file).model for file in files)
    psnr = pooled_psnr(pictures[..., None], decoded[..., None])
    png = np.mean([len(PNG.encode(picture)) for picture in pictures])
    return [
        scan.name,
        f"{np.mean([len(file) for file in files]):.1f}",
        ", ".join(f"{name} {count / len(files):.0%}" for name, count in models.most_common()),
        f"{psnr:.2f}",
        f"{png:.1f}",
    ]


@click.command("scans")
@data_argument
@click.option("-n", "--limit", default=500, show_default=True, help="The first digits only.")
@click.option("-m", "--model", metavar="NAME", help="Code with this model instead of the one that `auto` chooses.")
@output_option()
def command(data: Sequence[str], limit: int, model: str | None, output: Path | None) -> None:
    """Code scans of digits, the first ones of DATA, bright on black."""
    require_folders(output)
    digits = np.stack(datasets.load(data, limit=limit))
    head = ("scan", "bytes", "by", "PSNR dB", "PNG, bytes")
    rows = [row(scan, digits, model) for scan in SCANS]
    page = ["# Scanned digits", f"    {command_line()}", NOTE, table(head, rows), environment() + "."]
    publish(page, output)
