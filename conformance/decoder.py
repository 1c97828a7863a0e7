"""A decoder of .aec and .aecs files to be read: it follows spec/FORMAT.md, in the order and the words of that document.

    python conformance/decoder.py INPUT OUTPUT

writes the samples of a picture to a file: row by row, within a row pixel by pixel, within a pixel channel by channel,
those of 16 bits with the low byte first. Opacity, where there is any, is the last channel. The pictures
of a data set follow one another in the order of their numbers. A file that must be refused leaves no output; the
command prints one sentence and exits with 1.

Everything is plain Python with integers, and nothing is computed for speed: a picture of 32x32 pixels takes seconds.
The standard library suffices, except for Zstandard frames (RFC 8878), which the package zstandard unpacks. Numbers in
comments are those of the document's sections. What it calls "refuse" raises `Refused`.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import os
import struct
import sys
import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from operator import mul
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

# 1 Conventions ---


class Refused(ValueError):
    """The file, or the model file, breaks a rule of the specification, or is beyond a limit."""


def require(condition: object, message: str) -> None:
    if not condition:
        raise Refused(message)


def sumprod(a: Sequence[int], b: Sequence[int]) -> int:
    return sum(map(mul, a, b))


if sys.version_info >= (3, 12):  # where it is several times as fast
    from math import sumprod  # type: ignore[assignment]  # noqa: F811


def clamp(value: int, low: int, high: int) -> int:
    return low if value < low else high if value > high else value


class Picture(NamedTuple):
    """Samples row by row, pixel by pixel, channel by channel; two bytes each, little-endian, if `bits` is 16."""

    height: int
    width: int
    channels: int
    samples: bytes
    bits: int = 8


# 2 Container ---

VERSION = 1  # of pictures
PLAIN = 15  # in place of a model's number
LOSSLESS, NEAR_LOSSLESS = 101, 102  # in place of a quality


class Reader:
    """Takes bytes from the front of `data`."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        require(count <= len(self.data) - self.at, "the file ends early")
        self.at += count
        return self.data[self.at - count : self.at]

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        value = 0
        for index in range(5):
            byte = self.byte()
            value += (byte & 0x7F) << 7 * index
            if byte < 0x80:
                require(byte != 0 or index == 0, "a varint is longer than necessary")
                require(value < 2**32, "a varint is 2^32 or more")
                return value
        raise Refused("a varint has more than five bytes")

    def end(self, what: str) -> None:
        require(self.at == len(self.data), f"bytes follow {what}")


class Header(NamedTuple):
    model: int | bytes  # a number, or the id that stands in the file instead
    quality: int
    packing: str
    size: tuple[int, int] | None  # (width, height)
    variant: bool
    sections: dict[int, bytes]
    small: bool  # the form
    length: int  # in bytes


def read_header(data: bytes) -> Header:
    r = Reader(data)
    first = r.byte()
    if 0xB1 <= first <= 0xBE:
        second = r.byte()
        require(len(data) > 2 and crc8(data[:-1]) == data[-1], "the check of the small form does not match")
        header = Header(first & 15, second & 0x7F, "rans", None, second >= 0x80, {}, True, r.at)
    else:
        general = first == 0xAE
        require(first == 0xBF or general and r.take(2) == b"\xc0\xde", "this is not an .aec file")
        require(not general or r.byte() == VERSION, "the file has another version of the format")
        flags, second = r.take(2)
        require(flags & 0x40 == 0, "the reserved bit of the header is set")
        model = flags & 15 or r.take(8)
        size = (r.varint() + 1, r.varint() + 1) if flags & 0x10 else None
        sections = read_sections(r) if flags & 0x80 else {}
        header = Header(
            model, second & 0x7F, ("rans", "zstd")[second >> 7], size, bool(flags & 0x20), sections, False, r.at
        )
        large = size is not None and size[0] * size[1] > 4096
        require(general == large, "the header has the form of another size")
        could_be_small = flags & 15 not in (0, PLAIN) and flags & 0x90 == 0 and header.packing == "rans"
        require(not could_be_small, "the header is not in the small form, which would do")
    require(1 <= header.quality <= NEAR_LOSSLESS, f"there is no quality {header.quality}")
    return header


def read_sections(r: Reader) -> dict[int, bytes]:
    sections: dict[int, bytes] = {}
    while (tag := r.byte()) != 0:
        require(tag > max(sections, default=0), "the tags of sections do not increase")
        sections[tag] = r.take(r.varint())
        require(tag >= 0x80 or tag == ALPHA, f"section {tag} is critical and not known")
    require(sections, "sections are announced, but none is present")
    return sections


# 3 Canvas, tiles, blocks ---


