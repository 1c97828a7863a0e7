"""The encoder's search for residuals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aecodec import InvalidValue, engines
from aecodec.encoding import residual_search
from aecodec.encoding.residual_search import SEARCHES
from aecodec.models import registry

CAT = Path(__file__).parents[2] / "examples" / "cat.png"


def search(name: str, quality: int) -> residual_search._Search:
    """Of 128x128 pixels of the bundled picture of a cat, by a bundled model."""
    model = registry.by_name(name)
    pixels = np.asarray(Image.open(CAT).convert("RGB").crop((96, 64, 224, 192)))[None]
    return residual_search._Search(model, engines.engine("auto"), pixels, np.array([quality]), None)


@pytest.mark.parametrize("name", ["photo", "cifar"])
def test_walks_never_make_a_choice_worse(name: str) -> None:
    totals = [search(name, 40).best(aims, 0).total[0] for aims in range(4)]
    assert totals == sorted(totals, reverse=True)
    assert search(name, 40).best(3, 2).total[0] <= totals[-1] < totals[0]


def test_aiming_at_what_becomes_of_the_pixels_costs_less(monkeypatch: pytest.MonkeyPatch) -> None:
    aimed = search("photo", 50).best(1, 0).total[0]
    monkeypatch.setattr(residual_search, "PIXEL_SHARE", np.zeros(101))
    assert aimed < 0.995 * search("photo", 50).best(1, 0).total[0]


@pytest.mark.parametrize("effort", [-1, len(SEARCHES)])
def test_other_efforts_are_refused(effort: int) -> None:
    with pytest.raises(InvalidValue, match="effort must be 0..9"):
        residual_search._search_of(registry.by_name("photo"), effort)
