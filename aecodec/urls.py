"""Files that are named by a URL, such as s3://bucket/digit.aec: fsspec, from the extra `fsspec`, opens them.

fsspec is imported when a URL is met, and it imports the package of its protocol, which it names if that is missing.
"""

from __future__ import annotations

from typing import IO, Any, TypeGuard

from aecodec.errors import InvalidValue


def is_url(path: object) -> TypeGuard[str]:
    """Whether this is a URL and not the path of a local file."""
    return isinstance(path, str) and "://" in path


def file_system(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it. Raises InvalidValue for what nothing here can open."""
    try:
        import fsspec.core
    except ImportError as error:
        raise InvalidValue(f"{url} needs fsspec: pip install 'aecodec[fsspec]'") from error
    try:
        files, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise InvalidValue(f"{url} cannot be opened: {error}") from error
    return files, path


def open_url(url: str, mode: str = "rb") -> IO[bytes]:
    """Open a file elsewhere. Raises InvalidValue for what nothing here can open, and OSError."""
    files, path = file_system(url)
    opened: IO[bytes] = files.open(path, mode)
    return opened


def matching(pattern: str) -> list[str]:
    """The URLs that a pattern with wildcards stands for, sorted. Raises InvalidValue, OSError."""
    files, path = file_system(pattern)
    return sorted(files.unstrip_protocol(name) for name in files.glob(path))
