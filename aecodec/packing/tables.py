"""The static tables of the 64 scale classes, and the order in which a pass becomes coded events.

Both packings code the same *events*. An event has a kind and a value:

    kind 0..63    a symbol of that class's table: 0..2m for high = -m..m (m: extent), 2m + 1 for the escape
    kind 64 + n   n raw bits, 1 <= n <= 7, as one value 0..2^n - 1

The events of a pass come in rounds, each over those elements that need it, in element order:

    1. the table symbol of high = residual >> shift, for every element whose class is not skipped;
    2. for escapes, with n = |high| - m >= 1 and k = floor(log2 n): the sign (one raw bit, 1 for negative); k
       rounds of a raw bit 1 and one of a raw bit 0, left out after twenty ones; the k bits of n below its
       leading one (the gamma code of Elias, 1975);
    3. the low `shift` bits of the residual, for every coded element whose shift is not 0.

A number of several raw bits is cut into events of 7 bits and a last one of what remains, most significant
first, a round for each cut. `code_pass` is that order, for the encoder and for the decoder alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from aecodec.errors import InvalidModelFile, InvalidValue

if TYPE_CHECKING:
    import numpy.typing as npt

CLASSES = 64
MAX_EXTENT = 63  # 2 * 63 + 1 symbols and the escape are 128: a symbol fits seven bits
MAX_SHIFT = 15
PRECISION = 12  # frequencies of a class sum to 2^12
TOTAL = 1 << PRECISION
MAX_RESIDUAL = 1 << 20
NEAR = 16  # residuals up to here have their code lengths in a table
GAMMA_DIGITS = 20  # n <= |high| <= 2^20, so floor(log2 n) <= 20
RAW = CLASSES  # kind of n raw bits: RAW + n
RAW_BITS = 7
KINDS = RAW + RAW_BITS + 1

Integers: TypeAlias = "npt.NDArray[Any]"
# (element indices, kinds, values or None) -> values; all of one length, indices ascending
EventCoder: TypeAlias = "Callable[[Integers, Integers, Integers | None], Integers]"


@dataclass(frozen=True, eq=False)
class Tables:
    """The stored arrays of a model's tables, checked.

    extents      (64,) integers 0..63: class c's table covers high = -extent..extent, and an escape
    shifts       (64,) integers 0..15: so many low bits of a residual are raw
    skip         0..64: elements of a class below it are 0 and cost nothing
    frequencies  (sum of 2 * extent + 2,) integers >= 1: class after class, high = -extent..extent, then the
                 escape; those of one class sum to 4096

    Raises InvalidModelFile if that does not hold.
    """

    extents: Integers
    shifts: Integers
    skip: int
    frequencies: Integers

    def __post_init__(self) -> None:
        extents = _checked("extents", self.extents, CLASSES, 0, MAX_EXTENT)
        shifts = _checked("shifts", self.shifts, CLASSES, 0, MAX_SHIFT)
        sizes = 2 * extents + 2
        frequencies = _checked("frequencies", self.frequencies, int(sizes.sum()), 1, TOTAL)
        sums = np.add.reduceat(frequencies, np.cumsum(sizes) - sizes)
        if (sums != TOTAL).any():
            c = int(np.flatnonzero(sums != TOTAL)[0])
            raise InvalidModelFile(f"the frequencies of class {c} sum to {sums[c]}, not to {TOTAL}")
        skip = int(self.skip)
        if not 0 <= skip <= CLASSES:
            raise InvalidModelFile(f"the tables skip {skip} classes of {CLASSES}")
        for name, value in (("extents", extents), ("shifts", shifts), ("frequencies", frequencies)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "skip", skip)

    @cached_property
    def first(self) -> Integers:
        """(72,) where a kind's values begin in `event_frequencies` and `event_starts`."""
        sizes = np.concatenate([2 * self.extents + 2, 1 << np.arange(RAW_BITS + 1)])
        first: Integers = np.cumsum(sizes) - sizes
        return first

    @cached_property
    def event_frequencies(self) -> Integers:
        """The frequency out of 4096 of every value of every kind."""
        raw = [np.full(1 << n, TOTAL >> n) for n in range(RAW_BITS + 1)]
        return np.concatenate([self.frequencies, *raw])

    @cached_property
    def event_starts(self) -> Integers:
        """The sum of the frequencies before it within its kind, for every value of every kind."""
        starts = np.cumsum(self.event_frequencies) - self.event_frequencies
        return np.asarray(starts & (TOTAL - 1))  # every kind sums to 4096

    @cached_property
    def event_bits(self) -> npt.NDArray[np.float64]:
        """The ideal code length in bits of every value of every kind."""
        return np.asarray(PRECISION - np.log2(self.event_frequencies))

    def bits(self, residuals: Integers, classes: Integers) -> npt.NDArray[np.float64]:
        """The ideal code length in bits of each residual under its class, escapes and raw bits included.

        residuals: integers, |r| <= 2^20; classes: 0..63, of the same shape. A skipped class costs nothing
        and is taken to carry 0.
        """
        residuals = np.asarray(residuals, np.int32)
        classes = np.asarray(classes, np.intp)
        high = residuals >> self.shifts[classes]
        excess = np.abs(high) - self.extents[classes]
        symbols = np.where(excess > 0, 2 * self.extents[classes] + 1, high + self.extents[classes])
        bits: npt.NDArray[np.float64] = self.event_bits[self.first[classes] + symbols] + self.shifts[classes]
        gamma = np.frexp(np.maximum(excess, 1))[1] - 1
        bits += (excess > 0) * (1 + np.minimum(gamma + 1, GAMMA_DIGITS) + gamma)
        bits[classes < self.skip] = 0
        return bits

    @cached_property
    def near_bits(self) -> npt.NDArray[np.float32]:
        """(64, 2 * NEAR + 1): `bits` of the residuals -NEAR..NEAR under every class, for `quick_bits`."""
        residuals, classes = np.meshgrid(np.arange(-NEAR, NEAR + 1), np.arange(CLASSES))
        return self.bits(residuals, classes).astype(np.float32)

    def quick_bits(self, residuals: Integers, classes: Integers) -> npt.NDArray[np.float32]:
        """As `bits`, in float32 and by a table: an encoder asks for the same few values very often."""
        places = classes.astype(np.intp) * (2 * NEAR + 1) + NEAR + np.clip(residuals, -NEAR, NEAR)
        found: npt.NDArray[np.float32] = self.near_bits.take(places)
        far = np.abs(residuals) > NEAR
        if far.any():
            found[far] = self.bits(residuals[far], classes[far])
        return found


