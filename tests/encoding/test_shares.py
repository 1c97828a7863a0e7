"""The share of the saved bits that counts when elements are rounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aecodec import engines, metrics
from aecodec.encoding import shares
from aecodec.encoding.options import EncodeOptions
from aecodec.encoding.residual_search import choose_measured
from aecodec.errors import InvalidModelFile
from aecodec.models import model as models
from aecodec.models import registry, safetensors
from aecodec.models.model import SHARES, Model
from aecodec.packing import ideal_bits

CAT = Path(__file__).parents[2] / "examples" / "cat.png"


def with_shares(name: str, values: np.ndarray | None) -> Model:
    """A bundled model with other shares in its file, or none."""
    model = registry.by_name(name)
    arrays = {name: array for name, array in model.arrays.items() if name != SHARES}
    return models.load(safetensors.dump(arrays | ({} if values is None else {SHARES: values}), model.metadata))


def test_shares_are_interpolated_along_the_passes() -> None:
    assert shares.along(((0, 0.5), (1, 1)), 3).tolist() == [0.5, 0.75, 1]
    assert shares.along(((0, 0), (0.5, 0), (0.75, 1)), 5).tolist() == [0, 0, 0, 1, 1]
    assert shares.along(((0, 0.5), (1, 1)), 1).tolist() == [1]
    assert shares.along(((0, 0.5), (1, 1)), 0).size == 0


def test_a_model_without_shares_has_the_usual_ones() -> None:
    model = registry.by_name("cifar")
    found = shares.of_model(model)
    assert SHARES not in model.arrays and len(found) == len(model.description.passes)
    assert (found[0], found[-1]) == (np.float32(0.6), 1)


def test_shares_do_not_change_what_a_model_is() -> None:
    model, other = registry.by_name("photo"), with_shares("photo", None)
    assert SHARES in model.arrays and other.id == model.id
    assert shares.of_model(other)[0] != shares.of_model(model)[0]


@pytest.mark.parametrize("values", [np.ones(3, np.float32), np.ones(18, np.int32), np.full(18, np.nan, np.float32)])
def test_a_model_with_impossible_shares_only_decodes(values: np.ndarray) -> None:
    model = with_shares("photo", values)
    with pytest.raises(InvalidModelFile, match=r"can only decode: array analysis\.shares"):
        _ = model.analysis


def coded(model: Model, quality: int, effort: int = 0) -> tuple[float, float, float]:
    """Bits, PSNR (dB) and MS-SSIM of the bundled picture of a cat."""
    pixels = np.asarray(Image.open(CAT).convert("RGB"))[None]
    pixels = pixels[:, : pixels.shape[1] // 8 * 8, : pixels.shape[2] // 8 * 8]
    found = choose_measured(model, engines.engine("auto"), pixels, np.array([quality]), EncodeOptions(effort=effort))
    bits = ideal_bits(model.tables, found.residuals, found.classes).sum()
    psnr, ms_ssim = (measure(pixels, found.pixels)[0] for measure in (metrics.psnr, metrics.ms_ssim))
    return float(bits), float(psnr), float(ms_ssim)


def test_the_lower_the_share_the_more_is_coded() -> None:
    several = [with_shares("photo", np.full(18, share, np.float32)) for share in (1, 0.5, 0)]
    bits, psnr, _ = zip(*(coded(model, 30) for model in several), strict=True)
    assert sorted(bits) == list(bits) and bits[2] > 1.1 * bits[0]
    assert sorted(psnr) == list(psnr)


def test_photographs_keep_more_structure_by_the_shares_of_their_model() -> None:
    own, usual = (
        np.array([coded(model, quality, effort=1) for quality in (10, 20, 30, 45, 60)])
        for model in (registry.by_name("photo"), with_shares("photo", None))
    )
    assert metrics.bd_rate(own[:, 0], own[:, 2], usual[:, 0], usual[:, 2]) < -2
