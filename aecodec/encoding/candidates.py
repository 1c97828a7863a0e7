"""Candidates: the ways in which a picture can be coded, and the cost of each, by which `auto` chooses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aecodec import engines
from aecodec.encoding.options import EncodeOptions
from aecodec.encoding.residual_search import Choice, MeasuredChoice, choose, choose_measured
from aecodec.engines.threads import in_threads
from aecodec.errors import UnsupportedImage
from aecodec.format import container
from aecodec.format.container import Header, Packing, Section
from aecodec.images import tile_grid
from aecodec.models import registry
from aecodec.models.description import lambda_of_quality
from aecodec.models.model import TYPICAL, Model
from aecodec.packing import ideal_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aecodec.images.source import Picture

# For trials: what is tuned for is not yet looked at, so that the costs of all models are of one kind.
FASTEST = EncodeOptions(effort=0)
TRIAL_QUALITY = 50  # candidates are compared at this one where the quality is not known yet
TRIAL_PARTS = 4  # parts of a large picture that a trial codes
TRIAL_SIDE = 128  # of a part, in pixels, rounded up to whole units
LEAST_PIXELS = 256  # the error of a smaller picture is scaled up to this: a wrong colour is worse than a few bytes


@dataclass(frozen=True)
class Candidate:
    """One way to code a picture: a model, and whether it is a colour model that codes a gray picture."""

    model: Model
    gray: bool


def candidates_for(shape: tuple[int, ...], name: str) -> list[Candidate]:
    """The candidates that a model's name, or "auto", allows for pictures of a shape (H, W) or (H, W, 3).

    Raises UnknownModel, UnsupportedImage.
    """
    gray = len(shape) == 2
    chosen = [registry.by_name(n) for n in (registry.tried() if name == "auto" else [name])]
    fitting = [
        Candidate(m, gray and m.description.channels == 3) for m in chosen if gray or m.description.channels == 3
    ]
    if not fitting:
        raise UnsupportedImage(f"the model {name} is for gray pictures: choose another, or convert this one to gray")
    return fitting


def choose_residuals(
    stack: Picture,
    candidate: Candidate,
    qualities: NDArray[np.intp],
    options: EncodeOptions,
    negative: NDArray[np.bool_] | None = None,
    weights: NDArray[np.float32] | None = None,
) -> Choice:
    """Residuals for pictures (S, H, W, C), each at its quality (S,), searched for as the options say.

    For parts of larger pictures, negative: which to invert (S,), None to let `inverted` decide; and weights: (rows,
    columns), how much the distortion of each block counts, None for 1.
    """
    grown, inside = _canvas(stack, candidate, negative)
    if weights is not None:
        weights = np.broadcast_to(weights, (len(stack), *weights.shape))
        inside = weights if inside is None else weights * inside
    engine = engines.engine(options.engine)
    return choose(candidate.model, engine, grown, qualities, options, inside)


def measure_residuals(
    stack: Picture, candidate: Candidate, qualities: NDArray[np.intp], engine_name: str
) -> MeasuredChoice:
    """Residuals chosen with effort 0, and the pixels that they decode to. Arguments as for `choose_residuals`."""
    grown, inside = _canvas(stack, candidate, None)
    return choose_measured(candidate.model, engines.engine(engine_name), grown, qualities, FASTEST, inside)


def _canvas(
    stack: Picture, candidate: Candidate, negative: NDArray[np.bool_] | None
) -> tuple[Picture, NDArray[np.float32] | None]:
    """Pictures as the model expects them, grown to whole units, and 1 for the blocks that hold part of the picture."""
    d = candidate.model.description
    shown = tile_grid.inside((stack.shape[1], stack.shape[2]), d.unit, d.block)
    # Most pictures have no padding without a pixel: theirs need not be looked for in every pass.
    inside = None if shown.all() else np.broadcast_to(shown.astype(np.float32), (len(stack), *shown.shape))
    return tile_grid.grow(model_samples(stack, candidate, negative), d.unit), inside


def model_samples(stack: Picture, candidate: Candidate, negative: NDArray[np.bool_] | None = None) -> Picture:
    """Pictures (S, H, W, C) as the model expects them: gray ones tripled for a colour model, inverted ones negated."""
    if candidate.gray:
        return np.broadcast_to(stack, (*stack.shape[:3], 3))
    if candidate.model.description.channels == 1:
        negative = inverted(stack, candidate) if negative is None else negative
        return np.where(negative[:, None, None, None], 255 - stack, stack)
    return stack


def inverted(stack: Picture, candidate: Candidate) -> NDArray[np.bool_]:
    """Which pictures (S, H, W, 1) are coded as their negatives: those with a light frame, such as ink on paper."""
    if candidate.model.description.channels != 1:
        return np.zeros(len(stack), np.bool_)
    sides = [stack[:, 0], stack[:, -1], stack[:, :, 0], stack[:, :, -1]]
    frame = np.concatenate([side.reshape(len(stack), -1) for side in sides], axis=1)
    return np.asarray(frame.mean(axis=1) > 127.5)


def trial_costs(stack: Picture, candidate: Candidate, quality: int, engine_name: str) -> NDArray[np.float64]:
    """The rate-distortion cost of coding each picture (S, H, W, C) as this candidate with effort 0: (S,).

    Bits plus lambda times squared error, per pixel. For a large picture, only TRIAL_PARTS sample parts are coded.
    """
    d, engine = candidate.model.description, engines.engine(engine_name)
    part = tile_grid.covered((TRIAL_SIDE, TRIAL_SIDE), d.unit)
    if stack.shape[1] * stack.shape[2] > TRIAL_PARTS * part[0] * part[1]:
        negative = np.repeat(inverted(stack, candidate), TRIAL_PARTS)
        shown = model_samples(tile_grid.sample(stack, part, TRIAL_PARTS), candidate, negative)
        choice = choose_measured(candidate.model, engine, shown, np.full(len(shown), quality), FASTEST)
    else:
        shown = model_samples(stack, candidate)
        choice = measure_residuals(stack, candidate, np.full(len(stack), quality), engine_name)
    decoded = choice.pixels[:, : shown.shape[1], : shown.shape[2]]
    error = ((shown.astype(np.float64) - decoded) ** 2).reshape(len(stack), -1).sum(axis=1) / shown.shape[-1]
    error *= max(1.0, LEAST_PIXELS / (stack.shape[1] * stack.shape[2]))
    bits = ideal_bits(candidate.model.tables, choice.residuals, choice.classes).reshape(len(stack), -1).sum(axis=1)
    bits += header_bits(candidate, stack.shape[1:3], quality)
    channels = 1 if candidate.gray else d.channels
    cost = bits + lambda_of_quality(quality) * error * channels
    return np.asarray(cost / (shown.size / shown.shape[-1] / len(stack)), np.float64)


def ranked(stack: Picture, candidates: Sequence[Candidate], quality: int, engine_name: str) -> NDArray[np.intp]:
    """Candidate indices (candidates, S), ordered for each of the pictures (S, H, W, C) by increasing cost."""
    count = len(stack)
    if len(candidates) == 1:
        return np.zeros((1, count), np.intp)
    costs = np.full((len(candidates), count), np.inf)
    typical = [typical_cost(candidate, stack.shape[1:3], quality) for candidate in candidates]
    specialised = [index for index, most in enumerate(typical) if most is not None]
    left = np.arange(count)

    def trial(index: int) -> NDArray[np.float64]:
        shown = stack if left.size == count else stack[left]
        return trial_costs(shown, candidates[index], quality, engine_name)

    for index, found in zip(specialised, in_threads(trial, specialised), strict=True):
        costs[index] = found
    # Pictures that some model for exactly their size finds typical are not tried with any other.
    limits = np.array([math.inf if most is None else most for most in typical])
    left = np.flatnonzero((costs[specialised] > limits[specialised, None]).all(axis=0))
    others = [index for index in range(len(candidates)) if index not in specialised] if left.size else []
    for index, found in zip(others, in_threads(trial, others), strict=True):
        costs[index, left] = found
    return costs.argsort(axis=0, kind="stable")


def typical_cost(candidate: Candidate, size: tuple[int, ...], quality: int) -> float | None:
    """The cost that few of the pictures exceed for which the candidate's model was made, with a file's header.

    None for pictures of another size or kind, and for models that do not say it.
    """
    d = candidate.model.description
    stored = candidate.model.analysis.get(TYPICAL)
    if candidate.gray or stored is None or d.tile != tuple(size):
        return None
    return float(stored[quality - 1]) + header_bits(candidate, size, quality) / (size[0] * size[1])


def header_bits(candidate: Candidate, size: tuple[int, ...], quality: int) -> int:
    """The size in bits of the header of a file without sections."""
    return 8 * len(container.write_header(header_of(candidate, size, quality, "rans")))


def header_of(
    candidate: Candidate,
    size: tuple[int, ...],
    quality: int,
    packing: Packing,
    inverted: bool = False,
    sections: tuple[Section, ...] = (),
) -> Header:
    """The header for a picture of `size` (height, width)."""
    return header_with(candidate.model, size, quality, packing, inverted or candidate.gray, sections)


def header_with(
    model: Model,
    size: tuple[int, ...],
    quality: int,
    packing: Packing = "rans",
    variant: bool = False,
    sections: Iterable[Section] = (),
) -> Header:
    """The only valid header with this content; size: (height, width)."""
    number = registry.number_of(model)
    return Header(
        model_number=number,
        model_id=b"" if number else model.id,
        quality=quality,
        packing=packing,
        size=None if tuple(size) == model.description.tile else (int(size[1]), int(size[0])),
        variant=variant,
        sections=tuple(sections),
    )
