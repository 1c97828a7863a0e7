"""A decoder of placeholders written from section 19 of the specification alone, in its order, in plain integers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

ARRAYS = (
    ("place", 1, False, 3 * 240),
    ("deviation", 2, False, 240),
    ("start", 2, True, 63 * 16),
    ("signed", 1, True, 240 * 16),
    ("absolute", 1, True, 240 * 16),
    ("mean", 1, True, 240 * 16),
    ("scale", 1, True, 240 * 16),
    ("scale_start", 2, True, 240),
    ("scale_aspect", 1, True, 240 * 4),
    ("frequencies", 2, False, 32 * 25),
)


class Refused(Exception):
    """The bytes are no placeholder."""


def clamp(value: int, low: int, high: int) -> int:
    return low if value < low else high if value > high else value


def read_model(path: Path) -> dict[str, list[int]]:
    data, found = path.read_bytes(), {}
    for name, width, signed, count in ARRAYS:
        part, data = data[: width * count], data[width * count :]
        found[name] = [int.from_bytes(part[k : k + width], "little", signed=signed) for k in range(0, len(part), width)]
    assert not data
    return found


class Symbols:
    def __init__(self, payload: bytes) -> None:
        self.payload, self.taken, self.range = payload, 4, 2**32
        self.offset = int.from_bytes((payload + bytes(4))[:4], "big")

    def ended(self) -> bool:
        return self.range < 1 << max(0, 8 * (self.taken - len(self.payload)))

    def slot(self) -> int:
        return min(self.offset // (self.range // 4096), 4095)

    def take(self, f: int, q: int) -> None:
        unit = self.range // 4096
        self.offset, self.range = self.offset - unit * f, unit * q
        self.offset = min(self.offset, self.range - 1)
        while self.range < 2**24:
            self.offset = 256 * self.offset + (self.payload + bytes(200))[self.taken]
            self.range, self.taken = 256 * self.range, self.taken + 1

    def bit(self) -> int:
        bit = self.slot() // 2048
        self.take(2048 * bit, 2048)
        return bit

    def residual(self, frequencies: list[int]) -> int:
        slot, m = self.slot(), 0
        while slot >= sum(frequencies[: m + 1]):
            m += 1
        self.take(sum(frequencies[:m]), frequencies[m])
        if m == 24:
            b = 0
            while b < 10 and self.bit():
                b += 1
            number = 1
            for _ in range(b):
                number = 2 * number + self.bit()
            m += number - 1
        return -m if m and self.bit() else m


def decode(data: bytes, model: dict[str, list[int]], width: int = 0, height: int = 0) -> tuple[int, int, bytes]:
    """Width, height and samples; the size of the first byte unless both sides are given."""
    if not 1 <= len(data) <= 64 or data[0] > 251:
        raise Refused
    s, a = divmod(data[0], 63)
    W, H = (32, a + 1) if a < 32 else (63 - a, 32)
    coefficient: dict[Any, int] = {}
    symbols, step = Symbols(data[1:]), (54, 91, 152, 256)[s]
    gray = False
    if not symbols.ended():
        gray = symbols.slot() >= 3968
        symbols.take(*((3968, 128) if gray else (0, 3968)))
    r = round(64 * math.log2(32 / min(W, H))) * (-1 if W < H else 1)
    x = (r, abs(r), max(r - 32, 0), max(-r - 32, 0))
    total = model["start"][16 * a : 16 * a + 16]
    for i in range(240):
        channel, row, column = model["place"][3 * i : 3 * i + 3]
        if row >= H or column >= W or (gray and channel):
            continue
        hidden = [clamp(value >> 6, 0, 255) for value in total]
        mean, scale = (model[name][16 * i : 16 * i + 16] for name in ("mean", "scale"))
        predicted = (model["deviation"][i] * sum(m * h for m, h in zip(mean, hidden, strict=True)) + 2048) >> 12
        drift = sum(w * v for w, v in zip(model["scale_aspect"][4 * i : 4 * i + 4], x, strict=True))
        spread = sum(w * h for w, h in zip(scale, hidden, strict=True))
        kind = clamp((model["scale_start"][i] + drift + spread - 1024 * (3 * s - 9)) >> 10, 0, 31)
        residual = 0 if symbols.ended() else symbols.residual(model["frequencies"][25 * kind : 25 * kind + 25])
        value = clamp(predicted + residual * step, -16383, 16383)
        coefficient[channel, row, column] = value
        scaled = clamp(64 * value // model["deviation"][i], -255, 255)
        for k in range(16):
            total[k] += scaled * model["signed"][16 * i + k] + abs(scaled) * model["absolute"][16 * i + k]
    w, h = width or W, height or H
    coefficient[0, 0, 0] += 3533

    def cosine(n: int, o: int, at: int) -> int:
        if o >= n:
            return 0
        return math.floor(4096 * (math.sqrt(2) if o else 1) * math.cos(math.pi * o * (2 * at + 1) / (2 * n)) + 0.5)

    across = [[cosine(w, u, at) for u in range(16)] for at in range(w)]
    down = [[cosine(h, v, at) for v in range(16)] for at in range(h)]
    samples = bytearray(3 * w * h)
    for px in range(w):
        line = [
            [sum(coefficient.get((c, v, u), 0) * across[px][u] for u in range(16)) >> 8 for v in range(16)]
            for c in range(3)
        ]
        for py in range(h):
            axis = [sum(line[c][v] * down[py][v] for v in range(16)) for c in range(3)]
            colours = (
                2365 * axis[0] + 2317 * axis[1] - 1338 * axis[2],
                2365 * axis[0] + 2675 * axis[2],
                2365 * axis[0] - 2317 * axis[1] - 1338 * axis[2],
            )
            for c, t in enumerate(colours):
                samples[3 * (py * w + px) + c] = clamp((t + 2**31) >> 32, 0, 255)
    return w, h, bytes(samples)
