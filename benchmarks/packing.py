"""Packed size against the ideal code length, and speed, of both packings: python benchmarks/packing.py

The residuals are drawn from the logistic distributions that the parametric tables describe, half of the
elements from nearly certain classes (sigma < 0.4 steps), half from classes up to sigma = 4 steps. "over" is
what a payload takes beyond the ideal code length; its checksum (rans 16 bits, zstd 32) is part of it.
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np
import zstandard

from aecodec.packing import CODERS, Tables, ideal_bits, pack, parametric, unpacker
from aecodec.packing.tables import Integers

CHECK_BITS = {"rans": 16, "zstd": 32}
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


def measure(name: str, tables: Tables, case: tuple[str, int, tuple[int, ...]], repeats: int) -> str:
    title, streams, sizes = case
    rng = np.random.default_rng(0)
    encode = decode = float("inf")
    packed = ideal = 0.0
    for _ in range(repeats):
        residuals, classes = draw(rng, streams, sizes)
        checks = rng.integers(0, 1 << 32, streams).tolist()
        start = time.perf_counter()
        payloads = pack(name, tables, residuals, classes, checks)
        encode = min(encode, time.perf_counter() - start)
        start = time.perf_counter()
        decoder = unpacker(name, tables, payloads, sum(sizes))
        decoded = [decoder.read(c) for c in classes]
        decoder.finish(checks)
        decode = min(decode, time.perf_counter() - start)
        assert all(np.array_equal(r, d) for r, d in zip(residuals, decoded, strict=True))
        packed += float(np.mean([len(p) for p in payloads])) / repeats
        ideal += float(ideal_bits(tables, residuals, classes).mean()) / 8 / repeats
    symbols = streams * sum(sizes)
    over = packed - ideal
    beyond_check = packed - ideal - CHECK_BITS[name] / 8
    return (
        f"{title:27}{name:6}{packed:11.1f}{ideal:11.1f}{over:9.2f}{over / ideal:8.2%}{beyond_check:10.2f}"
        f"{encode * 1e3:10.2f}{decode * 1e3:10.2f}"
        f"{symbols / encode / 1e6:8.1f}{symbols / decode / 1e6:8.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="draws of each case; times are the best of them")
    arguments = parser.parse_args()
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, zstandard {zstandard.__version__}"
        f" (zstd {'.'.join(map(str, zstandard.ZSTD_VERSION))}), {platform.machine()}, {platform.system()}"
    )
    print(
        f"{'':27}{'':6}{'bytes':>11}{'ideal':>11}{'over':>9}{'':8}{'- check':>10}"
        f"{'enc ms':>10}{'dec ms':>10}{'enc M/s':>8}{'dec M/s':>8}"
    )
    tables = parametric()
    for case in CASES:
        for name in CODERS:
            print(measure(name, tables, case, arguments.repeats), flush=True)


if __name__ == "__main__":
    main()
