"""Sweeps of a codec over its qualities, and the best quality within a budget of bytes, with whole files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import aecodec
from aecodec.encoding.options import DEFAULT_EFFORT, DEFAULT_TUNE
from aecodec.engines.threads import workers
from aecodec.evaluation.curves import Curve, Point, point, with_similarity
from aecodec.evaluation.rivals import Rival
from aecodec.evaluation.scores import SIMILARITIES
from aecodec.sources.readers import Picture

BATCH_PIXELS = 1 << 19  # of a batch, about: progress is reported in between
ALL_QUALITIES = range(1, 101)
HIGHEST = 99  # 100 is another codec in some formats: lossless
SEARCHED_PIXELS = 1 << 13

Item = TypeVar("Item")
Result = TypeVar("Result")
Encode: TypeAlias = Callable[[Sequence[Picture], int], list[bytes]]
Decode: TypeAlias = Callable[[Sequence[bytes]], list[Picture]]
Progress: TypeAlias = Callable[[str, int, int], object]
"""Called with what is being done, how much is done, and how much there is in all."""


def no_progress(text: str, done: int, count: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Codec:
    """A codec that encodes pictures at a quality and decodes the files."""

    name: str
    encode: Encode
    decode: Decode
    qualities: Sequence[int]


def aecodec_name(tune: str, effort: int | None = None) -> str:
    """The name of a curve: with what is tuned for, unless that is the default, and with the effort, if it is given."""
    tuned = "" if tune == DEFAULT_TUNE else f", tune {tune}"
    return f"aecodec{tuned}" if effort is None else f"aecodec{tuned}, effort {effort}"


def aecodec_codec(
    model: str, effort: int = DEFAULT_EFFORT, name: str | None = None, *, tune: str = DEFAULT_TUNE
) -> Codec:
    """aecodec with a model and other options of `aecodec.encode`. name: None for one that says what it is tuned for."""

    def encode(pictures: Sequence[Picture], quality: int) -> list[bytes]:
        return aecodec.encode_many(pictures, model=model, quality=quality, effort=effort, tune=tune)

    return Codec(name or aecodec_name(tune), encode, aecodec.decode_many, ALL_QUALITIES)


def rival_codec(rival: Rival, gray: bool, threads: int | None = None) -> Codec:
    """A rival with its best options, one file for each picture. threads: None for one per core."""
    count = threads or workers()

    def shared(call: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        if count == 1:
            return [call(item) for item in items]
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(call, items))

    def encode(pictures: Sequence[Picture], quality: int) -> list[bytes]:
        return shared(lambda picture: rival.at(picture, quality), pictures)

    def decode(files: Sequence[bytes]) -> list[Picture]:
        return shared(lambda data: rival.decode(data, gray), files)

    return Codec(rival.name, encode, decode, rival.qualities)


def batches(pictures: Sequence[Picture]) -> Iterable[slice]:
    """Slices of pictures that are coded in one call."""
    begin = pixels = 0
    for index, picture in enumerate(pictures):
        pixels += picture.shape[0] * picture.shape[1]
        if pixels >= BATCH_PIXELS or index + 1 == len(pictures):
            yield slice(begin, index + 1)
            begin, pixels = index + 1, 0


def sweep(
    codec: Codec,
    pictures: Sequence[Picture],
    qualities: Sequence[int],
    similarities: Sequence[str] = SIMILARITIES,
    progress: Progress = no_progress,
) -> Curve:
    """Measure one point for each quality. similarities: the measures of each, beside the PSNR."""
    points: list[Point] = []
    seconds = 0.0
    whole = len(qualities) * len(pictures)
    for number, quality in enumerate(qualities):
        files: list[bytes] = []
        decoded: list[Picture] = []
        for part in batches(pictures):
            progress(f"{codec.name}, quality {quality}", number * len(pictures) + part.start, whole)
            started = time.perf_counter()
            written = codec.encode(pictures[part], quality)
            seconds += time.perf_counter() - started
            decoded += codec.decode(written)
            files += written
        measured = point(quality, pictures, files, decoded)
        points.append(with_similarity(measured, pictures, decoded, similarities) if similarities else measured)
    return Curve(codec.name, points, whole / seconds)


@dataclass(frozen=True)
class Reconstruction:
    """The reconstruction of a picture from a file within a budget of bytes; from the smallest file if none `fits`."""

    quality: int
    file: bytes
    picture: Picture
    psnr: float
    fits: bool

    @property
    def file_bytes(self) -> int:
        """The size of the file."""
        return len(self.file)


def fit_budgets(
    codec: Codec, pictures: Sequence[Picture], budgets: Sequence[int], progress: Progress = no_progress
) -> list[list[Reconstruction]]:
    """For each budget, code each picture at the highest quality whose file is not larger."""
    best: list[list[tuple[int, bytes] | None]] = [[None] * len(pictures) for _ in budgets]
    smallest: list[tuple[int, bytes]] = []
    for number, quality in enumerate(sorted(codec.qualities)):
        progress(f"{codec.name}, quality {quality}", number, len(codec.qualities))
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
                Reconstruction(quality, data, shown, point(0, [original], [data], [shown]).psnr, len(data) <= budget)
                for original, (quality, data), shown in zip(pictures, chosen, decoded, strict=True)
            ]
        )
    return rows


def fit_budget(codec: Codec, picture: Picture, budget: int, progress: Progress = no_progress) -> Reconstruction:
    """Code a picture at the highest quality below 100 whose file is not larger than a budget, or as the smallest file.

    For a small picture, all qualities are tried. For a large one, whose file size grows nearly monotonically with
    quality, first the multiples of ten, then the qualities above the best of them.
    """
    lowest = min(codec.qualities)
    small = picture.shape[0] * picture.shape[1] <= SEARCHED_PIXELS
    steps = sorted({*range(lowest, HIGHEST + 1, 1 if small else 10), HIGHEST})
    best = fit_budgets(replace(codec, qualities=steps), [picture], [budget], progress)[0][0]
    if not best.fits or best.quality == HIGHEST:
        return best
    ones = range(best.quality, steps[steps.index(best.quality) + 1])
    return fit_budgets(replace(codec, qualities=ones), [picture], [budget], progress)[0][0]
