"""Model files: proven when they are loaded, refused when anything is odd, named by what decoding depends on."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from hypothesis.extra.numpy import arrays as numpy_arrays
from samples import MODELS

import aecodec
from aecodec.conformance.tiny_models import tiny_arrays, tiny_description, tiny_file
from aecodec.engines import engine
from aecodec.engines.network import FLOAT32_EXACT, FLOAT64_EXACT
from aecodec.errors import InvalidModelFile, UnknownModel
from aecodec.models import ladder, registry, safetensors
from aecodec.models.analysis import analyse
from aecodec.models.description import Description, lambda_of_quality, step_of_quality
from aecodec.models.model import ANALYSIS, TYPICAL, Model, load
from aecodec.models.safetensors import DTYPES, Arrays

TINY = tiny_file()
WIDE = tiny_file(None, 3)
DESCRIPTION = tiny_description((4, 6))
ARRAYS = tiny_arrays(DESCRIPTION)
NORMATIVE = sorted(name for name in ARRAYS if not name.startswith(ANALYSIS))
ENCODING = sorted(ARRAYS.keys() - NORMATIVE)


def changed(arrays: dict[str, Any] | None = None, description: str | None = None, **metadata: str) -> bytes:
    """The tiny model's file with other arrays (None: without that one), another description, or other metadata."""
    made = {name: array for name, array in {**ARRAYS, **(arrays or {})}.items() if array is not None}
    return safetensors.dump(made, {"name": "tiny-1", "description": description or DESCRIPTION.to_json(), **metadata})


def refused(data: bytes) -> str:
    with pytest.raises(InvalidModelFile) as caught:
        load(data)
    assert str(caught.value)
    return str(caught.value)


def use(model: Model) -> None:
    """Whatever is loaded can be described and decodes a latent of zeros."""
    assert len(model.id) == 8
    assert isinstance(model.name, str)
    assert registry.NUMBERS.get(registry.number_of(model), model.name) == model.name
    assert isinstance(model.card, dict)
    assert model.macs_per_pixel > 0
    d = model.description
    latent = ladder.walk(
        model, engine(), np.array([1, 100]), *d.grid(*(d.tile or (5, 7))), lambda found: np.zeros(found.mean.shape, int)
    )
    assert ladder.synthesize(model, engine(), latent).dtype == np.uint8


# Bundled models ---


def test_auto_tries_the_bundled_models_whatever_versions_are_beside_them(own_folder: Path) -> None:
    before = registry.tried()
    newer = sorted(f"{name.rpartition('-')[0]}-99" for name in before)
    for name in newer:
        (own_folder / f"{name}.safetensors").write_bytes(tiny_file(name=name))
    registry.forget()
    assert registry.latest()["photo"] == "photo-99"
    assert registry.tried() == before and not {*newer} & {*before}


def test_a_file_that_cannot_be_read_is_skipped(own_folder: Path) -> None:
    (own_folder / "folder-1.safetensors").mkdir()
    registry.forget()
    assert [model.name for model in registry.readable()] == [*registry.NUMBERS.values()]


@pytest.mark.parametrize("name", MODELS)
def test_every_layer_of_a_bundled_model_is_proven(name: str) -> None:
    model = registry.by_name(name)
    inputs: dict[int, int] = {}
    updates = [network for network in model.update_networks if network]
    finish = [model.finish.synthesis, model.finish.network] if model.finish else []
    stage = model.lossless
    lossless = (stage.trunk, *stage.heads) if stage else ()
    ladders = (model.vector_network, *model.pass_networks, *updates, model.correction_network, model.synthesis)
    for network in (*ladders, *finish, *lossless):
        inverse = network is model.synthesis or bool(finish) and network is finish[0]
        reach = [2 * 32767 if inverse else 1023] * network.inputs
        for layer, single in zip(network.layers, network.single, strict=True):
            # By Python's integers, which know no limit.
            tiled = reach * layer.kernel**2
            for unit in range(layer.units):
                column = layer.weight[:, unit].tolist()
                bound = sum(abs(w) * x for w, x in zip(column, tiled, strict=True)) + abs(int(layer.bias[unit]))
                assert bound < (FLOAT32_EXACT if single else FLOAT64_EXACT)
            reach = layer.limit.tolist()
            inputs[id(layer)] = layer.units
    twice = bool(finish)  # the inverse transform, with and without fraction bits
    assert len(inputs) == twice + sum(1 for array in model.arrays if array.endswith(".weight"))


