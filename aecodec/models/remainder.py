"""The remainder: the difference between a picture and its reconstruction, coded sample by sample.

Like the ladder, it is coded pass by pass, but on its own grid, whose elements are the samples themselves. A network
predicts the difference of a sample from the reconstruction and its scale class; the first channels of a pass help to
predict the others, each by a share of its prediction error. The distance of a sample from this mean is coded in steps
of 2 N + 1, so that the sample is off by no more than N.

Samples are within 0..255, so near the ends, steps beyond the `room` of the nearer side are possible only to the other.
Steps are folded so that no residual stands for an impossible value: with a room of 2, the steps 0 1 2 3 4 5 6 towards
the wider side become the residuals 0 1 2 3 -3 4 -4. `residual` is always the folded number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from aecodec.engines import Engine
from aecodec.models import ladder
from aecodec.models.analysis import blocks_of
from aecodec.models.description import SHARE_BITS
from aecodec.models.ladder import Integers, Latent
from aecodec.models.model import Model, RemainderStage
from aecodec.packing.tables import CLASSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aecodec.engines import Tensor

KNOWN = 4  # context of a decoded sample: this times its difference from the reconstruction, within +-1020
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
    offset = remainder.offset[error].astype(np.int32)[:, None, None]
    step = (2 * error + 1).astype(np.int32)[:, None]

    plane = latent.plane.reshape(base.shape)
    context = latent.context.reshape(n, rows * columns, -1)

    def decode(index: int, where: NDArray[np.intp], made: Tensor) -> None:
        stage = shape.passes[index]
        count = stage.hi - stage.lo
        output = made.astype(np.int32)
        classes = np.clip(output[..., count : 2 * count] + offset, 0, CLASSES - 1).astype(np.uint8)
        found = base[:, where, stage.lo : stage.hi]
        means = found + output[..., :count]
        off: list[Integers] = []
        pair = 2 * count
        values = np.empty_like(found)
        for channel in range(count):
            mean = means[..., channel]
            if off:
                # Shares and differences are within 255 and no pass has 768 channels or more: the sum is below 2**26.
                shared = sum(output[..., pair + other] * difference for other, difference in enumerate(off))
                mean += (shared + (1 << (SHARE_BITS - 1))) >> SHARE_BITS
                pair += channel
            mean = np.clip(mean, 0, 255)
            residual = code(stage.lo + channel, where, mean, classes[..., channel])
            values[..., channel] = np.clip(mean + unfolded(residual, mean, step) * step, 0, 255)
            off.append(values[..., channel] - mean)
        plane[:, where, stage.lo : stage.hi] = values
        context[:, where, first + stage.lo : first + stage.hi] = (values - found) * KNOWN

    stages = ladder.Stages(shape.passes, remainder.networks, [None] * len(shape.passes))
    ladder.climb(stages, engine, latent, decode)
    return to_pictures(remainder, plane.astype(np.uint8), rows, columns, channels)


def steps_to(target: Integers, mean: Integers, step: Integers) -> Integers:
    """Folded residuals of the steps from the means that come closest to the targets, all in 0..255."""
    return folded((target - mean + (step >> 1)) // step, mean, step)


def _room(mean: Integers, step: Integers) -> tuple[Integers, Integers]:
    """Steps that can be needed towards the nearer end, and the sign of the other direction."""
    up = mean < 128
    near = np.where(up, mean, 255 - mean)
    return (near + (step >> 1)) // step, np.where(up, np.int32(1), np.int32(-1))


def folded(steps: Integers, mean: Integers, step: Integers) -> Integers:
    """Steps, 0 at a target within 0..255, as residuals."""
    room, wide = _room(mean, step)
    away = steps * wide
    beyond = away - room
    side = room + ((beyond + 1) >> 1)
    return np.asarray(np.where(beyond <= 0, away, np.where(beyond & 1, side, -side)))


def unfolded(residual: Integers, mean: Integers, step: Integers) -> Integers:
    """The inverse of `folded`. Residuals that no encoder writes give values outside 0..255; 2**21 * 511 < 2**31."""
    room, wide = _room(mean, step)
    beyond = np.abs(residual) - room
    away = room + 2 * beyond - (residual > 0)
    return np.asarray(np.where(beyond <= 0, residual, away) * wide)
