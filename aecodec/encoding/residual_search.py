"""What the encoder decides: the residuals of a latent, for the least rate plus lambda times distortion.

One walk up the ladder rounds every element greedily: to the nearest integer or the next one towards zero, whichever
costs less in bits and in squared error of the coefficient. What that cannot see is what a residual does to later
passes, whose means and classes depend on it, and to the correction before the pixels. On the whole it helps them, and
the more of them there are: so of the bits that a smaller residual saves early only a share counts. More effort means
more walks:

- a second one aims at coefficients from which the correction that the first one met is taken away;
- each further one changes a few residuals, one in each cell of 4x4 blocks, by what the greedy rounding found nearly as
  good, and keeps a change where the cell's own bits and error, measured on the decoded picture, got less. Cells are
  judged apart, so one walk tries many changes; the cells move from walk to walk.

The choice is never worse than that of less effort: every walk's whole cost is measured for every picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aecodec.encoding.options import DEFAULT_EFFORT
from aecodec.engines import Engine
from aecodec.errors import InvalidValue
from aecodec.models import ladder
from aecodec.models.analysis import analyse, blocks_of
from aecodec.models.description import COEFFICIENT_BITS, QUALITIES, lambda_of_quality
from aecodec.models.model import Model
from aecodec.packing.tables import MAX_RESIDUAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

WALKS = (1, 2, 3, 4, 5, 6, 9, 14, 24, 48)  # by effort
CELL = 4  # blocks: changes so far apart hardly touch each other
NEARLY_AS_GOOD = 2.0  # bits that a change may seem to cost and still be tried
LEAST_FRACTION = 0.25  # a residual of zero is tried as one where its element is further than this from zero
NEVER = np.float32(1e9)
# Of the bits that a smaller residual saves, in the first pass; 1 in the last. Colour tiles take 0.1 to 0.3 % fewer
# bytes at equal PSNR; rate plus lambda times distortion falls by more at low qualities, whose files grow better.
FIRST_SHARE = 0.6


@dataclass(frozen=True)
class Choice:
    """Pictures as coded: residuals and classes pass by pass, each (N, E); and, where they were measured, the pixels
    that a decoder will make of them, grown to whole tiles (N, H, W, C).
    """

    residuals: list[NDArray[np.int32]]
    classes: list[NDArray[np.uint8]]
    pixels: NDArray[np.uint8] | None


def choose(
    model: Model,
    engine: Engine,
    pictures: NDArray[np.uint8],
    quality: NDArray[np.intp],
    inside: NDArray[np.bool_] | None = None,
    effort: int = DEFAULT_EFFORT,
    measured: bool = False,
) -> Choice:
    """Residuals for pictures (N, H, W, C) of whole tiles, each at its quality (N,).

    inside: (N, rows, columns), which blocks hold some of the picture (None: all). The others are padding that nobody
    will see: they get no residuals. effort: 0 (fastest) to 9. measured: the choice has to hold its pixels.
    """
    if not 0 <= effort < len(WALKS):
        raise InvalidValue(f"effort must be 0..{len(WALKS) - 1}, not {effort}")
    search = _Search(model, engine, pictures, quality, inside)
    walks = WALKS[effort] if model.description.passes else 1  # a vector alone leaves nothing to try
    best = search.walk(measured=measured or walks > 1, proposing=walks > 2)
    if walks > 1:
        best = search.aim(best)
    if walks > 2:
        best = search.refine(best, walks - 2)
    return best.choice


@dataclass
class _Walk:
    """One walk and what it cost: each picture, and each of its blocks, in bits plus lambda times squared error.

    margin, change: pass by pass (N, E), what another residual would seem to cost more, and which one: a difference.
    """

    choice: Choice
    correction: NDArray[np.float32]
    total: NDArray[np.float64]
    blocks: NDArray[np.float32]
    margin: list[NDArray[np.float32]]
    change: list[NDArray[np.int8]]

    def replaced(self, now: _Walk) -> NDArray[np.bool_]:
        """Take over what was chosen for the pictures (N,) that ``now`` coded for less, and say which those are."""
        better = np.asarray(now.total < self.total)
        mine, other = self.choice, now.choice
        assert mine.pixels is not None and other.pixels is not None
        self.total[better] = now.total[better]
        mine.pixels[better] = other.pixels[better]
        for residuals, new in zip(mine.residuals, other.residuals, strict=True):
            residuals[better] = new[better]
        for classes, new_classes in zip(mine.classes, other.classes, strict=True):
            classes[better] = new_classes[better]
        return better


class _Search:
    """What all walks over the same pictures share."""

    def __init__(
        self,
        model: Model,
        engine: Engine,
        pictures: NDArray[np.uint8],
        quality: NDArray[np.intp],
        inside: NDArray[np.bool_] | None,
    ) -> None:
        self.model, self.engine, self.pictures, self.quality = model, engine, pictures, quality
        self.inside = None if inside is None else inside.reshape(len(pictures), -1)
        vector, plane = analyse(model, pictures)
        _, self.rows, self.columns, _ = plane.shape
        unit = np.float32(2**COEFFICIENT_BITS)
        self.vector = vector * unit
        self.plane = (plane * unit).reshape(len(pictures), self.rows * self.columns, -1)
        lambdas = np.array([lambda_of_quality(q) for q in range(1, QUALITIES + 1)], np.float32)
        self.lambdas = lambdas[quality - 1][:, None]

    def positions(self, index: int) -> NDArray[np.intp]:
        return ladder.positions(self.model.description.passes[index], self.rows, self.columns)

    def aim(self, first: _Walk) -> _Walk:
        """Walk again, aiming at coefficients that will be right after the correction that the first walk met; go on
        aiming at that for the pictures where it paid.
        """
        correction = first.correction.reshape(self.plane.shape)
        self.plane -= correction
        now = self.walk(proposing=bool(first.margin))
        better = first.replaced(now)
        self.plane[~better] += correction[~better]
        first.blocks[better] = now.blocks[better]
        for margin, new in zip(first.margin, now.margin, strict=True):
            margin[better] = new[better]
        for change, new_change in zip(first.change, now.change, strict=True):
            change[better] = new_change[better]
        return first

    def walk(
        self,
        changes: list[NDArray[np.int8]] | None = None,
        *,
        measured: bool = True,
        proposing: bool = False,
    ) -> _Walk:
        """Residuals as rounded plus changes (pass by pass, the vector's apart), and what they cost where measured."""
        model, tables, n = self.model, self.model.tables, len(self.pictures)
        residuals: list[NDArray[np.int32]] = []
        coded: list[NDArray[np.uint8]] = []
        margin: list[NDArray[np.float32]] = []
        change: list[NDArray[np.int8]] = []
        bits = np.zeros((n, self.rows * self.columns), np.float32)
        vector_bits = np.zeros(n)

        def code(
            index: int, mean: NDArray[np.int32], classes: NDArray[np.uint8], step: NDArray[np.int32]
        ) -> NDArray[np.int32]:
            size = step.astype(np.float32)
            if index == ladder.VECTOR:
                exact = (self.vector - mean) / size
            else:
                stage = model.description.passes[index]
                where = self.positions(index)
                target = self.plane[:, where, stage.lo : stage.hi].reshape(n, -1)
                exact = (target - mean) / size
                if self.inside is not None:
                    exact *= np.repeat(self.inside[:, where], stage.hi - stage.lo, axis=1)
            weight = self.lambdas * (size / np.float32(2**COEFFICIENT_BITS)) ** 2
            nearest = np.rint(np.clip(exact, -MAX_RESIDUAL, MAX_RESIDUAL)).astype(np.int32)
            nearest[classes < tables.skip] = 0
            residual = self._rounded(nearest, exact, classes, weight, self._share(index))
            if proposing and index != ladder.VECTOR:
                costs, other = self._alternatives(residual, nearest, exact, classes, weight)
                margin.append(costs)
                change.append(other)
            if changes is not None and index != ladder.VECTOR:
                residual = np.where(classes < tables.skip, 0, residual + changes[index])
            if measured:
                spent = tables.quick_bits(residual, classes)
                if index == ladder.VECTOR:
                    vector_bits[:] = spent.sum(axis=1)
                else:
                    bits[:, where] += spent.reshape(n, where.size, stage.hi - stage.lo).sum(axis=2)
            residuals.append(residual)
            coded.append(classes)
            return residual

        latent = ladder.walk(model, self.engine, self.quality, self.rows, self.columns, code)
        if not measured:
            nothing = np.zeros(0, np.float32)
            return _Walk(Choice(residuals, coded, None), nothing, np.zeros(0), nothing, [], [])
        correction = ladder.correct(model, self.engine, latent)
        pixels = ladder.synthesize(model, self.engine, latent, correction)
        error = pixels.astype(np.float32)
        error -= self.pictures
        error *= error
        side = model.description.block
        blocks = bits + self.lambdas * blocks_of(error, side, side).sum(axis=3).reshape(n, -1) * self._seen()
        total = blocks.sum(axis=1, dtype=np.float64) + vector_bits
        choice = Choice(residuals, coded, pixels)
        return _Walk(choice, correction, total, blocks.reshape(n, self.rows, self.columns), margin, change)

    def _share(self, index: int) -> np.float32:
        """How much the bits count that a smaller residual saves in a pass; the vector's count whole."""
        last = len(self.model.description.passes) - 1
        return np.float32(1 if index == ladder.VECTOR or not last else FIRST_SHARE + (1 - FIRST_SHARE) * index / last)

    def _seen(self) -> NDArray[np.float32] | float:
        return 1.0 if self.inside is None else self.inside.astype(np.float32)

    def _rounded(
        self,
        nearest: NDArray[np.int32],
        exact: NDArray[np.float32],
        classes: NDArray[np.uint8],
        weight: NDArray[np.float32],
        share: np.float32,
    ) -> NDArray[np.int32]:
        """The nearest integers (N, E), or the next ones towards zero where those cost less.

        ``weight``: bits that a squared error of one step is worth; ``share``: how much the bits count that are saved.
        """
        result = nearest.copy()
        where = np.nonzero(nearest)
        r, c, x = nearest[where], classes[where], exact[where]
        smaller = r - np.sign(r)
        saved = self.model.tables.quick_bits(r, c) - self.model.tables.quick_bits(smaller, c)
        harm = np.broadcast_to(weight, exact.shape)[where] * ((x - smaller) ** 2 - (x - r) ** 2)
        result[where] = np.where(harm < saved * share, smaller, r)
        return result

    def _alternatives(
        self,
        residual: NDArray[np.int32],
        nearest: NDArray[np.int32],
        exact: NDArray[np.float32],
        classes: NDArray[np.uint8],
        weight: NDArray[np.float32],
    ) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """For every element (N, E) the other candidate beside the residual: what it costs more, and the difference."""
        margin = np.full(residual.shape, NEVER, np.float32)
        change = np.zeros(residual.shape, np.int8)
        where = np.nonzero((classes >= self.model.tables.skip) & (np.abs(exact) > LEAST_FRACTION))
        r, best, c, x = residual[where], nearest[where], classes[where], exact[where]
        away = np.where(x < 0, -1, 1)
        # Not the nearest: that. The nearest, and not zero: one less. Zero: one more.
        other = np.where(r != best, best, np.where(best == 0, away, best - np.sign(best)))
        bits = self.model.tables.quick_bits
        cost = bits(other, c) - bits(r, c)
        cost += np.broadcast_to(weight, exact.shape)[where] * ((x - other) ** 2 - (x - r) ** 2)
        margin[where] = cost
        change[where] = other - r
        return margin, change

    def refine(self, best: _Walk, walks: int) -> _Walk:
        """Try changes in so many walks, of which the last one tries none but those that were found good."""
        n, passes = len(self.pictures), self.model.description.passes
        kept = [np.zeros(part.shape, np.int8) for part in best.change]
        untried = [np.ones(part.shape, bool) for part in best.change]
        blocks, last = best.blocks, best
        random = np.random.default_rng(0)  # any will do; the same one gives the same file
        for remaining in range(walks - 1, -1, -1):
            top, left = (int(v) for v in random.integers(CELL, size=2))
            tried = [part.copy() for part in kept]
            if remaining or walks == 1:
                for index, picture, element in self._proposals(last, untried, kept, top, left):
                    untried[index][picture, element] = False
                    tried[index][picture, element] = last.change[index][picture, element]
            now = self.walk(tried, proposing=remaining > 0)
            gained = _by_cell(now.blocks - blocks, top, left) < 0
            spread = _of_cells(gained, self.rows, self.columns, top, left)
            blocks = np.where(spread, now.blocks, blocks)
            flat = spread.reshape(n, -1)
            for index, stage in enumerate(passes):
                good = np.repeat(flat[:, self.positions(index)], stage.hi - stage.lo, axis=1)
                kept[index] = np.where(good, tried[index], kept[index])
            best.replaced(now)
            last = now
        return best

    def _proposals(
        self,
        last: _Walk,
        untried: list[NDArray[np.bool_]],
        kept: list[NDArray[np.int8]],
        top: int,
        left: int,
    ) -> list[tuple[int, NDArray[np.intp], NDArray[np.intp]]]:
        """(pass, pictures, elements) of the most promising change in each cell."""
        n = len(self.pictures)
        margin = np.full((n, self.rows * self.columns), NEVER)
        owner = np.full((n, self.rows * self.columns), -1)
        place = np.zeros((n, self.rows * self.columns), np.intp)
        for index, stage in enumerate(self.model.description.passes):
            where, count = self.positions(index), stage.hi - stage.lo
            costs = np.where(untried[index] & (kept[index] == 0), last.margin[index], NEVER).reshape(n, -1, count)
            element = costs.argmin(axis=2) + np.arange(where.size) * count
            cost = costs.min(axis=2)
            better = cost < margin[:, where]
            margin[:, where] = np.where(better, cost, margin[:, where])
            owner[:, where] = np.where(better, index, owner[:, where])
            place[:, where] = np.where(better, element, place[:, where])
        chosen = margin < NEARLY_AS_GOOD
        grid = margin.reshape(n, self.rows, self.columns)
        least = _of_cells(_by_cell(grid, top, left, np.min), self.rows, self.columns, top, left).reshape(n, -1)
        chosen &= margin == least
        found = []
        for index in range(len(self.model.description.passes)):
            picture, block = np.nonzero(chosen & (owner == index))
            found.append((index, picture, place[picture, block]))
        return found


def _by_cell(values: NDArray[np.float32], top: int, left: int, join: object = np.sum) -> NDArray[np.float32]:
    """Blocks (N, rows, columns) joined cell by cell; the first cells are ``top`` and ``left`` blocks short."""
    n, rows, columns = values.shape
    fill = 0.0 if join is np.sum else NEVER
    below, right = -(rows + top) % CELL, -(columns + left) % CELL
    padded = np.pad(values, ((0, 0), (top, below), (left, right)), constant_values=fill)
    cells = padded.reshape(n, padded.shape[1] // CELL, CELL, padded.shape[2] // CELL, CELL)
    joined: NDArray[np.float32] = join(cells, axis=(2, 4))  # type: ignore[operator]
    return joined


def _of_cells(cells: NDArray[np.generic], rows: int, columns: int, top: int, left: int) -> NDArray[np.generic]:
    """The inverse direction of ``_by_cell``: to every block (N, rows, columns) what its cell holds."""
    spread = cells.repeat(CELL, axis=1).repeat(CELL, axis=2)
    return spread[:, top : top + rows, left : left + columns]
