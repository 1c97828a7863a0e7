"""Every code path of the native library computes the same, and what it cannot compute goes another way."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock

import golden
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_engine import WITHOUT_NATIVE, Reference, needs_native
from samples import MODELS, mosaic

import aecodec
from aecodec import native
from aecodec.engines import engine, native_engine, threads
from aecodec.engines.native_engine import Chain
from aecodec.engines.network import ExactLayer, Network, prove
from aecodec.errors import InvalidValue
from aecodec.models import registry

pytestmark = needs_native
PATHS = [] if WITHOUT_NATIVE in os.environ else native.paths()
GOLDEN = golden.paths()
ENDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "largest": lambda x: np.full_like(x, 1),
    "smallest": lambda x: np.full_like(x, -1),
    "alternating": lambda x: np.where(np.arange(x.size).reshape(x.shape) % 2, 1, -1),
    "noise": lambda x: x,
}


def digest(files: list[bytes]) -> str:
    found = hashlib.sha256()
    for picture in aecodec.decode_many(files):
        found.update(picture.tobytes())
    return found.hexdigest()


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    number = PATHS.index(request.param)
    monkeypatch.setattr(native, "path", lambda: number)
    return str(request.param)


def test_there_is_a_path_that_needs_nothing_of_the_processor() -> None:
    assert PATHS[-1] == "generic" and len(set(PATHS)) == len(PATHS)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("end", ENDS)
def test_networks_of_the_models_on_extreme_grids(name: str, end: str, path: str) -> None:
    model, random = registry.by_name(name), np.random.default_rng(3)
    several = [model.correction_network, *(net for net in model.update_networks if net)]
    first = [model.vector_network] if model.description.vector else []
    stage = model.lossless
    assert stage is not None
    for net in [*several, *first, model.synthesis, *model.pass_networks, stage.trunk, *stage.heads]:
        shape = (2, 1, 1) if net is model.vector_network else (2, 3, 5)
        x = ENDS[end](random.choice([-1.0, 0.0, 1.0], (*shape, net.inputs))) * net.reach
        assert np.array_equal(engine("native").run(net, x.astype(np.int32)), Reference().run(net, x))


@pytest.mark.usefixtures("path")
@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from([1, 3]), st.integers(1, 70), st.integers(1, 17)), min_size=1, max_size=3),
    st.tuples(*(st.integers(1, 4),) * 3, st.integers(1, 40)),
    st.integers(0, 2**32 - 1),
)
def test_networks_of_any_width_with_weights_of_any_size(
    specification: list[tuple[int, int, int]], shape: tuple[int, int, int, int], seed: int
) -> None:
    random = np.random.default_rng(seed)
    layers, inputs = [], shape[3]
    for kernel, units, bits in specification:
        weight = random.integers(-(2**bits), 2**bits + 1, (kernel**2 * inputs, units))
        bias, shift = random.integers(-(2**30), 2**30, units), random.integers(0, 31, units)
        limit = random.choice([1, 255, 1023, 32767], units)
        layers.append(ExactLayer(kernel, weight, bias, shift, limit, int(random.choice([0, 5, 8]))))
        inputs = units
    network = prove(tuple(layers), np.full(shape[3], 32767))
    x = random.choice([-32767, -1, 0, 1, 32767], shape).astype(np.int16)
    assert np.array_equal(engine("native").run(network, x), Reference().run(network, x))


def test_golden_files(path: str) -> None:
    files = [file.read_bytes() for file in GOLDEN]
    assert len(files) > 50
    for one, other in zip(aecodec.decode_many(files), aecodec.decode_many(files, engine="numpy"), strict=True):
        assert np.array_equal(one, other)


# Which sums go where ---


def narrow_sum(weight: int, bias: int) -> ExactLayer:
    one = np.array([30])
    return ExactLayer(1, np.full((2, 1), weight), np.array([bias]), one, np.array([32767]))


@pytest.mark.parametrize("above", [-1, 0, 1])
def test_sums_around_what_32_bits_hold_are_right(above: int, path: str) -> None:
    limit = (1 << 31) - (1 << 16)
    layer = narrow_sum(32767, limit - 2 * 32767**2 + above)
    network = prove((layer,), np.array([32767, 32767]))
    assert network.bounds == (limit + above,)
    for value in (-32767, 32767):
        x = np.full((1, 1, 1, 2), value, np.int16)
        assert np.array_equal(engine("native").run(network, x), Reference().run(network, x))


def test_inputs_beyond_16_bits_are_taken_in_two_parts(path: str) -> None:
    random = np.random.default_rng(0)
    layer = ExactLayer(
        1, random.integers(-32767, 32768, (192, 50)), np.zeros(50, int), np.full(50, 16), np.full(50, 32767)
    )
    network = prove((layer,), np.full(192, 65534))
    for x in (random.integers(-65534, 65535, (1, 3, 3, 192)), np.full((1, 3, 3, 192), -65534)):
        expected = Reference().run(network, x)
        assert np.array_equal(engine("native").run(network, x.astype(np.int32)), expected)
        half = (x // 2).astype(np.int16)
        assert np.array_equal(engine("native").run(network, half, plus=(x - half).astype(np.int16)), expected)


def dense(weight: np.ndarray, reach: int, bias: int = 0, shift: int = 3) -> Network:
    """A layer of kernel 3, whose weights are (9 * inputs, units), and inputs reach."""
    units = weight.shape[1]
    layer = ExactLayer(3, weight, np.full(units, bias), np.full(units, shift), np.full(units, 1023), 8)
    return prove((layer,), np.full(len(weight) // 9, reach))


@pytest.mark.usefixtures("path")
@settings(max_examples=60)
@given(
    st.tuples(st.integers(1, 3), st.integers(2, 9), st.integers(2, 9), st.integers(1, 70)),
    st.integers(1, 70),
    st.sampled_from([7, 300, 3640]),  # of the last, nine fit 16 bits
    st.sampled_from([1, 1023, 8191]),
    st.integers(0, 2**32 - 1),
)
def test_winograds_algorithm_gives_the_integers_of_the_definition(
    shape: tuple[int, int, int, int], units: int, largest: int, reach: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    most = min(largest, (1 << 28) // (9 * shape[3] * reach))  # so that four times the sums fit 32 bits
    weight = random.choice([-most, most, 0, int(random.integers(-most, most + 1))], (9 * shape[3], units))
    network = dense(weight, reach, int(random.integers(-(2**28), 2**28)), int(random.integers(0, 30)))
    x = (random.choice([-1, 1, 0, random.random()], shape) * reach).astype(np.int16)
    assert compiled(network).winograd is not None
    assert np.array_equal(engine("native").run(network, x), Reference().run(network, x))


def compiled(network: Network) -> Chain:
    (chain,) = native_engine._compile(network) or ()
    return chain


def test_winograds_algorithm_is_left_where_it_would_not_be_exact() -> None:
    fits = np.full((9, 1), 3640)
    assert compiled(dense(fits, 8191)).winograd
    for other in (
        dense(fits, 8192),
        dense(fits + 1, 8191),
        dense(fits, 8191, shift=30),
        dense(fits, 8191, bias=(1 << 29) - 8191 * 9 * 3640),
    ):
        assert compiled(other).winograd is None
        for value in (-8191, 8191):
            x = np.full((1, 4, 5, 1), value, np.int16)
            assert np.array_equal(engine("native").run(other, x), Reference().run(other, x))


def test_the_models_have_winograds_algorithm_wherever_neighbours_are_seen_everywhere() -> None:
    for name in MODELS:
        model = registry.by_name(name)
        finish = [model.finish.network] if model.finish else []
        for network in [model.correction_network, *(net for net in model.update_networks if net), *finish]:
            chains = native_engine._compile(network)
            assert chains and all(chain.winograd for chain in chains if chain.kernel == 3)


# Threads and variables ---


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_number_of_threads_does_not_matter(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [aecodec.encode(mosaic(70, 90), quality=60), *(file.read_bytes() for file in GOLDEN[:8])]
    expected = digest(files)
    monkeypatch.setattr("aecodec.engines.native_engine.SHARED_WORK", 1)
    monkeypatch.setenv("AECODEC_THREADS", str(count))
    assert digest(files) == expected


def test_work_that_was_handed_out_hands_out_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AECODEC_THREADS", "2")
    assert not threads.alone()
    assert list(threads.in_threads(lambda item: threads.alone(), range(4))) == [True] * 4


@pytest.mark.parametrize("tasks", [1, 2, 3, 7])
def test_parts_cover_everything_and_threads_never_exceed_what_is_allowed(
    tasks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AECODEC_THREADS", "3")
    lock, state = Lock(), {"now": 0, "most": 0}

    def part(covered: list[tuple[int, int]], begin: int, end: int) -> None:
        with lock:
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
        time.sleep(0.002)
        with lock:
            state["now"] -= 1
            covered.append((begin, end))

    def task(size: int) -> list[tuple[int, int]]:
        covered: list[tuple[int, int]] = []
        threads.in_parts(partial(part, covered), size, shared=True)
        return sorted(covered)

    for size, covered in zip(range(1, tasks + 1), threads.in_threads(task, range(1, tasks + 1)), strict=True):
        assert [begin for begin, _ in covered] == [0, *(end for _, end in covered[:-1])]
        assert covered[-1][1] == size
    assert state["most"] <= 3
    if tasks >= 3:
        assert state["most"] > 1


@pytest.mark.parametrize("value", ["abc", "-3", "1.5"])
def test_what_is_no_number_of_threads_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AECODEC_THREADS", value)
    with pytest.raises(InvalidValue, match=f"AECODEC_THREADS={value} is not a number of threads"):
        threads.workers()
    monkeypatch.delenv("AECODEC_THREADS")
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")
    assert threads.workers() >= 1


def test_a_forked_process_has_a_pool_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AECODEC_THREADS", "2")
    monkeypatch.setattr("aecodec.engines.native_engine.SHARED_WORK", 1)
    data = aecodec.encode(mosaic(64, 64), quality=30)
    expected = aecodec.decode(data).tobytes()
    if not hasattr(os, "fork"):
        pytest.skip("this platform does not fork")
    child = os.fork()
    if child == 0:
        os._exit(0 if aecodec.decode(data).tobytes() == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def run(program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(aecodec.__file__).parents[1]), **variables}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)


def test_a_variable_switches_the_library_off() -> None:
    done = run("from aecodec import engines, native; print(engines.active(), native.reason())", AECODEC_NATIVE="0")
    assert done.stdout == "numpy switched off by AECODEC_NATIVE=0\n"


def test_a_variable_names_another_library_or_is_refused(tmp_path: Path) -> None:
    program = "from aecodec import native; print(native.library() and native.library()._name, native.reason())"
    (built,) = (native.FOLDER / name for name in native.NAMES if (native.FOLDER / name).is_file())
    other = tmp_path / "other.so"
    other.write_bytes(built.read_bytes())
    assert run(program, AECODEC_NATIVE=str(other)).stdout == f"{other} \n"
    missing = run(program, AECODEC_NATIVE=str(tmp_path / "missing.so")).stdout
    assert missing.startswith(f"None cannot be loaded: {tmp_path / 'missing.so'}: ")


def test_a_variable_chooses_the_path_or_is_refused() -> None:
    program = "from aecodec import native; print(native.paths()[native.path()])"
    assert run(program, AECODEC_NATIVE_PATH="generic").stdout == "generic\n"
    environment = {**os.environ, "PYTHONPATH": str(Path(aecodec.__file__).parents[1]), "AECODEC_NATIVE_PATH": "abacus"}
    command = [sys.executable, "-m", "aecodec", "verify", str(GOLDEN[0])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "AECODEC_NATIVE_PATH=abacus: this processor has the paths" in done.stderr
    doctor = subprocess.run([*command[:3], "doctor"], env=environment, capture_output=True, text=True)
    assert doctor.returncode == 1 and "BROKEN: AECODEC_NATIVE_PATH=abacus" in doctor.stdout


def test_a_library_of_other_sources_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert native.sources(native.FOLDER) == native._load().aec_sources()
    monkeypatch.setattr(native, "sources", lambda folder: 0)
    assert native.reason.__wrapped__() == "built from other sources: install aecodec again"


def test_a_process_of_a_data_loader_uses_one_thread() -> None:
    program = """
