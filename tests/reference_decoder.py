"""A second decoder, written from spec/FORMAT.md alone, in plain integers: no NumPy, nothing of aecodec.

It is slow and plain on purpose. Names and order are those of the specification, whose sections the comments give.
Whatever the specification says MUST be refused raises `Refused`; `Log` is what the worked example is made of.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from operator import mul
from typing import Any, NamedTuple

NUMBERS = {"mnist-2": 1, "alphabet-2": 2, "cifar-4": 3, "photo-2": 4}  # section 4.6


class Refused(ValueError):
    """The file, or the model file, breaks a rule of the specification."""


def require(condition: bool, message: str) -> None:
    if not condition:
        raise Refused(message)


def clamp(value: int, low: int, high: int) -> int:
    return low if value < low else high if value > high else value


# 2 Container ---


class Header(NamedTuple):
    model: int | bytes
    quality: int
    packing: str
    size: tuple[int, int] | None  # (width, height)
    variant: bool
    length: int
    small: bool  # the form


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        require(count <= len(self.data) - self.at, "truncated")
        self.at += count
        return self.data[self.at - count : self.at]

    def varint(self) -> int:
        value = 0
        for index in range(5):
            byte = self.take(1)[0]
            value += (byte & 0x7F) << 7 * index
            if byte < 0x80:
                require(byte != 0 or index == 0, "a varint in more bytes than it needs")
                require(value < 2**32, "a varint too large")
                return value
        raise Refused("a varint too long")


def read_header(data: bytes) -> Header:
    r = Reader(data)
    first = r.take(1)[0]
    if 0xB1 <= first <= 0xBE:
        last = r.take(1)[0]
        require(1 <= last & 0x7F <= 100, "quality")
        require(len(data) > 2 and crc8(data[:-1]) == data[-1], "the checksum does not match")
        return Header(first & 15, last & 0x7F, "rans", None, last >= 0x80, r.at, small=True)
    general = first != 0xBF
    if general:
        require(first == 0xAE and r.take(2) == b"\xc0\xde", "not an .aec file")
        require(r.take(1) == b"\0", "another version")
    flags, last = r.take(2)
    require(flags & 0x40 == 0, "a reserved bit")
    model: int | bytes = flags & 15
    if model == 0:
        model = r.take(8)
    size = (r.varint() + 1, r.varint() + 1) if flags & 0x10 else None
    if flags & 0x80:
        previous = 0
        while (tag := r.take(1)[0]) != 0:
            require(tag > previous, "sections out of order")
            r.take(r.varint())
            require(tag >= 0x80, "an unknown critical section")
            previous = tag
        require(previous != 0, "sections announced and none there")
    quality = last & 0x7F
    require(1 <= quality <= 102, "quality")
    packing = ("rans", "zstd")[last >> 7]
    require(general == (size is not None and size[0] * size[1] > 4096), "another form")
    require(size is not None or flags & 15 in (0, 15) or packing == "zstd" or flags >= 0x80, "the small form serves")
    return Header(model, quality, packing, size, bool(flags & 0x20), r.at, False)


def crc8(data: bytes) -> int:
    """Section 10: the remainder of the bits times x^8, highest first, divided by x^8 + x^2 + x + 1; exclusive-or 55."""
    register = 0
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register << 1 ^ (0x107 if register & 0x80 else 0)
    return register ^ 0x55


class Picture(NamedTuple):
    height: int
    width: int
    channels: int
    samples: (
        bytes  # row by row, pixel by pixel, channel by channel; two bytes each, little-endian, if they have 16 bits
    )


# 17.1 Lossless planes, 18 Plain pictures ---


def read_planes(data: bytes, height: int, width: int, channels: int, size: int, crc: int = 0) -> list[int]:
    """The samples of `size` bytes each, pixel by pixel; `crc` is what their checksum continues."""
    require(len(data) >= 5, "truncated")
    method, content, check = data[0], data[1:-4], int.from_bytes(data[-4:], "little")
    pixel = channels * size

    def numbers(raw: bytes) -> list[int]:
        return [int.from_bytes(raw[i : i + size], "little") for i in range(0, len(raw), size)]

    require(method <= 4 and (method != 3 or channels >= 3), "method")
    covered = b""
    if method == 0:
        require(len(content) == height * width * pixel, "not the samples of the picture")
        samples = numbers(content)
    elif method == 1:
        require(len(content) == pixel, "not one pixel")
        covered, samples = content, numbers(content) * (height * width)
    elif method == 4:
        require(len(content) > 0, "truncated")
        colours, begin = content[0] + 1, 1 + (content[0] + 1) * pixel
        require(colours >= 2 and begin <= len(content), "palette")
        table = [numbers(content[1 + i * pixel : 1 + (i + 1) * pixel]) for i in range(colours)]
        require(all(a < b for a, b in zip(table, table[1:], strict=False)), "colours that do not rise")
        bits = min(bits for bits in (1, 2, 4, 8) if 2**bits >= colours)
        packed = -(-width * bits // 8)
        rows = differences(content[begin:], height, packed, 1, 1)[0]
        samples = []
        for row in rows:
            digits = "".join(f"{sample:08b}" for sample in row)
            require("1" not in digits[width * bits :], "bits left that are not 0")
            for x in range(width):
                index = int(digits[x * bits : (x + 1) * bits], 2)
                require(index < colours, "an index beyond the palette")
                samples += table[index]
    else:
        planes = differences(content, height, width, channels, size)
        if method == 3:
            for c in (0, 2):
                for row, green in zip(planes[c], planes[1], strict=True):
                    row[:] = [(a + b) % 256**size for a, b in zip(row, green, strict=True)]
        samples = [planes[c][y][x] for y in range(height) for x in range(width) for c in range(channels)]
    covered = covered or b"".join(sample.to_bytes(size, "little") for sample in samples)
    require(zlib.crc32(covered, crc) == check, "the checksum does not match")
    return samples


def differences(frame: bytes, height: int, width: int, channels: int, size: int) -> list[list[list[int]]]:
    """The planes in a frame: channel, row, column."""
    content = unframed(frame)
    require(len(content) == channels * height * (1 + width * size), "not the samples of the picture")
    modulus, at = 256**size, channels * height
    planes = []
    for c in range(channels):
        stored = content[at : at + height * width * size]
        at += len(stored)
        plane = [[0] * width for _ in range(height)]
        for y in range(height):
            predictor = content[c * height + y]
            require(predictor <= 3, "predictor")
            for x in range(width):
                d = stored[y * width + x]
                if size == 2:
                    z = d * 256 + stored[(height + y) * width + x]
                    d = z // 2 if z % 2 == 0 else 2**16 - (z + 1) // 2
                left = plane[y][x - 1] if x else 0
                above = plane[y - 1][x] if y else 0
                corner = plane[y - 1][x - 1] if x and y else 0
                plane[y][x] = (d + (0, left, above, left + above - corner)[predictor]) % modulus
        planes.append(plane)
    return planes


def decode_plain(data: bytes, header: Header) -> Picture:
    require(header.quality == 100 and header.packing == "zstd", "no plain header")
    require(header.size is not None, "no size")
    assert header.size is not None
    width, height = header.size
    channels = 1 if header.variant else 3
    r = Reader(data)
    r.at = header.length
    max_error, wide = divmod(r.varint(), 2)
    top, step = 65535 if wide else 255, 2 * max_error + 1
    require(max_error <= top, "error")
    levels = (top + max_error) // step + 1
    steps = read_planes(data[r.at :], height, width, channels, 2 if levels > 256 else 1, zlib.crc32(data[: r.at]))
    require(max(steps) < levels, "a sample beyond the largest")
    samples = [min(s * step, top) for s in steps]
    return Picture(height, width, channels, b"".join(s.to_bytes(1 + wide, "little") for s in samples))


# 4 Model files ---

DTYPES = {"U8": "|u1 B", "I8": "|i1 b", "U16": "<u2 H", "I16": "<i2 h", "U32": "<u4 I", "I32": "<i4 i"}
DTYPES |= {"I64": "<i8 q", "F16": "<f2 e", "F32": "<f4 f"}
LAYER_KEYS, PASS_KEYS = {"add", "kernel", "leaky", "units"}, {"hi", "lattice", "lo"}
LEAKS = {"leaky5": 5, "leaky8": 8}


class Array(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @property
    def values(self) -> tuple[int, ...]:
        code = DTYPES[self.dtype].split()[1]
        return struct.unpack(f"<{len(self.data) // struct.calcsize(code)}{code}", self.data)


class Layer(NamedTuple):
    kernel: int
    columns: list[tuple[int, ...]]  # weights of one unit, in the order of rows
    bias: tuple[int, ...]
    shift: tuple[int, ...]
    limit: list[int]
    leak: int  # 0: none
    add: int | None


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    require(len({key for key, _ in pairs}) == len(pairs), "a name twice in one JSON object")
    return dict(pairs)


def constant(name: str) -> None:
    raise Refused(f"{name} is no JSON")


def parse_json(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=constant)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise Refused(str(error)) from None


def read_safetensors(data: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    require(len(data) >= 8, "no header")
    length = int.from_bytes(data[:8], "little")
    require(length <= min(2**20, len(data) - 8), "the header does not fit")
    header = parse_json(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    body, place, arrays = data[8 + length :], 0, {}
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        (begin, end), size = entry["data_offsets"], struct.calcsize(DTYPES[entry["dtype"]].split()[1])
        for dimension in entry["shape"]:
            require(type(dimension) is int and dimension >= 0, "shape")
            size *= dimension
        require(begin == place and end - begin == size and end <= len(body), "a hole, an overlap or a wrong size")
        arrays[name] = Array(entry["dtype"], tuple(entry["shape"]), body[begin:end])
        place = end
    require(place == len(body), "bytes of no array")
    return arrays, metadata


def places_of(p: dict[str, Any], rows: int, columns: int) -> list[int]:
    """The blocks that a pass decodes, rising."""
    s, places = p.get("spacing", 1), []
    for b in range(rows * columns):
        y, x = divmod(b, columns)
        if y % s == x % s == 0 and [y // s % 2, x // s % 2] in p["lattice"]:
            places.append(b)
    return places


def check_passes(passes: list[Any], pass_layers: list[Any], channels: int) -> None:
    lo, hi = 0, 0
    missing: set[int] = set()
    for p, layers in zip(passes, pass_layers, strict=True):
        if not missing:
            lo, hi, missing = hi, p["hi"], set(range(16 * 16))  # twice the largest spacing: it repeats from there
        require({v for place in p["lattice"] for v in place} <= {0, 1}, "lattice")
        places = set(places_of(p, 16, 16))
        require((p["lo"], p["hi"]) == (lo, hi) and hi > lo and bool(places) and places <= missing, "passes")
        count = hi - lo
        require(layers[-1]["units"] == 2 * count, "pass_layers")
        require(all(item["kernel"] == 1 for item in layers[1:]), "pass_layers")
        missing -= places
    require(not missing and hi == channels, "passes")


class Model:
    def __init__(self, data: bytes) -> None:
        self.arrays, metadata = read_safetensors(data)
        text = metadata["description"]
        self.description = d = parse_json(text.encode())
        require(json.dumps(d, separators=(",", ":"), sort_keys=True) == text, "a description not in canonical form")
        self.name = metadata["name"]
        self.number = NUMBERS.get(self.name, 0)
        self.tile, self.block, self.channels = d["tile"], d["block"], d["channels"]
        self.vector, self.features, self.cues = d["vector"], d["features"], d["cues"]
        self.drawn = d.get("synthesis_layers")
        self.coefficients = 0 if self.drawn else self.block * self.block * self.channels
        self.first = self.features + self.cues
        self.kinds = self.vector + self.coefficients
        self.used: set[str] = set()
        self.check_description()
        self.step = self.table("step", (100, self.kinds), 1, 32767)
        self.offset = self.table("offset", (100, self.kinds), -255, 255)
        self.vector_class = self.table("vector_class", (self.vector,), -255, 255)
        self.context_exponent = self.table("context_exponent", (self.kinds,), -15, 15)
        self.cue = self.table("cue", (100, self.cues), -1023, 1023)
        self.vector_network = self.network("vector", d["vector_layers"], self.vector + self.cues, None)
        self.seen: list[int] = []  # channels of the plane that a pass sees
        self.unseen: list[int] = []  # channels of the context before those that it sees
        self.pass_networks, self.update_networks = [], []
        decoded = 0
        for index, (p, layers) in enumerate(zip(d["passes"], d["pass_layers"], strict=True)):
            self.seen.append(p["hi"] if p["hi"] == decoded else p["lo"])
            decoded = p["hi"]
            count = p["hi"] - p["lo"]
            limits = [32767] * count + [255] * count
            self.unseen.append(0 if self.vector or any(d["update_layers"][:index]) else self.features)
            given = self.first - self.unseen[-1]
            self.pass_networks.append(self.network(f"pass{index}", layers, given + self.seen[-1], limits))
            update = d["update_layers"][index]
            self.update_networks.append(self.network(f"update{index}", update, given + p["hi"], None))
        n = self.coefficients
        inputs, limits = self.first + n, [32767] * n
        self.correction_network = self.network("correction", d["correction_layers"], inputs, limits)
        inverse = {"kernel": 1, "units": n, "leaky": False, "add": None}
        if self.drawn:
            self.tone = self.table("tone", (2047,), 0, 255)
            self.drawing, inputs = [], self.vector
            for index, item in enumerate(self.drawn):
                limits = [1023] * item["units"]
                self.drawing.append(self.layer(f"synthesis.{index}", item, [1023] * inputs, limits))
                inputs = item["units"] // item["grow"] ** 2
        else:
            self.synthesis = self.layer("synthesis", inverse, [65534] * n, limits)
        self.finish = d.get("finish")
        if self.finish:
            cell, places = self.finish["cell"], self.finish["places"]
            self.place = self.table("finish.place", ((self.block // cell) ** 2, places), -1023, 1023)
            inputs = cell * cell * self.channels + places + self.cues
            self.finish_network = self.network("finish", self.finish["layers"], inputs, None)
            require(min(self.synthesis.shift) >= 2, "synthesis.shift")
        self.tables = Tables(self)
        self.lossless = Lossless(self, d["lossless"]) if "lossless" in d else None
        others = [name for name in self.arrays if name not in self.used and not name.startswith("analysis.")]
        require(not others, f"unknown arrays {others}")

    def check_description(self) -> None:
        d = self.description
        names = "block channels correction_layers cues features pass_layers passes tile update_layers vector"
        drawn = "synthesis_layers" in d
        optional = {"finish", "lossless", "synthesis_layers"}
        require(set(d) - optional == {*names.split(), "vector_layers"}, "description")
        tile, block, vector, features = self.tile, self.block, self.vector, self.features
        integers = [block, self.channels, vector, features, self.cues, *(tile or [])]
        for p in d["passes"]:
            require(set(p) - {"quality_offset", "spacing"} == PASS_KEYS and p.get("spacing", 2) in (2, 4, 8), "pass")
            ahead = p.get("quality_offset", [0] * (p["hi"] - p["lo"]))
            require(len(ahead) == p["hi"] - p["lo"] > 0, "quality_offset")
            require(all(type(v) is int and -99 <= v <= 99 for v in ahead), "quality_offset")
            require(p["lattice"] == sorted(map(list, {*map(tuple, p["lattice"])})), "lattice")
            integers += [p["lo"], p["hi"], p.get("spacing", 1), *(v for place in p["lattice"] for v in place)]
        inner = [item for items in (*d["pass_layers"], *d["update_layers"]) for item in items]
        finishing = d["finish"]["layers"] if "finish" in d else []
        for item in [*d["vector_layers"], *inner, *d["correction_layers"], *finishing]:
            require(set(item) == LAYER_KEYS and type(item["leaky"]) is bool and item["units"] != 0, "layer")
            integers += [item["kernel"], item["units"], 0 if item["add"] is None else item["add"]]
        require(all(type(v) is int and v >= 0 for v in integers), "description: integers")
        require(self.channels in (1, 3) and block in (2, 4, 8, 16), "description: sizes")
        require((tile is None) == (vector == 0), "a vector and its tile")
        require(features or not vector, "a vector without features")
        require(vector or not features or any(d["update_layers"]), "features of nothing")
        if drawn:
            self.check_drawing()
            return
        if tile is None:
            require(not d["vector_layers"], "layers without a vector")
        else:
            require(len(tile) == 2 and all(side >= block and side % block == 0 for side in tile), "tile")
            blocks = tile[0] // block * (tile[1] // block)
            require(d["vector_layers"][-1]["units"] == blocks * features, "vector_layers")
            require(all(item["kernel"] == 1 for item in d["vector_layers"]), "vector_layers")
        check_passes(d["passes"], d["pass_layers"], self.coefficients)
        updates = d["update_layers"]
        require(len(updates) == len(d["passes"]) and not updates[-1], "update_layers")
        require(all(items[-1]["units"] == features for items in updates if items), "update_layers")
        require(d["correction_layers"][-1]["units"] == self.coefficients, "correction_layers")
        if "finish" in d:
            finish = d["finish"]
            require(set(finish) == {"cell", "layers", "places"} and type(finish["places"]) is int, "finish")
            require(finish["cell"] in (1, 2, 4, 8) and block % finish["cell"] == 0 <= finish["places"], "finish")
            require(finish["layers"] and finish["layers"][-1]["units"] == finish["cell"] ** 2 * self.channels, "finish")

    def check_drawing(self) -> None:
        d = self.description
        empty = ("passes", "pass_layers", "update_layers", "vector_layers", "correction_layers")
        require(d["synthesis_layers"] and not any(d[key] for key in empty) and self.cues == 0, "synthesis_layers")
        require("finish" not in d, "finish")
        require(self.tile is not None and self.features == self.vector, "synthesis_layers")
        require(all(side >= self.block and side % self.block == 0 for side in self.tile), "tile")
        height = width = 1
        for item in d["synthesis_layers"]:
            require(set(item) == {"activation", "crop", "grow", "kernel", "units"}, "synthesis layer")
            numbers = [item[key] for key in ("crop", "grow", "kernel", "units")]
            require(all(type(v) is int and v >= 0 for v in numbers), "synthesis layer")
            require(item["activation"] in ("none", "relu", *LEAKS), "synthesis layer")
            grow, units = item["grow"], item["units"]
            require(1 <= grow <= 16 and units >= 1 and units % grow**2 == 0, "synthesis layer")
            height, width = height * grow, width * grow
            require(height <= 2 * self.tile[0] and width <= 2 * self.tile[1], "synthesis layer")
            height, width = height - 2 * item["crop"], width - 2 * item["crop"]
            require(height >= 1 and width >= 1, "synthesis layer")
        require([height, width, units // grow**2] == [*self.tile, self.channels], "synthesis layers")

    def table(self, name: str, shape: tuple[int, ...], low: int, high: int) -> tuple[int, ...]:
        require(name in self.arrays, f"no array {name}")
        array = self.arrays[name]
        require(array.dtype[0] in "UI" and array.shape == shape, f"array {name}")
        require(all(low <= v <= high for v in array.values), f"a value of array {name}")
        self.used.add(name)
        return array.values

    def network(self, prefix: str, items: list[Any], inputs: int, limits: list[int] | None) -> list[Layer]:
        layers: list[Layer] = []
        incoming = [1023] * inputs
        for index, item in enumerate(items):
            last = limits is not None and index == len(items) - 1
            limit = limits if last and limits is not None else [1023] * item["units"]
            layers.append(self.layer(f"{prefix}.{index}", item, incoming, limit))
            add = item["add"]
            require(add is None or add < index and len(layers[add].bias) == item["units"], "add")
            incoming = limit
        return layers

    def layer(self, name: str, item: dict[str, Any], incoming: list[int], limit: list[int]) -> Layer:
        units, kernel = item["units"], item["kernel"]
        require(kernel in (1, 3), "kernel")
        rows = kernel * kernel * len(incoming)
        weight = self.table(f"{name}.weight", (rows, units), -(2**53), 2**53)
        columns = [weight[unit::units] for unit in range(units)]
        bias = self.table(f"{name}.bias", (units,), -(2**53), 2**53)
        shift = self.table(f"{name}.shift", (units,), 0, 30)
        largest = incoming * (kernel * kernel)
        for column, b in zip(columns, bias, strict=True):
            require(abs(b) + sum(map(mul, map(abs, column), largest)) < 2**53, f"the bound of {name}")
        leak = LEAKS.get(item["activation"], 0) if "activation" in item else 8 * item["leaky"]
        return Layer(kernel, columns, bias, shift, limit, leak, item.get("add"))

    def id(self) -> bytes:
        digest = hashlib.sha256(json.dumps(self.description, separators=(",", ":"), sort_keys=True).encode())
        for name in sorted(self.used):
            array = self.arrays[name]
            inner = ", ".join(map(str, array.shape)) + ("," if len(array.shape) == 1 else "")
            digest.update(f"\n{name} {DTYPES[array.dtype].split()[0]} ({inner})\n".encode() + array.data)
        return digest.digest()[:8]


# 5 Networks ---

Grid = list[list[int]]  # channels of every block, in raster order


def run(layers: Sequence[Layer], grid: Grid, rows: int, columns: int, positions: Sequence[int]) -> Grid:
    outputs: list[Grid] = []
    for index, layer in enumerate(layers):
        if layer.kernel == 3:
            nothing = [0] * len(grid[0])
            vectors = []
            for position in positions:
                y, x = divmod(position, columns)
                patch: list[int] = []
                for v in (y - 1, y, y + 1):
                    for u in (x - 1, x, x + 1):
                        patch += grid[v * columns + u] if 0 <= v < rows and 0 <= u < columns else nothing
                vectors.append(patch)
        else:
            vectors = [grid[p] for p in positions] if index == 0 else grid
        grid = []
        for place, vector in enumerate(vectors):
            output = []
            units = zip(layer.columns, layer.bias, layer.shift, layer.limit, strict=True)
            for unit, (column, bias, shift, limit) in enumerate(units):
                value = (sum(map(mul, column, vector)) + bias) >> shift
                if layer.add is not None:
                    value += outputs[layer.add][place][unit]
                if layer.leak:
                    value = max(value, value // layer.leak)
                output.append(clamp(value, -limit, limit))
            grid.append(output)
        outputs.append(grid)
    return grid


# 7 Tables and events ---


class Tables:
    def __init__(self, model: Model, prefix: str = "", skipped: int = 64) -> None:
        self.extents = model.table(f"{prefix}tables.extents", (64,), 0, 63)
        self.shifts = model.table(f"{prefix}tables.shifts", (64,), 0, 15)
        (self.skip,) = model.table(f"{prefix}tables.skip", (1,), 0, skipped)
        total = sum(2 * extent + 2 for extent in self.extents)
        frequencies = model.table(f"{prefix}tables.frequencies", (total,), 1, 4096)
        self.frequencies: list[tuple[int, ...]] = []
        for extent in self.extents:
            begin = sum(map(len, self.frequencies))
            self.frequencies.append(frequencies[begin : begin + 2 * extent + 2])
            require(sum(self.frequencies[-1]) == 4096, "frequencies of a class")
        self.frequencies += [(4096 >> n,) * (1 << n) for n in range(8)]  # kind 64 + n
        self.made: dict[int, list[tuple[int, int]]] = {}

    def slots(self, kind: int) -> list[tuple[int, int]]:
        """Section 8: the value and the rank of each slot of a kind."""
        if kind not in self.made:
            pairs = [(value, rank) for value, f in enumerate(self.frequencies[kind]) for rank in range(f)]
            pairs.sort(key=lambda pair: ((4 * pair[1] + 1) * 2**24 // self.frequencies[kind][pair[0]], pair[0]))
            self.made[kind] = pairs
        return self.made[kind]


# 19.1 Model files with a lossless stage ---


def window_of(reach: int) -> list[tuple[int, int]]:
    rows = [(-y, x) for y in range(1, reach + 1) for x in range(-reach, min(reach, 2 * y - 1) + 1)]
    return [(0, -x) for x in range(1, reach + 1)] + rows


class Lossless:
    def __init__(self, model: Model, shape: dict[str, Any]) -> None:
        require(set(shape) == {"heads", "linear_reach", "order", "reach", "trunk"}, "lossless")
        self.order, trunk, heads = shape["order"], shape["trunk"], shape["heads"]
        integers = [shape["reach"], shape["linear_reach"], *self.order]
        for item in [*trunk, *(item for items in heads for item in items)]:
            require(set(item) == LAYER_KEYS and type(item["leaky"]) is bool and item["units"] != 0, "layer")
            require(item["kernel"] == 1, "a kernel of the lossless stage")
            integers += [item["kernel"], item["units"], 0 if item["add"] is None else item["add"]]
        require(all(type(v) is int and v >= 0 for v in integers), "lossless: integers")
        require(
            sorted(self.order) == list(range(model.channels)) and len(heads) == model.channels, "lossless: channels"
        )
        require(2 <= shape["linear_reach"] <= shape["reach"] <= 4 and trunk, "lossless: windows")
        self.window, self.linear_window = window_of(shape["reach"]), window_of(shape["linear_reach"])
        taps = (len(self.linear_window) + 1) * model.channels
        self.linear = model.table("lossless.linear", (taps, model.channels), -128, 127)
        self.offset = model.table("lossless.offset", (256,), -255, 255)
        self.tables = Tables(model, "lossless.", 0)
        inputs = (len(self.window) + 7) * model.channels + 5 + (2 if model.tile else 0)
        self.trunk = model.network("lossless.trunk", trunk, inputs, None)
        self.heads = []
        for c, layers in enumerate(heads):
            require(layers and layers[-1]["units"] == 2 + c, "lossless: outputs")
            inputs = trunk[-1]["units"] + 1 + 2 * c
            self.heads.append(model.network(f"lossless.head{c}", layers, inputs, [1023, 255] + [255] * c))


Events = Callable[[list[int]], list[int]]  # kinds of a round's events -> their values


def decode_pass(tables: Tables, classes: Sequence[int], events: Events) -> list[int]:
    residuals = [0] * len(classes)
    coded = [i for i, c in enumerate(classes) if c >= tables.skip]
    high = {}
    escaped = []
    for i, symbol in zip(coded, events([classes[i] for i in coded]), strict=True):
        extent = tables.extents[classes[i]]
        if symbol == 2 * extent + 1:
            escaped.append(i)
        else:
            high[i] = symbol - extent

    def raw(wanted: dict[int, int]) -> dict[int, int]:
        """So many raw bits of each element, as numbers."""
        found = dict.fromkeys(wanted, 0)
        left = {i: bits for i, bits in wanted.items() if bits}
        while left:
            cuts = {i: min(bits, 7) for i, bits in left.items()}
            for i, value in zip(cuts, events([64 + cut for cut in cuts.values()]), strict=True):
                found[i] = found[i] << cuts[i] | value
            left = {i: bits - cuts[i] for i, bits in left.items() if bits > cuts[i]}
        return found

    signs = raw(dict.fromkeys(escaped, 1))
    k = dict.fromkeys(escaped, 0)
    going = escaped
    for _ in range(20):
        more = raw(dict.fromkeys(going, 1))
        going = [i for i in going if more[i]]
        for i in going:
            k[i] += 1
    for i, below in raw(k).items():
        magnitude = tables.extents[classes[i]] + (1 << k[i]) + below
        high[i] = -magnitude if signs[i] else magnitude
    low = raw({i: tables.shifts[classes[i]] for i in coded})
    for i in coded:
        residuals[i] = (high[i] << tables.shifts[classes[i]]) + low[i]
        require(abs(residuals[i]) <= 2**20, "a residual out of range")
    return residuals


# 8 rANS ---


class Rans:
    def __init__(self, tables: Tables, payload: bytes, elements: int, log: Log, lanes: int | None = None) -> None:
        self.tables, self.payload, self.log = tables, payload, log
        self.lanes = lanes or min(1024, max(1, elements // 12000))
        self.at = min(3 * self.lanes, len(payload))
        if self.lanes == 1:
            require(payload[:1] != b"\0", "a first byte of zero")
            self.states = [int.from_bytes(payload[: self.at], "big")]
        else:
            require(self.at == 3 * self.lanes, "truncated")
            self.states = [int.from_bytes(payload[i : i + 3], "big") for i in range(0, self.at, 3)]
            require(min(self.states) >= 2**16, "a first state too small")
        log.start, log.lanes = self.states[0], self.lanes

    def take_bits(self) -> int:
        """Section 10: the four bits of the small form."""
        self.states[0], bits = divmod(self.states[0], 16)
        self.log.start = self.states[0]
        return bits

    def refill(self) -> bytes:
        begin = self.at
        for lane in range(self.lanes):
            while self.states[lane] < 2**16 and self.at < len(self.payload):
                self.states[lane] = self.states[lane] * 256 + self.payload[self.at]
                self.at += 1
        return self.payload[begin : self.at]

    def events(self, kinds: list[int]) -> list[int]:
        values = []
        for index, kind in enumerate(kinds):
            lane = index % self.lanes
            before = self.states[lane]
            taken = self.refill() if lane == 0 else b""
            x = self.states[lane]
            s = x % 4096
            value, rank = self.tables.slots(kind)[s]
            f = self.tables.frequencies[kind][value]
            self.states[lane] = f * (x // 4096) + rank
            values.append(value)
            self.log.events.append(Event(kind, before, taken, x, s, value, f, rank, self.states[lane]))
        return values

    def finish(self, crc: int) -> None:
        self.log.last_taken = self.refill()
        self.log.end = self.states[0]
        require(self.at == len(self.payload), "bytes are left")
        start = 2**16 if self.lanes > 1 else 0
        expected = [start + ((crc ^ crc >> 16) & 0xFFFF)] + [start] * (self.lanes - 1)
        require(self.states == expected, "truncated, or the checksum does not match")


# 9 zstd ---

ONES = (2048, 1825, 1625, 1448, 1024, 645, 287, 128, 2)
THRESHOLDS = (1877, 1718, 1558, 1244, 834, 523, 191, 93)


def dictionary(ones: int) -> list[tuple[int, ...]]:
    heap: list[tuple[int, int, tuple[int, ...]]] = [(-(2**48), 0, ())]
    made = 1
    while len(heap) < 256:
        weight, _, phrase = heapq.heappop(heap)
        one = -weight * ones // 4096
        for decision, share in ((0, -weight - one), (1, one)):
            heapq.heappush(heap, (-share, made, (*phrase, decision)))
            made += 1
    return [phrase for _, _, phrase in sorted(heap)]


class Node(NamedTuple):
    group: int
    branches: tuple[Any, Any]  # for 0 and 1: a Node, or a value


def tree(frequencies: Sequence[int]) -> Node:
    heap: list[tuple[int, int, Any]] = [(f, value, value) for value, f in enumerate(frequencies)]
    heapq.heapify(heap)
    made = len(heap)
    while len(heap) > 1:
        w1, _, one = heapq.heappop(heap)
        w0, _, zero = heapq.heappop(heap)
        group = sum(4096 * w1 < t * (w1 + w0) for t in THRESHOLDS)
        heapq.heappush(heap, (w1 + w0, made, Node(group, (zero, one))))
        made += 1
    node: Node = heap[0][2]
    return node


def unframed(frame: bytes) -> bytes:
    import zstandard

    require(frame[:1] == b"\0" and frame[1:2] <= b"\x50", "the header of the frame")
    reader = zstandard.ZstdDecompressor(format=zstandard.FORMAT_ZSTD1_MAGICLESS).decompressobj()
    try:
        content = reader.decompress(frame)
    except zstandard.ZstdError as error:
        raise Refused(str(error)) from None
    require(reader.eof and not reader.unused_data, "the frame ends early, or bytes follow it")
    return content


class Zstd:
    def __init__(self, tables: Tables, payload: bytes, elements: int, log: Log, lanes: int | None = None) -> None:
        require(len(payload) >= 4, "truncated")
        self.check = int.from_bytes(payload[-4:], "little")
        self.body = unframed(payload[:-4])
        require(len(self.body) <= 74 * elements, "more than the elements can need")
        self.log, log.body = log, self.body
        self.trees = [tree(f) for f in tables.frequencies]
        self.dictionaries = [dictionary(ones) for ones in ONES]
        self.at = 0
        self.left: list[list[int]] = [[] for _ in ONES]
        self.last = [0] * len(ONES)

    def events(self, kinds: list[int]) -> list[int]:
        nodes: list[Any] = [self.trees[kind] for kind in kinds]
        while any(isinstance(node, Node) for node in nodes):
            level = list(enumerate(nodes))
            self.log.levels.append([])
            for group in range(len(ONES)):
                mine = [i for i, node in level if isinstance(node, Node) and node.group == group]
                held, begin = self.left[group], self.at
                while len(held) < len(mine):
                    require(self.at < len(self.body), "truncated")
                    self.last[group] = self.body[self.at]
                    held += self.dictionaries[group][self.body[self.at]]
                    self.at += 1
                for i, decision in zip(mine, held, strict=False):
                    nodes[i] = nodes[i].branches[decision]
                del held[: len(mine)]
                if mine:
                    self.log.levels[-1].append((group, len(mine), self.body[begin : self.at]))
        return nodes

    def finish(self, crc: int) -> None:
        require(self.at == len(self.body), "bytes are left")
        require(self.check == crc, "the checksum does not match")
        for group, left in enumerate(self.left):
            if left:
                phrases = self.dictionaries[group]
                needed = phrases[self.last[group]][: -len(left)]
                lowest = min(i for i, phrase in enumerate(phrases) if phrase[: len(needed)] == needed)
                require(self.last[group] == lowest, "the last byte of a group is not the lowest")


# 10 Checksum ---


class Payload:
    """A payload, read pass by pass; crc: of what the checksum covers before the residuals; small: of the small form."""

    def __init__(
        self, packing: str, tables: Tables, payload: bytes, elements: int, crc: int = 0, small: bool = False
    ) -> None:
        self.packing, self.tables, self.payload, self.elements, self.crc = packing, tables, payload, elements, crc
        self.small, self.bits = small, 0
        self.decoder: Rans | Zstd

    def open(self, log: Log, lanes: int | None = None) -> None:
        kind = Rans if self.packing == "rans" else Zstd
        self.decoder = kind(self.tables, self.payload, self.elements, log, lanes)
        if self.small and isinstance(self.decoder, Rans):
            self.bits = self.decoder.take_bits()

    def read(self, classes: Sequence[int]) -> list[int]:
        residuals = decode_pass(self.tables, classes, self.decoder.events)
        self.crc = zlib.crc32(struct.pack(f"<{len(residuals)}i", *residuals), self.crc)
        return residuals

    def finish(self) -> None:
        self.decoder.finish(0 if self.small else self.crc)
        require(not self.small or self.bits == self.crc % 16, "the four bits do not match")


class Joined(NamedTuple):
    """One picture of several that share a payload (section 20): its quality, and where its residuals come from.

    samples: those of a lossless or near-lossless picture are added to it, in the order of coding.
    """

    quality: int
    read: Callable[[Sequence[int]], list[int]]
    samples: bytearray


# 6 The ladder, 3 tiles, and the whole way ---


class Event(NamedTuple):
    kind: int
    before: int
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
    first_event: int


class Log:
    """What happened on the way, for the worked example."""

    def __init__(self) -> None:
        self.header: Header
        self.events: list[Event] = []
        self.stages: list[Stage] = []
        self.known: list[list[int]] = []  # inputs of the vector network, tile after tile
        self.features: list[Grid] = []  # the first ones, and those of every update
        self.context: Grid = []
        self.plane: Grid = []
        self.correction: Grid = []
        self.start = self.end = self.crc_header = self.crc = 0
        self.last_taken = self.body = b""
        self.lanes = 1
        self.levels: list[list[tuple[int, int, bytes]]] = []  # zstd: (group, decisions, bytes taken)


def finish(model: Model, fine: Grid, cue: list[int], rows: int, columns: int) -> Grid:
    """The samples of every block, finished: section 6.8."""
    cell, places = model.finish["cell"], model.finish["places"]
    side = model.block // cell  # cells of a block in one direction
    width = columns * side
    owners: Grid = []  # for each cell: its block, then the numbers of its samples in that block
    grid: Grid = []
    for place in range(rows * side * width):
        y, x = divmod(place, width)
        block, (py, px) = y // side * columns + x // side, (y % side, x % side)
        numbers = [
            ((py * cell + dy) * model.block + px * cell + dx) * model.channels + c
            for dy in range(cell)
            for dx in range(cell)
            for c in range(model.channels)
        ]
        owners.append([block, *numbers])
        row = py * side + px
        own = [clamp(fine[block][u], 0, 1023) - 512 for u in numbers]
        grid.append([*own, *model.place[row * places : (row + 1) * places], *cue])
    added = run(model.finish_network, grid, rows * side, width, range(len(grid)))
    finished: Grid = [[0] * len(fine[0]) for _ in fine]
    for (block, *numbers), changes in zip(owners, added, strict=True):
        for u, change in zip(numbers, changes, strict=True):
            finished[block][u] = (clamp(fine[block][u], 0, 1023) + change) >> 2
    return finished


def draw(model: Model, vector: list[int]) -> Grid:
    """The pixels of a tile, row by row: section 6.7."""
    grid, height, width = [vector], 1, 1
    for item, layer in zip(model.drawn, model.drawing, strict=True):
        sums = run([layer], grid, height, width, range(height * width))
        grow, crop, n = item["grow"], item["crop"], item["units"] // item["grow"] ** 2
        rows, columns = range(crop, height * grow - crop), range(crop, width * grow - crop)
        grid = []
        for y in rows:
            for x in columns:
                unit = (y % grow * grow + x % grow) * n
                found = sums[y // grow * width + x // grow][unit : unit + n]
                grid.append([max(v, 0) for v in found] if item["activation"] == "relu" else found)
        height, width = len(rows), len(columns)
    return [[model.tone[v + 1023] for v in pixel] for pixel in grid]


def decode(
    data: bytes, models: Mapping[int | bytes, Model], log: Log | None = None, joined: Joined | None = None
) -> Picture:
    log = log or Log()
    log.header = header = read_header(data)
    if joined:
        header = header._replace(quality=joined.quality)
    if header.model == 15:
        return decode_plain(data, header)
    require(header.model in models, "unknown model")
    model = models[header.model]
    require(not (isinstance(header.model, bytes) and model.number), "a numbered model named by its id")
    if header.size is not None:
        width, height = header.size
        require([height, width] != model.tile, "a size that goes without saying")
    else:
        require(model.tile is not None, "no size")
        height, width = model.tile

    if header.quality > 100:
        return decode_samples(data, header, model, (height, width), joined)
    block = model.block
    unit_height, unit_width = model.tile or (block, block)
    down, across = -(-height // unit_height), -(-width // unit_width)
    rows, columns = down * unit_height // block, across * unit_width // block
    tiles = down * across if model.tile else 0
    elements = tiles * model.vector + rows * columns * model.coefficients
    log.crc_header = crc = zlib.crc32(data[: header.length])
    end = -1 if header.small else None
    payload = Payload(header.packing, model.tables, data[header.length : end], elements, crc, header.small)
    if not joined:
        payload.open(log)
    read = joined.read if joined else payload.read

    q = header.quality - 1
    cue = list(model.cue[q * model.cues : (q + 1) * model.cues])

    def stage(means: list[int], classes: list[int], kinds: Sequence[int], ahead: Sequence[int]) -> list[int]:
        """Decode one pass; `kinds` and their quality offsets `ahead` repeat."""
        repeat = len(means) // len(kinds) if means else 0
        entries = [clamp(q + more, 0, 99) * model.kinds + k for k, more in zip(kinds, ahead, strict=True)]
        offsets = [model.offset[entry] for entry in entries] * repeat
        classes = [clamp(c + o, 0, 63) for c, o in zip(classes, offsets, strict=True)]
        first_event = len(log.events)
        residuals = read(classes)
        steps = [model.step[entry] for entry in entries] * repeat
        found = [clamp(m + r * s, -32767, 32767) for m, r, s in zip(means, residuals, steps, strict=True)]
        log.stages.append(Stage(means, classes, steps, residuals, found, first_event))
        return found

    def activation(value: int, kind: int) -> int:
        e = model.context_exponent[kind]
        scaled = value << e if e >= 0 else (value + (1 << -e - 1)) >> -e
        return clamp(scaled, -1023, 1023)

    blocks = range(rows * columns)
    context: Grid = [[0] * model.features + cue + [0] * model.coefficients for _ in blocks]

    def replace_features(made: Grid) -> None:
        for b in blocks:
            context[b][: model.features] = made[b]
        log.features.append(made)

    if tiles:
        kinds, none = range(model.vector), [0] * model.vector
        vectors = stage([0] * (tiles * model.vector), list(model.vector_class) * tiles, kinds, none)
        tile_rows, tile_columns = unit_height // block, unit_width // block
        made: Grid = [[] for _ in blocks]
        for t in range(tiles):
            vector = vectors[t * model.vector : (t + 1) * model.vector]
            known = [activation(v, k) for k, v in enumerate(vector)] + cue
            log.known.append(known)
            (output,) = (
                run(model.vector_network, [known], 1, 1, [0]) if not model.drawn else [known * tile_rows * tile_columns]
            )
            corner = t // across * tile_rows * columns + t % across * tile_columns
            for i in range(tile_rows * tile_columns):
                b = corner + i // tile_columns * columns + i % tile_columns
                made[b] = output[i * model.features : (i + 1) * model.features]
        replace_features(made)
    plane: Grid = [[0] * model.coefficients for _ in blocks]
    for index, p in enumerate(model.description["passes"]):
        lo, hi = p["lo"], p["hi"]
        positions, spacing, unseen = places_of(p, rows, columns), p.get("spacing", 1), model.unseen[index]
        means: list[int] = []
        classes: list[int] = []
        near = [b for b in blocks if b // columns % spacing == b % columns % spacing == 0]
        seen = [context[b][unseen : model.first + model.seen[index]] for b in near]
        size = -(-rows // spacing), -(-columns // spacing)
        for output in run(model.pass_networks[index], seen, *size, [near.index(b) for b in positions]):
            means += output[: hi - lo]
            classes += output[hi - lo :]
        ahead = p.get("quality_offset", [0] * (hi - lo))
        found = iter(stage(means, classes, range(model.vector + lo, model.vector + hi), ahead))
        for position in positions:
            for channel in range(lo, hi):
                value = next(found)
                plane[position][channel] = value
                context[position][model.first + channel] = activation(value, model.vector + channel)
        if model.update_networks[index]:
            seen = [channels[unseen : model.first + hi] for channels in context]
            replace_features(run(model.update_networks[index], seen, rows, columns, blocks))
    if not joined:
        log.crc = payload.crc
        payload.finish()

    canvas_width = columns * block
    canvas = bytearray(rows * block * canvas_width * model.channels)
    if model.drawn:
        for t in range(tiles):
            top, left = t // across * unit_height, t % across * unit_width
            for index, pixel in enumerate(draw(model, context[top // block * columns + left // block])):
                place = (top + index // unit_width) * canvas_width + left + index % unit_width
                canvas[place * model.channels : (place + 1) * model.channels] = bytes(pixel)
    else:
        correction = run(model.correction_network, context, rows, columns, blocks)
        log.context, log.plane, log.correction = context, plane, correction
        inverse = model.synthesis
        if model.finish:
            inverse = inverse._replace(shift=tuple(s - 2 for s in inverse.shift))
        fine: Grid = []
        for b in blocks:
            total = [value + change for value, change in zip(plane[b], correction[b], strict=True)]
            fine += run([inverse], [total], 1, 1, [0])
        for b, samples in enumerate(finish(model, fine, cue, rows, columns) if model.finish else fine):
            top, left = b // columns * block, b % columns * block
            for index, sample in enumerate(samples):
                y, rest = divmod(index, block * model.channels)
                canvas[((top + y) * canvas_width + left) * model.channels + rest] = clamp(sample, 0, 255)
    pixels = bytearray()
    for y in range(height):
        begin = y * canvas_width * model.channels
        pixels += canvas[begin : begin + width * model.channels]
    channels = model.channels
    if header.variant and channels == 3:
        pixels, channels = pixels[1::3], 1
    elif header.variant:
        pixels = bytearray(255 - sample for sample in pixels)
    return Picture(height, width, channels, bytes(pixels))


# 19 Lossless and near-lossless files (of pictures of a single panel) ---

NEAR = ((0, -1), (-1, 0), (-1, 1), (-1, -1), (0, -2), (-2, 0))


def decode_samples(data: bytes, header: Header, model: Model, size: tuple[int, int], joined: Joined | None) -> Picture:
    (height, width), channels = size, model.channels
    stage, packed = model.lossless, data[header.length : -1 if header.small else None]
    require(stage is not None and header.packing == "rans", "a lossless file that cannot be decoded")
    assert stage is not None
    n = 0
    if header.quality == 102:
        require(packed[:1] > b"\0", "no largest error")
        n, packed = packed[0], packed[1:]
    coded = 1 if header.variant and channels == 3 else channels
    payload = Payload("rans", stage.tables, packed, height * width * coded, small=header.small)
    if not joined:
        payload.open(Log())
    read = joined.read if joined else payload.read
    value: dict[tuple[int, int, int], int] = {}  # (y, x, channel in the order of coding)
    error: dict[tuple[int, int, int], int] = {}

    def base_of(y: int, x: int, c: int) -> int:
        left, above, corner = (value.get((y + dy, x + dx, c)) for dy, dx in ((0, -1), (-1, 0), (-1, -1)))
        if left is None or above is None or corner is None:
            return left if left is not None else above if above is not None else 128
        return sorted((left, above, left + above - corner))[1]

    for t in range(width + 2 * height - 2):
        pixels = [(y, t - 2 * y) for y in range(height) if 0 <= t - 2 * y < width]
        known = []
        for y, x in pixels:
            base = [base_of(y, x, c) for c in range(channels)]
            window = {
                (dy, dx, c): value.get((y + dy, x + dx, c), base[c]) - base[c]
                for dy, dx in stage.window
                for c in range(channels)
            }
            off = [error.get((y + dy, x + dx, c), 0) for dy, dx in NEAR for c in range(channels)]
            level = min(9, (sum(map(abs, off)) // (3 * channels) + 1).bit_length() - 1)
            row = [d * 128 >> level for d in window.values()] + [e * 64 >> level for e in off]
            row += [2 * b - 256 for b in base] + [32 * min(d, 3) for d in (x, y, width - 1 - x)]
            row += [32 * level - 96, 64 * n.bit_length()]
            if model.tile:
                row += [8 * (y % model.tile[0] - model.tile[0] // 2), 8 * (x % model.tile[1] - model.tile[1] // 2)]
            (hidden,) = run(stage.trunk, [[clamp(v, -1023, 1023) for v in row]], 1, 1, [0])
            near = [window[dy, dx, c] for dy, dx in stage.linear_window for c in range(channels)]
            known.append((base, level, hidden, near))
        for c in range(coded):
            linear, means, classes = [], [], []
            for (y, x), (base, level, hidden, near) in zip(pixels, known, strict=True):
                weights = stage.linear[c::channels]
                regressors = near + [value[y, x, k] - base[k] for k in range(c)]
                linear.append(clamp(4 * base[c] + (sum(map(mul, regressors, weights)) + 8 >> 4), 0, 1020))
                row = [(linear[-1] - 4 * base[c]) * 32 >> level]
                for k in range(c):
                    row += [error[y, x, k] * 64 >> level, error[y, x, k] * 32]
                (out,) = run(stage.heads[c], [[*hidden, *(clamp(v, -1023, 1023) for v in row)]], 1, 1, [0])
                added = out[0] * 2 ** (level + 1) + sum(out[2 + k] * error[y, x, k] for k in range(c))
                means.append(clamp(linear[-1] + (added >> 6), 0, 1020))
                scale = clamp(out[1] + 3 * level + stage.offset[n], 0, 31)
                classes.append(2 * scale + (means[-1] % 4 in (1, 2) if n == 0 else 0))
            residuals = read(classes)
            for (y, x), predicted, mean, residual in zip(pixels, linear, means, residuals, strict=True):
                centre, sign = (mean + 2) // 4, -1 if mean % 4 >= 2 else 1
                down, up = (centre + n) // (2 * n + 1), (255 - centre + n) // (2 * n + 1)
                low, high = (up, down) if sign < 0 else (down, up)
                room, steps = min(low, high), residual
                if abs(residual) > room:
                    steps = 2 * residual - room - 1 if residual > 0 else -2 * residual - room
                    steps = steps if high > low else -steps
                found = clamp(centre + sign * steps * (2 * n + 1), 0, 255)
                for k in [c] if coded == channels else range(channels):
                    value[y, x, k], error[y, x, k] = found, 4 * found - predicted
    ordered = bytes(value[y, x, c] for y in range(height) for x in range(width) for c in range(coded))
    if joined:
        joined.samples.extend(ordered)
    else:
        payload.crc = zlib.crc32(ordered, zlib.crc32(data[: header.length]))
        payload.finish()
    made = bytearray()
    for y in range(height):
        for x in range(width):
            pixel = [value[y, x, stage.order.index(c)] for c in range(channels)]
            made += bytes(pixel[:1] if coded < channels else pixel)
    if header.variant and channels == 1:
        made = bytearray(255 - sample for sample in made)
    return Picture(height, width, coded, bytes(made))
