"""A Griffe extension for the reference: `name: meaning` in docstrings becomes a list, constants become their values."""

from __future__ import annotations

import inspect
import re
from typing import Any

from griffe import Attribute, Class, Extension, Function, Object

import aecodec

FIELD = re.compile(r"(?:^|(?<=[.;] ))(\w+(?:, \w+)*): ", re.MULTILINE)


class DocstringFields(Extension):
    """Marks the parameters of functions and the attributes of classes in their docstrings."""

    def on_function(self, *, func: Function, **_: Any) -> None:
        """Mark the parameters of a function, and show what its defaults are rather than what they are called."""
        _mark(func, {parameter.name for parameter in func.parameters})
        public = getattr(aecodec, func.name, None) if func.name in aecodec.__all__ else None
        if getattr(public, "__module__", None) == func.module.path:
            for name, parameter in inspect.signature(public).parameters.items():
                if parameter.default is not inspect.Parameter.empty:
                    func.parameters[name].default = repr(parameter.default)

    def on_class(self, *, cls: Class, **_: Any) -> None:
        """Mark the attributes of a class."""
        _mark(cls, {name for name, member in cls.members.items() if isinstance(member, Attribute)})


def _mark(described: Object, names: set[str]) -> None:
    if described.docstring is None:
        return

    def item(found: re.Match[str]) -> str:
        named = found[1].split(", ")
        if not names.issuperset(named):
            return found[0]
        return f"\n- {', '.join(f'**{name}**' for name in named)}: "

    described.docstring.value = FIELD.sub(item, described.docstring.value)
