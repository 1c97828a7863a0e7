"""Measures of the error of single samples: squared and absolute error, PSNR, cross-entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Pictures: TypeAlias = "NDArray[np.uint8]"
Values: TypeAlias = "NDArray[np.float64]"

PEAK: Final = 255.0
CROSS_ENTROPY_LEAST: Final = 1e-7
"""Predicted probabilities are clipped to at least this, and at most one minus this: Keras' epsilon."""

BATCH_SAMPLES: Final = 1 << 16  # a dozen float64 maps of so many samples stay within a processor's cache


def squared_error(originals: Pictures, decoded: Pictures) -> NDArray[np.int64]:
    """The exact sum of squared differences of each picture, int64 (N,)."""
    require_alike(originals, decoded, 1)
    difference = originals.astype(np.int64) - decoded
    total: NDArray[np.int64] = (difference * difference).sum(axis=(1, 2, 3))
    return total


def psnr(originals: Pictures, decoded: Pictures) -> Values:
    """PSNR of each picture in dB; infinite if nothing differs."""
    return psnr_of_mse(squared_error(originals, decoded) / samples_in(originals))


def pooled_psnr(originals: Pictures, decoded: Pictures) -> float:
    """PSNR in dB of the mean squared error pooled over all samples of all pictures; not the mean of their PSNRs."""
    return float(psnr_of_mse(squared_error(originals, decoded).sum() / (len(originals) * samples_in(originals))))


def psnr_of_mse(mean_squared_error: ArrayLike) -> Values:
    """PSNR in dB of mean squared errors of 8-bit samples, any shape; infinite if the error is 0."""
    with np.errstate(divide="ignore"):
        return 10.0 * np.log10(PEAK**2 / np.asarray(mean_squared_error, np.float64))


def mean_absolute_error(originals: Pictures, decoded: Pictures) -> Values:
    """The mean absolute difference of each picture's samples, in levels of 0..255."""
    require_alike(originals, decoded, 1)
    found: Values = _differences(originals, decoded).mean(axis=(1, 2, 3), dtype=np.float64)
    return found


def largest_error(originals: Pictures, decoded: Pictures) -> NDArray[np.int64]:
    """The largest absolute difference of any of each picture's samples, int64 (N,)."""
    require_alike(originals, decoded, 1)
    found: NDArray[np.int64] = _differences(originals, decoded).max(axis=(1, 2, 3)).astype(np.int64)
    return found


def cross_entropy(originals: Pictures, decoded: Pictures) -> Values:
    """Binary cross-entropy of each picture, the mean over its samples, in nats.

    -t log p - (1 - t) log(1 - p), with t = original / 255 and p = decoded / 255, kept CROSS_ENTROPY_LEAST away from 0
    and 1: the loss that autoencoders with a sigmoid output report. A perfect copy has the mean entropy of its samples,
    which is 0 only where all are black or white.
    """
    require_alike(originals, decoded, 1)
    levels = np.arange(256) / PEAK
    predicted = np.clip(levels, CROSS_ENTROPY_LEAST, 1 - CROSS_ENTROPY_LEAST)
    table = -np.outer(levels, np.log(predicted)) - np.outer(1 - levels, np.log(1 - predicted))
    size = max(1, BATCH_SAMPLES // samples_in(originals))
    parts = [
        table[originals[i : i + size], decoded[i : i + size]].mean(axis=(1, 2, 3))
        for i in range(0, len(originals), size)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def require_alike(originals: Pictures, decoded: Pictures, least: int) -> None:
    """Raise ValueError unless both are uint8 (N, H, W, C) of one shape, with H and W of at least `least`."""
    for pictures in (originals, decoded):
        if pictures.dtype != np.uint8 or pictures.ndim != 4:
            raise ValueError(f"expected uint8 pictures (N, H, W, C), not {pictures.dtype} {pictures.shape}")
    if originals.shape != decoded.shape:
        raise ValueError(f"pictures of {originals.shape} cannot be compared with {decoded.shape}")
    height, width = originals.shape[1:3]
    if min(height, width) < least:
        raise ValueError(f"this measure needs pictures of at least {least}x{least} pixels, not {width}x{height}")


def samples_in(pictures: Pictures) -> int:
    """Samples of one picture."""
    return int(np.prod(pictures.shape[1:]))


def _differences(originals: Pictures, decoded: Pictures) -> NDArray[np.uint8]:
    """Absolute differences; maximum less minimum does not wrap."""
    return np.maximum(originals, decoded) - np.minimum(originals, decoded)
