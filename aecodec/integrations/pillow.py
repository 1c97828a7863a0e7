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
from typing import IO, Any, Final

from PIL import Image, ImageFile

import aecodec
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.encoding.options import TARGET_NAMES, EncodeOptions
from aecodec.errors import (
    AecError,
    ChecksumMismatch,
    InvalidValue,
    NotAnAecFile,
    TruncatedFile,
    UnknownModel,
    Unreachable,
    warn_converted,
)
from aecodec.format import container
from aecodec.images import scaling
from aecodec.images.metadata import Metadata
from aecodec.images.pillow_images import to_pillow

FORMAT: Final = "AEC"
SUFFIX: Final = ".aec"
MIME_TYPE: Final = "image/x-aec"

_OPTIONS: Final = (*TARGET_NAMES, *(field.name for field in fields(EncodeOptions) if field.name != "target"))
_METADATA: Final = ("icc_profile", "exif", "xmp", "dpi")
_BLOCK_BYTES: Final = 4096
_HARD_LIMIT: Final = 2  # Pillow warns above its limit of pixels, and refuses above twice as many


def register() -> None:
    """Make Pillow read and write .aec files in this process. Calling it again has no effect."""
    Image.register_open(FORMAT, AecImageFile, _accept)
    Image.register_save(FORMAT, _save)
    Image.register_save_all(FORMAT, _save_all)
    Image.register_extension(FORMAT, SUFFIX)
    Image.register_mime(FORMAT, MIME_TYPE)


class AecImageFile(ImageFile.ImageFile):
    """An opened .aec file, whose pixels are read and decoded when they are first needed.

    Opening raises SyntaxError if the file is not an .aec file, so that Pillow tries its other plugins; also if it may
    be a damaged one but has no signature. Otherwise opening, loading and verifying raise OSError if the file is damaged
    or this release cannot read it.
    """

    format = FORMAT
    format_description = "aecodec learned image"
    _file: ParsedFile | None = None  # until it is decoded; without its pixels
    _begin = 0  # where the file begins in the stream
    _thumbnail: int | None = None

    def _open(self) -> None:
        assert self.fp is not None
        self._begin = self.fp.tell()
        try:
            file = _read_header(self.fp)
            self.info.update(file.metadata().info())
        except NotAnAecFile as error:
            raise SyntaxError(str(error)) from error
        except AecError as error:
            self.fp.seek(self._begin)
            signed = self.fp.read(len(container.SIGNATURE)) == container.SIGNATURE
            raise (OSError if signed else SyntaxError)(str(error)) from error
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
            decoded = self._decoded()
            self.im, self.readonly = decoded.im, decoded.readonly
            self._file = None
            if self.fp and self._exclusive_fp:
                self.fp.close()
            self.fp = None
        return super().load()

    def verify(self) -> None:
        """Decode the file, since its checksum covers the decoded pixels. Raises OSError if it is damaged."""
        if self._file is not None:
            self._decoded()
        super().verify()

    def _decoded(self) -> Image.Image:
        if self.fp is None:
            raise ValueError("operation on a closed image")
        limit = None if Image.MAX_IMAGE_PIXELS is None else _HARD_LIMIT * Image.MAX_IMAGE_PIXELS
        self.fp.seek(self._begin)
        try:
            return to_pillow(aecodec.decode(self.fp, max_pixels=limit, thumbnail=self._thumbnail), Metadata())
        except AecError as error:
            raise OSError(str(error)) from error


def _read_header(stream: IO[bytes]) -> ParsedFile:
    """Read no more of a file than its header, give or take a block. Raises AecError."""
    data, block = b"", _BLOCK_BYTES
    while True:
        more = stream.read(block)
        data += more
        try:
            return ParsedFile.parse(data, None)
        except (TruncatedFile, ChecksumMismatch):  # the check of the small form is its last byte
            if not more:
                raise
        block = len(data)


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
    frames = getattr(image, "n_frames", 1) + len(list(image.encoderinfo.pop("append_images", None) or ()))
    if frames > 1:
        raise ValueError(f"{FORMAT} files hold one picture, not {frames}: save each in a file, without save_all")
    _save(image, fp, filename)
