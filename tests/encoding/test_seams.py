"""Errors at the borders of panels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import aecodec
from aecodec.encoding import lossy
from aecodec.encoding.lossy import SEAM_WEIGHT, seam_weights
from aecodec.format import panels
from aecodec.format.panels import PanelGrid

CAT = np.asarray(Image.open(Path(__file__).parents[2] / "examples" / "cat.png").convert("RGB"))


def test_blocks_along_inner_borders_count_more() -> None:
    grid = PanelGrid.of((1030, 520), (8, 8))  # three rows and two columns of panels
    assert grid.count == 6
    upper_left, middle_right = seam_weights(grid, 0, 8), seam_weights(grid, 3, 8)
    assert upper_left.shape == (64, 64) and middle_right.shape == (64, 1)
    assert (upper_left[-1] == SEAM_WEIGHT).all() and (upper_left[:, -1] == SEAM_WEIGHT).all()
    assert (upper_left[:-1, :-1] == 1).all()
    assert (middle_right == SEAM_WEIGHT).all()
    assert (seam_weights(PanelGrid.of((300, 300), (8, 8)), 0, 8) == 1).all()


@pytest.mark.parametrize("quality", [15, 40])
def test_errors_at_panel_borders_are_smaller_for_it(quality: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panels, "SIDE", 64)  # many borders in a small picture

    def measured() -> tuple[float, float, int]:
        """Mean squared errors along vertical panel borders, and in the middle of panels; and bytes."""
        file = aecodec.encode(CAT, model="photo", quality=quality)
        squared = np.square(CAT.astype(float) - aecodec.decode(file))
        near, middle = ([squared[:, at : at + 16] for at in range(x, CAT.shape[1] - 15, 64)] for x in (56, 24))
        return float(np.mean(near)), float(np.mean(middle)), len(file)

    near, middle, size = measured()
    monkeypatch.setattr(lossy, "SEAM_WEIGHT", 1.0)
    plain_near, plain_middle, plain_size = measured()
    assert near < 0.95 * plain_near
    assert middle == pytest.approx(plain_middle, rel=0.1)  # a block may follow its neighbours
    assert size < 1.1 * plain_size  # of panels as small as 64, where almost half the blocks are at borders
