"""Pictures from several blocks, or several files, put together in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aecodec.images.source import Picture


def assembled(count: int, parts: Iterable[tuple[NDArray[np.int64], Sequence[Picture]]]) -> Any:
    """An array of all pictures if they are alike, otherwise a list. parts: (places in it, pictures)."""
    whole: Picture | None = None
    pictures: list[Picture] | None = None if count else []
    for where, some in parts:
        kinds = {(picture.shape, picture.dtype) for picture in (some[:1] if isinstance(some, np.ndarray) else some)}
        if whole is None and pictures is None and len(kinds) == 1:
            whole = np.empty((count, *some[0].shape), some[0].dtype)
        if whole is not None and kinds == {(whole.shape[1:], whole.dtype)}:
            whole[where] = some
            continue
        if pictures is None:
            pictures = list(whole) if whole is not None else [np.zeros(0, np.uint8)] * count
            whole = None
        for position, picture in zip(where.tolist(), some, strict=True):
            pictures[position] = np.array(picture)
    return whole if whole is not None else pictures


def alike(pictures: Any) -> Any:
    """An array of the pictures of a list, if they are alike, and otherwise the list; an array stays one."""
    if isinstance(pictures, np.ndarray) or len({(picture.shape, picture.dtype) for picture in pictures}) != 1:
        return pictures
    return np.stack(pictures)
