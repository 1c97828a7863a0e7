"""The model files of the suite that a decoder has to refuse, each with a file that asks for it by its id.

But for the reason the model is whole, and so is the file: a decoder that leaves out the check decodes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from aecodec.conformance.tiny_models import planeless_description
from aecodec.conformance.writer import write_lossy
from aecodec.encoding.candidates import header_with
from aecodec.models import safetensors
from aecodec.models.description import (
    CHECKERBOARD,
    Description,
    Finish,
    Layer,
    Lossless,
    Pass,
    SynthesisLayer,
)
from aecodec.models.model import load, table_arrays
from aecodec.models.safetensors import Arrays
from aecodec.packing.tables import CLASSES, TOTAL, Tables
from conformance.invalid_files import Case, Cases
from conformance.valid_files import tiny_model, typical

FAILURE = "invalid model file"
LAYER = {"add": None, "kernel": 1, "leaky": False, "units": 4}
Changed = Iterator[tuple[str, str, bytes]]
"""Name, reason, model file."""


def small_ladder(**more: Any) -> Description:
    """A ladder of as few arrays as can be, because a hundred files have them."""
    places = tuple(sorted(place for lattice in CHECKERBOARD for place in lattice))
    return Description(
        tile=(4, 6),
        channels=1,
        block=2,
        vector=1,
        features=1,
        cues=1,
        passes=(Pass(0, 1, places, quality_offset=(9,)), *(Pass(1, 4, lattice) for lattice in CHECKERBOARD)),
        vector_layers=(Layer(1, 6),),
        pass_layers=((Layer(3, 3), Layer(1, 2)), (Layer(1, 6),), (Layer(1, 6),)),
        update_layers=((Layer(1, 1),), (), ()),
        correction_layers=(Layer(3, 3, leaky=True), Layer(1, 4)),
        **more,
    )


def small_file(d: Description) -> bytes:
    """A model file of this description, with tables of two values for each class."""
    arrays, metadata = safetensors.load(tiny_model("base-1", d))
    extents = np.zeros(CLASSES, np.int64)
    shifts = np.minimum(np.arange(CLASSES) // 5, 15)
    for prefix in ("tables", "lossless.tables") if d.lossless else ("tables",):
        made = Tables(extents, shifts, 0, np.tile([TOTAL - 96, 96], CLASSES))
        arrays = arrays | table_arrays(made, prefix)
    arrays["offset"] = (arrays["offset"] // 2).astype(np.int8)
    return safetensors.dump(arrays, metadata)


LADDER = small_file(small_ladder())
FINISHED = small_file(small_ladder(finish=Finish(2, 1, (Layer(1, 4),))))
LOSSLESS = small_file(small_ladder(lossless=Lossless((0,), 3, 2, (Layer(1, 2),), ((Layer(1, 2),),))))
GRID = small_file(replace(small_ladder(), tile=None, vector=0, features=0, vector_layers=(), update_layers=((),) * 3))
PLANELESS = small_file(
    replace(
        planeless_description(),
        tile=(4, 4),
        vector=1,
        features=1,
        synthesis_layers=(
            SynthesisLayer(1, 18, "leaky5", grow=3),
            SynthesisLayer(3, 4, "relu", grow=2),
            SynthesisLayer(3, 1, crop=1),
        ),
    )
)


def all_files() -> Cases:
    """All of them."""
    for base, changed in (
        (LADDER, of_file(LADDER)),
        (LADDER, of_description()),
        (LADDER, of_arrays()),
        (GRID, of_grid()),
        (FINISHED, of_finish()),
        (LOSSLESS, of_lossless_stage()),
        (PLANELESS, of_planeless()),
    ):
        for name, reason, model in changed:
            yield Case(f"model-{name}", asking(base, model), FAILURE, reason, model)


def asking(base: bytes, model: bytes) -> bytes:
    """A file that is coded with the base, and asks for the changed model by what its id would be."""
    known = load(base)
    header = replace(header_with(known, (5, 7), 60), model_id=id_of(model, known.id))
    return write_lossy(known, header, typical(known.tables, 31))


def id_of(model: bytes, otherwise: bytes) -> bytes:
    """The id of a model file that need not be valid, or another one if it cannot be parsed."""
    try:
        arrays, metadata = safetensors.load(model)
        digest = hashlib.sha256(metadata["description"].encode())
    except Exception:  # whatever is wrong with it
        return otherwise
    for name in sorted(arrays):
        if not name.startswith("analysis."):
            digest.update(f"\n{name} {arrays[name].dtype.str} {arrays[name].shape}\n".encode())
            digest.update(arrays[name].tobytes())
    return digest.digest()[:8]


# The layout of the file ---


def parts(model: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON object of a model file, and the bytes of its arrays."""
    length = int.from_bytes(model[:8], "little")
    return json.loads(model[8 : 8 + length]), model[8 + length :]


