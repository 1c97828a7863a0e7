"""The reader that was written from the specification alone reads what aecodec writes, and refuses what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import waves

import aecodec
from aecodec import dataset
from aecodec.conformance.tiny_models import tiny_file
from aecodec.errors import AecError
from aecodec.models import registry
from conformance.decoder import Model, Refused, read_data_set

RANDOM = np.random.default_rng(5)


@pytest.fixture
def models(own_folder: Path) -> dict[int | bytes, Model]:
    """The tiny models of the tests, for gray tiles of 4x6 and for colour pictures of any size."""
    made = [("gray", (4, 6), 1), ("colour", None, 3)]
    files = [tiny_file(tile, channels, True, True, name=f"{name}-1") for name, tile, channels in made]
    for (name, _, _), file in zip(made, files, strict=True):
        (own_folder / f"{name}-1.safetensors").write_bytes(file)
    return {model.id(): model for model in map(Model, files)}


def pictures(count: int, height: int, width: int, channels: int) -> list[np.ndarray]:
    smooth = waves(height + count, width, channels)
    found = [smooth[i : i + height] for i in range(count)]
    noise = RANDOM.integers(-9, 10, found[0].shape)
    return [np.clip(picture + noise, 0, 255).astype(np.uint8) for picture in found]


CASES: list[tuple[str, tuple[int, int, int], dict[str, Any]]] = [
    ("gray", (4, 6, 1), {"quality": 60}),
    ("gray", (4, 6, 1), {"quality": 60, "packing": "zstd"}),
    ("gray", (7, 9, 1), {"min_psnr": 22}),
    ("colour", (5, 8, 3), {"quality": 90}),
    ("colour", (5, 8, 1), {"quality": 30}),
    ("colour", (5, 8, 3), {"max_error": 2, "effort": 5}),
    ("gray", (4, 6, 1), {"lossless": True, "packing": "zstd"}),
]


@pytest.mark.parametrize(("model", "shape", "target"), CASES, ids=str)
def test_both_readers_see_the_same_pictures(
    models: dict[int | bytes, Model],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    shape: tuple[int, int, int],
    target: dict[str, Any],
) -> None:
    # Whatever is smaller: the files of these small pictures are to have a model.
    for module in ("encoder", "rate_search"):
        monkeypatch.setattr(f"aecodec.encoding.{module}.or_plain", lambda batch, files, *others: list(files))
    made = pictures(7, *shape)
    made[3] = 255 - made[3]
    dataset.write(tmp_path / "set.aecs", made, model=model, block_pictures=3, **target)
    data = (tmp_path / "set.aecs").read_bytes()
    found, ds = read_data_set(data, models), dataset.open(data)
    assert sorted(found.pictures) == list(range(7))
    assert any(entry.kind == 1 for entry in ds.entries)
    for number, picture in found.pictures.items():
        assert picture.samples == ds[number].tobytes()


def test_both_readers_see_the_same_columns_files_and_gaps(models: dict[int | bytes, Model], tmp_path: Path) -> None:
    path = tmp_path / "set.aecs"
    clear = np.full((5, 5, 3), 7, np.uint8)
    columns: dict[str, list[Any]] = {
        "word": ["", "ü", "three"],
        "raw": [b"\xff", b"", b"ab"],
        "small": [-1, 0, 5],
        "large": [1 << 40, 0, -(1 << 50)],
        "real": [0.5, -1e300, 3.25],
        "flag": [True, False, True],
    }
    dataset.write(path, [clear] * 3, labels=["a", "b", "a"], columns=columns, metadata={"x": 1}, lossless=True)
    more = {name: [values[0]] for name, values in columns.items()}
    dataset.append(path, pictures(1, 4, 6, 1), labels=["c"], columns=more, model="gray", quality=50)
    found, ds = read_data_set(path.read_bytes(), models), dataset.open(path)
    for name, values in columns.items():
        assert [found.columns[name][number] for number in range(4)] == [*values, values[0]] == ds.columns[name].tolist()
    assert [found.columns["label"][number] for number in range(4)] == [0, 1, 0, 2]
    assert found.description == {"metadata": {"x": 1}, "label_names": ["a", "b", "c"]}
    for number, picture in found.pictures.items():
        assert picture.samples == ds[number].tobytes()


def test_a_real_model_is_read_alike(tmp_path: Path) -> None:
    digits = [waves(28, 28 + i, 1)[:, i:] for i in range(2)]
    dataset.write(tmp_path / "set.aecs", digits, model="mnist-3", quality=30)
    data = (tmp_path / "set.aecs").read_bytes()
    file = registry.folder() / "mnist-3.safetensors"
    found = read_data_set(data, {registry.number_of(registry.by_name("mnist-3")): Model(file.read_bytes())})
    assert [found.pictures[i].samples for i in range(2)] == [p.tobytes() for p in dataset.open(data)]


@pytest.mark.parametrize("step", [1, 2, 4])
def test_damage_is_refused_by_both(models: dict[int | bytes, Model], tmp_path: Path, step: int) -> None:
    path = tmp_path / "set.aecs"
    dataset.write(path, pictures(3, 4, 6, 1), labels=[1, 2, 3], model="gray", quality=40)
    data = path.read_bytes()
    changes = [data[:at] + bytes([data[at] ^ step]) + data[at + 1 :] for at in range(len(data))]
    for changed in [*changes, data[:-1], data + b"\0", data[:6], b""]:
        with pytest.raises(Refused):
            read_data_set(changed, models)
        try:
            assert dataset.open(changed).verify()
        except AecError:
            continue


def test_an_index_that_is_a_bomb_is_refused_by_both(models: dict[int | bytes, Model]) -> None:
    from aecodec.dataset import framing
    from aecodec.format.container import write_varint
    from aecodec.packing import frames

    content = bytes(1 << 20)
    block = framing.Block(framing.INDEX, write_varint(len(content)), frames.compress(content, (19,))).to_bytes()
    data = framing.head() + block + len(block).to_bytes(4, "little") + b"\xae\xde"
    with pytest.raises(Refused):
        read_data_set(data, models)
    with pytest.raises(aecodec.InvalidValue):
        dataset.open(data)
