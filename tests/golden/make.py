"""Writes the golden files: `python tests/golden/make.py`, which needs --force where there are some already.

While the format is a draft (version 0) they follow the models. Those of a frozen version are never written again.
"""

from __future__ import annotations

import hashlib
import json
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent
TABLE = FOLDER / "golden.json"
SMALL_QUALITY = 20
sys.path.insert(0, str(FOLDER.parent))

from samples import COLOUR, DIGITS, GRAY_SCENES, LETTERS, mosaic, waves  # noqa: E402

import aecodec  # noqa: E402
from aecodec.models import registry  # noqa: E402


def sha256(pixels: np.ndarray) -> str:
    """Of the pixels' bytes, row by row."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def passing_damages(data: bytes) -> int:
    """How many changes of one byte go unseen and give another picture."""
    picture, passing = aecodec.decode(data), 0
    for at in range(len(data)):
        for change in range(1, 256):
            damaged = bytearray(data)
            damaged[at] ^= change
            with suppress(aecodec.AecError):
                passing += not np.array_equal(aecodec.decode(bytes(damaged), max_pixels=1 << 16), picture)
    return passing


def small_digit() -> np.ndarray:
    """One whose file is not among the few in which a damage passes the 16-bit checksum."""
    return next(d for d in DIGITS if not passing_damages(aecodec.encode(d, quality=SMALL_QUALITY, packing="rans")))


def pictures() -> dict[str, tuple[np.ndarray, str, int, str]]:
    """name -> (picture, model, quality, packing)."""
    small = small_digit()
    noise = np.random.default_rng(0).integers(0, 256, (33, 31, 3)).astype(np.uint8)
    chosen: dict[str, tuple[np.ndarray, str, int, str]] = {}
    for packing in ("rans", "zstd"):
        chosen |= {
            f"small-{packing}": (small, "auto", SMALL_QUALITY, packing),
            f"gray-scene-{packing}": (GRAY_SCENES[5], "cifar", 60, packing),
            f"gray-one-pixel-{packing}": (DIGITS[0][14:15, 14:15], "auto", 75, packing),
            f"colour-one-pixel-{packing}": (COLOUR[0][:1, :1], "auto", 75, packing),
            f"colour-31x33-{packing}": (mosaic(33, 31), "auto", 50, packing),
            f"colour-70x5-{packing}": (mosaic(5, 70), "auto", 75, packing),
            f"gray-5x70-{packing}": (waves(70, 5, 1), "auto", 40, packing),
            f"colour-mosaic-{packing}": (mosaic(128, 160), "auto", 30, packing),
            f"gray-waves-{packing}": (waves(100, 130, 1), "auto", 75, packing),
            f"noise-{packing}": (noise, "auto", 100, packing),
        }
        # Every model at both ends of quality, and its negative where it has one.
        for name in registry.names():
            description = registry.by_name(name).description
            height, width = description.tile or (40, 56)
            if description.channels == 3:
                tile, negative = mosaic(height, width), None
            else:
                tile = mosaic(height, width, tiles=LETTERS[3:] + LETTERS[:3])
                negative = 255 - tile
            for quality in (1, 75, 100):
                chosen[f"{name}-q{quality}-{packing}"] = (tile, name, quality, packing)
            if negative is not None:
                chosen[f"{name}-inverted-{packing}"] = (negative, name, 75, packing)
    return chosen


def main() -> None:
    if TABLE.exists() and "--force" not in sys.argv[1:]:
        sys.exit(f"{TABLE.name} exists already: --force replaces all golden files")
    for old in FOLDER.glob("*.aec"):
        old.unlink()
    rows = {}
    for name, (picture, model, quality, packing) in sorted(pictures().items()):
        data = aecodec.encode(picture, model=model, quality=quality, packing=packing)
        (FOLDER / f"{name}.aec").write_bytes(data)
        info, pixels = aecodec.inspect(data), aecodec.decode(data)
        rows[name] = {
            "model": info.model,
            "mode": info.mode,
            "inverted": info.inverted,
            "quality": info.quality,
            "packing": info.packing,
            "size": [info.width, info.height],
            "bytes": info.file_bytes,
            "sha256": sha256(pixels),
        }
    lines = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items()]
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{len(rows)} files, {sum(row['bytes'] for row in rows.values())} bytes")


if __name__ == "__main__":
    main()
