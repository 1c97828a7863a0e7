"""Panels: the parts in which a large picture is coded, each by itself, so that it can be decoded by itself.

A canvas of more than SIDE pixels in either direction is cut into panels of the most whole units that fit SIDE, row by
row from the top left; those at its right and lower edge may be smaller. Nothing is predicted across the edges of
panels, but the correction network, which runs when all elements are known, sees no edges: pixels are what the whole
canvas would give.

The payload is a varint for each panel but the last, the length of its packed elements, and then the panels' packed
elements. A checksum starts from that of the header and, where there are several, the panel's number in four bytes.
"""

from __future__ import annotations

import os
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import numpy as np

from aecodec.engines import Engine, blas
from aecodec.errors import TruncatedFile
from aecodec.format.container import read_varint, write_varint
from aecodec.images import tile_grid
from aecodec.models import ladder
from aecodec.models.ladder import Latent
from aecodec.models.model import Model
from aecodec.packing import least_bytes, unpacker

if TYPE_CHECKING:
    from concurrent.futures import Future

    from numpy.typing import NDArray

SIDE = 512
INDEX_BYTES: Final = 4

Progress: TypeAlias = Callable[[int, int], object]
"""Is told how many panels are done, and how many there are."""
_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels, or of blocks: y0 <= y < y1, x0 <= x < x1."""

    y0: int
    y1: int
    x0: int
    x1: int

    def __floordiv__(self, side: int) -> Box:
        return Box(self.y0 // side, self.y1 // side, self.x0 // side, self.x1 // side)

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.y0, self.y1), slice(self.x0, self.x1)


@dataclass(frozen=True)
class Layout:
    """The panels of a canvas of height x width pixels: rows x columns, of `side` (height, width) but at the edges."""

    height: int
    width: int
    side: tuple[int, int]

    @classmethod
    def of(cls, size: tuple[int, ...], unit: tuple[int, int]) -> Layout:
        """That of a picture (height, width) which is made of units (height, width)."""
        height, width = tile_grid.covered((size[0], size[1]), unit)
        return cls(height, width, (max(1, SIDE // unit[0]) * unit[0], max(1, SIDE // unit[1]) * unit[1]))

    @property
    def rows(self) -> int:
        return -(-self.height // self.side[0])

    @property
    def columns(self) -> int:
        return -(-self.width // self.side[1])

    @property
    def count(self) -> int:
        return self.rows * self.columns

    def box(self, index: int) -> Box:
        """Where a panel lies, in pixels."""
        y, x = index // self.columns * self.side[0], index % self.columns * self.side[1]
        return Box(y, min(y + self.side[0], self.height), x, min(x + self.side[1], self.width))

    def around(self, area: Box, margin: int) -> Box:
        """The rows and columns of panels that hold an area of pixels and `margin` pixels around it."""
        return Box(
            max(0, area.y0 - margin) // self.side[0],
            -(-min(self.height, area.y1 + margin) // self.side[0]),
            max(0, area.x0 - margin) // self.side[1],
            -(-min(self.width, area.x1 + margin) // self.side[1]),
        )

    def covering(self, area: Box) -> tuple[list[int], Box]:
        """The panels that hold an area of pixels, and what they cover."""
        chosen = self.around(area, 0)
        indices = [y * self.columns + x for y in range(chosen.y0, chosen.y1) for x in range(chosen.x0, chosen.x1)]
        first, last = self.box(indices[0]), self.box(indices[-1])
        return indices, Box(first.y0, last.y1, first.x0, last.x1)


def seed_of(index: int, count: int, seed: int) -> int:
    """What the checksum of a panel starts from, with `seed` the CRC-32 of the header: panels cannot change places."""
    return zlib.crc32(index.to_bytes(INDEX_BYTES, "little"), seed) if count > 1 else seed


def check_bytes(residuals: Sequence[NDArray[Any]]) -> list[bytes]:
    """What checksums cover beside their seeds: each picture's residuals, 32-bit little-endian, in coding order."""
    return [row.tobytes() for row in np.concatenate(residuals, axis=1).astype("<i4")]


# Payloads ---


def join(parts: Sequence[bytes]) -> bytes:
    """The payload of panels' packed elements."""
    return b"".join([*(write_varint(len(part)) for part in parts[:-1]), *parts])


