"""SSIMULACRA2, a measure of how visible the traces of compression are; needs the package ssimulacra2.

Raises ImportError if it is missing.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from ssimulacra2 import compute_ssimulacra2

from aecodec.sources.readers import Picture


def ssimulacra2(originals: Picture, decoded: Picture) -> NDArray[np.float64]:
    """The score of each picture, float64 (N,), of pictures (N, H, W, C): 100 for equal ones, below 0 for the worst."""
    scores = [compute_ssimulacra2(_file(a), _file(b)) for a, b in zip(originals, decoded, strict=True)]
    return np.array(scores, np.float64)


def _file(picture: Picture) -> BytesIO:
    """A picture (H, W, C) as the package takes it: a file, here one in memory."""
    file = BytesIO()
    Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture).save(file, "PPM")
    file.seek(0)
    return file
