"""Training data: pools, tiles held out, batches, augmentation, transforms."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from samples import COLOUR, mosaic
from tiny_ladders import LARGER, SMALL, TILES, idx, options_for

from aecodec.training import augmentation, data, fitting
from aecodec.training.data import Pool, draw_larger
from aecodec.training.presets import LadderShape
from aecodec.training.statistics import measure

Array = NDArray[Any]


def test_the_same_seed_draws_the_same_batches() -> None:
    pools = [Pool(TILES[..., None], 0.7), Pool(TILES[:5, ..., None], 0.3)]
    options = [options_for(Path(), Path(), augmentation="pen", seed=seed) for seed in (1, 1, 2)]
    one, same, other = (fitting.Batches(pools, SMALL, chosen) for chosen in options)
    drawn, again, different = one[4][0], same[4][0], other[4][0]
    assert [pictures.shape for pictures, _ in drawn] == [(12, 28, 28, 1), (1, 56, 56, 1)]
    one.on_epoch_end()
    for group, (pictures, quality) in enumerate(drawn):
        assert quality.shape == (len(pictures),)
        assert 1 <= quality.min() <= quality.max() <= 100
        assert np.array_equal(pictures, again[group][0])
        assert np.array_equal(quality, again[group][1])
        assert not np.array_equal(pictures, different[group][0])
        assert not np.array_equal(pictures, one[4][0][group][0])


def test_larger_pictures_are_crops_or_else_mosaics_of_tiles() -> None:
    known = {tile.tobytes() for tile in TILES}
    mosaics = draw_larger([Pool(TILES[..., None], 1.0)], 3, np.random.default_rng(0))
    assert mosaics.shape == (3, 56, 56, 1)
    parts = mosaics.reshape(3, 2, 28, 2, 28).swapaxes(2, 3).reshape(-1, 28, 28)
    assert {part.tobytes() for part in parts} <= known
    # Crops of any source are taken before mosaics of another.
    crops = LARGER[:5, ..., None]
    pools = [Pool(TILES[..., None], 0.9), Pool(TILES[..., None], 0.1, crops=crops)]
    pools.append(Pool(TILES[..., None], 1.0, crops=crops[:0]))
    found = draw_larger(pools, 50, np.random.default_rng(0))
    assert found.shape == (50, 56, 56, 1)
    assert {one.tobytes() for one in found} == {crop.tobytes() for crop in crops}


@pytest.mark.parametrize("name", sorted(augmentation.AUGMENTATIONS))
@pytest.mark.parametrize("tiles", [TILES[:6, ..., None], np.stack(COLOUR[:6])], ids=["gray", "colour"])
def test_augmentation_keeps_shape_and_dtype(name: str, tiles: Array) -> None:
    if tiles.shape[3] != {"pen": 1, "colour": 3, "photograph": 3, "scale": 3}.get(name, tiles.shape[3]):
        pytest.skip("made for the other kind")
    augmented = augmentation.AUGMENTATIONS[name](tiles, np.random.default_rng(0))
    assert augmented.shape == tiles.shape
    assert augmented.dtype == np.uint8
    assert np.array_equal(augmented, tiles) == (name == "none")


def test_transforms_of_colour_are_orthonormal_and_see_nothing_in_gray() -> None:
    shape = LadderShape(side=None, channels=3, block=4, groups=(0,), features=0, width=4).description()
    found = measure(np.stack(COLOUR), shape)
    assert np.allclose(found.block_analysis.T @ found.block_analysis, np.eye(48), atol=1e-6)
    means = found.block_analysis[:, :3].reshape(16, 3, 3)
    assert np.all(np.abs(means.mean(axis=0)).max(axis=0) > 3 * means.std(axis=0).max(axis=0))  # of the three planes
    assert np.all(np.diff(found.block_spread[3:]) <= 0)
    gray = np.random.default_rng(0).uniform(0, 255, (50, 16, 1)).repeat(3, axis=2).reshape(50, 48)
    plane = (gray - found.block_mean) @ found.block_analysis
    assert np.count_nonzero(np.abs(plane).max(axis=0) < 1e-6) == 32


def test_of_a_shape_without_tiles_whole_pictures_are_held_out(tmp_path: Path) -> None:
    shape = LadderShape(side=None, channels=1, groups=(0,), features=0, width=4, correction_depth=0)
    preset = dataclasses.replace(SMALL, description=shape.description(), crop=20, larger=0)
    options = options_for(tmp_path, Path(), validation=10, crops=8)
    for level in range(40):
        Image.fromarray(np.full((30, 30), 6 * level, np.uint8)).save(tmp_path / f"{level}.png")
    (pool,), held_out = data.gather(options, preset)
    kept, seen = {int(v) for v in held_out[:, 0, 0, 0]}, {int(v) for v in pool.tiles[:, 0, 0, 0]}
    assert held_out.shape == (10, 20, 20, 1) and len(kept) == 2
    assert not kept & seen and len(kept | seen) == 40
    with pytest.raises(ValueError, match="2 pictures give 16 crops, too few to hold out 17"):
        data.gather(dataclasses.replace(options, validation=17), preset)


def test_crops_of_a_folder_get_into_its_pool(tmp_path: Path) -> None:
    colour = LadderShape(side=32, channels=3, vector=4, groups=(0,), features=4, width=4)
    preset = dataclasses.replace(SMALL, description=colour.description())
    for index in range(3):
        Image.fromarray(mosaic(100, 120 + index)).save(tmp_path / f"{index}.png")
    (pool,), held_out = data.gather(options_for(tmp_path, Path(), validation=10, crops=8), preset)
    assert pool.tiles.shape == (14, 32, 32, 3)
    assert held_out.shape == (10, 32, 32, 3)
    assert pool.crops is not None and pool.crops.shape == (6, 64, 64, 3)


def test_weights_and_joined_sources(tmp_path: Path) -> None:
    assert data.parse_source("a.gz") == (["a.gz"], 1.0)
    assert data.parse_source("a.gz@0.3") == (["a.gz"], 0.3)
    assert data.parse_source("a@b,c@0.5") == (["a@b", "c"], 0.5)
    for name, part in (("a", TILES[:60]), ("b", TILES[60:])):
        (tmp_path / name).write_bytes(idx(part))
    sources = f"{tmp_path / 'a'},{tmp_path / 'b'}@0.7", f"{tmp_path / 'b'}@0.3"
    options = dataclasses.replace(options_for(tmp_path, Path(), validation=10, crops=1), data=sources)
    pools, held_out = data.gather(options, SMALL)
    assert [(len(pool.tiles), pool.weight) for pool in pools] == [(110, 0.7), (60, 0.3)]
    assert [pool.crops.shape for pool in pools if pool.crops is not None] == [(0, 56, 56, 1)] * 2
    assert len(held_out) == 10
    # What is held out is not trained on, and nothing else is left out.
    assert sorted(t.tobytes() for t in (*pools[0].tiles, *held_out)) == sorted(t.tobytes() for t in TILES)


def test_labels_beside_idx_images_balance_the_classes(tmp_path: Path) -> None:
    (tmp_path / "some-images-idx3-ubyte").write_bytes(idx(TILES))
    (tmp_path / "some-labels-idx1-ubyte").write_bytes(idx(np.repeat(np.array([0, 1], np.uint8), [90, 30])))
    odds = data.class_odds(str(tmp_path / "some-images-idx3-ubyte"), 120)
    assert odds is not None and odds.sum() == pytest.approx(1)
    assert odds[:90].sum() == pytest.approx(0.5)
    assert data.class_odds(str(tmp_path / "others"), 120) is None
