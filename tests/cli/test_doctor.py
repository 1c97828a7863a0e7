"""`aec doctor` finds what is broken, and says so in its exit code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import aec, succeeds

import aecodec
from aecodec import engines
from aecodec.cli import doctor
from aecodec.conformance.tiny_models import tiny_file
from aecodec.models import registry


@pytest.fixture
def fresh() -> Iterator[None]:
    """Models are looked for and loaded anew, within the test and after it."""
    caches = (registry.folder, registry.files, registry.by_name)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def broken(result: Any) -> set[str]:
    report = json.loads(result.stdout)
    found = {
        finding["name"] for part in report.values() if isinstance(part, list) for finding in part if finding["problem"]
    }
    assert report["broken"] == sum(
        finding["problem"] for part in report.values() if isinstance(part, list) for finding in part
    )
    assert result.exit_code == bool(found)
    return found


def test_a_whole_installation_is_reported_as_such() -> None:
    report = json.loads(succeeds("doctor", "--json").stdout)
    assert report["broken"] == 0
    names = {part: [finding["name"] for finding in report[part]] for part in report if part != "broken"}
    assert names["engines"] == ["library", *engines.ENGINES]
    assert set(registry.NUMBERS.values()) <= set(names["models"])
    assert {"aecodec", "python", "numpy", "pillow", "zstandard", "keras", "tensorflow"} <= set(names["versions"])
    table = succeeds("doctor").stdout
    assert table.endswith("\nEverything works.\n")
    assert all(model.id in table for model in aecodec.list_models())
    assert "active, the default" in table


def test_every_bundled_model_has_an_id_and_a_sample() -> None:
    assert {number: registry.by_name(name).id.hex() for number, name in registry.NUMBERS.items()} == registry.IDS
    assert {aecodec.inspect(bytes.fromhex(data)).model for data, _ in doctor.SAMPLES.values()} == set(
        registry.NUMBERS.values()
    )


def test_a_missing_model_is_broken(fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in registry.folder().glob("*" + registry.SUFFIX):
        if not path.name.startswith("mnist"):
            shutil.copy(path, tmp_path)
    monkeypatch.setattr(registry, "folder", lambda: tmp_path)
    assert {"mnist-3", "model 5"} <= broken(aec("doctor", "--json"))
    table = aec("doctor").stdout
    assert "mnist-3     BROKEN: number 5, missing: install aecodec again\n" in table
    assert table.rstrip().endswith("broken")


def test_a_model_of_another_id_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.IDS, 6, "0" * 16)
    assert broken(aec("doctor", "--json")) == {registry.NUMBERS[6]}


def test_wrong_pixels_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    data, crc = doctor.SAMPLES[8]
    monkeypatch.setitem(doctor.SAMPLES, 8, (data, crc ^ 1))
    assert broken(aec("doctor", "--json")) == {"model 8"}


def test_models_of_other_folders_are_checked(fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny-1.safetensors").write_bytes(tiny_file())
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path))
    assert broken(aec("doctor", "--json")) == set()
    (tmp_path / "tiny-2.safetensors").write_bytes(b"no model")
    registry.files.cache_clear()
    assert broken(aec("doctor", "--json")) == {"tiny-2"}
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path / "none"))
    registry.files.cache_clear()
    assert broken(aec("doctor", "--json")) == {registry.VARIABLE}


def test_a_missing_library_and_an_engine_that_cannot_be_loaded_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("aecodec.native.library", lambda: None)
        patch.setattr("aecodec.native.reason", lambda: "not built")
        found = {finding.name: finding for finding in doctor._engines(test_all=False)}
    assert found["library"].state.startswith("no native library: not built; ") and not found["library"].problem
    assert found["numpy"].state == "active, the default"
    monkeypatch.setitem(engines.ENGINES, "gone", ("aecodec.engines.gone", "Gone"))
    assert doctor._tested("gone").state.startswith("cannot be loaded: No module named")
    assert doctor._tested("numpy") == doctor.Finding("numpy", "works, decodes the same pixels")
