"""Measures for each picture of a set with any sizes, in threads over stacks of pictures of the same shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from aecodec import metrics
from aecodec.engines.threads import workers
from aecodec.sources.readers import Picture

Values: TypeAlias = NDArray[np.float64]

BATCH_SAMPLES = 1 << 20

MEASURES: Final[dict[str, tuple[Callable[[Picture, Picture], NDArray[np.generic]], int]]] = {
    "squared_error": (metrics.squared_error, 1),
    "mae": (metrics.mean_absolute_error, 1),
    "largest_error": (metrics.largest_error, 1),
    "psnr": (metrics.psnr, 1),
    "cross_entropy": (metrics.cross_entropy, 1),
    "ssim": (metrics.ssim, metrics.SSIM_WINDOW),
    "ms_ssim": (metrics.ms_ssim, metrics.MS_SSIM_LEAST),
    "uqi": (metrics.uqi, metrics.UQI_WINDOW),
}
"""Each with the smallest width and height for which it is defined."""


def _ssimulacra2(originals: Picture, decoded: Picture) -> NDArray[np.generic]:
    from aecodec.evaluation import perceptual  # here, since its package may be missing

    return perceptual.ssimulacra2(originals, decoded)


ON_REQUEST: Final[dict[str, tuple[Callable[[Picture, Picture], NDArray[np.generic]], int]]] = {
    "ssimulacra2": (_ssimulacra2, 8),  # the least side of its scales
}
"""Measures that need a package of their own and a second for each picture."""
ERRORS: Final = ("squared_error", "psnr")
SIMILARITIES: Final = ("ssim", "ms_ssim", "uqi")


def measured(
    originals: Sequence[Picture], decoded: Sequence[Picture], names: Sequence[str] = tuple(MEASURES)
) -> dict[str, Values]:
    """For each measure one value per picture, float64 (N,); NaN where a picture is smaller than the measure's window.

    Pictures are (H, W) or (H, W, C). Raises ValueError if one came back in another shape.
    """
    chosen = MEASURES | ON_REQUEST

    def of_stack(pair: tuple[Picture, Picture]) -> list[Values]:
        side = min(pair[0].shape[1:3])
        nothing = np.full(len(pair[0]), np.nan)
        return [
            measure(*pair).astype(np.float64) if side >= least else nothing
            for measure, least in (chosen[name] for name in names)
        ]

    with ThreadPoolExecutor(workers()) as pool:
        parts = list(pool.map(of_stack, alike(originals, decoded)))
    columns: list[tuple[Values, ...]] = list(zip(*parts, strict=True))
    return {name: np.concatenate(column) for name, column in zip(names, columns, strict=False)}


def mean(values: Values) -> float | None:
    """The mean; None if it is not defined for every picture."""
    return None if np.isnan(values).any() else float(values.mean())


def alike(originals: Sequence[Picture], decoded: Sequence[Picture]) -> Iterator[tuple[Picture, Picture]]:
    """Stacks (n, H, W, C) of consecutive pictures of one shape, about BATCH_SAMPLES at a time."""
    begin = 0
    while begin < len(originals):
        shape, end = originals[begin].shape, begin
        while end < len(originals) and originals[end].shape == shape and (end - begin) * np.prod(shape) < BATCH_SAMPLES:
            if decoded[end].shape != shape:
                raise ValueError(f"a picture of {shape} was decoded as {decoded[end].shape}")
            end += 1
        yield _stack(originals[begin:end]), _stack(decoded[begin:end])
        begin = end


def _stack(pictures: Sequence[Picture]) -> Picture:
    stack = np.stack(pictures)
    return stack[..., None] if stack.ndim == 3 else stack
