"""WebDataset's tars hold .aec members, which are decoded and, on writing, encoded."""

from __future__ import annotations

import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from samples import COLOUR, DIGITS

import aecodec
from aecodec.errors import AecError, InvalidValue

wds = pytest.importorskip("webdataset", reason="needs webdataset")
webdataset = pytest.importorskip("aecodec.integrations.webdataset")


@pytest.fixture
def tar(tmp_path: Path) -> str:
    """Six colour pictures with classes."""
    path = str(tmp_path / "train.tar")
    with wds.TarWriter(path, encoder=webdataset.encoder(quality=40)) as writer:
        for number, picture in enumerate(COLOUR[:6]):
            writer.write({"__key__": f"{number:03}", "aec": picture, "cls": number})
    return path


def test_members_are_the_files_of_encode(tar: str) -> None:
    with tarfile.open(tar) as found:
        members = {m.name: found.extractfile(m).read() for m in found.getmembers()}  # type: ignore[union-attr]
    assert members["003.aec"] == aecodec.encode(COLOUR[3], quality=40)
    assert members["003.cls"] == b"3"


def test_samples_are_arrays_beside_what_webdataset_decodes(tar: str) -> None:
    samples = list(wds.WebDataset(tar, shardshuffle=False).decode(webdataset.decoder()).to_tuple("aec", "cls"))
    assert [label for _, label in samples] == list(range(6))
    for (picture, _), original in zip(samples, COLOUR, strict=False):
        assert np.array_equal(picture, aecodec.decode(aecodec.encode(original, quality=40)))


def test_several_members_of_one_sample_are_told_apart(tmp_path: Path) -> None:
    path = str(tmp_path / "pairs.tar")
    files = [aecodec.encode(DIGITS[0], lossless=True), aecodec.encode(DIGITS[1], lossless=True)]
    with wds.TarWriter(path) as writer:
        writer.write({"__key__": "a", "left.aec": files[0], "right.AEC": files[1], "note.txt": "text"})
    (sample,) = wds.WebDataset(path, shardshuffle=False).decode(webdataset.decoder())
    assert np.array_equal(sample["left.aec"], DIGITS[0]) and np.array_equal(sample["right.aec"], DIGITS[1])
    assert sample["note.txt"] == "text"


def test_a_damaged_member_is_an_error_or_is_skipped_as_webdataset_is_told(tmp_path: Path) -> None:
    path = str(tmp_path / "damaged.tar")
    data = aecodec.encode(DIGITS[0])
    with wds.TarWriter(path) as writer:
        writer.write({"__key__": "a", "aec": data[:-1] + bytes([data[-1] ^ 1])})
        writer.write({"__key__": "b", "aec": data})
    decode = webdataset.decoder()
    with pytest.raises(Exception) as caught:
        list(wds.WebDataset(path, shardshuffle=False).decode(decode))
    assert isinstance(caught.value.__cause__, AecError)
    skipping = wds.WebDataset(path, shardshuffle=False).decode(decode, handler=wds.handlers.ignore_and_continue)
    assert [sample["__key__"] for sample in skipping] == ["b"]


def test_the_handlers_can_be_sent_to_workers_and_check_options() -> None:
    decode = pickle.loads(pickle.dumps(webdataset.decoder(thumbnail=7)))
    assert decode(".aec", aecodec.encode(DIGITS[0])).shape == (7, 7)
    assert decode(".png", b"") is None
    with pytest.raises(InvalidValue, match="quality"):
        webdataset.encoder(quality=0)
