"""Draws docs/imports.svg: which room of the package imports which, in the order of the contract in pyproject.toml.

    python docs/draw_imports.py

Needs grimp (it comes with import-linter, in the extra `dev`) and Graphviz, whose `dot` lays the picture out. An import
of `aecodec` itself counts as one of `api`, which it re-exports. An arrow that a chain of other arrows implies is left
out, and so are those to `errors`, which every room may import.
"""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "aecodec"
PUBLIC = "api"
EVERYWHERE = "errors"
STYLE = (
    'graph [rankdir=TB, nodesep=0.45, ranksep=0.3, pad=0.2, bgcolor=white, fontname="Helvetica"]',
    'node [shape=box, style="rounded,filled", fillcolor="#eef3f8", color="#5a6f85", fontname="Helvetica", fontsize=13,'
    " margin=0.12, width=1.2, height=0.4]",
    'edge [color="#5a6f85", arrowsize=0.7]',
)


def layers() -> list[list[str]]:
    """The rooms from top to bottom; rooms of one layer do not import each other."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = config["tool"]["importlinter"]["contracts"]
    found = next(contract for contract in contracts if contract["type"] == "layers")
    return [[room.strip() for room in layer.split("|")] for layer in found["layers"]]


def room_of(module: str) -> str:
    """The first part of a module's name below the package."""
    return module.split(".")[1] if "." in module else PUBLIC


def imports(rooms: list[str]) -> dict[str, set[str]]:
    """For each room those that one of its modules imports, types included."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            one, other = room_of(module), room_of(imported)
            if module != PACKAGE and one in found and other in found and one != other:
                found[one].add(other)
    return found


def without_implied(direct: dict[str, set[str]]) -> list[tuple[str, str]]:
    """The arrows of the transitive reduction of a graph without cycles."""

    def reached(room: str) -> set[str]:
        return direct[room].union(*(reached(other) for other in direct[room]))

    return [
        (room, other)
        for room, others in direct.items()
        for other in sorted(others)
        if not any(other in reached(between) for between in others)
    ]


def dot(layered: list[list[str]]) -> str:
    """The picture in Graphviz's language, a row for each layer."""
    rows = [[f'"{room}"' for room in layer if room != EVERYWHERE] for layer in layered]
    rows = [row for row in rows if row]
    rooms = [room for layer in layered for room in layer if room != EVERYWHERE]
    ranks = ["{rank=same; " + "; ".join(row) + "}" for row in rows]
    order = [f"{row[0]} -> {below[0]} [style=invis]" for row, below in zip(rows, rows[1:], strict=False)]
    arrows = [f'"{room}" -> "{other}"' for room, other in without_implied(imports(rooms))]
    return "digraph {\n" + "\n".join([*STYLE, *ranks, *order, *arrows]) + "\n}\n"


if __name__ == "__main__":
    target = Path(__file__).with_name("imports.svg")
    subprocess.run(["dot", "-Tsvg", "-o", target], input=dot(layers()), text=True, check=True)
    print(target.relative_to(ROOT))
