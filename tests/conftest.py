"""Hypothesis profiles: `fast`, the default, is deterministic; HYPOTHESIS_PROFILE=thorough is neither."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("fast", max_examples=60, derandomize=True, deadline=None, database=None)
settings.register_profile("thorough", max_examples=3000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))
