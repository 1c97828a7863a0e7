"""The description of a model: the shape of its ladder, as plain data.

A description defines the elements that a picture is coded as, the passes that code them, and the width of the networks.
It is stored as JSON in the model file; all code that runs a model reads it, and none depends on a model's name.

Elements are of two kinds. The *vector* is a few numbers for a whole tile. The *plane* holds, for every block of the
picture, the coefficients of a linear block transform. A pass decodes the channels ``lo..hi`` of the plane at the
positions of one ``lattice``, which are then context for every later pass. *Features* are computed by networks from
everything decoded so far: the vector gives each block its first features, updates between passes replace them.

A model may also have no plane, only the vector: then the layers of its *synthesis* lead from the vector to the pixels
of the tile, like the decoder of an autoencoder.

A finishing network may adjust the samples that the inverse transform gives, across the edges of blocks.

A model may have a second stage, *lossless*, which codes the samples of a picture instead of its elements.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, TypeAlias

from aecodec.engines.arithmetic import ACTIVATION_LIMIT as ACTIVATION_LIMIT
from aecodec.engines.arithmetic import COEFFICIENT_LIMIT as COEFFICIENT_LIMIT

ACTIVATION_BITS = 6  # an activation of 64 stands for 1.0
COEFFICIENT_BITS = 2  # elements are counted in quarters of a gray level
CLASSES_PER_OCTAVE = 5  # a scale twice as large is five classes up
CLASS_OF_ONE = 17  # the class whose standard deviation is one step
CLASS_LIMIT = 255  # largest magnitude of a class before the quality's offset is added
QUALITIES = 100
SAMPLE_BITS = 2  # fraction bits of the samples that a finishing network sees and adjusts
SHARE_LIMIT = 255  # in the lossless stage, of the share of a channel's error that is added to another; 64 is all of it
ERRORS = 256  # largest errors 0..255 that a file of the lossless stage may leave
ERROR_NEIGHBOURS, EDGES, SITUATION = 6, 3, 2  # inputs of the lossless stage beside its window, see `models.causal`
MOST_REACH = 4
LEAK = 8  # what a leaky layer of a network divides negative outputs by
LEAKS = {"leaky5": 5, "leaky8": 8}  # what a synthesis layer does, by its activation
ACTIVATIONS = ("none", "relu", *LEAKS)

Offset: TypeAlias = tuple[int, int]
Lattice: TypeAlias = tuple[tuple[int, int], ...]  # (y, x) modulo two
CHECKERBOARD: tuple[Lattice, ...] = (((0, 0), (1, 1)), ((0, 1), (1, 0)))
SPACINGS = (1, 2, 4, 8)
QUARTERS: tuple[Lattice, ...] = (((0, 0),), ((1, 1),), ((0, 1),), ((1, 0),))


@dataclass(frozen=True)
class Pass:
    """One step of the ladder: channels ``lo..hi-1`` at the positions (y, x) whose (y % 2, x % 2) is in ``lattice``.

    A ``spacing`` of 2, 4 or 8 reduces the grid to every second, fourth or eighth row and column: the positions are
    among these, and neighbours are that many blocks apart. So the first passes can code few blocks.

    ``quality_offset``: by channel, how many qualities ahead of the picture's its steps are, within 1..100; all 0 if
    empty. So the blocks from which many others are predicted can have finer steps.
    """

    lo: int
    hi: int
    lattice: Lattice
    spacing: int = 1
    quality_offset: tuple[int, ...] = ()

    @property
    def share(self) -> float:
        """The fraction of all positions that the pass decodes."""
        return len(self.lattice) / (2 * self.spacing) ** 2

    @property
    def places(self) -> set[tuple[int, int]]:
        """Its positions, modulo twice the largest spacing."""
        period, s = 2 * SPACINGS[-1], self.spacing
        cells = [(y, x) for y in range(0, period, 2 * s) for x in range(0, period, 2 * s)]
        return {(y + s * py, x + s * px) for y, x in cells for py, px in self.lattice}


@dataclass(frozen=True)
class Layer:
    """One exact layer: ``kernel`` x ``kernel`` convolution, optional sum with layer ``add``, optional leaky ReLU."""

    kernel: int
    units: int
    leaky: bool = False
    add: int | None = None


@dataclass(frozen=True)
class SynthesisLayer:
    """One exact layer between a tile's vector and its pixels.

    A ``kernel`` x ``kernel`` convolution, one of ACTIVATIONS, depth to space by ``grow`` in both directions, and
    ``crop`` rows and columns cut off each side.
    """

    kernel: int
    units: int
    activation: str = "none"
    grow: int = 1
    crop: int = 0

    @property
    def channels(self) -> int:
        """Channels after depth to space."""
        return self.units // self.grow**2

    def side(self, side: int) -> int:
        """Height or width of the output for an input of that height or width."""
        return side * self.grow - 2 * self.crop


@dataclass(frozen=True)
class Finish:
    """The shape of the finishing network, which runs on cells of ``cell`` x ``cell`` pixels.

    ``places``: constant planes that tell a cell its place in its block.
    """

    cell: int
    places: int
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class Lossless:
    """The shape of the stage that codes every sample of a picture, `aecodec.models.causal`.

    ``order``: the channels in the order of coding. ``reach``: how far the window of a pixel's neighbours reaches
    upwards and to both sides; ``linear_reach``: the same for the linear prediction. ``trunk``: the layers of the
    network that sees a pixel's neighbours. ``heads``: those of the network of each channel, which sees the trunk's
    outputs and the channels before it.
    """

    order: tuple[int, ...]
    reach: int
    linear_reach: int
    trunk: tuple[Layer, ...]
    heads: tuple[tuple[Layer, ...], ...]

    @cached_property
    def window(self) -> tuple[Offset, ...]:
        """The neighbours (rows down, columns to the right) that are decoded before a pixel, row by row upwards."""
        return window(self.reach)

    @cached_property
    def linear_window(self) -> tuple[Offset, ...]:
        """Those that the linear prediction uses."""
        return window(self.linear_reach)

    def inputs(self, d: Description) -> int:
        """Inputs of the trunk."""
        return (len(self.window) + ERROR_NEIGHBOURS + 1) * d.channels + EDGES + SITUATION + (2 if d.tile else 0)

    def weights(self, d: Description) -> tuple[int, int]:
        """The shape of the linear prediction's weights."""
        return (len(self.linear_window) + 1) * d.channels, d.channels

    def multiply_adds(self, d: Description) -> int:
        """Of a pixel, in the networks and the linear prediction."""
        rows, columns = self.weights(d)
        count, inputs = rows * columns, self.inputs(d)
        for layer in self.trunk:
            count, inputs = count + inputs * layer.units, layer.units
        for channel, layers in enumerate(self.heads):
            inputs = self.trunk[-1].units + 1 + 2 * channel
            for layer in layers:
                count, inputs = count + inputs * layer.units, layer.units
        return count


