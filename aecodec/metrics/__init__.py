"""Similarity of pictures and distance of rate-distortion curves: errors, PSNR, SSIM, MS-SSIM, UQI, BD-rate.

Pictures are uint8 arrays (N, H, W, C), originals and decoded of one shape; a measure gives one value per picture,
float64 (N,). Colour is measured channel by channel and averaged. Other dtypes, unequal shapes and pictures smaller than
a measure's window raise ValueError.
"""

from aecodec.metrics.curves import bd_rate, pchip
from aecodec.metrics.pixelwise import (
    CROSS_ENTROPY_LEAST,
    PEAK,
    Pictures,
    Values,
    cross_entropy,
    largest_error,
    mean_absolute_error,
    pooled_psnr,
    psnr,
    psnr_of_mse,
    squared_error,
)
from aecodec.metrics.structural import (
    MS_SSIM_LEAST,
    MS_SSIM_WEIGHTS,
    SSIM_WINDOW,
    UQI_WINDOW,
    ms_ssim,
    sewar_uqi,
    ssim,
    uqi,
)

__all__ = [
    "CROSS_ENTROPY_LEAST",
    "MS_SSIM_LEAST",
    "MS_SSIM_WEIGHTS",
    "PEAK",
    "SSIM_WINDOW",
    "UQI_WINDOW",
    "Pictures",
    "Values",
    "bd_rate",
    "cross_entropy",
    "largest_error",
    "mean_absolute_error",
    "ms_ssim",
    "pchip",
    "pooled_psnr",
    "psnr",
    "psnr_of_mse",
    "sewar_uqi",
    "squared_error",
    "ssim",
    "uqi",
]
