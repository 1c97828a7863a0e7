"""Lossless and near-lossless files of several data sets in one table, beside other codecs in the same run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np

import aecodec
from aecodec.cli.option_values import number_list
from aecodec.evaluation.pages import environment, number, table
from aecodec.evaluation.rivals import PNG, RIVALS, Rival, available
from aecodec.sources.readers import Picture
from benchmarks import datasets, targets
from benchmarks.reporting import command_line, output_option, progress, publish, require_folders

Encoder = Callable[[Picture], int]  # the bytes of a picture's file; 0 where the codec cannot hold it

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
MAX_ERRORS = (1, 2, 4)
SEED = 5
JPEG_LS = "imagecodecs"  # the package
SETS = ("digits", "letters", "cifar", "photographs")


def size_of(rival: Rival, **options: Any) -> Encoder:
    """The bytes of a file that Pillow writes with these options."""
    return lambda picture: len(rival.encode(picture, **options))


def only(bits: int, encode: Encoder) -> Encoder:
    """The encoder for samples of so many bits, and for no others."""
    return lambda picture: encode(picture) if picture.dtype.itemsize * 8 <= bits else 0


def rivals(efforts: Sequence[int]) -> tuple[dict[str, Encoder], list[str]]:
    """The encoders of lossless files that are installed, JPEG XL at these efforts; a note for each that is not."""
    found: dict[str, Encoder] = {"PNG": size_of(PNG, **PNG.best)}
    chosen, notes = available(("webp", "jxl"))
    if RIVALS["webp"] in chosen:
        webp = size_of(RIVALS["webp"], lossless=True, quality=100, method=6, exact=True)
        found["WebP"] = only(8, webp)
    if RIVALS["jxl"] in chosen:
        for effort in efforts:
            found[f"JPEG XL, effort {effort}"] = size_of(RIVALS["jxl"], lossless=True, effort=effort)
    return found, notes


def jpeg_ls(picture: Picture, max_error: int) -> int:
    """The bytes of a JPEG-LS file; the package codes the channels as they are, without a colour transform."""
    from imagecodecs import jpegls_encode

    return len(jpegls_encode(np.ascontiguousarray(picture), level=max_error))


def near_rivals() -> tuple[dict[str, Callable[[Picture, int], int]], list[str]]:
    """The encoders of files whose largest error is bounded."""
    if find_spec(JPEG_LS) is None:
        return {}, [f"JPEG-LS: left out, the package {JPEG_LS} is not installed"]
    return {f"JPEG-LS ({JPEG_LS} {version(JPEG_LS)})": jpeg_ls}, []


def own(pictures: Sequence[Picture], max_error: int, effort: int) -> float:
    """The mean bytes of files of this package. Raises ValueError if a sample is off by more."""
    files = aecodec.encode_many(pictures, max_error=max_error, effort=effort)
    for picture, again in zip(pictures, aecodec.decode_many(files), strict=True):
        if int(np.abs(picture.astype(int) - again).max()) > max_error:
            raise ValueError(f"a sample is off by more than {max_error}")
    return float(np.mean(list(map(len, files))))


def gray(picture: Picture) -> Picture:
    """The luma of a picture (H, W, 3)."""
    return np.asarray(np.rint(picture @ LUMA), np.uint8)


def deep(picture: Picture) -> Picture:
    """A picture of 16 bits as a sensor of 12 bits gives it: linear light, photon noise, black level."""
    light = (picture @ LUMA / 255.0) ** 2.2 * 3800.0
    random = np.random.default_rng(SEED)
    electrons = random.poisson(light * 4.0) / 4.0 + random.normal(0.0, 1.5, light.shape)
    return np.asarray(np.clip(np.rint(electrons + 128.0), 0, 4095), np.uint16)


def depth(picture: Picture) -> Picture:
    """A smooth picture of 16 bits: the luma, averaged over 9x9 pixels, in all of their range, with faint noise."""
    luma = np.pad(picture @ LUMA, 4, mode="edge")
    sums = np.cumsum(np.cumsum(np.pad(luma, ((1, 0), (1, 0))), axis=0), axis=1)
    mean = (sums[9:, 9:] - sums[:-9, 9:] - sums[9:, :-9] + sums[:-9, :-9]) / 81.0
    noise = np.random.default_rng(SEED).normal(0.0, 4.0, mean.shape)
    return np.asarray(np.clip(np.rint(mean * 256.0 + noise), 0, 65535), np.uint16)


def graphics() -> dict[str, Picture]:
    """Screenshots, pixel art, documents and the like, drawn by seeds."""
    return {name: picture for name, picture in targets.drawn().items() if picture.dtype == np.uint8}


def rows_of(sets: dict[str, Sequence[Picture]], codecs: dict[str, Encoder], effort: int) -> list[list[str]]:
    """A row for each data set: mean bytes of each codec's files, and of ours."""
    rows = []
    for name, pictures in sets.items():
        progress(name)
        sizes = [float(np.mean(list(map(encode, pictures)))) for encode in codecs.values()]
        mine = own(pictures, 0, effort)
        bits = 8 * mine * len(pictures) / sum(picture.size for picture in pictures)
        row = [f"{name}, {len(pictures):,}", *(number(size, 1) if size else "-" for size in sizes)]
        rows.append([*row, number(mine, 1), number(bits, 3)])
    return rows


