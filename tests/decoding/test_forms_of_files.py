"""Files in each form are decoded in parts, reduced and inspected like any other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from samples import COLOUR, DIGITS

import aecodec
from aecodec.format import container
from aecodec.format.panels import PanelGrid


@pytest.mark.parametrize("picture", [DIGITS[0], COLOUR[0]], ids=["digit", "colour"])
def test_a_tile_has_regions_and_thumbnails(picture: np.ndarray) -> None:
    data = aecodec.encode(picture, quality=60)
    whole = aecodec.decode(data)
    assert np.array_equal(aecodec.decode(data, region=(3, 5, 9, 7)), whole[5:12, 3:12])
    for longest in (1, 2, 4, 7, 8, 14, 16):
        assert max(aecodec.decode(data, thumbnail=longest).shape[:2]) <= longest


def test_a_header_that_announces_billions_of_panels_is_inspected_at_once() -> None:
    data = container.write_header(container.Header(8, 50, "rans", size=(1 << 32, 1 << 32)))
    info = aecodec.inspect(data)
    assert (info.width, info.panels) == (1 << 32, (1 << 23) ** 2)


@pytest.mark.parametrize(("model", "quality"), [(8, 50), (5, container.LOSSLESS), (5, container.NEAR_LOSSLESS)])
@pytest.mark.parametrize("part", [{}, {"thumbnail": 64}, {"region": (0, 0, 1, 1)}])
def test_a_few_bytes_of_billions_of_panels_are_refused_at_once(
    model: int, quality: int, part: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def listed(grid: PanelGrid, index: int) -> None:
        raise AssertionError("a panel is looked at before the payload's length")

    data = container.write_header(container.Header(model, quality, "rans", size=(1 << 32, 1 << 32))) + b"\1" * 20
    monkeypatch.setattr(PanelGrid, "box", listed)
    with pytest.raises(aecodec.TruncatedFile, match="too short for the picture's panels"):
        aecodec.decode(data, max_pixels=None, **part)
