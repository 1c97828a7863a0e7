"""The whole way: a picture to tiles, up the ladder, packed, into a container, and back."""

from __future__ import annotations

import operator
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from aecodec import container, engines, pictures, tiles
from aecodec.container import Header
from aecodec.errors import AecError, InvalidValue, LimitExceeded
from aecodec.forms import Form, choose_in, forms_for, header_of, inverted, trial
from aecodec.models import ladder, registry
from aecodec.models.description import QUALITIES
from aecodec.models.model import Model
from aecodec.packing import CODERS, pack, unpacker
from aecodec.pictures import Picture
from aecodec.search import DEFAULT_EFFORT, WALKS, Choice

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH_PIXELS = 1 << 20  # pictures of one size are coded together, at most so many pixels at once
PADDED_LIMIT = 4  # a strip one pixel wide has tiles of many times its pixels: at most so many times the limit
RANS_MARGIN = 0.98  # `auto` writes zstd unless rans is smaller by more than two per cent
SHORT_BYTES = 1000  # a shorter single tile is not tried with zstd, whose own bytes nearly always exceed the margin


@dataclass(frozen=True)
class Info:
    """What a file says about itself. `parts` names all its bytes; `mode` is "L" or "RGB"; sizes are in pixels."""

    format_version: int
    model: str
    model_id: str
    width: int
    height: int
    mode: str
    inverted: bool
    quality: int
    packing: str
    file_bytes: int
    parts: dict[str, int]
    bits_per_pixel: float


def encode(
    image: Image.Image | NDArray[np.uint8],
    *,
    model: str = "auto",
    quality: int = 75,
    effort: int = DEFAULT_EFFORT,
    packing: str = "auto",
    engine: str = "numpy",
) -> bytes:
    """The .aec file of a picture.

    image: a Pillow image, or a uint8 array (H, W) or (H, W, 3). model: "auto", which tries, or a name of `models()`
    with or without its version. quality: 1 (smallest) to 100. effort: 0 (fastest) to 9 (smallest at the same PSNR);
    decoding takes the same time. packing: "auto", "zstd" or "rans". engine: "numpy" or "tensorflow"; the decoded pixels
    are the same.

    Raises UnsupportedImage, UnknownModel and InvalidValue.
    """
    return encode_many([image], model=model, quality=quality, effort=effort, packing=packing, engine=engine)[0]


def encode_many(
    images: Sequence[Image.Image | NDArray[np.uint8]],
    *,
    model: str = "auto",
    quality: int = 75,
    effort: int = DEFAULT_EFFORT,
    packing: str = "auto",
    engine: str = "numpy",
) -> list[bytes]:
    """The .aec files of many pictures, of any sizes; those of one size are coded together. As `encode`."""
    quality = _whole("quality", quality, 1, QUALITIES)
    effort = _whole("effort", effort, 0, len(WALKS) - 1)
    if not isinstance(model, str):
        raise InvalidValue(f"a model is named by a string, not by {type(model).__name__}")
    if packing not in ("auto", *CODERS):
        raise InvalidValue(f"packing must be auto, zstd or rans, not {packing}")
    loaded = [pictures.load(image) for image in images]
    files = [b""] * len(loaded)
    for shape, indices in _alike([picture.shape for picture in loaded]):
        forms = forms_for(shape, model)
        for part in _chunks(indices, max(_pixels(shape[:2], form.model) for form in forms)):
            stack = np.stack([loaded[i] for i in part]).reshape(len(part), shape[0], shape[1], -1)
            for index, file in zip(part, _encode_alike(stack, forms, quality, effort, packing, engine), strict=True):
                files[index] = file
    return files


def decode(data: bytes, *, max_pixels: int | None = pictures.MAX_PIXELS, engine: str = "numpy") -> Picture:
    """The picture of an .aec file: uint8, (H, W) or (H, W, 3); the same bytes on every machine and with every engine.

    max_pixels: larger pictures are refused before anything is allocated; None for no limit. Raises AecError.
    """
    return decode_many([data], max_pixels=max_pixels, engine=engine)[0]


