"""What pictures like those of the training cost: by it the encoder knows that it need not try other models."""

from __future__ import annotations

import numpy as np

from aecodec.encoding.candidates import Candidate, header_bits, trial_costs
from aecodec.engines import DEFAULT_ENGINE
from aecodec.models import model as models
from aecodec.models import safetensors
from aecodec.models.description import QUALITIES
from aecodec.models.model import TYPICAL

MOST = 0.95  # the share of pictures that cost no more
MEASURED = (1, *range(10, QUALITIES + 1, 10))  # qualities; between them costs are interpolated


def with_typical_costs(data: bytes, tiles: np.ndarray) -> bytes:
    """A model file's bytes with the costs of tiles (N, H, W, C) like those it is for; its id stays the same."""
    model = models.load(data)
    candidate = Candidate(model, gray=False)
    height, width = tiles.shape[1:3]
    found = []
    for quality in MEASURED:
        header = header_bits(candidate, (height, width), quality) / (height * width)
        found.append(np.quantile(trial_costs(tiles, candidate, quality, DEFAULT_ENGINE) - header, MOST))
    costs = np.interp(np.arange(1, QUALITIES + 1), MEASURED, found)
    return safetensors.dump({**model.arrays, TYPICAL: costs.astype(np.float32)}, model.metadata)
