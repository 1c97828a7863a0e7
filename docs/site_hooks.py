"""MkDocs hooks of the documentation site: pages from outside docs/, links to them, examples of the commands' help."""

from __future__ import annotations

import inspect
import posixpath
import re
import textwrap
from pathlib import Path

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from aecodec import cli

ROOT = Path(__file__).resolve().parent.parent

# Files of the repository that the site shows, and the pages that they become.
SHOWN = {
    "spec/FORMAT.md": "format.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "js/README.md": "reference/javascript.md",
    "packaging/README.md": "packaging.md",
    **{f"weights/{card.name}": f"models/{card.name}" for card in sorted((ROOT / "weights").glob("*.md"))},
}
SOURCES = {page: file for file, page in SHOWN.items()}
LINK = re.compile(r"(!?\[([^\]]*)\])\(([^)\s]+)\)")
EXAMPLE = re.compile(r"^\x08\nExample:\n((?:  .*(?:\n|\Z))+)", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let the examples of each command's help be code: mkdocs-click would join their lines."""
    for command in (cli.main, *(cli.main.get_command(click.Context(cli.main), name) for name in cli.COMMANDS)):
        command.help = EXAMPLE.sub(
            lambda found: "Example:\n\n" + textwrap.indent(found[1], "  "), inspect.cleandoc(command.help)
        )
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside docs/."""
    for file, page in SHOWN.items():
        files.append(File.generated(config, page, content=(ROOT / file).read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links that hold in the repository into links that hold in the site.

    What the site does not show, such as source code, keeps its text only.
    """
    here = page.file.src_uri
    folder = posixpath.dirname(SOURCES.get(here, f"docs/{here}"))

    def moved(found: re.Match[str]) -> str:
        label, text, target = found.groups()
        path, mark, anchor = target.partition("#")
        if not path or ":" in path:
            return found[0]
        file = posixpath.normpath(posixpath.join(folder, path))
        there = SHOWN.get(file) or (file.removeprefix("docs/") if file.startswith("docs/") else None)
        if there is None:
            return text
        return f"{label}({posixpath.relpath(there, posixpath.dirname(here) or '.')}{mark}{anchor})"

    return LINK.sub(moved, markdown)