def decode_many(
    blobs: Sequence[bytes], *, max_pixels: int | None = pictures.MAX_PIXELS, engine: str = "numpy"
) -> list[Picture]:
    """The pictures of many .aec files; those of one model and size are decoded together. As `decode`.

    The error of a file that cannot be decoded has a note that gives its index.
    """
    parsed = []
    for index, data in enumerate(blobs):
        with _noted(index, len(blobs)):
            parsed.append(File.parse(data, max_pixels))
    decoded: list[Picture] = [np.zeros(0, np.uint8)] * len(parsed)
    for _, indices in _alike([(f.model.name, f.size, f.header.packing) for f in parsed]):
        for part in _chunks(indices, _pixels(parsed[indices[0]].size, parsed[indices[0]].model)):
            try:
                found = _decode_alike([parsed[i] for i in part], engine)
            except AecError:
                for index in part:  # whose error is it?
                    with _noted(index, len(blobs)):
                        _decode_alike([parsed[index]], engine)
                raise
            for index, picture in zip(part, found, strict=True):
                decoded[index] = picture
    return decoded


def inspect(data: bytes) -> Info:
    """What an .aec file says about itself; nothing is decoded, and its checksum is not looked at. Raises AecError."""
    file = File.parse(data, None)
    header, (height, width) = file.header, file.size
    sections = len(container.write_sections(header.sections))
    parts = {"header": file.begin - sections, "sections": sections, "payload": len(data) - file.begin}
    return Info(
        format_version=container.VERSION,
        model=file.model.name,
        model_id=file.model.id.hex(),
        width=width,
        height=height,
        mode="L" if file.one_channel else "RGB",
        inverted=header.inverted,
        quality=header.quality,
        packing=header.packing,
        file_bytes=len(data),
        parts=parts,
        bits_per_pixel=8.0 * len(data) / (width * height),
    )


@dataclass(frozen=True)
class File:
    """An .aec file, taken apart and checked as far as that goes without decoding it."""

    data: bytes
    header: Header
    begin: int  # of the payload
    model: Model
    size: tuple[int, int]  # (height, width)

    @classmethod
    def parse(cls, data: bytes, max_pixels: int | None) -> File:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise InvalidValue(f"expected the bytes of an .aec file, not {type(data).__name__}")
        data = bytes(data)
        header, begin = container.read_header(data)
        model = registry.by_number(header.model_number) if header.model_number else registry.by_id(header.model_id)
        d = model.description
        if header.size is not None:
            size = (header.size[1], header.size[0])
            if size == d.tile:
                raise InvalidValue("the file gives a size that goes without saying")
        elif d.tile is not None:
            size = d.tile
        else:
            raise InvalidValue(f"the file gives no size, and the model {model.name} has none of its own")
        if header.gray and d.channels == 1 or header.inverted and d.channels != 1:
            raise InvalidValue(f"the file has a flag that means nothing to the model {model.name}")
        pictures.require_within_limit(size[1], size[0], max_pixels)
        pixels = _pixels(size, model)
        if max_pixels is not None and pixels > PADDED_LIMIT * max_pixels + d.unit[0] * d.unit[1]:
            raise LimitExceeded(f"the picture's tiles hold {pixels} pixels, far beyond the limit of {max_pixels}")
        return cls(data, header, begin, model, size)

    @property
    def one_channel(self) -> bool:
        return self.header.gray or self.model.description.channels == 1


def _encode_alike(
    stack: Picture, forms: list[Form], quality: int, effort: int, packing: str, engine_name: str
) -> list[bytes]:
    """The files of pictures (S, H, W, C) of one size, each in the form that suits it best."""
    best = np.zeros(len(stack), np.intp)
    if len(forms) > 1:
        best = np.stack([trial(stack, form, quality, engine_name) for form in forms]).argmin(axis=0)
    files = [b""] * len(stack)
    for number, form in enumerate(forms):
        mine = np.flatnonzero(best == number)
        if mine.size:
            choice = choose_in(stack[mine], form, quality, engine_name, effort)
            for index, file in zip(mine, write(stack[mine], form, choice, quality, packing), strict=True):
                files[index] = file
    return files


