"""Arrays in a file that cannot execute code: the safetensors layout, read and written with NumPy alone.

An 8-byte little-endian length, a JSON object with the dtype, shape and position of every array, then the bytes of the
arrays, one after the other. A reader refuses holes, overlaps and anything outside the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from aecodec.errors import InvalidModelFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

Arrays: TypeAlias = "dict[str, NDArray[Any]]"

DTYPES: dict[str, np.dtype[Any]] = {
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
HEADER_LIMIT = 1 << 20  # bytes of JSON; checked before anything is parsed


def dump(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """The file's bytes, arrays in order of name."""
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    chunks, place = [], 0
    for name in sorted(arrays):
        array = np.asarray(arrays[name], arrays[name].dtype.newbyteorder("<"), order="C")
        data = array.tobytes()
        header[name] = {
            "dtype": NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [place, place + len(data)],
        }
        chunks.append(data)
        place += len(data)
    text = json.dumps(header, separators=(",", ":"), sort_keys=True).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(chunks)


def _refuse(name: str) -> None:
    raise InvalidModelFile(f"the model file's header holds {name}, which is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise InvalidModelFile("the model file's header repeats a name")
    return dict(pairs)


def load(data: bytes) -> tuple[Arrays, dict[str, str]]:
    """(arrays by name, read-only, in the machine's byte order; metadata). Raises ``InvalidModelFile``.

    On little-endian machines the arrays are views of ``data``.
    """
    try:
        length = int.from_bytes(data[:8], "little")
        if len(data) < 8 or length > min(HEADER_LIMIT, len(data) - 8):
            raise InvalidModelFile("the header of the model file is longer than the file")
        header = json.loads(data[8 : 8 + length].decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
        metadata = header.pop("__metadata__", {})
        body = memoryview(data)[8 + length :]
        arrays: Arrays = {}
        place = 0
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            begin, end = entry["data_offsets"]
            dtype, shape = DTYPES[entry["dtype"]], entry["shape"]
            if any(type(n) is not int for n in (begin, end, *shape)):
                raise InvalidModelFile(f"array {name} of the model file has a shape or position that is not an integer")
            count = 1
            for n in shape:
                count *= n
            if begin != place or end - begin != count * dtype.itemsize or end > len(body) or min(shape, default=0) < 0:
                raise InvalidModelFile(f"array {name} of the model file has an invalid position")
            array = np.frombuffer(body[begin:end], dtype).reshape(shape)
            arrays[name] = array.astype(dtype.newbyteorder("="), copy=False)
            place = end
        if place != len(body):
            raise InvalidModelFile("the model file has bytes that belong to no array")
        return arrays, {str(key): str(value) for key, value in metadata.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidModelFile(f"the model file cannot be read: {error}") from error
