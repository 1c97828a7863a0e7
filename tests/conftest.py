"""Settings of the whole test run: one thread for each test process, Hypothesis profiles, and a folder for models.

The Hypothesis profile `fast`, the default, is deterministic; HYPOTHESIS_PROFILE=thorough draws new cases at each run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Test processes share the cores, so the libraries start one thread each. They read this when they are imported.
for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(variable, "1")

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

from aecodec.models import registry  # noqa: E402

settings.register_profile("fast", max_examples=60, derandomize=True, deadline=None, database=None)
settings.register_profile("thorough", max_examples=3000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder in which the registry looks for models after the bundled ones."""
    caches = (registry.files, registry.by_name)
    with monkeypatch.context() as patch:
        patch.setenv(registry.VARIABLE, str(tmp_path))
        for cache in caches:
            cache.cache_clear()
        yield tmp_path
    for cache in caches:
        cache.cache_clear()