def whole(head: Any, body: bytes) -> bytes:
    """The inverse; the head may be text."""
    text = (head if isinstance(head, str) else json.dumps(head, separators=(",", ":"))).encode()
    return len(text).to_bytes(8, "little") + text + body


def of_file(model: bytes) -> Changed:
    """Files that are not in the layout."""
    head, body = parts(model)
    yield "cut", "the last array lacks a byte", model[:-1]
    yield "longer", "a byte follows the last array", model + b"\0"
    yield "seven-bytes", "shorter than its first field", model[:7]
    yield "head-beyond", "the JSON is said to be longer than the file", (len(model)).to_bytes(8, "little") + model[8:]
    text = json.dumps(head, separators=(",", ":"))
    yield "no-json", "the JSON ends early", whole(text[:-1], body)
    yield "nan", "the JSON has a NaN", whole(text[:-1] + ',"nan":NaN}', body)
    yield "not-utf-8", "the JSON is not UTF-8", len(text).to_bytes(8, "little") + text.encode()[:-2] + b"\xff}" + body
    yield "array-of-json", "the JSON is no object", whole("[]", body)
    repeated = text.replace('"cue":', '"step":', 1)
    yield "repeated-name", "a name occurs twice", whole(repeated, body)
    for name, reason, key, value in (
        ("dtype", "an unknown dtype", "dtype", "F64"),
        ("shape-float", "a shape of numbers with fractions", "shape", [100.0, 2]),
        ("shape-negative", "a negative dimension", "shape", [-100, -2]),
        ("shape-large", "a shape of more elements than there are bytes", "shape", [100, 3]),
    ):
        yield name, reason, whole(head | {"cue": head["cue"] | {key: value}}, body)
    begin = head["cue"]["data_offsets"][0]
    apart = {n: moved(e, begin) if n != "__metadata__" else e for n, e in head.items()}
    yield "hole", "bytes between two arrays that belong to none", whole(apart, body[:begin] + b"\0" + body[begin:])
    twice = head | {"cue2": head["cue"]}
    yield "overlap", "two arrays share their bytes", whole(twice, body)
    yield "no-metadata", "no metadata", whole({n: e for n, e in head.items() if n != "__metadata__"}, body)
    for key in ("description", "name"):
        kept = {n: v for n, v in head["__metadata__"].items() if n != key}
        yield f"no-{key}", f"no {key} among the metadata", whole(head | {"__metadata__": kept}, body)


def moved(entry: dict[str, Any], place: int) -> dict[str, Any]:
    """An array one byte further on, if it begins at `place` or later."""
    begin, end = entry["data_offsets"]
    return entry | {"data_offsets": [begin + 1, end + 1]} if begin >= place else entry


# Descriptions ---


def described(model: bytes, change: Callable[[dict[str, Any]], object] | None, text: str | None = None) -> bytes:
    """A model file with a changed description, in canonical form unless its text is given."""
    arrays, metadata = safetensors.load(model)
    d = json.loads(metadata["description"])
    if change:
        change(d)
        text = json.dumps(d, separators=(",", ":"), sort_keys=True)
    assert text is not None
    return safetensors.dump(arrays, metadata | {"description": text})


