"""The native library under the address and undefined-behaviour sanitizers, on good, damaged and hostile files."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from reference_engine import needs_native

from aecodec import native

pytestmark = [needs_native, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
FLAGS = "-std=c11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fvisibility=hidden -Wno-psabi -shared"
PATHS = native.paths() if native.library() else []

OVERRUN = """
import numpy as np
from aecodec import native
x, out = np.zeros((1, 4, 4, 8), np.int16), np.zeros(6 * 6 * 8 - 1, np.int16)
native.library().aec_frame(native.address(x), 1, 4, 4, 8, 128, 32, 8, native.address(out))
"""
SHIFT = """
import numpy as np
from aecodec import native
values = [np.zeros(1, np.int16), *(np.full(1, value, np.int32) for value in (0, 1, 40)), np.zeros(1, np.int64)]
out, residual, step, exponent, where = map(native.address, values)
plane, context = np.zeros(1, np.int16), np.zeros(1, np.int16)
planes = native.address(plane), 1, native.address(context), 1
native.library().aec_settle(out, 1, 1, 1, 1, residual, step, exponent, where, 1, *planes)
"""
DECODE = """
from pathlib import Path
import sys
sys.path.append("tests")
import aecodec
import golden
from samples import MODELS, SHAPES
# The files of each other model run the same code.
others = tuple(f"{name}-q" for name in {*MODELS} - {*SHAPES})
files = [golden.data(name) for name in golden.ROWS if not name.startswith(others)]
assert len(files) > 100
for data in files:
    aecodec.decode(data)
assert len(aecodec.decode_many(files)) == len(files)
print("done")
"""
ENCODE = """
import sys
sys.path.insert(0, "tests")
from samples import DIGITS, SHAPES, mosaic
import aecodec
colour = mosaic(37, 70)
for model in aecodec.list_models():
    if model.name not in SHAPES:
        continue
    picture = colour if model.channels == 3 else DIGITS[0]
    for packing in ("rans", "zstd"):
        for target in ({"quality": 3}, {"quality": 100}, {"lossless": True}, {"max_error": 2}):
            aecodec.decode(aecodec.encode(picture, model=model.name, packing=packing, **target))
print(len(aecodec.encode(colour, max_bytes=900)) <= 900)
"""
FUZZ = """
from benchmarks import fuzz
log = fuzz.judge(3, range(2000), fuzz.originals(), fuzz.Limits(10_000, 1000))
print(log.inputs, log.failures)
"""


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables with which a process uses a library that has sanitizers."""
    compiler = shlex.split(os.environ.get("CC", "gcc"))
    if not shutil.which(compiler[0]):
        pytest.skip(f"there is no {compiler[0]}")
    folder = tmp_path_factory.mktemp("sanitized")
    (folder / "empty.c").touch()
    library = folder / "sanitized.so"
    flags = [*shlex.split(FLAGS), *(("-fPIC",) if os.name == "posix" else ()), "-o", str(library)]
    if subprocess.run([*compiler, *flags, str(folder / "empty.c")], capture_output=True).returncode:
        pytest.skip(f"{compiler[0]} has no sanitizers")
    known = f"-DAECODEC_SOURCES={native.sources(native.FOLDER)}u"
    subprocess.run([*compiler, *flags, known, *map(str, native.FOLDER.glob("*.c"))], check=True)
    found = subprocess.run([*compiler, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    runtime = found.stdout.strip()
    if not Path(runtime).is_file():
        pytest.skip(f"{compiler[0]} has no libasan.so to load first")
    return {"LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0", native.LIBRARY: str(library)}


def run(program: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AECODEC_THREADS": "2", **variables}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    "program, report", [(OVERRUN, "heap-buffer-overflow"), (SHIFT, "runtime error: shift exponent")]
)
def test_the_sanitizers_find_what_is_wrong(program: str, report: str, sanitized: dict[str, str]) -> None:
    done = run(program, sanitized)
    assert done.returncode and report in done.stderr


@pytest.mark.parametrize("path", PATHS)
def test_golden_files_decode_by_every_code_path(path: str, sanitized: dict[str, str]) -> None:
    done = run(DECODE, {**sanitized, native.PATH: path})
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr


@pytest.mark.parametrize("path", PATHS)
def test_pictures_are_encoded_by_every_code_path(path: str, sanitized: dict[str, str]) -> None:
    done = run(ENCODE, {**sanitized, native.PATH: path})
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


def test_damaged_and_hostile_files_end_in_a_picture_or_an_aec_error(sanitized: dict[str, str]) -> None:
    done = run(FUZZ, sanitized)
    assert (done.stdout, done.returncode) == ("2000 []\n", 0), done.stderr
