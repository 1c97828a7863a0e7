"""Labels and columns come back as they were given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import DIGITS

import aecodec
from aecodec import dataset
from aecodec.dataset import columns, framing

FILE = aecodec.encode(DIGITS[0], quality=20, effort=0)

integers = st.integers(-(1 << 63), (1 << 63) - 1)
values = st.one_of(
    st.lists(integers, min_size=1),
    st.lists(st.integers(0, (1 << 64) - 1), min_size=1),
    st.lists(st.floats(allow_nan=False), min_size=1),
    st.lists(st.booleans(), min_size=1),
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1),
    st.lists(st.binary(), min_size=1),
)


@given(values)
def test_every_column_is_read_as_it_was_written(given_values: list[Any]) -> None:
    checked = columns.checked("c", given_values)
    block = columns.write(7, {"c": checked})
    header = columns.parse(block.header)
    assert (header.first, header.count) == (7, len(given_values))
    found = columns.joined([columns.read(header, header.parts[0], block.body)])
    assert found.tolist() == given_values


def test_labels_and_columns_belong_to_their_pictures(tmp_path: Path) -> None:
    count, path = 2 * columns.ROWS + 5, tmp_path / "set.aecs"
    names = [f"picture {i}" for i in range(count)]
    weights = np.linspace(0, 1, count, dtype=np.float32)
    dataset.write(path, [FILE] * count, labels=np.arange(count) % 7, columns={"name": iter(names), "weight": weights})
    ds = dataset.open(path)
    assert ds.labels is not None
    assert np.array_equal(ds.labels, np.arange(count) % 7)
    assert ds.columns["name"].tolist() == names
    assert ds.columns["weight"].dtype == np.float32
    assert np.array_equal(ds.columns["weight"], weights)
    assert list(ds.columns) == ["label", "name", "weight"]
    with pytest.raises(KeyError):
        ds.columns["other"]


def test_labels_that_are_words_become_numbers_with_names(tmp_path: Path) -> None:
    path = tmp_path / "set.aecs"
    dataset.write(path, [FILE] * 4, labels=["cat", "dog", "cat", "emu"], label_names=["dog"], metadata={"a": [1, "ü"]})
    dataset.append(path, [FILE] * 2, labels=["fox", "dog"])
    ds = dataset.open(path)
    assert ds.labels is not None
    assert ds.label_names == ["dog", "cat", "emu", "fox"]
    assert ds.labels.tolist() == [1, 0, 1, 2, 3, 0]
    assert ds.metadata == {"a": [1, "ü"]}


@pytest.mark.parametrize(
    ("given_columns", "message"),
    [
        ({"a": [1]}, "fewer values"),
        ({"a": [1, 2, 3]}, "more values"),
        ({"a": [[1, 2], [3, 4]]}, "one integer"),
        ({"a": [None, None]}, "one integer"),
        ({"a": ["x", b"x"]}, "mixes"),
        ({"a": ["x", 1]}, "one integer"),
        ({"": [1, 2]}, "name of a column"),
    ],
)
def test_columns_that_do_not_fit_are_refused(tmp_path: Path, given_columns: dict[str, Any], message: str) -> None:
    with pytest.raises(aecodec.InvalidValue, match=message):
        dataset.write(tmp_path / "set.aecs", [FILE] * 2, columns=given_columns)
    assert not list(tmp_path.iterdir())


def test_all_pictures_have_the_same_columns(tmp_path: Path) -> None:
    with dataset.Writer(tmp_path / "set.aecs") as writer:
        writer.add([FILE], labels=[1])
        with pytest.raises(aecodec.InvalidValue, match="columns"):
            writer.add([FILE])
        with pytest.raises(aecodec.InvalidValue, match="mixes"):
            writer.add([FILE], labels=[True])
        with pytest.raises(aecodec.InvalidValue, match="2 values for 1"):
            writer.add_files([FILE], {"label": [1, 2]})
        with pytest.raises(aecodec.NotAnAecFile):
            writer.add_files([FILE, b"none"], {"label": [1, 2]})
    with pytest.raises(aecodec.InvalidValue, match="columns"):
        dataset.append(tmp_path / "set.aecs", [FILE])
    found = dataset.open(tmp_path / "set.aecs").labels
    assert found is not None
    assert found.tolist() == [1]


def test_long_values_make_more_blocks_and_too_long_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "MOST_PART_BYTES", 1000)
    values = [bytes([i]) * (i * 100 % 901) for i in range(20)]
    dataset.write(tmp_path / "set.aecs", [FILE] * 20, columns={"raw": values})
    ds = dataset.open(tmp_path / "set.aecs")
    assert ds.columns["raw"].tolist() == values
    assert sum(entry.kind == framing.COLUMNS for entry in ds.entries) > 5
    with pytest.raises(aecodec.InvalidValue, match="a value of the column raw"):
        dataset.write(tmp_path / "set.aecs", [FILE], columns={"raw": [bytes(1001)]})


def test_a_column_that_would_not_fit_into_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset.write(tmp_path / "set.aecs", [FILE] * 9, labels=range(9))
    monkeypatch.setattr(columns, "MOST_BYTES", 8)
    with pytest.raises(aecodec.LimitExceeded):
        dataset.open(tmp_path / "set.aecs").labels  # noqa: B018
