"""A folder for models of one's own, and hypothesis profiles: `fast`, the default, is deterministic;
HYPOTHESIS_PROFILE=thorough is neither.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from aecodec.models import registry

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
