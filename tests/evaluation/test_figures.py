"""Sheets, colours and drawings of latents show what they say."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from samples import COLOUR, DIGITS

import aecodec
from aecodec.evaluation import (
    colours,
    latent_figure,
    rivals,
    scores,
    sheets,
)


def test_a_sheet_enlarges_every_pixel_and_writes_below_the_pictures() -> None:
    picture = np.array([[10, 200], [90, 30]], np.uint8)
    large = np.asarray(sheets.enlarged(picture, 3))
    assert (large == picture.repeat(3, 0).repeat(3, 1)[..., None]).all()
    dark = np.zeros((20, 20), np.uint8)
    plain = sheets.draw([sheets.Section("", [sheets.Row([sheets.Cell(dark)] * 2)], 4)])
    noted = sheets.draw([sheets.Section("A title", [sheets.Row([sheets.Cell(dark, "20 B", True)] * 2, "label")], 4)])
    assert (np.asarray(plain).reshape(-1, 3).max(axis=1) == 0).sum() == 2 * 80 * 80
    assert (np.asarray(noted).reshape(-1, 3).max(axis=1) == 0).sum() == 2 * 80 * 80
    assert noted.height > plain.height and noted.width > plain.width
    assert (np.asarray(noted) == sheets.STRESSED).all(axis=-1).any()


def test_error_maps_are_white_where_nothing_differs_and_darkest_at_the_most() -> None:
    original = np.array([[10, 10, 10]], np.uint8)
    drawn = colours.errors(original, np.array([[10, 26, 255]], np.uint8), 16)
    assert (drawn[0, 0] == 255).all()
    assert drawn[0, 1].tolist() == drawn[0, 2].tolist() == list(colours.ERROR[-1])
    weights = np.array([0.299, 0.587, 0.114])
    luma = np.array(colours.ERROR) @ weights
    assert (np.diff(luma) < 0).all()  # survives a gray print
    assert colours.signed(np.array([[-5.0, 0.0, 5.0]]), 5.0)[0].tolist() == [
        list(colours.SIGNED[0]),
        list(colours.SIGNED[3]),
        list(colours.SIGNED[-1]),
    ]


def test_variants_have_the_colour_of_their_format_and_dashes_of_their_own() -> None:
    pytest.importorskip("matplotlib")
    from aecodec.evaluation import plots

    styles = plots._rival_styles()
    formats = {rival.name: rival for rival in rivals.RIVALS.values()}
    assert [styles[name]["color"] for name in formats] == list(plots.RIVALS)
    seen = {(style["color"], str(style.get("linestyle"))) for style in styles.values()}
    assert len(seen) == len(styles) == len(rivals.BY_NAME)
    for rival in rivals.VARIANTS.values():
        assert styles[rival.name]["color"] == styles[rival.format_name]["color"]
    assert not any("linestyle" in styles[name] for name in formats)


@pytest.mark.parametrize("packing", ["rans", "zstd"])
@pytest.mark.parametrize("picture", [DIGITS[0], COLOUR[0]], ids=["digit", "colour"])
def test_the_levels_of_a_file_are_its_latent(picture: np.ndarray, packing: str) -> None:
    data = aecodec.encode(picture, quality=60, effort=0, packing=packing)
    found = latent_figure.levels(data)
    assert found[0].name.startswith("vector") and found[0].picture is None
    channels = 1 if picture.ndim == 2 else 3
    assert sum(level.values.shape[-1] for level in found[1:]) == 16 * channels
    payload = aecodec.inspect(data).parts["payload"]
    assert sum(level.cost for level in found) == pytest.approx(payload, rel=0.5 if packing == "zstd" else 0.1, abs=3)
    # Each level brings the picture nearer, the last ones hardly; what the correction adds after them is little.
    errors = [
        scores.measured([picture], [level.picture], ["psnr"])["psnr"][0] for level in found if level.picture is not None
    ]
    assert all(after > before - 0.05 for before, after in pairwise(errors)) and errors[-1] > errors[0] + 6
    assert errors[-1] > scores.measured([picture], [aecodec.decode(data)], ["psnr"])["psnr"][0] - 4


def test_a_damaged_file_has_no_levels() -> None:
    data = bytearray(aecodec.encode(DIGITS[0], model="mnist", quality=60, effort=0))
    data[-3] ^= 0x40
    with pytest.raises(aecodec.AecError):
        latent_figure.levels(bytes(data))


def test_a_level_is_drawn_as_planes_side_by_side() -> None:
    values = np.zeros((2, 2, 4))
    values[0, 1, 2] = 3.0
    drawn = latent_figure.drawn(values, 3.0, 4 * 5 + latent_figure.GAP)
    assert drawn.shape == (22, 22, 3)
    blue = (drawn == colours.SIGNED[-1]).all(axis=-1)
    assert [(axis.min(), axis.max()) for axis in np.nonzero(blue)] == [(12, 16), (5, 9)]
