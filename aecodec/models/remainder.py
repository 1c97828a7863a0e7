"""The remainder: the difference between a picture and its reconstruction, coded sample by sample.

Like the ladder, it is coded pass by pass, but on its own grid, whose elements are the samples themselves. A network
predicts the difference of a sample from the reconstruction and its scale class; the first channels of a pass help to
predict the others, each by a share of its prediction error. The distance of a sample from this mean is coded in steps
of 2 N + 1, so that the sample is off by no more than N. `models.remainder_samples` has the arithmetic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from aecodec.engines import Engine
from aecodec.models import ladder
from aecodec.models.analysis import blocks_of
from aecodec.models.ladder import Integers, Latent
from aecodec.models.model import Model, RemainderStage
from aecodec.models.remainder_samples import Pass, samples_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aecodec.engines import Tensor

RECONSTRUCTED = 8  # context of a reconstructed sample: this times its difference from 127.5, within +-1020


class ResidualCoder(Protocol):
    """The encoder's or the decoder's side of a walk."""

    def __call__(self, channel: int, where: NDArray[np.intp], mean: Integers, classes: NDArray[np.uint8]) -> Integers:
        """The residuals (N, P) of a channel of the plane at the blocks `where` (P,).

        mean: (N, P) in 0..255. classes: (N, P) in 0..63.
        """


def to_plane(remainder: RemainderStage, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The plane (N, rows * columns, channels) of pictures (N, H, W, C)."""
    blocks = blocks_of(pictures, remainder.shape.block, remainder.shape.block)
    plane: NDArray[np.uint8] = blocks[..., list(remainder.shape.order)].reshape(len(blocks), -1, blocks.shape[3])
    return plane


def to_pictures(
    remainder: RemainderStage, plane: Integers, rows: int, columns: int, channels: int
) -> NDArray[np.uint8]:
    """The inverse of `to_plane`."""
    block, n = remainder.shape.block, len(plane)
    place = np.argsort(remainder.shape.order)
    blocks = plane[..., place].reshape(n, rows, columns, block, block, channels).swapaxes(2, 3)
    return np.ascontiguousarray(blocks.reshape(n, rows * block, columns * block, channels))


def walk(
    model: Model,
    engine: Engine,
    reconstructed: NDArray[np.uint8],
    quality: NDArray[np.intp],
    error: NDArray[np.intp],
    code: ResidualCoder,
) -> NDArray[np.uint8]:
    """Code pictures with ``code`` and return them as decoded.

    reconstructed: (N, H, W, C) of whole units, with qualities (N,). error: (N,) in 0..255, the largest error of decoded
    samples.
    """
    remainder = model.remainder
    assert remainder is not None
    shape = remainder.shape
    n, height, width, channels = reconstructed.shape
    rows, columns = height // shape.block, width // shape.block
    base = to_plane(remainder, reconstructed).astype(np.int32)
    cues = np.concatenate([model.cue[quality - 1], remainder.cue[error]], axis=1).astype(engine.dtype)
    first = cues.shape[1] + base.shape[2]
    latent = Latent(
        np.zeros((n, rows, columns, base.shape[2]), engine.dtype),
        np.zeros((n, rows, columns, first + base.shape[2]), engine.dtype),
    )
    latent.context[..., : cues.shape[1]] = cues[:, None, None]
    latent.context[..., cues.shape[1] : first] = (base * RECONSTRUCTED - 255 * (RECONSTRUCTED // 2)).reshape(
        n, rows, columns, -1
    )
    offset = remainder.offset[error].astype(np.int32)
    step = (2 * error + 1).astype(np.int32)
    plane = latent.plane.reshape(base.shape)
    context = latent.context.reshape(n, rows * columns, -1)[..., first:]

    def decode(index: int, where: NDArray[np.intp], output: Tensor) -> None:
        lo, hi = shape.passes[index].lo, shape.passes[index].hi
        targets = plane[..., lo:hi], context[..., lo:hi]
        samples = samples_of(Pass(output, where, base, lo, hi - lo, offset, step, *targets))
        for channel in range(hi - lo):
            mean, classes = samples.predict(channel)
            samples.settle(channel, mean, code(lo + channel, where, mean, classes))

    stages = ladder.Stages(shape.passes, remainder.networks, [None] * len(shape.passes))
    ladder.climb(stages, engine, latent, decode)
    return to_pictures(remainder, plane.astype(np.uint8), rows, columns, channels)
