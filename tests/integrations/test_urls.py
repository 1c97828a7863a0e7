"""Files elsewhere are read through fsspec, by their URL."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image
from samples import COLOUR, DIGITS

import aecodec
from aecodec import urls
from aecodec.errors import InvalidValue


def test_a_url_is_no_path() -> None:
    assert urls.is_url("s3://bucket/a.aec") and urls.is_url("zip://a.aec::memory://b.zip")
    for path in ("a.aec", "/tmp/a.aec", "C:\\a.aec", "C:/a.aec", b"s3://bucket/a.aec"):
        assert not urls.is_url(path)


def test_without_fsspec_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(InvalidValue, match=r"s3://bucket/a.aec needs fsspec: pip install 'aecodec\[fsspec\]'"):
        aecodec.decode("s3://bucket/a.aec")


@pytest.fixture
def memory() -> str:
    """A folder in memory."""
    pytest.importorskip("fsspec", reason="needs fsspec").filesystem("memory").store.clear()
    return "memory://folder"


def put(url: str, data: bytes) -> None:
    with urls.open_url(url, "wb") as file:
        file.write(data)


def test_files_are_decoded_and_inspected_by_url(memory: str) -> None:
    url = f"{memory}/a.aec"
    data = aecodec.encode(DIGITS[0])
    put(url, data)
    assert np.array_equal(aecodec.decode(url), aecodec.decode(data))
    assert np.array_equal(aecodec.decode_many([url, data])[0], aecodec.decode(data))
    assert aecodec.decode_image(url).size == (28, 28)
    assert aecodec.inspect(url) == aecodec.inspect(data)


def test_pictures_are_encoded_by_url(memory: str) -> None:
    png = io.BytesIO()
    Image.fromarray(COLOUR[0]).save(png, "png")
    put(f"{memory}/a.png", png.getvalue())
    assert aecodec.encode(f"{memory}/a.png", quality=40) == aecodec.encode(COLOUR[0], quality=40)


def test_a_missing_file_and_an_unknown_protocol_are_told_apart(memory: str) -> None:
    with pytest.raises(FileNotFoundError):
        aecodec.decode(f"{memory}/none.aec")
    with pytest.raises(InvalidValue, match="nowhere://a.aec cannot be opened"):
        aecodec.decode("nowhere://a.aec")