def split(payload: bytes, layout: Layout, model: Model, packing: str) -> list[bytes]:
    """The inverse. Raises TruncatedFile where some panel cannot be whole, and InvalidValue."""
    return split_by(payload, [least_bytes(packing, _elements(model, layout.box(i))) for i in range(layout.count)])


def split_by(payload: bytes, least: Sequence[int]) -> list[bytes]:
    """The inverse of `join`, given the fewest bytes that each part can have. Raises as `split`."""
    count = len(least)
    lengths, at = [], 0
    if len(payload) < count - 1:
        raise TruncatedFile("the packed data is too short for the picture's panels")
    for _ in range(count - 1):
        length, at = read_varint(payload, at)
        lengths.append(length)
    last = len(payload) - at - sum(lengths)
    if last < 0:
        raise TruncatedFile("the packed data ends before its last panel")
    parts = []
    for length, fewest in zip([*lengths, last], least, strict=True):
        if length < fewest:
            raise TruncatedFile("the packed data is too short for the picture's panels")
        parts.append(payload[at : at + length])
        at += length
    return parts


def _elements(model: Model, box: Box) -> int:
    return ladder.elements(model, *model.description.grid(box.y1 - box.y0, box.x1 - box.x0))


# Decoding ---


def decode_alike(
    model: Model,
    engine: Engine,
    packing: str,
    size: tuple[int, int],
    payloads: Sequence[bytes],
    qualities: Sequence[int],
    seeds: Sequence[int],
) -> Latent:
    """The latents of pictures, or panels, of one size (height, width), each from its payload. Raises AecError."""
    rows, columns = model.description.grid(*size)
    decoder = unpacker(packing, model.tables, payloads, ladder.elements(model, rows, columns))
    residuals: list[NDArray[Any]] = []

    def code(index: int, mean: NDArray[Any], classes: NDArray[np.uint8], step: NDArray[Any]) -> NDArray[Any]:
        residuals.append(decoder.read(classes.reshape(len(payloads), -1)))
        return residuals[-1].reshape(classes.shape)

    latent = ladder.walk(model, engine, np.array(qualities), rows, columns, code)
    decoder.finish([zlib.crc32(part, seed) for part, seed in zip(check_bytes(residuals), seeds, strict=True)])
    return latent


