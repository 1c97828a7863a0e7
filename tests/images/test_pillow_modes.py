"""docs/modes.md: what becomes of every kind of picture is what it says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))  # as for the scripts there

import modes  # noqa: E402

from aecodec.images.pillow_images import TARGETS  # noqa: E402

DOCUMENTED = {
    cells[0]: tuple(cells)
    for line in (ROOT / "docs" / "modes.md").read_text().splitlines()
    if line.startswith("| ") and len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 4
}
KINDS = dict(modes.pictures())


@pytest.mark.parametrize("name", KINDS)
def test_the_page_says_what_becomes_of_it(name: str) -> None:
    assert modes.row(name, KINDS[name]) == DOCUMENTED[name]


def test_every_mode_is_on_the_page() -> None:
    assert {f"mode {mode}" for mode in TARGETS} <= DOCUMENTED.keys()
