"""The whole way: a picture to panels of tiles, up the ladder, packed, into a container, and back."""

from __future__ import annotations

import operator
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from aecodec import container, engines, opacity, panels, pictures, scaling, tiles
from aecodec.container import Section
from aecodec.errors import AecError, InvalidValue
from aecodec.files import File, Info
from aecodec.forms import Form, choose_in, forms_for, header_of, inverted, trial
from aecodec.models import ladder
from aecodec.models.description import QUALITIES
from aecodec.packing import CODERS, pack
from aecodec.panels import Box, Layout, Panels, Progress
from aecodec.pictures import Picture, Source
from aecodec.scaling import Region
from aecodec.search import DEFAULT_EFFORT, WALKS, Choice

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH_PIXELS = 1 << 20  # pictures of one size are coded together, at most so many pixels at once
RANS_MARGIN = 0.98  # `auto` writes zstd unless rans is smaller by more than two per cent
SHORT_BYTES = 1000  # a shorter single tile is not tried with zstd, whose own bytes nearly always exceed the margin


def encode(
    image: Image.Image | NDArray[Any] | Source,
    *,
    model: str = "auto",
    quality: int = 75,
    effort: int = DEFAULT_EFFORT,
    packing: str = "auto",
    engine: str = "numpy",
    strip: bool = False,
    alpha_quality: int = opacity.LOSSLESS,
    exact_transparent: bool = False,
    progress: Progress | None = None,
) -> bytes:
    """The .aec file of a picture.

    image: a Pillow image, whose colour profile, EXIF, XMP and resolution are kept unless `strip`; or an array of uint8,
    (H, W), (H, W, 1), (H, W, 2) with opacity, (H, W, 3), or (H, W, 4) with opacity. model: "auto", which tries, or a
    name of `models()` with or without its version. quality: 1 (smallest) to 100. effort: 0 (fastest) to 9 (smallest at
    the same PSNR); decoding takes the same time. packing: "auto", "zstd" or "rans". engine: "numpy" or "tensorflow";
    the decoded pixels are the same. alpha_quality: 1 to 100, which keeps opacity exactly. exact_transparent: whether
    colours matter where the picture is fully transparent; if not they become what codes well. progress: called with
    panels done and panels in all, of pictures that have several.

    Raises UnsupportedImage, UnknownModel and InvalidValue. What is converted is said in an AecWarning.
    """
    return encode_many(
        [image],
        model=model,
        quality=quality,
        effort=effort,
        packing=packing,
        engine=engine,
        strip=strip,
        alpha_quality=alpha_quality,
        exact_transparent=exact_transparent,
        progress=progress,
    )[0]


def encode_many(
    images: Sequence[Image.Image | NDArray[Any] | Source],
    *,
    model: str = "auto",
    quality: int = 75,
    effort: int = DEFAULT_EFFORT,
    packing: str = "auto",
    engine: str = "numpy",
    strip: bool = False,
    alpha_quality: int = opacity.LOSSLESS,
    exact_transparent: bool = False,
    progress: Progress | None = None,
) -> list[bytes]:
    """The .aec files of many pictures, of any sizes; small ones of one size are coded together. As `encode`."""
    quality = _whole("quality", quality, 1, QUALITIES)
    effort = _whole("effort", effort, 0, len(WALKS) - 1)
    alpha_quality = _whole("alpha_quality", alpha_quality, 1, opacity.LOSSLESS)
    if not isinstance(model, str):
        raise InvalidValue(f"a model is named by a string, not by {type(model).__name__}")
    if packing not in ("auto", *CODERS):
        raise InvalidValue(f"packing must be auto, zstd or rans, not {packing}")
    loaded = [pictures.load(image) for image in images]
    for source in loaded:
        pictures.warn(source.notes)
    files = [b""] * len(loaded)
    for shape, indices in _alike([source.samples.shape for source in loaded]):
        forms = forms_for(shape, model)
        for part in _chunks(indices, max(_pixels(shape[:2], form) for form in forms)):
            some = [loaded[i] for i in part]
            seen = [_seen(source, exact_transparent) for source in some]
            stack = (np.stack(seen) if len(seen) > 1 else seen[0][None]).reshape(len(part), shape[0], shape[1], -1)
            sections = [_sections(source, strip, alpha_quality) for source in some]
            coded = _encode_alike(stack, forms, quality, effort, packing, engine, sections, progress)
            for index, file in zip(part, coded, strict=True):
                files[index] = file
    return files


