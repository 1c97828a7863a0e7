"""Where the bytes of a data set come from: anything that reads ranges of them.

A source has a `size` in bytes and `read(offset, length)`, which returns just those bytes; it may be called by several
threads at once. A file on disk is mapped into memory. Sources that are to be sent to other processes are picklable.
"""

from __future__ import annotations

import mmap
import os
from typing import Any, Protocol, TypeAlias, runtime_checkable

from aecodec.errors import AecError, InvalidValue, TruncatedFile


@runtime_checkable
class RangeSource(Protocol):
    """The bytes of a file, read range by range."""

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """The bytes offset..offset + length - 1. Raises TruncatedFile beyond the end, and OSError."""

    def close(self) -> None:
        """Release what reading needs."""


DataSetLike: TypeAlias = "str | os.PathLike[str] | bytes | RangeSource"
"""What `aecodec.dataset.open` takes: a path, the file's bytes, or an object that reads ranges of it."""


class MappedFile:
    """A file on disk, mapped into memory; pickled as its path."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(path)
        with open(self.path, "rb") as file:
            self.size = os.fstat(file.fileno()).st_size
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self.size else None

    def read(self, offset: int, length: int) -> bytes:
        """The bytes offset..offset + length - 1."""
        if self._map is None:
            require_range(offset, length, 0)
            return b""
        require_range(offset, length, self.size)
        return self._map[offset : offset + length]

    def close(self) -> None:
        """Release the map."""
        if self._map is not None:
            self._map.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "size": self.size}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"])  # type: ignore[misc]
        if self.size != state["size"]:
            raise AecError(f"{self.path} has changed since it was opened: open it again")


class InMemory:
    """A file's bytes, held in memory."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def read(self, offset: int, length: int) -> bytes:
        """The bytes offset..offset + length - 1."""
        require_range(offset, length, self.size)
        return self.data[offset : offset + length]

    def close(self) -> None:
        """Nothing to release."""


def require_range(offset: int, length: int, size: int) -> None:
    """Raise TruncatedFile for bytes that a file of `size` bytes does not have."""
    if offset < 0 or length < 0 or offset + length > size:
        raise TruncatedFile("the data set ends early")


def source_of(data: DataSetLike) -> RangeSource:
    """The source of a path, of bytes, or the given one. Raises InvalidValue, OSError."""
    if isinstance(data, str) and not data:
        raise InvalidValue("the name of the file is empty")
    if isinstance(data, str | os.PathLike):
        return MappedFile(data)
    if isinstance(data, bytes | bytearray | memoryview):
        return InMemory(bytes(data))
    if isinstance(data, RangeSource):
        return data
    raise InvalidValue(
        f"expected the path or the bytes of a data set, or an object with size and read, not {type(data).__name__}"
    )
