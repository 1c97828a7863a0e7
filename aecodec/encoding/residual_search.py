"""Search for the residuals of a latent that minimise rate plus lambda times distortion.

A *walk* codes the picture once, pass by pass, and rounds each element greedily: to the nearest integer or the next one
towards zero, whichever costs less in bits and in squared error of the coefficient, weighed as in the distortion. A
greedy choice ignores later passes, whose means and classes depend on the residual, and the correction before the
pixels. Larger residuals help them, early passes more than late ones, so only a share of the bits that a smaller
residual would save is counted.
More effort means more walks:

- one to three walks aim at the coefficients minus what correction, finishing network and clipping added in the walk
  before: what the decoder will add need not be coded, and what it will take away is coded on top;
- each further walk changes a few residuals, at most one in each cell of 4x4 blocks, to the alternative that greedy
  rounding found nearly as good, and keeps a change if the cost of its cell, measured on the decoded picture, decreases.
  Cells are evaluated independently, so one walk tries many changes; the cells shift from walk to walk.

No walk makes the choice worse: its whole cost is measured for every picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aecodec.encoding import shares
from aecodec.encoding.options import EncodeOptions
from aecodec.encoding.rounding import NEVER, Elements
from aecodec.encoding.rounding import choose as choose_rounding
from aecodec.encoding.tuning import distortion_of
from aecodec.engines import Engine
from aecodec.models import ladder
from aecodec.models.analysis import analyse
from aecodec.models.description import COEFFICIENT_BITS, QUALITIES, lambda_of_quality
from aecodec.models.model import Model

if TYPE_CHECKING:
    from numpy.typing import NDArray

# By effort: walks after the first that aim anew, and walks after those that try changes.
SEARCHES = ((0, 0), (1, 0), (2, 0), (2, 2), (2, 3), (3, 3), (3, 6), (3, 11), (3, 21), (3, 45))
DEFAULTS = EncodeOptions()
CELL = 4  # blocks; changes this far apart hardly influence each other
NEARLY_AS_GOOD = 2.0  # bits that a change may seem to cost and still be worth trying
# The share of what finishing network and clipping do to the pixels that walks aim at: all at middle qualities; less at
# low ones, where bits spent on it bring little; and at high ones, where rounding of the pixels is no smaller. Worth 1.5
# % of the bytes of photographs at equal PSNR, 0.3 % on CIFAR-10, and 1.8 % on digits, where pixels are clipped.
PIXEL_SHARE = np.clip(np.minimum(np.arange(QUALITIES + 1) / 50, (QUALITIES - np.arange(QUALITIES + 1)) / 15), 0, 1)


@dataclass(frozen=True)
class Choice:
    """Pictures as coded: residuals and classes pass by pass, each (N, E)."""

    residuals: list[NDArray[np.int32]]
    classes: list[NDArray[np.uint8]]


@dataclass(frozen=True)
class MeasuredChoice(Choice):
    """The same with the pixels that a decoder will produce, grown to whole units: uint8 (N, H, W, C)."""

    pixels: NDArray[np.uint8]


def choose(
    model: Model,
    engine: Engine,
    pictures: NDArray[np.uint8],
    quality: NDArray[np.intp],
    options: EncodeOptions = DEFAULTS,
    weights: NDArray[np.float32] | None = None,
) -> Choice:
    """Residuals for pictures (N, H, W, C) of whole units, each at its quality (N,).

    options: `effort` says how long to search, and `tune` what counts as distortion. weights: (N, rows, columns), how
    much that of each block counts (None: 1); a block of 0 is padding that is cropped away, and gets no residuals.
    """
    search = _Search(model, engine, pictures, quality, options, weights)
    aims, refinements = search.plan
    return search.best(aims, refinements).choice if aims else search.unmeasured()


def choose_measured(
    model: Model,
    engine: Engine,
    pictures: NDArray[np.uint8],
    quality: NDArray[np.intp],
    options: EncodeOptions = DEFAULTS,
    weights: NDArray[np.float32] | None = None,
) -> MeasuredChoice:
    """Like `choose`, with the pixels that the choice decodes to."""
    search = _Search(model, engine, pictures, quality, options, weights)
    return search.best(*search.plan).choice


@dataclass
class _Walk:
    """A walk and its cost in bits plus lambda times distortion, for each picture (N,) and each of its blocks.

    added: (N, blocks, K), what the decoder adds to the coefficients, if the next walk is to aim at them less that.
    margin, change: pass by pass (N, E), the estimated extra cost of the best alternative residual, and its difference.
    """

    choice: MeasuredChoice
    added: NDArray[np.float32] | None
    total: NDArray[np.float64]
    blocks: NDArray[np.float32]
    margin: list[NDArray[np.float32]]
    change: list[NDArray[np.int8]]

    def replaced(self, now: _Walk) -> NDArray[np.bool_]:
        """Take over the choices for pictures that `now` coded at a lower cost; returns which they are: (N,)."""
        better = np.asarray(now.total < self.total)
        mine, other = self.choice, now.choice
        self.total[better] = now.total[better]
        mine.pixels[better] = other.pixels[better]
        for residuals, new in zip(mine.residuals, other.residuals, strict=True):
            residuals[better] = new[better]
        for classes, new_classes in zip(mine.classes, other.classes, strict=True):
            classes[better] = new_classes[better]
        return better


class _Search:
    """The pictures, their analysis and everything else that the walks share."""

    def __init__(
        self,
        model: Model,
        engine: Engine,
        pictures: NDArray[np.uint8],
        quality: NDArray[np.intp],
        options: EncodeOptions = DEFAULTS,
        weights: NDArray[np.float32] | None = None,
    ) -> None:
        self.model, self.engine, self.pictures, self.quality = model, engine, pictures, quality
        # Walks that aim anew, and walks that try changes; a vector alone leaves nothing to try.
        self.plan = SEARCHES[options.effort] if model.description.passes else (0, 0)
        self.distortion = distortion_of(options.tune, model, pictures)
        self.shares = shares.of_model(model)
        vector, plane = analyse(model, pictures)
        _, self.rows, self.columns, _ = plane.shape
        unit = np.float32(2**COEFFICIENT_BITS)
        self.vector = vector * unit
        self.plane = (plane * unit).reshape(len(pictures), self.rows * self.columns, -1)
        lambdas = np.array([lambda_of_quality(q) for q in range(1, QUALITIES + 1)], np.float32)[quality - 1][:, None]
        each = self.distortion.block_weights
        weights = np.ones_like(each) if weights is None else weights.reshape(each.shape)
        inside = weights > 0
        self.inside = None if inside.all() else inside
        self.lambdas = lambdas * each * weights
        mean = self._by_tile(each * inside) / np.maximum(self._by_tile(inside), 1)
        self.vector_lambdas = lambdas * mean.astype(np.float32)

    def _by_tile(self, values: NDArray[np.generic]) -> NDArray[np.float32]:
        """Sums over the blocks (N, blocks) of each tile: (N, tiles)."""
        n, (down, across) = len(values), ladder.vectors(self.model, self.rows, self.columns)
        tiles = values.reshape(n, down, self.rows // down, across, self.columns // across)
        return np.asarray(tiles.sum(axis=(2, 4), dtype=np.float32).reshape(n, -1))

    def positions(self, index: int) -> NDArray[np.intp]:
        """Raster indices of the blocks that pass `index` codes."""
        return ladder.positions(self.model.description.passes[index], self.rows, self.columns)

    def elements(self, prediction: ladder.Prediction) -> Elements:
        """The elements of a pass, and what they should be."""
        index, n = prediction.index, len(self.pictures)
        tables = self.model.tables
        if index == ladder.VECTOR:
            target = self.vector.reshape(prediction.mean.shape)
            _, tiles, size = prediction.mean.shape
            own, share = np.ones(size, np.float32), np.float32(1)
            return Elements(prediction, target, np.arange(tiles), None, self.vector_lambdas, own, share, tables)
        stage = self.model.description.passes[index]
        target = self.plane.reshape(n, self.rows * self.columns, -1)[..., stage.lo : stage.hi]
        own, share = self.distortion.element_weights[stage.lo : stage.hi], self.shares[index]
        return Elements(prediction, target, self.positions(index), self.inside, self.lambdas, own, share, tables)

    def best(self, aims: int, refinements: int) -> _Walk:
        """The best of several walks, for each picture separately."""
        best = now = self.walk(aiming=aims > 0, proposing=refinements > 0)
        plane = self.plane
        for remaining in range(aims - 1, -1, -1):
            assert now.added is not None
            kept, self.plane = self.plane, plane - now.added
            now = self.walk(aiming=remaining > 0, proposing=refinements > 0)
            better = best.replaced(now)
            self.plane[~better] = kept[~better]  # later walks keep this aim for the pictures whose cost it lowered
            best.blocks[better] = now.blocks[better]
            for margin, new in zip(best.margin, now.margin, strict=True):
                margin[better] = new[better]
            for change, new_change in zip(best.change, now.change, strict=True):
                change[better] = new_change[better]
        return self.refine(best, refinements) if refinements else best

    def unmeasured(self) -> Choice:
        """One walk without measuring its cost, which saves decoding it."""
        coder = _Coder(self)
        ladder.walk(self.model, self.engine, self.quality, self.rows, self.columns, coder)
        return Choice(coder.residuals, coder.classes)

    def walk(
        self, changes: list[NDArray[np.int8]] | None = None, *, aiming: bool = False, proposing: bool = False
    ) -> _Walk:
        """Code the pictures with the rounded residuals plus `changes`, which are given pass by pass without the vector.

        aiming: also record what the decoder adds. proposing: also record the estimated cost of alternatives.
        """
        n = len(self.pictures)
        coder = _Coder(self, changes, measuring=True, proposing=proposing)
        latent = ladder.walk(self.model, self.engine, self.quality, self.rows, self.columns, coder)
        correction = ladder.correct(self.model, self.engine, latent)
        pixels = ladder.synthesize(self.model, self.engine, latent, correction)
        blocks = coder.bits + self.lambdas * self.distortion.of(pixels)
        total = blocks.sum(axis=1, dtype=np.float64) + coder.vector_bits
        choice = MeasuredChoice(coder.residuals, coder.classes, pixels)
        added = self._added(latent, correction, pixels) if aiming else None
        return _Walk(choice, added, total, blocks.reshape(n, self.rows, self.columns), coder.margin, coder.change)

    def _added(
        self, latent: ladder.Latent, correction: NDArray[np.float32], pixels: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """What the decoder added to the coefficients: the correction, and a share of what then became of the pixels."""
        added = correction.reshape(self.plane.shape)
        _, plane = analyse(self.model, pixels)
        further = (plane * np.float32(2**COEFFICIENT_BITS) - latent.plane).reshape(added.shape) - added
        share = PIXEL_SHARE[self.quality].astype(np.float32)[:, None, None]
        return np.asarray(added + share * further)

    def refine(self, best: _Walk, walks: int) -> _Walk:
        """Try changes in several walks; the last one applies only those that proved useful."""
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
        """The most promising change in each cell, as (pass, pictures, elements) for each pass."""
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


class _Coder:
    """The encoder's side of `ladder.walk`: rounds elements, counts bits, and notes alternatives."""

    def __init__(
        self,
        search: _Search,
        changes: list[NDArray[np.int8]] | None = None,
        *,
        measuring: bool = False,
        proposing: bool = False,
    ) -> None:
        self.search, self.changes, self.measuring, self.proposing = search, changes, measuring, proposing
        self.residuals: list[NDArray[np.int32]] = []
        self.classes: list[NDArray[np.uint8]] = []
        self.margin: list[NDArray[np.float32]] = []
        self.change: list[NDArray[np.int8]] = []
        count = len(search.pictures)
        self.bits = np.zeros((count, search.rows * search.columns), np.float32)
        self.vector_bits = np.zeros(count)

    def __call__(self, prediction: ladder.Prediction) -> NDArray[np.int32]:
        index, search = prediction.index, self.search
        is_vector = index == ladder.VECTOR
        changes = None if is_vector or self.changes is None else self.changes[index]
        elements = search.elements(prediction)
        proposing = self.proposing and not is_vector
        found = choose_rounding(elements, changes, measuring=self.measuring, proposing=proposing)
        if found.margin is not None and found.change is not None:
            self.margin.append(found.margin)
            self.change.append(found.change)
        if found.spent is not None:
            if is_vector:
                self.vector_bits[:] = found.spent.sum(axis=1)
            else:
                self.bits[:, elements.where] += found.spent
        self.residuals.append(found.residual)
        self.classes.append(prediction.classes.reshape(len(search.pictures), -1))
        return found.residual


def _by_cell(values: NDArray[np.float32], top: int, left: int, join: object = np.sum) -> NDArray[np.float32]:
    """Reduce blocks (N, rows, columns) to cells; the first cells are `top` and `left` blocks short."""
    n, rows, columns = values.shape
    fill = 0.0 if join is np.sum else NEVER
    below, right = -(rows + top) % CELL, -(columns + left) % CELL
    padded = np.pad(values, ((0, 0), (top, below), (left, right)), constant_values=fill)
    cells = padded.reshape(n, padded.shape[1] // CELL, CELL, padded.shape[2] // CELL, CELL)
    joined: NDArray[np.float32] = join(cells, axis=(2, 4))  # type: ignore[operator]
    return joined


def _of_cells(cells: NDArray[np.generic], rows: int, columns: int, top: int, left: int) -> NDArray[np.generic]:
    """Spread cells back to blocks (N, rows, columns): each block gets the value of its cell."""
    spread = cells.repeat(CELL, axis=1).repeat(CELL, axis=2)
    return spread[:, top : top + rows, left : left + columns]
