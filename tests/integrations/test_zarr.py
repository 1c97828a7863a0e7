"""Arrays of zarr, formats 2 and 3, keep their chunks as pictures and stacks of pictures."""

from __future__ import annotations

import json
import pickle
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import COLOUR, DIGITS

import aecodec
from aecodec.errors import AecError, InvalidValue, LimitExceeded, UnsupportedImage

zarr = pytest.importorskip("zarr", reason="needs zarr")
numcodecs = pytest.importorskip("numcodecs", reason="needs numcodecs")
chunks = pytest.importorskip("aecodec.integrations.chunks")
v2 = pytest.importorskip("aecodec.integrations.numcodecs")
v3 = pytest.importorskip("aecodec.integrations.zarr")

STACK = np.stack(COLOUR)
ARRAYS = {
    "stack in colour": (STACK, (8, 32, 32, 3)),
    "stack in gray": (np.stack(DIGITS), (8, 28, 28)),
    "one picture": (STACK[0], (32, 32, 3)),
    "one gray picture": (DIGITS[0], (28, 28)),
    "a picture in each chunk": (STACK, (1, 32, 32, 3)),
    "tiles of a picture": (STACK[:, 0], (10, 16, 3)),
    "two axes in front": (STACK.reshape(4, 5, 32, 32, 3), (2, 2, 32, 32, 3)),
    "opacity": (np.concatenate([STACK, STACK[..., :1]], axis=3), (6, 32, 32, 4)),
}


@pytest.fixture(autouse=True)
def _registered() -> None:
    """What the entry points do for an installed package."""
    numcodecs.register_codec(v2.AecCodec)
    zarr.registry.register_codec(v3.NAME, v3.AecCodec)


def create(path: Path, array: np.ndarray, chunk: tuple[int, ...], zarr_format: int, **options: Any) -> Any:
    """An array of zarr on disk, opened anew."""
    codec: dict[str, Any] = {"compressors": v2.AecCodec(**options)}
    if zarr_format == 3:
        codec = {"serializer": v3.AecCodec(**options), "compressors": None}
    made = zarr.create_array(
        path, shape=array.shape, chunks=chunk, dtype=array.dtype, zarr_format=zarr_format, overwrite=True, **codec
    )
    made[...] = array
    return zarr.open_array(path, mode="r")


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("name", ARRAYS)
def test_lossless_arrays_come_back(name: str, zarr_format: int, tmp_path: Path) -> None:
    array, chunk = ARRAYS[name]
    found = create(tmp_path / "a.zarr", array, chunk, zarr_format, lossless=True, exact_transparent=True)
    assert np.array_equal(found[...], array)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_lossy_arrays_are_what_aecodec_decodes(zarr_format: int, tmp_path: Path) -> None:
    found = create(tmp_path / "a.zarr", STACK, (8, 32, 32, 3), zarr_format, quality=30, model="cifar")
    decoded = aecodec.decode_many(aecodec.encode_many(COLOUR, quality=30, model="cifar"))
    assert np.array_equal(found[...], decoded)
    assert np.array_equal(found[9:11, 4:8], np.stack(decoded)[9:11, 4:8])


def test_chunks_are_files_that_aecodec_reads(tmp_path: Path) -> None:
    create(tmp_path / "a.zarr", STACK, (8, 32, 32, 3), 3, lossless=True)
    chunk = (tmp_path / "a.zarr" / "c" / "1" / "0" / "0" / "0").read_bytes()
    with aecodec.dataset.open(chunk) as ds:
        assert np.array_equal(ds[:], STACK[8:16])
    create(tmp_path / "b.zarr", STACK[0], (32, 32, 3), 3, lossless=True)
    assert np.array_equal(aecodec.decode(tmp_path / "b.zarr" / "c" / "0" / "0" / "0"), STACK[0])


def test_metadata_names_the_codec_and_the_options_that_were_given(tmp_path: Path) -> None:
    create(tmp_path / "a.zarr", STACK, (8, 32, 32, 3), 3, quality=30)
    (codec,) = json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())["codecs"]
    assert codec == {"name": "aecodec", "configuration": {"quality": 30}}
    create(tmp_path / "b.zarr", STACK, (8, 32, 32, 3), 2, lossless=True)
    compressor = json.loads((tmp_path / "b.zarr" / ".zarray").read_text())["compressor"]
    assert compressor == {"id": "aecodec", "lossless": True}


