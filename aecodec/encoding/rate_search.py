"""Search for the quality that meets a rate target: a maximum number of bytes, or a minimum PSNR or SSIM.

Bytes, PSNR and SSIM nearly always increase with quality. The quality at which they cross the limit is searched for many
pictures at once, by interpolation between measured qualities and bisection in turn. Every file that is returned has
been measured: its total length, or the picture that it decodes to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from aecodec import metrics
from aecodec.decoding import decoder
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.encoding import lossy
from aecodec.encoding.batch import Batch, put
from aecodec.encoding.candidates import TRIAL_QUALITY, Candidate, ranked
from aecodec.encoding.options import MOST_QUALITY, EncodeOptions, RateTarget
from aecodec.encoding.plain_fallback import or_plain
from aecodec.errors import InvalidValue, Unreachable
from aecodec.lossless import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HALVING: Final = 3  # every third step of the search bisects, however the measures are bent


class Missed(Exception):
    """No file of the picture `index` of a batch meets the target; `error` is the error to report."""

    def __init__(self, index: int, error: Unreachable) -> None:
        super().__init__(index, error)
        self.index, self.error = index, error


@dataclass(frozen=True)
class _Goal:
    """A limit, and the measure that is compared with it.

    Qualities are searched by *rank*, 1..100, ordered so that files of low rank meet the limit and those of high rank do
    not: the search looks for the last rank that does.
    """

    target: RateTarget
    engine_name: str

    def qualities(self, ranks: NDArray[np.intp]) -> NDArray[np.intp]:
        """The qualities of these ranks."""
        return ranks if self.target.max_bytes is not None else MOST_QUALITY + 1 - ranks

    @property
    def limit(self) -> float:
        """The largest measure that meets the limit."""
        if self.target.max_bytes is not None:
            return float(np.log(self.target.max_bytes))
        least = self.target.min_psnr if self.target.min_psnr is not None else self.target.min_ssim
        assert least is not None
        return -least

    def measures(self, batch: Batch, files: Sequence[bytes]) -> NDArray[np.float64]:
        """A number for each file that increases with the rank of its quality: (S,)."""
        if self.target.max_bytes is not None:
            return np.log(np.array(list(map(len, files)), np.float64))
        shape = batch.stack.shape
        decoded = np.empty(shape, np.uint8)
        parsed = [ParsedFile.parse(file, None) for file in files]
        for packing in {file.header.packing for file in parsed}:
            mine = [index for index, file in enumerate(parsed) if file.header.packing == packing]
            samples = decoder.samples_alike([parsed[index] for index in mine], self.engine_name)
            decoded[mine] = np.stack(samples).reshape(-1, *shape[1:])
        return -(metrics.psnr if self.target.min_psnr is not None else metrics.ssim)(batch.stack, decoded)

    def error(self, best: float) -> Unreachable:
        """The error, which states the best measure that was reached."""
        if self.target.max_bytes is not None:
            least = round(float(np.exp(best)))
            return Unreachable(
                f"the smallest file of this picture has {least} bytes, more than {self.target.max_bytes}"
            )
        what, unit = ("a PSNR", " dB") if self.target.min_psnr is not None else ("an SSIM", "")
        digits = 2 if unit else 4
        return Unreachable(
            f"this picture reaches {what} of {-best:.{digits}f}{unit} at most, not {-self.limit:g}:"
            " max_error (--max-error) bounds the error of every sample instead"
        )


def encode(batch: Batch, candidates: Sequence[Candidate], options: EncodeOptions) -> list[bytes]:
    """The best file of each picture that meets the limit: the highest quality within max_bytes, or the fewest bytes.

    Raises Missed if a picture has no such file, and InvalidValue if a picture is too small for min_ssim.
    """
    goal = _Goal(options.target, options.engine)
    if goal.target.min_ssim is not None and min(batch.size) < metrics.SSIM_WINDOW:
        raise InvalidValue(f"min_ssim needs a picture of at least {metrics.SSIM_WINDOW} pixels in each direction")
    count = len(batch)
    found: list[bytes | None] = [None] * count
    if goal.target.max_bytes is not None and options.allows_plain:
        for index in np.flatnonzero(plain.promising(batch.stack, np.full(count, goal.target.max_bytes))).tolist():
            file = batch.plain_file(index)
            found[index] = file if len(file) <= goal.target.max_bytes else None
    best = np.full(count, np.inf)
    left = _missing(found)
    order = np.zeros((len(candidates), count), np.intp)
    if left.size:
        stack = batch.subset(left).stack
        order[:, left] = ranked(stack, candidates, TRIAL_QUALITY, options.engine)
    for numbers in order:
        for number, candidate in enumerate(candidates):
            left = _missing(found)
            mine = left[numbers[left] == number]
            if mine.size:
                files, least = _searched(batch.subset(mine), candidate, goal, options)
                put(found, mine, files)
                best[mine] = np.minimum(best[mine], least)
    for index in _missing(found).tolist():
        found[index] = _last_resort(batch, index, best[index], goal, options)
    return or_plain(batch, [file for file in found if file is not None], options.allows_plain)


def _last_resort(batch: Batch, index: int, best: float, goal: _Goal, options: EncodeOptions) -> bytes:
    """The plain file of a picture, if it meets the limit though it did not seem to. Raises Missed."""
    if goal.target.max_bytes is None or not options.allows_plain:
        raise Missed(index, goal.error(best))
    file = batch.plain_file(index)
    if len(file) > goal.target.max_bytes:
        raise Missed(index, goal.error(min(best, float(np.log(len(file))))))
    return file


def _missing(found: Sequence[bytes | None]) -> NDArray[np.intp]:
    return np.array([index for index, file in enumerate(found) if file is None], np.intp)


def _searched(
    batch: Batch, candidate: Candidate, goal: _Goal, options: EncodeOptions
) -> tuple[list[bytes | None], NDArray[np.float64]]:
    """For each picture, the file of the last rank that meets the limit, or None, and the lowest measure found."""
    count = len(batch)
    files: list[bytes | None] = [None] * count
    low, high = np.zeros(count, np.intp), np.full(count, MOST_QUALITY + 1)  # the last that keeps it, the first that
    at_low, at_high = np.full(count, np.nan), np.full(count, np.nan)  # does not; and their measures
    least = np.full(count, np.inf)

    def visit(indices: NDArray[np.intp], ranks: NDArray[np.intp]) -> None:
        some = batch.subset(indices)
        coded = lossy.encode(some, candidate, goal.qualities(ranks), options)
        measures = goal.measures(some, coded)
        keeps = measures <= goal.limit
        least[indices] = np.minimum(least[indices], measures)
        low[indices[keeps]], at_low[indices[keeps]] = ranks[keeps], measures[keeps]
        high[indices[~keeps]], at_high[indices[~keeps]] = ranks[~keeps], measures[~keeps]
        put(files, indices[keeps], [file for file, kept in zip(coded, keeps, strict=True) if kept])

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
    # Measures do not rise strictly: the next rank but one may keep the limit again, and then those that follow it.
    left, further = np.flatnonzero(low > 0), 2
    while (left := left[low[left] + further <= MOST_QUALITY]).size:
        ranks = low[left] + further
        visit(left, ranks)
        left, further = left[low[left] == ranks], 1
    return files, least
