"""Who imports whom: coding pictures loads no training code, and the package's layers are used one way."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

import aecodec

PACKAGE = Path(aecodec.__file__).parent
TRAINING = ("tensorflow", "keras", "torch", "jax", "matplotlib", "aecodec.training", "aecodec.evaluation")


def loaded_by(program: str, folder: Path) -> set[str]:
    """The modules that are there after a program has run in a process of its own."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n{program}\nprint(*sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    return set(done.stdout.split())


CODING = """
import numpy as np, aecodec
for picture in (np.zeros((28, 28), np.uint8), np.full((40, 33, 3), 90, np.uint8)):
    for packing in ("auto", "rans", "zstd"):
        data = aecodec.encode(picture, packing=packing)
        assert aecodec.decode(data).shape == picture.shape
        aecodec.inspect(data)
aecodec.list_models()
"""
DECOMPRESSING = """
import aecodec.cli
aecodec.cli.main(["decompress", "a.aec"], standalone_mode=False)
"""
COMPRESSING = """
import aecodec.cli
aecodec.cli.main(["compress", "a.png", "-o", "b.aec"], standalone_mode=False)
"""


@pytest.mark.parametrize("program", [CODING, DECOMPRESSING, COMPRESSING], ids=["coding", "decompress", "compress"])
def test_coding_pictures_imports_neither_tensorflow_nor_training(program: str, tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    digit = np.zeros((28, 28), np.uint8)
    Image.fromarray(digit).save(tmp_path / ("b.png" if program is DECOMPRESSING else "a.png"))
    (tmp_path / "a.aec").write_bytes(aecodec.encode(digit))
    loaded = loaded_by(program, tmp_path)
    assert "numpy" in loaded
    assert not {name for name in loaded for heavy in TRAINING if name == heavy or name.startswith(heavy + ".")}


def test_importing_the_package_loads_no_more_than_it_needs(tmp_path: Path) -> None:
    loaded = loaded_by("import aecodec", tmp_path)
    assert "aecodec.api" in loaded
    assert not {name for name in loaded if name.partition(".")[0] in {"click", "tensorflow", "keras", "matplotlib"}}
    assert not {name for name in loaded if name.startswith(("aecodec.cli", "aecodec.training"))}
    assert not loaded & {"aecodec.encoding.residual_search", "aecodec.encoding.candidates", "aecodec.images.loading"}


def test_imports_run_down_the_rooms() -> None:
    # The contracts stand in pyproject.toml: the order of the rooms, and no circles.
    assert lint_imports(config_filename=str(PACKAGE.parent / "pyproject.toml")) == EXIT_STATUS_SUCCESS


def test_only_training_an_engine_an_adapter_and_one_source_import_tensorflow_or_keras() -> None:
    users = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if {name.partition(".")[0] for name in names} & {"tensorflow", "keras"}:
                users.add(path.relative_to(PACKAGE).parts[0] if "training" in path.parts else path.name)
    assert users == {"training", "tensorflow_engine.py", "tensorflow.py", "tile_arrays.py"}


def test_no_module_names_a_model() -> None:
    # What differs between models is in their files; presets of training and the permanent numbers are data too.
    data = {"registry.py", "presets.py", "train.py", "tile_arrays.py"}
    for path in PACKAGE.rglob("*.py"):
        if path.name in data:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare):
                words = {c.value for c in ast.walk(node) if isinstance(c, ast.Constant) and isinstance(c.value, str)}
                assert not words & {
                    "mnist",
                    "alphabet",
                    "cifar",
                    "mnist-3",
                    "alphabet-3",
                    "cifar-5",
                    "photo",
                    "photo-4",
                    "photo-5",
                    "photo-6",
                }, path
