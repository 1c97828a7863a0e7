"""The decoder in one file, as a command: samples of 16 bits on success, one sentence and no file on refusal."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import golden
import numpy as np
import pytest
from samples import MODELS, SHAPES, mosaic, waves
from specification import ROOT, models

import aecodec
from aecodec import dataset
from aecodec.conformance import runner
from aecodec.conformance.runner import Command
from aecodec.conformance.suite import Invalid, Valid, ValidSet, raw
from aecodec.conformance.tiny_models import tiny_file
from aecodec.format import panels
from aecodec.models import registry
from conformance import decoder as reference
from conformance.decoder import Model, Refused

SUITE = golden.SUITE
MOST_SAMPLES = 32 * 32 * 3  # of a picture that plain Python decodes in a few seconds


def run(source: Path, target: Path, folders: str = "") -> subprocess.CompletedProcess[str]:
    """The command without anything of the package on its path."""
    environment = {**os.environ, "AECODEC_MODELS": folders, "PYTHONPATH": ""}
    command = [sys.executable, str(ROOT / "conformance" / "decoder.py"), str(source), str(target)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def known(row: Valid | Invalid) -> dict[int | bytes, Model]:
    """The bundled models, and those that a file of the suite comes with and that are valid."""
    found: dict[int | bytes, Model] = dict(models())
    for path in SUITE.models_folder(row).iterdir():
        with suppress(Refused):
            model = Model(path.read_bytes())
            found[model.id()] = model
    return found


def is_small(row: Valid) -> bool:
    return row.width * row.height * row.channels <= MOST_SAMPLES


@pytest.mark.parametrize("name", ["small-rans", "plain-alpha", "plain-gray-16", "colour-5x7-zstd"])
def test_the_command_writes_samples(name: str, tmp_path: Path) -> None:
    source, target = golden.path(name), tmp_path / "samples"
    done = run(source, target)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert target.read_bytes() == raw(aecodec.decode(source.read_bytes()))


def test_the_command_refuses_in_one_sentence_and_writes_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "cut.aec", tmp_path / "samples"
    source.write_bytes(golden.data("small-rans")[:-1])
    for file in (source, tmp_path / "missing.aec"):
        done = run(file, target)
        assert done.returncode == 1 and done.stdout == "" and not target.exists()
        assert done.stderr.startswith(f"{file}: ") or str(file) in done.stderr
        assert done.stderr.count("\n") == 1


def test_the_command_finds_models_by_their_id(own_folder: Path, tmp_path: Path) -> None:
    (own_folder / "tiny-1.safetensors").write_bytes(tiny_file())
    (own_folder / "broken-1.safetensors").write_bytes(b"?")
    picture = waves(4, 6, 1)
    source, target = tmp_path / "tiny.aec", tmp_path / "samples"
    source.write_bytes(aecodec.encode(picture, model="tiny", quality=50, packing="rans"))
    assert run(source, target, f"{tmp_path / 'nothing'}{os.pathsep}{own_folder}").returncode == 0
    assert target.read_bytes() == raw(aecodec.decode(source.read_bytes()))
    done = run(source, tmp_path / "other")
    assert done.returncode == 1 and "is not known" in done.stderr


def test_the_command_writes_the_pictures_of_a_data_set_one_after_the_other(tmp_path: Path) -> None:
    source, target = tmp_path / "set.aecs", tmp_path / "samples"
    dataset.write(source, [waves(28, 28, 1), waves(5, 9, 1), 255 - waves(28, 28, 1)], model="mnist-3", quality=20)
    assert run(source, target).returncode == 0
    assert target.read_bytes() == b"".join(raw(picture) for picture in dataset.open(source))


def test_the_bundled_models_are_those_of_the_package() -> None:
    assert {number: name for number, (name, _) in reference.BUNDLED.items()} == registry.NUMBERS
    assert {number: known for number, (_, known) in reference.BUNDLED.items()} == registry.IDS
    assert models().keys() == reference.BUNDLED.keys()


@pytest.mark.parametrize("options", [{"quality": 60}, {"quality": 60, "packing": "rans"}, {"max_error": 3}], ids=str)
@pytest.mark.parametrize("finish", [False, True])
@pytest.mark.parametrize(("tile", "channels"), [((6, 4), 1), (None, 3)])
def test_panels_decode_alike(
    tile: tuple[int, int] | None,
    channels: int,
    finish: bool,
    options: dict[str, int | str],
    own_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aecodec.encoding.encoder.or_plain", lambda batch, files, *others: files)
    for module in (panels, reference):
        monkeypatch.setattr(module, "SIDE", 12)
    file = tiny_file(tile, channels, lossless=True, finish=finish, name="tiny-1")
    (own_folder / "tiny-1.safetensors").write_bytes(file)
    model = Model(file)
    data = aecodec.encode(waves(17, 30, channels), model="tiny", **options)  # type: ignore[arg-type]
    assert aecodec.inspect(data).panels == 6
    logs: list[reference.Log] = []
    assert reference.decode(data, {model.id(): model}, logs).samples == aecodec.decode(data).tobytes()
    assert len(logs) == 6
    swapped = bytearray(data)
    swapped[-1] ^= 1
    with pytest.raises(Refused):
        reference.decode(bytes(swapped), {model.id(): model})


@pytest.mark.parametrize("bits", [8, 16])
def test_opacity_decodes_alike(bits: int) -> None:
    picture = np.dstack([mosaic(9, 11), np.arange(99, dtype=np.uint8).reshape(9, 11)])
    if bits == 16:
        picture = picture.astype(np.uint16) * 257
    for channels in ([0, 1, 2, 3], [1, 3]):
        data = aecodec.encode(picture[..., channels], lossless=True)
        found = reference.decode(data, models())
        assert (found.channels, found.bits) == (len(channels), bits)
        assert found.samples == aecodec.decode(data).astype(f"<u{bits // 8}").tobytes()


@pytest.mark.slow  # two minutes in plain Python
@pytest.mark.parametrize("row", [row for row in SUITE.valid if is_small(row)], ids=lambda row: Path(row.file).stem)
def test_small_pictures_of_the_suite_decode_alike(row: Valid) -> None:
    found = reference.decode(SUITE.data(row), known(row))
    assert (found.height, found.width, found.channels, found.bits) == (row.height, row.width, row.channels, row.bits)
    assert hashlib.sha256(found.samples).hexdigest() == row.pixels


@pytest.mark.slow  # two minutes as well
def test_the_command_decodes_larger_pictures_of_the_suite() -> None:
    # The second packing, and most files of the models whose shape a newer one has, are left to the package's tests.
    left_out = re.compile(rf"files/.*-zstd\.aec|files/({'|'.join({*MODELS} - {*SHAPES})})-q(1|100)-.*")
    rows = [row for row in SUITE.valid if not is_small(row) and not left_out.fullmatch(row.file)]
    assert rows
    text = f'"{sys.executable}" "{ROOT / "conformance" / "decoder.py"}" {{input}} {{output}}'
    assert runner.run_command(SUITE, rows, Command.parse(text, 600), 2, lambda file, done, count: None) == []


@pytest.mark.parametrize(
    "row", [row for row in SUITE.invalid if row.file.endswith(".aec")], ids=lambda row: Path(row.file).stem
)
def test_invalid_files_of_the_suite_are_refused(row: Invalid) -> None:
    with pytest.raises(Refused):
        reference.decode(SUITE.data(row), known(row))


@pytest.mark.slow
@pytest.mark.parametrize("row", SUITE.data_sets, ids=lambda row: Path(row.file).stem)
def test_golden_data_sets_decode_alike(row: ValidSet, own_folder: Path) -> None:
    for model in (SUITE.folder / "models").iterdir():
        (own_folder / model.name).write_bytes(model.read_bytes())
    data = (SUITE.folder / row.file).read_bytes()
    ds = dataset.open(data)
    found = reference.read_data_set(data, reference.Installed())
    assert sorted(found.pictures) == sorted({*range(len(ds))} - {*ds.missing.numbers().tolist()})
    for number, picture in found.pictures.items():
        assert picture.samples == raw(ds[number])