def decode(
    data: bytes,
    *,
    max_pixels: int | None = pictures.MAX_PIXELS,
    engine: str = "numpy",
    region: Region | None = None,
    thumbnail: int | None = None,
    progress: Progress | None = None,
) -> Picture:
    """The picture of an .aec file: uint8, (H, W) or (H, W, 3), and one channel more where the file has opacity; the
    same bytes on every machine and with every engine.

    max_pixels: larger pictures are refused before anything is allocated; None for no limit. region: (x, y, width,
    height) of the part that is wanted; no more is decoded than it needs, and it equals the crop of the whole.
    thumbnail: the most pixels that the longer side may have; the picture is reduced by taking the means of squares,
    where it shrinks by a block or more without the last step of decoding. progress: called with panels done and panels
    in all. Raises AecError.
    """
    file = File.parse(data, max_pixels)
    return _decode(file, engine, region, thumbnail, progress)


def decode_image(
    data: bytes,
    *,
    max_pixels: int | None = pictures.MAX_PIXELS,
    engine: str = "numpy",
    region: Region | None = None,
    thumbnail: int | None = None,
    progress: Progress | None = None,
) -> Image.Image:
    """The picture of an .aec file as a Pillow image of mode L, LA, RGB or RGBA. As `decode`.

    Its `info` has what the file keeps of "icc_profile", "exif", "xmp" and "dpi".
    """
    file = File.parse(data, max_pixels)
    metadata = file.metadata()
    return pictures.to_pillow(_decode(file, engine, region, thumbnail, progress), metadata)


def decode_many(
    blobs: Sequence[bytes], *, max_pixels: int | None = pictures.MAX_PIXELS, engine: str = "numpy"
) -> list[Picture]:
    """The pictures of many .aec files; small ones of one model and size are decoded together. As `decode`.

    The error of a file that cannot be decoded has a note that gives its index.
    """
    parsed = []
    for index, data in enumerate(blobs):
        with _noted(index, len(blobs)):
            parsed.append(File.parse(data, max_pixels))
    decoded: list[Picture] = [np.zeros(0, np.uint8)] * len(parsed)
    for _, indices in _alike([(f.model.name, f.size, f.header.packing) for f in parsed]):
        layout = parsed[indices[0]].layout
        for part in _chunks(indices, layout.height * layout.width):
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
    return File.parse(data, None).info()


# Encoding ---


def _seen(source: Source, exact_transparent: bool) -> Picture:
    """The samples to code: with colours of the encoder's choice where nobody sees them."""
    if source.alpha is None or exact_transparent:
        return source.samples
    return opacity.filled(source.samples, source.alpha)


def _sections(source: Source, strip: bool, alpha_quality: int) -> tuple[Section, ...]:
    alpha = () if source.alpha is None else (Section(container.ALPHA, opacity.pack(source.alpha, alpha_quality)),)
    return alpha if strip else alpha + source.metadata.sections()


