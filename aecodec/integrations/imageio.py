"""The imageio plugin: after `register()`, `imageio.v3` reads and writes .aec files without going through Pillow.

    import aecodec.integrations.imageio
    import imageio.v3 as iio

    aecodec.integrations.imageio.register()
    iio.imwrite("digit.aec", picture, lossless=True)
    picture = iio.imread("digit.aec")

`imwrite` takes the options of `aecodec.encode`, `imread` those of `aecodec.decode`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from imageio import config
from imageio.core.request import RETURN_BYTES, InitializationError, IOMode, Request
from imageio.core.v3_plugin_api import ImageProperties, PluginV3

import aecodec
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.errors import AecError, InvalidValue, NotAnAecFile
from aecodec.images.source import Picture

NAME: Final = "aecodec"
SUFFIX: Final = ".aec"


def register() -> None:
    """Make imageio read and write .aec files in this process. Calling it again has no effect."""
    if NAME in config.known_plugins:
        return
    config.known_plugins[NAME] = config.PluginConfig(NAME, AecPlugin.__name__, __name__)
    extension = config.FileExtension(name="aecodec learned image", extension=SUFFIX, priority=[NAME])
    config.extension_list.append(extension)
    config.known_extensions.setdefault(SUFFIX, []).insert(0, extension)


class AecPlugin(PluginV3):
    """One .aec file, which holds one picture: its only index is 0.

    Reading raises OSError if the file is damaged; writing raises ValueError for options and pictures that `encode` does
    not take.
    """

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._data = b""
        if request.mode.io_mode == IOMode.read:
            self._data = request.get_file().read()
            try:
                ParsedFile.parse(self._data, None)
            except NotAnAecFile as error:
                raise InitializationError(str(error)) from error
            except AecError as error:
                raise OSError(str(error)) from error
        elif SUFFIX not in (request.extension, request.format_hint):
            raise InitializationError(f"aecodec writes {SUFFIX} files only")

    def read(self, *, index: Any = 0, **options: Any) -> Picture:
        """The picture, (H, W) or (H, W, C) of uint8 or uint16; with index `...`, a stack of one.

        options: region, thumbnail, engine, max_pixels, as for `aecodec.decode`.
        """
        _require_first(index)
        try:
            picture = aecodec.decode(self._data, **options)
        except InvalidValue as error:
            raise ValueError(str(error)) from error
        except AecError as error:
            raise OSError(str(error)) from error
        return picture[None] if index is Ellipsis else picture

    def write(self, ndimage: Any, **options: Any) -> bytes | None:
        """Write one picture, or a list of one; the options are those of `aecodec.encode`."""
        if isinstance(ndimage, list | tuple):
            if len(ndimage) != 1:
                raise ValueError(f"{SUFFIX} files hold one picture, not {len(ndimage)}")
            (ndimage,) = ndimage
        try:
            data = aecodec.encode(np.asarray(ndimage), **options)
        except AecError as error:
            raise ValueError(str(error)) from error
        file = self.request.get_file()
        file.write(data)
        return data if self.request.raw_uri == RETURN_BYTES else None

    def iter(self, **options: Any) -> Iterator[Picture]:
        """The picture alone."""
        yield self.read(**options)

    def properties(self, index: Any = 0) -> ImageProperties:
        """Shape and dtype, from the header alone."""
        _require_first(index)
        file = ParsedFile.parse(self._data, None)
        count = {"LA": 2, "RGB": 3, "RGBA": 4}.get(file.mode)
        shape = (*file.size, count) if count else file.size
        batch = index is Ellipsis
        dtype = np.dtype(np.uint16 if file.bits > 8 else np.uint8)
        return ImageProperties(shape=(1, *shape) if batch else shape, dtype=dtype, is_batch=batch)

    def metadata(self, index: Any = 0, exclude_applied: bool = True) -> dict[str, Any]:
        """Colour profile, EXIF, XMP and resolution, under the names that Pillow uses."""
        _require_first(index)
        return dict(ParsedFile.parse(self._data, None).metadata().info())


def _require_first(index: Any) -> None:
    if index not in (0, None, Ellipsis):
        raise ValueError(f"{SUFFIX} files hold one picture: there is no index {index}")
