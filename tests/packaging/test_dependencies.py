"""The oldest packages that CI installs are those that the package asks for."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_oldest_packages_are_the_lower_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "packaging" / "oldest.txt").read_text().splitlines()
    oldest = dict(line.split("==") for line in lines if not line.startswith("#"))
    bounds = dict(requirement.split(">=") for requirement in project["dependencies"])
    assert oldest.keys() == bounds.keys()
    for package, bound in bounds.items():
        assert (oldest[package] + ".").startswith(bound + ".")