def of_description() -> Changed:
    """Descriptions of no model, with a tile."""
    text = safetensors.load(LADDER)[1]["description"]
    lattice, offset = '"lattice":[[0,0],[1,1]]', '"quality_offset":[9]'
    for name, reason, changed in (
        ("space", "white space in the description", text.replace(",", ", ", 1)),
        (
            "order",
            "keys in another order",
            text.replace(f'"hi":4,{lattice}', f'{lattice},"hi":4'),
        ),
        ("other-key", "an unknown key", text[:-1] + ',"z":1}'),
        ("fraction", "an integer with a fraction", text.replace('"block":2', '"block":2.0')),
        (
            "spacing-1",
            "a spacing of 1 that is written out",
            text.replace(offset, offset + ',"spacing":1'),
        ),
        ("no-object", "a description that is no JSON", "{"),
    ):
        assert changed != text
        yield f"description-{name}", reason, described(LADDER, None, changed)

    changes: list[tuple[str, str, Callable[[dict[str, Any]], object]]] = [
        ("channels", "two channels", change(channels=2)),
        ("block", "blocks of 3", change(block=3)),
        ("bool", "true in place of an integer", change(channels=True)),
        ("negative", "a negative number of cues", change(cues=-1)),
        ("tile-odd", "a tile of 5 x 6, in blocks of 2", change(tile=[5, 6])),
        ("tile-0", "a tile of no height", change(tile=[0, 6])),
        ("no-tile", "a vector without a tile", change(tile=None)),
        ("no-features", "a vector without features", change(features=0)),
        ("no-vector", "a tile without a vector", change(vector=0)),
        ("vector-kernel", "a vector network with a kernel of 3", inside("vector_layers", 0, kernel=3)),
        ("vector-units", "a vector network without features for every block", inside("vector_layers", 0, units=4)),
        ("units-0", "a layer of no units", inside("correction_layers", 0, units=0)),
        ("leaky", "a layer that is leaky by 1", inside("correction_layers", 0, leaky=1)),
        ("kernel", "a kernel of 5", inside("correction_layers", 0, kernel=5)),
        ("add-later", "a layer that adds itself", inside("correction_layers", 1, add=1)),
        ("add-other", "a layer that adds one of other units", inside("correction_layers", 1, add=0)),
        ("correction-units", "a correction with an output too few", inside("correction_layers", 1, units=3)),
        (
            "update-last",
            "an update after the last pass",
            lambda d: d["update_layers"].__setitem__(-1, [LAYER | {"units": 1}]),
        ),
        ("update-units", "an update of other features", lambda d: d["update_layers"].__setitem__(0, [LAYER])),
        (
            "pass-kernel",
            "a kernel of 3 behind the first layer",
            lambda d: d["pass_layers"][0][1].update(kernel=3),
        ),
        ("pass-units", "a pass with three outputs for one channel", lambda d: d["pass_layers"][0][1].update(units=3)),
        ("pass-count", "a pass without a network", lambda d: d["pass_layers"].pop()),
        ("spacing", "a spacing of 3", inside("passes", 0, spacing=3)),
        ("lattice-order", "positions in decreasing order", inside("passes", 1, lattice=[[1, 1], [0, 0]])),
        ("lattice-twice", "a position twice", inside("passes", 1, lattice=[[0, 0], [0, 0]])),
        ("lattice-2", "a position of 2", inside("passes", 1, lattice=[[0, 0], [1, 2]])),
        ("lattice-empty", "a pass of no position", inside("passes", 0, lattice=[])),
        ("passes-overlap", "positions that two passes decode", inside("passes", 2, lattice=[[0, 0], [1, 1]])),
        ("passes-missing", "a group whose positions are not all decoded", without_last_pass),
        ("passes-lo", "a group that leaves out a channel", inside("passes", 1, lo=2)),
        ("passes-empty", "a group of no channel", inside("passes", 0, hi=0)),
        ("offset-count", "two quality offsets of one channel", inside("passes", 0, quality_offset=[1, 2])),
        ("offset-100", "a quality offset of 100", inside("passes", 0, quality_offset=[100])),
        ("offset-text", "a quality offset of text", inside("passes", 0, quality_offset=["1"])),
    ]
    for name, reason, how in changes:
        yield name, reason, described(LADDER, how)


def without_last_pass(d: dict[str, Any]) -> None:
    """Take away the last pass, with its networks."""
    for key in ("passes", "pass_layers", "update_layers"):
        d[key].pop()


def of_finish() -> Changed:
    """Finishing networks of no model."""
    changes: list[tuple[str, str, Callable[[dict[str, Any]], object]]] = [
        ("cell", "cells of 4 in blocks of 2", part("finish", cell=4)),
        ("cell-3", "cells of 3", part("finish", cell=3)),
        ("finish-empty", "a finishing network of no layer", part("finish", layers=[])),
        ("finish-units", "a finishing network of other outputs", lambda d: d["finish"]["layers"][-1].update(units=3)),
    ]
    for name, reason, how in changes:
        yield name, reason, described(FINISHED, how)
    arrays, metadata = safetensors.load(FINISHED)
    coarse = np.ones_like(arrays["synthesis.shift"])
    for name, reason, changed in (
        ("place", "a place of 1024", first(arrays, "finish.place", 1024)),
        ("synthesis-shift", "a shift of 1 before a finishing network", {"synthesis.shift": coarse}),
    ):
        yield f"array-{name}", reason, safetensors.dump(arrays | changed, metadata)
    yield "no-finish-bias", "an array of the finishing network is missing", without(FINISHED, "finish.0.bias")


