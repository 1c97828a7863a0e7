"""The page about learning says what its figures allow, and its classifiers learn."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from markdown_tables import cells
from samples import DIGITS

import aecodec

if "AECODEC_TEST_WITHOUT_TENSORFLOW" in os.environ:
    pytest.skip("AECODEC_TEST_WITHOUT_TENSORFLOW is set", allow_module_level=True)
pytest.importorskip("keras", reason="needs keras")
pytest.importorskip("matplotlib", reason="needs matplotlib")
from benchmarks import learning  # noqa: E402
from benchmarks.learning import Accuracy, Found, Result  # noqa: E402


def found(*losses: float) -> Found:
    """Figures with these losses at 10, 20, 30, ... bytes, of data sets that were compressed as a whole."""
    results = []
    for index, loss in enumerate(losses, 1):
        accuracies = [Accuracy(90 - loss, 0.1), Accuracy(90, 0.1), Accuracy(88 - loss, 0.1)]
        results.append(Result(index, 10.0 * index + 6, 10.0 * index, 20.0, accuracies))
    return Found(learning.DIGITS, 100, 50, Accuracy(90, 0.1), 300.0, results)


def test_harmless_sizes_are_those_above_which_nothing_is_lost() -> None:
    text = learning.summary(found(3, 1, 0.05, 0.02), seeds=4)
    assert "From 30.0 bytes a picture on, 10 times fewer than PNG" in text
    assert "Below, it loses points: 1.0 at 20.0, 3.0 at 10.0 bytes." in text
    assert "loses 5.0 points at 10.0 bytes, instead of 3.0." in text


def test_a_loss_above_a_harmless_size_leaves_nothing_harmless() -> None:
    assert "loses points at every quality" in learning.summary(found(3, 0, 1), seeds=4)
    assert "Below" not in learning.summary(found(0, -1), seeds=4)


def test_the_table_has_a_line_for_each_quality_and_the_originals() -> None:
    lines = cells(learning.results_table(found(1, 0)))
    assert [line[0] for line in lines] == ["1", "2", "original"]
    assert lines[0][1:5] == ["10.0", "16.0", "20.00", "89.00 ± 0.10"] and lines[2][2] == "PNG 300"


def test_a_data_set_is_smaller_than_its_files() -> None:
    files = aecodec.encode_many(DIGITS, model="mnist", quality=30)
    assert learning.data_set_bytes(files * 20) < 20 * sum(map(len, files))


def test_a_classifier_learns_what_a_split_of_idx_files_says(tmp_path: Path) -> None:
    stack = np.stack([np.full((28, 28), 255 * (n % 2), np.uint8) for n in range(640)])
    for name, count in (("train", 640), ("t10k", 64)):
        head = b"\0\0\x08\x03" + np.array([count, 28, 28], ">u4").tobytes()
        (tmp_path / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + stack[:count].tobytes()))
        labels = (np.arange(count) % 2).astype(np.uint8)
        head = b"\0\0\x08\x01" + np.array([count], ">u4").tobytes()
        (tmp_path / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(head + labels.tobytes()))
    train, test = learning.load(tmp_path, learning.DIGITS, 500, 64)
    assert (len(train.pictures), len(train.labels), len(test.pictures)) == (500, 500, 64)
    assert learning.accuracy(learning.trained(learning.DIGITS, train, seed=0), test) == 100
    decoded, files = learning.coded(test, "mnist", 90)
    assert decoded.pictures.shape == test.pictures.shape and len(files) == 64
    with pytest.raises(ValueError, match="has no train-0"):
        learning.load(tmp_path, learning.COLOUR, 1, 1)
