"""Training data: pools of tiles read from the sources, tiles held out, and samples drawn from the pools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aecodec.sources.readers import read_idx
from aecodec.sources.selection import hold_out_pictures
from aecodec.sources.tile_arrays import load, load_crops
from aecodec.training.classics import Classic
from aecodec.training.options import TrainingOptions
from aecodec.training.presets import Preset


@dataclass(frozen=True)
class Pool:
    """Tiles (N, H, W, C) that make up a fraction ``weight`` of the samples.

    ``odds`` (N,): probability of each tile, summing to 1; ``None`` for equal ones. ``crops`` (M, 2H, 2W, C): of
    pictures larger than a tile, if the source has such pictures.
    """

    tiles: np.ndarray
    weight: float
    odds: np.ndarray | None = None
    crops: np.ndarray | None = None


def draw(pools: Sequence[Pool], count: int, random: np.random.Generator) -> np.ndarray:
    """Draw ``count`` tiles (N, H, W, C), pool after pool, by their weights and odds."""
    shares = np.array([pool.weight for pool in pools])
    counts = random.multinomial(count, shares / shares.sum())
    return np.concatenate(
        [p.tiles[random.choice(len(p.tiles), n, p=p.odds)] for p, n in zip(pools, counts, strict=True) if n]
    )


def draw_larger(pools: Sequence[Pool], count: int, random: np.random.Generator) -> np.ndarray:
    """Draw ``count`` pictures (N, 2H, 2W, C) of 2x2 tiles: crops if any pool has them, else mosaics of tiles."""
    crops = [pool.crops for pool in pools if pool.crops is not None and len(pool.crops)]
    if crops:
        return np.stack([crops[k][random.integers(len(crops[k]))] for k in random.integers(len(crops), size=count)])
    tiles = random.permutation(draw(pools, 4 * count, random))
    _, height, width, channels = tiles.shape
    mosaic = tiles.reshape(count, 2, 2, height, width, channels).swapaxes(2, 3)
    return mosaic.reshape(count, 2 * height, 2 * width, channels)


def pixels_per_tile(tiles: np.ndarray) -> int:
    """Pixels of one of the tiles (N, H, W, C)."""
    return tiles.shape[1] * tiles.shape[2]


def limited(count: int, tiles: np.ndarray) -> int:
    """``count``, or fewer if tiles (N, H, W, C) are larger than 32x32, so that the number of pixels stays the same."""
    return max(1, min(count, count * 1024 // pixels_per_tile(tiles)))


def parse_source(text: str) -> tuple[list[str], float]:
    """Parse ``PATH[,PATH...][@WEIGHT]`` to (paths, weight); the weight is 1 by default."""
    names, at, weight = text.rpartition("@")
    if at:
        try:
            return names.split(","), float(weight)
        except ValueError:
            pass
    return text.split(","), 1.0


def class_odds(source: str, count: int) -> np.ndarray | None:
    """Odds (N,) that draw every class equally often, from the idx labels next to idx images; None without labels."""
    path = Path(source)
    labels = path.with_name(path.name.replace("images-idx3", "labels-idx1"))
    if labels == path or not labels.is_file():
        return None
    values = read_idx(labels)
    if values.shape != (count,):
        return None
    odds = 1.0 / np.bincount(values)[values]
    return odds / odds.sum()


def gather(options: TrainingOptions, preset: Preset | Classic) -> tuple[list[Pool], np.ndarray]:
    """Read all sources: a pool of training tiles for each, and the tiles (N, H, W, C) held out of the first.

    Raises ``ValueError`` if the first source has too few tiles.
    """
    pools: list[Pool] = []
    held_out: np.ndarray | None = None
    for text in options.data:
        names, weight = parse_source(text)
        random = np.random.default_rng(options.seed)
        if held_out is None and not preset.description.tile:
            kept, names = hold_out_pictures(names, random)
            held_out = _held_out_crops(kept, preset, options, random) if kept else None
        tiles = _load(names, preset, options)
        odds = class_odds(names[0], len(tiles)) if options.balance and len(names) == 1 else None
        if held_out is None:
            order = random.permutation(len(tiles))
            if len(tiles) <= 2 * options.validation:
                raise ValueError(f"{len(tiles)} pictures are too few to hold out {options.validation} of them")
            held_out, rest = tiles[order[: options.validation]], np.sort(order[options.validation :])
            tiles = tiles[rest]
            odds = None if odds is None else odds[rest] / odds[rest].sum()
        larger = None
        if isinstance(preset, Classic) or preset.larger:
            shape, crops = (preset.tile, preset.description.channels), -(-options.crops // 4)
            larger = np.concatenate([load_crops(name, *shape, crops=crops, seed=options.seed) for name in names])
        pools.append(Pool(tiles, weight, odds, larger))
    assert held_out is not None
    return pools, held_out


def _load(names: Sequence[str], preset: Preset | Classic, options: TrainingOptions) -> np.ndarray:
    """All tiles (N, H, W, C) of some paths."""
    shape = preset.tile, preset.description.channels
    return np.concatenate([load(name, *shape, crops=options.crops, seed=options.seed) for name in names])


def _held_out_crops(
    names: Sequence[str], preset: Preset | Classic, options: TrainingOptions, random: np.random.Generator
) -> np.ndarray:
    """``options.validation`` crops (N, H, W, C) of the pictures that are held out."""
    crops = _load(names, preset, options)
    if len(crops) < options.validation:
        raise ValueError(f"{len(names)} pictures give {len(crops)} crops, too few to hold out {options.validation}")
    return crops[np.sort(random.permutation(len(crops))[: options.validation])]
