"""Encoding of pictures of one size, each with its best candidate, at a quality, to a limit or with bounded error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aecodec.encoding import lossy, near_lossless, rate_search
from aecodec.encoding.batch import Batch, put
from aecodec.encoding.candidates import TRIAL_QUALITY, Candidate, ranked
from aecodec.encoding.options import EncodeOptions
from aecodec.encoding.plain_fallback import are_flat, or_plain


def encode(batch: Batch, candidates: Sequence[Candidate], options: EncodeOptions) -> list[bytes]:
    """Encode a batch, each picture with the candidate that suits it best, or plain.

    Raises `rate_search.Missed` if no file of a picture meets the limit.
    """
    target = options.target
    if target.max_error is None and target.quality is None:
        return rate_search.encode(batch, candidates, options)
    flat = are_flat(batch) if options.allows_plain else np.zeros(len(batch), np.bool_)
    files = [batch.plain_file(index, target.max_error or 0) if flat[index] else b"" for index in range(len(batch))]
    left = np.flatnonzero(~flat)
    if left.size:
        rest = batch.subset(left)
        if target.max_error is not None:
            put(files, left, _with_bounded_error(rest, candidates, target.max_error, options))
        elif target.quality is not None:
            put(files, left, _at_quality(rest, candidates, target.quality, options))
    return files


def _at_quality(batch: Batch, candidates: Sequence[Candidate], quality: int, options: EncodeOptions) -> list[bytes]:
    files = [b""] * len(batch)
    best = ranked(batch.stack, candidates, quality, options.engine)[0]
    for number, candidate in enumerate(candidates):
        mine = np.flatnonzero(best == number)
        if mine.size:
            subset = batch.subset(mine)
            coded = lossy.encode(subset, candidate, np.full(mine.size, quality), options)
            put(files, mine, or_plain(subset, coded, options.allows_plain))
    return files


def _with_bounded_error(
    batch: Batch, candidates: Sequence[Candidate], max_error: int, options: EncodeOptions
) -> list[bytes]:
    """The smallest file of each picture in which no sample is off by more than max_error."""
    able = [candidate for candidate in candidates if near_lossless.can_encode(candidate)]
    files = [b""] * len(batch)
    fits = batch.stack.dtype == np.uint8 and max_error <= near_lossless.MOST_ERROR
    if able and fits:
        order = ranked(batch.stack, able, TRIAL_QUALITY, options.engine)
        files = near_lossless.encode(batch, able, order, max_error, options)
    return or_plain(batch, files, options.allows_plain, max_error)
