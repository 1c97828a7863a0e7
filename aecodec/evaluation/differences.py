"""What a lossy file changed: the differences between a picture and what its file decodes to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aecodec.images.source import Picture, Source, joined


@dataclass(frozen=True)
class Difference:
    """largest: the largest error of a sample, opacity included. mean_square: the mean squared error of the colours.

    Colours of fully transparent pixels count as equal unless they are kept. most: the highest value of a sample.
    """

    largest: int
    mean_square: float
    most: int

    @property
    def psnr(self) -> str:
        """The PSNR in words."""
        return f"{10 * np.log10(self.most**2 / self.mean_square):.2f} dB" if self.mean_square else "infinite"


def difference(source: Source, decoded: Picture, *, every_sample: bool) -> Difference:
    """Compare a picture with the array (H, W[, C]) of its file, of the same shape and type.

    every_sample: whether the file keeps the colours of fully transparent pixels, which count only then.
    """
    error = np.abs(joined(source.samples, source.alpha).astype(np.int64) - decoded)
    colours = error
    if source.alpha is not None:
        colours = error[..., :-1]
        if not every_sample:
            colours[source.alpha == 0] = 0
    mean = float((colours.astype(np.float64) ** 2).mean())
    return Difference(int(error.max()), mean, int(np.iinfo(decoded.dtype).max))
