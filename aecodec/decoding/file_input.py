"""The forms in which a caller passes an .aec file: bytes, a path, or a file object."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, TypeAlias

from aecodec import urls
from aecodec.errors import InvalidValue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FileLike: TypeAlias = "bytes | bytearray | memoryview | NDArray[np.uint8] | str | os.PathLike[str] | IO[bytes]"
"""Any object with the buffer protocol that holds the bytes, a path or URL, or a file that was opened in binary mode."""


def file_bytes(data: FileLike) -> bytes:
    """The bytes of a file that was passed as bytes, a path or a file object. Raises InvalidValue, OSError."""
    if isinstance(data, bytes):
        return data
    if isinstance(data, str | os.PathLike):
        with urls.open_url(data) if urls.is_url(data) else open(data, "rb") as file:
            return file.read()
    try:
        return bytes(memoryview(data))  # type: ignore[arg-type]
    except TypeError:
        found = _content(data)
    if not isinstance(found, bytes):
        raise InvalidValue(
            f"expected the bytes of an .aec file, its path or a file in binary mode, not {type(data).__name__}"
        )
    return found


def _content(data: object) -> object:
    """What a file object holds; None for anything else, and for a file in text mode that is no text."""
    try:
        return data.read() if hasattr(data, "read") else None
    except UnicodeDecodeError:
        return None
