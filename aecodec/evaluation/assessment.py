"""Rate and distortion of a data set at one quality: the figures of `aec evaluate`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import aecodec
from aecodec import metrics
from aecodec.evaluation.pages import finite, number
from aecodec.evaluation.rivals import PNG
from aecodec.evaluation.scores import Values, mean, measured
from aecodec.evaluation.sweeps import Progress, batches, no_progress
from aecodec.sources.items import Item

WARM_UP = 32  # pixels each way


@dataclass(frozen=True)
class Assessment:
    """The measures of one data set at one quality.

    values: by measure, one value for each picture (N,): those of `scores.MEASURES`, and bytes, pixels, samples,
    png_bytes. models: the number of pictures coded with each. encode_seconds, decode_seconds: for all pictures.
    """

    items: Sequence[Item]
    quality: int
    values: Mapping[str, Values]
    models: Counter[str]
    encode_seconds: float
    decode_seconds: float

    @property
    def psnr(self) -> float:
        """PSNR of the mean squared error over all samples of all pictures, in dB."""
        return float(metrics.psnr_of_mse(self.mse))

    @property
    def mse(self) -> float:
        """Mean squared error over all samples of all pictures, which are 0..255."""
        return self._pooled("squared_error")

    def _pooled(self, name: str) -> float:
        return float(self.values[name].sum() / self.values["samples"].sum())

    def rows(self) -> list[tuple[str, str]]:
        """Rows (measure, value) of the printed table."""
        v, count = self.values, len(self.items)
        file_bytes, samples = float(v["bytes"].sum()), v["samples"]
        return [
            ("bytes, all files", number(file_bytes, 0)),
            ("bytes a file, mean", number(file_bytes / count)),
            ("bits/pixel", number(8 * file_bytes / float(v["pixels"].sum()), 3)),
            ("times smaller than raw", number(float(samples.sum()) / file_bytes, 1)),
            ("times smaller than PNG", number(float(v["png_bytes"].sum()) / file_bytes, 1)),
            ("MSE (0..255)", number(self.mse, 2)),
            ("MSE (0..1)", number(self.mse / metrics.PEAK**2, 6)),
            ("MAE (0..255)", number(float((v["mae"] * samples).sum() / samples.sum()), 3)),
            ("PSNR of all, dB", number(self.psnr, 2)),
            ("PSNR, mean, dB", number(mean(v["psnr"]), 2)),
            ("SSIM, mean", number(mean(v["ssim"]), 4)),
            ("MS-SSIM, mean", number(mean(v["ms_ssim"]), 4)),
            ("UQI, mean", number(mean(v["uqi"]), 4)),
            ("binary cross-entropy", number(float((v["cross_entropy"] * samples).sum() / samples.sum()), 4)),
            ("largest error", number(float(v["largest_error"].max()), 0)),
            ("encoded pictures/s", number(count / self.encode_seconds, 1)),
            ("decoded pictures/s", number(count / self.decode_seconds, 1)),
        ]

    def results(self) -> dict[str, Any]:
        """Means over pictures, named as in CompressAI's results if it has the measure."""
        v, count = self.values, len(self.items)
        found: dict[str, Any] = {
            "quality": self.quality,
            "bpp": float((8 * v["bytes"] / v["pixels"]).mean()),
            "psnr-rgb": mean(v["psnr"]),
            "ms-ssim-rgb": mean(v["ms_ssim"]),
            "ssim-rgb": mean(v["ssim"]),
            "mse-rgb": float((v["squared_error"] / v["samples"]).mean()),
            "mae-rgb": float(v["mae"].mean()),
            "uqi": mean(v["uqi"]),
            "binary-cross-entropy": float(v["cross_entropy"].mean()),
            "largest-error": int(v["largest_error"].max()),
            "psnr-pooled": self.psnr,
            "bytes": float(v["bytes"].mean()),
            "ratio-raw": float(v["samples"].sum() / v["bytes"].sum()),
            "ratio-png": float(v["png_bytes"].sum() / v["bytes"].sum()),
            "encoding_time": self.encode_seconds / count,
            "decoding_time": self.decode_seconds / count,
        }
        return {key: finite(value) for key, value in found.items()}

    def lines(self) -> Iterator[list[str]]:
        """Rows of the CSV file, one for each picture, below HEAD; empty where a picture is too small for a measure."""
        v = self.values
        for index, item in enumerate(self.items):
            height, width = item.picture.shape[:2]
            figures = [v["squared_error"][index] / v["samples"][index]]
            figures += [v[name][index] for name in COLUMNS]
            shown = ["" if np.isnan(figure) else f"{figure:.6g}" for figure in figures]
            counts = (width, height, int(v["bytes"][index]), int(v["png_bytes"][index]))
            yield [item.name, str(self.quality), *map(str, counts), *shown]


COLUMNS = ("mae", "psnr", "ssim", "ms_ssim", "uqi", "cross_entropy", "largest_error")
HEAD = ("name", "quality", "width", "height", "bytes", "png_bytes", "mse", *COLUMNS)


def png_bytes(items: Sequence[Item], progress: Progress = no_progress) -> Values:
    """Bytes of each picture as PNG, (N,)."""
    sizes = np.zeros(len(items))
    for index, item in enumerate(items):
        if index % 500 == 0:
            progress("PNG", index, len(items))
        sizes[index] = len(PNG.encode(item.picture, **PNG.best))
    return sizes


def assess(
    items: Sequence[Item], quality: int, png: Values, options: Mapping[str, Any], progress: Progress = no_progress
) -> Assessment:
    """Encode pictures with the options of `aecodec.encode_many`, decode their files and measure both.

    png: what `png_bytes` returns. Raises AecError.
    """
    pictures = [item.picture for item in items]
    parts: list[dict[str, Values]] = []
    models: Counter[str] = Counter()
    encode_seconds = decode_seconds = 0.0
    # Once without a clock: models are loaded when they are first used.
    aecodec.decode(aecodec.encode_many([pictures[0][:WARM_UP, :WARM_UP]], quality=quality, **options)[0])
    for part in batches(pictures):
        progress(f"quality {quality}", part.start, len(items))
        begin = time.perf_counter()
        files = aecodec.encode_many(pictures[part], quality=quality, **options)
        middle = time.perf_counter()
        decoded = aecodec.decode_many(files)
        decode_seconds += time.perf_counter() - middle
        encode_seconds += middle - begin
        models.update(aecodec.inspect(file).model for file in files)
        found = measured(pictures[part], decoded)
        found["bytes"] = np.array([len(file) for file in files], np.float64)
        parts.append(found)
    values = {name: np.concatenate([found[name] for found in parts]) for name in parts[0]}
    values["pixels"] = np.array([p.shape[0] * p.shape[1] for p in pictures], np.float64)
    values["samples"] = np.array([p.size for p in pictures], np.float64)
    values["png_bytes"] = png
    return Assessment(items, quality, values, models, encode_seconds, decode_seconds)
