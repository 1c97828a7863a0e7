"""Files of a given size or PSNR, many pictures at several limits each; and lossless files of graphics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import aecodec
from aecodec import metrics
from aecodec.cli.option_values import number_list, psnr_list
from aecodec.evaluation.pages import environment, number, table
from aecodec.evaluation.rivals import PNG, RIVALS
from aecodec.sources.items import spread
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

NEAR = 0.95
SEED = 3


def reached_psnr(pictures: Sequence[Picture], files: Sequence[bytes]) -> NDArray[np.float64]:
    """The PSNR of every file in dB, (N,)."""
    found = []
    for picture, decoded in zip(pictures, aecodec.decode_many(files), strict=True):
        shape = (1, *picture.shape[:2], -1)
        found.append(metrics.psnr(picture.reshape(shape), decoded.reshape(shape))[0])
    return np.array(found)


def coded(pictures: Sequence[Picture], **settings: Any) -> list[bytes | None]:
    """Encode pictures, many at once; None where no file meets the target."""
    try:
        return list(aecodec.encode_many(pictures, **settings))
    except aecodec.Unreachable:
        if len(pictures) == 1:
            return [None]
    middle = len(pictures) // 2
    return coded(pictures[:middle], **settings) + coded(pictures[middle:], **settings)


def successful(pictures: Sequence[Picture], **settings: Any) -> tuple[list[Picture], list[bytes]]:
    """The pictures that a file meets the target for, and their files."""
    pairs = zip(pictures, coded(pictures, **settings), strict=True)
    found = [(picture, file) for picture, file in pairs if file is not None]
    return [picture for picture, _ in found], [file for _, file in found]


def beside(pictures: Sequence[Picture], files: Sequence[bytes], step: int, **settings: Any) -> list[bytes | None]:
    """Encode each picture again at its file's quality plus `step`; None beyond 1..100, or where a file is plain."""
    found: list[bytes | None] = [None] * len(files)
    alike: dict[tuple[str, int], list[int]] = {}
    for index, info in enumerate(map(aecodec.inspect, files)):
        if info.max_error is None and 1 <= info.quality + step <= 100:
            alike.setdefault((info.model, info.quality + step), []).append(index)
    for (model, quality), indices in alike.items():
        some = aecodec.encode_many([pictures[i] for i in indices], **{**settings, "model": model, "quality": quality})
        for index, file in zip(indices, some, strict=True):
            found[index] = file
    return found


def budgets(pictures: Sequence[Picture], limits: Sequence[int], **settings: Any) -> str:
    """Table of files within each number of bytes: how many keep the limit, and how far below it they stay."""
    rows = []
    for limit in limits:
        progress(f"at most {limit} bytes")
        kept, files = successful(pictures, max_bytes=limit, **settings)
        sizes = np.array([len(file) for file in files])
        if not files:
            rows.append((f"{limit:,}", "0", "0", "-", "-", "-", "-"))
            continue
        far = [i for i in range(len(files)) if sizes[i] < NEAR * limit]
        more = beside([kept[i] for i in far], [files[i] for i in far], 1, **settings)
        early = sum(file is not None and len(file) <= limit for file in more)
        below = 100 * (1 - sizes / limit)
        worst = f"{below.mean():.1f} %", f"{np.percentile(below, 95):.1f} %"
        rows.append(
            (f"{limit:,}", f"{len(files)}", f"{(sizes > limit).sum()}", *worst, f"{early}", number(sizes.mean(), 1))
        )
    head = ("at most bytes", "files", "over", "below, mean", "below, 95 of 100", "early", "mean bytes")
    return table(head, rows, left=0)


def psnr_targets(pictures: Sequence[Picture], limits: Sequence[float], **settings: Any) -> str:
    """Table of files of at least each PSNR: how many reach it, and how far above it they are."""
    rows = []
    for limit in limits:
        progress(f"at least {limit} dB")
        kept, files = successful(pictures, min_psnr=limit, **settings)
        if not files:
            rows.append((f"{limit:g}", "0", "0", "-", "-", "-"))
            continue
        reached = reached_psnr(kept, files)
        less = beside(kept, files, -1, **settings)
        where = [i for i, file in enumerate(less) if file is not None]
        lower = reached_psnr([kept[i] for i in where], [file for file in less if file is not None])
        above = (reached - limit)[np.isfinite(reached)]
        sizes = [len(file) for file in files]
        counts = f"{len(files)}", f"{(reached < limit).sum()}"
        rows.append(
            (
                f"{limit:g}",
                *counts,
                f"{above.mean():.2f}",
                f"{(lower >= limit).sum()}",
                number(float(np.mean(sizes)), 1),
            )
        )
    head = ("at least dB", "files", "under", "above, mean dB", "early", "mean bytes")
    return table(head, rows, left=0)


