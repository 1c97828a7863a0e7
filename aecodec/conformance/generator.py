"""A suite of random valid files, through tiny random models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from aecodec.conformance import random_files, random_models
from aecodec.conformance.suite import MODELS, Suite, SuiteWriter, models_from
from aecodec.models import registry
from aecodec.models.model import load


def generate(folder: Path, seed: int, count: int, models: int, progress: Callable[[str, int, int], None]) -> Suite:
    """Write a suite of `count` files; the same arguments give the same suite. progress: (file, done, count)."""
    writer = SuiteWriter(folder)
    drawn = []
    for number in range(models):
        data = random_models.draw(np.random.default_rng([seed, 0, number]), f"random{number}-1")
        writer.add_model(data)
        drawn.append(load(data))
    # the small form, which only bundled models have
    drawn += [registry.by_number(number) for number in registry.NUMBERS]
    with models_from(folder / MODELS):
        for number in range(count):
            file = random_files.draw(np.random.default_rng([seed, 1, number]), drawn)
            name = f"{number:04}-{file.what}"
            writer.add(name, file.data)
            progress(name, number + 1, count)
        return writer.finish()