def _checked(name: str, values: Any, size: int, lowest: int, highest: int) -> Integers:
    array = np.asarray(values)
    if array.shape != (size,) or array.dtype.kind not in "iu":
        raise InvalidModelFile(f"{name} of the tables: expected {size} integers, got {array.dtype} {array.shape}")
    if (array < lowest).any() or (array > highest).any():
        raise InvalidModelFile(f"{name} of the tables: a value outside {lowest}..{highest}")
    return array.astype(np.int32)


def ideal_bits(tables: Tables, residuals: list[Integers], classes: list[Integers]) -> npt.NDArray[np.float64]:
    """The ideal code length in bits of each stream: (S,) float64. Arguments as for `pack`."""
    streams = residuals[0].shape[0] if residuals else 0
    total = np.zeros(streams)
    for r, c in zip(residuals, classes, strict=True):
        total += tables.bits(r, c).sum(axis=1)
    return total


def code_pass(tables: Tables, classes: Integers, code: EventCoder, residuals: Integers | None = None) -> Integers:
    """Walk through the events of one pass: the definition of their order, for both directions.

    classes: (S, E) integers 0..63. code: called once a round with the flat indices of its elements, the
    kinds of their events and, when encoding, the values; returns the values. residuals: (S, E) when
    encoding, None when decoding. Returns the residuals, (S, E) int32. Raises InvalidValue for one beyond
    +-2^20 (either way) or an impossible class.
    """
    flat = np.asarray(classes).reshape(-1)
    if flat.size and not 0 <= int(flat.min()) <= int(flat.max()) < CLASSES:
        raise InvalidValue("a scale class is not within 0..63")
    coded = np.flatnonzero(flat >= tables.skip)
    kinds = flat[coded].astype(np.intp)
    extents, shifts = tables.extents[kinds], tables.shifts[kinds]
    escapes = 2 * extents + 1
    raw = _RawBits(coded, code)

    known = None if residuals is None else _coded_residuals(residuals, coded)
    high = None if known is None else known >> shifts
    symbols = None if high is None else np.where(np.abs(high) > extents, escapes, high + extents)

    symbols = code(coded, kinds, symbols)
    value = symbols.astype(np.int64) - extents

    at = np.flatnonzero(symbols == escapes)
    if at.size:
        value[at] = _code_escapes(raw, at, extents[at], None if high is None else high[at])

    at = np.flatnonzero(shifts)
    if at.size:
        below = raw(at, shifts[at].astype(np.int64), None if known is None else known[at])
        value[at] = value[at] << shifts[at] | below
    # |value| < (2^21 + 63) * 2^15 < 2^37: int64 holds it until this check
    if value.size and (value.min() < -MAX_RESIDUAL or value.max() > MAX_RESIDUAL):
        raise InvalidValue("a decoded residual is not within +-2^20: the file is damaged")
    result = np.zeros(flat.size, np.int32)
    result[coded] = value
    return result.reshape(np.shape(classes))


