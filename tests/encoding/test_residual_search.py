"""The encoder's search for residuals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aecodec import engines
from aecodec.encoding import residual_search
from aecodec.encoding.options import MOST_EFFORT, PSNR, SSIM
from aecodec.encoding.residual_search import SEARCHES
from aecodec.encoding.tuning import TUNES
from aecodec.models import registry

CAT = Path(__file__).parents[2] / "examples" / "cat.png"


def search(name: str, quality: int, tune: str = PSNR) -> residual_search._Search:
    """Of 128x128 pixels of the bundled picture of a cat, by a bundled model."""
    model = registry.by_name(name)
    pixels = np.asarray(Image.open(CAT).convert("RGB").crop((96, 64, 224, 192)))[None]
    return residual_search._Search(model, engines.engine("auto"), pixels, np.array([quality]), None, TUNES[tune])


@pytest.mark.parametrize("name", ["photo", "cifar"])
def test_walks_never_make_a_choice_worse(name: str) -> None:
    totals = [search(name, 40).best(aims, 0).total[0] for aims in range(4)]
    assert totals == sorted(totals, reverse=True)
    assert search(name, 40).best(3, 2).total[0] <= totals[-1] < totals[0]


def test_aiming_at_what_becomes_of_the_pixels_costs_less(monkeypatch: pytest.MonkeyPatch) -> None:
    aimed = search("photo", 50).best(1, 0).total[0]
    monkeypatch.setattr(residual_search, "PIXEL_SHARE", np.zeros(101))
    assert aimed < 0.995 * search("photo", 50).best(1, 0).total[0]


def test_walks_never_make_a_choice_worse_by_ms_ssim() -> None:
    totals = [search("photo", 40, SSIM).best(*each).total[0] for each in ((0, 0), (1, 0), (1, 2))]
    assert totals == sorted(totals, reverse=True)


def test_every_effort_has_a_search() -> None:
    assert len(SEARCHES) == MOST_EFFORT + 1