def _encode_alike(
    stack: Picture,
    forms: list[Form],
    quality: int,
    effort: int,
    packing: str,
    engine_name: str,
    sections: Sequence[tuple[Section, ...]],
    progress: Progress | None,
) -> list[bytes]:
    """The files of pictures (S, H, W, C) of one size, each in the form that suits it best."""
    best = np.zeros(len(stack), np.intp)
    if len(forms) > 1:
        best = np.stack([trial(stack, form, quality, engine_name) for form in forms]).argmin(axis=0)
    files = [b""] * len(stack)
    for number, form in enumerate(forms):
        mine = np.flatnonzero(best == number)
        if not mine.size:
            continue
        chosen = stack if mine.size == len(stack) else stack[mine]
        given = [sections[i] for i in mine.tolist()]
        layout = Layout.of(stack.shape[1:3], form.model.description.unit)
        if layout.count > 1:
            written = [
                _write_panels(
                    chosen[i : i + 1], form, layout, quality, effort, packing, engine_name, given[i], progress
                )
                for i in range(mine.size)
            ]
        else:
            choice = choose_in(chosen, form, quality, effort, engine_name)
            written = write(chosen, form, choice, quality, packing, given)
        for index, file in zip(mine, written, strict=True):
            files[index] = file
    return files


def write(
    stack: Picture,
    form: Form,
    choice: Choice,
    quality: int,
    packing: str,
    sections: Sequence[tuple[Section, ...]] | None = None,
) -> list[bytes]:
    """Pack what was chosen for pictures (S, H, W, C) of one panel and put it into containers."""
    count, size = len(stack), stack.shape[1:3]
    residuals = [part.reshape(count, -1) for part in choice.residuals]
    classes = [part.reshape(count, -1) for part in choice.classes]
    negative = inverted(stack, form)
    body = panels.check_bytes(residuals)
    given = sections or [()] * count

    def files(name: str) -> list[bytes]:
        headers = [
            container.write_header(header_of(form, size, quality, name, bool(i), extra))
            for i, extra in zip(negative, given, strict=True)
        ]
        checks = [zlib.crc32(part, zlib.crc32(header)) for header, part in zip(headers, body, strict=True)]
        payloads = pack(name, form.model.tables, residuals, classes, checks)
        return [header + payload for header, payload in zip(headers, payloads, strict=True)]

    if packing != "auto":
        return files(packing)
    short = files("rans")
    d = form.model.description
    if tiles.covered((size[0], size[1]), d.unit) == d.unit and max(map(len, short)) < SHORT_BYTES:
        return short
    return [_smaller(rans, zstd) for rans, zstd in zip(short, files("zstd"), strict=True)]


def _write_panels(
    stack: Picture,
    form: Form,
    layout: Layout,
    quality: int,
    effort: int,
    packing: str,
    engine_name: str,
    sections: tuple[Section, ...],
    progress: Progress | None,
) -> bytes:
    """The file of one large picture (1, H, W, C), panel by panel."""
    negative = inverted(stack, form)
    headers = {
        name: container.write_header(header_of(form, stack.shape[1:3], quality, name, bool(negative[0]), sections))
        for name in (CODERS if packing == "auto" else [packing])
    }

    def work(index: int) -> list[bytes]:
        part = stack[:, *layout.box(index).slices]
        choice = choose_in(part, form, quality, effort, engine_name, negative)
        body = panels.check_bytes(choice.residuals)[0]
        seeds = {name: panels.seed_of(index, layout.count, zlib.crc32(header)) for name, header in headers.items()}
        return [
            pack(name, form.model.tables, choice.residuals, choice.classes, [zlib.crc32(body, seed)])[0]
            for name, seed in seeds.items()
        ]

    parts = []
    for index, packed in enumerate(panels.in_threads(work, range(layout.count))):
        parts.append(packed)
        if progress:
            progress(index + 1, layout.count)
    files = {
        name: header + panels.join([packed[i] for packed in parts]) for i, (name, header) in enumerate(headers.items())
    }
    return _smaller(files["rans"], files["zstd"]) if packing == "auto" else files[packing]


def _smaller(rans: bytes, zstd: bytes) -> bytes:
    return rans if len(rans) < RANS_MARGIN * len(zstd) else zstd


# Decoding ---