def write(stack: Picture, form: Form, choice: Choice, quality: int, packing: str) -> list[bytes]:
    """Pack what was chosen for pictures (S, H, W, C) and put it into containers."""
    count, size = len(stack), stack.shape[1:3]
    residuals = [part.reshape(count, -1) for part in choice.residuals]
    classes = [part.reshape(count, -1) for part in choice.classes]
    negative = inverted(stack, form)
    body = _check_bytes(residuals)

    def files(name: str) -> list[bytes]:
        headers = [container.write_header(header_of(form, size, quality, name, bool(i))) for i in negative]
        checks = [zlib.crc32(part, zlib.crc32(header)) for header, part in zip(headers, body, strict=True)]
        payloads = pack(name, form.model.tables, residuals, classes, checks)
        return [header + payload for header, payload in zip(headers, payloads, strict=True)]

    if packing != "auto":
        return files(packing)
    short = files("rans")
    d = form.model.description
    if tiles.covered((size[0], size[1]), d.unit) == d.unit and max(map(len, short)) < SHORT_BYTES:
        return short
    return [
        rans if len(rans) < RANS_MARGIN * len(zstd) else zstd for rans, zstd in zip(short, files("zstd"), strict=True)
    ]


def _check_bytes(residuals: list[NDArray[Any]]) -> list[bytes]:
    """What the checksum covers beside the header: each file's residuals, 32-bit little-endian, in coding order."""
    return [row.tobytes() for row in np.concatenate(residuals, axis=1).astype("<i4")]


def _decode_alike(files: list[File], engine_name: str) -> list[Picture]:
    """The pictures of files that share model, size and packing."""
    first = files[0]
    model, engine, count = first.model, engines.engine(engine_name), len(files)
    d = model.description
    rows, columns = d.grid(*first.size)
    decoder = unpacker(
        first.header.packing,
        model.tables,
        [file.data[file.begin :] for file in files],
        ladder.elements(model, rows, columns),
    )
    residuals: list[NDArray[Any]] = []

    def code(
        index: int, mean: NDArray[np.int32], classes: NDArray[np.uint8], step: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        residuals.append(decoder.read(classes.reshape(count, -1)))
        return residuals[-1].reshape(classes.shape)

    quality = np.array([file.header.quality for file in files])
    latent = ladder.walk(model, engine, quality, rows, columns, code)
    seeds = [zlib.crc32(file.data[: file.begin]) for file in files]
    decoder.finish([zlib.crc32(part, seed) for part, seed in zip(_check_bytes(residuals), seeds, strict=True)])
    stack = ladder.synthesize(model, engine, latent)[:, : first.size[0], : first.size[1]]
    found = []
    for file, picture in zip(files, stack, strict=True):
        if file.header.gray:
            picture = picture[..., 1]  # of three channels that are nearly equal, the one of most weight to the eye
        elif d.channels == 1:
            picture = picture[..., 0]
        found.append(np.ascontiguousarray(255 - picture if file.header.inverted else picture))
    return found


def _whole(name: str, value: int, low: int, high: int) -> int:
    try:
        found = low - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        found = low - 1
    if not low <= found <= high:
        raise InvalidValue(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return found


def _alike(keys: list[Any]) -> Iterator[tuple[Any, list[int]]]:
    """(key, indices) for each different key, in order of first appearance."""
    found: dict[Any, list[int]] = {}
    for index, key in enumerate(keys):
        found.setdefault(key, []).append(index)
    yield from found.items()


def _pixels(size: tuple[int, ...], model: Model) -> int:
    """The pixels of a picture's whole tiles: what coding it has to hold."""
    height, width = tiles.covered((size[0], size[1]), model.description.unit)
    return height * width


def _chunks(indices: list[int], pixels: int) -> Iterator[list[int]]:
    size = max(1, BATCH_PIXELS // pixels)
    for begin in range(0, len(indices), size):
        yield indices[begin : begin + size]


class _noted:
    """Adds to an AecError which of several files it is about."""

    def __init__(self, index: int, count: int) -> None:
        self.note = f"in file {index} of {count}" if count > 1 else None

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self.note and isinstance(error, AecError):
            error.add_note(self.note)
