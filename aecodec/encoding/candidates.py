"""The forms in which a picture may be coded, and what each would cost: what `auto` decides by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aecodec import engines
from aecodec.encoding.residual_search import Choice, choose
from aecodec.errors import UnsupportedImage
from aecodec.format import container
from aecodec.format.container import Header, Section
from aecodec.images import tile_grid
from aecodec.models import registry
from aecodec.models.description import lambda_of_quality
from aecodec.models.model import Model
from aecodec.packing import ideal_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aecodec.images.pictures import Picture

TRIAL_PARTS = 4  # a trial looks at no more parts of a large picture
TRIAL_SIDE = 128  # in pixels, about: a part is made of whole units
LEAST_PIXELS = 256  # a smaller picture's error counts as if it had so many: a wrong colour is worse than a few bytes


@dataclass(frozen=True)
class Form:
    """One way to code a picture: a model, and whether a colour model codes a gray picture."""

    model: Model
    gray: bool


def forms_for(shape: tuple[int, ...], name: str) -> list[Form]:
    """The forms that `name` allows for pictures of that shape. Raises UnknownModel, UnsupportedImage."""
    gray = len(shape) == 2
    chosen = [registry.by_name(n) for n in (registry.tried() if name == "auto" else [name])]
    fitting = [Form(m, gray and m.description.channels == 3) for m in chosen if gray or m.description.channels == 3]
    if not fitting:
        raise UnsupportedImage(f"the model {name} is for gray pictures: choose another, or convert this one to gray")
    return fitting


def choose_in(
    stack: Picture,
    form: Form,
    qualities: NDArray[np.intp],
    effort: int,
    engine_name: str,
    negative: NDArray[np.bool_] | None = None,
    measured: bool = False,
) -> Choice:
    """Residuals for pictures (S, H, W, C) in a form, each at its quality (S,), with an effort of 0..9; measured: with
    the pixels they will give.

    negative: which pictures to invert (S,), where they are parts of others.
    """
    d = form.model.description
    shown = tile_grid.inside((stack.shape[1], stack.shape[2]), d.unit, d.block)
    # Most pictures have no padding without a pixel: theirs need not be looked for in every pass.
    inside = None if shown.all() else np.broadcast_to(shown, (len(stack), *shown.shape))
    grown = tile_grid.grow(samples(stack, form, negative), d.unit)
    return choose(form.model, engines.engine(engine_name), grown, qualities, inside, effort, measured)


def samples(stack: Picture, form: Form, negative: NDArray[np.bool_] | None = None) -> Picture:
    """Pictures (S, H, W, C) as the form's model wants them: gray ones tripled for it, or light on dark."""
    if form.gray:
        return np.broadcast_to(stack, (*stack.shape[:3], 3))
    if form.model.description.channels == 1:
        negative = inverted(stack, form) if negative is None else negative
        return np.where(negative[:, None, None, None], 255 - stack, stack)
    return stack


def inverted(stack: Picture, form: Form) -> NDArray[np.bool_]:
    """Which pictures (S, H, W, 1) are coded as their negatives: those with a light frame, as ink on paper has."""
    if form.model.description.channels != 1:
        return np.zeros(len(stack), np.bool_)
    sides = [stack[:, 0], stack[:, -1], stack[:, :, 0], stack[:, :, -1]]
    frame = np.concatenate([side.reshape(len(stack), -1) for side in sides], axis=1)
    return np.asarray(frame.mean(axis=1) > 127.5)


def trial(stack: Picture, form: Form, quality: int, engine_name: str) -> NDArray[np.float64]:
    """Bits plus lambda times squared error, per pixel, that a form costs each picture (S, H, W, C) with the least
    effort: (S,). Of a large picture only a sample is looked at.
    """
    d, engine = form.model.description, engines.engine(engine_name)
    part = tile_grid.covered((TRIAL_SIDE, TRIAL_SIDE), d.unit)
    if stack.shape[1] * stack.shape[2] > TRIAL_PARTS * part[0] * part[1]:
        negative = np.repeat(inverted(stack, form), TRIAL_PARTS)
        shown = samples(tile_grid.sample(stack, part, TRIAL_PARTS), form, negative)
        choice = choose(form.model, engine, shown, np.full(len(shown), quality), effort=0, measured=True)
    else:
        shown = samples(stack, form)
        choice = choose_in(stack, form, np.full(len(stack), quality), 0, engine_name, measured=True)
    assert choice.pixels is not None
    again = choice.pixels[:, : shown.shape[1], : shown.shape[2]]
    error = ((shown.astype(np.float64) - again) ** 2).reshape(len(stack), -1).sum(axis=1) / shown.shape[-1]
    error *= max(1.0, LEAST_PIXELS / (stack.shape[1] * stack.shape[2]))
    bits = ideal_bits(form.model.tables, choice.residuals, choice.classes).reshape(len(stack), -1).sum(axis=1)
    bits += 8 * len(container.write_header(header_of(form, stack.shape[1:3], quality, "rans")))
    channels = 1 if form.gray else d.channels
    cost = bits + lambda_of_quality(quality) * error * channels
    return np.asarray(cost / (shown.size / shown.shape[-1] / len(stack)), np.float64)


def header_of(
    form: Form,
    size: tuple[int, ...],
    quality: int,
    packing: str,
    inverted: bool = False,
    sections: tuple[Section, ...] = (),
) -> Header:
    model, number = form.model, registry.number_of(form.model)
    return Header(
        model_number=number,
        model_id=b"" if number else model.id,
        quality=quality,
        packing="zstd" if packing == "zstd" else "rans",
        size=None if tuple(size) == model.description.tile else (int(size[1]), int(size[0])),
        inverted=inverted,
        gray=form.gray,
        sections=sections,
    )