@pytest.mark.parametrize("name", MODELS)
def test_a_bundled_file_is_in_canonical_form(name: str) -> None:
    data = (registry.folder() / f"{name}{registry.SUFFIX}").read_bytes()
    arrays, metadata = safetensors.load(data)
    assert safetensors.dump(arrays, metadata) == data
    model = load(data)
    assert model.name == name
    assert registry.NUMBERS[registry.number_of(model)] == name
    assert model.purpose
    use(model)


@pytest.mark.parametrize("name", MODELS)
def test_models_says_what_is_in_the_file(name: str) -> None:
    model = registry.by_name(name)
    (info,) = [info for info in aecodec.list_models() if info.name == name]
    d = model.description
    assert info.id == model.id.hex()
    assert info.number == registry.number_of(model)
    assert info.channels == d.channels
    assert info.tile == (None if d.tile is None else (d.tile[1], d.tile[0]))
    assert info.parameters == sum(
        array.size for array_name, array in model.arrays.items() if array_name.endswith((".weight", ".bias"))
    )


def test_a_name_without_a_version_is_the_latest(own_folder: Path) -> None:
    for version in (2, 10, 9):
        name = f"tiny-{version}"
        (own_folder / f"{name}.safetensors").write_bytes(tiny_file(name=name))
    for other in ("notes.md", "tiny.safetensors", "tiny-x.safetensors", "tiny-\u00b2.safetensors"):
        (own_folder / other).write_text("no model")
    assert registry.names() == (*MODELS, "tiny-2", "tiny-9", "tiny-10")
    assert registry.by_name("tiny").name == "tiny-10"
    assert registry.latest()["tiny"] == "tiny-10"
    assert registry.by_name("tiny-9").name == "tiny-9"
    with pytest.raises(UnknownModel, match="choose auto, "):
        registry.by_name("tiny-3")


def test_a_bundled_model_is_not_replaced_by_a_file_of_its_name(own_folder: Path) -> None:
    (own_folder / f"{MODELS[0]}.safetensors").write_bytes(tiny_file(name=MODELS[0]))
    assert registry.by_name(MODELS[0]).id != load(TINY).id


def test_a_model_file_under_another_name_is_refused(own_folder: Path) -> None:
    (own_folder / "other-1.safetensors").write_bytes(TINY)
    with pytest.raises(InvalidModelFile, match="in this file is called tiny-1: rename the file"):
        registry.by_name("other-1")


def test_quality_is_geometric_from_a_step_of_320_to_one_of_5() -> None:
    assert (step_of_quality(1), step_of_quality(100)) == (320.0, 5.0)
    ratios = [step_of_quality(q) / step_of_quality(q + 1) for q in range(1, 100)]
    assert np.allclose(ratios, 2 ** (6 / 99))
    for quality in (1, 50, 100):
        # At high rate a step more of error costs what its bits are worth: lambda = 6 / (ln 2 * step^2).
        assert np.isclose(lambda_of_quality(quality) * step_of_quality(quality) ** 2, 8.656, atol=0.001)


# The id ---


@pytest.mark.parametrize("name", NORMATIVE)
def test_the_id_follows_from_every_normative_array(name: str) -> None:
    model = load(TINY)
    array = model.arrays[name].copy()
    assert array.size
    array.reshape(-1)[-1] ^= 1
    assert dataclasses.replace(model, arrays={**model.arrays, name: array}).id != model.id


def test_the_id_follows_from_the_types_and_shapes_of_arrays() -> None:
    model = load(TINY)
    for other in (model.arrays["cue"].T, model.arrays["cue"].astype(np.int32), model.arrays["cue"].reshape(-1)):
        assert dataclasses.replace(model, arrays={**model.arrays, "cue": other}).id != model.id


def test_the_id_follows_from_the_description() -> None:
    model = load(TINY)
    other = dataclasses.replace(DESCRIPTION, correction_layers=DESCRIPTION.correction_layers[::-1])
    assert dataclasses.replace(model, description=other).id != model.id


