"""Contact sheets: titled sections of rows of pictures, enlarged without smoothing, each with a note below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aecodec.evaluation.datasets import Picture
from PIL import Image, ImageDraw, ImageFont

MARGIN, GAP = 28, 10
INK, PALE, STRESSED, PAPER = (32, 32, 36), (110, 110, 118), (176, 64, 0), (255, 255, 255)
TITLE_SIZE, LABEL_SIZE, NOTE_SIZE = 25, 20, 19
ABOVE, BELOW = TITLE_SIZE + 16, 22  # of a section's first row, of its last


@dataclass(frozen=True)
class Cell:
    """A picture and the note below it; `stressed` notes are drawn in another colour."""

    picture: Picture
    note: str = ""
    stressed: bool = False


@dataclass(frozen=True)
class Row:
    cells: Sequence[Cell]
    label: str = ""  # at its left

    def note_height(self) -> int:
        return NOTE_SIZE + 12 if any(cell.note for cell in self.cells) else 0


@dataclass(frozen=True)
class Section:
    """Rows, all enlarged alike: `scale` is pixels a pixel."""

    title: str
    rows: Sequence[Row]
    scale: int


def draw(sections: Sequence[Section]) -> Image.Image:
    """The sheet."""
    title_font, label_font, note_font = map(ImageFont.load_default, (TITLE_SIZE, LABEL_SIZE, NOTE_SIZE))
    rows = [row for section in sections for row in section.rows]
    labels = max(label_font.getlength(row.label) for row in rows)
    left = MARGIN + (int(labels) + 2 * GAP if labels else 0)
    cell_width = max(_cell_width(section, note_font) for section in sections)
    right = left + max(len(row.cells) for row in rows) * (cell_width + GAP) - GAP
    right = max(right, *(MARGIN + int(title_font.getlength(section.title)) for section in sections))
    height = 2 * MARGIN - BELOW + sum(_height(section) for section in sections)
    sheet = Image.new("RGB", (right + MARGIN, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    top = MARGIN
    for section in sections:
        if section.title:
            pen.text((MARGIN, top), section.title, INK, title_font)
            top += ABOVE
        for row in section.rows:
            tall = _row_height(section, row)
            pen.text((MARGIN, top + tall // 2), row.label, INK, label_font, anchor="lm")
            for column, cell in enumerate(row.cells):
                middle = left + column * (cell_width + GAP) + cell_width // 2
                large = enlarged(cell.picture, section.scale)
                sheet.paste(large, (middle - large.width // 2, top))
                ink = STRESSED if cell.stressed else PALE
                pen.text((middle, top + tall + 4), cell.note, ink, note_font, anchor="ma")
            top += tall + row.note_height() + GAP
        top += BELOW
    return sheet


def enlarged(picture: Picture, scale: int) -> Image.Image:
    """Every pixel a square of pixels, in RGB."""
    image = Image.fromarray(picture).convert("RGB")
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)


def _cell_width(section: Section, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> int:
    cells = [cell for row in section.rows for cell in row.cells]
    return max(max(cell.picture.shape[1] * section.scale, int(font.getlength(cell.note)) + 1) for cell in cells)


def _row_height(section: Section, row: Row) -> int:
    return section.scale * max(cell.picture.shape[0] for cell in row.cells)


def _height(section: Section) -> int:
    rows = sum(_row_height(section, row) + row.note_height() + GAP for row in section.rows)
    return rows + BELOW + (ABOVE if section.title else 0)
