"""Files of a wanted size or likeness, many pictures at several limits each; and pictures that no model fits, lossless.

    python benchmarks/targets.py DATA -m MODEL [-n 200] [--budgets 60,100,...] [--psnr 26,30,...] [-o docs/targets.md]

Of every file it counts whether it keeps its limit, and how far it stays from it. A file that stays away by more than
5 % of a budget is *early* where the next quality would have fitted; for PSNR, where the one before would have reached
it. The lossless pictures are made by this script: a screenshot, a QR-like code, pixel art, a flat picture and noise.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from datasets import Picture, spread
from PIL import Image, ImageDraw
from reporting import command_line, environment, number, numbers, progress, publish, require_folders, run, table

import aecodec
from aecodec import metrics

NEAR = 0.95
SEED = 3


def reached_psnr(pictures: Sequence[Picture], files: Sequence[bytes]) -> np.ndarray:
    """The PSNR of every file, dB."""
    found = []
    for picture, decoded in zip(pictures, aecodec.decode_many(files), strict=True):
        shape = (1, *picture.shape[:2], -1)
        found.append(metrics.psnr(picture.reshape(shape), decoded.reshape(shape))[0])
    return np.array(found)


def coded(pictures: Sequence[Picture], **settings: Any) -> list[bytes | None]:
    """The files of pictures, many at once; None where there is none as it is wanted."""
    try:
        return list(aecodec.encode_many(pictures, **settings))
    except aecodec.Unreachable:
        if len(pictures) == 1:
            return [None]
    middle = len(pictures) // 2
    return coded(pictures[:middle], **settings) + coded(pictures[middle:], **settings)


def beside(pictures: Sequence[Picture], files: Sequence[bytes], step: int, **settings: Any) -> list[bytes | None]:
    """The files at a quality `step` from that of each; None at the end of the scale, or where a file is plain."""
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
    rows = []
    for limit in limits:
        progress(f"at most {limit} bytes")
        found = coded(pictures, max_bytes=limit, **settings)
        kept = [picture for picture, file in zip(pictures, found, strict=True) if file is not None]
        files = [file for file in found if file is not None]
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


def likenesses(pictures: Sequence[Picture], limits: Sequence[float], **settings: Any) -> str:
    rows = []
    for limit in limits:
        progress(f"at least {limit} dB")
        found = coded(pictures, min_psnr=limit, **settings)
        kept = [picture for picture, file in zip(pictures, found, strict=True) if file is not None]
        files = [file for file in found if file is not None]
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


# What no model fits ---


def drawn() -> dict[str, Picture]:
    """Pictures as screens and printers have them."""
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
    rows = []
    for name, picture in drawn().items():
        progress(name)
        data = aecodec.encode(picture, lossless=True)
        if not np.array_equal(aecodec.decode(data), picture):
            raise ValueError(f"{name} did not come back")
        png, webp = BytesIO(), BytesIO()
        Image.fromarray(picture).save(png, "PNG", optimize=True)
        if picture.dtype == np.uint8:
            Image.fromarray(picture).save(webp, "WEBP", lossless=True, method=6, exact=True)
        sizes = f"{len(png.getvalue()):,}", f"{len(webp.getvalue()):,}" if picture.dtype == np.uint8 else "-"
        rows.append((name, f"{picture.nbytes:,}", *sizes, f"{len(data):,}"))
    return table(("", "raw bytes", "PNG", "WebP lossless", ".aec lossless"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", help="idx files, tile sheets, pictures or folders")
    parser.add_argument("-m", "--model", default="auto")
    parser.add_argument("-n", "--pictures", type=int, default=200, help="spread over the data (default: 200)")
    parser.add_argument("-e", "--effort", type=int, default=3)
    parser.add_argument("--budgets", type=numbers(int), default=(60, 100, 150, 250, 400), help="in bytes")
    parser.add_argument("--psnr", type=numbers(float), default=(24.0, 27.0, 30.0, 33.0, 36.0), help="in dB")
    parser.add_argument("-o", "--output", type=Path, help="write the page there too")
    arguments = parser.parse_args()
    require_folders([arguments.output])
    pictures = spread(datasets.load(arguments.data), arguments.pictures)
    settings = {"model": arguments.model, "effort": arguments.effort}
    page = [
        "# Files of a wanted size or likeness",
        f"    {command_line(__file__)}",
        f"{len(pictures)} pictures, each at every limit. A picture that no file suits has none (`files`). *early*"
        "\ncounts files that a neighbouring quality would have beaten: one more that fits, for those that stay 5 %"
        "\nor more below the budget; one less that still reaches the PSNR.",
        budgets(pictures, arguments.budgets, **settings),
        likenesses(pictures, arguments.psnr, **settings),
        "## Without loss, where no model fits",
        lossless(),
        f"{environment(model_names=[arguments.model])}.",
    ]
    publish(page, arguments.output)


if __name__ == "__main__":
    run(main)
