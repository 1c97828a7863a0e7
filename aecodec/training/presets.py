"""Shapes of models that are known to train well, and the defaults with which each is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aecodec.encoding import shares
from aecodec.models.description import (
    CHECKERBOARD,
    QUARTERS,
    SPACINGS,
    Description,
    Finish,
    Lattice,
    Layer,
    Lossless,
    Pass,
)

CUES = 4  # constant planes that tell the quality
VECTOR_UNITS = 64  # of the hidden layer between the vector and the first features


@dataclass(frozen=True)
class Preset:
    """A shape and its training defaults.

    ``purpose``: the description of the model in ``aec models``. ``tiles``, ``larger``: tiles, and pictures of 2x2
    tiles, in a batch. ``crop``: side in pixels of the crops that take the place of tiles if the shape has none.
    ``shares``: as `aecodec.encoding.shares` has them, of the bits that count in rounding.
    """

    description: Description
    purpose: str
    augmentation: str
    steps: int
    lossless: Lossless
    lossless_steps: int = 20000
    lossless_augmentation: str = "none"
    finish: Finish | None = None
    finish_steps: int = 10000
    tiles: int = 24
    larger: int = 2
    learning_rate: float = 2e-3
    crop: int = 0
    shares: tuple[tuple[float, float], ...] = shares.USUAL

    @property
    def tile(self) -> tuple[int, int]:
        """(height, width) in pixels of a batch's tiles, or of its crops if the shape has no tiles."""
        return self.description.tile or (self.crop, self.crop)


