"""How far the mean colour of areas of 64x64 pixels is from the original's, beside other codecs at equal bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import click
import numpy as np
from numpy.typing import NDArray

from aecodec.evaluation.pages import environment, number, table
from aecodec.evaluation.rivals import Rival, available
from aecodec.evaluation.sweeps import HIGHEST, Codec, aecodec_codec, rival_codec
from aecodec.sources.readers import Picture
from benchmarks import datasets
from benchmarks.reporting import (
    command_line,
    data_argument,
    model_option,
    output_option,
    progress,
    publish,
    require_folders,
    rivals_option,
    sweep_options,
)

Values: TypeAlias = NDArray[np.float64]

AREA = 64
# From R, G and B to Y, Cb and Cr: ITU-R BT.601 in full range, as JPEG has it.
TO_YCBCR: Final = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float64
)
EXPLANATION = (
    f"For every area of {AREA}x{AREA} pixels, at each position, the mean of the decoded picture minus that of the"
    " original, in Y, Cb and Cr (BT.601, 0..255): the largest absolute difference of all areas of all pictures, and"
    " the root mean square. Each other codec has, for each picture, its lowest quality whose file is no smaller than"
    " that of aecodec. The last column counts the pictures in which the largest difference in Cb and Cr of aecodec is"
    " no larger than that of the codec of the line."
)


def area_differences(original: Picture, decoded: Picture, side: int = AREA) -> Values:
    """Mean differences in Y, Cb and Cr of areas of side x side, one for each position, (H - side + 1, W - side + 1, 3).

    Pictures (H, W, 3); raises ValueError for other shapes, and for pictures that are smaller than an area.
    """
    height, width = original.shape[:2]
    if original.ndim != 3 or min(height, width) < side:
        raise ValueError(f"a picture of {width}x{height} is gray, or smaller than {side}x{side}")
    sums = np.zeros((height + 1, width + 1, 3), np.int64)
    sums[1:, 1:] = (decoded.astype(np.int64) - original).cumsum(axis=0).cumsum(axis=1)
    areas = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    differences: Values = areas @ TO_YCBCR.T / side**2
    return differences


@dataclass(frozen=True)
class Offsets:
    """Differences of all areas of one picture, in Y, Cb and Cr: the largest and the mean square, (3,) each."""

    file_bytes: int
    largest: Values
    mean_square: Values

    @classmethod
    def of(cls, original: Picture, file: bytes, decoded: Picture) -> Offsets:
        """Those of a file."""
        differences = area_differences(original, decoded)
        return cls(len(file), np.abs(differences).max(axis=(0, 1)), np.square(differences).mean(axis=(0, 1)))

    @property
    def largest_colour(self) -> float:
        """The largest difference in Cb or Cr."""
        return float(self.largest[1:].max())


def lowest_not_below(codec: Codec, picture: Picture, least: int) -> bytes:
    """The file of the lowest quality of 0..99 with at least `least` bytes, found by bisection; that of 99 if none has.

    Sizes grow with quality but for a few bytes, so a lower quality may have such a file, too.
    """
    low, high = 0, HIGHEST
    files: dict[int, bytes] = {}
    while low < high:
        middle = (low + high) // 2
        files[middle] = codec.encode([picture], middle)[0]
        low, high = (low, middle) if len(files[middle]) >= least else (middle + 1, high)
    return files[low] if low in files else codec.encode([picture], low)[0]


def line(quality: int, name: str, found: Sequence[Offsets], ours: Sequence[Offsets]) -> list[str]:
    """The line of a codec at a quality of aecodec, over all pictures."""
    largest = np.max([offsets.largest for offsets in found], axis=0)
    typical = np.sqrt(np.mean([offsets.mean_square for offsets in found], axis=0))
    cells = [str(quality), name, number(float(np.mean([offsets.file_bytes for offsets in found])))]
    for channel in range(3):
        cells += [number(float(largest[channel]), 2), number(float(typical[channel]), 3)]
    within = sum(mine.largest_colour <= theirs.largest_colour for mine, theirs in zip(ours, found, strict=True))
    return [*cells, "-" if found is ours else f"{within} of {len(found)}"]


def compared(pictures: Sequence[Picture], mine: Codec, rivals: Sequence[Rival], quality: int) -> list[list[str]]:
    """The lines of all codecs at a quality of aecodec."""
    files = mine.encode(pictures, quality)
    ours = [Offsets.of(*found) for found in zip(pictures, files, mine.decode(files), strict=True)]
    lines = [line(quality, mine.name, ours, ours)]
    for rival in rivals:
        codec = rival_codec(rival, gray=False)
        theirs = []
        for done, (picture, file) in enumerate(zip(pictures, files, strict=True)):
            progress(f"quality {quality}, {rival.name}", done, len(pictures))
            nearest = lowest_not_below(codec, picture, len(file))
            theirs.append(Offsets.of(picture, nearest, codec.decode([nearest])[0]))
        lines.append(line(quality, rival.name, theirs, ours))
    return lines


@click.command("colours")
@data_argument
@model_option()
@sweep_options
@rivals_option("avif")
@output_option()
def command(
    data: tuple[str, ...],
    model: str,
    qualities: tuple[int, ...],
    effort: int,
    rivals: tuple[str, ...],
    output: Path | None,
) -> None:
    """Compare the mean colour of areas of 64x64 pixels with the original's, beside other codecs at equal bytes.

    DATA are pictures in colour, of at least 64x64, or folders of them.
    """
    require_folders(output)
    pictures = datasets.load(data)
    others, notes = available(rivals)
    mine = aecodec_codec(model, effort)
    lines = [cells for quality in qualities for cells in compared(pictures, mine, others, quality)]
    head = ["quality", "codec", "bytes"]
    for channel in ("Y", "Cb", "Cr"):
        head += [f"{channel} largest", f"{channel} r.m.s."]
    page = [
        "# Mean colours",
        f"    {command_line()}",
        f"{len(pictures)} pictures; model `{model}`, effort {effort}. The other codecs are"
        f" {', '.join(rival.described() for rival in others)}. {EXPLANATION}",
        table([*head, "pictures"], lines, left=2),
        *notes,
        f"{environment(others, [model])}.",
    ]
    publish(page, output)
