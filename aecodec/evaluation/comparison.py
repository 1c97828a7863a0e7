"""Comparison of several codecs on one picture at equal bytes, and the sheet that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from aecodec.evaluation import colours
from aecodec.evaluation.pages import number
from aecodec.evaluation.rivals import Rival
from aecodec.evaluation.scores import mean, measured
from aecodec.evaluation.sheets import Cell, Row, Section
from aecodec.evaluation.sweeps import Codec, Progress, Reconstruction, fit_budget, fit_budgets, no_progress, rival_codec
from aecodec.images.regions import Box
from aecodec.sources.items import Item
from aecodec.sources.readers import Picture

SHOWN_SIDE = 256  # in pixels of the sheet, about; of a larger picture a detail of so many is shown
ERROR_SCALES = (8, 16, 32, 64, 128, 255)
LEGEND_HEIGHT, LEGEND_GAP = 12, 8
FRAME = (213, 94, 0)


@dataclass(frozen=True)
class CodecResult:
    """One codec's reconstruction of the picture; `ssim` is None if the picture is smaller than its window."""

    name: str
    reconstruction: Reconstruction
    ssim: float | None

    def figures(self) -> tuple[str, str, str]:
        """Bytes, PSNR and SSIM as text."""
        return f"{self.reconstruction.file_bytes:,}", number(self.reconstruction.psnr, 2), number(self.ssim, 4)

    def lines(self) -> list[str]:
        """The same with their units."""
        file_bytes, psnr, ssim = self.figures()
        return [f"{file_bytes} bytes", f"{psnr} dB", f"SSIM {ssim}"]


@dataclass(frozen=True)
class Comparison:
    """A picture and the results of several codecs; the first of them sets the number of bytes."""

    item: Item
    results: Sequence[CodecResult]

    @property
    def size(self) -> str:
        """WIDTHxHEIGHT."""
        height, width = self.item.picture.shape[:2]
        return f"{width}x{height}"

    @property
    def title(self) -> str:
        """The picture's name, its size and the bits per pixel."""
        first = self.results[0].reconstruction
        pixels = self.item.picture.shape[0] * self.item.picture.shape[1]
        return f"{self.item.name}, {self.size}, at {8 * first.file_bytes / pixels:.2f} bits per pixel"


def codecs_for(item: Item, rivals: Sequence[Rival]) -> list[Codec]:
    """The rivals that can store a picture, as codecs that decode it in gray or in colour, as it is."""
    return [rival_codec(rival, item.picture.ndim == 2) for rival in rivals if rival.can_store(item.picture)]


def left_out(items: Sequence[Item], rivals: Sequence[Rival]) -> list[str]:
    """Which rivals are left out for some pictures, and why."""
    return [
        f"{item.name}: {rival.name} is left out, a side has at most {rival.longest:,} pixels"
        for item in items
        for rival in rivals
        if not rival.can_store(item.picture)
    ]


def compare(
    item: Item, codec: Codec, quality: int, others: Sequence[Codec], progress: Progress = no_progress
) -> Comparison:
    """Code a picture with `codec` at a quality, and with each other at its highest quality whose file is no larger."""
    original = item.picture
    mine = fit_budgets(Codec(codec.name, codec.encode, codec.decode, (quality,)), [original], [0], progress)[0][0]
    found = [(codec.name, replace(mine, fits=True))]
    found += [(other.name, fit_budget(other, original, mine.file_bytes, progress)) for other in others]
    return Comparison(
        item, [CodecResult(name, f, mean(measured([original], [f.picture], ["ssim"])["ssim"])) for name, f in found]
    )


def section(found: Comparison, region: Box | None = None) -> Section:
    """Two rows of the sheet: the pictures with their figures, and their errors.

    region: the part of the picture that is shown; by default all of a small picture, the middle of a large one. Figures
    refer to the whole picture. Raises ValueError if the region is not within it.
    """
    original = found.item.picture
    area = region or _middle(original)
    if not (0 <= area.y0 < area.y1 <= original.shape[0] and 0 <= area.x0 < area.x1 <= original.shape[1]):
        raise ValueError(f"the region is not within {found.item.name}, which is {found.size}")
    part = original[area.slices]
    scale = max(1, round(SHOWN_SIDE / max(part.shape[:2])))
    decoded = [r.reconstruction.picture for r in found.results]
    most = _error_scale([colours.difference(original, d) for d in decoded])
    above = [Cell(part, f"{original.size:,} bytes raw")]
    below = [Cell(_legend(original, area, scale), f"error: 0 to {most}{'+' if most < 255 else ''}", framed=False)]
    for result in found.results:
        picture = result.reconstruction.picture
        above.append(Cell(picture[area.slices], "\n".join(result.lines()), not result.reconstruction.fits))
        largest = int(colours.difference(original, picture).max())
        below.append(Cell(colours.errors(part, picture[area.slices], most), f"largest {largest}"))
    title = found.title + (f"; {part.shape[1]}x{part.shape[0]} of it shown" if part.shape != original.shape else "")
    if not all(result.reconstruction.fits for result in found.results):
        title += " (orange: even its smallest file is larger)"
    return Section(title, [Row(above), Row(below)], scale, ["original", *(r.name for r in found.results)])


def _middle(picture: Picture) -> Box:
    height, width = (min(side, SHOWN_SIDE) for side in picture.shape[:2])
    y, x = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return Box(y, y + height, x, x + width)


def _error_scale(differences: Sequence[np.ndarray]) -> int:
    """The smallest scale that covers 98 % of the errors."""
    high = max(float(np.quantile(d, 0.98)) for d in differences)
    return next(scale for scale in ERROR_SCALES if scale >= high)


def _legend(original: Picture, area: Box, scale: int) -> Picture:
    """The colour scale of the errors; above it, if only a part is shown, the whole picture with a frame around that."""
    height, width = area.y1 - area.y0, area.x1 - area.x0
    canvas = np.full((height, width, 3), 255, np.uint8)
    bar = max(1, LEGEND_HEIGHT // scale)
    canvas[-bar:] = colours.strip(width, min(bar, height), colours.ERROR)
    room = height - bar - LEGEND_GAP
    if original.shape[:2] != (height, width) and room > 0:
        whole = Image.fromarray(original).convert("RGB")
        frame = (area.x0, area.y0, area.x1 - 1, area.y1 - 1)
        ImageDraw.Draw(whole).rectangle(frame, outline=FRAME, width=max(2, whole.width // 100))
        whole.thumbnail((width, room), Image.Resampling.LANCZOS)
        left = (width - whole.width) // 2
        canvas[: whole.height, left : left + whole.width] = np.asarray(whole)
    return canvas