@dataclass(frozen=True)
class LadderShape:
    """A ladder over blocks, given by the few numbers in which shapes differ.

    ``side``: pixels of a square tile with a vector of ``vector`` elements, or ``None`` for pictures of any size.
    ``groups``: channel numbers at which the groups of coefficients begin. The first group, which takes most of the
    bits, is decoded in the passes ``first``, each of the others in two. With a ``spacing`` above 1, the first group
    begins with blocks that many rows and columns apart; those in between follow. An update of ``update_depth`` layers
    computes new features after each group, except the last and those that end at a channel in ``joined``. The
    correction has ``correction_depth`` layers, or one and ``correction_blocks`` residual ones, before its output.
    ``width``: units of a pass, for all groups or group by group. ``ahead``: the quality offsets of the first passes.
    """

    side: int | None
    channels: int
    groups: tuple[int, ...]
    features: int
    width: int | tuple[int, ...]
    vector: int = 0
    block: int = 4
    joined: tuple[int, ...] = ()
    first: tuple[Lattice, ...] = QUARTERS
    spacing: int = 1
    update_depth: int = 2
    correction_depth: int = 3
    correction_blocks: int = 0
    ahead: tuple[tuple[int, ...], ...] = ()

    def description(self) -> Description:
        """Return the complete shape, pass by pass and layer by layer."""
        passes: list[Pass] = []
        pass_layers: list[tuple[Layer, ...]] = []
        update_layers: list[tuple[Layer, ...]] = []
        last = self.block * self.block * self.channels
        widths = self.width if isinstance(self.width, tuple) else (self.width,) * len(self.groups)
        for lo, hi, width in zip(self.groups, [*self.groups[1:], last], widths, strict=True):
            stages = self._first_passes(hi) if lo == 0 else [Pass(lo, hi, lattice) for lattice in CHECKERBOARD]
            layers = Layer(3, width, leaky=True), Layer(1, width, leaky=True), Layer(1, 2 * (hi - lo))
            updated = hi < last and hi not in self.joined
            passes += stages
            pass_layers += [layers] * len(stages)
            update_layers += [()] * (len(stages) - 1)
            update_layers.append(self._feature_layers(self.update_depth) if updated else ())
        for index, offsets in enumerate(self.ahead):
            passes[index] = replace(passes[index], quality_offset=offsets)
        vector_layers: tuple[Layer, ...] = ()
        if self.side:
            blocks = (self.side // self.block) ** 2
            vector_layers = Layer(1, VECTOR_UNITS, leaky=True), Layer(1, blocks * self.features, leaky=True)
        return Description(
            tile=(self.side, self.side) if self.side else None,
            channels=self.channels,
            block=self.block,
            vector=self.vector,
            features=self.features,
            cues=CUES,
            passes=tuple(passes),
            vector_layers=vector_layers,
            pass_layers=tuple(pass_layers),
            update_layers=tuple(update_layers),
            correction_layers=(*self._correction_layers(), Layer(1, last)),
        )

    def _feature_layers(self, depth: int) -> tuple[Layer, ...]:
        return (Layer(3, self.features, leaky=True),) * depth

    def _correction_layers(self) -> tuple[Layer, ...]:
        if not self.correction_blocks:
            return self._feature_layers(self.correction_depth)
        layers = list(self._feature_layers(1))
        for _ in range(self.correction_blocks):
            into = len(layers) - 1
            layers += [*self._feature_layers(1), Layer(1, self.features, leaky=True, add=into)]
        return tuple(layers)

    def _first_passes(self, hi: int) -> list[Pass]:
        """Passes of the first group, from the widest spacing to all blocks."""
        stages: list[Pass] = []
        for spacing in sorted((s for s in SPACINGS[1:] if s <= self.spacing), reverse=True):
            begin = QUARTERS[:1] if spacing == self.spacing else ()
            stages += [Pass(0, hi, lattice, spacing) for lattice in (*begin, QUARTERS[1], CHECKERBOARD[1])]
        # With a spacing, the first lattice is what the spaced passes have decoded.
        return stages + [Pass(0, hi, lattice) for lattice in self.first[self.spacing > 1 :]]


def lossless(*, channels: int, first: int, width: int, head: int = 32, reach: int = 3) -> Lossless:
    """Return a lossless stage.

    ``first``: units of the layer that sees neighbours; ``width``: of the two layers that follow; ``head``: of the
    hidden layer of each channel.
    """
    trunk = Layer(1, first, leaky=True), Layer(1, width, leaky=True), Layer(1, width, leaky=True, add=1)
    return Lossless(
        order=(1, 0, 2) if channels == 3 else (0,),  # green first: it says most about the others
        reach=reach,
        linear_reach=2,
        trunk=trunk,
        heads=tuple((Layer(1, head, leaky=True), Layer(1, 2 + channel)) for channel in range(channels)),
    )


GRAY_28 = LadderShape(
    side=28,
    channels=1,
    vector=16,
    groups=(0, 4, 8),
    joined=(4, 8),
    features=40,
    width=(96, 64, 48),
    correction_blocks=2,
)
COLOUR_32 = LadderShape(
    side=32,
    channels=3,
    vector=24,
    groups=(0, 3, 6, 11, 18, 30),
    joined=(3, 11, 30),
    features=64,
    width=(128, 96, 64, 64, 64, 64),
)
COLOUR_ANY = LadderShape(
    side=None,
    channels=3,
    block=8,
    groups=(0, 3, 9, 24, 64),
    joined=(64,),
    features=112,
    width=(160, 128, 112, 96, 96),
    spacing=8,
    ahead=((8, 20, 20), (4, 16, 16), (4, 16, 16), (0, 8, 8), (0, 8, 8)),  # of the means: luma, then colour
)


def finish(*, channels: int, width: int, cell: int = 2, places: int = 6) -> Finish:
    """Return a finishing network of three layers; ``width``: units of the first two."""
    layers = Layer(3, width, leaky=True), Layer(3, width, leaky=True), Layer(3, cell * cell * channels)
    return Finish(cell, places, layers)


GRAY = GRAY_28.description()

GRAY_LOSSLESS = lossless(channels=1, first=192, width=96, head=48, reach=4)
COLOUR_LOSSLESS = lossless(channels=3, first=192, width=96)

# Worth 0.7 % of the bytes of photographs at equal PSNR and 4 % at equal MS-SSIM beside the usual ones; digits and small
# pictures lose 0.4 to 2 % by such low shares.
PHOTO_SHARES = (0.0, 0.2), (0.47, 0.2), (0.75, 1.0)

PRESETS = {
    "mnist": Preset(
        GRAY,
        "handwritten digits, 28x28 gray",
        "scan",
        100000,
        GRAY_LOSSLESS,
        tiles=28,
        larger=1,
        finish=finish(channels=1, width=16),
    ),
    "alphabet": Preset(
        GRAY,
        "handwritten capital letters, 28x28 gray",
        "pen",
        100000,
        GRAY_LOSSLESS,
        tiles=28,
        larger=1,
        finish=finish(channels=1, width=16),
    ),
    "cifar": Preset(
        COLOUR_32.description(),
        "small colour pictures; any colour or gray picture",
        "colour",
        50000,
        COLOUR_LOSSLESS,
        lossless_augmentation="colour",
        finish=finish(channels=3, width=40),
    ),
    "photo": Preset(
        COLOUR_ANY.description(),
        "photographs of any size",
        "photograph",
        60000,
        COLOUR_LOSSLESS,
        lossless_augmentation="scale",
        tiles=4,
        larger=0,
        crop=128,
        shares=PHOTO_SHARES,
        finish=finish(channels=3, width=40),
    ),
}