def of_lossless_stage() -> Changed:
    """Lossless stages of no model."""
    changes: list[tuple[str, str, Callable[[dict[str, Any]], object]]] = [
        ("reach-1", "a window of reach 1", part("lossless", reach=1, linear_reach=1)),
        ("reach-5", "a window of reach 5", part("lossless", reach=5)),
        ("linear-reach", "a linear prediction that reaches beyond the window", part("lossless", linear_reach=4)),
        ("order-of-channels", "channel 1 of a gray model", part("lossless", order=[1])),
        ("no-heads", "no network for the channel", part("lossless", heads=[])),
        ("head-empty", "a network of no layer for the channel", part("lossless", heads=[[]])),
        ("head-units", "three outputs for the first channel", lambda d: d["lossless"]["heads"][0][-1].update(units=3)),
        ("trunk-empty", "a trunk of no layer", part("lossless", trunk=[])),
        ("trunk-kernel", "a trunk with a kernel of 3", lambda d: d["lossless"]["trunk"][0].update(kernel=3)),
    ]
    for name, reason, how in changes:
        yield name, reason, described(LOSSLESS, how)
    arrays, metadata = safetensors.load(LOSSLESS)
    for name, value in (("tables.skip", 1), ("linear", 128), ("offset", 256)):
        changed = arrays | first(arrays, f"lossless.{name}", value)
        title = name.replace(".", "-")
        yield f"array-lossless-{title}", f"{value} in lossless.{name}", safetensors.dump(changed, metadata)
    yield "no-lossless-linear", "the array lossless.linear is missing", without(LOSSLESS, "lossless.linear")


def change(**values: Any) -> Callable[[dict[str, Any]], object]:
    """A change of some keys of a description."""
    return lambda d: d.update(values)


def inside(key: str, place: int, **values: Any) -> Callable[[dict[str, Any]], object]:
    """A change of an object in an array of a description."""
    return lambda d: d[key][place].update(values)


def part(key: str, **values: Any) -> Callable[[dict[str, Any]], object]:
    """A change of an object of a description."""
    return lambda d: d[key].update(values)


def of_grid() -> Changed:
    """Descriptions of no model, without a tile."""
    yield "grid-features", "features that no network computes", described(GRID, lambda d: d.update(features=1))
    yield (
        "grid-vector-layers",
        "a vector network without a vector",
        described(GRID, lambda d: d.update(vector_layers=[LAYER])),
    )
    yield (
        "grid-no-passes",
        "a plane without passes",
        described(GRID, lambda d: d.update(passes=[], pass_layers=[], update_layers=[])),
    )
    yield "grid-no-correction", "no correction layers", described(GRID, lambda d: d.update(correction_layers=[]))


def of_planeless() -> Changed:
    """Models without a plane."""
    for name, reason, how in (
        ("cues", "cues", lambda d: d.update(cues=1)),
        ("features", "other features than the vector", lambda d: d.update(features=2)),
        ("correction", "a correction network", lambda d: d.update(correction_layers=[LAYER])),
        ("activation", "an unknown activation", inside("synthesis_layers", 0, activation="tanh")),
        ("grow-0", "a layer that grows by 0", inside("synthesis_layers", 0, grow=0)),
        ("grow-17", "a layer that grows by 17", inside("synthesis_layers", 0, grow=17, units=17 * 17)),
        ("grow-units", "units that the square of grow does not divide", inside("synthesis_layers", 0, units=19)),
        ("kernel", "a kernel of 5", inside("synthesis_layers", 1, kernel=5)),
        ("units-0", "a layer of no units", inside("synthesis_layers", 0, units=0)),
        ("crop", "a layer that crops everything", inside("synthesis_layers", 2, crop=3)),
        ("large", "a grid of more than twice the tile", inside("synthesis_layers", 1, grow=3, units=9)),
        ("side", "another size than the tile at the end", inside("synthesis_layers", 2, crop=0)),
        ("channels", "two channels at the end", inside("synthesis_layers", 2, units=2)),
        ("crop-text", "a crop of text", inside("synthesis_layers", 2, crop="1")),
        ("tile", "no tile", lambda d: d.update(tile=None)),
    ):
        yield f"planeless-{name}", f"a model without a plane: {reason}", described(PLANELESS, how)
    arrays, metadata = safetensors.load(PLANELESS)
    tone = arrays["tone"].astype(np.int16)
    for name, reason, changed in (
        ("tone", "256 in the table of tones", tone + (tone == tone.max()) * (256 - tone.max())),
        ("tone-short", "2,046 tones", arrays["tone"][:-1]),
    ):
        yield f"planeless-{name}", reason, safetensors.dump(arrays | {"tone": changed}, metadata)


