"""Lossless files: bytes of whole files and pictures per second, beside PNG, WebP and JPEG XL in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

import aecodec
from aecodec.cli.option_values import number_list
from aecodec.evaluation.pages import environment, number, table
from aecodec.evaluation.rivals import PNG, Rival, available
from aecodec.lossless import plain
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
)

LOSSLESS: dict[str, dict[str, object]] = {"webp": {"lossless": True, "quality": 100}, "jxl": {"lossless": True}}


@dataclass(frozen=True)
class LosslessCodec:
    """A codec without settings: pictures to files, and back."""

    name: str
    encode: Callable[[Sequence[Picture]], list[bytes]]
    decode: Callable[[Sequence[bytes]], list[Picture]]


def rival_codec(rival: Rival, gray: bool) -> LosslessCodec:
    """A rival, one file for each picture."""
    options = LOSSLESS.get(rival.format.lower(), {})

    def encode(pictures: Sequence[Picture]) -> list[bytes]:
        return [rival.encode(picture, **{**rival.best, **options}) for picture in pictures]

    def decode(files: Sequence[bytes]) -> list[Picture]:
        return [rival.decode(file, gray) for file in files]

    return LosslessCodec(f"{rival.name}, lossless" if options else rival.described(), encode, decode)


def aecodec_codec(name: str, **options: Any) -> LosslessCodec:
    """The codec of this package with options of `encode_many`."""
    return LosslessCodec(name, partial(aecodec.encode_many, **options), aecodec.decode_many)


def plain_codec() -> LosslessCodec:
    """The same without a model."""
    return LosslessCodec("aecodec, plain", lambda pictures: list(map(plain.write, pictures)), aecodec.decode_many)


def measure(codec: LosslessCodec, pictures: Sequence[Picture]) -> list[str]:
    """A row of the table. Raises ValueError if a sample is lost."""
    progress(codec.name)
    started = time.perf_counter()
    files = codec.encode(pictures)
    encoded = time.perf_counter()
    again = codec.decode(files)
    decoded = time.perf_counter()
    if not all(np.array_equal(one, other) for one, other in zip(pictures, again, strict=True)):
        raise ValueError(f"{codec.name} does not give every sample back")
    sizes = np.array(list(map(len, files)))
    samples = sum(picture.size for picture in pictures)
    return [
        codec.name,
        number(float(sizes.mean())),
        number(8 * float(sizes.sum()) / samples, 3),
        number(len(files) / (encoded - started), 0 if len(files) > 100 else 2),
        number(len(files) / (decoded - encoded), 0 if len(files) > 100 else 2),
    ]


@click.command("lossless")
@data_argument
@model_option("auto")
@click.option("-n", "--limit", type=int, help="The first pictures. [default: all]")
@click.option(
    "-e", "--effort", type=number_list(0, 9), metavar="N,N,...", default="0,3", show_default=True, help="Of aecodec."
)
@click.option("--without", type=click.Choice(["png", "webp", "jxl", "plain"]), multiple=True, help="Leave this out.")
@output_option()
def command(
    data: tuple[str, ...],
    model: str,
    limit: int | None,
    effort: tuple[int, ...],
    without: tuple[str, ...],
    output: Path | None,
) -> None:
    """Compare lossless files. Every one is decoded and compared with its picture.

    "plain" is aecodec without a network, which `lossless` takes where that is smaller. "a second" is by the clock, with
    all pictures in one call where a codec has one.
    """
    require_folders(output)
    pictures = datasets.load(data, limit=limit)
    rivals, notes = available([name for name in ("webp", "jxl") if name not in without])
    rivals = rivals if "png" in without else [PNG, *rivals]
    codecs = [rival_codec(rival, pictures[0].ndim == 2) for rival in rivals]
    if "plain" not in without:
        codecs.append(plain_codec())
    codecs += [aecodec_codec(f"aecodec, effort {e}", lossless=True, model=model, effort=e) for e in effort]
    rows = [measure(codec, pictures) for codec in codecs]
    page = [
        f"# Lossless: {len(pictures):,} pictures",
        f"    {command_line()}",
        environment(rivals, [model]) + ".",
        *notes,
        table(["", "bytes", "bits a sample", "encoded a second", "decoded a second"], rows),
    ]
    publish(page, output)
