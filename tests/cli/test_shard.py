"""`aec shard` writes the shards of a data set on a cluster that it starts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import aec
from PIL import Image
from samples import COLOUR, DIGITS

import aecodec
from aecodec import dataset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures in each of two folders."""
    for number, picture in enumerate(COLOUR[:6]):
        path = tmp_path / "photos" / ("cat", "horse")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    return tmp_path / "photos"


def test_wrong_usage_is_refused_before_a_cluster_is_started(folder: Path, tmp_path: Path) -> None:
    result = aec("shard", str(folder), "-o", str(tmp_path / "a.zip"), "--shards", "2")
    assert result.exit_code == 2 and "data sets are .aecs files" in result.stderr
    result = aec("shard", str(tmp_path / "none"), "-o", str(tmp_path / "a.aecs"), "--shards", "2")
    assert result.exit_code == 1 and result.stderr.endswith("none does not exist\n")
    (tmp_path / "a-00000-of-00003.aecs").touch()
    result = aec("shard", str(folder), "-o", str(tmp_path / "a.aecs"), "--shards", "2", "--force")
    assert result.exit_code == 1 and "of another data set with this name" in result.stderr
    (tmp_path / "b-00001-of-00002.aecs").touch()
    result = aec("shard", str(folder), "-o", str(tmp_path / "b.aecs"), "--shards", "2")
    assert result.exit_code == 1 and "exists; use --force" in result.stderr


def test_without_ray_a_sentence_says_what_to_install(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    result = aec("shard", str(folder), "-o", str(tmp_path / "a.aecs"), "--shards", "2")
    assert (result.exit_code, result.stderr) == (1, "aec: aec shard needs Ray: pip install 'aecodec[ray]'\n")


@pytest.fixture
def _stopped() -> Iterator[None]:
    """No cluster is left."""
    ray = pytest.importorskip("ray", reason="needs ray")
    pytest.importorskip("ray.data")
    yield
    ray.shutdown()


@pytest.mark.usefixtures("_stopped")
def test_a_folder_becomes_shards_with_names_and_labels(folder: Path, tmp_path: Path) -> None:
    (folder / "cat" / "7.png").write_bytes(b"not a picture")
    output = tmp_path / "a.aecs"
    result = aec("shard", str(folder), "-o", str(output), "--shards", "2", "-j", "2", "-q", "40", "-m", "cifar")
    assert result.exit_code == 1 and result.stderr.startswith("aec: cat/7.png: ")
    order = [0, 2, 4, 1, 3, 5]
    with dataset.open(tmp_path / "a-*.aecs") as ds:
        assert isinstance(ds, dataset.Shards) and len(ds.shards) == 2
        expected = aecodec.encode_many([COLOUR[n] for n in order], quality=40, model="cifar")
        assert ds.files(range(6)) == expected
        assert ds.columns["name"].tolist() == [f"{('cat', 'horse')[n % 2]}/{n}.png" for n in order]
        assert [ds.label_names[label] for label in ds.columns["label"]] == ["cat"] * 3 + ["horse"] * 3
    arrays = tmp_path / "digits.npz"
    np.savez(arrays, x=np.stack(DIGITS), y=np.arange(20))
    result = aec("shard", str(arrays), "-o", str(tmp_path / "b.aecs"), "--shards", "3", "--lossless")
    assert (result.exit_code, result.output) == (0, "")
    with dataset.open(tmp_path / "b-*.aecs") as ds:
        assert np.array_equal(ds[:], DIGITS) and ds.columns["label"].tolist() == list(range(20))