def near_rows(sets: dict[str, Sequence[Picture]], effort: int) -> tuple[list[str], list[list[str]], list[str]]:
    """Head, rows and notes of near-lossless files."""
    codecs, notes = near_rivals()
    rows = []
    for name, pictures in sets.items():
        for max_error in MAX_ERRORS:
            progress(f"{name}, {max_error}")
            sizes = [np.mean([encode(p, max_error) for p in pictures]) for encode in codecs.values()]
            rows.append(
                [
                    name,
                    str(max_error),
                    *(number(float(s), 1) for s in sizes),
                    number(own(pictures, max_error, effort), 1),
                ]
            )
    return ["", "largest error", *codecs, "aecodec"], rows, notes


@click.command("lossless")
@click.option("--digits", multiple=True, metavar="DATA", help="Gray digits.")
@click.option("--letters", multiple=True, metavar="DATA", help="Gray letters.")
@click.option("--cifar", multiple=True, metavar="DATA", help="Colour pictures of 32x32.")
@click.option("--photographs", multiple=True, metavar="DATA", help="Colour photographs; gray and 16 bits follow.")
@click.option("-n", "--limit", type=int, help="The first pictures of each. [default: all]")
@click.option("-e", "--effort", type=int, default=1, show_default=True, help="Of aecodec.")
@click.option("--jxl-efforts", type=number_list(1, 9), default="7", show_default=True, help="Of JPEG XL.")
@output_option()
def command(
    limit: int | None, effort: int, jxl_efforts: list[int], output: Path | None, **data: tuple[str, ...]
) -> None:
    """Compare lossless files of several data sets. Every file of ours is decoded and compared with its picture."""
    require_folders(output)
    sets: dict[str, Sequence[Picture]] = {name: datasets.load(data[name], limit=limit) for name in SETS if data[name]}
    near = {name: pictures for name, pictures in sets.items() if name in ("cifar", "photographs")}
    if photographs := sets.get("photographs"):
        sets["photographs, gray"] = [gray(picture) for picture in photographs]
        sets["photographs, sensor of 12 bits"] = [deep(picture) for picture in photographs]
        sets["photographs, smooth, 16 bits"] = [depth(picture) for picture in photographs]
    sets |= {name: [picture] for name, picture in graphics().items()}
    codecs, notes = rivals(jxl_efforts)
    rows = rows_of(sets, codecs, effort)
    head, near_table, more = near_rows(near, effort)
    page = [
        "# Lossless and near-lossless files",
        f"    {command_line()}",
        environment(available(("webp", "jxl"))[0], ["auto"]) + ".",
        *notes,
        *more,
        "Mean bytes of whole files, and the bits that a sample takes with aecodec. Pictures of 16 bits are made of the"
        "\nphotographs by the noise models of this benchmark.",
        table(["", *codecs, "aecodec", "bits a sample"], rows),
        "## Near-lossless",
        table(head, near_table),
    ]
    publish(page, output)