def test_the_id_does_not_follow_from_anything_else() -> None:
    analysis = {name: array + 1 for name, array in ARRAYS.items() if name.startswith(ANALYSIS)}
    other = load(changed(analysis, name="other-7", purpose="none", card='{"seed": 1}'))
    assert other.id == load(TINY).id
    assert (other.name, other.purpose, other.card) == ("other-7", "none", {"seed": 1})


def test_the_id_of_the_tiny_model_is_known() -> None:
    # A change of this is a change of the ids of all models.
    arrays: Arrays = {
        "b": np.array([1, 2], np.int16),
        "analysis.x": np.zeros(1, np.float32),
        "a": np.array([[3]], np.uint8),
    }
    model = dataclasses.replace(load(TINY), arrays=arrays)
    assert model.id.hex() == "454647512c8cadaa"


# Decoding only ---


def only_decodes(data: bytes) -> str:
    """What is said of encoding with a model whose file is as good as any for decoding."""
    model = load(data)
    assert model.id == load(TINY).id
    use(model)
    with pytest.raises(InvalidModelFile) as caught:
        analyse(model, np.zeros((1, 4, 6, 1), np.uint8))
    assert str(caught.value).startswith("the model tiny-1 can only decode: ")
    return str(caught.value)


def test_a_file_without_transforms_for_encoding_decodes() -> None:
    assert "no transforms for encoding" in only_decodes(changed(dict.fromkeys(ENCODING)))


@pytest.mark.parametrize("name", [name for name in ENCODING if name != TYPICAL])
def test_transforms_that_do_not_fit_decode(name: str) -> None:
    array = ARRAYS[name]
    assert name in only_decodes(changed({name: None}))
    for other in (array[..., None], array[:-1], array.astype(np.int8), np.full_like(array, np.nan)):
        assert name in only_decodes(changed({name: other}))


@pytest.mark.parametrize("costs", [np.zeros(99, np.float32), np.full(100, np.nan, np.float32), np.zeros(100, int)])
def test_typical_costs_that_do_not_fit_decode(costs: np.ndarray) -> None:
    assert TYPICAL in only_decodes(changed({TYPICAL: costs}))


# Tampering ---


@pytest.mark.parametrize("name", NORMATIVE)
def test_a_missing_array_is_refused(name: str) -> None:
    refused(changed({name: None}))


@pytest.mark.parametrize("name", NORMATIVE)
def test_an_array_of_another_shape_is_refused(name: str) -> None:
    array = ARRAYS[name]
    for other in (np.concatenate([array, array[:1]]), array[..., None], array[:-1], array.reshape(-1)[:0]):
        refused(changed({name: other}))


@pytest.mark.parametrize("name", NORMATIVE)
def test_a_normative_array_of_floats_is_refused(name: str) -> None:
    for special in (0.5, np.nan, np.inf):
        array = ARRAYS[name].astype(np.float32)
        refused(changed({name: array}))
        array.reshape(-1)[0] = special
        refused(changed({name: array}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, 2**31 - 1) for name in ("step", "offset", "vector_class", "context_exponent", "cue")),
        *((name, -(2**31)) for name in ("step", "offset", "vector_class", "context_exponent", "cue")),
        ("step", 0),
        ("context_exponent", 16),
        ("context_exponent", -16),
        ("cue", 1024),
        *((name, value) for name in NORMATIVE if name.endswith(".shift") for value in (-1, 31, 200)),
        ("tables.extents", 64),
        ("tables.extents", -1),
        ("tables.shifts", 16),
        ("tables.skip", 65),
        ("tables.skip", -1),
        ("tables.frequencies", 0),
        ("tables.frequencies", 4096),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: int) -> None:
    array = ARRAYS[name].astype(np.int32)
    array.reshape(-1)[-1] = value
    refused(changed({name: array}))


WEIGHTS = [name for name in NORMATIVE if name.endswith((".weight", ".bias"))]


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("value", [2**53, -(2**53), 2**62, -(2**62), -(2**63), 2**63 - 1])
def test_weights_beyond_what_float64_holds_are_refused(name: str, value: int) -> None:
    array = ARRAYS[name].astype(np.int64)
    array.reshape(-1)[0] = value
    refused(changed({name: array}))


