"""The choice between a model's file and a plain one, which needs no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from aecodec.encoding.batch import Batch
from aecodec.format import panels
from aecodec.lossless import plain

MOST_MORE: Final = 1.01  # no file may exceed the raw samples by more than this, and plain.RAW_MORE_BYTES


def is_flat(batch: Batch) -> bool:
    """Whether the batch is one large picture of one colour: 17 bytes if plain, a hundred times that with a model."""
    stack = batch.stack
    if len(stack) > 1 or max(batch.size) <= panels.SIDE:
        return False
    return all(bool((row == stack[0, 0, 0]).all()) for row in stack[0])  # ends at the first row that is not


def or_plain(batch: Batch, files: Sequence[bytes], allowed: bool, max_error: int | None = None) -> list[bytes]:
    """The file of each picture, or its plain file if that is no larger.

    files: an empty one is always replaced. allowed: whether plain files may be used whenever they are smaller;
    otherwise they only replace files that exceed the raw samples. max_error: the error that the files guarantee, or
    None.
    """
    sizes = np.array(list(map(len, files))) - batch.section_bytes
    tried = np.array([not file for file in files])
    tried |= sizes > MOST_MORE * batch.stack[0].nbytes + plain.RAW_MORE_BYTES
    if allowed:
        tried |= True if max_error else plain.promising(batch.stack, sizes)
    chosen = list(files)
    for index in np.flatnonzero(tried).tolist():
        other = batch.plain_file(index, max_error or 0)
        if not chosen[index] or len(other) <= len(chosen[index]):
            chosen[index] = other
    return chosen
