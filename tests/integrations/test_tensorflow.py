"""`tf.data` reads data sets in batches, with another order in each iteration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import COLOUR, DIGITS

from aecodec import dataset
from aecodec.errors import InvalidValue

if os.environ.get("AECODEC_TEST_WITHOUT_TENSORFLOW"):
    pytest.skip("AECODEC_TEST_WITHOUT_TENSORFLOW is set", allow_module_level=True)
tf = pytest.importorskip("tensorflow", reason="needs tensorflow")
adapter = pytest.importorskip("aecodec.integrations.tensorflow")


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> dataset.DataSet:
    """Twenty colour pictures, labelled with their numbers."""
    path = tmp_path_factory.mktemp("set") / "a.aecs"
    dataset.write(path, COLOUR, labels=range(20), lossless=True, block_pictures=4)
    return dataset.open(path)


def labels_of(batches: Any) -> list[int]:
    return [int(label) for _, labels in batches for label in labels]


def test_batches_have_pictures_and_labels(ds: dataset.DataSet) -> None:
    batches = adapter.batches(ds, 6)
    assert batches.element_spec[0].shape.as_list() == [None, 32, 32, 3]
    assert [len(labels) for _, labels in batches] == [6, 6, 6, 2] and len(batches) == 4
    images = np.concatenate([images.numpy() for images, _ in batches])
    assert images.dtype == np.uint8 and np.array_equal(images, COLOUR)
    assert labels_of(batches) == list(range(20))


def test_each_iteration_is_shuffled_anew_and_repeatably(ds: dataset.DataSet) -> None:
    first, second = adapter.batches(ds, 6, shuffle=True, seed=1), adapter.batches(ds, 6, shuffle=True, seed=1)
    orders = [labels_of(first), labels_of(first)]
    assert orders == [labels_of(second), labels_of(second)]
    assert orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1]) == list(range(20))


def test_whole_batches_have_a_known_size(ds: dataset.DataSet) -> None:
    batches = adapter.batches(ds, 6, drop_last=True)
    assert batches.element_spec[0].shape.as_list() == [6, 32, 32, 3] and len(list(batches)) == len(batches) == 3


def test_gray_pictures_have_a_channel_and_may_have_no_labels(tmp_path: Path) -> None:
    dataset.write(tmp_path / "a.aecs", DIGITS, lossless=True)
    (images,) = adapter.batches(dataset.open(tmp_path / "a.aecs"), 20)
    assert np.array_equal(images.numpy()[..., 0], DIGITS)


def test_data_sets_that_make_no_batches_are_refused(tmp_path: Path) -> None:
    dataset.write(tmp_path / "a.aecs", [DIGITS[0], COLOUR[0]])
    dataset.write(tmp_path / "b.aecs", [])
    with pytest.raises(InvalidValue, match="several shapes"):
        adapter.batches(dataset.open(tmp_path / "a.aecs"), 2)
    with pytest.raises(InvalidValue, match="no pictures"):
        adapter.batches(dataset.open(tmp_path / "b.aecs"), 2)
