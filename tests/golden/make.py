"""Writes the golden files: `python tests/golden/make.py`, which needs --force where there are some already.

While the format is a draft (version 0) they follow the models. Those of a frozen version are never written again.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent
TABLE = FOLDER / "golden.json"
DATA_SET, DATA_SET_TABLE = FOLDER / "set.aecs", FOLDER / "set.json"
sys.path.insert(0, str(FOLDER.parent))

from samples import COLOUR, DIGITS, GRAY_SCENES, LETTERS, mosaic, waves  # noqa: E402

import aecodec  # noqa: E402
from aecodec import dataset  # noqa: E402
from aecodec.lossless import plain  # noqa: E402
from aecodec.models import registry  # noqa: E402


def sha256(pixels: np.ndarray) -> str:
    """SHA-256 of the pixels' bytes, row by row, little-endian."""
    return hashlib.sha256(pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()).hexdigest()


def plain_pictures() -> dict[str, tuple[np.ndarray, int]]:
    """Pictures and largest errors by name: every method of planes, 8 and 16 bits, gray and colour."""
    random = np.random.default_rng(11)
    colours = random.integers(0, 256, (9, 3)).astype(np.uint8)
    flat = np.kron(colours[random.integers(0, 9, (7, 7))], np.ones((3, 3, 1), np.uint8))
    return {
        "plain-gray": (DIGITS[0], 0),
        "plain-colour": (COLOUR[0], 0),
        "plain-one-pixel": (COLOUR[0][:1, :1], 0),
        "plain-noise": (random.integers(0, 256, (9, 11)).astype(np.uint8), 0),
        "plain-palette": (flat, 0),
        "plain-code": (np.kron(random.integers(0, 2, (21, 21)) * 255, np.ones((2, 2))).astype(np.uint8), 0),
        "plain-near": (mosaic(40, 35), 4),
        "plain-gray-16": (waves(24, 31, 1).astype(np.uint16) * 200, 0),
        "plain-near-16": (waves(20, 21, 3).astype(np.uint16) * 257, 300),
        "plain-alpha": (np.dstack([flat[:20, :20], np.eye(20, dtype=np.uint8) * 255]), 0),
    }


def bounded_pictures() -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
    """Pictures and encoder options by name: lossless and near-lossless files, in one panel and in two."""
    return {
        "lossless-digit": (DIGITS[0], {"max_error": 0}),
        "lossless-letter": (255 - LETTERS[0], {"max_error": 0, "model": "alphabet"}),
        "lossless-colour": (COLOUR[0], {"max_error": 0}),
        "lossless-gray": (mosaic(40, 35)[..., 1], {"max_error": 0, "model": "cifar"}),
        "lossless-photo": (mosaic(40, 35), {"max_error": 0, "model": "photo"}),
        "lossless-panels": (mosaic(20, 530), {"max_error": 0, "model": "cifar"}),
        "near-digit": (DIGITS[1], {"max_error": 2}),
        "near-colour": (COLOUR[3], {"max_error": 3}),
    }


