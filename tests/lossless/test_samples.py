"""The lossless stage: walks by NumPy, by the native library and from the specification give the same samples."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_engine import ENGINES, Reference

from aecodec.conformance.tiny_models import tiny_arrays, tiny_description, tiny_file
from aecodec.engines import engine
from aecodec.errors import AecError, InvalidModelFile
from aecodec.lossless import samples
from aecodec.lossless.samples import PackedSamples
from aecodec.models import causal, causal_walk, safetensors
from aecodec.models.causal import Coding
from aecodec.models.model import Model, load
from aecodec.packing.tables import MAX_RESIDUAL

TINY = load(tiny_file((4, 6), 1, lossless=True))
COLOUR = load(tiny_file(None, 3, lossless=True))
MODELS = {1: TINY, 3: COLOUR}
LARGEST = (0, 1, 2, 7, 100, 127, 128, 254, 255)


def pictures_of(kind: str, shape: tuple[int, ...], seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    if kind == "noise":
        return random.integers(0, 256, shape, dtype=np.uint8)
    if kind == "ends":
        return random.choice(np.array([0, 255], np.uint8), shape)
    if kind == "steps":
        return np.broadcast_to((np.arange(shape[2]) * 37 % 256).astype(np.uint8)[None, None, :, None], shape).copy()
    return np.full(shape, {"black": 0, "white": 255, "gray": 128}[kind], np.uint8)


def coding_of(model: Model, max_error: int, name: str = "auto", gray: bool = False) -> Coding:
    return Coding(model, engine(name), gray, max_error)


shapes = st.tuples(st.integers(1, 3), st.integers(1, 13), st.integers(1, 13), st.sampled_from([1, 3]))
kinds = st.sampled_from(["noise", "ends", "steps", "black", "white", "gray"])


@settings(max_examples=150, deadline=None)
@given(shape=shapes, kind=kinds, error=st.sampled_from([0, 0, 0, *LARGEST]), gray=st.booleans())
def test_no_sample_is_off_by_more_than_was_allowed(shape: tuple[int, ...], kind: str, error: int, gray: bool) -> None:
    pictures, gray = pictures_of(kind, shape), gray and shape[3] == 3
    if gray:
        pictures = np.repeat(pictures[..., :1], 3, axis=3)
    coding = coding_of(MODELS[shape[3]], error, gray=gray)
    seeds = list(range(len(pictures)))
    small = [seed % 2 == 1 for seed in seeds]
    parts = [
        PackedSamples(*each) for each in zip(samples.pack(coding, pictures, seeds, small), seeds, small, strict=True)
    ]
    again = samples.unpack(coding, (shape[1], shape[2]), parts)
    assert int(np.abs(again.astype(int) - pictures).max()) <= error
    if not error:
        assert np.array_equal(again, pictures)
    joined = samples.pack_joined(coding, pictures)
    assert np.array_equal(samples.unpack_joined(coding, pictures.shape[:3], joined), again)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("model", MODELS.values(), ids=["gray", "colour"])
@pytest.mark.parametrize("error", [0, 3, 255])
@pytest.mark.parametrize("kind", ["ends", "noise", "steps"])
def test_engines_make_the_same_residuals_and_classes(name: str, model: Model, error: int, kind: str) -> None:
    stack = pictures_of(kind, (2, 9, 12, model.description.channels))
    one, decoded = causal_walk.encode(coding_of(model, error, name), stack)
    other, expected = causal_walk.encode(Coding(model, Reference(), False, error), stack)
    assert np.array_equal(decoded, expected)
    for first, second in zip(one.residuals + one.classes, other.residuals + other.classes, strict=True):
        assert np.array_equal(first, second)


@pytest.mark.parametrize("error", LARGEST)
def test_every_sample_can_be_reached_from_every_mean(error: int) -> None:
    mean, target = np.meshgrid(np.arange(1021, dtype=np.int32), np.arange(256, dtype=np.int32))
    residual = causal.residual_of(target, mean, 2 * error + 1)
    decoded = causal.sample_of(residual, mean, 2 * error + 1)
    assert int(np.abs(decoded - target).max()) <= error


@pytest.mark.parametrize("error", LARGEST)
def test_residuals_of_a_mean_are_as_small_as_they_can_be(error: int) -> None:
    for mean in range(0, 1021, 3):
        means = np.full(256, mean, np.int32)
        used = set(causal.residual_of(np.arange(256, dtype=np.int32), means, 2 * error + 1).tolist())
        # 0 1 -1 2 -2 ..., none left out: whatever the mean, no code is spent on what cannot be.
        assert used == set(range(min(used), max(used) + 1))
        assert max(used) + min(used) in (-1, 0, 1)


@given(residual=st.integers(-MAX_RESIDUAL, MAX_RESIDUAL), mean=st.integers(0, 1020), error=st.integers(0, 255))
def test_whatever_a_damaged_file_says_is_a_sample(residual: int, mean: int, error: int) -> None:
    found = causal.sample_of(np.array([residual], np.int32), np.array([mean], np.int32), 2 * error + 1)
    assert found.dtype == np.int32 and 0 <= found[0] <= 255


def test_neighbours_are_decoded_in_earlier_steps() -> None:
    for height, width in ((1, 1), (1, 9), (9, 1), (7, 5), (4, 30)):
        pixels = causal.steps_of(height, width)
        step = np.zeros((height, width), int)
        for number, (begin, end) in enumerate(zip(pixels.begins, pixels.begins[1:], strict=False)):
            step[pixels.y[begin:end], pixels.x[begin:end]] = number
        assert sorted(zip(pixels.y.tolist(), pixels.x.tolist(), strict=True)) == list(np.ndindex(height, width))
        for y, x in np.ndindex(height, width):
            for dy, dx in (*COLOUR.description.lossless.window, *causal.ERROR_NEIGHBOURS):  # type: ignore[union-attr]
                if y + dy >= 0 and 0 <= x + dx < width:
                    assert step[y + dy, x + dx] < step[y, x]


@settings(max_examples=60, deadline=None)
@given(data=st.data(), name=st.sampled_from(["auto", "numpy"]))
def test_damage_is_an_error(data: st.DataObject, name: str) -> None:
    pictures = pictures_of("noise", (1, 6, 6, 1), 3)
    coding = coding_of(TINY, 1, name)
    (part,) = samples.pack(coding, pictures, [0], [False])
    damaged = bytearray(part)
    place = data.draw(st.integers(0, len(part) - 1))
    kind = data.draw(st.sampled_from(["bit", "cut", "more"]))
    if kind == "bit":
        damaged[place] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "cut":
        del damaged[place:]
    else:
        damaged += b"\1"
    with pytest.raises(AecError):
        samples.unpack(coding, (6, 6), [PackedSamples(bytes(damaged), 0)])


# Model files ---

DESCRIPTION = tiny_description((4, 6), lossless=True)
ARRAYS = tiny_arrays(DESCRIPTION)
NAMES = sorted(name for name in ARRAYS if name.startswith("lossless."))


def changed(arrays: dict[str, Any], **fields: Any) -> bytes:
    made = {name: array for name, array in {**ARRAYS, **arrays}.items() if array is not None}
    raw = json.loads(DESCRIPTION.to_json())
    raw["lossless"] = {**raw["lossless"], **fields}
    description = json.dumps(raw, separators=(",", ":"), sort_keys=True)
    return safetensors.dump(made, {"name": "tiny-1", "description": description})


def test_a_model_has_an_array_for_every_layer_and_no_other() -> None:
    load(changed({}))
    for name in NAMES:
        with pytest.raises(InvalidModelFile):
            load(changed({name: None}))
        with pytest.raises(InvalidModelFile):
            load(changed({name: ARRAYS[name].reshape(-1)[:-1]}))
    bare = {name: array for name, array in ARRAYS.items() if name not in NAMES}
    without = tiny_description((4, 6)).to_json()
    load(safetensors.dump(bare, {"name": "tiny-1", "description": without}))
    with pytest.raises(InvalidModelFile, match="unknown array"):
        load(safetensors.dump(ARRAYS, {"name": "tiny-1", "description": without}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lossless.offset", 256),
        ("lossless.offset", -256),
        ("lossless.linear", 128),
        ("lossless.tables.skip", 1),
        ("lossless.tables.frequencies", 0),
        *((name, 2**60) for name in NAMES if name.endswith((".weight", ".bias"))),
        *((name, 31) for name in NAMES if name.endswith(".shift")),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: int) -> None:
    array = ARRAYS[name].astype(np.int64)
    array.reshape(-1)[-1] = value
    with pytest.raises(InvalidModelFile):
        load(changed({name: array}))


STAGE = json.loads(DESCRIPTION.to_json())["lossless"]


@pytest.mark.parametrize(
    "fields",
    [
        {"order": []},
        {"order": [0, 0]},
        {"order": [1]},
        {"order": None},
        {"reach": 1},
        {"reach": 5},
        {"reach": True},
        {"linear_reach": 1},
        {"linear_reach": 4},
        {"trunk": []},
        {"trunk": [{**STAGE["trunk"][0], "kernel": 3}, STAGE["trunk"][1]]},
        {"heads": []},
        {"heads": [*STAGE["heads"], STAGE["heads"][0]]},
        {"heads": [[STAGE["heads"][0][0], {**STAGE["heads"][0][1], "units": 3}]]},
        {"heads": [[]]},
        {"extra": 1},
    ],
)
def test_a_stage_that_cannot_code_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidModelFile):
        load(changed({}, **fields))


def test_the_id_follows_from_the_stage() -> None:
    model = load(changed({}))
    for name in NAMES:
        array = model.arrays[name].copy()
        array.reshape(-1)[-1] ^= 1
        assert dataclasses.replace(model, arrays={**model.arrays, name: array}).id != model.id


def test_every_layer_of_a_stage_is_proven() -> None:
    assert COLOUR.lossless
    for network in (COLOUR.lossless.trunk, *COLOUR.lossless.heads):
        reach = [1023] * network.inputs
        for layer, single in zip(network.layers, network.single, strict=True):
            for unit in range(layer.units):
                column = layer.weight[:, unit].tolist()
                bound = sum(abs(w) * x for w, x in zip(column, reach, strict=True)) + abs(int(layer.bias[unit]))
                assert bound < (2**24 if single else 2**53)
            reach = layer.limit.tolist()