@pytest.mark.parametrize("name", [name for name in NORMATIVE if name.endswith(".weight")])
def test_weights_that_would_wrap_around_are_refused(name: str) -> None:
    refused(changed({name: np.full(ARRAYS[name].shape, 2**62, np.int64)}))


def test_weights_beyond_float32_run_in_float64() -> None:
    weight = ARRAYS["correction.1.weight"].astype(np.int32) * 10_000
    model = load(changed({"correction.1.weight": weight}))
    assert load(TINY).correction_network.single == (True, True, True)
    assert model.correction_network.single == (True, False, True)
    use(model)


def described(**fields: Any) -> str:
    return json.dumps({**json.loads(DESCRIPTION.to_json()), **fields}, separators=(",", ":"), sort_keys=True)


PASSES = json.loads(DESCRIPTION.to_json())["passes"]
LAYERS = json.loads(DESCRIPTION.to_json())["pass_layers"]
UPDATES = json.loads(DESCRIPTION.to_json())["update_layers"]


@pytest.mark.parametrize(
    "passes",
    [
        PASSES[:-1],  # blocks without their last coefficients
        PASSES[:2],
        PASSES[1:],
        [],
        [*PASSES[2:], *PASSES[:2]],  # the wrong order
        [PASSES[0], PASSES[0], *PASSES[2:]],  # twice
        [PASSES[0], {**PASSES[1], "lattice": [[0, 1]]}, *PASSES[2:]],  # a hole
        [PASSES[0], {**PASSES[1], "lattice": [[0, 1], [1, 0], [1, 1]]}, *PASSES[2:]],  # an overlap
        [{**PASSES[0], "lattice": []}, *PASSES[1:]],
        [{**PASSES[0], "lattice": [[0, 0], [1, 2]]}, *PASSES[1:]],
        [{**PASSES[0], "hi": 2}, *PASSES[1:]],
        [{**PASSES[0], "lo": 1}, *PASSES[1:]],
        [*PASSES[:3], {**PASSES[3], "hi": 5}],
        [{**PASSES[0], "hi": 0}, {**PASSES[1], "hi": 0}, *PASSES[2:]],
    ],
)
def test_passes_that_do_not_cover_the_plane_once_are_refused(passes: list[dict[str, Any]]) -> None:
    count = len(passes)
    description = described(passes=passes, pass_layers=(LAYERS * 2)[:count], update_layers=[[]] * count)
    assert refused(changed(description=description)) in (
        "the passes do not cover the plane",
        "the passes do not cover the plane exactly once, group after group",
        "a pass needs a mean and a class for every channel",  # the layers of a group that comes too early
    )


@pytest.mark.parametrize(
    ("updates", "reason"),
    [
        ([*UPDATES[:-1], UPDATES[1]], "an update after the last pass"),
        (
            [[], UPDATES[1], [{**UPDATES[2][0], "units": 3}], []],
            "an update does not compute the features of every block",
        ),
        (
            [[], [{**UPDATES[1][0], "units": 2}, {**UPDATES[1][1], "units": 4}], UPDATES[2], []],
            "features of every block",
        ),
        ([UPDATES[1], UPDATES[1], UPDATES[2], []], "update0.0.weight"),  # has no arrays
        ([[], UPDATES[1], [], []], "an unknown array: 'update2.0.bias'"),
        ([[], UPDATES[1][:1], UPDATES[2], []], "features of every block"),
        ([[], [{**UPDATES[1][0], "kernel": 1}, UPDATES[1][1]], UPDATES[2], []], "another number of inputs"),
        ([[], [{**UPDATES[1][0], "kernel": 5}, UPDATES[1][1]], UPDATES[2], []], "a kernel"),
        ([[], [{**UPDATES[1][0], "units": 0}, UPDATES[1][1]], UPDATES[2], []], "an impossible layer"),
        ([[], [{**UPDATES[1][0], "leaky": 1}, UPDATES[1][1]], UPDATES[2], []], "an impossible layer"),
        ([None, *UPDATES[1:]], "incomplete"),
        (None, "incomplete"),
    ],
)
def test_updates_that_do_not_make_features_between_passes_are_refused(updates: Any, reason: str) -> None:
    assert reason in refused(changed(description=described(update_layers=updates)))


