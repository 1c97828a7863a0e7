"""Functions over batches keep order and other columns, and can be sent to any process."""

from __future__ import annotations

import io
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from samples import COLOUR, DIGITS

import aecodec
from aecodec.errors import InvalidValue, UnsupportedImage
from aecodec.integrations.batches import Decode, Encode

BATCH = {"image": np.stack(COLOUR[:6]), "label": np.arange(6)}


def test_a_batch_has_files_in_place_of_pictures() -> None:
    found = Encode(model="cifar", quality=40)(BATCH)
    assert list(found) == ["label", "aec"]
    assert found["label"] is BATCH["label"]
    assert found["aec"] == [aecodec.encode(picture, model="cifar", quality=40) for picture in BATCH["image"]]
    assert list(BATCH) == ["image", "label"]  # it is the caller's


def test_decoding_is_the_way_back() -> None:
    found = Decode()(Encode(model="cifar", lossless=True)(BATCH))
    assert list(found) == ["label", "image"]
    assert np.array_equal(found["image"], BATCH["image"])


def test_columns_may_have_other_names() -> None:
    encode = Encode(image="picture", file="data", quality=20)
    found = encode({"picture": DIGITS[:2], "id": ["a", "b"]})
    assert list(found) == ["id", "data"] and all(isinstance(file, bytes) for file in found["data"])
    assert Decode(image="pixels", file="data")(found)["pixels"].shape == (2, 28, 28)


def test_pictures_may_be_the_bytes_of_picture_files() -> None:
    png = io.BytesIO()
    Image.fromarray(COLOUR[0]).save(png, "png")
    encode = Encode(model="cifar", quality=40)
    assert encode.files([png.getvalue(), COLOUR[0]]) == [aecodec.encode(COLOUR[0], model="cifar", quality=40)] * 2


def test_a_picture_that_cannot_be_encoded_is_an_error_or_a_message() -> None:
    batch = {"image": [DIGITS[0], b"not a picture", DIGITS[1]]}
    with pytest.raises(UnsupportedImage):
        Encode(quality=40)(batch)
    found = Encode(quality=40, errors="error")(batch)
    assert [bool(message) for message in found["error"]] == [False, True, False]
    assert found["aec"] == [aecodec.encode(DIGITS[0], quality=40), b"", aecodec.encode(DIGITS[1], quality=40)]
    assert Encode(errors="error")({"image": DIGITS[:2]})["error"] == ["", ""]


def test_pictures_of_several_shapes_stay_apart() -> None:
    found = Decode()(Encode(lossless=True)({"image": [DIGITS[0], COLOUR[0]]}))["image"]
    assert found.dtype == object
    assert np.array_equal(found[0], DIGITS[0]) and np.array_equal(found[1], COLOUR[0])


def test_an_empty_batch_stays_empty() -> None:
    assert Encode()({"image": []}) == {"aec": []}
    assert len(Decode()({"aec": []})["image"]) == 0


def test_wrong_options_are_refused_before_any_batch() -> None:
    with pytest.raises(InvalidValue, match="quality"):
        Encode(quality=0)
    with pytest.raises(InvalidValue, match="cannot be combined"):
        Encode(quality=50, lossless=True)
    with pytest.raises(TypeError, match="qualty"):
        Encode(qualty=50)


def test_another_process_makes_the_same_files() -> None:
    encode = Encode(quality=40)
    assert pickle.loads(pickle.dumps(encode))(BATCH) == encode(BATCH)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert pool.submit(encode, BATCH).result()["aec"] == encode(BATCH)["aec"]


def test_aec_files_are_taken_as_they_are(tmp_path: Path) -> None:
    file = aecodec.encode(COLOUR[0], quality=20)
    path = tmp_path / "a.aec"
    path.write_bytes(file)
    made = Encode(quality=90).files([file, COLOUR[1], str(path)])
    assert made == [file, aecodec.encode(COLOUR[1], quality=90), file]
    with pytest.raises(aecodec.AecError):
        Encode().files([file[:-1]])
