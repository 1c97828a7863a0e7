"""The public functions, from pictures to .aec files and back.

Encoding loads the picture, chooses among candidates (a model, or plain), searches residuals along the ladder, packs
them and writes the container. Decoding parses the container, decodes the residuals along the ladder and synthesizes
the pixels.

Modules that only an encoder needs are imported when a picture is encoded, so that decoding a small file takes little
more time than starting Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from aecodec.decoding import decoder
from aecodec.decoding.file_input import FileLike, file_bytes
from aecodec.decoding.parsed_file import Info, ParsedFile
from aecodec.encoding.options import AUTO, DEFAULT_EFFORT, DEFAULT_TUNE, EncodeOptions
from aecodec.engines import DEFAULT_ENGINE
from aecodec.engines.threads import in_threads, workers
from aecodec.errors import AecError, InvalidValue, warn_converted
from aecodec.format.panels import PanelGrid, Progress
from aecodec.images.opacity import ALPHA_LOSSLESS
from aecodec.images.regions import Region
from aecodec.images.source import MAX_PIXELS, ImageLike, Picture, Source, require_several

if TYPE_CHECKING:
    from aecodec.format.container import Section


# Small pictures of one size are coded together. Large batches take fewer steps, at each of which threads wait for one
# another; encoding needs more memory for a pixel than decoding.
ENCODED_PIXELS, DECODED_PIXELS = 1 << 19, 1 << 18  # at most so many at once: grids should fit the caches
SHARED_PIXELS = 1 << 16  # fewer are not worth dividing between threads


def encode(
    image: ImageLike,
    *,
    model: str = AUTO,
    quality: int | None = None,
    max_bytes: int | None = None,
    min_psnr: float | None = None,
    min_ssim: float | None = None,
    max_error: int | None = None,
    lossless: bool = False,
    effort: int = DEFAULT_EFFORT,
    tune: str = DEFAULT_TUNE,
    packing: str = AUTO,
    engine: str = DEFAULT_ENGINE,
    strip: bool = False,
    alpha_quality: int = ALPHA_LOSSLESS,
    exact_transparent: bool = False,
    progress: Progress | None = None,
) -> bytes:
    """Encode a picture and return its .aec file.

    image: a Pillow image, or the path, the URL or a binary file object of a picture file that Pillow can read; colour
    profile, EXIF, XMP and resolution are kept unless strip is set. Or an array of uint8, uint16 or bool with the shape
    (H, W), (H, W, 1), (H, W, 2) with opacity, (H, W, 3), or (H, W, 4) with opacity. 16-bit samples are kept with
    max_error and lossless, and rounded to 8 bits otherwise.
    model: a name from `list_models()`, with or without its version, or "auto" to try all bundled models.

    Choose one rate target:
    quality: 1 (smallest file) to 100 (most faithful); 75 if no target is given.
    max_bytes: the highest quality whose file has at most this many bytes.
    min_psnr, min_ssim: the smallest file that decodes to at least this PSNR in dB or SSIM; opacity does not count.
    max_error: the smallest file in which no sample is off by more than this, 0 to 65535.
    lossless: every sample is restored exactly; the same as max_error=0.

    effort: 0 (fastest) to 9 (smallest file at the same distortion); it does not affect decoding time.
    tune: what counts as distortion: "psnr" for the squared error, or "ssim" for an estimate of MS-SSIM, which keeps
    more of what the eye sees in photographs, at a lower PSNR. Lossy files only: not with lossless and max_error.
    min_psnr and min_ssim, the SSIM of one scale, are measured all the same.
    packing: the entropy coder, "zstd", "rans" or "auto". engine: "native", "numpy", "tensorflow" or "auto",
    the fastest of the first two that is there; the pixels are the same.
    alpha_quality: 1 to 100; 100 keeps opacity exactly. exact_transparent: whether to keep the colours of fully
    transparent pixels; otherwise they are replaced by colours that compress well.
    progress: called with (panels done, panels in all) for pictures of several panels.

    Metadata aside, no file exceeds the raw samples by more than 1 % plus 32 bytes: if a model's file would, the picture
    is written plain, that is, losslessly and without a model. With model="auto" and packing="auto" it is written plain
    whenever that is no larger; for lossy and small lossless files that is first estimated.

    Raises UnsupportedImage, LimitExceeded, UnknownModel and InvalidValue; Unreachable if no lossy file meets the
    target; OSError if a picture file cannot be read; ImportError if the engine is not installed. Conversions of the
    picture are reported in a single AecWarning.
    """
    return encode_many(
        [image],
        model=model,
        quality=quality,
        max_bytes=max_bytes,
        min_psnr=min_psnr,
        min_ssim=min_ssim,
        max_error=max_error,
        lossless=lossless,
        effort=effort,
        tune=tune,
        packing=packing,
        engine=engine,
        strip=strip,
        alpha_quality=alpha_quality,
        exact_transparent=exact_transparent,
        progress=progress,
    )[0]


def encode_many(
    images: Sequence[ImageLike],
    *,
    model: str = AUTO,
    quality: int | None = None,
    max_bytes: int | None = None,
    min_psnr: float | None = None,
    min_ssim: float | None = None,
    max_error: int | None = None,
    lossless: bool = False,
    effort: int = DEFAULT_EFFORT,
    tune: str = DEFAULT_TUNE,
    packing: str = AUTO,
    engine: str = DEFAULT_ENGINE,
    strip: bool = False,
    alpha_quality: int = ALPHA_LOSSLESS,
    exact_transparent: bool = False,
    progress: Progress | None = None,
) -> list[bytes]:
    """Encode many pictures of any sizes and return their .aec files; arguments and errors as for `encode`.

    Small pictures of the same size are coded together, which is much faster; the files are the same as if coded one by
    one. An error carries a note with the index of its picture.
    """
    options = EncodeOptions.parse(
        {
            "model": model,
            "quality": quality,
            "max_bytes": max_bytes,
            "min_psnr": min_psnr,
            "min_ssim": min_ssim,
            "max_error": max_error,
            "lossless": lossless,
            "effort": effort,
            "tune": tune,
            "packing": packing,
            "engine": engine,
            "strip": strip,
            "alpha_quality": alpha_quality,
            "exact_transparent": exact_transparent,
            "progress": progress,
        }
    )
    return _encode_all(images, options)


def _encode_all(images: Sequence[ImageLike], options: EncodeOptions) -> list[bytes]:
    from aecodec.encoding import encoder, rate_search
    from aecodec.encoding.batch import Batch
    from aecodec.encoding.candidates import Candidate, candidates_for
    from aecodec.images import loading

    require_several(images)
    sources = []
    for index, image in enumerate(images):
        with _noted(index, len(images)):
            sources.append(loading.load(image, wide=options.target.bounds_error))
    for source in sources:
        warn_converted(source.notes)
    files = [b""] * len(sources)
    for (shape, _), indices in _alike([(source.samples.shape, source.samples.dtype.str) for source in sources]):
        with _noted(indices[0], len(sources)):
            candidates = candidates_for(shape, options.model)
        grids = [PanelGrid.of(shape[:2], candidate.model.description.unit) for candidate in candidates]

        def work(part: list[int], candidates: list[Candidate] = candidates) -> list[bytes]:
            some = [sources[i] for i in part]
            samples = [_samples_to_code(source, options) for source in some]
            stack = np.stack(samples) if len(samples) > 1 else samples[0][None]  # a large picture is not copied
            batch = Batch(stack.reshape(*stack.shape[:3], -1), [_sections(source, options) for source in some])
            try:
                return encoder.encode(batch, candidates, options)
            except rate_search.Missed as missed:
                with _noted(part[missed.index], len(sources)):
                    raise missed.error from None
            except InvalidValue:  # of the size that all of them have
                with _noted(part[0], len(sources)):
                    raise

        parts = list(_chunks(indices, max(grid.height * grid.width for grid in grids), ENCODED_PIXELS))
        # Large pictures share the threads panel by panel, one after the other.
        each = map if any(grid.count > 1 for grid in grids) else in_threads
        for part, coded in zip(parts, each(work, parts), strict=True):
            for index, file in zip(part, coded, strict=True):
                files[index] = file
    return files


def decode(
    data: FileLike,
    *,
    max_pixels: int | None = MAX_PIXELS,
    engine: str = DEFAULT_ENGINE,
    region: Region | None = None,
    thumbnail: int | None = None,
    progress: Progress | None = None,
) -> Picture:
    """Decode an .aec file to a uint8 array (H, W) or (H, W, 3), with one more channel if the picture has opacity.

    data: the file's bytes in any object with the buffer protocol (bytes, mmap, a uint8 array), its path or URL, or a
    binary file object. The samples are the same on every machine and with every engine. They are uint16 if `inspect`
    reports 16 bits.

    max_pixels: refuse larger pictures before anything is allocated; None for no limit.
    region: (x, y, width, height) of the part to decode, in pixels. Only the panels that it needs are decoded; the
    result equals the same crop of the whole picture.
    thumbnail: the longest side of a reduced picture, in pixels. Its pixels are means over squares of pixels or, if each
    covers a block or more, over whole blocks, which skips the last step of decoding.
    progress: called with (panels done, panels in all) for pictures of several panels.

    Raises AecError, and OSError if a file cannot be read.
    """
    file = ParsedFile.parse(file_bytes(data), max_pixels)
    return decoder.decode(file, engine, region, thumbnail, progress)


def decode_image(
    data: FileLike,
    *,
    max_pixels: int | None = MAX_PIXELS,
    engine: str = DEFAULT_ENGINE,
    region: Region | None = None,
    thumbnail: int | None = None,
    progress: Progress | None = None,
) -> Image.Image:
    """Decode an .aec file to a Pillow image of mode L, LA, RGB, RGBA or I;16.

    Its `info` holds the metadata of the file: "icc_profile", "exif", "xmp" and "dpi". Arguments and errors as for
    `decode`.
    """
    file = ParsedFile.parse(file_bytes(data), max_pixels)
    metadata = file.metadata()
    from aecodec.images.pillow_images import to_pillow

    return to_pillow(decoder.decode(file, engine, region, thumbnail, progress), metadata)


def decode_many(
    blobs: Sequence[FileLike], *, max_pixels: int | None = MAX_PIXELS, engine: str = DEFAULT_ENGINE
) -> list[Picture]:
    """Decode many .aec files; arguments and errors as for `decode`.

    Small files of the same model and size are decoded together, which is much faster. An error carries a note with the
    index of its file.
    """
    require_several(blobs)
    parsed = []
    for index, data in enumerate(blobs):
        with _noted(index, len(blobs)):
            parsed.append(ParsedFile.parse(file_bytes(data), max_pixels))
    decoded: list[Picture] = [np.zeros(0, np.uint8)] * len(parsed)
    for _, indices in _alike([f.kind for f in parsed]):
        grid = parsed[indices[0]].grid

        def work(part: list[int]) -> list[Picture]:
            try:
                return decoder.decode_alike([parsed[i] for i in part], engine)
            except AecError:
                for index in part:  # whose error is it?
                    with _noted(index, len(blobs)):
                        decoder.decode_alike([parsed[index]], engine)
                raise

        parts = list(_chunks(indices, grid.height * grid.width, DECODED_PIXELS))
        each = map if grid.count > 1 else in_threads
        for part, found in zip(parts, each(work, parts), strict=True):
            for index, picture in zip(part, found, strict=True):
                decoded[index] = picture
    return decoded


def inspect(data: FileLike) -> Info:
    """Read the header and the sections of an .aec file. Nothing is decoded or verified. Raises AecError."""
    return ParsedFile.parse(file_bytes(data), None).info()


# Encoding ---


def _samples_to_code(source: Source, options: EncodeOptions) -> Picture:
    """The samples (H, W) or (H, W, 3); fully transparent pixels get colours that compress well."""
    if source.alpha is None or options.exact_transparent or options.target.bounds_error:
        return source.samples
    from aecodec.images import opacity

    return opacity.filled(source.samples, source.alpha)


def _sections(source: Source, options: EncodeOptions) -> tuple[Section, ...]:
    from aecodec.format import container, metadata_sections

    kept = () if options.strip else metadata_sections.write(source.metadata)
    if source.alpha is None:
        return kept
    from aecodec.lossless import opacity_section

    return (container.Section(container.ALPHA, opacity_section.pack(source.alpha, options.alpha_quality)), *kept)


# Many at once ---


def _alike(keys: list[Any]) -> Iterator[tuple[Any, list[int]]]:
    """(key, indices) for each different key, in order of first appearance."""
    found: dict[Any, list[int]] = {}
    for index, key in enumerate(keys):
        found.setdefault(key, []).append(index)
    yield from found.items()


def _chunks(indices: list[int], pixels: int, limit: int) -> Iterator[list[int]]:
    """Split pictures of `pixels` pixels each into chunks of at most `limit` pixels, some for every thread."""
    each = max(-(-len(indices) // workers()), SHARED_PIXELS // pixels)
    size = max(1, min(each, limit // pixels))
    for begin in range(0, len(indices), size):
        yield indices[begin : begin + size]


class _noted:
    """Adds a note to an AecError or OSError that says which of several files it is about."""

    def __init__(self, index: int, count: int) -> None:
        self.note = f"in file {index} of {count}" if count > 1 else None

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self.note and isinstance(error, AecError | OSError):
            error.add_note(self.note)
