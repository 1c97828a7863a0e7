"""Settings of the whole test run: one thread for each process, Hypothesis profiles, a folder for models, a browser.

The Hypothesis profile `fast`, the default, is deterministic; HYPOTHESIS_PROFILE=thorough draws new cases at each run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    with monkeypatch.context() as patch:
        patch.setenv(registry.VARIABLE, str(tmp_path))
        registry.forget()
        yield tmp_path
    registry.forget()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    """A headless Chromium that reaches no network."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no chromium and chromedriver here")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    for flag in [*flags, "--force-device-scale-factor=1", f"--user-data-dir={tmp_path / 'profile'}"]:
        options.add_argument(flag)
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        started.set_window_size(1000, 900)
        yield started
    finally:
        started.quit()
