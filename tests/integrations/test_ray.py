"""A Ray cluster writes the same shards as one process, also when workers are killed."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from samples import COLOUR

from aecodec import dataset
from aecodec.errors import InvalidValue

ray = pytest.importorskip("ray", reason="needs ray")
pytest.importorskip("ray.data")
adapter = pytest.importorskip("aecodec.integrations.ray")

COUNT = 400
PICTURES = np.stack([np.roll(COLOUR[n % 20], n, axis=1) for n in range(COUNT)])


@pytest.fixture(scope="module")
def pictures() -> Iterator[Any]:
    """A data set of Ray, on a cluster of two workers in this machine."""
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=200 << 20, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray.data.from_items(
        [{"image": picture, "label": n, "even": n % 2 == 0} for n, picture in enumerate(PICTURES)]
    )
    ray.shutdown()


def of_one_process(begin: int, end: int, **options: Any) -> bytes:
    """The data set of some of the pictures."""
    file = io.BytesIO()
    numbers = range(begin, end)
    columns = {"label": numbers, "even": [n % 2 == 0 for n in numbers]}
    dataset.write(file, PICTURES[begin:end], columns=columns, **options)
    return file.getvalue()


def test_shards_have_the_bytes_that_one_process_writes(pictures: Any, tmp_path: Path) -> None:
    written = adapter.write(pictures, str(tmp_path / "a.aecs"), shards=4, columns=["label", "even"], quality=30)
    paths = written.paths
    assert written.pictures == COUNT and not written.left_out
    assert [Path(path).name for path in paths] == [f"a-0000{n}-of-00004.aecs" for n in range(4)]
    for index, path in enumerate(paths):
        assert Path(path).read_bytes() == of_one_process(100 * index, 100 * index + 100, quality=30)


def test_a_killed_worker_loses_and_repeats_nothing(pictures: Any, tmp_path: Path) -> None:
    marker = tmp_path / "killed"

    def deadly(batch: dict[str, Any]) -> dict[str, Any]:
        if 200 in batch["label"] and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return batch

    risky = pictures.map_batches(deadly, batch_size=50)
    adapter.write(risky, str(tmp_path / "a.aecs"), shards=2, columns=["label", "even"], batch_size=50, quality=30)
    assert marker.exists()
    for index in range(2):
        path = dataset.shard_path(str(tmp_path / "a.aecs"), index, 2)
        assert Path(path).read_bytes() == of_one_process(200 * index, 200 * index + 200, quality=30)
    assert sorted(path.name for path in tmp_path.iterdir() if path != marker) == [
        "a-00000-of-00002.aecs",
        "a-00001-of-00002.aecs",
    ]


def test_workers_decode_what_they_wrote(pictures: Any, tmp_path: Path) -> None:
    adapter.write(pictures, str(tmp_path / "a.aecs"), shards=3, columns=["label"], lossless=True)
    rows = adapter.read(str(tmp_path / "a-*.aecs"), batch_size=64).take_all()
    assert len(rows) == COUNT
    for row in rows:
        assert np.array_equal(row["image"], PICTURES[row["label"]])
    assert sorted(row["label"] for row in rows) == list(range(COUNT))


def test_more_shards_than_pictures_leave_some_empty(pictures: Any, tmp_path: Path) -> None:
    adapter.write(pictures.limit(2), str(tmp_path / "a.aecs"), shards=3, columns=["label"], lossless=True)
    with dataset.open(tmp_path / "a-*.aecs") as ds:
        assert np.array_equal(ds[:], PICTURES[:2]) and ds.columns["label"].tolist() == [0, 1]


def test_wrong_options_are_refused_before_anything_is_read(pictures: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="quality"):
        adapter.write(pictures, str(tmp_path / "a.aecs"), shards=2, quality=0)
    with pytest.raises(InvalidValue, match="1 shard or more"):
        adapter.write(pictures, str(tmp_path / "a.aecs"), shards=0)


def test_an_error_names_its_cause_and_leaves_no_file(pictures: Any, tmp_path: Path) -> None:
    def spoilt(batch: dict[str, Any]) -> dict[str, Any]:
        return {**batch, "image": batch["image"].astype(np.float32)}

    with pytest.raises(Exception, match="expected uint8"):
        adapter.write(pictures.map_batches(spoilt), str(tmp_path / "a.aecs"), shards=2)
    assert not list(tmp_path.iterdir())


def test_pictures_that_cannot_be_read_are_left_out_and_named(pictures: Any, tmp_path: Path) -> None:
    del pictures  # the cluster
    for number, picture in enumerate(COLOUR[:5]):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"not a picture")
    rows = ray.data.from_items([{"image": str(tmp_path / f"{n}.png"), "number": n} for n in range(6)])
    written = adapter.write(rows, str(tmp_path / "a.aecs"), shards=2, columns=["number"], leave_out=True, lossless=True)
    assert written.pictures == 4
    assert [row["number"] for row in written.left_out] == [2, 5]
    assert "not a picture" in written.left_out[0]["error"] and "No such file" in written.left_out[1]["error"]
    with dataset.open(tmp_path / "a-*.aecs") as ds:
        assert ds.columns["number"].tolist() == [0, 1, 3, 4]
        assert np.array_equal(ds[:], [COLOUR[n] for n in (0, 1, 3, 4)])
