"""Encoding of pictures of one size, each with its best candidate, at a quality, to a limit or with bounded error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aecodec.encoding import lossy, near_lossless, rate_search
from aecodec.encoding.batch import Batch, put
from aecodec.encoding.candidates import TRIAL_QUALITY, Candidate, ranked
from aecodec.encoding.options import EncodeOptions
from aecodec.encoding.plain_fallback import is_flat, or_plain


def encode(batch: Batch, candidates: Sequence[Candidate], options: EncodeOptions) -> list[bytes]:
    """Encode a batch, each picture with the candidate that suits it best, or plain.

    Raises `rate_search.Missed` if no file of a picture meets the limit.
    """
    if options.target.max_error is not None:
        return _with_bounded_error(batch, candidates, options.target.max_error, options)
    if options.target.quality is not None:
        return _at_quality(batch, candidates, options.target.quality, options)
    return rate_search.encode(batch, candidates, options)


def _at_quality(batch: Batch, candidates: Sequence[Candidate], quality: int, options: EncodeOptions) -> list[bytes]:
    if options.allows_plain and is_flat(batch):
        return [batch.plain_file(index) for index in range(len(batch))]
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
    fits = batch.stack.dtype == np.uint8 and max_error <= near_lossless.MOST_ERROR and not is_flat(batch)
    if able and fits:
        order = ranked(batch.stack, able, TRIAL_QUALITY, options.engine)
        files = near_lossless.encode(batch, able, order, max_error, options)
    return or_plain(batch, files, options.allows_plain, max_error)
