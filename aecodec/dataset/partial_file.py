"""A file that becomes visible when it is complete: written under another name, then renamed; or appended to."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import IO

try:
    import fcntl
except ImportError:  # Windows, where a lock would keep readers out
    fcntl = None  # type: ignore[assignment]


class WriterLock:
    """Keeps other writers from a file, in this process and in others, but no reader; gone when it is collected.

    It is held by a descriptor of its own, since a file is closed before it gets its name. Where the file system or the
    platform has no such locks, nothing is kept away. Raises BlockingIOError if there is another writer, and OSError.
    """

    def __init__(self, path: str) -> None:
        self._stream = open(path, "r+b")  # noqa: SIM115
        try:
            self._take(path)
        except BaseException:
            self._stream.close()
            raise

    def _take(self, path: str) -> None:
        if fcntl is None:
            self._stream.close()  # an open file could not get its name there
            return
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(errno.EAGAIN, "is being written by another writer", path) from None
        except OSError:
            return
        if not os.path.samestat(os.fstat(self._stream.fileno()), os.stat(path)):  # the other one has just finished
            raise BlockingIOError(errno.EAGAIN, "has just been written by another writer", path)

    def release(self) -> None:
        """Let others write; processes that were forked meanwhile do not hold the lock any longer."""
        if self._stream.closed:
            return
        if fcntl is not None:
            with suppress(OSError):
                fcntl.flock(self._stream, fcntl.LOCK_UN)
        self._stream.close()


class PartialFile:
    """A new file at `path`, which appears there once it is finished; `size` bytes of it have been written.

    kept: the name of the unfinished file, which `abort` then leaves where it is; otherwise it has a name of its own,
    and is removed. resumed: whether it is there and is to be continued. A file that is kept or appended to has one
    writer at a time: another one gets a BlockingIOError.
    """

    _lock: WriterLock | None = None
    _done = False  # finished or given up; the stream may be closed although neither succeeded

    def __init__(self, path: str | os.PathLike[str], kept: str | None = None, resumed: bool = False) -> None:
        self._final = os.path.realpath(path)  # a link stays a link
        own = os.path.join(os.path.dirname(self._final), f".aec-{os.urandom(8).hex()}.tmp")
        self._temporary: str | None = kept or own
        self._kept = kept is not None
        self._before = 0
        try:
            self._stream: IO[bytes] = open(self._temporary, "r+b" if resumed else "xb")  # noqa: SIM115
        except OSError as error:
            raise OSError(error.errno, error.strerror, os.fspath(kept or path)) from error  # not the temporary name
        if kept is not None:
            self._take_lock(kept)
        self.size = self._stream.seek(0, os.SEEK_END)

    @classmethod
    def appending(cls, path: str | os.PathLike[str]) -> PartialFile:
        """The file at `path`, to which bytes are appended; `abort` cuts them off again."""
        file = cls.__new__(cls)
        file._final, file._temporary, file._kept = os.path.realpath(path), None, False
        file._stream = open(file._final, "r+b")  # noqa: SIM115
        file._take_lock(file._final)
        file._before = file.size = file._stream.seek(0, os.SEEK_END)
        return file

    def _take_lock(self, path: str) -> None:
        try:
            self._lock = WriterLock(path)
        except BaseException:
            self._stream.close()
            raise

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def cut(self, size: int) -> None:
        """Keep the first `size` bytes only. Raises OSError."""
        self._stream.flush()
        self._stream.truncate(size)
        self.size = self._stream.seek(size)

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
        self._release()

    def abort(self) -> None:
        """Remove what was written, unless it is kept, even where the disk is full. Raises OSError."""
        if self._done:
            return
        self._done = True
        try:
            if self._temporary is None:
                self._cut_off()
            else:
                self._remove(self._temporary)
        finally:
            self._release()

    def _remove(self, temporary: str) -> None:
        try:
            with suppress(OSError):  # of a full disk
                self._stream.close()
        finally:
            if not self._kept:
                with suppress(FileNotFoundError):
                    os.unlink(temporary)

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
