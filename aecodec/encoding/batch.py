"""Pictures that are encoded together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aecodec.format import container
from aecodec.format.container import Section
from aecodec.lossless import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aecodec.images.source import Picture


@dataclass(frozen=True)
class Batch:
    """S pictures of the same size, (S, H, W, C) of uint8 or uint16, with the sections of each file."""

    stack: Picture
    sections: Sequence[tuple[Section, ...]]

    def __len__(self) -> int:
        return len(self.stack)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of each picture."""
        return self.stack.shape[1], self.stack.shape[2]

    def subset(self, indices: NDArray[np.intp]) -> Batch:
        """The pictures with these indices, in this order."""
        if len(indices) == len(self):
            return self
        return Batch(self.stack[indices], [self.sections[i] for i in indices.tolist()])

    def singles(self) -> list[Batch]:
        """Each picture as a separate batch."""
        return [self.subset(np.array([index])) for index in range(len(self))]

    def plain_file(self, index: int, max_error: int = 0) -> bytes:
        """The file of a picture without a model; no sample is off by more than max_error."""
        picture = self.stack[index]
        samples = picture[..., 0] if picture.shape[2] == 1 else picture
        return plain.write(samples, max_error, self.sections[index])

    @property
    def section_bytes(self) -> NDArray[np.int64]:
        """How many bytes the sections take in each file: (S,)."""
        return np.array([len(container.write_sections(sections)) for sections in self.sections])


def put(values: list[Any], indices: NDArray[np.intp], found: Sequence[Any]) -> None:
    """Assign `found` to the positions with these indices."""
    for index, value in zip(indices.tolist(), found, strict=True):
        values[index] = value
