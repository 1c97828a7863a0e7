"""Golden files: the valid files of the conformance suite that no other models than the bundled ones decode."""

from __future__ import annotations

from pathlib import Path

from aecodec.conformance.suite import Suite, Valid, default_folder

SUITE = Suite.read(default_folder())
_OWN = {model.name for model in SUITE.models}
ROWS: dict[str, Valid] = {Path(row.file).stem: row for row in SUITE.valid if row.model not in _OWN}


def path(name: str) -> Path:
    """Where a golden file is."""
    return SUITE.folder / ROWS[name].file


def paths() -> list[Path]:
    """Where all of them are."""
    return [path(name) for name in ROWS]


def data(name: str) -> bytes:
    """The bytes of a golden file."""
    return path(name).read_bytes()
