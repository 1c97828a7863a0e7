"""Lossless and near-lossless encoding with a model, by its lossless stage."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from aecodec import engines
from aecodec.encoding.batch import Batch
from aecodec.encoding.candidates import Candidate, header_of, inverted, model_samples
from aecodec.encoding.options import EncodeOptions
from aecodec.engines.threads import in_threads
from aecodec.format import check, container, panels
from aecodec.format.container import Header
from aecodec.format.panels import PanelGrid, Progress
from aecodec.lossless import samples
from aecodec.models.causal import Coding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aecodec.images.source import Picture

MOST_ERROR: Final = samples.MOST_ERROR  # of 8-bit samples, the only ones that models code
TRIED: Final = (1, 2, 2, 3)  # candidates, by effort; last: more


def encode(
    batch: Batch, candidates: Sequence[Candidate], order: NDArray[np.intp], max_error: int, options: EncodeOptions
) -> list[bytes]:
    """The smallest file of each picture among those of its first candidates.

    order: (candidates, S), their indices from the best to the worst. How many are tried follows from the effort.
    """
    files = [b""] * len(batch)
    tried = order[: TRIED[min(options.effort, len(TRIED) - 1)]]
    for number, candidate in enumerate(candidates):
        mine = np.flatnonzero((tried == number).any(axis=0))
        if not mine.size:
            continue
        for index, file in zip(mine.tolist(), _encode(batch.subset(mine), candidate, max_error, options), strict=True):
            if not files[index] or len(file) < len(files[index]):
                files[index] = file
    return files


def can_encode(candidate: Candidate) -> bool:
    """Whether the candidate's model has a lossless stage."""
    return candidate.model.lossless is not None


def _encode(batch: Batch, candidate: Candidate, max_error: int, options: EncodeOptions) -> list[bytes]:
    coding = Coding(candidate.model, engines.engine(options.engine), candidate.gray, max_error)
    negative = inverted(batch.stack, candidate)
    stack = model_samples(batch.stack, candidate, negative)
    quality = container.NEAR_LOSSLESS if max_error else container.LOSSLESS
    headers = [
        header_of(candidate, batch.size, quality, samples.PACKING, bool(one), sections)
        for one, sections in zip(negative, batch.sections, strict=True)
    ]
    return assemble(coding, headers, stack, options.progress)


def assemble(
    coding: Coding, headers: Sequence[Header], stack: Picture, progress: Progress | None = None
) -> list[bytes]:
    """The files of pictures (S, H, W, channels), from their headers. progress: of panels, if there are several."""
    grid = PanelGrid.cropped(stack.shape[1:3], coding.model.description.unit)
    if grid.count > 1:
        return [_write_panels(coding, *each, grid, progress) for each in zip(headers, stack, strict=True)]
    small, begin = [header.is_small for header in headers], samples.head(coding.max_error)
    written = [container.write_header(header) for header in headers]
    packed = samples.pack(coding, stack, [zlib.crc32(header) for header in written], small)
    return [
        check.completed(header + begin + payload, is_small=is_small)
        for header, payload, is_small in zip(written, packed, small, strict=True)
    ]


def _write_panels(
    coding: Coding, header: Header, picture: Picture, grid: PanelGrid, progress: Progress | None
) -> bytes:
    """The file of a picture (H, W, channels) of several panels."""
    written = container.write_header(header)
    seed = zlib.crc32(written)

    def work(index: int) -> bytes:
        own = panels.seed_of(index, grid.count, seed)
        return samples.pack(coding, picture[None, *grid.box(index).slices], [own], [False])[0]

    parts = list(panels.reported(in_threads(work, range(grid.count)), grid.count, progress))
    return written + samples.head(coding.max_error) + panels.join(parts)
