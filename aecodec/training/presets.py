"""Shapes of models that are known to train well, and how each is trained by default."""

from __future__ import annotations

from dataclasses import dataclass

from aecodec.models.description import CHECKERBOARD, Description, Layer, Pass


@dataclass(frozen=True)
class Preset:
    """A shape and the training defaults that go with it. ``purpose`` is what ``aec models`` says of the model."""

    description: Description
    purpose: str
    augmentation: str
    steps: int
    exact_from: float
    batch_size: int = 32
    learning_rate: float = 2e-3


def ladder(
    *,
    side: int,
    channels: int,
    vector: int,
    groups: tuple[int, ...],
    features: int,
    pass_width: int,
    correction_width: int,
) -> Description:
    """A ladder over 4x4 blocks: ``groups`` are the channel numbers at which a new group of coefficients begins."""
    block, cues = 4, 4
    positions = (side // block) ** 2
    bounds = [*groups, block * block * channels]
    passes = tuple(
        Pass(lo, hi, lattice) for lo, hi in zip(bounds[:-1], bounds[1:], strict=True) for lattice in CHECKERBOARD
    )
    return Description(
        tile=(side, side),
        channels=channels,
        block=block,
        vector=vector,
        features=features,
        cues=cues,
        passes=passes,
        vector_layers=(Layer(1, 64, leaky=True), Layer(1, positions * features, leaky=True)),
        pass_layers=tuple(
            (Layer(3, pass_width, leaky=True), Layer(1, pass_width, leaky=True), Layer(1, 2 * (p.hi - p.lo)))
            for p in passes
        ),
        correction_layers=(
            Layer(3, correction_width, leaky=True),
            Layer(3, correction_width, leaky=True),
            Layer(1, correction_width, leaky=True, add=0),
            Layer(3, correction_width, leaky=True),
            Layer(1, correction_width, leaky=True, add=2),
            Layer(1, bounds[-1]),
        ),
    )


GRAY_28 = ladder(side=28, channels=1, vector=16, groups=(0, 4), features=32, pass_width=48, correction_width=40)
COLOUR_32 = ladder(side=32, channels=3, vector=24, groups=(0, 6, 18), features=32, pass_width=64, correction_width=48)

PRESETS = {
    "mnist": Preset(GRAY_28, "handwritten digits, 28x28 gray", "none", steps=50000, exact_from=0.6),
    "alphabet": Preset(GRAY_28, "handwritten capital letters, 28x28 gray", "pen", steps=40000, exact_from=0.4),
    "cifar": Preset(COLOUR_32, "small colour pictures; any colour or gray picture", "colour", 34000, exact_from=0.0),
}
