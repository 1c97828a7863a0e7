"""Packed size against the ideal code length, and speed, of both packings.

    python benchmarks/packing.py [DATA... -m MODEL]

With DATA, whose pictures have the size of the model's tile: the model's own tables, classes and residuals at the
default quality, of each of 200 pictures by itself, and of so many together that about 20,000 symbols are coded.

Without: residuals drawn from the logistic distributions that the parametric tables describe, half of the
elements from nearly certain classes (sigma < 0.4 steps), half from classes up to sigma = 4 steps.

"over" is what a payload takes beyond the ideal code length; its checksum (rans 16 bits, zstd 32) is part of it.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable

import datasets
import numpy as np
import zstandard

from aecodec.encoding.residual_search import choose
from aecodec.engines import engine
from aecodec.models import registry
from aecodec.packing import CODERS, Tables, ideal_bits, pack, parametric, unpacker
from aecodec.packing.tables import Integers

Source = Callable[[np.random.Generator], tuple[Tables, list[Integers], list[Integers]]]

CHECK_BITS = {"rans": 16, "zstd": 32}
QUALITY = 75
LIMIT = 1000  # pictures
SMALL = (16, 16, 40, 40, 88)
# title, streams in one call, elements of each pass
CASES = (
    ("200 symbols, 1000 at once", 1000, SMALL),
    ("200 symbols, one", 1, SMALL),
    ("20,000 symbols", 1, (5_000, 5_000, 10_000)),
    ("1,000,000 symbols", 1, (50_000, 50_000, 200_000, 200_000, 500_000)),
)


def draw(rng: np.random.Generator, streams: int, sizes: tuple[int, ...]) -> tuple[list[Integers], list[Integers]]:
    """Residuals and classes of each pass, (streams, size) each."""
    residuals, classes = [], []
    for size in sizes:
        shape = (streams, size)
        c = np.where(rng.random(shape) < 0.5, rng.integers(0, 11, shape), rng.integers(11, 28, shape))
        scale = 2.0 ** ((c - 17) / 5) * np.sqrt(3) / np.pi
        residuals.append(np.round(rng.logistic(0, scale)).astype(np.int32))
        classes.append(c.astype(np.uint8))
    return residuals, classes


def drawn(streams: int, sizes: tuple[int, ...]) -> Source:
    return lambda rng: (parametric(), *draw(rng, streams, sizes))


def coded(data: list[str], model: str) -> list[tuple[str, Source]]:
    """Cases of real pictures (see above): the same residuals in every repeat."""
    known = registry.by_name(model)
    shape = known.description.tile
    if shape is None:
        raise SystemExit(f"{model} has no tile: choose a model for small pictures")
    tiles = np.stack(datasets.load(data, shape, LIMIT)).reshape(-1, *shape, known.description.channels)
    choice = choose(known, engine(), tiles, np.full(len(tiles), QUALITY))
    symbols = sum((c >= known.tables.skip).sum(axis=1) for c in choice.classes)
    enough = int(np.searchsorted(np.cumsum(symbols), 20_000)) + 1

    def take(count: int, streams: int) -> Source:
        parts = [[p[:count].reshape(streams, -1) for p in kind] for kind in (choice.residuals, choice.classes)]
        return lambda rng: (known.tables, parts[0], parts[1])

    alone = min(200, len(tiles))
    return [
        (f"{known.name}, {alone} pictures, each", take(alone, alone)),
        (f"{known.name}, {int(symbols[:enough].sum()):,} symbols", take(enough, 1)),
    ]


def measure(name: str, title: str, source: Source, repeats: int) -> str:
    rng = np.random.default_rng(0)
    encode = decode = float("inf")
    packed = ideal = 0.0
    for _ in range(repeats):
        tables, residuals, classes = source(rng)
        streams, elements = len(residuals[0]), sum(part.shape[1] for part in residuals)
        checks = rng.integers(0, 1 << 32, streams).tolist()
        start = time.perf_counter()
        payloads = pack(name, tables, residuals, classes, checks)
        encode = min(encode, time.perf_counter() - start)
        start = time.perf_counter()
        decoder = unpacker(name, tables, payloads, elements)
        decoded = [decoder.read(c) for c in classes]
        decoder.finish(checks)
        decode = min(decode, time.perf_counter() - start)
        assert all(np.array_equal(r, d) for r, d in zip(residuals, decoded, strict=True))
        packed += float(np.mean([len(p) for p in payloads])) / repeats
        ideal += float(ideal_bits(tables, residuals, classes).mean()) / 8 / repeats
    symbols = streams * elements
    over = packed - ideal
    beyond_check = packed - ideal - CHECK_BITS[name] / 8
    return (
        f"{title:31}{name:6}{packed:11.1f}{ideal:11.1f}{over:9.2f}{over / ideal:8.2%}{beyond_check:10.2f}"
        f"{encode * 1e3:10.2f}{decode * 1e3:10.2f}"
        f"{symbols / encode / 1e6:8.1f}{symbols / decode / 1e6:8.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="draws of each case; times are the best of them")
    parser.add_argument("data", nargs="*", help="idx files, tile sheets, pictures")
    parser.add_argument("-m", "--model", default="mnist")
    arguments = parser.parse_args()
    cases = coded(arguments.data, arguments.model) if arguments.data else [(t, drawn(s, z)) for t, s, z in CASES]
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, zstandard {zstandard.__version__}"
        f" (zstd {'.'.join(map(str, zstandard.ZSTD_VERSION))}), {platform.machine()}, {platform.system()}"
    )
    print(
        f"{'':31}{'':6}{'bytes':>11}{'ideal':>11}{'over':>9}{'':8}{'- check':>10}"
        f"{'enc ms':>10}{'dec ms':>10}{'enc M/s':>8}{'dec M/s':>8}"
    )
    for title, source in cases:
        for name in CODERS:
            print(measure(name, title, source, arguments.repeats), flush=True)


if __name__ == "__main__":
    main()