# Arrays ---


def of_arrays() -> Changed:
    """Arrays that a model of this description must not have."""
    arrays, metadata = safetensors.load(LADDER)

    weight, frequencies = arrays["correction.0.weight"], arrays["tables.frequencies"].tolist()
    changes: list[tuple[str, str, Arrays]] = [
        ("step-0", "a step of 0", first(arrays, "step", 0)),
        ("step-32768", "a step of 32768", first(arrays, "step", 32768)),
        ("offset-256", "an offset of 256", first(arrays, "offset", 256)),
        ("vector-class", "a class of -256", first(arrays, "vector_class", -256)),
        ("exponent", "a context exponent of 16", first(arrays, "context_exponent", 16)),
        ("cue", "a cue of 1024", first(arrays, "cue", 1024)),
        ("cue-shape", "99 rows of cues", {"cue": arrays["cue"][:99]}),
        ("cue-float", "cues in floating point", {"cue": arrays["cue"].astype(np.float32)}),
        ("extent", "an extent of 64", first(arrays, "tables.extents", 64)),
        ("table-shift", "a shift of 16 in the tables", first(arrays, "tables.shifts", 16)),
        ("skip", "65 skipped classes", first(arrays, "tables.skip", 65)),
        ("frequency-0", "a frequency of 0", first(arrays, "tables.frequencies", 0)),
        ("frequency-sum", "frequencies that sum to 4097", first(arrays, "tables.frequencies", frequencies[0] + 1)),
        ("frequency-count", "a frequency too few", {"tables.frequencies": arrays["tables.frequencies"][:-1]}),
        ("extents-count", "63 extents", {"tables.extents": arrays["tables.extents"][:-1]}),
        ("shift-31", "a shift of 31", first(arrays, "correction.0.shift", 31)),
        ("shift-negative", "a negative shift", first(arrays, "correction.0.shift", -1)),
        ("bound", "a layer that breaks the bound of 2^53", {"synthesis.weight": np.full((4, 4), 1 << 36, np.int64)}),
        ("bound-bias", "a bias of 2^53", first(arrays, "correction.0.bias", 1 << 53, np.int64)),
        ("weight-float", "weights in floating point", {"correction.0.weight": weight.astype(np.float32)}),
        ("weight-inputs", "weights of one input too few", {"correction.0.weight": weight[:-1]}),
        ("weight-units", "weights of one unit too few", {"correction.0.weight": weight[:, :-1]}),
        ("bias-units", "a bias of one unit too few", {"correction.0.bias": arrays["correction.0.bias"][:-1]}),
        ("unknown-array", "an array that no model has", {"extra": np.zeros(1, np.uint8)}),
        ("array-of-no-layer", "arrays of a layer that is not there", {"correction.2.bias": np.zeros(3, np.int32)}),
    ]
    for name, reason, changed in changes:
        yield f"array-{name}", reason, safetensors.dump(arrays | changed, metadata)
    for name in ("step", "tables.skip", "pass0.0.weight"):
        yield f"no-{name.replace('.', '-')}", f"the array {name} is missing", without(LADDER, name)


def first(arrays: Arrays, name: str, value: int, dtype: Any = np.int32) -> Arrays:
    """An array whose first value is another."""
    array = arrays[name].astype(dtype)
    array.reshape(-1)[0] = value
    return {name: array}


def without(model: bytes, name: str) -> bytes:
    """A model file without an array."""
    arrays, metadata = safetensors.load(model)
    return safetensors.dump({n: a for n, a in arrays.items() if n != name}, metadata)