def pictures() -> dict[str, tuple[np.ndarray, str, int, str]]:
    """Pictures by name, each with its model, quality and packing."""
    noise = np.random.default_rng(0).integers(0, 256, (33, 31, 3)).astype(np.uint8)
    chosen: dict[str, tuple[np.ndarray, str, int, str]] = {}
    for packing in ("rans", "zstd"):
        chosen |= {
            f"small-{packing}": (DIGITS[0], "auto", 20, packing),
            f"gray-scene-{packing}": (GRAY_SCENES[5], "cifar", 60, packing),
            f"gray-5x7-{packing}": (DIGITS[0][12:19, 12:17], "auto", 75, packing),
            f"colour-5x7-{packing}": (COLOUR[0][:7, :5], "auto", 75, packing),
            f"colour-31x33-{packing}": (mosaic(33, 31), "auto", 50, packing),
            f"colour-70x5-{packing}": (mosaic(5, 70), "auto", 75, packing),
            f"gray-5x70-{packing}": (waves(70, 5, 1), "auto", 40, packing),
            f"colour-mosaic-{packing}": (mosaic(128, 160), "auto", 30, packing),
            f"gray-waves-{packing}": (waves(100, 130, 1), "auto", 75, packing),
            f"noise-{packing}": (noise, "auto", 70, packing),
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


def write_data_set(files: list[bytes]) -> None:
    """Write the golden data set: the golden files, joined blocks of every kind, and columns of every type."""
    alike = aecodec.encode_many(DIGITS, quality=30) + aecodec.encode_many(COLOUR, quality=40, packing="rans")
    alike += aecodec.encode_many(DIGITS[:6], lossless=True, model="mnist")
    alike += aecodec.encode_many(COLOUR[:3], max_error=2, model="cifar")
    alike += aecodec.encode_many([mosaic(9, 8)[..., 1]] * 2, lossless=True, model="cifar")
    alike += aecodec.encode_many(COLOUR[:8], min_psnr=30, model="cifar", packing="rans")
    everything = [*files, *alike]
    count = len(everything)
    columns = {
        "word": [f"{number} ü" for number in range(count)],
        "raw": [bytes(number % 3) for number in range(count)],
        "real": np.arange(count) / 8,
        "flag": np.arange(count) % 2 == 0,
    }
    dataset.write(
        DATA_SET, everything[:-8], labels=np.arange(count - 8) % 5, metadata={"made": "by make.py"},
        columns={name: column[:-8] for name, column in columns.items()}, block_pictures=8,
    )  # fmt: skip
    last = {name: column[-8:] for name, column in columns.items()}
    dataset.append(DATA_SET, everything[-8:], labels=np.arange(8) - 300, columns=last, packing="zstd")
    DATA_SET_TABLE.write_text(json.dumps(described(dataset.open(DATA_SET)), indent=2) + "\n")


def described(ds: dataset.DataSet) -> dict[str, Any]:
    """What is in a data set, with the SHA-256 of every picture."""
    columns = {name: column for name, column in ds.columns.items() if name != "raw"}
    return {
        "pictures": [sha256(picture) for picture in ds],
        "columns": {name: column.tolist() for name, column in columns.items()},
        "raw": [value.hex() for value in ds.columns["raw"]],
        "metadata": ds.metadata,
    }


def main() -> None:
    if TABLE.exists() and "--force" not in sys.argv[1:]:
        sys.exit(f"{TABLE.name} exists already: --force replaces all golden files")
    for old in FOLDER.glob("*.aec"):
        old.unlink()
    rows: dict[str, dict[str, Any]] = {}
    files = {}
    for name, (picture, max_error) in plain_pictures().items():
        has_alpha = picture.shape[2:] == (4,)
        write = aecodec.encode if has_alpha else plain.write
        files[name] = write(picture, max_error=max_error)
        assert aecodec.inspect(files[name]).model == plain.NAME, name
    for name, (picture, options) in bounded_pictures().items():
        files[name] = aecodec.encode(picture, **options)
        info = aecodec.inspect(files[name])
        assert info.model != "plain" and info.max_error == options["max_error"], name
    for name, (picture, model, quality, packing) in pictures().items():
        files[name] = aecodec.encode(picture, model=model, quality=quality, packing=packing)
    for name, data in sorted(files.items()):
        (FOLDER / f"{name}.aec").write_bytes(data)
        info, pixels = aecodec.inspect(data), aecodec.decode(data)
        rows[name] = {
            "model": info.model,
            "mode": info.mode,
            "bits": info.bits,
            "inverted": info.inverted,
            "quality": info.quality,
            "max_error": info.max_error,
            "packing": info.packing,
            "size": [info.width, info.height],
            "bytes": info.file_bytes,
            "sha256": sha256(pixels),
        }
    write_data_set([files[name] for name in sorted(files)])
    lines = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items()]
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{len(rows)} files, {sum(row['bytes'] for row in rows.values())} bytes")


if __name__ == "__main__":
    main()
