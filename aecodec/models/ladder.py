"""The ladder: a latent is coded pass by pass, and each element is predicted from what has been decoded so far.

Encoder and decoder walk it with the same function. They differ only in `code`, which receives the mean, the class and
the step of every element of a pass and returns the residuals: the encoder chooses them, the decoder reads them.
All arithmetic is exact: integers held in float32, or in int32 where products need more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from aecodec.engines import Engine, Tensor
from aecodec.engines.network import Network
from aecodec.models import vector_drawing
from aecodec.models.description import ACTIVATION_LIMIT, COEFFICIENT_LIMIT, Pass, seen
from aecodec.models.model import Model
from aecodec.packing.tables import CLASSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

Integers: TypeAlias = "NDArray[np.int32]"
SATURATING = 2 * COEFFICIENT_LIMIT + 1
VECTOR = -1  # the number of the pass that codes the tile vector


class ResidualCoder(Protocol):
    """The encoder's or the decoder's side of a walk."""

    def __call__(self, index: int, mean: Integers, classes: NDArray[np.uint8], step: Integers) -> Integers:
        """The residuals (N, E) of pass `index`, given means (N, E), classes (N, E) in 0..63 and steps (N or 1, E)."""


class Decode(Protocol):
    """How a pass turns the output of its network into elements."""

    def __call__(self, index: int, where: NDArray[np.intp], output: Integers) -> tuple[Integers, Tensor]:
        """(elements, context values), both (N, P, channels of the pass), of pass `index` at the blocks `where` (P,).

        output: (N, P, units) of the network of the pass.
        """


@dataclass(frozen=True)
class Latent:
    """A decoded latent: the plane (N, rows, columns, coefficients), and the context for the correction network."""

    plane: Tensor
    context: Tensor


@lru_cache(maxsize=64)
def positions(stage: Pass, rows: int, columns: int) -> NDArray[np.intp]:
    """Raster indices of the blocks that a pass decodes, in increasing order."""
    y, x = np.divmod(np.arange(rows * columns), columns)
    chosen = np.zeros(rows * columns, bool)
    for py, px in stage.lattice:
        chosen |= (y % (2 * stage.spacing) == py * stage.spacing) & (x % (2 * stage.spacing) == px * stage.spacing)
    return np.flatnonzero(chosen)


def positions_spaced(stage: Pass, rows: int, columns: int) -> NDArray[np.intp]:
    """The same blocks as raster indices in the grid of every `spacing`-th row and column."""
    y, x = np.divmod(positions(stage, rows, columns), columns)
    spaced: NDArray[np.intp] = y // stage.spacing * -(-columns // stage.spacing) + x // stage.spacing
    return spaced


def vectors(model: Model, rows: int, columns: int) -> tuple[int, int]:
    """Tiles (down, across) in a picture of rows x columns blocks, each of which has a vector."""
    d = model.description
    if d.tile is None:
        return 1, 1
    return rows * d.block // d.tile[0], columns * d.block // d.tile[1]


def elements(model: Model, rows: int, columns: int) -> int:
    """The number of elements of a picture of rows x columns blocks."""
    down, across = vectors(model, rows, columns)
    return down * across * model.description.vector + rows * columns * model.description.coefficients


def walk(
    model: Model, engine: Engine, quality: NDArray[np.intp], rows: int, columns: int, code: ResidualCoder
) -> Latent:
    """Code N pictures of rows x columns blocks (whole tiles), each at its quality (N,) in 1..100, with `code`."""
    d, n = model.description, len(quality)
    step = model.step[quality - 1].astype(np.int32)
    offset = model.offset[quality - 1].astype(np.int32)
    cue = model.cue[quality - 1]
    first = d.features + d.cues
    grid = np.zeros((n, rows, columns, d.context), np.float32)
    grid[..., d.features : first] = cue[:, None, None, :]
    if d.vector:
        down, across = vectors(model, rows, columns)
        kinds = slice(0, d.vector)
        classes = np.clip(model.vector_class + offset[:, kinds], 0, CLASSES - 1).astype(np.uint8)
        steps = np.tile(step[:, kinds], down * across)
        mean: Integers = np.zeros(steps.shape, np.int32)
        vector = decoded(mean, code(VECTOR, mean, np.tile(classes, down * across), steps), steps)
        known = activation(vector.reshape(n, -1, d.vector), model.context_scale[kinds])
        known = np.concatenate([known, np.repeat(cue[:, None, :], down * across, axis=1)], axis=2)
        if d.vector_layers:
            made = engine.run(model.vector_network, known[:, None])
        else:  # without layers, each block has the vector itself as features
            made = np.repeat(known[..., : d.features], rows // down * (columns // across), axis=1)
        made = made.reshape(n, down, across, rows // down, columns // across, d.features)
        grid[..., : d.features] = made.swapaxes(2, 3).reshape(n, rows, columns, d.features)

    def decode(index: int, where: NDArray[np.intp], output: Integers) -> tuple[Integers, Tensor]:
        stage = d.passes[index]
        count = stage.hi - stage.lo
        kinds = slice(d.vector + stage.lo, d.vector + stage.hi)
        classes = np.clip(output[..., count:] + offset[:, None, kinds], 0, CLASSES - 1).astype(np.uint8)
        mean = output[..., :count].reshape(n, -1)
        steps = np.broadcast_to(step[:, None, kinds], output[..., :count].shape).reshape(n, -1)
        residual = code(index, mean, classes.reshape(n, -1), steps)
        values = decoded(mean, residual, steps).reshape(n, where.size, count)
        return values, activation(values, model.context_scale[kinds])

    stages = Stages(d.passes, model.pass_networks, model.update_networks, d.unseen(0))
    plane = climb(stages, engine, grid, first, decode)
    return Latent(plane.reshape(n, rows, columns, d.coefficients), grid)


@dataclass(frozen=True)
class Stages:
    """The passes of a ladder with their networks, and the update after each pass that has one.

    unseen: the number of first channels of the context that no network sees before the first update.
    """

    passes: Sequence[Pass]
    networks: Sequence[Network]
    updates: Sequence[Network | None]
    unseen: int = 0


def climb(stages: Stages, engine: Engine, grid: Tensor, first: int, decode: Decode) -> Tensor:
    """Decode pass after pass, and return the plane (N, rows * columns, channels).

    grid: the context (N, rows, columns, first + channels), of which ``first`` channels are given and the others zero;
    it is completed, and its first channels are replaced by the outputs of the updates.
    """
    unseen = stages.unseen
    n, rows, columns, _ = grid.shape
    context = grid.reshape(n, rows * columns, -1)
    plane = np.zeros((n, rows * columns, context.shape[2] - first), np.float32)
    for index, (stage, network, update) in enumerate(zip(stages.passes, stages.networks, stages.updates, strict=True)):
        where = positions(stage, rows, columns)
        near = grid[:, :: stage.spacing, :: stage.spacing, unseen : first + seen(stages.passes, index)]
        output = engine.run(network, near, positions_spaced(stage, rows, columns)).astype(np.int32)
        values, known = decode(index, where, output)
        plane[:, where, stage.lo : stage.hi] = values
        context[:, where, first + stage.lo : first + stage.hi] = known
        if update:
            context[..., : update.layers[-1].units] = engine.run(update, grid[..., unseen : first + stage.hi])
            unseen = 0
    return plane


def decoded(mean: Integers, residual: Integers, step: Integers) -> Integers:
    """clamp(mean + residual * step) to +-COEFFICIENT_LIMIT.

    A residual beyond +-65535 leaves that range for any mean, so it can be clamped first; then int32 holds
    everything: 65535 * 32767 + 32767 < 2**31.
    """
    value = np.clip(residual, -SATURATING, SATURATING) * step
    value += mean
    return np.clip(value, -COEFFICIENT_LIMIT, COEFFICIENT_LIMIT, out=value)


def activation(values: Integers, scale: NDArray[np.float32]) -> Tensor:
    """Elements as context values: times a power of two, rounded half up, clamped. Exact, as |values| < 2**15."""
    scaled = values.astype(np.float32) * scale
    clamped: Tensor = np.clip(np.floor(scaled + np.float32(0.5)), -ACTIVATION_LIMIT, ACTIVATION_LIMIT)
    return clamped


def correct(model: Model, engine: Engine, latent: Latent) -> Tensor:
    """The output of the correction network, which is added to the plane: (N, rows, columns, coefficients)."""
    if not model.description.correction_layers:
        return np.zeros_like(latent.plane)
    return engine.run(model.correction_network, latent.context).reshape(latent.plane.shape)


def synthesize(model: Model, engine: Engine, latent: Latent, correction: Tensor | None = None) -> NDArray[np.uint8]:
    """The pixels (N, H, W, C) of a latent, by the correction and the inverse block transform."""
    d = model.description
    n, rows, columns, _ = latent.plane.shape
    if d.synthesis_layers:
        return vector_drawing.draw(model, engine, latent.context)
    correction = correct(model, engine, latent) if correction is None else correction
    samples = engine.run(model.synthesis, latent.plane + correction)
    pixels = np.clip(samples, 0, 255).astype(np.uint8)
    blocks = pixels.reshape(n, rows, columns, d.block, d.block, d.channels)
    return blocks.swapaxes(2, 3).reshape(n, rows * d.block, columns * d.block, d.channels)


def margin(model: Model) -> int:
    """How many blocks the correction network looks in each direction."""
    return sum(layer.kernel // 2 for layer in model.description.correction_layers)


def block_means(model: Model, engine: Engine, latent: Latent) -> NDArray[np.uint8]:
    """The mean of every block (N, rows, columns, C), rounded half up, without the correction: a cheap thumbnail."""
    d = model.description
    n, rows, columns, _ = latent.plane.shape
    pixels = synthesize(model, engine, latent, np.zeros_like(latent.plane))
    sums = pixels.reshape(n, rows, d.block, columns, d.block, d.channels).sum(axis=(2, 4), dtype=np.int64)
    means: NDArray[np.uint8] = ((sums + d.block**2 // 2) // d.block**2).astype(np.uint8)
    return means
