"""The ladder: a latent is coded pass by pass, and each element is predicted from what has been decoded so far.

Encoder and decoder walk it with the same function. They differ only in `code`, which receives the mean, the class and
the step of every element of a pass and returns the residuals: the encoder chooses them, the decoder reads them.
All arithmetic is exact: integers, in the type in which the engine holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from aecodec.engines import Engine, Tensor
from aecodec.engines.arithmetic import activation, decoded
from aecodec.engines.network import Network
from aecodec.models import finishing, vector_drawing
from aecodec.models.description import QUALITIES, Pass, seen
from aecodec.models.model import Model
from aecodec.packing.tables import CLASSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

Integers: TypeAlias = "NDArray[np.int32]"
VECTOR = -1  # the number of the pass that codes the tile vector


@dataclass(frozen=True)
class Prediction:
    """What is known of the elements of a pass before they are coded.

    ``index``: the pass, or VECTOR. ``mean``: (N, P, K), means of K channels at P blocks, or of the vectors of P tiles.
    ``classes``: (N, P, K) in 0..63. ``step``: (N, K).
    """

    index: int
    mean: NDArray[Any]
    classes: NDArray[np.uint8]
    step: Integers


ResidualCoder: TypeAlias = "Callable[[Prediction], Integers]"
"""The encoder's or the decoder's side of a walk: returns the residuals (N, P, K) of a pass."""

Decode: TypeAlias = "Callable[[int, NDArray[np.intp], Tensor], None]"
"""Writes elements and context values of a pass: its index, the blocks (P,), and the output of its network."""


@dataclass(frozen=True)
class Latent:
    """A latent: the plane (N, rows, columns, coefficients), and the context (N, rows, columns, channels)."""

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


@lru_cache(maxsize=64)
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
    cue = model.cue[quality - 1].astype(engine.dtype)
    first = d.features + d.cues
    latent = Latent(
        np.zeros((n, rows, columns, d.coefficients), engine.dtype),
        np.zeros((n, rows, columns, d.context), engine.dtype),
    )
    latent.context[..., d.features : first] = cue[:, None, None, :]
    if d.vector:
        down, across = vectors(model, rows, columns)
        kinds = slice(0, d.vector)
        steps, offset = _scales(model, quality, kinds)
        mean: Integers = np.zeros((n, down * across, d.vector), np.int32)
        own = np.clip(model.vector_class + offset, 0, CLASSES - 1).astype(np.uint8)
        classes = np.repeat(own[:, None], down * across, axis=1)
        residual = code(Prediction(VECTOR, mean, classes, steps)).reshape(mean.shape)
        vector = decoded(mean, residual, steps[:, None])
        known = activation(vector, model.context_exponent[kinds])
        known = np.concatenate([known, np.repeat(cue[:, None, :], down * across, axis=1)], axis=2)
        if d.vector_layers:
            made = engine.run(model.vector_network, known[:, None].astype(engine.dtype))
        else:  # without layers, each block has the vector itself as features
            made = np.repeat(known[..., : d.features], rows // down * (columns // across), axis=1)
        made = made.reshape(n, down, across, rows // down, columns // across, d.features)
        latent.context[..., : d.features] = made.swapaxes(2, 3).reshape(n, rows, columns, d.features)
    plane = latent.plane.reshape(n, rows * columns, -1)
    context = latent.context.reshape(n, rows * columns, -1)

    def decode(index: int, where: NDArray[np.intp], output: Tensor) -> None:
        stage = d.passes[index]
        lo, hi = stage.lo, stage.hi
        kinds = slice(d.vector + lo, d.vector + hi)
        steps, offset = _scales(model, quality, kinds, stage.quality_offset)
        classes = engine.classes(output, hi - lo, offset)
        residual = code(Prediction(index, output[..., : hi - lo], classes, steps))
        scale = steps, model.context_exponent[kinds]
        engine.settle(output, residual, scale, where, (plane[..., lo:hi], context[..., first + lo : first + hi]))

    climb(Stages(d.passes, model.pass_networks, model.update_networks, d.unseen(0)), engine, latent, decode)
    return latent


def _scales(
    model: Model, quality: NDArray[np.intp], kinds: slice, quality_offset: Sequence[int] = ()
) -> tuple[Integers, Integers]:
    """Steps and class offsets (N, K) of a pass at qualities (N,)."""
    ahead = np.asarray(quality_offset or np.zeros(kinds.stop - kinds.start), np.intp)
    rows = np.clip(quality[:, None] + ahead, 1, QUALITIES) - 1
    columns = np.arange(kinds.start, kinds.stop)
    return model.step[rows, columns].astype(np.int32), model.offset[rows, columns].astype(np.int32)


@dataclass(frozen=True)
class Stages:
    """The passes of a ladder with their networks, and the update after each pass that has one.

    unseen: the number of first channels of the context that no network sees before the first update.
    """

    passes: Sequence[Pass]
    networks: Sequence[Network]
    updates: Sequence[Network | None]
    unseen: int = 0


def elements_of(prediction: Prediction, residual: Integers) -> Integers:
    """The elements (N, P, K) of a pass, from its residuals."""
    return decoded(prediction.mean.astype(np.int32), residual.reshape(prediction.mean.shape), prediction.step[:, None])


def climb(stages: Stages, engine: Engine, latent: Latent, decode: Decode) -> None:
    """Decode pass after pass.

    ``latent`` starts as zeros, except for the first channels of the context, those before the plane's; it is completed,
    and the first channels are replaced by the outputs of the updates.
    """
    unseen = stages.unseen
    _, rows, columns, channels = latent.context.shape
    first = channels - latent.plane.shape[3]
    for index, (stage, network, update) in enumerate(zip(stages.passes, stages.networks, stages.updates, strict=True)):
        spaced = latent.context[:, :: stage.spacing, :: stage.spacing]
        near = spaced[..., unseen : first + seen(stages.passes, index)]
        output = engine.run(network, near, positions_spaced(stage, rows, columns))
        decode(index, positions(stage, rows, columns), output)
        if update:
            made = engine.run(update, latent.context[..., unseen : first + stage.hi])
            latent.context[..., : made.shape[2]] = made.reshape(*latent.context.shape[:3], -1)
            unseen = 0


def correct(model: Model, engine: Engine, latent: Latent) -> Tensor:
    """The output of the correction network, which is added to the plane: (N, rows, columns, coefficients)."""
    if not model.description.correction_layers:
        return np.zeros_like(latent.plane)
    return engine.run(model.correction_network, latent.context).reshape(latent.plane.shape)


def synthesize(model: Model, engine: Engine, latent: Latent, correction: Tensor | None = None) -> NDArray[np.uint8]:
    """The pixels (N, H, W, C) of a latent, by correction, inverse block transform and finishing network."""
    d = model.description
    n, rows, columns, _ = latent.plane.shape
    if d.synthesis_layers:
        return vector_drawing.draw(model, engine, latent.context)
    correction = correct(model, engine, latent) if correction is None else correction
    if model.finish:
        cues = latent.context[:, 0, 0, d.features : d.features + d.cues]
        return finishing.finish(model, engine, fine_samples(model, engine, latent, correction), cues)
    return _unfinished(model, engine, latent, correction)


def fine_samples(model: Model, engine: Engine, latent: Latent, correction: Tensor) -> Tensor:
    """The samples (N, rows, columns, samples of a block), with fraction bits, that the finishing network adjusts."""
    assert model.finish is not None
    return engine.run(model.finish.synthesis, latent.plane, plus=correction).reshape(latent.plane.shape)


def _unfinished(model: Model, engine: Engine, latent: Latent, correction: Tensor) -> NDArray[np.uint8]:
    d = model.description
    n, rows, columns, _ = latent.plane.shape
    samples = engine.run(model.synthesis, latent.plane, plus=correction)
    return engine.pixels(samples.reshape(n, rows, columns, -1), d.block, d.channels)


def correction_margin(model: Model) -> int:
    """How many blocks the correction network looks in each direction."""
    return sum(layer.kernel // 2 for layer in model.description.correction_layers)


def margin(model: Model) -> int:
    """How many blocks around a block determine its pixels, in each direction."""
    return correction_margin(model) + finishing.margin(model)


def block_means(model: Model, engine: Engine, latent: Latent) -> NDArray[np.uint8]:
    """The mean of every block (N, rows, columns, C), rounded half up, uncorrected and unfinished: a cheap thumbnail."""
    d = model.description
    n, rows, columns, _ = latent.plane.shape
    if d.synthesis_layers:
        pixels = synthesize(model, engine, latent)
    else:
        pixels = _unfinished(model, engine, latent, np.zeros_like(latent.plane))
    sums = pixels.reshape(n, rows, d.block, columns, d.block, d.channels).sum(axis=(2, 4), dtype=np.int64)
    means: NDArray[np.uint8] = ((sums + d.block**2 // 2) // d.block**2).astype(np.uint8)
    return means
