"""The choice between a model's file and a plain one, which needs no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from aecodec.encoding.batch import Batch
from aecodec.format import panels
from aecodec.lossless import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALL: Final = 1 << 15  # samples, of which a plain file takes as long as a model's
MOST_MORE: Final = 1.01  # no file may exceed the raw samples by more than this, and plain.RAW_MORE_BYTES


def are_flat(batch: Batch) -> NDArray[np.bool_]:
    """Which pictures are large and of one colour, (S,): 17 bytes if plain, a hundred times that with a model."""
    if max(batch.size) <= panels.SIDE:
        return np.zeros(len(batch), np.bool_)
    # all() ends at the first row that is not
    return np.array([all(bool((row == picture[0, 0]).all()) for row in picture) for picture in batch.stack])


def or_plain(batch: Batch, files: Sequence[bytes], allowed: bool, max_error: int | None = None) -> list[bytes]:
    """The file of each picture, or its plain file if that is no larger.

    files: an empty one is always replaced. allowed: whether plain files may be used whenever they are smaller;
    otherwise they only replace files that exceed the raw samples. max_error: the error that the files guarantee, or
    None. Lossy files are compared where a plain one is promising, small lossless ones too; a model needs far longer for
    the others than that takes.
    """
    sizes = np.array(list(map(len, files))) - batch.section_bytes
    tried = np.array([not file for file in files])
    tried |= sizes > MOST_MORE * batch.stack[0].nbytes + plain.RAW_MORE_BYTES
    if allowed:
        compared = bool(max_error) or (max_error == 0 and batch.stack[0].size > SMALL)
        tried |= compared or plain.promising(batch.stack, sizes)
    chosen = list(files)
    for index in np.flatnonzero(tried).tolist():
        other = batch.plain_file(index, max_error or 0)
        if not chosen[index] or len(other) <= len(chosen[index]):
            chosen[index] = other
    return chosen