def test_shards_of_zarr_hold_chunks_of_pictures(tmp_path: Path) -> None:
    made = zarr.create_array(
        tmp_path / "a.zarr",
        shape=STACK.shape,
        shards=(10, 32, 32, 3),
        chunks=(5, 32, 32, 3),
        dtype="uint8",
        serializer=v3.AecCodec(lossless=True),
        compressors=None,
    )
    made[...] = STACK
    assert np.array_equal(zarr.open_array(tmp_path / "a.zarr")[7:13], STACK[7:13])


def test_arrays_of_other_dtypes_are_refused_when_they_are_created(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImage, match="uint8, not float32"):
        create(tmp_path / "a.zarr", STACK.astype(np.float32), (8, 32, 32, 3), 3)
    with pytest.raises(UnsupportedImage, match="uint8, not uint16"):
        v2.AecCodec().encode(STACK.astype(np.uint16))
    with pytest.raises(UnsupportedImage, match="no picture"):
        v2.AecCodec().encode(np.zeros(9, np.uint8))
    with pytest.raises(InvalidValue, match="quality"):
        v2.AecCodec(quality=0)


def test_whether_the_last_axis_is_colour_can_be_said(tmp_path: Path) -> None:
    narrow = np.ascontiguousarray(np.stack(DIGITS)[:, :, 12:16])  # 20 pictures 4 pixels wide
    assert chunks.ChunkOptions().stack_shape((20, 28, 4)) == (1, 20, 28, 4)
    assert chunks.ChunkOptions(channels=False).stack_shape((20, 28, 4)) == (20, 28, 4)
    for zarr_format in (2, 3):
        found = create(tmp_path / "a.zarr", narrow, (20, 28, 4), zarr_format, channels=False, lossless=True)
        assert np.array_equal(found[...], narrow)


def test_a_damaged_chunk_is_an_error(tmp_path: Path) -> None:
    found = create(tmp_path / "a.zarr", STACK[0], (32, 32, 3), 3)
    path = tmp_path / "a.zarr" / "c" / "0" / "0" / "0"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(AecError):
        found[...]


def test_a_chunk_of_another_shape_is_an_error() -> None:
    data = chunks.encode(DIGITS[0], chunks.ChunkOptions())
    with pytest.raises(InvalidValue, match=r"\(28, 28\), which are no array of \(90, 9\)"):
        chunks.decode(data, (90, 9))
    with pytest.raises(LimitExceeded):
        chunks.decode(data, (9, 9))


@pytest.mark.parametrize("codec", [v2.AecCodec, v3.AecCodec])
def test_codecs_can_be_compared_copied_and_printed(codec: Any) -> None:
    assert repr(codec(quality=30)) == "AecCodec(quality=30)"
    assert codec(quality=30) == pickle.loads(pickle.dumps(codec(quality=30))) != codec(lossless=True)


def test_numcodecs_finds_the_codec_and_fills_arrays() -> None:
    codec = numcodecs.get_codec({"id": "aecodec", "lossless": True})
    data = codec.encode(STACK)
    assert np.array_equal(codec.decode(data), STACK)
    out = np.zeros_like(STACK)
    assert codec.decode(data, out) is out and np.array_equal(out, STACK)
    flat = bytearray(STACK.size)
    codec.decode(data, flat)
    assert bytes(flat) == STACK.tobytes()


@pytest.mark.parametrize("group, codec", [("numcodecs.codecs", v2.AecCodec), ("zarr.codecs", v3.AecCodec)])
def test_the_entry_points_lead_to_the_codecs(group: str, codec: type) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    ((name, value),) = project["entry-points"][group].items()
    assert name == "aecodec" and EntryPoint(name, value, group).load() is codec


def test_the_size_of_a_chunk_is_not_known_before() -> None:
    with pytest.raises(NotImplementedError):
        v3.AecCodec().compute_encoded_size(100, None)
    assert not v3.AecCodec.is_fixed_size


def test_chunks_in_fortran_order_are_refused(tmp_path: Path) -> None:
    made = zarr.create_array(
        tmp_path,
        shape=STACK.shape,
        chunks=(8, 32, 32, 3),
        dtype=np.uint8,
        zarr_format=2,
        order="F",
        compressors=v2.AecCodec(lossless=True),
    )
    with pytest.raises(UnsupportedImage, match="order='C'"):
        made[...] = STACK


def test_options_are_values_that_metadata_can_hold() -> None:
    assert json.dumps(v2.AecCodec(quality=np.int64(60)).get_config()) == '{"id": "aecodec", "quality": 60}'
    with pytest.raises(InvalidValue):
        v2.AecCodec(progress=print)