def _coded_residuals(residuals: Integers, coded: Integers) -> Integers:
    """The residuals of the coded elements, int64. Raises InvalidValue for impossible ones."""
    known = np.asarray(residuals).reshape(-1)
    if known.size and (known.min() < -MAX_RESIDUAL or known.max() > MAX_RESIDUAL):
        raise InvalidValue("a residual is not within +-2^20")
    if np.count_nonzero(known) != np.count_nonzero(known[coded]):
        raise InvalidValue("a residual of a skipped class is not zero")
    return known[coded].astype(np.int64)


@dataclass(frozen=True, eq=False)
class _RawBits:
    """Codes numbers of a few raw bits, cut into events of at most RAW_BITS, most significant first."""

    coded: Integers
    code: EventCoder

    def __call__(self, at: Integers, lengths: Integers, values: Integers | None) -> Integers:
        """Code the lowest `lengths` bits of `values` for the coded elements `at`; return those bits."""
        bits = np.zeros(at.size, np.int64)
        left = lengths
        rest = np.flatnonzero(left)
        while rest.size:
            left = left.copy()
            size = np.minimum(left[rest], RAW_BITS)
            left[rest] -= size
            part = None if values is None else (values[rest] >> left[rest]) & ((1 << size) - 1)
            bits[rest] = bits[rest] << size | self.code(self.coded[at[rest]], RAW + size, part)
            rest = rest[left[rest] > 0]
        return bits


def _code_escapes(raw: _RawBits, at: Integers, extents: Integers, high: Integers | None) -> Integers:
    """Code the escaped elements `at`, sign and gamma code of the excess over their extents; returns their `high`."""
    one = np.ones(at.size, np.int64)
    negative = excess = None
    length = np.zeros(at.size, np.int64)  # floor(log2 excess)
    if high is not None:
        negative = (high < 0).astype(np.int64)
        excess = np.abs(high) - extents
        length = np.frexp(excess)[1].astype(np.int64) - 1
    negative = raw(at, one, negative)
    decoded = np.zeros(at.size, np.int64)
    going = np.arange(at.size)
    for digit in range(GAMMA_DIGITS):
        if not going.size:
            break
        digits = None if high is None else (length[going] > digit).astype(np.int64)
        more = raw(at[going], one[going], digits)
        going = going[more == 1]
        decoded[going] += 1
    excess = (1 << decoded) | raw(at, decoded, excess)
    return np.asarray(np.where(negative == 1, -1, 1) * (excess + extents))


def quantize_probabilities(probabilities: npt.ArrayLike) -> Integers:
    """Turn probabilities into frequencies >= 1 that sum to 4096, with the shortest mean code length.

    probabilities: (n,) non-negative floats or counts, 1 <= n <= 4096, not necessarily normalised. Returns
    (n,) int32 minimising -sum p log f: the objective is separable and convex, so the point at which no
    single move of one unit from one value to another pays is the minimum.
    """
    p = np.asarray(probabilities, np.float64)
    if p.ndim != 1 or not 1 <= p.size <= TOTAL or not np.isfinite(p).all() or (p < 0).any():
        raise ValueError("expected 1 to 4096 finite non-negative probabilities")
    p = (p / p.sum()) if p.sum() > 0 else np.full(p.size, 1 / p.size)
    f = np.maximum(np.floor(p * TOTAL).astype(np.int64), 1)
    while True:
        gain = p * np.log1p(1 / f)
        loss = np.where(f > 1, -p * np.log1p(-1 / np.maximum(f, 2)), np.inf)
        surplus = int(f.sum()) - TOTAL
        best, worst = int(np.argmax(gain)), int(np.argmin(loss))
        if surplus == 0 and gain[best] <= loss[worst] * (1 + 1e-12):
            return f.astype(np.int32)
        if surplus <= 0:
            f[best] += 1
        if surplus >= 0:
            f[worst] -= 1


def parametric(skip: int = 0, shape_sigma: float = 12.0) -> Tables:
    """Tables of discretised logistic distributions: class c has sigma / step = 2^((c - 17) / 5).

    The part that a table covers has a sigma of at most `shape_sigma` units; the bits below it are raw.
    """
    extents, shifts, rows = [], [], []
    for c in range(CLASSES):
        sigma = 2.0 ** ((c - 17) / 5)
        scale = sigma * math.sqrt(3) / math.pi
        shift = max(0, math.ceil(math.log2(sigma / shape_sigma)))
        bin_width = 1 << shift
        # two-sided tail beyond (m + 1/2) bins: 2 / (1 + e^z) < 1 / 4096 for z > log 8191
        extent = min(MAX_EXTENT, max(0, math.ceil(scale * math.log(8191) / bin_width - 0.5)))
        edges = (np.arange(-extent, extent + 2) * bin_width - 0.5) / scale
        distribution = 0.5 + 0.5 * np.tanh(edges / 2)
        inside = np.diff(distribution)
        rows.append(quantize_probabilities(np.append(inside, max(0.0, 1 - inside.sum()))))
        extents.append(extent)
        shifts.append(shift)
    return Tables(np.array(extents), np.array(shifts), skip, np.concatenate(rows))
