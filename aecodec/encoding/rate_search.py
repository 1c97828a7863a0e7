"""From what is wanted to files: at a quality, within so many bytes, or with so much likeness to the picture.

Bytes and likeness rise with quality, nearly: what is sought is where they cross the limit, for many pictures at once,
by interpolation between what was measured and by halving in turns. Every file that is returned has been measured: its
whole length, or what it decodes to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from aecodec import metrics
from aecodec.decoding import decoder
from aecodec.decoding.parsed_file import File
from aecodec.encoding import lossy, near_lossless
from aecodec.encoding.candidates import Form, trial
from aecodec.encoding.lossy import Batch, Manner
from aecodec.encoding.options import MOST_QUALITY, Wanted
from aecodec.errors import InvalidValue, Unreachable
from aecodec.lossless import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRIAL_QUALITY: Final = 50  # the form of a picture is chosen at this one, where the quality is not known yet
_HALVING: Final = 3  # every third step of the search halves what is left, however the measures are bent


class Missed(Exception):
    """The picture `index` of a batch has no file as it is wanted, as `error` says."""

    def __init__(self, index: int, error: Unreachable) -> None:
        super().__init__(index, error)
        self.index, self.error = index, error


def encode(batch: Batch, forms: Sequence[Form], wanted: Wanted, manner: Manner) -> list[bytes]:
    """The files of pictures of one size, in those of the forms that suit them best.

    Raises Missed where a picture has no such file.
    """
    if wanted.max_error is not None:
        return _bounded(batch, forms, wanted.max_error, manner)
    if wanted.quality is None:
        return _within(batch, forms, _Goal(wanted, manner.engine_name), manner)
    files = [b""] * len(batch)
    if manner.free and lossy.is_even(batch):
        return [batch.plain(index) for index in range(len(batch))]
    best = _ranked(batch, forms, wanted.quality, manner)[0]
    for number, form in enumerate(forms):
        mine = np.flatnonzero(best == number)
        if mine.size:
            coded = lossy.lossy(batch.some(mine), form, np.full(mine.size, wanted.quality), manner)
            _put(files, mine, lossy.or_plain(batch.some(mine), coded, manner))
    return files


def _bounded(batch: Batch, forms: Sequence[Form], max_error: int, manner: Manner) -> list[bytes]:
    """The smallest file of each picture in which no sample is off by more than `max_error`."""
    able = [form for form in forms if near_lossless.can(form)]
    files = [b""] * len(batch)
    if able and batch.stack.dtype == np.uint8 and max_error <= near_lossless.MOST_ERROR and not lossy.is_even(batch):
        best = _ranked(batch, able, TRIAL_QUALITY, manner)[0]
        files = near_lossless.encode(batch, able, best, max_error, manner)
    return near_lossless.or_plain(batch, files, max_error, manner)


def _ranked(batch: Batch, forms: Sequence[Form], quality: int, manner: Manner) -> NDArray[np.intp]:
    """(F, S): the numbers of the forms, for each picture the one that seems best first."""
    if len(forms) == 1:
        return np.zeros((1, len(batch)), np.intp)
    costs = np.stack([trial(batch.stack, form, quality, manner.engine_name) for form in forms])
    return costs.argsort(axis=0, kind="stable")


def _put(files: list[Any], indices: NDArray[np.intp], found: Sequence[Any]) -> None:
    for index, file in zip(indices.tolist(), found, strict=True):
        files[index] = file


# Limits ---


@dataclass(frozen=True)
class _Goal:
    """A limit, and what is measured against it. The *rank* of a quality is 1..100, such that files of a low rank keep
    the limit and those of a high one do not: the last rank that does is wanted.
    """

    wanted: Wanted
    engine_name: str

    def qualities(self, ranks: NDArray[np.intp]) -> NDArray[np.intp]:
        return ranks if self.wanted.max_bytes is not None else MOST_QUALITY + 1 - ranks

    @property
    def limit(self) -> float:
        """Of the measures; what is not above it keeps it."""
        if self.wanted.max_bytes is not None:
            return float(np.log(self.wanted.max_bytes))
        least = self.wanted.min_psnr if self.wanted.min_psnr is not None else self.wanted.min_ssim
        assert least is not None
        return -least

    def measures(self, batch: Batch, files: Sequence[bytes]) -> NDArray[np.float64]:
        """A number for each file that rises with the rank of its quality: (S,)."""
        if self.wanted.max_bytes is not None:
            return np.log(np.array(list(map(len, files)), np.float64))
        shape = batch.stack.shape
        decoded = np.empty(shape, np.uint8)
        parsed = [File.parse(file, None) for file in files]
        for packing in {file.header.packing for file in parsed}:
            mine = [index for index, file in enumerate(parsed) if file.header.packing == packing]
            samples = decoder.samples_alike([parsed[index] for index in mine], self.engine_name)
            decoded[mine] = np.stack(samples).reshape(-1, *shape[1:])
        return -(metrics.psnr if self.wanted.min_psnr is not None else metrics.ssim)(batch.stack, decoded)

    def error(self, best: float, plain_bytes: int) -> Unreachable:
        """With the best measure that a model can reach."""
        if self.wanted.max_bytes is not None:
            least = min(round(float(np.exp(best))), plain_bytes)
            return Unreachable(
                f"no file of this picture has {self.wanted.max_bytes} bytes or fewer: the smallest has {least}"
            )
        what, unit = ("PSNR", " dB") if self.wanted.min_psnr is not None else ("SSIM", "")
        digits = 2 if unit else 4
        return Unreachable(
            f"this picture reaches a {what} of {-best:.{digits}f}{unit} at most, not {-self.limit:g}:"
            " max_error (--max-error) bounds the error of every sample instead"
        )


def _within(batch: Batch, forms: Sequence[Form], goal: _Goal, manner: Manner) -> list[bytes]:
    """The best files that keep a limit: those of the most quality within bytes, or of the fewest bytes."""
    if goal.wanted.min_ssim is not None and min(batch.stack.shape[1:3]) < metrics.SSIM_WINDOW:
        raise InvalidValue(f"min_ssim needs a picture of {metrics.SSIM_WINDOW} pixels or more each way")
    count = len(batch)
    found: list[bytes | None] = [None] * count
    if goal.wanted.max_bytes is not None and manner.free:
        for index in np.flatnonzero(plain.promising(batch.stack, np.full(count, goal.wanted.max_bytes))).tolist():
            file = batch.plain(index)
            found[index] = file if len(file) <= goal.wanted.max_bytes else None
    best = np.full(count, np.inf)
    left = _missing(found)
    order = np.zeros((len(forms), count), np.intp)
    if left.size:
        order[:, left] = _ranked(batch.some(left), forms, TRIAL_QUALITY, manner)
    for numbers in order:
        for number, form in enumerate(forms):
            left = _missing(found)
            mine = left[numbers[left] == number]
            if mine.size:
                files, least = _searched(batch.some(mine), form, goal, manner)
                _put(found, mine, files)
                best[mine] = np.minimum(best[mine], least)
    for index in _missing(found)[:1].tolist():
        error = goal.error(best[index], len(batch.plain(index)) if goal.wanted.max_bytes is not None else 0)
        raise Missed(index, error)
    return lossy.or_plain(batch, [file for file in found if file is not None], manner)


def _missing(found: Sequence[bytes | None]) -> NDArray[np.intp]:
    return np.array([index for index, file in enumerate(found) if file is None], np.intp)


def _searched(batch: Batch, form: Form, goal: _Goal, manner: Manner) -> tuple[list[bytes | None], NDArray[np.float64]]:
    """For each picture the file of the last rank that keeps the limit, or None if the first does not; and the lowest
    measure that was met.
    """
    count = len(batch)
    files: list[bytes | None] = [None] * count
    low, high = np.zeros(count, np.intp), np.full(count, MOST_QUALITY + 1)  # the last that keeps it, the first that
    at_low, at_high = np.full(count, np.nan), np.full(count, np.nan)  # does not; and their measures
    least = np.full(count, np.inf)

    def visit(indices: NDArray[np.intp], ranks: NDArray[np.intp]) -> None:
        some = batch.some(indices)
        coded = lossy.lossy(some, form, goal.qualities(ranks), manner)
        measures = goal.measures(some, coded)
        keeps = measures <= goal.limit
        least[indices] = np.minimum(least[indices], measures)
        low[indices[keeps]], at_low[indices[keeps]] = ranks[keeps], measures[keeps]
        high[indices[~keeps]], at_high[indices[~keeps]] = ranks[~keeps], measures[~keeps]
        _put(files, indices[keeps], [file for file, kept in zip(coded, keeps, strict=True) if kept])

    step = 0
    while (left := np.flatnonzero(high - low > 1)).size:
        step += 1
        between = (low[left] + high[left]) // 2
        if step % _HALVING:
            with np.errstate(all="ignore"):
                share = (goal.limit - at_low[left]) / (at_high[left] - at_low[left])
            known = np.isfinite(share)
            guess = low[left] + np.rint(np.where(known, share, 0) * (high[left] - low[left])).astype(np.intp)
            between = np.where(known, np.clip(guess, low[left] + 1, high[left] - 1), between)
        visit(left, between)
    # Measures rise nearly, not quite: the next but one may keep what the next does not, and then those that follow it.
    left, further = np.flatnonzero(low > 0), 2
    while (left := left[low[left] + further <= MOST_QUALITY]).size:
        ranks = low[left] + further
        visit(left, ranks)
        left, further = left[low[left] == ranks], 1
    return files, least
