"""Data sets elsewhere, named by a URL that fsspec opens: read range by range, and written in one piece."""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from aecodec import urls
from aecodec.dataset.partial_file import PartialFile
from aecodec.dataset.ranges import require_range
from aecodec.errors import AecError, InvalidValue


class RemoteFile:
    """A file elsewhere, of which only the ranges that are asked for are fetched; pickled as its URL."""

    def __init__(self, url: str) -> None:
        self.url, self._process = url, os.getpid()
        self._files, self._path = urls.file_system(url)
        with _os_errors(url):
            size = self._files.size(self._path)
        if size is None:
            raise OSError(f"{url} cannot be read range by range: the server does not tell its size")
        self.size = int(size)

    def read(self, offset: int, length: int) -> bytes:
        """The bytes offset..offset + length - 1. Raises TruncatedFile beyond the end, and OSError."""
        require_range(offset, length, self.size)
        if not length:
            return b""
        if self._process != os.getpid():  # forked: connections are not to be shared
            self._files, self._path = urls.file_system(self.url)
            self._process = os.getpid()
        with _os_errors(self.url):
            data = bytes(self._files.cat_file(self._path, start=offset, end=offset + length))
        if len(data) == self.size:  # a server that knows no ranges sends everything
            data = data[offset : offset + length]
        if len(data) != length:
            raise OSError(f"{self.url} cannot be read: the server sent {len(data)} bytes instead of {length}")
        return data

    def close(self) -> None:
        """Nothing to release."""

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "size": self.size}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.url, self.size = state["url"], state["size"]
        self._files, self._path, self._process = None, "", 0  # connected to when it is read from


@contextmanager
def _os_errors(url: str) -> Iterator[None]:
    """Turn errors that a protocol's package has of its own, such as those of aiohttp, into OSError."""
    try:
        yield
    except (OSError, AecError):
        raise
    except Exception as error:
        raise OSError(f"{url} cannot be read: {error}") from error


class RemoteOutput(PartialFile):
    """A new file elsewhere: written to a temporary file here, and sent there once it is finished."""

    def __init__(self, url: str) -> None:
        self._files, self._path = urls.file_system(url)
        with tempfile.NamedTemporaryFile(prefix="aec-", delete=False) as file:
            pass
        super().__init__(file.name)

    def finish(self) -> None:
        """Send the file. Raises OSError."""
        super().finish()  # if this fails, `abort` follows and removes both files
        try:
            self._files.put_file(self._final, self._path)
        finally:
            os.unlink(self._final)

    def abort(self) -> None:
        """Remove what was written here; nothing is sent."""
        if not self.closed:
            try:
                super().abort()
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(self._final)


class StreamOutput(PartialFile):
    """A binary file object, which is left open; after an error it may hold a part."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.size = stream, 0

    def write(self, data: bytes) -> None:
        """Write all bytes, even to a raw stream, which may take some of them only. Raises OSError."""
        rest = memoryview(data)
        while rest:
            count = self._stream.write(rest)
            if count is None and isinstance(self._stream, io.RawIOBase):
                raise BlockingIOError(errno.EAGAIN, "the stream takes no more bytes at present")
            rest = rest[len(rest) if count is None else count :]  # others may return nothing
        self.size += len(data)

    def finish(self) -> None:
        """Nothing more is written."""
        self._done = True

    def abort(self) -> None:
        """Nothing more is written."""
        self._done = True


def output_of(path: Any, appending: bool = False) -> PartialFile:
    """The file of a path, a URL, or a binary file object; only one on disk can be appended to.

    Raises InvalidValue, OSError.
    """
    elsewhere = urls.is_url(path) or hasattr(path, "write")
    if appending and elsewhere:
        raise InvalidValue("pictures can be appended to a file on disk only: write another data set")
    if appending:
        return PartialFile.appending(path)
    if not elsewhere:
        return PartialFile(path)
    return RemoteOutput(path) if urls.is_url(path) else StreamOutput(path)
