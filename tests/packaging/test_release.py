"""The version of the package is the same wherever it stands."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_the_package_in_javascript_has_the_same_version() -> None:
    described, locked = (json.loads((ROOT / "js" / name).read_text()) for name in ("package.json", "package-lock.json"))
    assert described["version"] == locked["version"] == locked["packages"][""]["version"] == VERSION


def test_the_changelog_begins_with_what_is_unreleased_and_then_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+)\](.*)$", text, re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    assert headings[1][0] == VERSION and re.fullmatch(r" - \d{4}-\d\d-\d\d", headings[1][1])


def test_the_checklist_has_the_commands_of_this_version() -> None:
    text = (ROOT / "packaging" / "RELEASE.md").read_text(encoding="utf-8")
    commands = set(re.findall(r"\bv([0-9]+\.[0-9]+\.[0-9]+)\b|aecodec==([0-9.]+[0-9])", text))
    assert {one or other for one, other in commands} == {VERSION}
