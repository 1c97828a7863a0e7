"""Arrays of either byte order give the same files: nothing that is written depends on how a machine stores numbers.

`python packaging/emulated.py s390x` runs the conformance suite on an emulated big-endian processor.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import waves

import aecodec
from aecodec import dataset
from aecodec.conformance import suite
from aecodec.conformance.tiny_models import tiny_arrays, tiny_description
from aecodec.format import panels
from aecodec.lossless import planes
from aecodec.models import safetensors
from aecodec.models.model import load
from aecodec.packing import CODERS, pack, parametric, unpacker

RANDOM = np.random.default_rng(8)
WIDE = waves(13, 17, 3).astype(np.uint16) * 257 + RANDOM.integers(0, 9, (13, 17, 3)).astype(np.uint16)


def swapped(array: np.ndarray) -> np.ndarray:
    """The same values, the highest byte first."""
    return array.astype(array.dtype.newbyteorder(">"))


@pytest.mark.filterwarnings("ignore::aecodec.AecWarning")
@pytest.mark.parametrize("options", [{"lossless": True}, {"max_error": 300}, {"quality": 60}], ids=str)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pictures_of_16_bits_give_the_same_file(channels: int, options: dict[str, Any]) -> None:
    picture = np.concatenate([WIDE, WIDE[::-1, :, :1]], axis=2)[..., :channels]
    data = aecodec.encode(picture, **options)
    assert aecodec.encode(swapped(picture), **options) == data
    decoded = aecodec.decode(data)
    assert suite.raw(decoded) == suite.raw(swapped(decoded))


def test_columns_give_the_same_data_set(tmp_path: Path) -> None:
    count = 5
    columns = {
        kind: np.arange(count).astype(kind) * np.array(3).astype(kind)
        for kind in ("u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")
    }
    files = []
    for name, change in (("little", lambda array: array), ("big", swapped)):
        path = tmp_path / f"{name}.aecs"
        changed = {kind: change(column) for kind, column in columns.items()}
        dataset.write(path, [waves(4, 6, 1)] * count, labels=change(np.arange(count) * 300), columns=changed)
        files.append(path.read_bytes())
    assert files[0] == files[1]


def test_arrays_of_a_model_give_the_same_file_and_id() -> None:
    d = tiny_description((4, 6), lossless=True, finish=True)
    arrays, metadata = tiny_arrays(d), {"name": "tiny-1", "description": d.to_json()}
    data = safetensors.dump(arrays, metadata)
    assert safetensors.dump({name: swapped(array) for name, array in arrays.items()}, metadata) == data
    model = load(data)
    object.__setattr__(model, "arrays", {name: swapped(array) for name, array in model.arrays.items()})
    assert model.id == load(data).id


@pytest.mark.parametrize("name", CODERS)
def test_residuals_give_the_same_payload_and_checksum(name: str) -> None:
    tables = parametric(skip=2)
    classes = RANDOM.integers(2, 64, (1, 500))
    residuals = RANDOM.integers(-(1 << 20), 1 << 20, (1, 500))
    (check,) = panels.checksums([residuals], [7])
    assert panels.checksums([swapped(residuals)], [7]) == [check]
    assert check == zlib.crc32(residuals.astype("<i4").tobytes(), 7)
    (payload,) = pack(name, tables, [residuals], [classes], [check])
    assert pack(name, tables, [swapped(residuals)], [swapped(classes)], [check]) == [payload]
    decoder = unpacker(name, tables, [payload], 500)
    assert np.array_equal(decoder.read(swapped(classes)), residuals)


def test_planes_give_the_same_bytes() -> None:
    for samples in (WIDE, WIDE // 9000, np.full_like(WIDE, 700)):
        packed = planes.pack(samples)
        assert planes.pack(swapped(samples)) == packed
        assert np.array_equal(planes.unpack(packed, samples.shape, np.uint16), samples)
