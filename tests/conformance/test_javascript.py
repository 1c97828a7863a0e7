"""The decoder of js/ and that of the package agree: on every picture, and on what is none.

Needs Node, and js/dist, which `npm run build` makes; js/test has the tests that need no Python.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import SUITE
from samples import COLOUR, DIGITS, mosaic, waves

import aecodec
from aecodec.conformance.suite import MODELS
from aecodec.conformance.tiny_models import planeless_file, tiny_file
from aecodec.format.container import read_header
from aecodec.lossless import plain
from aecodec.models.model import load
from benchmarks import fuzz

REPOSITORY = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("decode_all.mjs")
MAX_PIXELS = 1 << 20
ERRORS = {error.__name__ for error in aecodec.AecError.__subclasses__()}
ENGINES = ("auto", "typescript")
RANDOM = np.random.default_rng(3)

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (REPOSITORY / "js" / "dist" / "index.js").is_file(),
    reason="needs Node and js/dist: cd js && npm ci && npm run build",
)


def javascript(files: list[bytes], models: dict[str, bytes] | None = None, engine: str = "auto") -> list[Any]:
    """What Node makes of files: [height, width, channels, bits, SHA-256] or "ERROR: message"; models by their ids."""
    given = {
        "files": [base64.b64encode(file).decode() for file in files],
        "models": {key: base64.b64encode(model).decode() for key, model in (models or {}).items()},
        "maxPixels": MAX_PIXELS,
        "engine": engine,
    }
    done = subprocess.run(
        ["node", str(SCRIPT)], input=json.dumps(given), capture_output=True, text=True, timeout=600, check=True
    )
    found: list[Any] = json.loads(done.stdout)
    return found


def by_id(model: bytes) -> dict[str, bytes]:
    """A model file by its id."""
    return {load(model).id.hex(): model}


def python(file: bytes) -> Any:
    try:
        picture = aecodec.decode(file, max_pixels=MAX_PIXELS)
    except aecodec.AecError as error:
        return f"{type(error).__name__}: {error}"
    height, width, channels = (*picture.shape, 1)[:3]
    little = np.ascontiguousarray(picture, picture.dtype.newbyteorder("<"))
    return [height, width, channels, 8 * picture.itemsize, hashlib.sha256(little.tobytes()).hexdigest()]


def require_same(files: list[bytes], **options: Any) -> None:
    for index, (theirs, ours) in enumerate(zip(javascript(files, **options), map(python, files), strict=True)):
        assert theirs == ours, f"file {index}: {files[index][:60].hex(' ')}"


def noise(height: int, width: int, channels: int) -> np.ndarray:
    shape = (height, width) if channels == 1 else (height, width, channels)
    return RANDOM.integers(0, 256, shape).astype(np.uint8)


TINY: dict[str, dict[str, Any]] = {
    "tile": {"tile": (4, 6), "lossless": True},
    "colour": {"tile": (4, 6), "channels": 3, "updates": False},
    "grid": {"tile": None, "channels": 3, "lossless": True},
    "gray-grid": {"tile": None, "updates": False},
    "finished": {"tile": (4, 6), "finish": True, "lossless": True},
    "finished-grid": {"tile": None, "channels": 3, "finish": True},
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", TINY)
def test_files_of_any_ladder_decode_to_the_same_pixels(name: str, engine: str, own_folder: Path) -> None:
    model = tiny_file(**TINY[name], name=f"{name}-1")
    (own_folder / f"{name}-1.safetensors").write_bytes(model)
    channels = TINY[name].get("channels", 1)
    files = []
    for packing in ("rans", "zstd"):
        for height, width in [(4, 6), (1, 1), (9, 13), (31, 5), (3, 90)]:
            for quality in (1, 60, 100):
                picture = noise(height, width, channels) if quality > 60 else waves(height, width, channels)
                files.append(aecodec.encode(picture, model=name, quality=quality, packing=packing, effort=0))
        files.append(aecodec.encode(waves(70, 1040, channels), model=name, quality=80, packing=packing, effort=0))
        if "lossless" in TINY[name]:
            for error in (0, 7):
                picture = waves(14, 530, channels)
                files.append(aecodec.encode(picture, model=name, max_error=error, packing=packing, effort=0))
    assert sum(aecodec.inspect(file).model == f"{name}-1" for file in files) > 10
    assert max(aecodec.inspect(file).panels for file in files) > 1
    require_same(files, models=by_id(model), engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("channels", [1, 3])
def test_files_of_a_model_without_a_plane_decode_to_the_same_pixels(
    channels: int, engine: str, own_folder: Path
) -> None:
    model = planeless_file(channels)
    (own_folder / "planeless-1.safetensors").write_bytes(model)
    sizes = [(8, 8), (1, 1), (20, 33), (9, 700)]
    files = [aecodec.encode(waves(*size, channels), model="planeless", quality=q) for size in sizes for q in (20, 90)]
    require_same(files, models=by_id(model), engine=engine)


def test_large_pictures_of_bundled_models_decode_to_the_same_pixels() -> None:
    """Several panels in both directions, several lanes, and corrections across the edges of panels."""
    pictures = [(mosaic(520, 540), "photo"), (mosaic(40, 1100), "photo"), (mosaic(530, 20), "cifar")]
    files = [
        aecodec.encode(picture, model=model, quality=60, packing=packing, effort=0)
        for picture, model in pictures
        for packing in ("rans", "zstd")
    ]
    require_same(files)


def test_plain_pictures_decode_to_the_same_samples() -> None:
    """Noise, repetitions, few colours and gradients: frames of every kind of block."""
    steps = np.arange(300 * 400, dtype=np.uint32).reshape(300, 400)
    pictures = [
        noise(300, 400, 3),
        np.tile(noise(10, 40, 3), (40, 12, 1)),
        (steps % 251).astype(np.uint8),
        (steps * 7 % 65536).astype(np.uint16),
        RANDOM.integers(0, 65536, (90, 70, 3)).astype(np.uint16),
        (RANDOM.geometric(0.2, (400, 500)) % 256).astype(np.uint8),
        np.kron(RANDOM.integers(0, 5, (60, 90)), np.ones((5, 5))).astype(np.uint8) * 40,
        np.zeros((500, 600, 3), np.uint8),
        np.repeat(RANDOM.integers(0, 200, 3000), RANDOM.integers(1, 90, 3000))[:90000]
        .reshape(300, 300)
        .astype(np.uint8),
        mosaic(300, 500),
    ]
    files = [plain.write(picture, max_error=error) for picture in pictures for error in (0, 1, 20)]
    require_same(files)


def test_opacity_decodes_to_the_same_samples() -> None:
    colour, gray = COLOUR[0], DIGITS[0]
    opacity = waves(32, 32, 1)
    wide = opacity.astype(np.uint16) * 200
    files = [
        aecodec.encode(np.dstack([colour, opacity]), quality=50),
        aecodec.encode(np.dstack([colour, opacity]), lossless=True),
        aecodec.encode(np.dstack([gray, opacity[:28, :28]]), quality=50),
        aecodec.encode(np.dstack([colour.astype(np.uint16) * 257, wide]), lossless=True),
        aecodec.encode(np.dstack([wide, wide]), max_error=9),
    ]
    require_same(files)


@pytest.mark.parametrize("engine", ["auto", pytest.param("typescript", marks=pytest.mark.slow)])
def test_the_conformance_suite_is_passed(engine: str) -> None:
    models = {row.id: (SUITE.folder / row.file).read_bytes() for row in SUITE.models}
    found = javascript([SUITE.data(row) for row in SUITE.valid], models, engine)
    for row, theirs in zip(SUITE.valid, found, strict=True):
        assert theirs == [row.height, row.width, row.channels, row.bits, row.pixels], row.file
    refused = []
    for invalid in [row for row in SUITE.invalid if row.file.endswith(".aec")]:
        if invalid.models != MODELS:
            key = read_header(SUITE.data(invalid))[0].model_id.hex()  # what the file asks for
            if key in models:  # model files that cannot be parsed have no ids of their own
                continue
            models[key] = next(SUITE.models_folder(invalid).iterdir()).read_bytes()
        refused.append(invalid)
    found = javascript([SUITE.data(row) for row in refused], models, engine)
    for invalid, theirs in zip(refused, found, strict=True):
        assert isinstance(theirs, str) and theirs.partition(":")[0] in ERRORS, (invalid, theirs)


def damages(count: int) -> tuple[list[fuzz.Input], list[bytes]]:
    files = [file for file in fuzz.originals() if len(file) < 3000]
    made = [fuzz.make(11, number, files) for number in range(count)]
    return made, [item.data for item in made]


@pytest.mark.parametrize("count", [800, pytest.param(20_000, marks=pytest.mark.slow)])
def test_damaged_files_are_refused_by_both_or_decode_to_the_same(count: int) -> None:
    made, files = damages(count)
    refused = 0
    for item, theirs, ours in zip(made, javascript(files), map(python, files), strict=True):
        if isinstance(ours, str):
            assert isinstance(theirs, str) and theirs.partition(":")[0] in ERRORS, (item, theirs, ours)
            refused += 1
        else:
            assert theirs == ours, item
    assert count / 2 < refused < count
