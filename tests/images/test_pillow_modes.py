"""docs/modes.md: what becomes of every kind of picture is what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from aecodec.images.pillow_images import CONVERSIONS
from benchmarks import modes

ROOT = Path(__file__).parents[2]

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
    assert {f"mode {mode}" for mode in CONVERSIONS} <= DOCUMENTED.keys()
