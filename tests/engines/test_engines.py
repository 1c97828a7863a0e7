"""The engines give the integers that the format defines, for every input that it can carry, whatever computes them."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import golden
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_engine import ENGINES, Reference, left_out, needs_tensorflow
from samples import DIGITS, MODELS, SHAPES, mosaic, waves

import aecodec
from aecodec.conformance.tiny_models import tiny_arrays, tiny_description, tiny_file
from aecodec.engines import Engine, blas, engine
from aecodec.engines.arithmetic import decoded
from aecodec.engines.network import ExactLayer, prove
from aecodec.errors import InvalidModelFile, InvalidValue
from aecodec.models import ladder, registry, safetensors
from aecodec.models.ladder import Latent, Prediction
from aecodec.models.model import Model, load
from aecodec.packing.tables import MAX_RESIDUAL
from conformance import decoder as reference


@dataclass
class Walk:
    """All that one walk computes and that must not depend on the engine."""

    means: list[np.ndarray]
    classes: list[np.ndarray]
    latent: Latent
    pixels: np.ndarray


Residuals = Callable[[tuple[int, ...], int], np.ndarray]


def alternating(shape: tuple[int, ...], index: int) -> np.ndarray:
    return np.where(np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % 2, MAX_RESIDUAL, -MAX_RESIDUAL)


def huge_noise(shape: tuple[int, ...], index: int) -> np.ndarray:
    return np.random.default_rng(index + 1).integers(-MAX_RESIDUAL, MAX_RESIDUAL + 1, shape)


def small_noise(shape: tuple[int, ...], index: int) -> np.ndarray:
    return np.random.default_rng(index + 1).integers(-2, 3, shape)


EXTREMES: dict[str, Residuals] = {
    "all largest": lambda shape, index: np.full(shape, MAX_RESIDUAL),
    "all smallest": lambda shape, index: np.full(shape, -MAX_RESIDUAL),
    "alternating": alternating,
    "huge noise": huge_noise,
    "small noise": small_noise,
    "nothing": lambda shape, index: np.zeros(shape, int),
}


def walk(model: Model, by: Engine, grid: tuple[int, int], quality: list[int], residuals: Residuals) -> Walk:
    means, all_classes = [], []

    def code(prediction: Prediction) -> np.ndarray:
        n = len(prediction.mean)
        means.append(prediction.mean.astype(np.int64).reshape(n, -1))
        all_classes.append(prediction.classes.reshape(n, -1))
        shape = all_classes[-1].shape
        return np.where(all_classes[-1] < model.tables.skip, 0, residuals(shape, prediction.index)).astype(np.int64)

    latent = ladder.walk(model, by, np.array(quality), *grid, code)
    return Walk(means, all_classes, latent, ladder.synthesize(model, by, latent))


def require_equal(one: Walk, other: Walk) -> None:
    for a, b in zip([*one.means, *one.classes], [*other.means, *other.classes], strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(one.latent.plane, other.latent.plane)
    assert np.array_equal(one.latent.context, other.latent.context)
    assert np.array_equal(one.pixels, other.pixels)


def grids(model: Model) -> list[tuple[int, int]]:
    """(rows, columns) of blocks on which a model can be walked: of one tile and of two by three."""
    d = model.description
    return [d.grid(*d.tile), d.grid(2 * d.tile[0], 3 * d.tile[1])] if d.tile else [(1, 1), (1, 7), (5, 2), (9, 8)]


# Tiles are odd numbers of blocks high or wide, so that the lattices of neighbours differ.
SMALL_FILES = {
    "updates-1": tiny_file(name="updates-1"),
    "plain-1": tiny_file(updates=False, name="plain-1"),
    "colour-1": tiny_file((6, 2), 3, name="colour-1"),
    "wide-1": tiny_file(None, 3, name="wide-1"),
    "finished-1": tiny_file((6, 4), 1, finish=True, name="finished-1"),
    "finer-1": tiny_file(None, 3, lossless=True, finish=True, name="finer-1"),  # on cells of a pixel
}
SMALL_MODELS = {name: load(data) for name, data in SMALL_FILES.items()}


def model(name: str) -> Model:
    return SMALL_MODELS[name] if name in SMALL_MODELS else registry.by_name(name)


# Against the definition ---


@cache
def by_definition(name: str, grid: tuple[int, int], extreme: str) -> Walk:
    return walk(model(name), Reference(), grid, [1, 50, 100], EXTREMES[extreme])


@pytest.mark.parametrize("by", ENGINES)
@pytest.mark.parametrize("name", [*MODELS, *SMALL_MODELS])
@pytest.mark.parametrize("extreme", EXTREMES)
def test_an_engine_gives_the_integers_of_the_definition_at_the_extremes(by: str, name: str, extreme: str) -> None:
    for grid in grids(model(name)):
        expected = by_definition(name, grid, extreme)
        require_equal(walk(model(name), engine(by), grid, [1, 50, 100], EXTREMES[extreme]), expected)
        assert expected.pixels.dtype == np.uint8


def test_the_extremes_reach_the_limits() -> None:
    for name in MODELS:
        largest = walk(model(name), engine(), grids(model(name))[0], [1, 100], EXTREMES["alternating"])
        assert np.abs(largest.latent.plane).max() == 32767
        assert np.abs(largest.latent.context).max() == 1023
        assert set(largest.pixels.flat) >= {0, 255}


mean_extremes, residual_extremes = ([-top, 1 - top, 0, top - 1, top] for top in (32767, MAX_RESIDUAL))


@given(
    st.integers(-32767, 32767) | st.sampled_from(mean_extremes),
    st.integers(-MAX_RESIDUAL, MAX_RESIDUAL) | st.integers(-70_000, 70_000) | st.sampled_from(residual_extremes),
    st.integers(1, 32767) | st.sampled_from([1, 2, 32767]),
)
def test_an_element_is_its_mean_and_residual_times_step_clamped(mean: int, residual: int, step: int) -> None:
    expected = max(-32767, min(mean + residual * step, 32767))
    one, other, size = (np.array([[value]], np.int32) for value in (mean, residual, step))
    assert decoded(one, other, size).tolist() == [[expected]]


layers = st.lists(
    st.tuples(
        st.sampled_from([1, 3]),  # kernel
        st.integers(1, 5),  # units
        st.integers(0, 12),  # shift
        st.integers(1, 14),  # log2 of the largest weight
        st.sampled_from([0, 5, 8]),  # leak
        st.booleans(),  # adds an earlier layer of the same width
        st.sampled_from([1, 1023, 32767]),  # limit
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("by", ENGINES)
@settings(max_examples=40)
@given(layers, st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.integers(1, 4)), st.data())
def test_an_engine_runs_any_network_by_the_definition(
    by: str, specification: list[tuple[Any, ...]], shape: tuple[int, int, int, int], draw: st.DataObject
) -> None:
    random = np.random.default_rng(draw.draw(st.integers(0, 2**32 - 1)))
    some = draw.draw(st.booleans())
    made: list[ExactLayer] = []
    inputs = shape[-1]
    for index, (kernel, units, shift, log_weight, leak, adds, limit) in enumerate(specification):
        kernel = 1 if some and index else kernel
        fitting = [i for i, layer in enumerate(made) if layer.units == units] if adds else []
        made.append(
            ExactLayer(
                kernel,
                random.integers(-(2**log_weight), 2**log_weight + 1, (kernel**2 * inputs, units)),
                random.integers(-(2**20), 2**20, units),
                np.minimum(random.integers(0, 3, units) + shift, 30),
                np.full(units, limit) - random.integers(0, 2, units) * (limit > 1),
                leak,
                fitting[0] if fitting else None,
            )
        )
        inputs = units
    network = prove(tuple(made), np.full(shape[-1], 32767))
    x = random.choice(np.array([-32767, -1, 0, 1, 32767], np.float32), shape)
    places = np.flatnonzero(random.random(shape[1] * shape[2]) < 0.6) if some else None
    assert np.array_equal(engine(by).run(network, x, places), Reference().run(network, x, places))


# Where float32 ends ---


def sum_of(count: int, weight: int, bias: int, input_limit: int = 32767, output_limit: int = 32767) -> ExactLayer:
    weights = np.full((count, 1), weight, np.int64)
    return ExactLayer(1, weights, np.array([bias]), np.array([0]), np.array([output_limit]))


@pytest.mark.parametrize(
    ("bound", "single"), [(2**24 - 1, True), (2**24, False), (2**24 + 1, False), (2**53 - 1, False)]
)
def test_a_layer_runs_in_float32_exactly_while_its_bound_allows_it(bound: int, single: bool) -> None:
    layer = sum_of(1, 1, bound - 32767)
    assert layer.bound(np.array([32767])) == bound
    assert prove((layer,), np.array([32767])).single == (single,)


def test_a_layer_beyond_float64_is_refused() -> None:
    with pytest.raises(InvalidModelFile, match="breaks the bound of exact arithmetic"):
        prove((sum_of(1, 1, 2**53 - 32767),), np.array([32767]))


@pytest.mark.parametrize("by", ENGINES)
def test_a_layer_that_float32_would_get_wrong_is_right(by: str) -> None:
    # 2 * 8388609 - 2 * 8388608 + 1 = 3: float32 knows no odd number beyond 2^24.
    weight = np.array([[8388609], [-8388608], [8388609], [-8388608]])
    layer = ExactLayer(1, weight, np.array([1]), np.array([0]), np.array([32767]))
    network = prove((layer,), np.array([1, 1, 1, 1]))
    assert network.single == (False,)
    x = np.ones((1, 1, 1, 4), np.float32)
    assert engine(by).run(network, x).item() == 3
    first = np.float32(8388609) + np.float32(8388609) + np.float32(1)
    assert first - np.float32(8388608) - np.float32(8388608) != 3  # in this order, for one
    for name in MODELS:
        assert model(name).synthesis.single == (False,)  # so every model goes this way


@pytest.mark.parametrize("by", ENGINES)
def test_rounding_is_down_for_negative_numbers_as_well(by: str) -> None:
    layer = ExactLayer(1, np.array([[1]]), np.array([0]), np.array([3]), np.array([1023]), leak=8)
    network = prove((layer,), np.array([1023]))
    x = np.array([-1, -7, -8, -9, -64, -65, 7, 8], np.float32).reshape(1, 1, -1, 1)
    assert engine(by).run(network, x).ravel().tolist() == [-1, -1, -1, -1, -1, -2, 0, 1]


@pytest.mark.parametrize("by", ENGINES)
@pytest.mark.parametrize("leak", [5, 8])
@pytest.mark.parametrize("weight", [1, 1 << 27], ids=["float32", "float64"])
@pytest.mark.parametrize("limit", [1023, (1 << 17) - 1])
def test_a_leak_divides_every_integer_as_integers_divide(by: str, leak: int, weight: int, limit: int) -> None:
    some = np.arange(-(1 << 17), 1 << 17)
    edge = (1 << 24) - 1 - np.arange(1 << 16)
    x = np.concatenate([some, some * 8 - 1, -edge, edge]).astype(np.float32).reshape(-1, 64, 64, 1)
    for shift in (0, 3):
        shifts = np.array([weight.bit_length() - 1 + shift])
        layer = ExactLayer(1, np.array([[weight]]), np.array([0]), shifts, np.array([limit]), leak)
        network = prove((layer,), np.array([(1 << 24) - 1]))
        assert network.single == (weight == 1,)
        y = x.astype(np.int64) >> shift
        expected = np.clip(np.maximum(y, y // leak), -limit, limit)
        assert np.array_equal(engine(by).run(network, x).reshape(x.shape), expected)


def test_a_fifth_of_every_integer_of_24_bits_has_the_exact_floor_in_float32() -> None:
    for begin in range(-(1 << 24) + 1, 1 << 24, 1 << 22):
        y = np.arange(begin, min(begin + (1 << 22), 1 << 24), dtype=np.int32)
        assert np.array_equal(np.floor(y.astype(np.float32) / np.float32(5)), y // 5)
        assert np.array_equal(np.floor(y.astype(np.float32) / np.float32(1 << 20) / np.float32(5)), y // (5 << 20))


# Whatever computes it ---


@pytest.mark.parametrize("by", ENGINES)
@pytest.mark.parametrize("name", [*SHAPES, *SMALL_MODELS])
def test_pictures_together_equal_each_alone(by: str, name: str) -> None:
    grid = grids(model(name))[-1]
    quality = [1, 33, 50, 77, 100]
    elements = ladder.elements(model(name), *grid)
    all_residuals = np.random.default_rng(5).integers(
        -3, 4, (len(quality), 2 + len(model(name).pass_networks), elements)
    )

    def of(rows: slice) -> Residuals:
        return lambda shape, index: all_residuals[rows, index + 1, : shape[1]]

    together = walk(model(name), engine(by), grid, quality, of(slice(None)))
    for i, one in enumerate(quality):
        alone = walk(model(name), engine(by), grid, [one], of(slice(i, i + 1)))
        assert np.array_equal(alone.pixels[0], together.pixels[i])
        assert np.array_equal(alone.latent.plane[0], together.latent.plane[i])


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("values", [1, 20_000, 1 << 40])
def test_the_size_of_a_chunk_does_not_matter(name: str, values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = grids(model(name))[0]
    by = engine("numpy")
    expected = walk(model(name), by, grid, [1, 50, 75, 100], EXTREMES["small noise"])
    monkeypatch.setattr("aecodec.engines.numpy_engine.CHUNK_VALUES", values)
    require_equal(walk(model(name), by, grid, [1, 50, 75, 100], EXTREMES["small noise"]), expected)


PROGRAM = """
import hashlib, sys
import numpy as np, aecodec
from pathlib import Path
digest = hashlib.sha256()
files = [Path(name).read_bytes() for name in sys.argv[2:]]
for pixels in aecodec.decode_many(files, engine=sys.argv[1]):
    digest.update(pixels.tobytes())
