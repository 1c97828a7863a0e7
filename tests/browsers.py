"""What tests in a browser share; the fixture `browser` is in conftest.py."""

from __future__ import annotations

import time
from typing import Any

PATIENCE = 60  # seconds, on a machine that does other things, too


def until(browser: Any, script: str) -> Any:
    """The value of a script, once it is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := browser.execute_script(script):
            return found
        time.sleep(0.05)
    raise AssertionError(f"never true: {script}")
