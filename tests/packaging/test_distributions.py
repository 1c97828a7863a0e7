"""The source distribution builds a wheel, and the wheel is all that an installation needs."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from configparser import ConfigParser
from pathlib import Path
from zipfile import ZipFile

import golden
import pytest

from aecodec.models import registry

ROOT = Path(__file__).parents[2]


def build(source: Path, target: str, folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder], cwd=source, check=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The content of the wheel that is built from the source distribution."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("distributions")
    with tarfile.open(build(ROOT, "sdist", folder / "sdist")) as archive:
        archive.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    with ZipFile(build(source, "wheel", folder / "wheel")) as wheel:
        wheel.extractall(folder / "installed")
    return folder / "installed"


def modules(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in (folder / "aecodec").rglob("*.py")}


def test_the_wheel_holds_every_module_and_nothing_beside_the_package(installed: Path) -> None:
    assert modules(installed) == modules(ROOT)
    package, information = sorted(path.name for path in installed.iterdir())
    assert package == "aecodec"
    assert information.startswith("aecodec-") and information.endswith(".dist-info")


def test_the_wheel_declares_types(installed: Path) -> None:
    assert (installed / "aecodec" / "py.typed").is_file()


@pytest.mark.parametrize("name", registry.names())
def test_the_wheel_holds_every_bundled_model(name: str, installed: Path) -> None:
    for suffix in (".safetensors", ".md"):
        file = f"{name}{suffix}"
        assert (installed / "aecodec" / "weights" / file).read_bytes() == (ROOT / "weights" / file).read_bytes()


def test_the_wheel_installs_the_command_under_both_names(installed: Path) -> None:
    (file,) = installed.glob("*.dist-info/entry_points.txt")
    points = ConfigParser()
    points.read(file)
    assert dict(points["console_scripts"]) == {"aec": "aecodec.cli:main", "aecodec": "aecodec.cli:main"}


def test_the_wheel_compresses_a_picture(installed: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "aecodec", "compress", str(ROOT / "examples" / "digit.png"), "-o", "digit.aec"]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(installed)}, check=True)
    assert (tmp_path / "digit.aec").read_bytes()[:1] == b"\xb5"


def test_the_wheel_writes_a_page_that_decodes(installed: Path, tmp_path: Path) -> None:
    file = golden.path("plain-palette")
    command = [sys.executable, "-m", "aecodec", "view", str(file), "-o", "page.html"]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(installed)}, check=True)
    script = (ROOT / "aecodec" / "evaluation" / "page.js").read_text()
    assert script in (tmp_path / "page.html").read_text()
