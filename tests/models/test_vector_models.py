"""Models without a plane: a vector for each tile and exact layers from there to the pixels."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from samples import GRAY_SCENES, mosaic

import aecodec
from aecodec.conformance.tiny_models import planeless_description, planeless_file, tiny_lossless
from aecodec.errors import InvalidModelFile
from aecodec.format import panels
from aecodec.models.analysis import analyse
from aecodec.models.description import Description, Layer, SynthesisLayer
from aecodec.models.model import load
from conformance import decoder as reference

ENGINES = ("numpy",) if "AECODEC_TEST_WITHOUT_TENSORFLOW" in os.environ else ("numpy", "tensorflow")
D = planeless_description()


@pytest.fixture(params=[1, 3], ids=["gray", "colour"])
def channels(request: pytest.FixtureRequest, own_folder: Path) -> int:
    (own_folder / "planeless-1.safetensors").write_bytes(planeless_file(request.param))
    return int(request.param)


def picture(height: int, width: int, channels: int) -> np.ndarray:
    return mosaic(height, width) if channels == 3 else mosaic(height, width, GRAY_SCENES)


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (11, 30)])
@pytest.mark.parametrize("quality", [1, 60, 100])
def test_a_decoder_written_from_the_specification_gives_the_same_pixels(
    channels: int, size: tuple[int, int], quality: int
) -> None:
    model = reference.Model(planeless_file(channels))
    original = picture(*size, channels)
    for packing in ("rans", "zstd"):
        data = aecodec.encode(original, model="planeless", quality=quality, packing=packing)
        decoded = [aecodec.decode(data, engine=engine) for engine in ENGINES]
        assert decoded[0].shape == original.shape
        assert all(np.array_equal(decoded[0], other) for other in decoded)
        found = reference.decode(data, {model.id(): model})
        assert found[3] == decoded[0].tobytes()


def test_different_tiles_decode_to_different_pixels(channels: int) -> None:
    decoded = aecodec.decode(aecodec.encode(picture(16, 16, channels), model="planeless", quality=100))
    corners = [decoded[y : y + 8, x : x + 8].tobytes() for y in (0, 8) for x in (0, 8)]
    assert len(set(corners)) == 4


def test_parts_of_several_panels_equal_the_crop_of_the_whole(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panels, "SIDE", 16)
    data = aecodec.encode(picture(40, 27, channels), model="planeless", quality=80)
    assert aecodec.inspect(data).panels == 6
    whole = aecodec.decode(data)
    for x, y, width, height in ((0, 0, 27, 40), (13, 14, 5, 9), (26, 39, 1, 1)):
        part = aecodec.decode(data, region=(x, y, width, height))
        assert np.array_equal(part, whole[y : y + height, x : x + width])
    assert aecodec.decode(data, thumbnail=10).shape[:2] == (10, 7)


def test_pictures_coded_together_give_the_files_that_each_gives_alone(channels: int) -> None:
    many = [np.roll(picture(8, 8, channels), i, axis=0) for i in range(5)]
    files = aecodec.encode_many(many, model="planeless")
    assert files == [aecodec.encode(one, model="planeless") for one in many]
    assert all(np.array_equal(aecodec.decode(f), d) for f, d in zip(files, aecodec.decode_many(files), strict=True))


def test_features_of_a_model_without_a_plane_are_its_vectors(channels: int) -> None:
    found = aecodec.features(picture(8, 16, channels), model="planeless")
    assert found.vector.shape == found.quantized_vector.shape == (2, 3)
    assert found.plane.shape == found.quantized_plane.shape == (4, 8, 0)
    finest = aecodec.features(picture(8, 16, channels), model="planeless", quality=100)
    assert np.abs(finest.quantized_vector - finest.vector).max() <= 5  # a step at quality 100


@pytest.mark.parametrize("channels", [1, 3], ids=["gray", "colour"])
@pytest.mark.parametrize("size", [(8, 8), (11, 30)])
@pytest.mark.parametrize("error", [9, 60])
def test_a_model_without_a_plane_may_code_samples(
    channels: int, size: tuple[int, int], error: int, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aecodec.encoding.encoder.or_plain", lambda batch, files, *others: files)
    whole = planeless_file(channels, with_lossless(channels))
    (own_folder / "planeless-1.safetensors").write_bytes(whole)
    model, original = reference.Model(whole), picture(*size, channels)
    data = aecodec.encode(original, model="planeless", max_error=error)
    assert aecodec.inspect(data).model == "planeless-1"
    decoded = aecodec.decode(data)
    assert int(np.abs(decoded.astype(int) - original).max()) <= error
    assert reference.decode(data, {model.id(): model})[3] == decoded.tobytes()


def with_lossless(channels: int) -> Description:
    return dataclasses.replace(planeless_description(channels), lossless=tiny_lossless(channels))


IMPOSSIBLE = {
    "cues": dataclasses.replace(D, cues=1),
    "a vector network": dataclasses.replace(D, vector_layers=(Layer(1, 48),)),
    "a correction": dataclasses.replace(D, correction_layers=(Layer(1, 4),)),
    "features of another number": dataclasses.replace(D, features=2),
    "no tile": dataclasses.replace(D, tile=None),
    "another tile": dataclasses.replace(D, tile=(6, 8)),
    "a tile of half blocks": dataclasses.replace(D, block=16),
    "kernel 5": dataclasses.replace(D, synthesis_layers=(SynthesisLayer(5, 64, grow=8),)),
    "growth 0": dataclasses.replace(D, synthesis_layers=(SynthesisLayer(1, 64, grow=0),)),
    "growth 32": dataclasses.replace(D, synthesis_layers=(SynthesisLayer(1, 1024, grow=32, crop=12),)),
    "units that do not spread": dataclasses.replace(D, synthesis_layers=(SynthesisLayer(1, 65, grow=8),)),
    "an unknown activation": dataclasses.replace(D, synthesis_layers=(SynthesisLayer(1, 64, "leaky", grow=8),)),
    "a grid far beyond the tile": dataclasses.replace(
        D, synthesis_layers=(SynthesisLayer(1, 256, grow=16), SynthesisLayer(1, 4, grow=2, crop=12))
    ),
    "nothing left": dataclasses.replace(D, synthesis_layers=(SynthesisLayer(1, 4, grow=2, crop=1),)),
    "no pixels": dataclasses.replace(D, synthesis_layers=(SynthesisLayer(1, 128, grow=8),)),
}


@pytest.mark.parametrize("d", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_a_description_that_leads_to_no_pixels_is_refused(d: Description) -> None:
    with pytest.raises(InvalidModelFile):
        load(planeless_file(d=d) if d.tile and all(p.grow for p in d.synthesis_layers) else renamed(d))
    with pytest.raises(reference.Refused):
        reference.Model(renamed(d))


def renamed(d: Description) -> bytes:
    """The model file with another description."""
    data = planeless_file()
    old, new = (text.to_json().replace('"', '\\"').encode() for text in (D, d))
    assert old in data
    length = int.from_bytes(data[:8], "little") + len(new) - len(old)
    return length.to_bytes(8, "little") + data[8:].replace(old, new, 1)


def test_a_whole_file_is_read_again() -> None:
    assert load(renamed(D)).id == load(planeless_file()).id


@pytest.mark.parametrize(
    "name, array",
    [
        ("tone", np.zeros(2046, np.uint8)),
        ("tone", np.full(2047, 256, np.int16)),
        ("synthesis.1.weight", np.zeros((17, 12), np.int8)),
        ("synthesis.1.bias", np.full(12, 1 << 60, np.int64)),
        ("synthesis.weight", np.zeros((1, 1), np.int8)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(name: str, array: np.ndarray) -> None:
    with pytest.raises(InvalidModelFile):
        load(planeless_file(changed={name: array}))


@pytest.mark.parametrize(
    "name, array",
    [
        ("analysis.0.weight", np.zeros((64, 4), np.float32)),
        ("analysis.0.bias", np.full(3, np.nan, np.float32)),
    ],
)
def test_layers_of_an_encoder_that_do_not_fit_decode(name: str, array: np.ndarray) -> None:
    model = load(planeless_file(changed={name: array}))
    with pytest.raises(InvalidModelFile, match="can only decode"):
        analyse(model, np.zeros((1, *model.description.unit, 1), np.uint8))


def test_a_model_with_a_plane_says_nothing_of_synthesis_layers() -> None:
    from aecodec.conformance.tiny_models import tiny_description

    assert "synthesis_layers" not in tiny_description((4, 6)).to_json()
