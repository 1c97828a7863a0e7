"""Options that several commands share: declared together, and passed on together as a dataclass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeAlias, TypeVar

Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]
"""What `click.option` and `click.argument` return."""

Group = TypeVar("Group")


def all_of(*options: Decorator) -> Decorator:
    """Return one decorator for several options, which the help text lists in this order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def take(group: type[Group], options: dict[str, Any]) -> Group:
    """Remove a dataclass's fields from the options that click passes to a command, and return them as its instance."""
    return group(**{field.name: options.pop(field.name) for field in fields(group)})  # type: ignore[arg-type]
