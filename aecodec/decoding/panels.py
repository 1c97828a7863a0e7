"""Panels, decoded on demand and joined so that their edges leave no trace.

Nothing is predicted across panel edges, but the correction and the finishing network see across them: they run on
overlapping windows, and the pixels are the same as if they ran on the whole canvas at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from aecodec.engines import Engine
from aecodec.engines.threads import in_threads
from aecodec.format import panels
from aecodec.format.panels import PanelGrid, Progress, checksums, seed_of
from aecodec.format.payloads import Unpacker
from aecodec.images.regions import Box
from aecodec.models import finishing, ladder
from aecodec.models.ladder import Latent, Prediction
from aecodec.models.model import Model
from aecodec.packing import Coded, Read, least_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

Walked: TypeAlias = tuple[Latent, Coded]
"""Latents, and the residuals and classes that they were decoded from."""


def split(payload: bytes, grid: PanelGrid, model: Model, packing: str) -> list[bytes]:
    """The packed elements of each panel. Raises TruncatedFile where some panel cannot be whole, and InvalidValue."""
    return panels.split(payload, grid, lambda box: least_bytes(packing, elements_of(model, (box.height, box.width))))


def elements_of(model: Model, size: tuple[int, int]) -> int:
    """The number of elements of a picture, or panel, of a size (height, width)."""
    return ladder.elements(model, *model.description.grid(*size))


@dataclass(frozen=True)
class PackedPanel:
    """A picture of one panel, or a panel of one picture: its payload, and the value from which its checksum starts.

    is_small: whether it is that of a file in the small form.
    """

    payload: bytes
    quality: int
    seed: int
    is_small: bool = False


def decode_alike(
    model: Model, engine: Engine, packing: str, size: tuple[int, int], packed: Sequence[PackedPanel]
) -> Walked:
    """Decode and check the latents of pictures, or panels, of the same size (height, width). Raises AecError."""
    payloads, small = [panel.payload for panel in packed], [panel.is_small for panel in packed]
    unpacker = Unpacker.of(packing, model.tables, payloads, small, elements_of(model, size))
    qualities = np.array([panel.quality for panel in packed])
    latent, coded = walk(model, engine, qualities, size, unpacker.decoder.read)
    unpacker.finish(checksums(coded.residuals, [panel.seed for panel in packed]))
    return latent, coded


def walk(model: Model, engine: Engine, qualities: NDArray[np.intp], size: tuple[int, int], read: Read) -> Walked:
    """Decode the latents of pictures of the same size (height, width), unchecked, and what was read for them."""
    coded = Coded([], [])

    def code(prediction: Prediction) -> NDArray[Any]:
        return coded.read(read, prediction.classes.reshape(len(qualities), -1))

    return ladder.walk(model, engine, qualities, *model.description.grid(*size), code), coded


@dataclass(frozen=True)
class Panels:
    """The panels of a file, decoded on demand; `seed` is the CRC-32 of its header."""

    grid: PanelGrid
    model: Model
    engine: Engine
    packing: str
    quality: int
    seed: int
    payloads: Sequence[bytes]
    is_small: bool = False  # a file in the small form

    def latent(self, index: int) -> Latent:
        """The latent of one panel, checked. Raises AecError."""
        box = self.grid.box(index)
        size = (box.height, box.width)
        seed = seed_of(index, self.grid.count, self.seed)
        packed = PackedPanel(self.payloads[index], self.quality, seed, self.is_small)
        return decode_alike(self.model, self.engine, self.packing, size, [packed])[0]

    def means(self, progress: Progress | None) -> Iterator[tuple[Box, NDArray[np.uint8]]]:
        """The rectangle of each panel, in blocks, and the means of its blocks (rows, columns, C)."""

        def work(index: int) -> tuple[Box, NDArray[np.uint8]]:
            found = ladder.block_means(self.model, self.engine, self.latent(index))
            return self.grid.box(index) // self.model.description.block, found[0]

        count = self.grid.count
        yield from panels.reported(in_threads(work, range(count)), count, progress)

    def pixels(self, area: Box, progress: Progress | None) -> Iterator[tuple[Box, NDArray[np.uint8]]]:
        """Rectangles that together cover an area of the picture, in pixels, and their samples (height, width, C)."""
        block, margin = self.model.description.block, ladder.margin(self.model)
        chosen = self.grid.around(area, margin * block)
        indices = [y * self.grid.columns + x for y in range(chosen.y0, chosen.y1) for x in range(chosen.x0, chosen.x1)]
        first, last = self.grid.box(indices[0]) // block, self.grid.box(indices[-1]) // block
        seams = _Seams(margin, Box(first.y0, last.y1, first.x0, last.x1), self.grid.box(0) // block)

        def windows() -> Iterator[_Window]:
            for index, latent in zip(indices, in_threads(self.latent, indices), strict=True):
                yield seams.add(self.grid.box(index) // block, latent)

        def work(window: _Window) -> tuple[Box, NDArray[np.uint8]]:
            y, x = window.place.y0 * block, window.place.x0 * block
            if window.place.y0 >= window.place.y1 or window.place.x0 >= window.place.x1:
                return Box(y, y, x, x), np.zeros((0, 0, self.model.description.channels), np.uint8)
            rows, columns = window.latent.plane.shape[1:3]
            seen = window.inner.grown(finishing.margin(self.model), Box(0, rows, 0, columns))
            part = (slice(None), *seen.slices)
            correction = ladder.correct(self.model, self.engine, window.latent)[part]
            latent = Latent(window.latent.plane[part], window.latent.context[part])
            made = ladder.synthesize(self.model, self.engine, latent, correction)[0]
            pixels = made[(window.inner.within(seen) * block).slices]
            return Box(y, y + pixels.shape[0], x, x + pixels.shape[1]), pixels

        yield from panels.reported(in_threads(work, windows()), len(indices), progress)


@dataclass(frozen=True)
class _Window:
    """A latent with the margin that its pixels need, its inner part, and the position of that part; in blocks."""

    latent: Latent
    inner: Box
    place: Box


class _Seams:
    """Joins the latents of panels, which arrive in raster order, into overlapping windows.

    With m the margin, the window of a panel ends m blocks before the panel's right and lower edge, and takes in m
    blocks of the panels to the left and above instead; its pixels depend on m blocks further. So only the last 2 m
    columns of the panel before, and the last 2 m rows of the panels above, are kept.
    """

    def __init__(self, margin: int, whole: Box, panel: Box) -> None:
        self.margin = margin
        self.whole = whole  # of all panels to come, in blocks
        self.panel_columns = panel.x1
        self.above: dict[int, NDArray[np.int16]] = {}  # by the column of panels
        self.left: NDArray[np.int16] | None = None

    def add(self, box: Box, latent: Latent) -> _Window:
        """The window that this panel completes."""
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
        inner = Box(y0 - top, y1 - top, x0 - left, x1 - left)
        return _Window(window, inner, Box(y0, y1, x0, x1))

    def _reach(self, begin: int, end: int, first: int, last: int) -> tuple[int, int]:
        """The first and the last row, or column, that a panel completes."""
        upper = last if end == last else max(first, end - self.margin)
        return max(first, begin - self.margin), upper
