"""spec/FORMAT.md is complete: a decoder written from it alone decodes what aecodec encodes, to the same pixels.

`python tests/conformance/test_spec.py` rewrites those parts of the specification that are computed: the bundled models,
the checks of the dictionaries, and the worked example. To be run whenever a bundled model changes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]  # for running this file as a script

import specification  # noqa: E402
from specification import ROOT, SPEC, decoded, example_files, models, part, written  # noqa: E402

import aecodec  # noqa: E402
from aecodec.conformance.tiny_models import tiny_arrays, tiny_description, tiny_file  # noqa: E402
from aecodec.errors import AecError, InvalidModelFile  # noqa: E402
from aecodec.models import registry, safetensors  # noqa: E402
from aecodec.models.description import Layer  # noqa: E402
from aecodec.models.model import load  # noqa: E402
from conformance import decoder as reference  # noqa: E402
from conformance.decoder import Log, Model, Refused  # noqa: E402

EXAMPLE_MODEL, EXAMPLE_QUALITY = "mnist-3", 20
PANELS_MODEL, PANELS_ERROR = "cifar-5", 4
STALE = "stale: run python tests/conformance/test_spec.py and look at the difference"


# The claims ---


def test_worked_example_follows_from_its_bytes() -> None:
    short, long = example_files("digit")
    assert specification.example_part(short, long) == written("digit"), STALE


@pytest.mark.slow  # a thousand pixels in plain Python
def test_example_of_panels_follows_from_its_bytes() -> None:
    (data,) = example_files("panels")
    assert specification.panels_part(data) == written("panels"), STALE


def test_aecodec_decodes_the_worked_examples_alike() -> None:
    for name, count in (("digit", 2), ("panels", 1)):
        files = example_files(name)
        assert len(files) == count
        for data in files:
            assert hashlib.sha256(aecodec.decode(data).tobytes()).hexdigest() in written(name)


def test_computed_tables_are_up_to_date() -> None:
    assert specification.models_part() == written("models"), STALE
    assert specification.dictionaries_part() == written("dictionaries"), STALE


@pytest.mark.parametrize("name", registry.names())
def test_id_is_derived_as_specified(name: str) -> None:
    model = Model((registry.folder() / f"{name}.safetensors").read_bytes())
    assert (model.id(), model.number) == (registry.by_name(name).id, registry.number_of(registry.by_name(name)))


def test_listed_headers_are_refused() -> None:
    rows = re.findall(r"^\| `([0-9A-F ]+)` \|", written("refused"), re.MULTILINE)
    assert len(rows) > 10
    for row in rows:
        data = bytes.fromhex(row)
        with pytest.raises(Refused):
            reference.decode(data, models())
        with pytest.raises(AecError):
            aecodec.decode(data)


def test_damage_is_refused_by_both() -> None:
    short, long = example_files("digit")
    damaged = [short[:-1], short + b"\0", short[:2], long[:-1], long[:4] + long[5:], long + b"\0"]
    damaged += [data[:-1] + bytes([data[-1] ^ 1]) for data in (short, long)]
    for data in damaged:
        with pytest.raises(Refused):
            reference.decode(data, models())
        with pytest.raises(AecError):
            aecodec.decode(data)


def test_updates_of_no_model_are_refused_by_both() -> None:
    described = tiny_description((4, 6))
    first, second = described.update_layers[1:3]
    none: tuple[Layer, ...] = ()
    assert Model(tiny_file()).update_networks[1]
    for updates in (
        (none, first, second, first),  # after the last pass
        (none, first, second),
        (none, first, second, none, none),
        (none, first[:1], second, none),  # four units for two features
        (none, first, none, none),  # arrays of no layer
        (first, first, second, none),  # a layer without arrays
    ):
        text = dataclasses.replace(described, update_layers=updates).to_json()
        data = safetensors.dump(tiny_arrays(described), {"name": "tiny-1", "description": text})
        with pytest.raises(Refused):
            Model(data)
        with pytest.raises(InvalidModelFile):
            load(data)


def picture(kind: str, height: int, width: int, channels: int) -> np.ndarray:
    """A disc on a slope, or noise, which needs escapes and low bits."""
    y, x = np.mgrid[:height, :width]
    if kind == "noise":
        samples = np.random.default_rng(height * width).integers(0, 240, (height, width, channels))
    else:
        disc = np.hypot(y - height / 2, x % 28 - 14) < 9
        samples = np.stack([np.where(disc, 230 - 40 * c, y + c * x // 4) for c in range(channels)], axis=-1)
    array = samples.astype(np.uint8)
    return array[..., 0] if channels == 1 else array


OWN_TILE = (0, 0, 0)
CASES = [
    # model, kind, (height, width, channels), quality, packing
    *[(name, "disc", OWN_TILE, 40, "rans") for name in registry.names()],
    ("mnist-3", "noise", (28, 28, 1), 100, "rans"),
    ("mnist-3", "negative", (28, 28, 1), 50, "rans"),
    ("mnist-3", "disc", (20, 37, 1), 60, "zstd"),
    ("cifar-5", "noise", (33, 30, 3), 70, "zstd"),
    ("cifar-5", "disc", (5, 41, 1), 30, "rans"),  # gray
    ("mnist-3", "disc", (56, 84, 1), 50, "rans"),  # two by three tiles
    ("cifar-5", "disc", (32, 64, 3), 40, "zstd"),
    ("photo-4", "noise", (33, 70, 3), 70, "rans"),  # odd numbers of blocks: five by nine
    ("photo-4", "disc", (1, 1, 1), 50, "rans"),
    ("photo-4", "disc", (60, 40, 1), 30, "zstd"),
]


@pytest.mark.parametrize(("name", "kind", "shape", "quality", "packing"), CASES)
def test_reference_decoder_agrees(
    name: str, kind: str, shape: tuple[int, int, int], quality: int, packing: str
) -> None:
    model = registry.by_name(name).description
    height, width, channels = shape if shape != OWN_TILE else (*(model.tile or (32, 32)), model.channels)
    source = picture(kind, height, width, channels)
    if kind == "negative":
        source = 255 - source
    data = aecodec.encode(source, model=name, quality=quality, packing=packing)
    expected = aecodec.decode(data)
    log, found = decoded(data)
    assert log.header.packing == packing
    assert log.header.variant == (kind == "negative" or channels < model.channels)
    assert (found.height, found.width, found.channels) == (height, width, channels)
    assert found.samples == expected.tobytes()
    if (kind, packing) == ("noise", "rans"):
        assert max(event.kind for event in log.events) > 64, "this picture was to need raw bits"


def test_reference_decoder_agrees_on_several_lanes(own_folder: Path) -> None:
    (own_folder / "wide-1.safetensors").write_bytes(tiny_file(None, 3, name="wide-1"))
    source = picture("disc", 50, 170, 3)
    data = aecodec.encode(source, model="wide", quality=30, packing="rans")
    model, logs = Model(tiny_file(None, 3, name="wide-1")), list[Log]()
    assert reference.decode(data, {model.id(): model}, logs).samples == aecodec.decode(data).tobytes()
    assert [log.lanes for log in logs] == [2]


@pytest.mark.parametrize("quality", [1, 60, 98])  # the offsets reach beyond both ends
@pytest.mark.parametrize(("tile", "channels", "lossless"), [((6, 4), 1, False), (None, 3, False), (None, 3, True)])
def test_reference_decoder_agrees_on_finishing_networks_and_quality_offsets(
    tile: tuple[int, int] | None,
    channels: int,
    lossless: bool,
    quality: int,
    own_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aecodec.encoding.encoder.or_plain", lambda batch, files, *others: files)
    file = tiny_file(tile, channels, lossless=lossless, finish=True, name="finished-1")
    (own_folder / "finished-1.safetensors").write_bytes(file)
    source = picture("disc", 23, 30, channels)
    data = aecodec.encode(source, model="finished", quality=quality)
    model = Model(file)
    logs: list[Log] = []
    assert reference.decode(data, {model.id(): model}, logs).samples == aecodec.decode(data).tobytes()
    (log,) = logs
    first = int(model.vector > 0)
    assert log.stages[first].steps[0] != log.stages[first + 1].steps[0]


def test_finishing_networks_of_no_model_are_refused_by_both() -> None:
    described = tiny_description((6, 4), finish=True)
    finish, arrays = described.finish, tiny_arrays(described)
    assert finish
    of_three = tuple(dataclasses.replace(p, quality_offset=(1, 2, 3)) for p in described.passes)
    of_text = tuple(dataclasses.replace(p, quality_offset=(1.5,)) for p in described.passes)  # type: ignore[arg-type]
    wrong: list[dict[str, Any]] = [
        {"finish": dataclasses.replace(finish, cell=8)},  # a block has two pixels
        {"finish": dataclasses.replace(finish, places=2)},
        {"finish": dataclasses.replace(finish, layers=finish.layers[:2])},
        {"finish": dataclasses.replace(finish, layers=())},
        {"finish": None},  # arrays of no network
        {"passes": of_three},
        {"passes": of_text},
    ]
    for changes in wrong:
        text = dataclasses.replace(described, **changes).to_json()
        data = safetensors.dump(arrays, {"name": "tiny-1", "description": text})
        with pytest.raises(Refused):
            Model(data)
        with pytest.raises(InvalidModelFile):
            load(data)
    coarse = arrays | {"synthesis.shift": np.ones_like(arrays["synthesis.shift"])}
    data = safetensors.dump(coarse, {"name": "tiny-1", "description": described.to_json()})
    with pytest.raises(Refused):
        Model(data)
    with pytest.raises(InvalidModelFile):
        load(data)


@pytest.mark.parametrize(
    ("height", "width", "channels", "error"),
    [(20, 14, 3, 0), (11, 17, 3, 2), (9, 8, 1, 0), (3, 5, 3, 255), (1, 1, 3, 0)],
)
def test_reference_decoder_agrees_on_lossless_files(
    height: int, width: int, channels: int, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever is smaller: the files of these small pictures are to have a model.
    monkeypatch.setattr("aecodec.encoding.encoder.or_plain", lambda batch, files, *others: files)
    source = picture("disc", height, width, channels)
    data = aecodec.encode(source, model="cifar-5", max_error=error)
    expected = aecodec.decode(data)
    found = reference.decode(data, models())
    assert found.samples == expected.tobytes()
    assert int(np.abs(expected.astype(int) - source).max()) <= error


def test_a_lossless_file_that_is_damaged_is_refused_by_both() -> None:
    source = np.asarray(Image.open(ROOT / "examples" / "horse.png"))[:12, :12]
    data = aecodec.encode(source, model="cifar-5", max_error=1)
    header = reference.read_header(data)
    place = header.length
    for damaged in (
        data[: place + 9] + bytes([data[place + 9] ^ 1]) + data[place + 10 :],
        data[:place] + b"\2" + data[place + 1 :],  # another largest error
        data[:place] + b"\0" + data[place + 1 :],
        data[:-1] + bytes([data[-1] ^ 1]),
    ):
        with pytest.raises(Refused):
            reference.decode(damaged, models())
        with pytest.raises(AecError):
            aecodec.decode(damaged)


def main() -> None:
    """Rewrite the computed parts of the specification."""
    digit = Image.open(ROOT / "examples" / "digit.png")
    short, long = (
        aecodec.encode(digit, model=EXAMPLE_MODEL, quality=EXAMPLE_QUALITY, packing=packing)
        for packing in ("rans", "zstd")
    )
    wide = Image.open(ROOT / "examples" / "landscape.png").convert("RGB").resize((520, 390), Image.Resampling.LANCZOS)
    strip = wide.crop((0, 48, 520, 50))
    strip.info["dpi"] = (72, 72)
    panels = aecodec.encode(strip, model=PANELS_MODEL, max_error=PANELS_ERROR)
    text = SPEC.read_text(encoding="utf-8")
    computed = {
        "models": specification.models_part(),
        "dictionaries": specification.dictionaries_part(),
        "digit": specification.example_part(short, long),
        "panels": specification.panels_part(panels),
        "requirements": specification.requirements_part(),
    }
    for name, content in computed.items():
        text = part(name).sub(content.replace("\\", r"\\") + "\n", text)
    SPEC.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