def _decode(
    file: File, engine_name: str, region: Region | None, thumbnail: int | None, progress: Progress | None
) -> Picture:
    height, width = file.size
    if thumbnail is None:
        area = scaling.area(region, file.size)
        samples = _decode_area(file, engine_name, area, progress)
        alpha = file.alpha()
        return np.ascontiguousarray(pictures.joined(samples, None if alpha is None else alpha[area.slices]))
    if region is not None:
        raise InvalidValue("a thumbnail is of the whole picture: ask for a region or for a thumbnail")
    factor, coarse = scaling.factors(file.size, thumbnail, file.model.description.block)
    if coarse:
        samples = _decode_means(file, engine_name, progress)
    else:
        samples = _decode_area(file, engine_name, Box(0, height, 0, width), progress)
    alpha = file.alpha()
    reduced = None if alpha is None else scaling.reduced(alpha, factor)
    return np.ascontiguousarray(pictures.joined(scaling.reduced(samples, coarse or factor), reduced))


def _decode_area(file: File, engine_name: str, area: Box, progress: Progress | None) -> Picture:
    """The samples of a part of the picture, panel by panel where there are several."""
    if file.layout.count == 1:
        return _samples_alike([file], engine_name)[0][area.slices]
    canvas: Picture | None = None
    for box, pixels in _panels(file, engine_name).pixels(area, progress):
        if canvas is None:  # not before a panel has proved to be whole
            canvas = np.empty((area.y1 - area.y0, area.x1 - area.x0, *([] if file.one_channel else [3])), np.uint8)
        y0, y1, x0, x1 = max(box.y0, area.y0), min(box.y1, area.y1), max(box.x0, area.x0), min(box.x1, area.x1)
        if y0 < y1 and x0 < x1:
            part = pixels[y0 - box.y0 : y1 - box.y0, x0 - box.x0 : x1 - box.x0]
            canvas[y0 - area.y0 : y1 - area.y0, x0 - area.x0 : x1 - area.x0] = file.finished(part)
    assert canvas is not None
    return canvas


def _decode_means(file: File, engine_name: str, progress: Progress | None) -> Picture:
    """The means of the blocks of the picture, one a pixel."""
    rows, columns = (-(-side // file.model.description.block) for side in file.size)
    canvas: Picture | None = None
    for box, means in _panels(file, engine_name).means(progress):
        if canvas is None:
            canvas = np.empty((rows, columns, *([] if file.one_channel else [3])), np.uint8)
        canvas[box.slices] = file.finished(means[: rows - box.y0, : columns - box.x0])
    assert canvas is not None
    return canvas


def _panels(file: File, engine_name: str) -> Panels:
    header = file.header
    payloads = panels.split(file.payload, file.layout, file.model, header.packing)
    engine = engines.engine(engine_name)
    return Panels(file.layout, file.model, engine, header.packing, header.quality, file.seed, payloads)


def _decode_alike(files: list[File], engine_name: str) -> list[Picture]:
    """The pictures of files that share model, size and packing."""
    if files[0].layout.count > 1:
        return [_decode(file, engine_name, None, None, None) for file in files]
    found = _samples_alike(files, engine_name)
    alphas = [file.alpha() for file in files]
    return [np.ascontiguousarray(pictures.joined(*both)) for both in zip(found, alphas, strict=True)]


def _samples_alike(files: list[File], engine_name: str) -> list[Picture]:
    """The samples of files of one panel that share model, size and packing."""
    first = files[0]
    engine = engines.engine(engine_name)
    latent = panels.decode_alike(
        first.model,
        engine,
        first.header.packing,
        first.size,
        [file.payload for file in files],
        [file.header.quality for file in files],
        [file.seed for file in files],
    )
    stack = ladder.synthesize(first.model, engine, latent)[:, : first.size[0], : first.size[1]]
    return [file.finished(samples) for file, samples in zip(files, stack, strict=True)]


# Many at once ---


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


def _pixels(size: tuple[int, ...], form: Form) -> int:
    """The pixels of a picture's whole tiles: what coding it has to hold."""
    layout = Layout.of(size, form.model.description.unit)
    return layout.height * layout.width


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