@pytest.mark.parametrize("count", [0, 3, 5])
def test_there_are_as_many_updates_as_passes(count: int) -> None:
    d = tiny_description((4, 6), updates=False)
    description = dataclasses.replace(d, update_layers=((),) * count).to_json()
    assert "incomplete" in refused(safetensors.dump(tiny_arrays(d), {"name": "tiny-1", "description": description}))


def test_features_come_from_a_vector_or_an_update() -> None:
    without = dataclasses.replace(tiny_description(None, updates=False), features=2)
    data = safetensors.dump(tiny_arrays(without), {"name": "tiny-1", "description": without.to_json()})
    assert "no network computes the features" in refused(data)
    some = tiny_description(None)
    assert some.vector == 0 and some.features
    assert load(safetensors.dump(tiny_arrays(some), {"name": "tiny-1", "description": some.to_json()}))
    none = dataclasses.replace(some, features=0)
    data = safetensors.dump(tiny_arrays(some), {"name": "tiny-1", "description": none.to_json()})
    assert "the features of every block" in refused(data)


def test_a_pass_sees_channels_of_its_own_group_where_an_earlier_pass_has_decoded_some() -> None:
    passes = [(p.lo, p.hi) for p in DESCRIPTION.passes]
    assert passes == [(0, 1), (0, 1), (1, 4), (1, 4)]
    assert [DESCRIPTION.seen(index) for index in range(4)] == [0, 1, 1, 4]
    inputs = DESCRIPTION.features + DESCRIPTION.cues
    model = load(TINY)
    assert [network.inputs - inputs for network in model.pass_networks] == [0, 1, 1, 4]
    assert [network and network.inputs - inputs for network in model.update_networks] == [None, 1, 4, None]


def test_updates_are_counted() -> None:
    with_updates, without = load(TINY), load(tiny_file(updates=False))
    layers = [layer for network in with_updates.update_networks if network for layer in network.layers]
    parameters = sum(layer.weight.size + layer.bias.size for layer in layers)
    assert with_updates.parameters - without.parameters == parameters > 0
    macs = sum(layer.weight.size for layer in layers) / DESCRIPTION.block**2
    assert with_updates.macs_per_pixel - without.macs_per_pixel == pytest.approx(macs)
    assert without.update_networks == (None,) * 4
    use(without)


@pytest.mark.parametrize(
    "fields",
    [
        {"tile": [4, 5]},
        {"tile": [0, 6]},
        {"tile": [-4, 6]},
        {"tile": [4, 6, 1]},
        {"tile": [4]},
        {"tile": [4.0, 6.0]},
        {"tile": ["4", "6"]},
        {"tile": None},
        {"tile": [8, 6]},
        {"channels": 2},
        {"channels": 3},
        {"channels": True},
        {"block": 3},
        {"block": 4},
        {"block": 2.0},
        {"block": "2"},
        {"vector": 0},
        {"vector": -1},
        {"vector": 2},
        {"vector": 10**30},
        {"features": 0},
        {"features": 3},
        {"cues": 3},
        {"cues": -1},
        {"cues": 1e400},
        {"passes": None},
        {"pass_layers": LAYERS[:-1]},
        {"pass_layers": [[], *LAYERS[1:]]},
        {"pass_layers": [[LAYERS[0][0], {**LAYERS[0][1], "kernel": 3}], *LAYERS[1:]]},
        {"pass_layers": [[{**LAYERS[0][0], "kernel": 5}, LAYERS[0][1]], *LAYERS[1:]]},
        {"pass_layers": [[{**LAYERS[0][0], "units": 5}, LAYERS[0][1]], *LAYERS[1:]]},
        {"pass_layers": [[{**LAYERS[0][0], "add": 0}, LAYERS[0][1]], *LAYERS[1:]]},
        {"pass_layers": [[LAYERS[0][0], {**LAYERS[0][1], "add": 0}], *LAYERS[1:]]},
        {"pass_layers": [[LAYERS[0][0], {**LAYERS[0][1], "add": -1}], *LAYERS[1:]]},
        {"pass_layers": [[{**LAYERS[0][0], "leaky": "yes"}, LAYERS[0][1]], *LAYERS[1:]]},
        {"pass_layers": [[{**LAYERS[0][0], "stride": 2}, LAYERS[0][1]], *LAYERS[1:]]},
        {"vector_layers": []},
        {"correction_layers": []},
        {"extra": 1},
    ],
)
def test_a_description_of_no_model_is_refused(fields: dict[str, Any]) -> None:
    refused(changed(description=described(**fields)))


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", "3", "{", DESCRIPTION.to_json() + " ", '"' * 9, "[" * 100_000]
)
def test_a_description_in_another_form_is_refused(text: str) -> None:
    refused(changed(description=text or " "))


