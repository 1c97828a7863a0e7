"""Small models drawn from a seed: any shape that a description may have, with random weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aecodec.conformance.tiny_models import planeless_arrays, planeless_dump, tiny_arrays
from aecodec.errors import InvalidModelFile
from aecodec.models import safetensors
from aecodec.models.description import (
    QUARTERS,
    Description,
    Finish,
    Lattice,
    Layer,
    Lossless,
    Pass,
    SynthesisLayer,
)
from aecodec.models.model import load, table_arrays
from aecodec.models.safetensors import Arrays
from aecodec.packing.tables import CLASSES, TOTAL, Tables

Random = np.random.Generator

PLACES: Lattice = tuple(sorted(place for quarter in QUARTERS for place in quarter))
WITHOUT_PLANE = 0.15  # how many models have no plane, and so on
WIDE = 0.05
WITH_TILE, WITH_UPDATES, WITH_FINISH, WITH_LOSSLESS, WITH_OFFSETS = 0.5, 0.4, 0.4, 0.5, 0.4


def draw(random: Random, name: str) -> bytes:
    """A model file with this name, the same for the same state of `random`."""
    while True:
        if random.random() < WITHOUT_PLANE:
            d = planeless_shape(random)
            data = planeless_dump(d, varied(random, planeless_arrays(d, seed(random)), d), name)
        else:
            d = ladder_shape(random)
            arrays = varied(random, tiny_arrays(d, seed(random)), d)
            data = safetensors.dump(arrays, {"name": name, "description": d.to_json()})
        try:
            load(data)
        except InvalidModelFile:  # a weight that breaks the bound of exact arithmetic
            continue
        return data


def seed(random: Random) -> int:
    """A seed for another generator."""
    return int(random.integers(1 << 32))


def happens(random: Random, probability: float) -> bool:
    """Whether something of this probability happens."""
    return bool(random.random() < probability)


# Shapes ---


def ladder_shape(random: Random) -> Description:
    """The shape of a model with a plane."""
    channels = int(random.choice([1, 3]))
    block = int(random.choice([2, 2, 2, 4])) if channels == 3 else int(random.choice([2, 4, 4, 8]))
    tile = None
    if happens(random, WITH_TILE):
        tile = (block * int(random.integers(1, 5)), block * int(random.integers(1, 5)))
    coefficients = block**2 * channels
    passes = drawn_passes(random, coefficients)
    updates = [happens(random, WITH_UPDATES) for _ in passes[:-1]]
    vector = int(random.integers(1, 5)) if tile else 0
    features = int(random.integers(1, 4)) if tile or any(updates) else 0
    finish = None
    if happens(random, WITH_FINISH):
        cell = int(random.choice([c for c in (1, 2, 4, 8) if block % c == 0]))
        finish = Finish(cell, int(random.integers(0, 4)), layers(random, cell**2 * channels, kernels=(1, 3)))
    none: tuple[Layer, ...] = ()
    blocks = tile[0] // block * (tile[1] // block) if tile else 0
    return Description(
        tile=tile,
        channels=channels,
        block=block,
        vector=vector,
        features=features,
        cues=int(random.integers(0, 3)),
        passes=passes,
        vector_layers=layers(random, blocks * features) if tile else none,
        pass_layers=tuple(layers(random, 2 * (p.hi - p.lo), first=3) for p in passes),
        update_layers=(*(layers(random, features, kernels=(1, 3)) if u else none for u in updates), none),
        correction_layers=layers(random, coefficients, kernels=(1, 3)),
        lossless=drawn_lossless(random, channels) if happens(random, WITH_LOSSLESS) else None,
        finish=finish,
    )


def layers(
    random: Random, outputs: int, kernels: tuple[int, ...] = (1,), first: int | None = None
) -> tuple[Layer, ...]:
    """One to three layers, the last with so many outputs; some of them add an earlier one of the same width.

    kernels: to choose from; first: another kernel that the first layer may have.
    """
    count = int(random.integers(1, 4))
    made: list[Layer] = []
    for index in range(count):
        units = outputs if index == count - 1 else int(random.choice([2, 4, outputs]))
        choices = (*kernels, first) if first and not index else kernels
        fitting = [place for place, layer in enumerate(made) if layer.units == units]
        add = int(random.choice(fitting)) if fitting and happens(random, 0.5) else None
        made.append(Layer(int(random.choice(choices)), units, happens(random, 0.5), add))
    return tuple(made)


def drawn_passes(random: Random, coefficients: int) -> tuple[Pass, ...]:
    """Passes that cover the plane, group after group."""
    groups = int(random.integers(1, min(3, coefficients) + 1))
    cuts = sorted(random.choice(np.arange(1, coefficients), groups - 1, replace=False).tolist())
    passes: list[Pass] = []
    for lo, hi in zip([0, *cuts], [*cuts, coefficients], strict=True):
        spacing, left = int(random.choice([1, 1, 2, 4, 8])), PLACES
        while True:
            passes += [Pass(lo, hi, lattice, spacing) for lattice in divided(random, left)]
            if spacing == 1:
                break
            # what is decoded is every place of this grid; of the grid twice as fine, three quarters are left
            spacing, left = spacing // 2, PLACES[1:]
    if not happens(random, WITH_OFFSETS):
        return tuple(passes)
    offset = [tuple(random.integers(-99, 100, p.hi - p.lo).tolist()) for p in passes]
    return tuple(
        replace(p, quality_offset=o if happens(random, 0.5) else ()) for p, o in zip(passes, offset, strict=True)
    )


def divided(random: Random, places: Lattice) -> list[Lattice]:
    """The places in one to four passes."""
    order = [places[index] for index in random.permutation(len(places))]
    count = int(random.integers(0, len(order)))
    cuts = sorted(random.choice(np.arange(1, len(order)), count, replace=False).tolist()) if count else []
    return [tuple(sorted(order[a:b])) for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]


def drawn_lossless(random: Random, channels: int) -> Lossless:
    """The shape of a lossless stage."""
    reach = int(random.integers(2, 5))
    return Lossless(
        order=tuple(random.permutation(channels).tolist()),
        reach=reach,
        linear_reach=int(random.integers(2, reach + 1)),
        trunk=layers(random, int(random.integers(1, 6))),
        heads=tuple(layers(random, 2 + channel) for channel in range(channels)),
    )


def planeless_shape(random: Random) -> Description:
    """The shape of a model without a plane: layers that grow one place to a tile, some by more than is kept."""
    channels, vector = int(random.choice([1, 3])), int(random.integers(1, 5))
    activations = ["none", "relu", "leaky5", "leaky8"]
    made, side = [], 1
    for last in (False, False, True):
        grow, kernel = int(random.choice([1, 2, 3] if side > 1 else [2, 3, 5])), int(random.choice([1, 3]))
        crop = int(random.integers(0, max(1, (side * grow - 2) // 4 + 1)))
        units = channels if last else int(random.integers(1, 5))
        made.append(SynthesisLayer(kernel, units * grow**2, str(random.choice(activations)), grow, crop))
        side = made[-1].side(side)
    if side % 2:  # blocks have even sides
        made.insert(-1, SynthesisLayer(1, 4 * 2, str(random.choice(activations)), 2))
        side = 1
        for layer in made:
            side = layer.side(side)
    return Description.without_plane(
        tile=(side, side),
        channels=channels,
        block=2,
        vector=vector,
        synthesis_layers=tuple(made),
        lossless=drawn_lossless(random, channels) if happens(random, WITH_LOSSLESS) else None,
    )


# Arrays ---


def varied(random: Random, arrays: Arrays, d: Description, wide: float = WIDE) -> Arrays:
    """Arrays with everything random that those of `tiny_models` have regular, and of dtypes that are not the least.

    wide: how many layers have weights that single precision is not exact for.
    """
    kinds = d.kinds
    steepness = random.uniform(2, 8, kinds)
    quality = np.arange(100)[:, None]
    step = np.clip(np.round(random.uniform(1, 60, kinds) * 2 ** (steepness * (99 - quality) / 99)), 1, 32767)
    made = arrays | {
        "step": step.astype(np.int16),
        "offset": np.clip(np.round(random.uniform(0, 50) - 5 * np.log2(step / 4)), -255, 255).astype(np.int16),
        "vector_class": random.integers(-10, 60, d.vector).astype(np.int16),
        "context_exponent": random.integers(-5, 2, kinds).astype(np.int8),
        "cue": random.integers(-1023, 1024, (100, d.cues)).astype(np.int16),
    }
    for prefix in ("tables", "lossless.tables") if d.lossless else ("tables",):
        skip = int(random.choice([0, 1, 4])) if prefix == "tables" else 0
        made |= table_arrays(tables(random, skip), prefix)
    if not d.synthesis_layers:
        weight = made["synthesis.weight"]
        mixed = weight + random.integers(-2000, 2001, weight.shape)
        made["synthesis.weight"] = mixed.astype(np.int32)
    for name, array in made.items():
        if name.endswith(".weight") and not name.startswith("analysis.") and happens(random, wide):
            made[name] = array.astype(np.int32) << 14
            shift = name.removesuffix("weight") + "shift"
            made[shift] = np.minimum(made[shift] + 14, 30).astype(np.uint8)
    return {name: array if name.startswith("analysis.") else widened(random, array) for name, array in made.items()}


def widened(random: Random, array: NDArray[Any]) -> NDArray[Any]:
    """An array of integers in a dtype that holds its values; the id of the model depends on which."""
    if not happens(random, 0.1):
        return array
    low, high = int(array.min(initial=0)), int(array.max(initial=0))
    dtypes = [np.dtype(code) for code in ("u1", "i1", "u2", "i2", "u4", "i4", "i8")]
    fitting = [dtype for dtype in dtypes if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max]
    return array.astype(fitting[int(random.integers(len(fitting)))])


def tables(random: Random, skip: int) -> Tables:
    """Tables of small extents, and a few large ones; many classes need escapes or low bits."""
    large = random.random(CLASSES) < 0.03
    extents = np.where(large, random.integers(40, 64, CLASSES), random.integers(0, 5, CLASSES))
    shifts = np.where(random.random(CLASSES) < 0.5, 0, random.integers(0, 16, CLASSES))
    rows = []
    for extent in extents.tolist():
        count = 2 * extent + 2
        weights = random.dirichlet(np.full(count, 0.5))
        rows.append(1 + random.multinomial(TOTAL - count, weights))
    return Tables(extents, shifts, skip, np.concatenate(rows))
