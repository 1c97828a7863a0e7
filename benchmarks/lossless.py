"""Lossless files: bytes of whole files and pictures a second, beside PNG, WebP and JPEG XL in the same run.

    python benchmarks/lossless.py t10k-images-idx3-ubyte.gz -m mnist [-n 1000] [-e 3] [-o docs/lossless-mnist.md]

Every file is decoded and compared with its picture. "plain" is aecodec's form without a network, which `lossless` takes
where it is smaller. "a second" is by the clock, with all pictures given at once where a codec can take them so.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Picture, load
from reporting import command_line, environment, number, progress, publish, require_folders, run, table

import aecodec
from aecodec.evaluation.rivals import PNG, Rival, available
from aecodec.lossless import plain

LOSSLESS: dict[str, dict[str, object]] = {"webp": {"lossless": True, "quality": 100}, "jxl": {"lossless": True}}

Encode = Callable[[Sequence[Picture]], list[bytes]]
Decode = Callable[[Sequence[bytes]], list[Picture]]


def theirs(rival: Rival, options: dict[str, object], gray: bool) -> tuple[str, Encode, Decode]:
    def encode(pictures: Sequence[Picture]) -> list[bytes]:
        return [rival.encode(picture, **{**rival.best, **options}) for picture in pictures]

    def decode(files: Sequence[bytes]) -> list[Picture]:
        return [rival.decode(file, gray) for file in files]

    return f"{rival.name}, lossless" if options else rival.described(), encode, decode


def ours(name: str, **options: Any) -> tuple[str, Encode, Decode]:
    return name, partial(aecodec.encode_many, **options), aecodec.decode_many


def without_network() -> tuple[str, Encode, Decode]:
    return "aecodec, plain", lambda pictures: [plain.write(picture) for picture in pictures], aecodec.decode_many


def measure(codec: tuple[str, Encode, Decode], pictures: Sequence[Picture]) -> list[str]:
    name, encode, decode = codec
    progress(name)
    started = time.perf_counter()
    files = encode(pictures)
    encoded = time.perf_counter()
    again = decode(files)
    decoded = time.perf_counter()
    if not all(np.array_equal(one, other) for one, other in zip(pictures, again, strict=True)):
        raise ValueError(f"{name} does not give every sample back")
    sizes = np.array(list(map(len, files)))
    samples = sum(picture.size for picture in pictures)
    return [
        name,
        number(float(sizes.mean())),
        number(8 * float(sizes.sum()) / samples, 3),
        number(len(files) / (encoded - started), 0 if len(files) > 100 else 2),
        number(len(files) / (decoded - encoded), 0 if len(files) > 100 else 2),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", help="idx files, tile sheets, pictures, folders")
    parser.add_argument("-m", "--model", default="auto")
    parser.add_argument("-n", "--number", type=int, help="so many pictures, the first ones [default: all]")
    parser.add_argument("-e", "--effort", type=int, action="append", help="of aecodec [default: 0 and 3]")
    parser.add_argument("--without", nargs="*", default=[], choices=["png", "webp", "jxl", "plain"])
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    require_folders([options.output])
    pictures = load(options.pictures, limit=options.number)
    rivals, notes = available([name for name in ("webp", "jxl") if name not in options.without])
    rivals = rivals if "png" in options.without else [PNG, *rivals]
    codecs = [theirs(rival, LOSSLESS.get(rival.format.lower(), {}), pictures[0].ndim == 2) for rival in rivals]
    if "plain" not in options.without:
        codecs.append(without_network())
    for effort in options.effort or (0, 3):
        codecs.append(ours(f"aecodec, effort {effort}", lossless=True, model=options.model, effort=effort))
    rows = [measure(codec, pictures) for codec in codecs]
    page = [
        f"# Lossless: {len(pictures):,} pictures",
        f"    {command_line(__file__)}",
        environment(rivals, [options.model]) + ".",
        *notes,
        table(["", "bytes", "bits a sample", "encoded a second", "decoded a second"], rows),
    ]
    publish(page, options.output)


if __name__ == "__main__":
    run(main)
