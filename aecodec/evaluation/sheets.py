"""Contact sheets: titled sections of rows of pictures, enlarged without smoothing, each with notes below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from aecodec.sources.readers import Picture

MARGIN, GAP = 28, 10
INK, PALE, STRESSED, PAPER = (32, 32, 36), (90, 90, 98), (176, 64, 0), (255, 255, 255)
FRAME = (205, 205, 210)
TITLE_SIZE, LABEL_SIZE, NOTE_SIZE = 25, 20, 19
LINE = NOTE_SIZE + 4
ABOVE, BELOW = TITLE_SIZE + 16, 22  # of a section's first row, of its last


@dataclass(frozen=True)
class Cell:
    """A picture, or None for an empty place, and the lines below it.

    stressed: the note is highlighted in colour. framed: a fine line around the picture, so that white ones have an
    edge.
    """

    picture: Picture | None
    note: str = ""
    stressed: bool = False
    framed: bool = True


@dataclass(frozen=True)
class Row:
    """Cells side by side, with a label at the left."""

    cells: Sequence[Cell]
    label: str = ""  # of one line or several

    def note_height(self) -> int:
        """Height of the notes below the pictures, in pixels."""
        lines = max(len(cell.note.splitlines()) for cell in self.cells)
        return lines * LINE + 12 if lines else 0


@dataclass(frozen=True)
class Section:
    """Rows whose pictures are all enlarged `scale` times. heads: of the columns."""

    title: str
    rows: Sequence[Row]
    scale: int
    heads: Sequence[str] = ()


def draw(sections: Sequence[Section]) -> Image.Image:
    """Draw the sheet, in RGB."""
    title_font, label_font, note_font = map(ImageFont.load_default, (TITLE_SIZE, LABEL_SIZE, NOTE_SIZE))
    rows = [row for section in sections for row in section.rows]
    labels = max(label_font.getlength(line) for row in rows for line in row.label.splitlines() or [""])
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
        for column, head in enumerate(section.heads):
            pen.text((left + column * (cell_width + GAP) + cell_width // 2, top), head, INK, label_font, anchor="ma")
        top += LABEL_SIZE + GAP if section.heads else 0
        for row in section.rows:
            tall = _row_height(section, row)
            pen.text((MARGIN, top + tall // 2), row.label, INK, label_font, anchor="lm")
            for column, cell in enumerate(row.cells):
                middle = left + column * (cell_width + GAP) + cell_width // 2
                if cell.picture is not None:
                    large = enlarged(cell.picture, section.scale)
                    x = middle - large.width // 2
                    sheet.paste(large, (x, top))
                    if cell.framed:
                        pen.rectangle((x - 1, top - 1, x + large.width, top + large.height), outline=FRAME)
                ink = STRESSED if cell.stressed else PALE
                for line, text in enumerate(cell.note.splitlines()):
                    pen.text((middle, top + tall + 4 + line * LINE), text, ink, note_font, anchor="ma")
            top += tall + row.note_height() + GAP
        top += BELOW
    return sheet


def enlarged(picture: Picture, scale: int) -> Image.Image:
    """The picture in RGB, each pixel a square of scale x scale."""
    image = Image.fromarray(picture).convert("RGB")
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)


def _cell_width(section: Section, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> int:
    cells = [cell for row in section.rows for cell in row.cells]
    wide = [cell.picture.shape[1] * section.scale for cell in cells if cell.picture is not None]
    texts = [*section.heads, *(line for cell in cells for line in cell.note.splitlines())]
    width: int = max([*wide, *(int(font.getlength(text)) + 1 for text in texts)])
    return width


def _row_height(section: Section, row: Row) -> int:
    return section.scale * max((cell.picture.shape[0] for cell in row.cells if cell.picture is not None), default=0)


def _height(section: Section) -> int:
    rows = sum(_row_height(section, row) + row.note_height() + GAP for row in section.rows)
    return rows + BELOW + (ABOVE if section.title else 0) + (LABEL_SIZE + GAP if section.heads else 0)