import multiprocessing
from aecodec.engines import threads
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(threads.workers), threads.workers())
"""
    kept = {name: value for name, value in os.environ.items() if name not in threads.VARIABLES}
    environment = {**kept, "PYTHONPATH": str(Path(aecodec.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["1", str(len(os.sched_getaffinity(0)))], done.stderr


def test_files_are_the_same_with_and_without_the_library() -> None:
    program = """
import hashlib, sys, zlib, numpy as np, aecodec
x = np.random.default_rng(1).normal(120, 30, (40, 52, 3)).cumsum(0).cumsum(1)
x = (x / x.max() * 255).astype(np.uint8)
found = hashlib.sha256()
targets = {}, {"quality": 95, "effort": 6}, {"quality": 20, "packing": "zstd"}, {"lossless": True}, {"max_error": 2}
for more in targets:
    for model in ("cifar", "photo"):
        data = aecodec.encode(x, model=model, **more)
        found.update(data + aecodec.decode(data).tobytes())
gray = x[:28, :28, 1]
for model in ("mnist", "alphabet"):
    found.update(aecodec.encode(gray, model=model) + aecodec.encode(gray, model=model, lossless=True))
print(found.hexdigest())
"""
    one, other = run(program), run(program, AECODEC_NATIVE="0")
    assert one.stdout == other.stdout and len(one.stdout) == 65, one.stderr + other.stderr
