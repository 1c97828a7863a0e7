"""The native library: exact layers and entropy coders in C, where a compiler built it; else NumPy serves.

Everything that is passed to it has been checked here or by the caller: it trusts shapes, ranges and strides.
"""

from __future__ import annotations

import ctypes
import os
import sys
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aecodec.errors import InvalidValue

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIBRARY: Final = "AECODEC_NATIVE"  # the variable that switches the library off if it is 0, or names another file
PATH: Final = "AECODEC_NATIVE_PATH"  # the variable that names the code path to take
FOLDER: Final = Path(__file__).parent
NAMES: Final = ("_aecodec.so", "_aecodec.dylib", "_aecodec.dll")
TILE: Final = 16  # units whose weights are packed together
MAX_LAYERS: Final = 16
NO_MEMORY, TRUNCATED, OUT_OF_RANGE, BAD_CLASS, SKIPPED = -1, -2, -3, -4, -5  # of aecodec.h

Address = ctypes.c_void_p
Count = ctypes.c_int64


class LayerStruct(ctypes.Structure):
    """``aec_layer`` of layers.c."""

    _fields_ = (
        ("segments", ctypes.c_int32),
        ("units", ctypes.c_int32),
        ("pairs", Count),
        ("add", ctypes.c_int32),
        ("leak", ctypes.c_int32),
        ("wide", ctypes.c_int32),
        ("inputs", ctypes.c_int32),
        ("weight", Address),
        ("low", Address),
        ("wide_weight", Address),
        ("wide_bias", Address),
        ("bias", Address),
        ("shift", Address),
        ("limit", Address),
    )


class PlacesStruct(ctypes.Structure):
    """``aec_places`` of layers.c."""

    _fields_ = (("places", Address), ("count", Count), ("grid", Count))


class ChainStruct(ctypes.Structure):
    """``aec_chain`` of layers.c."""

    _fields_ = (
        ("count", ctypes.c_int32),
        ("winograd", ctypes.c_int32),
        ("layers", Address),
        ("earlier", Address),
        ("grid", Address),
        ("stride", Count),
        ("places", PlacesStruct),
        ("out", Address),
        ("to", PlacesStruct),
        ("height", Count),
        ("width", Count),
    )


PROTOTYPES: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "aec_sources": (ctypes.c_uint32, ()),
    "aec_path": (ctypes.c_char_p, (ctypes.c_int,)),
    "aec_run": (ctypes.c_int, (ctypes.POINTER(ChainStruct), ctypes.c_int, Count, Count)),
    "aec_peak": (Count, (ctypes.c_int, Count)),
    "aec_frame": (None, (Address, *(Count,) * 7, Address)),
    "aec_free": (None, (Address,)),
    "aec_classes": (None, (Address, *(Count,) * 5, Address, Address)),
    "aec_settle": (None, (Address, *(Count,) * 4, *(Address,) * 4, Count, *(Address, Count) * 2)),
    "aec_code_samples": (ctypes.c_int, (Address,) * 5),
    "aec_choose": (None, (Address,) * 6),
    "aec_pixels": (None, (Address, *(Count,) * 5, Address)),
    "aec_cells": (None, (Address, *(Count,) * 7, Address)),
    "aec_finished": (None, (Address, Address, *(Count,) * 6, Address)),
    "aec_rans_read": (
        ctypes.c_int,
        (*(Address,) * 5, Count, Count, Address, Count, Address, Address),
    ),
    "aec_rans_write": (ctypes.c_int, (*(Address,) * 4, Count, Address, Count, Address, Address)),
    "aec_phrases_read": (ctypes.c_int, (*(Address,) * 4, Count, Address, Address, Count, Address)),
    "aec_phrases_write": (ctypes.c_int, (*(Address,) * 5, Count, Address, Address)),
}


@cache
def library() -> ctypes.CDLL | None:
    """The library, or None where it was not built, cannot be loaded, or is switched off by AECODEC_NATIVE=0.

    AECODEC_NATIVE may name the file of another one, which has to be built from the same sources. The library serves the
    engine "native", and both packings and the encoder's rounding with every engine.
    """
    return None if reason() else _load()


@cache
def reason() -> str:
    """Why there is no library, in a few words; empty where there is one."""
    if os.environ.get(LIBRARY) == "0":
        return f"switched off by {LIBRARY}=0"
    if sys.maxsize < 1 << 32:
        return "made for 64-bit processes only"
    if _file() is None:
        return "not built when aecodec was installed, for want of a C compiler perhaps"
    try:
        found = _load()
    except (OSError, AttributeError) as error:
        return f"cannot be loaded: {error}"
    if sources(FOLDER) != found.aec_sources():
        return "built from other sources: install aecodec again"
    return ""


def sources(folder: Path) -> int:
    """The CRC-32 of the C files of a folder, which the library knows of those that it was built from."""
    found = 0
    for file in sorted(folder.glob("*.[ch]")):
        found = zlib.crc32(file.read_bytes(), found)
    return found


def _file() -> Path | None:
    if named := os.environ.get(LIBRARY):
        return Path(named).absolute()  # the loader would search its own folders for a mere name
    return next((FOLDER / name for name in NAMES if (FOLDER / name).is_file()), None)


@cache
def _load() -> ctypes.CDLL:
    found = ctypes.CDLL(str(_file()))
    for name, (result, arguments) in PROTOTYPES.items():
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    found.aec_path(0)  # fills a table, before there are threads
    return found


def paths() -> list[str]:
    """The names of the code paths that this processor can take, the fastest first. Needs the library."""
    found: list[str] = []
    while name := _load().aec_path(len(found)):
        found.append(name.decode())
    return found


@cache
def path() -> int:
    """The number of the code path to take: the fastest, or the one that AECODEC_NATIVE_PATH names.

    Raises InvalidValue for a name that this processor does not have.
    """
    wanted, names = os.environ.get(PATH), paths()
    if not wanted:
        return 0
    if wanted not in names:
        raise InvalidValue(f"{PATH}={wanted}: this processor has the paths {', '.join(names)}")
    return names.index(wanted)


def address(array: NDArray[Any]) -> int:
    """Where an array's values begin."""
    return int(array.__array_interface__["data"][0])


def failed() -> MemoryError:
    """The error of NO_MEMORY."""
    return MemoryError("the native library ran out of memory")


@dataclass(frozen=True)
class Held:
    """A structure, and the arrays to which it points: whoever uses the one holds on to the other."""

    structure: Any
    arrays: tuple[NDArray[Any], ...]

    @classmethod
    def of(cls, kind: type[ctypes.Structure], arrays: dict[str, NDArray[Any]], **numbers: int) -> Held:
        """A structure of that kind, whose pointers and numbers are those of the arguments."""
        structure = kind(**{name: address(array) for name, array in arrays.items()}, **numbers)
        return cls(structure, tuple(arrays.values()))
