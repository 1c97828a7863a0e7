"""What is damaged in a data set, block by block."""

from __future__ import annotations

from dataclasses import dataclass

from aecodec import api
from aecodec.dataset import columns, framing, picture_blocks
from aecodec.dataset.description import Description
from aecodec.dataset.framing import Entry
from aecodec.dataset.picture_blocks import Joined
from aecodec.dataset.ranges import RangeSource
from aecodec.dataset.runs import Runs
from aecodec.errors import AecError


@dataclass(frozen=True)
class Damage:
    """numbers: of the pictures that are hit. message: what is wrong with them, or with their columns."""

    numbers: Runs
    message: str

    def __str__(self) -> str:
        return f"pictures {self.numbers}: {self.message}" if self.numbers.count else self.message


def damage(entry: Entry, source: RangeSource, max_pixels: int | None, engine_name: str) -> Damage | None:
    """Decode a block; what is wrong with it, or None if it is whole."""
    numbers, what = Runs(()), ""
    try:
        if entry.kind in framing.PICTURES:
            numbers = picture_blocks.numbers_of(entry)
            parsed, body = picture_blocks.parse(entry, max_pixels), entry.read(source)
            if isinstance(parsed, Joined):
                parsed.decode(body, engine_name)
            else:
                for file in parsed.files(body):  # not together: a few bytes may stand for any number of large pictures
                    api.decode(file, max_pixels=max_pixels, engine=engine_name)
        elif entry.kind == framing.COLUMNS:
            what = "columns: "
            header = columns.parse(entry.header)
            numbers = Runs(((header.first, header.count),))
            body = entry.read(source)
            for part in header.parts:
                columns.read(header, part, body)
        else:
            what = "metadata: "
            Description.unpack(entry.read(source))
    except AecError as error:
        return Damage(numbers, what + str(error))
    return None
