"""Some of the pictures of a source: those that training holds out, and the smoothest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from aecodec.sources.items import Item
from aecodec.sources.readers import Picture, picture_files

HELD_OUT_PICTURES: Final = 16  # one picture in so many is held out where the model has no tiles


def hold_out_pictures(names: Sequence[str], random: np.random.Generator) -> tuple[list[str], list[str]]:
    """Divide picture files, of folders those below them, into one in sixteen and the others.

    A model without tiles is trained on crops; two crops of one picture may show the same.
    """
    files = [str(file) for name in names for file in picture_files(Path(name)) or [Path(name)]]
    order = random.permutation(len(files))
    held = set(order[: len(files) // HELD_OUT_PICTURES])
    return [files[i] for i in sorted(held)], [file for i, file in enumerate(files) if i not in held]


def held_out_files(names: Sequence[str], seed: int) -> tuple[list[str], int]:
    """The picture files of a first source that training with a seed holds out, and the number of all its files.

    Raises ValueError if there are none.
    """
    kept, others = hold_out_pictures(names, np.random.default_rng(seed))
    if not kept:
        raise ValueError(f"of {len(others)} files, none is held out: it takes {HELD_OUT_PICTURES} picture files")
    return kept, len(kept) + len(others)


def roughness(picture: Picture) -> float:
    """The mean absolute difference between neighbouring samples of a picture (H, W) or (H, W, C), 0..255."""
    samples = picture.astype(np.int16)
    parts = [np.abs(np.diff(samples, axis=axis)).ravel() for axis in (0, 1)]
    differences = np.concatenate(parts)
    return float(differences.mean()) if differences.size else 0.0


def smoothest(items: Sequence[Item], count: int) -> list[Item]:
    """The `count` items of least roughness, in their order."""
    ranks = np.argsort([roughness(item.picture) for item in items], kind="stable")
    return [items[index] for index in sorted(ranks[:count].tolist())]
