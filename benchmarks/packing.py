"""Packed size against the ideal code length, and the speed of both packings."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable

import click
import numpy as np
import zstandard

from aecodec.encoding.residual_search import choose
from aecodec.engines import engine
from aecodec.models import registry
from aecodec.packing import CODERS, Tables, ideal_bits, pack, parametric, unpacker
from aecodec.packing.tables import Integers
from benchmarks import datasets
from benchmarks.reporting import model_option

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
    """A case of random residuals, drawn anew for every repeat."""
    return lambda rng: (parametric(), *draw(rng, streams, sizes))


def coded(data: tuple[str, ...], model: str) -> list[tuple[str, Source]]:
    """Cases of real pictures at the default quality, with the same residuals in every repeat.

    Raises ValueError for a model without a tile.
    """
    known = registry.by_name(model)
    shape = known.description.tile
    if shape is None:
        raise ValueError(f"{model} has no tile: choose a model for small pictures")
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
    """A line of the table, for one packing and one case."""
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


@click.command("packing")
@click.argument("data", nargs=-1, metavar="[DATA]...")
@model_option("mnist")
@click.option("--repeats", default=5, show_default=True, help="Draws of each case; times are the best of them.")
def command(data: tuple[str, ...], model: str, repeats: int) -> None:
    """Measure packed bytes, ideal bytes and speed.

    With DATA, whose pictures have the size of the model's tile: the model's own tables, classes and residuals at the
    default quality, of each of 200 pictures by itself, and of as many together as have about 20,000 symbols.

    Without: residuals drawn from the logistic distributions of the parametric tables, half of the elements from nearly
    certain classes (sigma < 0.4 steps), half from classes up to sigma = 4 steps.

    "over" is what a payload takes beyond the ideal code length, with its checksum (rans 16 bits, zstd 32).
    """
    cases = coded(data, model) if data else [(title, drawn(streams, sizes)) for title, streams, sizes in CASES]
    click.echo(
        f"Python {platform.python_version()}, NumPy {np.__version__}, zstandard {zstandard.__version__}"
        f" (zstd {'.'.join(map(str, zstandard.ZSTD_VERSION))}), {platform.machine()}, {platform.system()}"
    )
    click.echo(
        f"{'':31}{'':6}{'bytes':>11}{'ideal':>11}{'over':>9}{'':8}{'- check':>10}"
        f"{'enc ms':>10}{'dec ms':>10}{'enc M/s':>8}{'dec M/s':>8}"
    )
    for title, source in cases:
        for name in CODERS:
            click.echo(measure(name, title, source, repeats))
