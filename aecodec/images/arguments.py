"""Arguments that must be whole numbers."""

from __future__ import annotations

import operator
from typing import Any


def integer(value: Any) -> int | None:
    """The value of an argument that must be a whole number; None for what is none, such as a bool or 1.0."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None