@pytest.mark.parametrize("card", ["", "{", "3", "[]", '{"figures": 3}', '{"figures": [3]}', "[" * 100_000])
def test_a_card_that_cannot_be_read_is_no_reason_to_fail(card: str, own_folder: Path) -> None:
    (own_folder / "tiny-1.safetensors").write_bytes(changed(card=card))
    assert isinstance(registry.by_name("tiny").card, dict)
    assert [info.figures for info in aecodec.list_models() if info.name == "tiny-1"] == [[]]


def test_a_model_needs_a_name() -> None:
    refused(safetensors.dump(ARRAYS, {"description": DESCRIPTION.to_json()}))


@pytest.mark.parametrize("data", [TINY, WIDE], ids=["tile", "any size"])
@settings(max_examples=150)
@given(draw=st.data())
def test_a_damaged_header_is_another_model_or_refused(data: bytes, draw: st.DataObject) -> None:
    end = 8 + int.from_bytes(data[:8], "little")
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 2))):
        at = draw.draw(st.integers(0, end - 1))
        damaged[at] = draw.draw(st.integers(0, 255) | st.sampled_from(b'0123456789[]{}",:-.etrue'))
    try:
        model = load(bytes(damaged))
    except InvalidModelFile:
        return
    use(model)


@settings(max_examples=30)
@given(length=st.integers(0, len(TINY) - 1))
def test_every_truncation_of_a_model_file_is_refused(length: int) -> None:
    refused(TINY[:length])


@given(st.binary(max_size=200))
def test_any_bytes_are_no_model(data: bytes) -> None:
    refused(data)


# safetensors ---

LITERAL = (
    (80).to_bytes(8, "little")
    + b'{"__metadata__":{"k":"v"},"a":{"data_offsets":[0,4],"dtype":"I16","shape":[2]}}'.ljust(80)
    + bytes.fromhex("0100feff")
)


def file(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def entry(begin: Any, end: Any, dtype: Any = "U8", shape: Any = None) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [end - begin] if shape is None else shape, "data_offsets": [begin, end]}


def test_these_arrays_have_exactly_these_bytes() -> None:
    arrays = {"a": np.array([1, -2], np.int16)}
    assert safetensors.dump(arrays, {"k": "v"}) == LITERAL
    loaded, metadata = safetensors.load(LITERAL)
    assert metadata == {"k": "v"}
    assert loaded["a"].dtype == np.int16
    assert loaded["a"].tolist() == [1, -2]


