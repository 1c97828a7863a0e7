"""Shapes of models that are known to train well, and how each is trained by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aecodec.models.description import (
    CHECKERBOARD,
    QUARTERS,
    SPACINGS,
    Description,
    Lattice,
    Layer,
    Pass,
    Remainder,
    pairs,
)


@dataclass(frozen=True)
class Preset:
    """A shape and the training defaults that go with it. ``purpose`` is what ``aec models`` says of the model.

    ``tiles`` and ``larger``: tiles, and pictures of two by two tiles, in a batch. ``crop``: side of what training
    takes for a tile, where the model has none.
    """

    description: Description
    purpose: str
    augmentation: str
    steps: int
    remainder: Remainder
    remainder_steps: int = 20000
    tiles: int = 24
    larger: int = 2
    learning_rate: float = 2e-3
    crop: int = 0

    @property
    def tile(self) -> tuple[int, int]:
        """(height, width) of the smaller pictures of a batch."""
        return self.description.tile or (self.crop, self.crop)


def ladder(
    *,
    side: int | None,
    channels: int,
    vector: int = 0,
    block: int = 4,
    groups: tuple[int, ...],
    features: int,
    width: int | tuple[int, ...],
    joined: tuple[int, ...] = (),
    first: tuple[Lattice, ...] = QUARTERS,
    spacing: int = 1,
    update_depth: int = 2,
    correction_depth: int = 3,
) -> Description:
    """A ladder over blocks, with a vector for each tile of ``side`` pixels or without tiles: ``groups`` are the channel
    numbers at which a new group of coefficients begins.

    The first group, where most of the bits are, is decoded in the passes ``first``, each of the others in two. With a
    ``spacing`` it begins with the blocks of so widely spaced rows and columns, and those between them follow. After
    each group but the last, and but those that end at a channel in ``joined``, an update of ``update_depth`` layers
    makes new features. ``width``: units of a pass, of all or group by group.
    """
    cues = 4
    bounds = [*groups, block * block * channels]
    widths = width if isinstance(width, tuple) else (width,) * len(groups)
    passes: list[Pass] = []
    updates: list[tuple[Layer, ...]] = []
    units: list[int] = []
    for lo, hi, wide in zip(bounds[:-1], bounds[1:], widths, strict=True):
        stages = [Pass(lo, hi, lattice) for lattice in CHECKERBOARD]
        if lo == 0:
            stages = [Pass(lo, hi, lattice) for lattice in first[spacing > 1 :]]
            for wide_apart in (s for s in SPACINGS[1:] if s <= spacing):
                between = QUARTERS[1], CHECKERBOARD[1]
                begin = QUARTERS[:1] if wide_apart == spacing else ()
                stages = [Pass(lo, hi, lattice, wide_apart) for lattice in (*begin, *between)] + stages
        passes += stages
        units += [wide] * len(stages)
        updated = hi < bounds[-1] and hi not in joined
        update = (Layer(3, features, leaky=True),) * update_depth if updated else ()
        updates += [*[()] * (len(stages) - 1), update]
    start: tuple[Layer, ...] = ()
    if side:
        start = Layer(1, 64, leaky=True), Layer(1, (side // block) ** 2 * features, leaky=True)
    return Description(
        tile=(side, side) if side else None,
        channels=channels,
        block=block,
        vector=vector,
        features=features,
        cues=cues,
        passes=tuple(passes),
        vector_layers=start,
        pass_layers=tuple(
            (Layer(3, wide, leaky=True), Layer(1, wide, leaky=True), Layer(1, 2 * (p.hi - p.lo)))
            for p, wide in zip(passes, units, strict=True)
        ),
        update_layers=tuple(updates),
        correction_layers=(*(Layer(3, features, leaky=True),) * correction_depth, Layer(1, bounds[-1])),
    )


def remainder(*, channels: int, first: int, width: int) -> Remainder:
    """A remainder over 2x2 blocks: their first pixel in four passes, then one pass each for the one diagonal to it and
    the two between. ``first``: units of the layer that looks at neighbours, ``width``: of the two that follow.
    """
    colours = (1, 0, 2) if channels == 3 else (0,)  # green first: it says most about the others
    order, passes = [], []
    for number, pixel in enumerate((0, 3, 1, 2)):
        order += [pixel * channels + colour for colour in colours]
        lattices = QUARTERS if number == 0 else (tuple(sorted(place for part in QUARTERS for place in part)),)
        passes += [Pass(number * channels, (number + 1) * channels, lattice) for lattice in lattices]
    layers = (
        Layer(3, first, leaky=True),
        Layer(1, width, leaky=True),
        Layer(1, width, leaky=True, add=1),
        Layer(1, 2 * channels + pairs(channels)),
    )
    return Remainder(block=2, cues=1, order=tuple(order), passes=tuple(passes), pass_layers=(layers,) * len(passes))


GRAY_28: dict[str, Any] = {"side": 28, "channels": 1, "vector": 16, "groups": (0, 4), "features": 32, "width": 32}
COLOUR_32: dict[str, Any] = {
    "side": 32,
    "channels": 3,
    "vector": 24,
    "groups": (0, 3, 6, 11, 18, 30),
    "joined": (3, 11, 30),
    "features": 48,
    "width": (96, 96, 64, 64, 64, 64),
}
COLOUR_ANY: dict[str, Any] = {
    "side": None,
    "channels": 3,
    "block": 8,
    "groups": (0, 3, 9, 24, 64),
    "joined": (64,),
    "features": 64,
    "width": (96, 80, 80, 80, 80),
    "spacing": 4,
}
GRAY = ladder(**GRAY_28)

GRAY_REMAINDER = remainder(channels=1, first=64, width=48)
COLOUR_REMAINDER = remainder(channels=3, first=96, width=64)

PRESETS = {
    "mnist": Preset(GRAY, "handwritten digits, 28x28 gray", "none", 100000, GRAY_REMAINDER, tiles=28, larger=1),
    "alphabet": Preset(
        GRAY, "handwritten capital letters, 28x28 gray", "pen", 100000, GRAY_REMAINDER, tiles=28, larger=1
    ),
    "cifar": Preset(
        ladder(**COLOUR_32), "small colour pictures; any colour or gray picture", "colour", 50000, COLOUR_REMAINDER
    ),
    "photo": Preset(
        ladder(**COLOUR_ANY),
        "photographs of any size",
        "photograph",
        50000,
        COLOUR_REMAINDER,
        tiles=4,
        larger=0,
        crop=128,
    ),
}
