"""Where models are found: the bundled files, by name, number or id, each loaded when it is first asked for."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from pathlib import Path

from aecodec.errors import UnknownModel
from aecodec.models import model as models
from aecodec.models.model import Model

SUFFIX = ".safetensors"

# Permanent: a number is never given to another model, and a bundled file is never changed once it is released.
NUMBERS = {1: "mnist-1", 2: "alphabet-1", 3: "cifar-1"}


@lru_cache(maxsize=1)
def folder() -> Path:
    """The folder of the bundled models: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "weights"
    return inside if inside.is_dir() else package.parent / "weights"


@cache
def by_name(name: str) -> Model:
    """The bundled model ``mnist-1``, or for ``mnist`` its latest version. Raises ``UnknownModel``."""
    known = names()
    if name not in known:
        versions = [n for n in known if n.rpartition("-")[0] == name]
        if not versions:
            raise UnknownModel(name, f"there is no model {name}: choose auto, {', '.join(known)}")
        return by_name(versions[-1])
    return models.load((folder() / (name + SUFFIX)).read_bytes())


def by_number(number: int) -> Model:
    """The bundled model of that permanent number. Raises ``UnknownModel``."""
    if number not in NUMBERS:
        raise UnknownModel(f"number {number}")
    return by_name(NUMBERS[number])


def by_id(model_id: bytes) -> Model:
    """The model with that id, which must have no number. Raises ``UnknownModel``."""
    for name in names():
        if name not in NUMBERS.values() and by_name(name).id == model_id:
            return by_name(name)
    raise UnknownModel(model_id.hex())


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """Names of all bundled models, those with a number first, in order of version."""
    version = re.compile(r"(.+)-(\d+)$")
    found = {
        p.name.removesuffix(SUFFIX) for p in folder().glob("*" + SUFFIX) if version.match(p.name.removesuffix(SUFFIX))
    }
    numbered = [name for _, name in sorted(NUMBERS.items()) if name in found]
    return (*numbered, *sorted(found.difference(numbered)))


def latest() -> tuple[str, ...]:
    """The latest version of each bundled model: what ``auto`` tries."""
    return tuple({name.rpartition("-")[0]: name for name in names()}.values())
