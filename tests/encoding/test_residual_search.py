"""The encoder's search for residuals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aecodec import engines
from aecodec.encoding import residual_search
from aecodec.encoding.options import MOST_EFFORT, PSNR, SSIM, EncodeOptions
from aecodec.encoding.residual_search import SEARCHES
from aecodec.models import registry
from aecodec.models.description import lambda_of_quality
from aecodec.packing import ideal_bits

CAT = Path(__file__).parents[2] / "examples" / "cat.png"


def search(name: str, quality: int, tune: str = PSNR) -> residual_search._Search:
    """Of 128x128 pixels of the bundled picture of a cat, by a bundled model."""
    model = registry.by_name(name)
    pixels = np.asarray(Image.open(CAT).convert("RGB").crop((96, 64, 224, 192)))[None]
    options = EncodeOptions(tune=tune)
    return residual_search._Search(model, engines.engine("auto"), pixels, np.array([quality]), options)


@pytest.mark.parametrize("name", ["photo", "cifar"])
def test_walks_never_make_a_choice_worse(name: str) -> None:
    totals = [search(name, 40).best(aims, 0).total[0] for aims in range(4)]
    assert totals == sorted(totals, reverse=True)
    assert search(name, 40).best(3, 2).total[0] <= totals[-1] < totals[0]


def test_aiming_at_what_becomes_of_the_pixels_costs_less(monkeypatch: pytest.MonkeyPatch) -> None:
    aimed = search("photo", 50).best(1, 0).total[0]
    monkeypatch.setattr(residual_search, "PIXEL_SHARE", np.zeros(101))
    assert aimed < 0.998 * search("photo", 50).best(1, 0).total[0]


@pytest.mark.parametrize("tune", [PSNR, SSIM])
@pytest.mark.parametrize("name", ["photo", "cifar"])
def test_the_cost_of_a_choice_is_that_of_its_residuals_and_pixels(name: str, tune: str) -> None:
    found = search(name, 40, tune)
    walk = found.best(2, 3)
    choice, distortion = walk.choice, found.distortion
    spent = ideal_bits(found.model.tables, choice.residuals, choice.classes).sum()
    weighed = (distortion.block_weights * distortion.of(choice.pixels)).sum() * lambda_of_quality(40)
    assert walk.total[0] == pytest.approx(spent + weighed, rel=0.002)  # quick bits are within a thousandth


def test_a_tile_has_the_weight_of_its_own_blocks() -> None:
    model = registry.by_name("cifar")
    random = np.random.default_rng(0)
    pictures = np.full((1, 32, 64, 3), 128, np.uint8)
    pictures[:, :, 32:] = random.integers(0, 256, (32, 32, 1))
    side = model.description.block
    whole = np.ones((1, 32 // side, 64 // side), np.float32)
    half = whole.copy()
    half[:, 16 // side :] = 0
    for weights in (whole, half):
        tuned = EncodeOptions(tune=SSIM)
        found = residual_search._Search(model, engines.engine("auto"), pictures, np.array([40]), tuned, weights)
        by_tile = weights.reshape(32 // side, 2, 32 // side)
        own = found.distortion.block_weights.reshape(by_tile.shape) * by_tile
        expected = lambda_of_quality(40) * own.sum(axis=(0, 2)) / by_tile.sum(axis=(0, 2))
        np.testing.assert_allclose(found.vector_lambdas[0], expected, rtol=1e-5)
        assert found.vector_lambdas[0, 0] > 5 * found.vector_lambdas[0, 1]


def test_every_effort_has_a_search() -> None:
    assert len(SEARCHES) == MOST_EFFORT + 1
