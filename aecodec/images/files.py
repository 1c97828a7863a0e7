"""Which files are pictures, by their names, and where they lie below a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from functools import cache

from PIL import Image, ImageFile


def is_picture_name(name: str) -> bool:
    """Whether a file name has the suffix of a picture format that Pillow reads."""
    return os.path.splitext(name)[1].lower() in _readable_suffixes()


@cache
def _readable_suffixes() -> frozenset[str]:
    by_suffix = Image.registered_extensions()
    readable = {
        name
        for name, (factory, _) in Image.OPEN.items()
        # Stubs, and the plugin for MPEG, recognize a format but cannot read it.
        if name != "MPEG" and not (isinstance(factory, type) and issubclass(factory, ImageFile.StubImageFile))
    }
    return frozenset(suffix for suffix, name in by_suffix.items() if name in readable) - {".aec"}


def files_below(folder: str, accepts: Callable[[str], bool]) -> Iterator[str]:
    """The paths of files whose names are accepted, folder by folder and sorted, then those of folders without access.

    A folder that cannot be read is found out where it is read as a file, and reported there. Hidden files and folders
    are left out: they are previews, thumbnails, and temporary files of ours. So are pipes, sockets and devices, which
    may never end. Links to folders are not followed.
    """
    unread: list[OSError] = []
    for here, inner, names in os.walk(folder, onerror=unread.append):
        inner[:] = sorted(name for name in inner if not is_hidden(name))
        accepted = (os.path.join(here, name) for name in sorted(names) if not is_hidden(name) and accepts(name))
        yield from (path for path in accepted if not _is_special(path))
    yield from (error.filename for error in unread)


def _is_special(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:  # is reported when it is read
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def is_hidden(name: str) -> bool:
    """Whether file managers hide a file or folder of this name."""
    return name.startswith(".")