@dataclass(frozen=True)
class Panels:
    """The panels of a file, decoded as they are asked for; `seed` is the CRC-32 of its header."""

    layout: Layout
    model: Model
    engine: Engine
    packing: str
    quality: int
    seed: int
    payloads: Sequence[bytes]

    def latent(self, index: int) -> Latent:
        """The latent of one panel, checked. Raises AecError."""
        box = self.layout.box(index)
        size = (box.y1 - box.y0, box.x1 - box.x0)
        seed = seed_of(index, self.layout.count, self.seed)
        payload = self.payloads[index]
        return decode_alike(self.model, self.engine, self.packing, size, [payload], [self.quality], [seed])

    def means(self, progress: Progress | None) -> Iterator[tuple[Box, NDArray[np.uint8]]]:
        """Where each panel lies, in blocks, and its blocks' means (rows, columns, C), one after the other."""

        def work(index: int) -> tuple[Box, NDArray[np.uint8]]:
            found = ladder.block_means(self.model, self.engine, self.latent(index))
            return self.layout.box(index) // self.model.description.block, found[0]

        count = self.layout.count
        for done, found in enumerate(in_threads(work, range(count)), 1):
            yield found
            _tell(progress, done, count)

    def pixels(self, area: Box, progress: Progress | None) -> Iterator[tuple[Box, NDArray[np.uint8]]]:
        """Rectangles of pixels, and their samples (height, width, C), which together cover an area of the canvas."""
        block, margin = self.model.description.block, ladder.margin(self.model)
        chosen = self.layout.around(area, margin * block)
        indices = [
            y * self.layout.columns + x for y in range(chosen.y0, chosen.y1) for x in range(chosen.x0, chosen.x1)
        ]
        first, last = self.layout.box(indices[0]) // block, self.layout.box(indices[-1]) // block
        seams = _Seams(margin, Box(first.y0, last.y1, first.x0, last.x1), self.layout.box(0) // block)

        def windows() -> Iterator[_Window]:
            for index, latent in zip(indices, in_threads(self.latent, indices), strict=True):
                yield seams.add(self.layout.box(index) // block, latent)

        def work(window: _Window) -> tuple[Box, NDArray[np.uint8]]:
            y, x = window.place.y0 * block, window.place.x0 * block
            if window.place.y0 >= window.place.y1 or window.place.x0 >= window.place.x1:
                return Box(y, y, x, x), np.zeros((0, 0, self.model.description.channels), np.uint8)
            inner = (slice(None), *window.inner)
            correction = ladder.correct(self.model, self.engine, window.latent)[inner]
            latent = Latent(window.latent.plane[inner], window.latent.context[inner])
            pixels = ladder.synthesize(self.model, self.engine, latent, correction)[0]
            return Box(y, y + pixels.shape[0], x, x + pixels.shape[1]), pixels

        for done, found in enumerate(in_threads(work, windows()), 1):
            yield found
            _tell(progress, done, len(indices))


@dataclass(frozen=True)
class _Window:
    """A latent with all that the correction sees of its inner part, and where in the canvas that lies, in blocks."""

    latent: Latent
    inner: tuple[slice, slice]
    place: Box


class _Seams:
    """Joins the latents of panels, one after the other in raster order, to windows that overlap.

    With m the margin, the window of a panel ends m blocks before the panel's right and lower edge, and takes in m
    blocks of those to the left and above instead; the correction of it looks at m more. So it needs of the panels
    before it the last 2 m columns, and of those above the last 2 m rows: that is all which is held.
    """

    def __init__(self, margin: int, whole: Box, panel: Box) -> None:
        self.margin = margin
        self.whole = whole  # of all panels to come, in blocks
        self.panel_columns = panel.x1
        self.above: dict[int, NDArray[np.int16]] = {}  # by the column of panels
        self.left: NDArray[np.int16] | None = None

    def add(self, box: Box, latent: Latent) -> _Window:
        """The window that a panel completes."""
        coefficients = latent.plane.shape[-1]
        # |elements| < 2^15 and |context| < 2^10: half the memory, and exact
        strip = np.concatenate([latent.plane[0], latent.context[0]], axis=-1).astype(np.int16)
        column, held = box.x0 // self.panel_columns, 2 * self.margin
        if box.y0 > self.whole.y0:
            strip = np.concatenate([self.above[column], strip], axis=0)
        self.above[column] = strip[max(0, len(strip) - held) :].copy()
        joined = strip
        if box.x0 > self.whole.x0 and self.left is not None:
            joined = np.concatenate([self.left, strip], axis=1)
        self.left = joined[:, max(0, joined.shape[1] - held) :].copy()
        y0, y1 = self._reach(box.y0, box.y1, self.whole.y0, self.whole.y1)
        x0, x1 = self._reach(box.x0, box.x1, self.whole.x0, self.whole.x1)
        top, left = box.y1 - joined.shape[0], box.x1 - joined.shape[1]
        wide = joined[None].astype(np.float32)
        window = Latent(wide[..., :coefficients], wide[..., coefficients:])
        inner = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
        return _Window(window, inner, Box(y0, y1, x0, x1))

    def _reach(self, begin: int, end: int, first: int, last: int) -> tuple[int, int]:
        """From where to where a panel completes what the correction needs."""
        upper = last if end == last else max(first, end - self.margin)
        return max(first, begin - self.margin), upper


# Threads ---


def workers() -> int:
    """Threads that panels are shared by: what OMP_NUM_THREADS allows, as it limits NumPy's own; else all cores."""
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(allowed)) if allowed.isdecimal() else os.cpu_count() or 1


def in_threads(work: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """`map`, a few at once: never more than one for each thread and one more, and an error stops what is to come. With
    several items each has one thread, NumPy's products too.
    """
    count = workers()
    if count == 1:
        yield from map(work, items)
        return
    from concurrent.futures import ThreadPoolExecutor  # which takes time to import: small pictures do without

    with ExitStack() as stack, ThreadPoolExecutor(count) as pool:
        waiting: deque[Future[_Out]] = deque()
        try:
            for index, item in enumerate(items):
                if index == 1:
                    stack.enter_context(blas.one_thread())
                waiting.append(pool.submit(work, item))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _tell(progress: Progress | None, done: int, count: int) -> None:
    if progress:
        progress(done, count)