class Canvas(NamedTuple):
    """A canvas, or a panel of one: a whole number of units of a model."""

    down: int  # rows of units
    across: int
    unit_rows: int  # rows of blocks of a unit
    unit_columns: int

    @classmethod
    def covering(cls, model: Model, height: int, width: int) -> Canvas:
        """The fewest units that cover so many pixels."""
        (high, wide), block = model.unit, model.block
        return cls(-(-height // high), -(-width // wide), high // block, wide // block)

    @property
    def rows(self) -> int:
        return self.down * self.unit_rows

    @property
    def columns(self) -> int:
        return self.across * self.unit_columns

    def blocks_of(self, tile: int) -> list[int]:
        """The numbers of a tile's blocks, row by row."""
        top, left = tile // self.across * self.unit_rows, tile % self.across * self.unit_columns
        return [(top + y) * self.columns + left + x for y in range(self.unit_rows) for x in range(self.unit_columns)]


# 4 Model files ---

# For each dtype: its name in section 4.5, and the code of Python's module struct.
DTYPES = {"U8": "|u1 B", "I8": "|i1 b", "U16": "<u2 H", "I16": "<i2 h", "U32": "<u4 I", "I32": "<i4 i"}
DTYPES |= {"I64": "<i8 q", "F16": "<f2 e", "F32": "<f4 f"}


def whole(value: Any, low: int, high: int | None = None) -> int:
    """A value of JSON that has to be an integer within bounds."""
    require(type(value) is int and low <= value and (high is None or value <= high), f"{value!r} is not allowed here")
    assert isinstance(value, int)
    return value


def members(value: Any, required: str, optional: str = "") -> dict[str, Any]:
    """A value of JSON that has to be an object with these keys."""
    require(isinstance(value, dict), f"{value!r} is not an object")
    assert isinstance(value, dict)
    missing, unknown = {*required.split()} - {*value}, {*value} - {*required.split(), *optional.split()}
    require(not missing and not unknown, f"keys are missing {sorted(missing)} or unknown {sorted(unknown)}")
    return value


def elements_of(value: Any) -> list[Any]:
    """A value of JSON that has to be an array."""
    require(isinstance(value, list), f"{value!r} is not an array")
    assert isinstance(value, list)
    return value


def parse_json(data: bytes) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        require(len({key for key, _ in pairs}) == len(pairs), "a name stands twice in a JSON object")
        return dict(pairs)

    def constant(name: str) -> None:
        raise Refused(f"{name} is not JSON")

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise Refused(f"malformed JSON: {error}") from None


# 4.1 Layout


class Array(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @property
    def values(self) -> tuple[int, ...]:
        code = DTYPES[self.dtype].split()[1]
        return struct.unpack(f"<{len(self.data) // struct.calcsize(code)}{code}", self.data)


def read_safetensors(data: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    require(len(data) >= 8, "the model file ends early")
    length = int.from_bytes(data[:8], "little")
    require(length <= min(2**20, len(data) - 8), "the JSON of the model file is too long")
    text, body = data[8 : 8 + length], data[8 + length :]
    require(text[:1] == b"{", "the model file has no JSON object")
    header = parse_json(text)
    metadata = header.pop("__metadata__", {})
    require(isinstance(metadata, dict), "__metadata__ is not an object")
    require(all(isinstance(value, str) for value in metadata.values()), "__metadata__ has a value that is no string")
    arrays, place = {}, 0
    for entry in header.values():
        require(isinstance(entry, dict) and {*entry} >= {"dtype", "shape", "data_offsets"}, "an array is incomplete")
        require(len(elements_of(entry["data_offsets"])) == 2, "data_offsets are not two")
        require(isinstance(entry["dtype"], str) and entry["dtype"] in DTYPES, "the dtype of an array is not known")
        for number in entry["data_offsets"] + elements_of(entry["shape"]):
            whole(number, 0)
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        (begin, end), size = entry["data_offsets"], struct.calcsize(DTYPES[entry["dtype"]].split()[1])
        for dimension in entry["shape"]:
            size *= dimension
        require(end - begin == size, f"the array {name} has another size than its shape")
        require(begin == place and end <= len(body), "the arrays leave holes, overlap, or are not all there")
        arrays[name] = Array(entry["dtype"], tuple(entry["shape"]), body[begin:end])
        place = end
    require(place == len(body), "bytes follow the arrays")
    return arrays, metadata


# 4.3 Description

LEAKS = {"leaky5": 5, "leaky8": 8}


def check_layers(items: Any) -> None:
    for index, item in enumerate(elements_of(items)):
        members(item, "add kernel leaky units")
        require(whole(item["kernel"], 1) in (1, 3), "a kernel is neither 1 nor 3")
        require(type(item["leaky"]) is bool, "leaky is neither true nor false")
        whole(item["units"], 1)
        if item["add"] is not None:
            added = whole(item["add"], 0, index - 1)
            require(items[added]["units"] == item["units"], "a layer adds one with another number of units")


def blocks_of_pass(p: dict[str, Any], rows: int, columns: int) -> list[int]:
    """The blocks that a pass decodes, from the lowest number to the highest."""
    s, found = p.get("spacing", 1), []
    for block in range(rows * columns):
        y, x = divmod(block, columns)
        if y % s == x % s == 0 and [y // s % 2, x // s % 2] in p["lattice"]:
            found.append(block)
    return found


def check_passes(d: dict[str, Any], coefficients: int) -> None:
    lo = hi = 0
    missing: set[int] = set()
    for p, layers in zip(d["passes"], d["pass_layers"], strict=True):
        members(p, "hi lattice lo", "quality_offset spacing")
        require(p.get("spacing", 2) in (2, 4, 8) and type(p.get("spacing", 2)) is int, "the spacing of a pass")
        places = [tuple(whole(v, 0, 1) for v in elements_of(place)) for place in elements_of(p["lattice"])]
        require(places and places == sorted(set(places)) and {*map(len, places)} == {2}, "the lattice of a pass")
        count = whole(p["hi"], 1, coefficients) - whole(p["lo"], 0, p["hi"] - 1)
        ahead = elements_of(p.get("quality_offset", [0] * count))
        require(len(ahead) == count, "the quality offsets of a pass are not one for each channel")
        for offset in ahead:
            whole(offset, -99, 99)
        if not missing:  # A group begins. All patterns repeat after 16 blocks, twice the largest spacing.
            lo, hi, missing = hi, p["hi"], {*range(16 * 16)}
        blocks = {*blocks_of_pass(p, 16, 16)}
        require((p["lo"], p["hi"]) == (lo, hi) and blocks <= missing, "the passes decode a channel twice or never")
        missing -= blocks
        require(layers and layers[-1]["units"] == 2 * count, "a pass has another number of outputs")
        require(all(item["kernel"] == 1 for item in layers[1:]), "a later layer of a pass has the kernel 3")
    require(not missing and hi == coefficients, "the passes do not cover the plane")


def check_description(d: dict[str, Any]) -> None:
    members(
        d,
        "block channels correction_layers cues features pass_layers passes tile update_layers vector vector_layers",
        "finish lossless synthesis_layers",
    )
    block, channels, vector, features = whole(d["block"], 2), whole(d["channels"], 1), d["vector"], d["features"]
    require(block in (2, 4, 8, 16) and channels in (1, 3), "the block or the channels of the model")
    whole(d["cues"], 0), whole(vector, 0), whole(features, 0)
    networks = elements_of(d["pass_layers"]) + elements_of(d["update_layers"])
    for layers in [d["vector_layers"], *networks, d["correction_layers"]]:
        check_layers(layers)
    tile = d["tile"]
    if tile is not None:
        require(len(elements_of(tile)) == 2, "the tile does not have two sides")
        require(all(whole(side, block) % block == 0 for side in tile), "the tile is not made of blocks")
    if "synthesis_layers" in d:
        check_synthesis(d)
        return
    require((tile is None) == (vector == 0), "a vector and a tile go together")
    updates = d["update_layers"]
    if vector:
        blocks = tile[0] // block * (tile[1] // block)
        require(features, "there is a vector without features")
        require(d["vector_layers"] and d["vector_layers"][-1]["units"] == blocks * features, "the vector network")
        require(all(item["kernel"] == 1 for item in d["vector_layers"]), "the vector network has a kernel of 3")
    else:
        require(not d["vector_layers"], "there is a vector network without a vector")
        require(not features or any(updates), "nothing computes the features")
    count, coefficients = len(elements_of(d["passes"])), block * block * channels
    require(len(d["pass_layers"]) == len(updates) == count > 0, "networks and passes differ in number")
    check_passes(d, coefficients)
    require(not updates[-1], "an update follows the last pass")
    require(all(items[-1]["units"] == features for items in updates if items), "an update has other outputs")
    require(d["correction_layers"] and d["correction_layers"][-1]["units"] == coefficients, "the correction network")
    if "finish" in d:
        finish = members(d["finish"], "cell layers places")
        cell = whole(finish["cell"], 1)
        require(cell in (1, 2, 4, 8) and block % cell == 0, "the cells of the finishing network")
        whole(finish["places"], 0)
        check_layers(finish["layers"])
        require(finish["layers"] and finish["layers"][-1]["units"] == cell * cell * channels, "the finishing network")


def check_synthesis(d: dict[str, Any]) -> None:
    empty = ("passes", "pass_layers", "update_layers", "vector_layers", "correction_layers")
    require(
        not any(d[key] for key in empty) and "finish" not in d and d["cues"] == 0, "a model without a plane has one"
    )
    require(d["tile"] is not None and d["features"] == d["vector"] > 0, "a model without a plane needs tile and vector")
    height = width = 1
    depth = 0
    for item in elements_of(d["synthesis_layers"]):
        members(item, "activation crop grow kernel units")
        require(item["activation"] in ("none", "relu", *LEAKS), "an activation is not known")
        require(whole(item["kernel"], 1) in (1, 3), "a kernel is neither 1 nor 3")
        grow, crop, units = whole(item["grow"], 1, 16), whole(item["crop"], 0), whole(item["units"], 1)
        require(units % grow**2 == 0, "the units of a synthesis layer do not spread")
        height, width, depth = height * grow, width * grow, units // grow**2
        require(height <= 2 * d["tile"][0] and width <= 2 * d["tile"][1], "a synthesis layer goes beyond the tile")
        height, width = height - 2 * crop, width - 2 * crop
        require(height >= 1 and width >= 1, "a synthesis layer leaves nothing")
    require([height, width, depth] == [*d["tile"], d["channels"]], "the synthesis layers do not lead to the tile")


# 4.4 Arrays, 4.5 Id

# 4.6 Bundled models: number, name, id
BUNDLED = {
    5: ("mnist-3", "1d22ffc0bbae0e64"),
    6: ("alphabet-3", "d4ff0e832ba14289"),
    7: ("cifar-5", "7c9d64f834873cb9"),
    8: ("photo-4", "e5ea316b26ed00c6"),
    9: ("photo-5", "0c1be7658b5f7d58"),
    10: ("photo-6", "71af553f7b89938a"),
}


class Model:
    """A model file, checked; its networks as layers, its arrays as tuples of integers, row by row."""

    def __init__(self, data: bytes) -> None:
        self.arrays, metadata = read_safetensors(data)
        require({*metadata} >= {"description", "name"}, "the model file lacks its description or its name")
        self.name, self.text = metadata["name"], metadata["description"]
        self.description = d = parse_json(self.text.encode("utf-8", "surrogatepass"))
        check_description(d)
        canonical = json.dumps(d, separators=(",", ":"), sort_keys=True)
        require(canonical == self.text, "the description is not in its canonical form")
        self.block, self.channels, self.tile = d["block"], d["channels"], d["tile"]
        self.unit: tuple[int, int] = (*self.tile,) if self.tile else (self.block, self.block)
        self.vector, self.features, self.cues = d["vector"], d["features"], d["cues"]
        self.synthesis_layers = d.get("synthesis_layers")  # None in a model with a plane
        self.coefficients = 0 if self.synthesis_layers else self.block * self.block * self.channels
        self.kinds, self.first = self.vector + self.coefficients, self.features + self.cues

        self.used: set[str] = set()
        self.step = self.table("step", (100, self.kinds), 1, 32767)
        self.offset = self.table("offset", (100, self.kinds), -255, 255)
        self.vector_class = self.table("vector_class", (self.vector,), -255, 255)
        self.context_exponent = self.table("context_exponent", (self.kinds,), -15, 15)
        self.cue = self.table("cue", (100, self.cues), -1023, 1023)
        self.tables = Tables(self)
        self.read_networks()
        self.lossless = Lossless(self, d["lossless"]) if "lossless" in d else None
        others = [name for name in self.arrays if name not in self.used and not name.startswith("analysis.")]
        require(not others, f"the model file has unknown arrays: {', '.join(others)}")
        number = [number for number, (_, known) in BUNDLED.items() if known == self.id().hex()]
        self.number = number[0] if number else 0

    def read_networks(self) -> None:
        d, n = self.description, self.coefficients
        self.vector_network = self.network("vector", d["vector_layers"], self.vector + self.cues)
        self.pass_networks: list[list[Layer]] = []
        self.update_networks: list[list[Layer]] = []
        self.seen: list[range] = []  # the channels of the context that the network of a pass sees
        decoded = 0  # channels of the plane, by all passes so far
        for index, p in enumerate(d["passes"]):
            unseen = self.features if not self.vector and not any(d["update_layers"][:index]) else 0
            seen, decoded = p["hi"] if p["hi"] == decoded else p["lo"], p["hi"]
            count = p["hi"] - p["lo"]
            self.seen.append(range(unseen, self.first + seen))
            limits, inputs = [32767] * count + [255] * count, len(self.seen[index])
            self.pass_networks.append(self.network(f"pass{index}", d["pass_layers"][index], inputs, limits))
            inputs = self.first + p["hi"] - unseen
            self.update_networks.append(self.network(f"update{index}", d["update_layers"][index], inputs))
        self.correction_network = self.network("correction", d["correction_layers"], self.first + n, [32767] * n)
        if self.synthesis_layers:
            self.tone = self.table("tone", (2047,), 0, 255)
            self.synthesis, inputs = [], self.vector
            for index, item in enumerate(self.synthesis_layers):
                plain = {"kernel": item["kernel"], "units": item["units"], "leaky": False, "add": None}
                limits = [1023] * item["units"]
                layer = self.layer(f"synthesis.{index}", plain, [1023] * inputs, limits)
                self.synthesis.append(layer._replace(leak=LEAKS.get(item["activation"], 0)))
                inputs = item["units"] // item["grow"] ** 2
        else:
            inverse = {"kernel": 1, "units": n, "leaky": False, "add": None}
            self.synthesis = [self.layer("synthesis", inverse, [65534] * n, [2**53] * n)]
        self.finish = d.get("finish")
        if self.finish:
            cell, places = self.finish["cell"], self.finish["places"]
            self.place = self.table("finish.place", ((self.block // cell) ** 2, places), -1023, 1023)
            inputs = cell * cell * self.channels + places + self.cues
            self.finish_network = self.network("finish", self.finish["layers"], inputs)
            require(min(self.synthesis[0].shift) >= 2, "synthesis.shift is below 2 in a model that finishes")

    def table(self, name: str, shape: tuple[int, ...], low: int, high: int) -> tuple[int, ...]:
        require(name in self.arrays, f"the model file lacks the array {name}")
        array = self.arrays[name]
        require(array.dtype[0] in "UI" and array.shape == shape, f"the array {name} has another dtype or shape")
        values = array.values
        require(all(low <= v <= high for v in values), f"a value of the array {name} is out of range")
        self.used.add(name)
        return values

    def network(self, name: str, items: list[Any], inputs: int, last: list[int] | None = None) -> list[Layer]:
        """last: the limits of the last layer, if they are not 1023."""
        layers: list[Layer] = []
        largest = [1023] * inputs
        for index, item in enumerate(items):
            limit = last if last and index == len(items) - 1 else [1023] * item["units"]
            layers.append(self.layer(f"{name}.{index}", item, largest, limit))
            largest = limit
        return layers

    def layer(self, name: str, item: dict[str, Any], largest: list[int], limit: list[int]) -> Layer:
        """A layer whose bound (5.2) holds for inputs of at most `largest`."""
        units, area = item["units"], item["kernel"] ** 2
        weight = self.table(f"{name}.weight", (area * len(largest), units), -(2**63), 2**63)
        bias = self.table(f"{name}.bias", (units,), -(2**63), 2**63)
        shift = self.table(f"{name}.shift", (units,), 0, 30)
        columns = [weight[unit::units] for unit in range(units)]
        for column, b in zip(columns, bias, strict=True):
            bound = abs(b) + sumprod([*map(abs, column)], largest * area)
            require(bound < 2**53, f"the sums of the layer {name} can reach 2^53")
        return Layer(item["kernel"], columns, bias, shift, limit, 8 if item["leaky"] else 0, item["add"])

    def id(self) -> bytes:
        digest = hashlib.sha256(self.text.encode())
        for name in sorted(self.used, key=str.encode):
            array = self.arrays[name]
            shape = ", ".join(map(str, array.shape)) + ("," if len(array.shape) == 1 else "")
            digest.update(f"\n{name} {DTYPES[array.dtype].split()[0]} ({shape})\n".encode() + array.data)
        return digest.digest()[:8]

    def row(self, table: Sequence[int], quality: int, length: int) -> tuple[int, ...]:
        """The row of a quality."""
        return tuple(table[(quality - 1) * length : quality * length])


# 5 Networks ---


class Layer(NamedTuple):
    kernel: int
    columns: list[tuple[int, ...]]  # for every unit the weights of its inputs
    bias: tuple[int, ...]
    shift: tuple[int, ...]
    limit: list[int]
    leak: int  # 8 if the layer is leaky, else 0; also 5 in synthesis layers (6.7)
    add: int | None


Grid = list[list[int]]  # the channels of every place, row by row


def run(layers: Sequence[Layer], grid: Grid, rows: int, columns: int, positions: Sequence[int] | None = None) -> Grid:
    """The outputs of a network at positions, or everywhere.

    Behind the first layer of a network that is run at positions, there are kernels of 1 only.
    """
    outputs: list[Grid] = []
    for index, layer in enumerate(layers):
        chosen = positions if index == 0 and positions is not None else range(len(grid))
        seen = [grid[p] if layer.kernel == 1 else neighbourhood(grid, rows, columns, p) for p in chosen]
        added = outputs[layer.add] if layer.add is not None else None
        grid = [layer_outputs(layer, x, added[place] if added else None) for place, x in enumerate(seen)]
        outputs.append(grid)
    return grid


def neighbourhood(grid: Grid, rows: int, columns: int, position: int) -> list[int]:
    y, x = divmod(position, columns)
    found: list[int] = []
    for v in (y - 1, y, y + 1):
        for u in (x - 1, x, x + 1):
            inside = 0 <= v < rows and 0 <= u < columns
            found += grid[v * columns + u] if inside else [0] * len(grid[0])
    return found


def layer_outputs(layer: Layer, x: list[int], added: list[int] | None) -> list[int]:
    found = []
    for u, weights in enumerate(layer.columns):
        y = (layer.bias[u] + sumprod(weights, x)) >> layer.shift[u]
        if added is not None:
            y += added[u]
        if layer.leak:
            y = max(y, y // layer.leak)
        found.append(clamp(y, -layer.limit[u], layer.limit[u]))
    return found


# 6 The ladder ---


class Latent(NamedTuple):
    """What the ladder of a panel leaves behind: the context, and the elements of the plane, block by block."""

    context: Grid
    plane: Grid


# A picture is decoded pass by pass: the function that does it yields the classes of a pass and is sent its residuals.
# The pictures of a joined block (15.3) are decoded side by side in this way; any other picture is alone.
Passes = Generator[list[int], list[int], T]


class Ladder:
    """6.1 and 6.2: elements, and their context values, at one quality."""

    def __init__(self, model: Model, quality: int, log: Log) -> None:
        self.model, self.quality, self.log = model, quality, log
        self.cue = list(model.row(model.cue, quality, model.cues))

    def elements(self, means: list[int], classes: list[int], kinds: range, ahead: list[int]) -> Passes[list[int]]:
        """The elements of a pass. `kinds`, and the quality offsets `ahead`, repeat for every tile or position."""
        model, times = self.model, len(means) // len(kinds)
        rows = [clamp(self.quality + more, 1, 100) - 1 for more in ahead]
        entries = [r * model.kinds + k for r, k in zip(rows, kinds, strict=True)] * times
        steps = [model.step[entry] for entry in entries]
        classes = [clamp(c + model.offset[entry], 0, 63) for c, entry in zip(classes, entries, strict=True)]
        residuals = yield classes
        found = [clamp(m + r * s, -32767, 32767) for m, r, s in zip(means, residuals, steps, strict=True)]
        self.log.stages.append(Stage(means, classes, steps, residuals, found, len(self.log.events)))
        return found

    def context_value(self, v: int, k: int) -> int:
        e = self.model.context_exponent[k]
        return clamp(v * 2**e if e >= 0 else (v + 2 ** (-e - 1)) >> -e, -1023, 1023)

    def vector_pass(self, canvas: Canvas) -> Passes[Grid]:
        """6.3: the features of every block."""
        model, tiles = self.model, canvas.down * canvas.across
        none = [0] * model.vector
        classes = list(model.vector_class) * tiles
        elements = yield from self.elements(none * tiles, classes, range(model.vector), none)
        features: Grid = [[] for _ in range(canvas.rows * canvas.columns)]
        for tile in range(tiles):
            vector = elements[tile * model.vector : (tile + 1) * model.vector]
            known = [self.context_value(v, k) for k, v in enumerate(vector)] + self.cue
            self.log.known.append(known)
            output = [] if model.synthesis_layers else run(model.vector_network, [known], 1, 1)[0]
            for i, block in enumerate(canvas.blocks_of(tile)):
                mine = slice(i * model.features, (i + 1) * model.features)
                features[block] = known if model.synthesis_layers else output[mine]
        self.log.features.append(features)
        return features


def decode_elements(model: Model, canvas: Canvas, quality: int, log: Log) -> Passes[Latent]:
    """6.3 to 6.5: all passes of a canvas that is a single panel."""
    ladder, rows, columns = Ladder(model, quality, log), canvas.rows, canvas.columns
    context: Grid = [[0] * model.features + ladder.cue + [0] * model.coefficients for _ in range(rows * columns)]
    plane: Grid = [[0] * model.coefficients for _ in context]

    def replace_features(features: Grid) -> None:
        for channels, new in zip(context, features, strict=True):
            channels[: model.features] = new

    if model.vector:
        replace_features((yield from ladder.vector_pass(canvas)))
    for index, p in enumerate(model.description["passes"]):
        # 6.4
        lo, count, s = p["lo"], p["hi"] - p["lo"], p.get("spacing", 1)
        near = [b for b in range(rows * columns) if b // columns % s == b % columns % s == 0]
        grid = [[context[b][channel] for channel in model.seen[index]] for b in near]
        positions = blocks_of_pass(p, rows, columns)
        place_of = {b: place for place, b in enumerate(near)}
        outputs = run(
            model.pass_networks[index], grid, -(-rows // s), -(-columns // s), [place_of[b] for b in positions]
        )
        means = [value for output in outputs for value in output[:count]]
        classes = [value for output in outputs for value in output[count:]]
        kinds = range(model.vector + lo, model.vector + p["hi"])
        elements = yield from ladder.elements(means, classes, kinds, p.get("quality_offset", [0] * count))
        for i, block in enumerate(positions):
            mine = elements[i * count : (i + 1) * count]
            plane[block][lo : lo + count] = mine
            known = [ladder.context_value(v, k) for v, k in zip(mine, kinds, strict=True)]
            context[block][model.first + lo : model.first + lo + count] = known
        # 6.5
        if model.update_networks[index]:
            grid = [channels[model.seen[index].start : model.first + p["hi"]] for channels in context]
            features = run(model.update_networks[index], grid, rows, columns)
            log.features.append(features)
            replace_features(features)
    return Latent(context, plane)


def pixels_of(model: Model, canvas: Canvas, latent: Latent, quality: int) -> Grid:
    """6.6: the pixels of the whole canvas."""
    if model.synthesis_layers:
        return pixels_without_plane(model, canvas, latent)
    correction = run(model.correction_network, latent.context, canvas.rows, canvas.columns)
    sums = [list(map(int.__add__, *both)) for both in zip(latent.plane, correction, strict=True)]
    (inverse,) = model.synthesis
    if model.finish:
        inverse = inverse._replace(shift=tuple(shift - 2 for shift in inverse.shift))
    fine = placed(run([inverse], sums, 1, 1), canvas.rows, canvas.columns, model.block, model.channels)
    if not model.finish:
        return [[clamp(sample, 0, 255) for sample in pixel] for pixel in fine]
    return finished(model, canvas, [[clamp(sample, 0, 1023) for sample in pixel] for pixel in fine], quality)


def placed(squares: Grid, rows: int, columns: int, side: int, channels: int) -> Grid:
    """The pixels of squares of `side` x `side` pixels, which are given row by row."""
    pixels: Grid = [[]] * (rows * columns * side * side)
    for number, samples in enumerate(squares):
        top, left = number // columns * side, number % columns * side
        for index in range(side * side):
            place = (top + index // side) * columns * side + left + index % side
            pixels[place] = samples[index * channels : (index + 1) * channels]
    return pixels


def pixels_without_plane(model: Model, canvas: Canvas, latent: Latent) -> Grid:
    """6.7."""
    high, wide = model.unit
    across = canvas.across * wide
    pixels: Grid = [[]] * (canvas.down * high * across)
    for tile in range(canvas.down * canvas.across):
        grid, height, width = [latent.context[canvas.blocks_of(tile)[0]]], 1, 1
        for layer, item in zip(model.synthesis, model.synthesis_layers, strict=True):
            sums = run([layer], grid, height, width)
            if item["activation"] == "relu":
                sums = [[max(v, 0) for v in place] for place in sums]
            grow, crop = item["grow"], item["crop"]
            grown = placed(sums, height, width, grow, item["units"] // grow**2)
            height, width = height * grow, width * grow
            kept = [y * width + x for y in range(crop, height - crop) for x in range(crop, width - crop)]
            grid, height, width = [grown[place] for place in kept], height - 2 * crop, width - 2 * crop
        top, left = tile // canvas.across * high, tile % canvas.across * wide
        for index, place in enumerate(grid):
            pixels[(top + index // wide) * across + left + index % wide] = [model.tone[v + 1023] for v in place]
    return pixels


def finished(model: Model, canvas: Canvas, fine: Grid, quality: int) -> Grid:
    """6.8."""
    cell, places = model.finish["cell"], model.finish["places"]
    side, cue = model.block // cell, list(model.row(model.cue, quality, model.cues))  # side: cells of a block
    rows, columns = canvas.rows * side, canvas.columns * side
    grid: Grid = []
    for y in range(rows):
        for x in range(columns):
            corner = y * cell * columns * cell + x * cell
            own = [
                sample - 512
                for dy in range(cell)
                for dx in range(cell)
                for sample in fine[corner + dy * columns * cell + dx]
            ]
            row = y % side * side + x % side
            grid.append([*own, *model.place[row * places : (row + 1) * places], *cue])
    added = placed(run(model.finish_network, grid, rows, columns), rows, columns, cell, model.channels)
    return [
        [clamp((f + a) >> 2, 0, 255) for f, a in zip(pixel, more, strict=True)]
        for pixel, more in zip(fine, added, strict=True)
    ]


# 7 Tables and events ---


class Tables:
    """The frequencies of every kind of event."""

    def __init__(self, model: Model, prefix: str = "", most_skipped: int = 64) -> None:
        self.extents = model.table(f"{prefix}tables.extents", (64,), 0, 63)
        self.shifts = model.table(f"{prefix}tables.shifts", (64,), 0, 15)
        (self.skip,) = model.table(f"{prefix}tables.skip", (1,), 0, most_skipped)
        total = sum(2 * extent + 2 for extent in self.extents)
        values = model.table(f"{prefix}tables.frequencies", (total,), 1, 4096)
        self.frequencies: list[tuple[int, ...]] = []
        begin = 0
        for extent in self.extents:
            self.frequencies.append(values[begin : begin + 2 * extent + 2])
            require(sum(self.frequencies[-1]) == 4096, "the frequencies of a class do not sum to 4096")
            begin += 2 * extent + 2
        self.frequencies += [(4096 >> n,) * (1 << n) for n in range(8)]  # kinds 64 + n
        self.slots_of_kinds: dict[int, list[tuple[int, int]]] = {}

    def slots(self, kind: int) -> list[tuple[int, int]]:
        """Section 8: the value and the rank of each slot of a kind."""
        if kind not in self.slots_of_kinds:
            f = self.frequencies[kind]
            pairs = [(v, rank) for v in range(len(f)) for rank in range(f[v])]
            pairs.sort(key=lambda pair: ((4 * pair[1] + 1) * 2**24 // f[pair[0]], pair[0]))
            self.slots_of_kinds[kind] = pairs
        return self.slots_of_kinds[kind]


Events = Callable[[list[int]], list[int]]  # from the kinds of a round's events to their values


def raw_bits(wanted: dict[int, int], events: Events) -> dict[int, int]:
    """For each element the number that so many raw bits make."""
    found = dict.fromkeys(wanted, 0)
    left = {i: length for i, length in wanted.items() if length}
    while left:
        now = {i: min(length, 7) for i, length in left.items()}
        for i, value in zip(now, events([64 + bits for bits in now.values()]), strict=True):
            found[i] = found[i] * 2 ** now[i] + value
        left = {i: length - 7 for i, length in left.items() if length > 7}
    return found


def decode_pass(tables: Tables, classes: Sequence[int], events: Events) -> list[int]:
    """The residuals of a pass, round by round."""
    coded = [i for i, c in enumerate(classes) if c >= tables.skip]
    # Symbols
    high: dict[int, int] = {}
    escaped = []
    for i, value in zip(coded, events([classes[i] for i in coded]), strict=True):
        m = tables.extents[classes[i]]
        if value <= 2 * m:
            high[i] = value - m
        else:
            escaped.append(i)
    # Escapes
    minus = raw_bits(dict.fromkeys(escaped, 1), events)
    k = dict.fromkeys(escaped, 0)
    going = escaped
    for _ in range(20):
        ones = raw_bits(dict.fromkeys(going, 1), events)
        going = [i for i in going if ones[i]]
        for i in going:
            k[i] += 1
    for i, r in raw_bits(k, events).items():
        magnitude = tables.extents[classes[i]] + 2 ** k[i] + r
        high[i] = -magnitude if minus[i] else magnitude
    # Low bits
    low = raw_bits({i: tables.shifts[classes[i]] for i in coded}, events)
    residuals = [0] * len(classes)
    for i in coded:
        residuals[i] = high[i] * 2 ** tables.shifts[classes[i]] + low[i]
        require(abs(residuals[i]) <= 2**20, "a residual is out of range")
    return residuals


# 8 The packing rans ---


class Rans:
    """lanes: if not those that the number of elements gives. small: in the small form, the state holds four bits."""

    def __init__(
        self, tables: Tables, payload: bytes, elements: int, log: Log, lanes: int | None = None, small: bool = False
    ) -> None:
        self.tables, self.payload, self.log, self.small, self.bits = tables, payload, log, small, 0
        self.lanes = lanes or min(1024, max(1, elements // 12000))
        self.at = min(3 * self.lanes, len(payload))
        if self.lanes == 1:
            require(payload[:1] != b"\0", "the first byte of the payload is 0")
            self.states = [int.from_bytes(payload[: self.at], "big")]
            if small:
                self.states[0], self.bits = divmod(self.states[0], 16)
        else:
            require(self.at == 3 * self.lanes, "the payload ends before its states")
            self.states = [int.from_bytes(payload[i : i + 3], "big") for i in range(0, self.at, 3)]
            require(min(self.states) >= 2**16, "a first state is below 2^16")
        log.lanes, log.start = self.lanes, self.states[0]

    def refill(self) -> bytes:
        begin = self.at
        for lane in range(self.lanes):
            while self.states[lane] < 2**16 and self.at < len(self.payload):
                self.states[lane] = self.states[lane] * 256 + self.payload[self.at]
                self.at += 1
        return self.payload[begin : self.at]

    def events(self, kinds: list[int]) -> list[int]:
        values = []
        for i, kind in enumerate(kinds):
            lane = i % self.lanes
            taken = self.refill() if lane == 0 else b""
            x = self.states[lane]
            s = x % 4096
            value, rank = self.tables.slots(kind)[s]
            f = self.tables.frequencies[kind][value]
            self.states[lane] = f * (x // 4096) + rank
            values.append(value)
            self.log.events.append(Event(kind, taken, x, s, value, f, rank, self.states[lane]))
        return values

    def finish(self, crc: int) -> None:
        self.log.last_taken = self.refill()
        self.log.end = self.states[0]
        require(self.at == len(self.payload), "bytes of the payload are left")
        h = 0 if self.small else (crc ^ crc >> 16) % 2**16
        base = 2**16 if self.lanes > 1 else 0
        ends = self.states == [base + h] + [base] * (self.lanes - 1)
        require(ends, "the payload is damaged: the final state is another")
        require(not self.small or self.bits == crc % 16, "the payload is damaged: its four bits are others")


# 9 The packing zstd ---

ONES = (2048, 1825, 1625, 1448, 1024, 645, 287, 128, 2)
THRESHOLDS = (1877, 1718, 1558, 1244, 834, 523, 191, 93)


def unframed(frame: bytes, most: int) -> bytes:
    """The content of a Zstandard frame without its magic number; refused if it has more than `most` bytes."""
    import zstandard

    require(frame[:1] == b"\0" and b"" < frame[1:2] <= b"\x50", "the header of a frame is not allowed")
    frame = b"\x28\xb5\x2f\xfd" + frame  # the magic number of RFC 8878, with which any decompressor can be used
    reader = zstandard.ZstdDecompressor(max_window_size=2**20).decompressobj()
    content = bytearray()
    try:
        for begin in range(0, len(frame), 64):  # of which each piece gives some MB at most
            require(not reader.eof, "bytes follow a frame")
            content += reader.decompress(frame[begin : begin + 64])
            require(len(content) <= most, "a frame holds more than it can need")
    except zstandard.ZstdError as error:
        raise Refused(f"a frame is damaged: {error}") from None
    require(reader.eof and not reader.unused_data, "a frame ends early, or bytes follow it")
    return bytes(content)


class Node(NamedTuple):
    group: int
    branches: tuple[Any, Any]  # for the decisions 0 and 1: a Node, or a value


def tree(frequencies: Sequence[int]) -> Node:
    # The second number of an entry says when it entered the list.
    heap: list[tuple[int, int, Any]] = [(f, value, value) for value, f in enumerate(frequencies)]
    heapq.heapify(heap)
    entered = len(heap)
    while len(heap) > 1:
        w1, _, one = heapq.heappop(heap)
        w0, _, zero = heapq.heappop(heap)
        group = sum(4096 * w1 < threshold * (w1 + w0) for threshold in THRESHOLDS)
        heapq.heappush(heap, (w1 + w0, entered, Node(group, (zero, one))))
        entered += 1
    root: Node = heap[0][2]
    return root


def dictionary(ones: int) -> list[tuple[int, ...]]:
    """The phrases of the bytes 0..255."""
    heap: list[tuple[int, int, tuple[int, ...]]] = [(-(2**48), 0, ())]  # minus the weight: the largest comes first
    entered = 1
    while len(heap) < 256:
        minus_w, _, phrase = heapq.heappop(heap)
        v = -minus_w * ones // 4096
        for decision, weight in ((0, -minus_w - v), (1, v)):
            heapq.heappush(heap, (-weight, entered, (*phrase, decision)))
            entered += 1
    return [phrase for _, _, phrase in sorted(heap)]


class Zstd:
    def __init__(self, tables: Tables, payload: bytes, elements: int, log: Log) -> None:
        require(len(payload) >= 4, "the payload ends before its checksum")
        self.check = int.from_bytes(payload[-4:], "little")
        self.body = log.body = unframed(payload[:-4], 74 * elements)
        self.log, self.at = log, 0
        self.trees = [tree(f) for f in tables.frequencies]
        self.dictionaries = [dictionary(ones) for ones in ONES]
        self.queues: list[list[int]] = [[] for _ in ONES]
        self.last = [0] * len(ONES)  # the last byte that was taken for a group

    def events(self, kinds: list[int]) -> list[int]:
        nodes: list[Any] = [self.trees[kind] for kind in kinds]
        while any(isinstance(node, Node) for node in nodes):
            level = list(nodes)
            self.log.levels.append([])
            for group, queue in enumerate(self.queues):
                mine = [i for i, node in enumerate(level) if isinstance(node, Node) and node.group == group]
                begin = self.at
                while len(queue) < len(mine):
                    require(self.at < len(self.body), "the payload ends early")
                    self.last[group] = self.body[self.at]
                    queue += self.dictionaries[group][self.body[self.at]]
                    self.at += 1
                for i, decision in zip(mine, queue, strict=False):
                    nodes[i] = nodes[i].branches[decision]
                del queue[: len(mine)]
                if mine:
                    self.log.levels[-1].append((group, len(mine), self.body[begin : self.at]))
        return nodes

    def finish(self, crc: int) -> None:
        require(self.at == len(self.body), "bytes of the payload are left")
        require(self.check == crc, "the payload is damaged: its checksum does not match")
        for group, queue in enumerate(self.queues):
            if queue:
                phrases = self.dictionaries[group]
                used = phrases[self.last[group]][: -len(queue)]
                lowest = min(i for i, phrase in enumerate(phrases) if phrase[: len(used)] == used)
                require(self.last[group] == lowest, "the last byte of a group is not the lowest")


# 10 Checksum ---


def crc8(data: bytes) -> int:
    register = VERSION
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register << 1 ^ (0x107 if register & 0x80 else 0)
    return register ^ 0x55


def stored(residuals: Sequence[int]) -> bytes:
    """Residuals as the CRC-32 covers them."""
    return struct.pack(f"<{len(residuals)}i", *residuals)


def decode_together(pictures: Sequence[Passes[T]], tables: Tables, events: Events) -> tuple[list[T], bytes]:
    """Decode pictures side by side, pass by pass; their results, and the residuals as the CRC-32 covers them."""
    covered = bytearray()
    results: list[T] = []
    asked = [next(picture) for picture in pictures]
    while not results:
        residuals = decode_pass(tables, [c for classes in asked for c in classes], events)
        covered += stored(residuals)
        size = len(asked[0])
        for i, picture in enumerate(pictures):
            try:
                asked[i] = picture.send(residuals[i * size : (i + 1) * size])
            except StopIteration as end:
                results.append(end.value)
    return results, bytes(covered)


# 11 Panels ---

SIDE = 512


class Panel(NamedTuple):
    """A part of a canvas, in pixels."""

    top: int
    left: int
    height: int
    width: int


def panels_of(unit: tuple[int, int], height: int, width: int) -> list[Panel]:
    """The panels of so many pixels, which are whole units except in lossless files."""
    high, wide = (max(1, SIDE // side) * side for side in unit)
    return [
        Panel(top, left, min(high, height - top), min(wide, width - left))
        for top in range(0, height, high)
        for left in range(0, width, wide)
    ]


def packed_panels(payload: bytes, count: int) -> list[bytes]:
    r = Reader(payload)
    lengths = [r.varint() for _ in range(count - 1)]
    return [r.take(length) for length in lengths] + [r.rest()]


def covered_first(data: bytes, header: Header, index: int, count: int) -> bytes:
    """What the CRC-32 of a panel covers before its residuals or samples."""
    return data[: header.length] + (index.to_bytes(4, "little") if count > 1 else b"")


def payload_of(data: bytes, header: Header) -> bytes:
    return data[header.length : -1 if header.small else None]


def decode_lossy(data: bytes, header: Header, model: Model, size: tuple[int, int], logs: list[Log]) -> Grid:
    """The pixels of the canvas."""
    whole_canvas = Canvas.covering(model, *size)
    columns = whole_canvas.columns
    every = range(whole_canvas.rows * columns)
    latent = Latent([[] for _ in every], [[] for _ in every])
    panels = panels_of(model.unit, whole_canvas.rows * model.block, columns * model.block)
    packed = packed_panels(payload_of(data, header), len(panels))
    for index, panel in enumerate(panels):
        log = Log(header)
        logs.append(log)
        canvas = Canvas.covering(model, panel.height, panel.width)
        blocks = canvas.rows * canvas.columns
        elements = canvas.down * canvas.across * model.vector + blocks * model.coefficients
        coder: Rans | Zstd
        if header.packing == "rans":
            coder = Rans(model.tables, packed[index], elements, log, small=header.small)
        else:
            coder = Zstd(model.tables, packed[index], elements, log)
        passes = decode_elements(model, canvas, header.quality, log)
        (log.latent,), covered = decode_together([passes], model.tables, coder.events)
        log.crc = zlib.crc32(covered_first(data, header, index, len(panels)) + covered)
        coder.finish(log.crc)
        for b in range(blocks):
            y, x = b // canvas.columns + panel.top // model.block, b % canvas.columns + panel.left // model.block
            latent.context[y * columns + x] = log.latent.context[b]
            latent.plane[y * columns + x] = log.latent.plane[b]
    return pixels_of(model, whole_canvas, latent, header.quality)


# 12 Lossless files ---


def window(reach: int) -> list[tuple[int, int]]:
    """The neighbours (dy, dx) of a pixel, in their order."""
    return [(0, -x) for x in range(1, reach + 1)] + [
        (dy, dx) for dy in range(-1, -reach - 1, -1) for dx in range(-reach, min(reach, -2 * dy - 1) + 1)
    ]


class Lossless:
    """12.1: the lossless stage of a model."""

    def __init__(self, model: Model, stage: Any) -> None:
        members(stage, "heads linear_reach order reach trunk")
        reach, trunk, heads = whole(stage["reach"], 2, 4), stage["trunk"], elements_of(stage["heads"])
        self.window, self.near = window(reach), window(whole(stage["linear_reach"], 2, reach))
        self.order = [whole(channel, 0) for channel in elements_of(stage["order"])]
        require(sorted(self.order) == list(range(model.channels)), "the order of the channels")
        require(len(heads) == model.channels and all(heads), "the heads are not one for each channel")
        for layers in [trunk, *heads]:
            check_layers(layers)
            require(layers and all(item["kernel"] == 1 for item in layers), "a layer of the lossless stage")
        n = model.channels
        self.linear = model.table("lossless.linear", ((len(self.near) + 1) * n, n), -128, 127)
        self.offset = model.table("lossless.offset", (256,), -255, 255)
        self.tables = Tables(model, "lossless.", 0)
        inputs = (len(self.window) + 7) * n + 5 + (2 if model.tile else 0)
        self.trunk = model.network("lossless.trunk", trunk, inputs)
        self.heads = []
        for c, layers in enumerate(heads):
            require(layers[-1]["units"] == 2 + c, "a head has another number of outputs")
            inputs = trunk[-1]["units"] + 1 + 2 * c
            self.heads.append(model.network(f"lossless.head{c}", layers, inputs, [1023, 255] + [255] * c))


Place = tuple[int, int, int]  # row, column, channel in the order of coding
NEIGHBOURS = ((0, -1), (-1, 0), (-1, 1), (-1, -1), (0, -2), (-2, 0))


class Samples:
    """The samples of a panel that have been decoded, and their errors."""

    def __init__(self, model: Model, stage: Lossless, height: int, width: int, n: int) -> None:
        self.model, self.stage, self.height, self.width, self.n = model, stage, height, width, n
        self.value: dict[Place, int] = {}
        self.error: dict[Place, int] = {}

    def base(self, y: int, x: int, c: int) -> int:
        if x == 0 or y == 0:
            return self.value[y, x - 1, c] if x else self.value[y - 1, x, c] if y else 128
        left, above, corner = self.value[y, x - 1, c], self.value[y - 1, x, c], self.value[y - 1, x - 1, c]
        return sorted((left, above, left + above - corner))[1]

    def known(self, y: int, x: int) -> Known:
        """12.3."""
        stage, tile, channels = self.stage, self.model.tile, range(self.model.channels)
        base = [self.base(y, x, c) for c in channels]
        d = {(i, c): self.value.get((y + i[0], x + i[1], c), base[c]) - base[c] for i in stage.window for c in channels}
        e = [self.error.get((y + dy, x + dx, c), 0) for dy, dx in NEIGHBOURS for c in channels]
        level = min(9, (sum(map(abs, e)) // (3 * len(channels)) + 1).bit_length() - 1)
        inputs = [(v * 128) >> level for v in d.values()] + [(v * 64) >> level for v in e]
        inputs += [2 * b - 256 for b in base]
        inputs += [32 * min(3, x), 32 * min(3, y), 32 * min(3, self.width - 1 - x)]
        inputs += [32 * level - 96, 64 * self.n.bit_length()]
        if tile:
            inputs += [8 * (y % tile[0] - tile[0] // 2), 8 * (x % tile[1] - tile[1] // 2)]
        inputs = [clamp(v, -1023, 1023) for v in inputs]
        hidden = run(stage.trunk, [inputs], 1, 1)[0]
        return Known(base, level, inputs, hidden, [d[i, c] for i in stage.near for c in channels])

    def predict(self, y: int, x: int, c: int, known: Known) -> Prediction:
        """12.4, up to the class."""
        stage, level, base = self.stage, known.level, known.base
        terms = known.near + [self.value[y, x, k] - base[k] for k in range(c)]
        weights = stage.linear[c :: self.model.channels][: len(terms)]
        linear = clamp(4 * base[c] + ((sumprod(terms, weights) + 8) >> 4), 0, 1020)
        inputs = [((linear - 4 * base[c]) * 32) >> level]
        for k in range(c):
            inputs += [(self.error[y, x, k] * 64) >> level, self.error[y, x, k] * 32]
        inputs = known.hidden + [clamp(v, -1023, 1023) for v in inputs]
        out = run(stage.heads[c], [inputs], 1, 1)[0]
        change = out[0] * 2 ** (level + 1) + sum(out[2 + k] * self.error[y, x, k] for k in range(c))
        mean = clamp(linear + (change >> 6), 0, 1020)
        scale = clamp(out[1] + 3 * level + stage.offset[self.n], 0, 31)
        phase = 1 if self.n == 0 and mean % 4 in (1, 2) else 0
        return Prediction(y, x, c, base[c], level, linear, mean, 2 * scale + phase)


class Known(NamedTuple):
    """What is known of a pixel: 12.3."""

    base: list[int]
    level: int
    inputs: list[int]
    hidden: list[int]
    near: list[int]  # the differences d over the window of the linear prediction


class Prediction(NamedTuple):
    y: int
    x: int
    channel: int
    base: int
    level: int
    linear: int
    mean: int
    scale_class: int


def sample_of(mean: int, r: int, n: int) -> int:
    """12.4: the sample of a residual."""
    centre, sign, step = (mean + 2) >> 2, -1 if mean % 4 in (2, 3) else 1, 2 * n + 1
    down, up = (centre + n) // step, (255 - centre + n) // step
    room = min(down, up)
    wide = 1 if (sign == 1 and up > down) or (sign == -1 and down > up) else -1
    steps = r
    if r > room:
        steps = wide * (2 * r - room - 1)
    elif r < -room:
        steps = wide * (-2 * r - room)
    return clamp(centre + sign * steps * step, 0, 255)


def decode_samples(s: Samples, coded: int, log: Log) -> Passes[bytes]:
    """12.3 and 12.4: the samples of a panel, as the CRC-32 covers them."""
    for t in range(s.width + 2 * s.height - 2):
        pixels = [(y, t - 2 * y) for y in range(s.height) if 0 <= t - 2 * y < s.width]
        known = [s.known(y, x) for y, x in pixels]
        log.pixels.extend(zip(pixels, known, strict=True))
        for c in range(coded):
            predicted = [s.predict(y, x, c, k) for (y, x), k in zip(pixels, known, strict=True)]
            residuals = yield [p.scale_class for p in predicted]
            for p, r in zip(predicted, residuals, strict=True):
                v = sample_of(p.mean, r, s.n)
                log.samples.append((p, r, v))
                for k in range(s.model.channels) if coded < s.model.channels else [c]:
                    s.value[p.y, p.x, k], s.error[p.y, p.x, k] = v, 4 * v - p.linear
    return bytes(s.value[y, x, c] for y in range(s.height) for x in range(s.width) for c in range(coded))


def largest_error(header: Header, model: Model, payload: Reader) -> int:
    """N, if the file may hold samples at all."""
    require(model.lossless, "the file is lossless, and its model has no lossless stage")
    require(header.packing == "rans", "the file is lossless and has the packing zstd")
    n = payload.byte() if header.quality == NEAR_LOSSLESS else 0
    require(n > 0 or header.quality == LOSSLESS, "the file is near-lossless with a largest error of 0")
    return n


def decode_lossless(data: bytes, header: Header, model: Model, size: tuple[int, int], logs: list[Log]) -> Grid:
    """The pixels of the picture, in the channels of the model."""
    (height, width), r = size, Reader(payload_of(data, header))
    n, stage = largest_error(header, model, r), model.lossless
    assert stage is not None
    coded = 1 if header.variant and model.channels == 3 else model.channels
    panels = panels_of(model.unit, height, width)
    packed = packed_panels(r.rest(), len(panels))
    pixels: Grid = [[] for _ in range(height * width)]
    for index, panel in enumerate(panels):
        log = Log(header)
        logs.append(log)
        coder = Rans(stage.tables, packed[index], panel.height * panel.width * coded, log, small=header.small)
        s = Samples(model, stage, panel.height, panel.width, n)
        (covered,), _ = decode_together([decode_samples(s, coded, log)], stage.tables, coder.events)
        log.crc = zlib.crc32(covered_first(data, header, index, len(panels)) + covered)
        coder.finish(log.crc)
        for i in range(panel.height * panel.width):
            y, x = divmod(i, panel.width)
            pixels[(panel.top + y) * width + panel.left + x] = in_order(s, y, x)
    return pixels


def in_order(s: Samples, y: int, x: int) -> list[int]:
    """The samples of a pixel in the order of channels."""
    return [s.value[y, x, s.stage.order.index(channel)] for channel in range(s.model.channels)]


# 13 Plain pictures ---


def numbers_in(data: bytes, size: int) -> list[int]:
    """Little-endian numbers of `size` bytes."""
    return [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size)]


def read_planes(data: bytes, height: int, width: int, channels: int, size: int, crc: int = 0) -> list[int]:
    """13.1: the samples of `size` bytes each, pixel by pixel; `crc` is what their CRC-32 continues."""
    require(len(data) >= 5, "the planes end early")
    method, content, check = data[0], data[1:-4], int.from_bytes(data[-4:], "little")
    pixel, pixels = channels * size, height * width
    require(method <= 4 and (method != 3 or channels >= 3), f"planes with the method {method}")
    covered = None
    if method == 0:
        require(len(content) == pixels * pixel, "the planes have another length")
        samples = numbers_in(content, size)
    elif method == 1:
        require(len(content) == pixel, "the pixel of constant planes has another length")
        require(zlib.crc32(content, crc) == check, "the planes are damaged: their checksum does not match")
        covered, samples = content, numbers_in(content, size) * pixels
    elif method == 4:
        samples = read_palette(content, height, width, pixel, size)
    else:
        planes = read_differences(content, height, width, channels, size)
        if method == 3:
            for c in (0, 2):
                planes[c] = [(a + b) % 256**size for a, b in zip(planes[c], planes[1], strict=True)]
        samples = [plane[i] for i in range(pixels) for plane in planes]
    if covered is None:
        covered = b"".join(sample.to_bytes(size, "little") for sample in samples)
    require(zlib.crc32(covered, crc) == check, "the planes are damaged: their checksum does not match")
    return samples


def read_differences(frame: bytes, height: int, width: int, channels: int, size: int) -> list[list[int]]:
    """The planes, channel by channel, each row by row."""
    length = channels * height * (1 + width * size)
    require((len(frame) // 4 + 1) * 2**17 >= length, "the frame of the planes is too short for them")
    r = Reader(unframed(frame, length))
    require(len(r.data) == length, "the planes have another length")
    predictors = r.take(channels * height)
    require(max(predictors) <= 3, "a predictor is not known")
    planes = []
    for c in range(channels):
        parts = [r.take(height * width) for _ in range(size)]  # the high bytes, then the low ones
        plane: list[int] = []
        for i in range(height * width):
            y, x = divmod(i, width)
            d = parts[0][i]
            if size == 2:
                z = d * 256 + parts[1][i]
                d = z // 2 if z % 2 == 0 else 2**16 - (z + 1) // 2
            left = plane[i - 1] if x else 0
            above = plane[i - width] if y else 0
            corner = plane[i - width - 1] if x and y else 0
            predicted = (0, left, above, left + above - corner)[predictors[c * height + y]]
            plane.append((d + predicted) % 256**size)
        planes.append(plane)
    return planes


def read_palette(content: bytes, height: int, width: int, pixel: int, size: int) -> list[int]:
    r = Reader(content)
    colours = r.byte() + 1
    require(colours >= 2, "the palette has a single colour")
    table = [numbers_in(r.take(pixel), size) for _ in range(colours)]
    require(all(a < b for a, b in zip(table, table[1:], strict=False)), "the colours do not increase")
    bits = min(bits for bits in (1, 2, 4, 8) if 2**bits >= colours)
    packed = -(-width * bits // 8)
    (rows,) = read_differences(r.rest(), height, packed, 1, 1)
    samples: list[int] = []
    for y in range(height):
        digits = "".join(f"{byte:08b}" for byte in rows[y * packed : (y + 1) * packed])
        require("1" not in digits[width * bits :], "the bits after the last index are not 0")
        for x in range(width):
            index = int(digits[x * bits : (x + 1) * bits], 2)
            require(index < colours, "an index lies beyond the palette")
            samples += table[index]
    return samples


def decode_plain(data: bytes, header: Header, most_pixels: int | None) -> Picture:
    """13.2."""
    require(header.quality == 100 and header.packing == "zstd", "a plain picture has another quality or packing")
    require(header.size, "a plain picture has no size")
    assert header.size is not None
    width, height = header.size
    require_within(height, width, most_pixels)
    r = Reader(data)
    r.at = header.length
    max_error, wide = divmod(r.varint(), 2)
    top, step = 65535 if wide else 255, 2 * max_error + 1
    require(max_error <= top, "the largest error is beyond the largest sample")
    levels = (top + max_error) // step + 1
    channels, crc = 1 if header.variant else 3, zlib.crc32(data[: r.at])
    steps = read_planes(r.rest(), height, width, channels, 2 if levels > 256 else 1, crc)
    require(max(steps) < levels, "a sample lies beyond the largest")
    samples = b"".join(min(s * step, top).to_bytes(1 + wide, "little") for s in steps)
    return Picture(height, width, channels, samples, 8 + 8 * wide)


# 14 Opacity and metadata, of which this decoder delivers the opacity ---

ALPHA = 1


def with_opacity(picture: Picture, section: bytes) -> Picture:
    """The picture with its opacity as the last channel."""
    size = picture.bits // 8
    opacity = read_planes(section, picture.height, picture.width, 1, size)
    pixel = picture.channels * size
    samples = b"".join(
        picture.samples[i * pixel : (i + 1) * pixel] + value.to_bytes(size, "little") for i, value in enumerate(opacity)
    )
    return picture._replace(channels=picture.channels + 1, samples=samples)


# 15 Data sets ---

VERSION_OF_SETS = 1
INDEX, JOINED, FILES, COLUMNS, METADATA = 5, 1, 2, 3, 4
TYPES = ["string", "bytes", "?", "B", "b", "H", "h", "I", "i", "Q", "q", "e", "f", "d"]


class Block(NamedTuple):
    kind: int
    header: bytes
    body: bytes


class DataSet(NamedTuple):
    pictures: dict[int, Picture]
    columns: dict[str, dict[int, Any]]
    description: dict[str, Any]


def block_at(data: bytes, at: int) -> tuple[Block, int]:
    """15.1: the block at a place, and where it ends."""
    r = Reader(data)
    r.at = at
    require(r.take(2) == b"\xae\xdb", "there is no block where one should be")
    kind, h, b = r.byte(), r.varint(), r.varint()
    block = Block(kind, r.take(h), r.take(b))
    covered = zlib.crc32(data[at : r.at])
    require(int.from_bytes(r.take(4), "little") == covered, "a block is damaged: its checksum does not match")
    return block, r.at


def is_data_set(data: bytes) -> bool:
    return len(data) >= 6 and data[0] == 0xAE and data[1] >> 4 == 0xD and data[2:6] == b"aecs"


def blocks_of(data: bytes) -> list[Block]:
    """15.1: the blocks that the index names."""
    require(is_data_set(data), "this is not a data set")
    require(data[1] & 15 == VERSION_OF_SETS, "the data set has another version of the format")
    require(len(data) >= 12 and data[-2:] == b"\xae\xde", "the data set does not end with the place of its index")
    end = len(data) - 6
    begin = end - int.from_bytes(data[-6:-2], "little")
    require(begin >= 6, "the index of the data set is too long")
    index, index_end = block_at(data, begin)
    require(index.kind == INDEX and index_end == end, "there is no index where it should be")
    r = Reader(index.header)
    length = r.varint()
    r.end("the header of the index")
    require(length <= 4 * len(data), "the index is too long")
    r = Reader(unframed(index.body, length))
    require(len(r.data) == length, "the index has another length")
    found, at = [], 6
    for _ in range(r.varint()):
        at += r.varint()
        kind, h, b = r.byte(), r.varint(), r.varint()
        header = r.take(h)
        require(kind in (JOINED, FILES, COLUMNS, METADATA) or kind >= 128, f"blocks of kind {kind} are not known")
        block, at = block_at(data, at)
        require((block.kind, block.header, len(block.body)) == (kind, header, b), "a block differs from the index")
        require(at <= begin, "a block reaches into the index")
        found.append(block)
    r.end("the blocks of the index")
    return found


def numbers_of(r: Reader) -> list[int]:
    """15.2: the numbers of the pictures of a block."""
    numbers: list[int] = []
    end = 0
    for index in range(r.varint() + 1):
        gap, length = r.varint(), r.varint() + 1
        require(index == 0 or gap > 0, "two runs of numbers touch")
        require(len(numbers) + length <= 65536, "a block has more than 65,536 pictures")
        require(end + gap + length < 2**32, "the number of a picture is too large")
        numbers += range(end + gap, end + gap + length)
        end += gap + length
    return numbers


def joined_pictures(block: Block, models: Mapping[int | bytes, Model], most_pixels: int | None) -> dict[int, Picture]:
    """15.3."""
    r = Reader(block.header)
    numbers, flags = numbers_of(r), r.byte()
    data = r.rest()
    header = read_header(data)
    require(header.model != PLAIN and not header.sections, "a joined block of plain pictures, or with sections")
    model = find_model(header, models)
    size, lossless = size_of(header, model), header.quality > 100
    require(flags < (1 if lossless else 2), "the flags of a joined block")
    rest = Reader(payload_of(data, header))
    n = largest_error(header, model, rest) if lossless else 0
    rest.end("the header of a joined block")
    canvas = Canvas.covering(model, *size)
    require(len(panels_of(model.unit, *size)) == 1, "the pictures of a joined block have several panels")
    count = len(numbers)
    require(
        most_pixels is None or size[0] * size[1] * count <= most_pixels or count == 1, "a block has too many pixels"
    )
    require_canvas_within(model, *size, most_pixels)

    r = Reader(block.body)
    qualities = bytes([header.quality]) * count
    if flags & 1:
        qualities = unframed(r.take(r.varint()), count)
        require(len(qualities) == count and all(1 <= q <= 100 for q in qualities), "the qualities of a joined block")
    log = Log(header)
    if lossless:
        stage = model.lossless
        assert stage is not None
        coded = 1 if header.variant and model.channels == 3 else model.channels
        rans = Rans(stage.tables, r.rest(), 0, log, lanes=1)
        each = [Samples(model, stage, *size, n) for _ in numbers]
        samples, _ = decode_together([decode_samples(s, coded, log) for s in each], stage.tables, rans.events)
        rans.finish(zlib.crc32(b"".join(samples)))
        places = [(y, x) for y in range(size[0]) for x in range(size[1])]
        canvases = [[in_order(s, y, x) for y, x in places] for s in each]
        across = size[1]
    else:
        tiles, blocks = canvas.down * canvas.across, canvas.rows * canvas.columns
        elements = count * (tiles * model.vector + blocks * model.coefficients)
        coder: Rans | Zstd
        if header.packing == "rans":
            coder = Rans(model.tables, r.rest(), elements, log, lanes=1)
        else:
            coder = Zstd(model.tables, r.rest(), elements, log)
        passes = [decode_elements(model, canvas, quality, log) for quality in qualities]
        latents, covered = decode_together(passes, model.tables, coder.events)
        coder.finish(zlib.crc32(covered))
        canvases = [pixels_of(model, canvas, latent, q) for latent, q in zip(latents, qualities, strict=True)]
        across = canvas.columns * model.block
    made = [picture_of(header, model, size, pixels, across) for pixels in canvases]
    return dict(zip(numbers, made, strict=True))


def pictures_of_files(block: Block, models: Mapping[int | bytes, Model], most_pixels: int | None) -> dict[int, Picture]:
    """15.4."""
    r, body = Reader(block.header), Reader(block.body)
    numbers = numbers_of(r)
    lengths = [r.varint() for _ in numbers]
    r.end("the header of a block of files")
    require(sum(lengths) == len(block.body), "the lengths of files do not make up their block")
    files = [body.take(length) for length in lengths]
    return {number: decode(file, models, None, most_pixels) for number, file in zip(numbers, files, strict=True)}


def columns_of(block: Block) -> dict[str, dict[int, Any]]:
    """15.5."""
    r, body = Reader(block.header), Reader(block.body)
    first, rows = r.varint(), r.varint() + 1
    require(rows <= 65536, "a block of columns has more than 65,536 rows")
    columns = r.varint()
    require(columns <= 1024, "a block has more than 1024 columns")
    found: dict[str, dict[int, Any]] = {}
    for _ in range(columns):
        name, kind = text_of(r.take(r.varint())), r.byte()
        require(kind < len(TYPES), "the type of a column is not known")
        size, length = r.varint(), r.varint()
        require(size <= 2**26, "the values of a column are too long")
        values = unframed(body.take(length), size)
        require(len(values) == size, "the values of a column have another length")
        found[name] = dict(enumerate(values_of(values, TYPES[kind], rows), first))
    r.end("the header of a block of columns")
    body.end("the columns of a block")
    return found


def text_of(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refused("a text is not UTF-8") from None


def values_of(values: bytes, kind: str, rows: int) -> list[Any]:
    code = "I" if kind in ("string", "bytes") else kind
    r, width = Reader(values), struct.calcsize(f"<{code}")
    planes = r.take(rows * width)
    numbers = [struct.unpack(f"<{code}", planes[row::rows])[0] for row in range(rows)]
    if code == kind:
        r.end("the values of a column")
        return numbers
    contents = [r.take(length) for length in numbers]
    r.end("the values of a column")
    return [text_of(content) for content in contents] if kind == "string" else contents


def metadata_of(block: Block) -> dict[str, Any]:
    """15.6."""
    require(not block.header, "the header of a block of metadata is not empty")
    found = parse_json(unframed(block.body, 2**24))
    described = isinstance(found, dict) and isinstance(found.get("metadata"), dict)
    names = found.get("label_names") if described else None
    require(isinstance(names, list), "the metadata of a data set lack what they must have")
    require(all(isinstance(name, str) for name in names or []), "the names of labels are not strings")
    return {key: found[key] for key in ("metadata", "label_names")}


# 16 Limits; and the whole way of a file ---

MOST_PIXELS = 89_478_485


def require_within(height: int, width: int, most: int | None) -> None:
    require(most is None or height * width <= most, f"the picture has {width}x{height} pixels, which is over the limit")


def require_canvas_within(model: Model, height: int, width: int, most: int | None) -> None:
    (high, wide), canvas = model.unit, Canvas.covering(model, height, width)
    pixels = canvas.down * high * canvas.across * wide
    require(most is None or pixels <= 4 * most + high * wide, "the canvas has too many pixels")


def find_model(header: Header, models: Mapping[int | bytes, Model]) -> Model:
    key = header.model
    try:
        model = models[key]
    except KeyError:
        raise Refused(f"the model {key.hex() if isinstance(key, bytes) else key} is not known") from None
    require(not (isinstance(key, bytes) and model.number), "a model that has a number is identified by its id")
    return model


def size_of(header: Header, model: Model) -> tuple[int, int]:
    """The height and the width of the picture."""
    if header.size is None:
        require(model.tile, "the file gives no size, and its model has no tile")
        return model.unit
    width, height = header.size
    require([height, width] != model.tile, "the file gives the size of its model's tile")
    return height, width


def picture_of(header: Header, model: Model, size: tuple[int, int], pixels: Grid, across: int) -> Picture:
    """The picture in a canvas whose rows have `across` pixels: cropped; gray and inverted as section 2 says."""
    height, width = size
    pixels = [pixel for y in range(height) for pixel in pixels[y * across : y * across + width]]
    if header.variant:
        pixels = [[pixel[1]] if model.channels == 3 else [255 - pixel[0]] for pixel in pixels]
    return Picture(height, width, len(pixels[0]), bytes(sample for pixel in pixels for sample in pixel))


def decode(
    data: bytes,
    models: Mapping[int | bytes, Model],
    logs: list[Log] | None = None,
    most_pixels: int | None = MOST_PIXELS,
) -> Picture:
    """The picture in an .aec file.

    models: by number or id. logs: what happened on the way is appended, a log for each panel. most_pixels: the limit,
    if there is to be one.
    """
    logs = [] if logs is None else logs
    header = read_header(data)
    if header.model == PLAIN:
        picture = decode_plain(data, header, most_pixels)
    else:
        model = find_model(header, models)
        size = size_of(header, model)
        require_within(*size, most_pixels)
        require_canvas_within(model, *size, most_pixels)
        if header.quality > 100:
            pixels, across = decode_lossless(data, header, model, size, logs), size[1]
        else:
            pixels = decode_lossy(data, header, model, size, logs)
            across = Canvas.covering(model, *size).columns * model.block
        picture = picture_of(header, model, size, pixels, across)
    if ALPHA in header.sections:
        picture = with_opacity(picture, header.sections[ALPHA])
    return picture


def read_data_set(data: bytes, models: Mapping[int | bytes, Model], most_pixels: int | None = MOST_PIXELS) -> DataSet:
    """Everything in an .aecs file."""
    found = DataSet({}, {}, {})
    for block in blocks_of(data):
        if block.kind in (JOINED, FILES):
            read = joined_pictures if block.kind == JOINED else pictures_of_files
            pictures = read(block, models, most_pixels)
            require(not pictures.keys() & found.pictures.keys(), "two blocks hold the same picture")
            found.pictures.update(pictures)
        elif block.kind == COLUMNS:
            for name, column in columns_of(block).items():
                found.columns.setdefault(name, {}).update(column)
        elif block.kind == METADATA:
            found.description.clear()
            found.description.update(metadata_of(block))
    return found


# What the worked examples show ---


class Event(NamedTuple):
    """An event of rans: the bytes taken before it, the state, its slot, and the state after it."""

    kind: int
    taken: bytes
    x: int
    s: int
    value: int
    f: int
    rank: int
    after: int


class Stage(NamedTuple):
    """A pass as it was decoded."""

    means: list[int]
    classes: list[int]
    steps: list[int]
    residuals: list[int]
    elements: list[int]
    events: int  # of this pass and all before it


class Log:
    """What happened in a panel, for the worked examples of the document. Nothing is decoded with it."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.lanes, self.start, self.end, self.crc = 1, 0, 0, 0
        self.events: list[Event] = []
        self.last_taken = self.body = b""
        self.levels: list[list[tuple[int, int, bytes]]] = []  # of zstd: (group, decisions, bytes taken)
        self.stages: list[Stage] = []
        self.known: list[list[int]] = []  # inputs of the vector network, tile by tile
        self.features: list[Grid] = []  # the first ones, and those of every update
        self.latent = Latent([], [])
        self.pixels: list[tuple[tuple[int, int], Known]] = []  # with row and column
        self.samples: list[tuple[Prediction, int, int]] = []  # with the residual and the sample


# The command line ---


class Installed(dict[int | bytes, Model]):
    """The bundled models by number, others by id; each is read when it is asked for."""

    def __missing__(self, key: int | bytes) -> Model:
        folder = Path(__file__).resolve().parents[1] / "weights"
        if isinstance(key, int):
            if key not in BUNDLED:
                raise KeyError(key)
            name, known = BUNDLED[key]
            self[key] = Model((folder / f"{name}.safetensors").read_bytes())
            require(self[key].id().hex() == known, f"{name}.safetensors holds another model than number {key}")
            return self[key]
        folders = [Path(path) for path in os.environ.get("AECODEC_MODELS", "").split(os.pathsep) if path]
        for file in [file for place in [*folders, folder] for file in sorted(place.glob("*.safetensors"))]:
            try:
                model = Model(file.read_bytes())
            except Refused:
                continue  # nobody has asked for it
            self[model.id()] = model
            if model.id() == key:
                return model
        raise KeyError(key)


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: python decoder.py INPUT OUTPUT", file=sys.stderr)
        return 2
    source, target = map(Path, arguments)
    try:
        data, models = source.read_bytes(), Installed()
        if is_data_set(data):
            found = read_data_set(data, models).pictures
            pictures = [found[number] for number in sorted(found)]
        else:
            pictures = [decode(data, models)]
        target.write_bytes(b"".join(picture.samples for picture in pictures))
    except (Refused, OSError) as error:
        print(f"{source}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
