"""One training run from data sources to a model file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aecodec.training.fitting import Pool
from aecodec.training.presets import Preset
from aecodec.training.sources import load, read_idx


def parse_source(text: str) -> tuple[str, float]:
    """``PATH`` or ``PATH@WEIGHT`` -> (path, weight)."""
    path, at, weight = text.rpartition("@")
    if at:
        try:
            return path, float(weight)
        except ValueError:
            pass
    return text, 1.0


def class_odds(source: str, count: int) -> np.ndarray | None:
    """Odds (N,) that draw every class alike, from the idx labels beside idx images; None where there are none."""
    path = Path(source)
    labels = path.with_name(path.name.replace("images-idx3", "labels-idx1"))
    if labels == path or not labels.is_file():
        return None
    values = read_idx(labels)
    if values.shape != (count,):
        return None
    odds = 1.0 / np.bincount(values)[values]
    return odds / odds.sum()


def gather(
    sources: Sequence[str], preset: Preset, *, validation: int, balance: bool, crops: int, seed: int
) -> tuple[list[Pool], np.ndarray]:
    """Pools of training tiles, and ``validation`` tiles (N, H, W, C) held out of the first source.

    Several sources of one weight entry may be joined with a comma: ``a.webp,b.webp@2``.
    """
    description = preset.description
    assert description.tile is not None
    pools: list[Pool] = []
    held_out: np.ndarray | None = None
    for text in sources:
        names, weight = parse_source(text)
        loaded = [
            (name, load(name, description.tile, description.channels, crops=crops, seed=seed))
            for name in names.split(",")
        ]
        tiles = np.concatenate([part for _, part in loaded])
        odds = class_odds(names, len(tiles)) if balance and len(loaded) == 1 else None
        if held_out is None:
            order = np.random.default_rng(seed).permutation(len(tiles))
            if len(tiles) <= 2 * validation:
                raise ValueError(f"{len(tiles)} pictures are too few to hold out {validation} of them")
            held_out, rest = tiles[order[:validation]], np.sort(order[validation:])
            tiles = tiles[rest]
            odds = None if odds is None else odds[rest] / odds[rest].sum()
        pools.append(Pool(tiles, weight, odds))
    assert held_out is not None
    return pools, held_out
