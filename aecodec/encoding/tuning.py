"""What the encoder counts as distortion: the squared error, or what it does to MS-SSIM."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import numpy as np

from aecodec.encoding.options import PSNR, SSIM
from aecodec.metrics import MS_SSIM_WEIGHTS
from aecodec.models.analysis import analyse, blocks_of
from aecodec.models.model import Model

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What an error weighs where the variance of luma is v: (REFERENCE / (v + DARK_NOISE)) ** MASKING. SSIM divides it by
# v + 29; less is better with the steps of a model trained for squared error. Chosen with training photographs.
MASKING: Final = 0.7
REFERENCE: Final = 3400.0
DARK_NOISE: Final = 50.0
CHROMA: Final = 0.5  # what an error of colour weighs beside one of luma
LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


class Distortion(Protocol):
    """The distortion of pictures, block by block, as a sum over the squared errors of pixels or coefficients.

    places: (N, blocks), what the errors of a block weigh. elements: (K,), what that of a coefficient weighs.
    """

    places: NDArray[np.float32]
    elements: NDArray[np.float32]

    def of(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The distortion of decoded pictures (N, H, W, C), before it is weighed by place: (N, blocks)."""


class SquaredError:
    """The squared error of the pixels: what PSNR measures."""

    def __init__(self, model: Model, pictures: NDArray[np.uint8], plane: NDArray[np.float32]) -> None:
        self.pictures, self.side = pictures, model.description.block
        self.places = np.ones((len(pictures), plane.shape[1]), np.float32)
        self.elements = np.ones(plane.shape[2], np.float32)

    def of(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Distortion`."""
        error = pixels.astype(np.float32)
        error -= self.pictures
        error *= error
        return np.asarray(blocks_of(error, self.side, self.side).sum(axis=3).reshape(len(pixels), -1))


class StructuralError:
    """An estimate of 1 - MS-SSIM: squared errors of coefficients by their scale, more where the picture is smooth.

    SSIM divides an error by the variance around it (Wang, Rehman, Wang, Ma and Gao, "SSIM-motivated rate-distortion
    optimization for video coding", IEEE Trans. Circuits Syst. Video Technol. 22(4), 2012); MS-SSIM sees little of fine
    detail and all of a block's mean.
    """

    def __init__(self, model: Model, pictures: NDArray[np.uint8], plane: NDArray[np.float32]) -> None:
        self.model, self.plane = model, plane
        variance = _variance(pictures, model.description.block).reshape(len(pictures), -1)
        self.places = ((variance + np.float32(DARK_NOISE)) / np.float32(REFERENCE)) ** np.float32(-MASKING)
        self.elements = _visible_shares(model) if plane.shape[2] else np.ones(0, np.float32)

    def of(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Distortion`."""
        error = analyse(self.model, pixels)[1].reshape(self.plane.shape) - self.plane
        return np.asarray((error * error) @ self.elements)


MakeDistortion: TypeAlias = Callable[[Model, "NDArray[np.uint8]", "NDArray[np.float32]"], Distortion]
TUNES: Final[dict[str, MakeDistortion]] = {
    PSNR: SquaredError,
    SSIM: StructuralError,
}
"""Distortions of pictures (N, H, W, C) of whole units with coefficients (N, blocks, K), by what is tuned for."""


def _luma(pictures: NDArray[np.generic]) -> NDArray[np.float32]:
    values = pictures.astype(np.float32)
    return values @ LUMA if values.shape[-1] == LUMA.size else values[..., 0]


def _variance(pictures: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """The variance of luma in each block and its neighbours, weighed by 1, 2, 1 in both directions: (N, rows, columns).

    Beyond the border the blocks at the border are repeated.
    """
    blocks = blocks_of(_luma(pictures)[..., None], side, side)
    mean, square = _spread(blocks.mean(axis=3)), _spread((blocks * blocks).mean(axis=3))
    return np.maximum(square - mean * mean, 0)


def _spread(values: NDArray[np.float32]) -> NDArray[np.float32]:
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)), mode="edge")
    down = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    return np.asarray((down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]) / 4)


def _visible_shares(model: Model) -> NDArray[np.float32]:
    """The share of each coefficient's energy that MS-SSIM sees: (K,), from 0 to 1."""
    d = model.description
    patterns = model.analysis["analysis.block"].T.reshape(-1, d.block, d.block, d.channels)
    luma = np.broadcast_to(_luma(patterns)[..., None], patterns.shape)
    colour = patterns - luma
    return np.asarray((_seen(luma) + CHROMA * _seen(colour)) / (luma**2 + colour**2).mean(axis=(1, 2, 3)))


def _seen(patterns: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean squares of patterns (K, side, side, C), halved from scale to scale and weighed as MS-SSIM weighs scales."""
    total = np.zeros(len(patterns), np.float32)
    for weight in MS_SSIM_WEIGHTS:
        total += np.float32(weight) * (patterns**2).mean(axis=(1, 2, 3))
        if patterns.shape[1] > 1:
            half = np.float32(0.5)
            patterns = half * (patterns[:, ::2] + patterns[:, 1::2])
            patterns = half * (patterns[:, :, ::2] + patterns[:, :, 1::2])
    return total