# Graphics, without loss ---


def drawn() -> dict[str, Picture]:
    """Synthetic graphics: a screenshot, a QR-like code, pixel art, a flat picture, noise."""
    random = np.random.default_rng(SEED)
    screen = Image.new("RGB", (800, 600), (246, 246, 248))
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, 800, 28), fill=(40, 70, 150))
    draw.text((12, 8), "notes.txt - Editor", fill=(255, 255, 255))
    for line in range(40):
        words = " ".join("".join(random.choice(list("etaoinshrdlu"), 2 + line % 7)) for _ in range(14))
        draw.text((14, 40 + 13 * line), words, fill=(20, 20, 20))
    draw.rectangle((650, 60, 780, 200), outline=(120, 120, 120), fill=(220, 235, 255))
    dots = random.integers(0, 2, (37, 37)) * 255
    for y, x in ((0, 0), (0, 30), (30, 0)):
        dots[y : y + 7, x : x + 7] = 0
        dots[y + 1 : y + 6, x + 1 : x + 6] = 255
        dots[y + 2 : y + 5, x + 2 : x + 5] = 0
    palette = random.integers(0, 256, (12, 3)).astype(np.uint8)
    art = random.integers(0, 12, (16, 8))
    sprite = palette[np.concatenate([art, art[:, ::-1]], axis=1)]
    return {
        "screenshot, 800x600": np.asarray(screen),
        "code of 37x37 squares, 370x370": np.kron(dots, np.ones((10, 10))).astype(np.uint8),
        "pixel art of 16x16 in 12 colours, 128x128": np.kron(sprite, np.ones((8, 8, 1), np.uint8)),
        "one colour, 1000x1000": np.full((1000, 1000, 3), (200, 30, 90), np.uint8),
        "noise, 256x256": random.integers(0, 256, (256, 256, 3)).astype(np.uint8),
        "noise of 16 bits, 256x256": random.integers(0, 65536, (256, 256)).astype(np.uint16),
    }


def lossless() -> str:
    """Table of lossless files of graphics, beside PNG and WebP. Raises ValueError if a sample is lost."""
    rows = []
    for name, picture in drawn().items():
        progress(name)
        data = aecodec.encode(picture, lossless=True)
        if not np.array_equal(aecodec.decode(data), picture):
            raise ValueError(f"{name} did not come back")
        png, webp = f"{len(PNG.encode(picture, **PNG.best)):,}", "-"
        if picture.dtype == np.uint8:
            webp = f"{len(RIVALS['webp'].encode(picture, lossless=True, method=6, exact=True)):,}"
        rows.append((name, f"{picture.nbytes:,}", png, webp, f"{len(data):,}"))
    return table(("", "raw bytes", "PNG", "WebP lossless", ".aec lossless"), rows)


@dataclass(frozen=True)
class Settings:
    """The options of the command."""

    data: tuple[str, ...]
    model: str
    pictures: int
    effort: int
    budgets: tuple[int, ...]
    psnr: tuple[float, ...]
    output: Path | None


@click.command("targets")
@data_argument
@model_option("auto")
@click.option("-n", "--pictures", default=200, show_default=True, help="At even distances in the data.")
@click.option("-e", "--effort", default=3, show_default=True)
@click.option(
    "--budgets",
    type=number_list(1, 1 << 30),
    metavar="N,N,...",
    default="60,100,150,250,400",
    show_default=True,
    help="Bytes.",
)
@click.option("--psnr", type=psnr_list, metavar="DB,DB,...", default="24,27,30,33,36", show_default=True, help="In dB.")
@output_option()
def command(**options: Any) -> None:
    """Count files that keep their limit of bytes or PSNR, and how far they stay from it."""
    settings = Settings(**options)
    require_folders(settings.output)
    pictures = spread(datasets.load(settings.data), settings.pictures)
    coding = {"model": settings.model, "effort": settings.effort}
    page = [
        "# Files of a given size or PSNR",
        f"    {command_line()}",
        f"{len(pictures)} pictures, each at every limit. `files` counts the pictures for which a file meets the limit;"
        "\n*early* counts files that a neighbouring quality would have improved: the next higher one still fits"
        "\n(counted if the file is 5 % or more below the budget), or the next lower one still reaches the PSNR.",
        budgets(pictures, settings.budgets, **coding),
        psnr_targets(pictures, settings.psnr, **coding),
        "## Lossless files of images that compress better without a model",
        lossless(),
        f"{environment(model_names=[settings.model])}.",
    ]
    publish(page, settings.output)
