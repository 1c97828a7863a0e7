"""Writes placeholders.json: placeholders of the example pictures, and the SHA-256 of what they decode to.

Run it only when the model of placeholders changes: `python tests/placeholders/make.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import aecodec

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"


def row(name: str, data: bytes, **options: int) -> dict[str, Any]:
    decoded = aecodec.decode_placeholder(data, **options)
    return {
        "name": name,
        "placeholder": base64.b64encode(data).decode(),
        "options": options,
        "size": [decoded.shape[1], decoded.shape[0]],
        "sha256": hashlib.sha256(decoded.tobytes()).hexdigest(),
    }


def rows() -> list[dict[str, Any]]:
    landscape = Image.open(EXAMPLES / "landscape.png").convert("RGB")
    data = aecodec.placeholder(landscape)
    random = np.random.default_rng(28)
    found = [
        row("landscape", data),
        row("landscape, wide", data, width=100),
        row("landscape, tall", data, width=3, height=50),
        row("landscape, largest", data, height=700),
        row("landscape, first ten bytes", data[:10]),
        row("landscape, first byte", data[:1]),
        *(row(f"landscape, {size} bytes", aecodec.placeholder(landscape, size)) for size in (8, 16, 32, 64)),
        row("landscape, upright", aecodec.placeholder(landscape.transpose(Image.Transpose.ROTATE_90))),
        *(row(name, aecodec.placeholder(EXAMPLES / f"{name}.png")) for name in ("cat", "horse", "digit", "letter")),
        row("one pixel", aecodec.placeholder(np.full((1, 1, 3), (10, 200, 30), np.uint8))),
        row("a line", aecodec.placeholder(np.arange(0, 256, 2, dtype=np.uint8)[None])),
    ]
    for number in range(24):  # of these most have more bits than a picture would need, and all escapes are reached
        bytes_ = random.integers(0, 256, int(random.integers(1, 65)), dtype=np.uint8)
        bytes_[0] %= 252
        found.append(row(f"random bytes {number}", bytes_.tobytes()))
    for name, fill in (("zeros", 0), ("ones", 255)):
        found.append(row(name, bytes([31]) + bytes([fill]) * 63))
    return found


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(found) for found in rows())
    (HERE / "placeholders.json").write_text(f"[\n{lines}\n]\n")
