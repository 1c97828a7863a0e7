"""The remainder: every sample comes back, or is off by no more than was allowed, whatever the picture."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_engine import ENGINES, Reference
from samples import tiny_arrays, tiny_description, tiny_file

from aecodec.engines import engine
from aecodec.errors import AecError, InvalidModelFile, InvalidValue, TruncatedFile
from aecodec.format import panels
from aecodec.lossless import remainder_section
from aecodec.lossless.remainder_section import PackedRemainder, Part
from aecodec.models import remainder, remainder_samples, safetensors
from aecodec.models.description import SAMPLE_LIMIT
from aecodec.models.model import Model, load
from aecodec.packing import CODERS
from aecodec.packing.tables import MAX_RESIDUAL

TINY = load(tiny_file((4, 6), 1, remainder=True))
COLOUR = load(tiny_file(None, 3, remainder=True))
MODELS = {1: TINY, 3: COLOUR}
LARGEST = (0, 1, 2, 7, 100, 127, 128, 254, 255)


def pictures_of(kind: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    if kind == "noise":
        return random.integers(0, 256, shape, dtype=np.uint8)
    if kind == "ends":
        return random.choice(np.array([0, 255], np.uint8), shape)
    if kind == "steps":
        return np.broadcast_to((np.arange(shape[2]) * 37 % 256).astype(np.uint8)[None, None, :, None], shape).copy()
    return np.full(shape, {"black": 0, "white": 255, "gray": 128}[kind], np.uint8)


shapes = st.tuples(st.integers(1, 3), st.integers(1, 13), st.integers(1, 13), st.sampled_from([1, 3]))
kinds = st.sampled_from(["noise", "ends", "steps", "black", "white", "gray"])


def found_for(model: Model, pictures: np.ndarray, made: np.ndarray, error: int) -> remainder_section.Found:
    count = len(pictures)
    return remainder_section.find(model, engine(), pictures, made, np.full(count, 50), np.full(count, error))


def made_for(pictures: np.ndarray, kind: str, seed: int) -> np.ndarray:
    """Something that the lossy part might have decoded to: of a canvas larger than the pictures."""
    n, height, width, channels = pictures.shape
    return pictures_of(kind, (n, -(-height // 4) * 4, -(-width // 6) * 6, channels), seed)


@settings(max_examples=150, deadline=None)
@given(shape=shapes, kind=kinds, made_kind=kinds, error=st.integers(0, 255), packing=st.sampled_from(sorted(CODERS)))
def test_no_sample_is_off_by_more_than_was_allowed(
    shape: tuple[int, ...], kind: str, made_kind: str, error: int, packing: str
) -> None:
    model, pictures = MODELS[shape[3]], pictures_of(kind, shape, 1)
    made = made_for(pictures, made_kind, 2)
    found = found_for(model, pictures, made, error)
    assert int(np.abs(found.pixels.astype(int) - pictures).max()) <= error
    parts = remainder_section.pack(packing, found)
    again, _ = remainder_section.finish(
        model, engine(), packing, made, Part((shape[1], shape[2])), [PackedRemainder(part, 50, error) for part in parts]
    )
    assert np.array_equal(again, found.pixels)


@pytest.mark.parametrize("error", LARGEST)
def test_every_sample_can_be_reached_from_every_mean(error: int) -> None:
    mean, target = np.meshgrid(np.arange(256, dtype=np.int32), np.arange(256, dtype=np.int32))
    step = np.full_like(mean, 2 * error + 1)
    residual = remainder_samples.steps_to(target, mean, step)
    decoded = np.clip(mean + remainder_samples.unfolded(residual, mean, step) * step, 0, 255)
    assert int(np.abs(decoded - target).max()) <= error


@pytest.mark.parametrize("error", LARGEST)
def test_residuals_of_a_mean_are_as_small_as_they_can_be(error: int) -> None:
    step = 2 * error + 1
    for mean in range(256):
        means = np.full(256, mean, np.int32)
        residuals = remainder_samples.steps_to(np.arange(256, dtype=np.int32), means, np.full_like(means, step))
        used = set(residuals.tolist())
        # 0 1 -1 2 -2 ..., none left out: whatever the mean, no code is spent on what cannot be.
        assert used == {(k + 1) // 2 * (1 if k % 2 else -1) for k in range(len(used))} or used == set(
            range(min(used), max(used) + 1)
        )
        assert max(used) + min(used) in (0, 1)


def test_steps_are_folded_as_the_specification_says() -> None:
    steps = np.arange(-2, 7, dtype=np.int32)
    mean, step = np.full(9, 2, np.int32), np.ones(9, np.int32)
    assert remainder_samples.folded(steps, mean, step).tolist() == [-2, -1, 0, 1, 2, 3, -3, 4, -4]
    assert remainder_samples.folded(-steps, 255 - mean, step).tolist() == [-2, -1, 0, 1, 2, 3, -3, 4, -4]


@given(residual=st.integers(-MAX_RESIDUAL, MAX_RESIDUAL), mean=st.integers(0, 255), error=st.integers(0, 255))
def test_whatever_a_damaged_file_says_is_a_sample(residual: int, mean: int, error: int) -> None:
    one = [np.array([v], np.int32) for v in (residual, mean, 2 * error + 1)]
    steps = remainder_samples.unfolded(*one)
    assert steps.dtype == np.int32
    exact = int(steps[0]) * (2 * error + 1) + mean
    assert int((steps * one[2] + one[1])[0]) == exact  # int32 has held it
    assert remainder_samples.folded(steps, one[1], one[2])[0] == residual


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("model", MODELS.values(), ids=["gray", "colour"])
@pytest.mark.parametrize("extreme", [0, 1, -1, MAX_RESIDUAL, -MAX_RESIDUAL])
def test_engines_decode_the_same_samples(name: str, model: Model, extreme: int) -> None:
    shape = (3, 8, 12, model.description.channels)
    made = pictures_of("ends", shape, 4)

    def code(channel: int, where: np.ndarray, mean: np.ndarray, classes: np.ndarray) -> np.ndarray:
        seen.append((mean, classes))
        return np.full(mean.shape, extreme, np.int32)

    results = []
    for by in (engine(name), Reference()):
        seen: list[Any] = []
        pixels = remainder.walk(model, by, made, np.array([1, 50, 100]), np.array([0, 3, 255]), code)
        results.append((pixels, seen))
    assert np.array_equal(results[0][0], results[1][0])
    for one, other in zip(results[0][1], results[1][1], strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        assert one[0].min() >= 0 and one[0].max() <= SAMPLE_LIMIT


def test_what_is_beyond_the_picture_costs_nothing() -> None:
    pictures = pictures_of("noise", (1, 5, 7, 3), 1)
    found = found_for(COLOUR, pictures, made_for(pictures, "gray", 2), 0)
    assert sum(part.size for part in found.residuals) == 6 * 8 * 3
    assert sum(np.count_nonzero(part) for part in found.residuals) <= pictures.size


@pytest.mark.parametrize("packing", sorted(CODERS))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_is_an_error_or_changes_nothing(packing: str, data: st.DataObject) -> None:
    pictures = pictures_of("noise", (1, 6, 6, 1), 3)
    made = made_for(pictures, "gray", 2)
    found = found_for(TINY, pictures, made, 1)
    (part,) = remainder_section.pack(packing, found)
    damaged = bytearray(part)
    place = data.draw(st.integers(0, len(part) - 1))
    kind = data.draw(st.sampled_from(["bit", "cut", "more"]))
    if kind == "bit":
        damaged[place] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "cut":
        del damaged[place:]
    else:
        damaged += b"\1"
    try:
        again, _ = remainder_section.finish(
            TINY, engine(), packing, made, Part((6, 6)), [PackedRemainder(bytes(damaged), 50, 1)]
        )
    except AecError:
        return
    # Such as a larger window, which a frame may announce for nothing: the payload's checksum covers that.
    assert kind == "bit" and packing == "zstd"
    assert np.array_equal(again, found.pixels)


def test_a_section_is_read_as_it_was_written() -> None:
    grid = panels.PanelGrid.of((4, 1030), COLOUR.description.unit)
    parts = [b"one", b"", b"three"]
    assert grid.count == 3
    content = remainder_section.join(7, parts)
    assert content == b"\7\3\0onethree"
    assert remainder_section.split(content, grid, (4, 1030), COLOUR, "rans") == parts
    for length in range(6):
        with pytest.raises(TruncatedFile):
            remainder_section.split(content[:length], grid, (4, 1030), COLOUR, "rans")


def test_a_model_without_a_remainder_bounds_no_error() -> None:
    plain = load(tiny_file())
    with pytest.raises(InvalidValue, match="no remainder"):
        remainder_section.stage_of(plain)


# Model files ---

DESCRIPTION = tiny_description((4, 6), remainder=True)
ARRAYS = tiny_arrays(DESCRIPTION)
NAMES = sorted(name for name in ARRAYS if name.startswith("remainder."))


def changed(arrays: dict[str, Any], **fields: Any) -> bytes:
    made = {name: array for name, array in {**ARRAYS, **arrays}.items() if array is not None}
    raw = json.loads(DESCRIPTION.to_json())
    raw["remainder"] = {**raw["remainder"], **fields}
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
        ("remainder.offset", 256),
        ("remainder.offset", -256),
        ("remainder.cue", 1024),
        ("remainder.tables.skip", 1),
        ("remainder.tables.frequencies", 0),
        *((name, 2**60) for name in NAMES if name.endswith((".weight", ".bias"))),
        *((name, 31) for name in NAMES if name.endswith(".shift")),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: int) -> None:
    array = ARRAYS[name].astype(np.int64)
    array.reshape(-1)[-1] = value
    with pytest.raises(InvalidModelFile):
        load(changed({name: array}))


REMAINDER = json.loads(DESCRIPTION.to_json())["remainder"]
PASSES, LAYERS = REMAINDER["passes"], REMAINDER["pass_layers"]


@pytest.mark.parametrize(
    "fields",
    [
        {"block": 4},
        {"block": 0},
        {"block": True},
        {"cues": 2},
        {"cues": -1},
        {"order": [0, 1, 2]},
        {"order": [0, 1, 2, 2]},
        {"order": [1, 2, 3, 4]},
        {"order": None},
        {"passes": PASSES[:-1]},
        {"passes": PASSES[::-1]},
        {"passes": [*PASSES[:2], {**PASSES[2], "hi": 3}]},
        {"pass_layers": LAYERS[:-1]},
        {"pass_layers": [*LAYERS[:2], [LAYERS[2][0], {**LAYERS[2][1], "kernel": 3}, LAYERS[2][2]]]},
        {"pass_layers": [*LAYERS[:2], [*LAYERS[2][:2], {**LAYERS[2][2], "units": 6}]]},
        {"extra": 1},
    ],
)
def test_a_remainder_that_cannot_be_walked_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidModelFile):
        load(changed({}, **fields))


def test_the_id_follows_from_the_remainder() -> None:
    model = load(changed({}))
    for name in NAMES:
        array = model.arrays[name].copy()
        array.reshape(-1)[-1] ^= 1
        assert dataclasses.replace(model, arrays={**model.arrays, name: array}).id != model.id
    analysis = {**model.arrays, "analysis.remainder_quality": np.zeros(256, np.float32)}
    assert dataclasses.replace(model, arrays=analysis).id == model.id


def test_every_layer_of_a_remainder_is_proven() -> None:
    assert TINY.remainder
    for network in TINY.remainder.networks:
        reach = [1023] * network.inputs
        for layer, single in zip(network.layers, network.single, strict=True):
            tiled = reach * layer.kernel**2
            for unit in range(layer.units):
                column = layer.weight[:, unit].tolist()
                bound = sum(abs(w) * x for w, x in zip(column, tiled, strict=True)) + abs(int(layer.bias[unit]))
                assert bound < (2**24 if single else 2**53)
            reach = layer.limit.tolist()
