"""The Pillow plugin: after `aecodec.pillow.register()`, `Image.open` reads .aec files and `image.save` writes them.

    import aecodec.pillow
    from PIL import Image

    aecodec.pillow.register()
    with Image.open("photo.aec") as image:  # size, mode and info are known; pixels are decoded when needed
        image.save("copy.aec", quality=40)

`save` takes the options of `aecodec.encode` (`model`, `quality`, `lossless`, `max_bytes`, `strip`, ...), and
`icc_profile`, `exif`, `xmp` and `dpi`, which replace those in the picture's `info`.
"""

from __future__ import annotations

from dataclasses import fields
from io import BytesIO
from typing import IO, Any, Final

import numpy as np
from PIL import Image, ImageFile

import aecodec
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.encoding.options import TARGET_NAMES, EncodeOptions
from aecodec.errors import AecError, InvalidValue, NotAnAecFile, UnknownModel, Unreachable, warn_converted
from aecodec.format import container
from aecodec.images import scaling
from aecodec.images.source import eight_bits

FORMAT: Final = "AEC"
SUFFIX: Final = ".aec"
MIME_TYPE: Final = "image/x-aec"

_OPTIONS: Final = (*TARGET_NAMES, *(field.name for field in fields(EncodeOptions) if field.name != "target"))
_METADATA: Final = ("icc_profile", "exif", "xmp", "dpi")
_HARD_LIMIT: Final = 2  # Pillow warns above its limit of pixels, and refuses above twice as many


def register() -> None:
    """Make Pillow read and write .aec files in this process. Calling it again has no effect."""
    Image.register_open(FORMAT, AecImageFile, _accept)
    Image.register_save(FORMAT, _save)
    Image.register_save_all(FORMAT, _save_all)
    Image.register_extension(FORMAT, SUFFIX)
    Image.register_mime(FORMAT, MIME_TYPE)


class AecImageFile(ImageFile.ImageFile):
    """An opened .aec file, whose pixels are decoded when they are first needed.

    Opening raises SyntaxError if the file is not an .aec file, so that Pillow tries its other plugins. Opening, loading
    and verifying raise OSError if the file is damaged or this release cannot read it.
    """

    format = FORMAT
    format_description = "aecodec learned image"
    _file: ParsedFile | None = None  # until it is decoded
    _thumbnail: int | None = None

    def _open(self) -> None:
        assert self.fp is not None
        try:
            file = ParsedFile.parse(self.fp.read(), None)
            self.info.update(file.metadata().info())
        except NotAnAecFile as error:
            raise SyntaxError(str(error)) from error
        except AecError as error:
            raise OSError(str(error)) from error
        self._size = file.size[1], file.size[0]
        self._mode = file.mode
        self._file = file

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, float, float]] | None:
        """Prepare to decode a reduced picture of at least `size`, which is faster. `Image.thumbnail` calls this."""
        if self._file is None or self._thumbnail is not None or size is None:
            return None
        (height, width), block = self._file.size, self._file.block
        if block is None:
            return None
        most = min(width // max(1, size[0]), height // max(1, size[1]))
        if most > block:
            most -= most % block
        if most < 2:
            return None
        self._thumbnail = -(-max(width, height) // most)
        factor, _ = scaling.factors(self._file.size, self._thumbnail, block)
        self._size = -(-width // factor), -(-height // factor)
        return self.mode, (0, 0, width / factor, height / factor)

    def load(self) -> Any:
        """Decode the pixels, if they are not there yet. Raises OSError if the file is damaged."""
        if self._file is not None:
            samples = self._decode(self._file)
            self._file = None
            if self.fp and self._exclusive_fp:
                self.fp.close()
            self.fp = BytesIO(samples)
            self.tile = [ImageFile._Tile("raw", (0, 0, *self.size), 0, self.mode)]
        return super().load()

    def load_seek(self, pos: int) -> None:
        """Do nothing, as the samples are in memory. That the method exists keeps Pillow from mapping the file."""

    def verify(self) -> None:
        """Decode the file, since its checksum covers the decoded pixels. Raises OSError if it is damaged."""
        if self._file is not None:
            self._decode(self._file)
        super().verify()

    def _decode(self, file: ParsedFile) -> bytes:
        limit = None if Image.MAX_IMAGE_PIXELS is None else _HARD_LIMIT * Image.MAX_IMAGE_PIXELS
        try:
            samples = aecodec.decode(file.data, max_pixels=limit, thumbnail=self._thumbnail)
            if samples.dtype == np.uint16:
                samples = samples.astype("<u2") if file.mode == "I;16" else eight_bits(samples)
            return samples.tobytes()
        except AecError as error:
            raise OSError(str(error)) from error


def _accept(prefix: bytes) -> bool:
    try:
        container.read_header(prefix)
    except NotAnAecFile:
        return False
    except AecError:
        pass  # the prefix is too short, or the file is damaged: `_open` reads all of it
    return bool(prefix)


def _save(image: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
    given = image.encoderinfo
    unknown = sorted(set(given) - {*_OPTIONS, *_METADATA})
    if unknown:
        warn_converted((f"{FORMAT} files have no option {' and no option '.join(unknown)}: ignored",))
    options = {name: given[name] for name in _OPTIONS if given.get(name) is not None}
    replaced = {name: given[name] for name in _METADATA if name in given}
    if isinstance(exif := replaced.get("exif"), Image.Exif):
        replaced["exif"] = exif.tobytes()
    if replaced:
        image = image.copy()
        image.info.update(replaced)
    try:
        encoded = aecodec.encode(image, **options)
    except (InvalidValue, UnknownModel, Unreachable) as error:
        raise ValueError(str(error)) from error
    except AecError as error:
        raise OSError(f"cannot write mode {image.mode} as {FORMAT}: {error}") from error
    fp.write(encoded)


def _save_all(image: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
    frames = getattr(image, "n_frames", 1) + len(image.encoderinfo.pop("append_images", None) or ())
    if frames > 1:
        raise ValueError(f"{FORMAT} files hold one picture, not {frames}: save each in a file, without save_all")
    _save(image, fp, filename)
