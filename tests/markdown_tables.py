"""Markdown tables of pages, read back."""

from __future__ import annotations


def cells(table: str) -> list[list[str]]:
    """The cells of a table, line by line, below its head."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
