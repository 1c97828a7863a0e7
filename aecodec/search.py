"""What the encoder decides: the residuals of a latent, for the least rate plus lambda times distortion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aecodec.engines import Engine
from aecodec.models import ladder
from aecodec.models.analysis import analyse
from aecodec.models.description import COEFFICIENT_BITS, QUALITIES, lambda_of_quality
from aecodec.models.ladder import Latent
from aecodec.models.model import Model
from aecodec.packing.tables import MAX_RESIDUAL, Tables

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Choice:
    """Pictures as coded: residuals and classes pass by pass, each (N, E), and the latent that a decoder will hold."""

    residuals: list[NDArray[np.int32]]
    classes: list[NDArray[np.uint8]]
    latent: Latent


def choose(
    model: Model,
    engine: Engine,
    pictures: NDArray[np.uint8],
    quality: NDArray[np.intp],
    inside: NDArray[np.bool_] | None = None,
) -> Choice:
    """Residuals for pictures (N, H, W, C) of whole tiles, each at its quality (N,), by rate-distortion-optimal rounding.

    inside: (N, rows, columns), which blocks hold some of the picture (None: all). The others are padding that nobody
    will see: they get no residuals.
    """
    vector, plane = analyse(model, pictures)
    n, rows, columns, _ = plane.shape
    flat = plane.reshape(n, rows * columns, -1)
    chosen: list[NDArray[np.int32]] = []
    coded: list[NDArray[np.uint8]] = []
    lambdas = np.array([lambda_of_quality(q) for q in range(1, QUALITIES + 1)], np.float32)[quality - 1][:, None]
    unit = np.float32(2**COEFFICIENT_BITS)

    def code(
        index: int, mean: NDArray[np.int64], classes: NDArray[np.uint8], step: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        if index == ladder.VECTOR:
            target = vector
        else:
            stage = model.description.passes[index]
            target = flat[:, ladder.positions(stage, rows, columns), stage.lo : stage.hi].reshape(n, -1)
        size = step.astype(np.float32)
        exact = (target * unit - mean) / size
        if inside is not None and index != ladder.VECTOR:
            shown = inside.reshape(n, -1)[:, ladder.positions(stage, rows, columns)]
            exact *= np.repeat(shown, stage.hi - stage.lo, axis=1)
        residual = rounded(model.tables, exact, classes, lambdas * (size / unit) ** 2)
        chosen.append(residual)
        coded.append(classes)
        return residual.astype(np.int64)

    latent = ladder.walk(model, engine, quality, rows, columns, code)
    return Choice(chosen, coded, latent)


def rounded(
    tables: Tables, exact: NDArray[np.float32], classes: NDArray[np.uint8], weight: NDArray[np.float32]
) -> NDArray[np.int32]:
    """Integers (N, E) near ``exact`` (N, E): the nearest, or the next one towards zero where that costs less.

    ``weight``: bits that a squared error of one step is worth. What a choice does to later passes is not weighed.
    """
    nearest = np.rint(np.clip(exact, -MAX_RESIDUAL, MAX_RESIDUAL)).astype(np.int32)
    nearest[classes < tables.skip] = 0
    where = np.nonzero(nearest)
    r, c, x = nearest[where], classes[where], exact[where]
    smaller = r - np.sign(r)
    saved = tables.bits(r, c) - tables.bits(smaller, c)
    harm = np.broadcast_to(weight, exact.shape)[where] * ((x - smaller) ** 2 - (x - r) ** 2)
    nearest[where] = np.where(harm < saved, smaller, r)
    return nearest
