"""Sweeps: what a codec makes of pictures at each of its qualities, from real files and what they decode to."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from curves import Curve, Point, point, with_similarity
from datasets import Picture
from reporting import progress
from rivals import Rival

import aecodec

BATCH = 2000  # pictures between two signs of life
QUALITIES = (1, 10, 20, 30, 40, 50, 60, 70, 75, 80, 90, 100)
ALL_QUALITIES = range(1, 101)

Item = TypeVar("Item")
Result = TypeVar("Result")
Encode = Callable[[Sequence[Picture], int], list[bytes]]
Decode = Callable[[Sequence[bytes]], list[Picture]]


@dataclass(frozen=True)
class Codec:
    """Files of pictures at a quality, and back."""

    name: str
    encode: Encode
    decode: Decode
    qualities: Sequence[int]


def ours(model: str, effort: int | None = None) -> Codec:
    """aecodec with a model; None leaves the effort to the library."""
    options: dict[str, Any] = {} if effort is None else {"effort": effort}

    def encode(pictures: Sequence[Picture], quality: int) -> list[bytes]:
        return _in_parts(lambda part: aecodec.encode_many(part, model=model, quality=quality, **options), pictures)

    def decode(files: Sequence[bytes]) -> list[Picture]:
        return _in_parts(aecodec.decode_many, files)

    return Codec("aecodec" if effort is None else f"aecodec, effort {effort}", encode, decode, ALL_QUALITIES)


def theirs(rival: Rival, gray: bool) -> Codec:
    """A rival at its best, one file a picture."""

    def encode(pictures: Sequence[Picture], quality: int) -> list[bytes]:
        return _in_parts(lambda part: [rival.encode(p, quality=quality, **rival.best) for p in part], pictures)

    def decode(files: Sequence[bytes]) -> list[Picture]:
        return _in_parts(lambda part: [rival.decode(data, gray) for data in part], files)

    return Codec(rival.name, encode, decode, rival.qualities)


def _in_parts(call: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item]) -> list[Result]:
    """What a call makes of the items, a part of them on each processor."""
    count = os.cpu_count() or 1
    size = -(-len(items) // count) or 1
    with ThreadPoolExecutor(count) as pool:
        parts = pool.map(call, [items[begin : begin + size] for begin in range(0, len(items), size)])
        return [result for part in parts for result in part]


def sweep(codec: Codec, pictures: Sequence[Picture], qualities: Sequence[int], similarity: bool = True) -> Curve:
    """One point a quality; with or without SSIM and UQI."""
    points: list[Point] = []
    seconds = 0.0
    for quality in qualities:
        files: list[bytes] = []
        decoded: list[Picture] = []
        for begin in range(0, len(pictures), BATCH):
            progress(f"{codec.name}, quality {quality}: {begin:,} of {len(pictures):,}")
            started = time.perf_counter()
            part = codec.encode(pictures[begin : begin + BATCH], quality)
            seconds += time.perf_counter() - started
            decoded += codec.decode(part)
            files += part
        measured = point(quality, pictures, files, decoded)
        points.append(with_similarity(measured, pictures, decoded) if similarity else measured)
    return Curve(codec.name, points, len(pictures) * len(qualities) / seconds)


@dataclass(frozen=True)
class Fitted:
    """A picture as a codec shows it within a budget of bytes; its smallest file if none `fits`."""

    quality: int
    file_bytes: int
    picture: Picture
    psnr: float
    fits: bool


def within(codec: Codec, pictures: Sequence[Picture], budgets: Sequence[int]) -> list[list[Fitted]]:
    """For each budget each picture at the highest quality whose file is not larger."""
    best: list[list[tuple[int, bytes] | None]] = [[None] * len(pictures) for _ in budgets]
    smallest: list[tuple[int, bytes]] = []
    for quality in sorted(codec.qualities):
        progress(f"{codec.name}, quality {quality}")
        found = [(quality, data) for data in codec.encode(pictures, quality)]
        smallest = [min(pair, key=lambda f: len(f[1])) for pair in zip(smallest or found, found, strict=True)]
        for row, budget in zip(best, budgets, strict=True):
            for index, file in enumerate(found):
                if len(file[1]) <= budget:
                    row[index] = file
    rows = []
    for row, budget in zip(best, budgets, strict=True):
        chosen = [file or least for file, least in zip(row, smallest, strict=True)]
        decoded = codec.decode([data for _, data in chosen])
        rows.append(
            [
                Fitted(quality, len(data), shown, point(0, [original], [data], [shown]).psnr, len(data) <= budget)
                for original, (quality, data), shown in zip(pictures, chosen, decoded, strict=True)
            ]
        )
    return rows
