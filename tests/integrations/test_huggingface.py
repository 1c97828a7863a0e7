"""Hugging Face `datasets` keeps files in a column of bytes: batches are mapped there and back, `Image` shows them."""

from __future__ import annotations

import numpy as np
import pytest
from samples import COLOUR

import aecodec
import aecodec.pillow
from aecodec.integrations.batches import Decode, Encode

datasets = pytest.importorskip("datasets", reason="needs Hugging Face datasets")


@pytest.fixture
def pictures() -> object:
    """A data set of twelve colour pictures with labels, as Pillow images."""
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    rows = {"image": COLOUR[:12], "label": list(range(12))}
    return datasets.Dataset.from_dict(rows, features=features)


def test_mapping_makes_a_column_of_files(pictures: object) -> None:
    encode = Encode(model="cifar", quality=40)
    files = pictures.map(encode, batched=True, batch_size=5, remove_columns=["image"])  # type: ignore[attr-defined]
    assert files.features["aec"].dtype == "binary"
    assert files["aec"][:] == [aecodec.encode(picture, model="cifar", quality=40) for picture in COLOUR[:12]]
    assert files["label"][:] == list(range(12))


def test_batches_are_decoded_when_they_are_asked_for(pictures: object) -> None:
    encode = Encode(model="cifar", lossless=True)
    files = pictures.map(encode, batched=True, remove_columns=["image"]).with_transform(Decode())  # type: ignore[attr-defined]
    assert np.array_equal(files[3:7]["image"], COLOUR[3:7])
    assert files[3:7]["label"] == [3, 4, 5, 6]
    assert np.array_equal(files[5]["image"], COLOUR[5])


def test_the_feature_image_opens_files_once_pillow_knows_them(pictures: object) -> None:
    aecodec.pillow.register()
    encode = Encode(model="cifar", lossless=True)
    files = pictures.map(encode, batched=True, remove_columns=["image"])  # type: ignore[attr-defined]
    images = files.cast_column("aec", datasets.Image())
    assert np.array_equal(np.asarray(images[4]["aec"]), COLOUR[4])
