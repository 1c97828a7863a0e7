"""Rate-distortion curves that others published, in the JSON form of CompressAI's results."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aecodec.evaluation.curves import Curve, Point

MEASURES = {"ms-ssim-rgb": "ms_ssim", "ssim-rgb": "ssim", "uqi": "uqi"}
"""Names of measures in such files, beside bpp and psnr-rgb, and those of Point."""


def read(path: Path, pixels: float) -> Curve:
    """Read the curve of a file {"name": ..., "results": {"bpp": [...], "psnr-rgb": [...]}}.

    pixels: the mean number of pixels of a picture, to convert rates to bytes per file. A value may be null; other lists
    are ignored. PSNR is taken as the mean over pictures, as most publications give it. Raises ValueError for other
    files, and OSError.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        results = content["results"]
        rates = [float(rate) for rate in results["bpp"]]
        columns: dict[str, Sequence[Any]] = {"psnr": results["psnr-rgb"]}
        columns |= {name: results[key] for key, name in MEASURES.items() if key in results}
        name = str(content.get("name", path.stem))
        rows = [
            {key: None if value is None else float(value) for key, value in zip(columns, row, strict=True)}
            for row in zip(*columns.values(), strict=True)
        ]
        points = [
            Point(number, rate * pixels / 8, rate, row.pop("psnr") or math.inf, mean_psnr=None, **row)
            for number, (rate, row) in enumerate(zip(rates, rows, strict=True))
        ]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f'{path} is not a file of published results: it needs {{"results": {{"bpp": [...], "psnr-rgb": [...]}}}},'
            " lists of one length"
        ) from error
    if not points or not all(math.isfinite(p.file_bytes) and p.file_bytes > 0 for p in points):
        raise ValueError(f"{path} needs at least one rate, and all of them above 0")
    return Curve(name, points)
