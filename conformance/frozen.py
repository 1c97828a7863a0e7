"""Which suites are frozen, and what holds them: `python conformance/frozen.py` prints the entry of FROZEN.

Files may be added to a frozen suite, such as those of a new bundled model; no file changes, nor what the manifest says
of it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from aecodec.conformance.suite import INVALID, MANIFEST, default_folder  # noqa: E402

PARTS = ("models", "valid", "data_sets", "invalid")
Manifest = dict[str, list[dict[str, Any]]]

# By version of the format: how many rows the parts of the manifest had when it was frozen, and the digest of these.
FROZEN: dict[int, tuple[tuple[int, ...], str]] = {
    1: ((15, 268, 16, 330), "b723328cc741aad94ae873b6de277684f4c6cf277a2e4a6d3f80fc584c335808"),
}


def manifest(folder: Path) -> Manifest:
    """The rows of a suite, as they are in its manifest."""
    found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return {part: found[part] for part in PARTS}


def files_of(folder: Path, row: dict[str, Any]) -> list[Path]:
    """The file of a row and, where an invalid model belongs to it, that model."""
    own = row.get("models", "")
    return [folder / row["file"], *(sorted((folder / own).iterdir()) if own.startswith(INVALID) else [])]


def digest(folder: Path, counts: tuple[int, ...]) -> str:
    """The SHA-256 of the first rows of each part, and of the files that belong to them."""
    found = hashlib.sha256()
    for part, count in zip(PARTS, counts, strict=True):
        for row in manifest(folder)[part][:count]:
            found.update(json.dumps(row, sort_keys=True).encode())
            for path in files_of(folder, row):
                found.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


if __name__ == "__main__":
    suite = default_folder()
    rows = tuple(len(part) for part in manifest(suite).values())
    print(f'    {suite.name}: ({rows}, "{digest(suite, rows)}"),')