stored = st.dictionaries(
    st.text(max_size=8).filter(lambda name: name != "__metadata__"),
    st.sampled_from(sorted(DTYPES)).flatmap(
        lambda name: numpy_arrays(DTYPES[name], array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    ),
    max_size=4,
)


@given(stored, st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
def test_loading_inverts_dumping(arrays: Arrays, metadata: dict[str, str]) -> None:
    data = safetensors.dump(arrays, metadata)
    assert int.from_bytes(data[:8], "little") % 8 == 0
    loaded, again = safetensors.load(data)
    assert again == metadata
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        assert loaded[name].shape == array.shape
        assert loaded[name].tobytes() == array.tobytes()
        assert not loaded[name].flags.writeable


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 7,
        b"\0" * 8,
        (1 << 62).to_bytes(8, "little") + b"{}",
        (3).to_bytes(8, "little") + b"{}",
        file(b"[]"),
        file(b"3"),
        file(b"null"),
        file(b"\xff{}"),
        file(b"{"),
        file(b"[" * 100_000),
        file(b"{}" + b" " * (1 << 20)),
        file({}, b"x"),
        file({"__metadata__": [], "a": entry(0, 1)}, b"x"),
        file({"a": entry(0, 1)}),  # beyond the file
        file({"a": entry(0, 1)}, b"xy"),  # bytes of no array
        file({"a": entry(1, 2)}, b"xy"),  # a hole at the start
        file({"a": entry(0, 1), "b": entry(2, 3)}, b"xyz"),  # a hole
        file({"a": entry(0, 2), "b": entry(1, 3)}, b"xyz"),  # an overlap
        file({"a": entry(0, 2), "b": entry(0, 2)}, b"xy"),
        file({"a": entry(2, 0, shape=[-2])}, b"xy"),
        file({"a": entry(-1, 1)}, b"xy"),
        file({"a": entry(0, 2, shape=[-1, -2])}, b"xy"),
        file({"a": entry(0, 2, shape=[3])}, b"xy"),
        file({"a": entry(0, 2, "I32")}, b"xy"),
        file({"a": entry(0, 2, "BOOL")}, b"xy"),
        file({"a": entry(0, 2, "O")}, b"xy"),
        file({"a": entry(0, 2, ["U8"])}, b"xy"),
        file({"a": entry(0.0, 2.0)}, b"xy"),
        file({"a": entry("0", "2", shape=[2])}, b"xy"),
        file({"a": entry(0, 2, shape=["x"])}, b"xy"),
        file({"a": entry(0, 2, shape=2)}, b"xy"),
        file({"a": entry(0, 2, shape=[[2]])}, b"xy"),
        file({"a": entry(0, 2, shape=[2.5])}, b"xy"),
        file({"a": entry(0, 2, shape=[1e400])}, b"xy"),
        file({"a": entry(0, 0, shape=[0, 10**30])}),
        file({"a": entry(0, 1, shape=[1] * 70)}, b"x"),
        file({"a": entry(0, 10**30)}, b"xy"),
        file({"a": {"dtype": "U8", "shape": [1]}}, b"x"),
        file({"a": {"dtype": "U8", "data_offsets": [0, 1]}}, b"x"),
        file({"a": {**entry(0, 1), "data_offsets": [0]}}, b"x"),
        file({"a": {**entry(0, 1), "data_offsets": [0, 1, 1]}}, b"x"),
        file({"a": 7}, b"x"),
    ],
)
def test_a_file_of_another_layout_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidModelFile):
        safetensors.load(data)


@given(st.binary(max_size=60) | st.binary(max_size=60).map(file))
def test_any_bytes_are_arrays_or_refused(data: bytes) -> None:
    try:
        arrays, _ = safetensors.load(data)
    except InvalidModelFile:
        return
    assert sum(array.nbytes for array in arrays.values()) <= len(data)


# Descriptions ---


def test_a_description_survives_json() -> None:
    for name in MODELS:
        description = registry.by_name(name).description
        assert Description.from_json(description.to_json()) == description
    assert Description.from_json(DESCRIPTION.to_json()) == DESCRIPTION


def test_every_position_is_decoded_by_one_pass_of_each_group() -> None:
    for description in (DESCRIPTION, tiny_description(None), *(registry.by_name(name).description for name in MODELS)):
        for down, across in ((1, 1), (1, 6), (2, 3), (5, 4)):
            rows, columns = description.grid(down * description.unit[0], across * description.unit[1])
            seen = np.zeros((rows * columns, description.coefficients), int)
            for stage in description.passes:
                seen[ladder.positions(stage, rows, columns), stage.lo : stage.hi] += 1
            assert (seen == 1).all()
            model = dataclasses.replace(load(TINY), description=description)
            assert seen.size + down * across * description.vector == ladder.elements(model, rows, columns)


def test_files_and_ids_are_the_same_for_arrays_of_either_byte_order() -> None:
    model = registry.by_name("mnist")
    swapped = {name: array.astype(array.dtype.newbyteorder(">")) for name, array in model.arrays.items()}
    assert safetensors.dump(swapped, {}) == safetensors.dump(model.arrays, {})
    assert dataclasses.replace(model, arrays=swapped).id == model.id
    loaded, _ = safetensors.load(safetensors.dump(swapped, {}))
    assert all(array.dtype.isnative and np.array_equal(array, model.arrays[name]) for name, array in loaded.items())
