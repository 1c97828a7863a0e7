"""Labels and columns come back as they were given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import aec
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


def test_a_column_has_one_kind_of_values(tmp_path: Path) -> None:
    with dataset.Writer(tmp_path / "set.aecs") as writer:
        writer.add([FILE], columns={"x": [1]})
        with pytest.raises(aecodec.InvalidValue, match="the column x mixes number and bool"):
            writer.add([FILE], columns={"x": [True]})


def test_all_pictures_have_the_same_columns(tmp_path: Path) -> None:
    with dataset.Writer(tmp_path / "set.aecs") as writer:
        writer.add([FILE], labels=[1])
        with pytest.raises(aecodec.InvalidValue, match="columns"):
            writer.add([FILE])
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


def test_a_column_that_would_not_be_read_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "set.aecs"
    monkeypatch.setattr(columns, "ROWS", 2)
    monkeypatch.setattr(columns, "MOST_BYTES", 20)
    words = ["", "üü", "12345678"]  # 4 bytes each, and those of UTF-8
    with dataset.Writer(path) as writer:
        writer.add([FILE] * 2, columns={"word": words[:2]})
        with pytest.raises(aecodec.InvalidValue, match="column word would take more than 20 bytes"):
            writer.add([FILE] * 2, columns={"word": ["", words[2]]})
        writer.add([FILE], columns={"word": ["1234"]})
    for _ in range(2):  # the first refusal leaves the file as it was
        assert dataset.open(path).columns["word"].tolist() == ["", "üü", "1234"]
        with pytest.raises(aecodec.InvalidValue, match="would take more than 20 bytes"):
            dataset.append(path, [FILE], columns={"word": [""]})
    dataset.write(path, [FILE] * 6, columns={"number": [1 << 31, 0, 0, 0, 1 << 15, 0]})  # 2 * 4 + 2 * 1 + 2 * 2 bytes
    assert dataset.open(path).columns["number"][4] == 1 << 15
    for function in (dataset.write, dataset.append):
        with pytest.raises(aecodec.InvalidValue, match="column number would take more than 20 bytes"):
            function(path, [FILE] * 4, columns={"number": [1 << 31, 0, 1 << 40, 0]})
    assert len(dataset.open(path)) == 6


def test_more_columns_than_are_read_are_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MOST_COLUMNS", 2)
    with pytest.raises(aecodec.InvalidValue, match="more rows or columns"):
        dataset.write(tmp_path / "set.aecs", [FILE], columns=dict.fromkeys("abc", [1]))


@pytest.mark.parametrize(
    ("given_values", "dtype"),
    [
        ([-1, -1, (1 << 60) + 1, 0], np.int64),
        ([(1 << 60) + 1, 5, 6, -(1 << 63)], np.int64),
        ([(1 << 64) - 1, 5, 6, 7], np.uint64),
        ([1, 2, 300, 70000], np.int64),
        ([np.uint64(5), np.int64(-1), (1 << 60) + 1, 0], np.int64),
    ],
)
def test_integers_of_blocks_of_different_types_are_not_rounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given_values: list[Any], dtype: type
) -> None:
    monkeypatch.setattr(columns, "ROWS", 2)
    dataset.write(tmp_path / "set.aecs", [FILE] * 4, columns={"id": given_values})
    found = dataset.open(tmp_path / "set.aecs").columns["id"]
    assert found.dtype == dtype
    assert found.tolist() == given_values


def test_integers_that_are_added_as_different_types_are_not_rounded(tmp_path: Path) -> None:
    with dataset.Writer(tmp_path / "set.aecs") as writer:
        writer.add([FILE] * 2, columns={"id": np.array([(1 << 62) + 1, 3], np.uint64)})
        writer.add([FILE] * 2, columns={"id": np.array([-1, 2], np.int8)})
        writer.add([FILE] * 2, columns={"id": np.array([-1, 2], object)})
    found = dataset.open(tmp_path / "set.aecs").columns["id"]
    assert found.dtype == np.int64
    assert found.tolist() == [(1 << 62) + 1, 3, -1, 2, -1, 2]


def test_integers_that_no_type_holds_together_are_refused(tmp_path: Path) -> None:
    path, large = tmp_path / "set.aecs", (1 << 63) + 1
    for wrong in ([large, -1], [1 << 64, 0], [-(1 << 63) - 1, 0], [np.uint64(large), np.int64(-1)]):
        with pytest.raises(aecodec.InvalidValue, match="integers of the column id do not all fit"):
            dataset.write(path, [FILE] * 2, columns={"id": wrong})
    with dataset.Writer(path) as writer:
        writer.add([FILE], columns={"id": [large]})
        with pytest.raises(aecodec.InvalidValue, match="do not all fit"):
            writer.add([FILE], columns={"id": [-1]})
        writer.add([FILE], columns={"id": [7]})
    assert dataset.open(path).columns["id"].tolist() == [large, 7]


def test_integers_that_no_type_holds_together_are_read_as_they_are(tmp_path: Path) -> None:
    path, large = tmp_path / "set.aecs", (1 << 63) + 1
    dataset.write(path, [FILE], columns={"id": [large]})
    dataset.append(path, [FILE], columns={"id": [-1]})  # the values that are there are not looked at again
    found = dataset.open(path).columns["id"]
    assert found.dtype == object
    assert found.tolist() == [large, -1]


def test_labels_without_names_are_not_taken_for_those_of_strings(tmp_path: Path) -> None:
    path = tmp_path / "set.aecs"
    dataset.write(path, [FILE] * 3, labels=[0, 1, 7])
    with pytest.raises(aecodec.InvalidValue, match="integers without names"):
        dataset.append(path, [FILE], labels=["cat"])
    dataset.write(path, [FILE], labels=[5], label_names=["cat"])
    with pytest.raises(aecodec.InvalidValue, match="integers without names"):
        dataset.append(path, [FILE], labels=["dog"])
    with dataset.Writer(tmp_path / "other.aecs", label_names=["cat", "dog"]) as writer:
        writer.add([FILE], labels=[1])
        writer.add([FILE], labels=["emu"])
        writer.add([FILE], labels=[5])
        with pytest.raises(aecodec.InvalidValue, match="integers without names"):
            writer.add([FILE], labels=["fox"])
    ds = dataset.open(tmp_path / "other.aecs")
    assert ds.labels is not None and ds.labels.tolist() == [1, 2, 5] and ds.label_names == ["cat", "dog", "emu"]


@pytest.mark.parametrize("labels", [[0.5], [float("nan")], [True], [b"cat"], np.array([1.0], np.float16)])
def test_labels_that_are_neither_integers_nor_strings_are_refused(labels: Any, tmp_path: Path) -> None:
    with pytest.raises(aecodec.InvalidValue, match="labels must be integers or strings"):
        dataset.write(tmp_path / "set.aecs", [FILE], labels=labels)


@pytest.mark.parametrize("labels", [[0.5], [True], [b"cat"], ["cat"]])
def test_labels_with_names_that_are_no_integers_are_refused_when_read(
    labels: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "set.aecs"
    with monkeypatch.context() as patch:  # as version 1.0 did
        patch.setattr(dataset.Writer, "_checked", lambda self, name, values, names: columns.checked(name, values))
        dataset.write(path, [FILE], labels=labels, label_names=["cat"])
    with dataset.open(path) as ds, pytest.raises(aecodec.InvalidValue, match="they are not integers"):
        _ = ds.labels
    for command in ("info", "ls"):
        result = aec(command, str(path))
        assert (result.exit_code, "they are not integers" in result.stderr) == (1, True)
    result = aec("unpack", str(path), "-o", str(tmp_path / "out"))
    assert (result.exit_code, "they are not integers" in result.stderr) == (1, True)


def test_labels_that_were_refused_leave_no_name(tmp_path: Path) -> None:
    path = tmp_path / "set.aecs"
    with dataset.Writer(path) as writer:
        writer.add([FILE], labels=["cat"], columns={"x": [1]})
        with pytest.raises(aecodec.InvalidValue):
            writer.add([FILE], labels=["dgo"], columns={"y": [1]})
        writer.add([FILE], labels=["dog"], columns={"x": [1]})
    assert dataset.open(path).label_names == ["cat", "dog"]


@pytest.mark.parametrize(
    "given",
    [
        {"labels": ["a\udcff"]},
        {"columns": {"name": ["a\udcff"]}},
        {"columns": {"a\udcff": [1]}},
        {"metadata": {"name": "a\udcff"}},
        {"label_names": ["a\udcff"]},
    ],
)
def test_text_that_is_not_unicode_is_refused(given: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(aecodec.InvalidValue):
        dataset.write(tmp_path / "set.aecs", [FILE], **given)
    assert not any(tmp_path.iterdir())


def test_appending_takes_neither_metadata_nor_names(tmp_path: Path) -> None:
    path = tmp_path / "set.aecs"
    dataset.write(path, [FILE], labels=["cat"])
    for words in ({"metadata": {"a": 1}}, {"label_names": ["dog"]}):
        with pytest.raises(aecodec.InvalidValue):
            dataset.Writer(path, appending=True, **words)
    assert dataset.open(path).label_names == ["cat"]
