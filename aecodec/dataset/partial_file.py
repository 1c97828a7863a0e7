"""A file that becomes visible when it is complete: written under another name, then renamed; or appended to."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import IO


class PartialFile:
    """A new file at `path`, which appears there once it is finished; `size` bytes of it have been written.

    kept: the name of the unfinished file, which `abort` then leaves where it is; otherwise it has a name of its own,
    and is removed. resumed: the bytes of it to keep, if it is there and is to be continued; None to begin anew.
    """

    _done = False  # finished or given up; the stream may be closed although neither succeeded

    def __init__(self, path: str | os.PathLike[str], kept: str | None = None, resumed: int | None = None) -> None:
        self._final = os.path.realpath(path)  # a link stays a link
        own = os.path.join(os.path.dirname(self._final), f".aec-{os.urandom(8).hex()}.tmp")
        self._temporary: str | None = kept or own
        self._kept = kept is not None
        self._before = 0
        self.size = resumed or 0
        try:
            self._stream: IO[bytes] = open(self._temporary, "xb" if resumed is None else "r+b")  # noqa: SIM115
        except OSError as error:
            raise OSError(error.errno, error.strerror, os.fspath(kept or path)) from error  # not the temporary name
        if resumed is not None:
            self._stream.truncate(resumed)
            self._stream.seek(resumed)

    @classmethod
    def appending(cls, path: str | os.PathLike[str]) -> PartialFile:
        """The file at `path`, to which bytes are appended; `abort` cuts them off again."""
        file = cls.__new__(cls)
        file._final, file._temporary, file._kept = os.path.realpath(path), None, False
        file._stream = open(file._final, "r+b")  # noqa: SIM115
        file._before = file.size = file._stream.seek(0, os.SEEK_END)
        return file

    @property
    def closed(self) -> bool:
        """Whether the file is finished or given up."""
        return self._done

    def write(self, data: bytes) -> None:
        """Append bytes. Raises OSError."""
        self._stream.write(data)
        self.size += len(data)

    def finish(self) -> None:
        """Make sure that all bytes are on the disk, and give the file its name. Raises OSError."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        with suppress(OSError):  # all bytes are on the disk: nothing can be lost any more
            self._stream.close()
        if self._temporary is not None:
            with suppress(OSError):
                os.chmod(self._temporary, os.stat(self._final).st_mode & 0o7777)  # overwriting keeps permissions
            os.replace(self._temporary, self._final)
        self._done = True

    def abort(self) -> None:
        """Remove what was written, unless it is kept, even where the disk is full. Raises OSError."""
        if self._done:
            return
        self._done = True
        if self._temporary is None:
            self._cut_off()
            return
        try:
            with suppress(OSError):  # of a full disk
                self._stream.close()
        finally:
            if not self._kept:
                with suppress(FileNotFoundError):
                    os.unlink(self._temporary)

    def _cut_off(self) -> None:
        """Give the file the length that it had, and close it."""
        if self._stream.closed:
            return
        # Closing writes what is still in the buffer, so the file can be cut only afterwards, by another descriptor.
        descriptor = os.dup(self._stream.fileno())
        try:
            with suppress(OSError):
                self._stream.close()
            os.ftruncate(descriptor, self._before)
        finally:
            os.close(descriptor)