print(digest.hexdigest())
"""


@pytest.mark.parametrize("by", ENGINES)
def test_the_number_of_threads_does_not_matter(by: str, tmp_path: Path) -> None:
    names, digest = [], hashlib.sha256()
    for index, picture in enumerate([mosaic(120, 150), waves(90, 70, 1), *DIGITS[:5]]):
        names.append(tmp_path / f"{index}.aec")
        names[-1].write_bytes(aecodec.encode(picture, quality=80))
        with blas.one_thread():  # TensorFlow has one in tests, see conftest
            digest.update(aecodec.decode(names[-1].read_bytes(), engine=by).tobytes())
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    environment = {**os.environ, **dict.fromkeys(variables, "2"), "PYTHONPATH": str(Path(aecodec.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, by, *names], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == digest.hexdigest()


# The whole way ---


@pytest.mark.parametrize("by", ENGINES[:1] + ENGINES[2:])
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("size", [(1, 1), (33, 31), (5, 70), (64, 96)])
@pytest.mark.parametrize("quality", [1, 50, 100])
def test_engines_encode_to_the_same_bytes_and_decode_to_the_same_pixels(
    by: str, name: str, size: tuple[int, int], quality: int
) -> None:
    gray = model(name).description.channels == 1
    picture = mosaic(*size, tiles=DIGITS) if gray else mosaic(*size)
    data = aecodec.encode(picture, model=name, quality=quality, engine="numpy")
    assert aecodec.encode(picture, model=name, quality=quality, engine=by) == data
    assert np.array_equal(aecodec.decode(data, engine="numpy"), aecodec.decode(data, engine=by))


@pytest.mark.parametrize("name", SMALL_FILES)
@pytest.mark.parametrize(("down", "across", "cut"), [(2, 3, 0), (2, 3, 1), (3, 2, 1), (1, 1, 1)])
@pytest.mark.parametrize("packing", ["rans", "zstd"])
def test_small_models_decode_alike_with_every_engine_and_by_the_specification(
    name: str, down: int, across: int, cut: int, packing: str, own_folder: Path
) -> None:
    (own_folder / f"{name}.safetensors").write_bytes(SMALL_FILES[name])
    read = reference.Model(SMALL_FILES[name])
    d = SMALL_MODELS[name].description
    height, width = (down * d.unit[0] - cut, across * d.unit[1] - cut)
    picture = np.random.default_rng(down).integers(0, 256, (height, width, d.channels)).astype(np.uint8)
    logs: list[reference.Log] = []
    data = aecodec.encode(picture.squeeze(2) if d.channels == 1 else picture, model=name, quality=20, packing=packing)
    assert aecodec.inspect(data).model == name
    expected = reference.decode(data, {read.id(): read}, logs)
    (log,) = logs
    samples = np.frombuffer(expected.samples, np.uint8).reshape(picture.shape)
    for by in sorted({"native", "numpy", "tensorflow"} - left_out()):
        assert np.array_equal(aecodec.decode(data, engine=by).reshape(picture.shape), samples)
    if d.tile is not None:
        # There was something to agree on: tiles with different vectors, and features that change.
        assert len({tuple(known) for known in log.known}) == down * across
        assert len({str(made) for made in log.features}) == 1 + sum(map(bool, d.update_layers))


@pytest.mark.parametrize("by", ENGINES)
def test_a_model_whose_first_pass_sees_nothing_can_be_walked(by: str) -> None:
    deep = dataclasses.replace(tiny_description(None, updates=False), cues=0)
    flat = dataclasses.replace(deep, pass_layers=((deep.pass_layers[0][-1],), *deep.pass_layers[1:]))
    for d in (deep, flat):
        model = load(safetensors.dump(tiny_arrays(d), {"name": "tiny-1", "description": d.to_json()}))
        assert model.pass_networks[0].inputs == 0
        for grid in grids(model):
            expected = walk(model, Reference(), grid, [1, 100], EXTREMES["small noise"])
            require_equal(walk(model, engine(by), grid, [1, 100], EXTREMES["small noise"]), expected)


@needs_tensorflow
def test_golden_files_decode_the_same_in_tensorflow() -> None:
    files = [golden.data(name) for name in golden.ROWS]
    assert files
    for one, other in zip(aecodec.decode_many(files), aecodec.decode_many(files, engine="tensorflow"), strict=True):
        assert np.array_equal(one, other)


def test_an_engine_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidValue, match="there is no engine 'abacus'"):
        engine("abacus")