def window(reach: int) -> tuple[Offset, ...]:
    """The neighbours of a pixel within a reach that are decoded in earlier steps."""
    row = [(0, -x) for x in range(1, reach + 1)]
    rows = [(-y, x) for y in range(1, reach + 1) for x in range(-reach, min(reach, 2 * y - 1) + 1)]
    return (*row, *rows)


def seen(passes: Sequence[Pass], index: int) -> int:
    """Channels that pass ``index`` sees: its own only if an earlier pass has decoded some of them."""
    stage = passes[index]
    return stage.hi if index and passes[index - 1].lo == stage.lo else stage.lo


@dataclass(frozen=True)
class Description:
    """The shape of a model.

    ``tile``: (height, width) in pixels, or ``None`` for a model that covers a picture of any size in one grid.
    ``channels``: 1 (gray) or 3 (RGB). ``block``: side of a block in pixels. ``vector``: numbers in the tile vector.
    ``features``: channels of the features of a block. ``cues``: constant planes that convey the quality.
    ``update_layers``: for each pass the network that replaces the features after it, or no layers.
    ``synthesis_layers``: in a model without passes, the layers from the vector to pixels; otherwise none.
    ``finish``: in a model with passes, the finishing network, if any.
    """

    tile: tuple[int, int] | None
    channels: int
    block: int
    vector: int
    features: int
    cues: int
    passes: tuple[Pass, ...]
    vector_layers: tuple[Layer, ...]
    pass_layers: tuple[tuple[Layer, ...], ...]
    update_layers: tuple[tuple[Layer, ...], ...]
    correction_layers: tuple[Layer, ...]
    synthesis_layers: tuple[SynthesisLayer, ...] = ()
    finish: Finish | None = None
    lossless: Lossless | None = None

    @classmethod
    def without_plane(
        cls,
        *,
        tile: tuple[int, int],
        channels: int,
        block: int,
        vector: int,
        synthesis_layers: tuple[SynthesisLayer, ...],
        lossless: Lossless | None = None,
    ) -> Description:
        """The shape of a model whose synthesis layers lead from the vector to the pixels of a tile."""
        return cls(
            tile=tile,
            channels=channels,
            block=block,
            vector=vector,
            features=vector,
            cues=0,
            passes=(),
            vector_layers=(),
            pass_layers=(),
            update_layers=(),
            correction_layers=(),
            synthesis_layers=synthesis_layers,
            lossless=lossless,
        )

    @property
    def coefficients(self) -> int:
        """The number of plane elements of one block; 0 in a model that has only the vector."""
        return self.block * self.block * self.channels if self.passes else 0

    @property
    def unit(self) -> tuple[int, int]:
        """(height, width) in pixels of the units that a canvas consists of: tiles, or blocks if there is no tile."""
        return self.tile or (self.block, self.block)

    @property
    def kinds(self) -> int:
        """Element kinds, each with its own step: the vector's elements, then the plane's channels."""
        return self.vector + self.coefficients

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Blocks (rows, columns) of a picture of ``height`` x ``width`` pixels, grown to whole units."""
        down, across = self.unit
        return -(-height // down) * down // self.block, -(-width // across) * across // self.block

    @property
    def context(self) -> int:
        """The number of channels of the context."""
        return self.features + self.cues + self.coefficients

    def unseen(self, index: int) -> int:
        """The number of first channels that the networks of pass ``index`` do not see: features not computed yet."""
        return 0 if self.vector or any(self.update_layers[:index]) else self.features

    def inputs(self, index: int, hi: int) -> int:
        """Channels that a network of pass ``index`` or behind it sees, with the plane up to ``hi``."""
        return self.features + self.cues + hi - self.unseen(index)

    def seen(self, index: int) -> int:
        """Channels of the plane that pass ``index`` sees."""
        return seen(self.passes, index)

    def to_json(self) -> str:
        """The canonical JSON text, which is part of the model's id."""
        raw = asdict(self)
        for stage in raw["passes"]:
            if stage["spacing"] == 1:
                del stage["spacing"]
            if not stage["quality_offset"]:
                del stage["quality_offset"]
        if not self.synthesis_layers:
            del raw["synthesis_layers"]
        for name in ("finish", "lossless"):
            if raw[name] is None:
                del raw[name]
        return json.dumps(raw, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Description:
        """Parse JSON text. Raises ``ValueError``, ``KeyError`` or ``TypeError`` if it does not describe a model."""
        raw: dict[str, Any] = json.loads(text)
        return cls(
            tile=None if raw["tile"] is None else (raw["tile"][0], raw["tile"][1]),
            channels=raw["channels"],
            block=raw["block"],
            vector=raw["vector"],
            features=raw["features"],
            cues=raw["cues"],
            passes=_passes(raw["passes"]),
            vector_layers=_layers(raw["vector_layers"]),
            pass_layers=tuple(_layers(items) for items in raw["pass_layers"]),
            update_layers=tuple(_layers(items) for items in raw["update_layers"]),
            correction_layers=_layers(raw["correction_layers"]),
            synthesis_layers=tuple(SynthesisLayer(**item) for item in raw.get("synthesis_layers", [])),
            finish=_finish(raw["finish"]) if "finish" in raw else None,
            lossless=_lossless(raw["lossless"]) if "lossless" in raw else None,
        )


def _finish(raw: dict[str, Any]) -> Finish:
    return Finish(raw["cell"], raw["places"], _layers(raw["layers"]))


def _lossless(raw: dict[str, Any]) -> Lossless:
    return Lossless(
        order=tuple(raw["order"]),
        reach=raw["reach"],
        linear_reach=raw["linear_reach"],
        trunk=_layers(raw["trunk"]),
        heads=tuple(_layers(items) for items in raw["heads"]),
    )


def _passes(items: list[dict[str, Any]]) -> tuple[Pass, ...]:
    return tuple(
        Pass(
            p["lo"],
            p["hi"],
            tuple((y, x) for y, x in p["lattice"]),
            p.get("spacing", 1),
            tuple(p.get("quality_offset", ())),
        )
        for p in items
    )


def _layers(items: list[dict[str, Any]]) -> tuple[Layer, ...]:
    return tuple(Layer(**item) for item in items)


def step_of_quality(quality: int) -> float:
    """Nominal quantization step in gray levels: 320 at quality 1, 5 at quality 100, six octaves between."""
    return float(5.0 * 2.0 ** (6.0 * (QUALITIES - quality) / (QUALITIES - 1)))


def lambda_of_quality(quality: int) -> float:
    """The price of one unit of squared error in bits: ``6 / (ln 2 * step**2)``, the slope at high rate."""
    return 6.0 / (0.6931471805599453 * step_of_quality(quality) ** 2)
