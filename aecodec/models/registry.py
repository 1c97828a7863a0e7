"""The registry of models, by name, number or id; each is loaded on first use.

The bundled models are in one folder. More are found in the folders listed in the environment variable
``AECODEC_MODELS``, separated as in ``PATH``, and in the folder of those that the user has added. A model file is called
NAME-VERSION.safetensors and contains the same name.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from aecodec.errors import InvalidModelFile, UnknownModel
from aecodec.models import model as models
from aecodec.models.model import Model

SUFFIX = ".safetensors"
VARIABLE = "AECODEC_MODELS"

# Permanent: a number is never given to another model, and a bundled file is never changed once it is released.
NUMBERS = {5: "mnist-3", 6: "alphabet-3", 7: "cifar-5", 8: "photo-4", 9: "photo-5", 10: "photo-6"}
DRAFT_NUMBERS = range(1, 5)  # given to many models in turn, and to none any more: files of drafts must not decode
# What the files of these numbers have to hold.
IDS = {
    5: "1d22ffc0bbae0e64",
    6: "d4ff0e832ba14289",
    7: "7c9d64f834873cb9",
    8: "e5ea316b26ed00c6",
    9: "0c1be7658b5f7d58",
    10: "71af553f7b89938a",
}


@cache
def folder() -> Path:
    """The folder of the bundled models: inside an installed package, next to it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "weights"
    return inside if inside.is_dir() else package.parent / "weights"


def own_folder() -> Path:
    """The folder of the models that a user has added: among the user's data, where the system wants these."""
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        data = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        data = home / "Library" / "Application Support"
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return data / "aecodec" / "models"


@cache
def files() -> dict[str, Path]:
    """The file of every model by name, bundled models first; the first file found for a name counts."""
    found: dict[str, Path] = {}
    for place in [folder(), *(Path(p) for p in os.environ.get(VARIABLE, "").split(os.pathsep) if p), own_folder()]:
        mine = {path.name.removesuffix(SUFFIX): path for path in place.glob("*" + SUFFIX)}
        for name in sorted(mine, key=_order):
            if re.fullmatch(r".+-[0-9]+", name):
                found.setdefault(name, mine[name])
    return found


def forget() -> None:
    """Look for all files anew when they are next needed."""
    files.cache_clear()
    by_name.cache_clear()


def names() -> tuple[str, ...]:
    """Names of all models, those with a number first."""
    return tuple(files())


def _order(name: str) -> tuple[int, str, int]:
    """Models with a number first, in its order; then by name and version."""
    title, _, version = name.rpartition("-")
    numbers = [number for number, numbered in NUMBERS.items() if numbered == name]
    return (numbers[0] if numbers else 1 << 30, title, int(version) if version.isdecimal() else 0)


@cache
def by_name(name: str) -> Model:
    """The model ``mnist-3``, or for ``mnist`` its latest version. Raises ``UnknownModel``, ``InvalidModelFile``."""
    if name not in files():
        if name in latest():
            return by_name(latest()[name])
        raise UnknownModel(name, f"there is no model {name}: choose auto, {', '.join(files())}")
    path = files()[name]
    try:
        model = models.load(path.read_bytes())
    except InvalidModelFile as error:
        raise InvalidModelFile(f"{path}: {error}") from error
    if model.name != name:
        raise InvalidModelFile(f"{path}: the model in this file is called {model.name}: rename the file")
    return model


def by_number(number: int) -> Model:
    """The bundled model with this permanent number. Raises ``UnknownModel``."""
    if number in DRAFT_NUMBERS:
        raise UnknownModel(f"number {number}", f"model number {number} was one of drafts, which no release reads")
    if NUMBERS.get(number) not in files():
        raise UnknownModel(f"number {number}")
    return by_name(NUMBERS[number])


def by_id(model_id: bytes) -> Model:
    """The model with this id, among those that have no number. Raises ``UnknownModel``."""
    for model in readable():
        if not number_of(model) and model.id == model_id:
            return model
    raise UnknownModel(model_id.hex())


def number_of(model: Model) -> int:
    """The permanent number of a bundled model, 0 for others."""
    return next((number for number, name in NUMBERS.items() if name == model.name), 0)


def readable() -> list[Model]:
    """All models; unreadable ones in additional folders are skipped, as nobody has asked for them."""
    found = []
    for name in names():
        try:
            found.append(by_name(name))
        except (InvalidModelFile, OSError):
            if name in NUMBERS.values():
                raise
    return found


def latest() -> dict[str, str]:
    """The name with the highest version for each name without one."""
    return _latest(files())


def tried() -> list[str]:
    """The models that ``auto`` tries: the latest version of each bundled one, so that every installation can decode."""
    return list(_latest(name for name in files() if name in NUMBERS.values()).values())


def _latest(names: Iterable[str]) -> dict[str, str]:
    return {name.rpartition("-")[0]: name for name in sorted(names, key=lambda name: int(name.rpartition("-")[2]))}
