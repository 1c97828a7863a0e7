"""Lossless and near-lossless encoding with a model, by its lossless stage."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from aecodec import engines
from aecodec.encoding.batch import Batch
from aecodec.encoding.candidates import Candidate, header_of, inverted
from aecodec.encoding.options import EncodeOptions
from aecodec.engines.threads import in_threads
from aecodec.format import container, panels
from aecodec.format.panels import PanelGrid
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
    grid = PanelGrid(*batch.size, PanelGrid.of(batch.size, candidate.model.description.unit).side)
    negative = inverted(batch.stack, candidate)
    stack = _coded_samples(batch.stack, candidate, negative)
    quality = container.NEAR_LOSSLESS if max_error else container.LOSSLESS
    headers = [
        container.write_header(header_of(candidate, batch.size, quality, samples.PACKING, bool(one), sections))
        for one, sections in zip(negative, batch.sections, strict=True)
    ]
    seeds = [zlib.crc32(header) for header in headers]

    def work(index: int) -> list[bytes]:
        own = [panels.seed_of(index, grid.count, seed) for seed in seeds]
        return samples.pack(coding, stack[:, *grid.box(index).slices], own)

    parts = []
    for index, packed in enumerate(in_threads(work, range(grid.count))):
        parts.append(packed)
        if options.progress and grid.count > 1:
            options.progress(index + 1, grid.count)
    begin = samples.head(max_error)
    return [header + begin + panels.join(own) for header, own in zip(headers, zip(*parts, strict=True), strict=True)]


def _coded_samples(stack: Picture, candidate: Candidate, negative: NDArray[np.bool_]) -> Picture:
    """Pictures (S, H, W, C) as the model's samples; gray ones in three channels, which are views of one."""
    if candidate.gray:
        return np.broadcast_to(stack, (*stack.shape[:3], 3))
    return np.where(negative[:, None, None, None], 255 - stack, stack) if negative.any() else stack
