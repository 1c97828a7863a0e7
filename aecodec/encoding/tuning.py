"""What the encoder counts as distortion: the squared error, or what it does to MS-SSIM."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import numpy as np

from aecodec.encoding.options import PSNR, SSIM
from aecodec.metrics import MS_SSIM_WEIGHTS
from aecodec.models.analysis import blocks_of
from aecodec.models.model import Model

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Where the variance of luma is v, an error weighs (UNWEIGHTED / (v + FLOOR)) ** MASKING. SSIM divides it by v + 29;
# less is better with the steps of a model trained for squared error. All four were chosen with training photographs,
# CHROMA by SSIMULACRA2, as MS-SSIM takes the mean of red, green and blue.
MASKING: Final = 0.7
FLOOR: Final = 50.0
UNWEIGHTED: Final = 3400.0  # less zeroes more at each quality, which takes more bytes at equal MS-SSIM
CHROMA: Final = 0.5  # what an error of colour weighs beside one of luma
LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


class Distortion(Protocol):
    """The distortion of pictures, block by block.

    block_weights: (N, blocks), what the distortion of a block weighs. element_weights: (K,), what the squared error of
    a coefficient adds to it, about, as rounding needs it.
    """

    block_weights: NDArray[np.float32]
    element_weights: NDArray[np.float32]

    def of(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The distortion of decoded pictures (N, H, W, C), before it is weighed by block: (N, blocks)."""


class SquaredError:
    """The squared error of the pixels: what PSNR measures."""

    def __init__(self, model: Model, pictures: NDArray[np.uint8]) -> None:
        d = model.description
        self.pictures, self.side = pictures, d.block
        blocks = pictures.shape[1] * pictures.shape[2] // d.block**2
        self.block_weights = np.ones((len(pictures), blocks), np.float32)
        self.element_weights = np.ones(d.coefficients, np.float32)

    def of(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Distortion`."""
        error = pixels.astype(np.float32)
        error -= self.pictures
        error *= error
        return np.asarray(blocks_of(error, self.side, self.side).sum(axis=3).reshape(len(pixels), -1))


class StructuralError:
    """An estimate of 1 - MS-SSIM: squared errors by their scale, more where the picture is smooth.

    SSIM divides an error by the variance around it (Wang, Rehman, Wang, Ma and Gao, "SSIM-motivated rate-distortion
    optimization for video coding", IEEE Trans. Circuits Syst. Video Technol. 22(4), 2012); MS-SSIM sees little of fine
    detail and all of a block's mean.
    """

    def __init__(self, model: Model, pictures: NDArray[np.uint8]) -> None:
        self.pictures, self.side = pictures, model.description.block
        variance = _variance(pictures, self.side).reshape(len(pictures), -1)
        self.block_weights = ((variance + np.float32(FLOOR)) / np.float32(UNWEIGHTED)) ** np.float32(-MASKING)
        self.element_weights = _visible(model.patterns) / (model.patterns**2).sum(axis=(1, 2, 3))

    def of(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Distortion`."""
        n, height, width, channels = pixels.shape
        error = pixels.astype(np.float32)
        error -= self.pictures
        blocks = blocks_of(error, self.side, self.side)
        return _visible(blocks.reshape(-1, self.side, self.side, channels)).reshape(n, -1)


MakeDistortion: TypeAlias = Callable[[Model, "NDArray[np.uint8]"], Distortion]
TUNES: Final[dict[str, MakeDistortion]] = {PSNR: SquaredError, SSIM: StructuralError}
"""The distortion of pictures (N, H, W, C) of whole units, by what is tuned for; see `distortion_of`."""


def distortion_of(tune: str, model: Model, pictures: NDArray[np.uint8]) -> Distortion:
    """The distortion for `tune`; the squared error for a model without a plane, whose vector says nothing of scales."""
    return (TUNES[tune] if model.description.passes else SquaredError)(model, pictures)


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


def _visible(errors: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much of the squared errors of blocks (B, side, side, C) MS-SSIM sees, colour weighed by CHROMA: (B,)."""
    luma = _luma(errors)[..., None]
    samples = np.float32(errors[0].size)
    seen = _by_scale(luma)
    if errors.shape[-1] > 1:
        seen += np.float32(CHROMA) * _by_scale(errors - luma)
    return np.asarray(samples * seen)


def _by_scale(errors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean squares of blocks (B, side, side, C), halved again and again, weighed as MS-SSIM weighs its scales: (B,)."""
    total = np.zeros(len(errors), np.float32)
    for weight in MS_SSIM_WEIGHTS:
        total += np.float32(weight) * (errors**2).mean(axis=(1, 2, 3))
        if errors.shape[1] > 1:
            half = np.float32(0.5)
            errors = half * (errors[:, ::2] + errors[:, 1::2])
            errors = half * (errors[:, :, ::2] + errors[:, :, 1::2])
    return total
