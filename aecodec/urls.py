"""Files that are named by a URL, such as s3://bucket/digit.aec: fsspec, from the extra `fsspec`, opens them.

fsspec is imported when a URL is met, and it imports the package of its protocol, which it names if that is missing.
"""

from __future__ import annotations

from typing import IO, TypeGuard

from aecodec.errors import InvalidValue


def is_url(path: object) -> TypeGuard[str]:
    """Whether this is a URL and not the path of a local file."""
    return isinstance(path, str) and "://" in path


def open_url(url: str, mode: str = "rb") -> IO[bytes]:
    """Open a file elsewhere. Raises InvalidValue for protocols that nothing here can open, and OSError."""
    try:
        import fsspec
    except ImportError as error:
        raise InvalidValue(f"{url} needs fsspec: pip install 'aecodec[fsspec]'") from error
    try:
        opened: IO[bytes] = fsspec.open(url, mode).open()
    except (ImportError, ValueError) as error:
        raise InvalidValue(f"{url} cannot be opened: {error}") from error
    return opened
