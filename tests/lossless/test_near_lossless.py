"""Lossless files of models: whatever the picture, every sample comes back, a part is a crop, and damage is an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import COLOUR, DIGITS, LETTERS, mosaic

import aecodec
from aecodec.conformance.tiny_models import tiny_file
from aecodec.errors import AecError, InvalidValue, TruncatedFile
from aecodec.format import check
from aecodec.format.container import LOSSLESS, NEAR_LOSSLESS, Header, read_header, write_header
from aecodec.models.model import load


def file_of(header: Header, payload: bytes) -> bytes:
    """A file, with its check in the small form."""
    return check.completed(write_header(header) + payload, is_small=header.is_small)


@contextmanager
def no_plain_files() -> Iterator[None]:
    """Pictures are left to models, even where plain files are smaller."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aecodec.encoding.encoder.or_plain", lambda batch, files, *others: files)
        yield


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([0, 3]),
    kind=st.sampled_from(["noise", "black", "white", "mosaic"]),
    max_error=st.sampled_from([0, 0, 1, 5, 128, 255]),
    model=st.sampled_from(["cifar", "photo"]),
)
def test_no_picture_is_off_by_more_than_was_allowed(
    height: int, width: int, channels: int, kind: str, max_error: int, model: str
) -> None:
    shape = (height, width, channels) if channels else (height, width)
    picture = {
        "noise": np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8),
        "black": np.zeros(shape, np.uint8),
        "white": np.full(shape, 255, np.uint8),
        "mosaic": np.ascontiguousarray(mosaic(height, width)[..., slice(3) if channels else 1]),
    }[kind]
    with no_plain_files():
        data = aecodec.encode(picture, model=model, max_error=max_error)
    assert read_header(data)[0].quality == (NEAR_LOSSLESS if max_error else LOSSLESS)
    assert (aecodec.inspect(data).max_error, aecodec.inspect(data).quality) == (max_error, 100)
    again = aecodec.decode(data)
    assert again.shape == picture.shape
    assert int(np.abs(again.astype(int) - picture).max()) <= max_error


@pytest.mark.parametrize("size", [(28, 28), (20, 31)])
def test_digits_and_letters_come_back_either_way_round(size: tuple[int, int]) -> None:
    pictures = [np.resize(tile, size) for tile in (*DIGITS[:3], *LETTERS[:3])]
    pictures += [255 - picture for picture in pictures]
    files = aecodec.encode_many(pictures, lossless=True)
    for picture, again in zip(pictures, aecodec.decode_many(files), strict=True):
        assert np.array_equal(picture, again)


def test_files_of_every_kind_are_decoded_together() -> None:
    files = [aecodec.encode(tile, model="cifar", quality=20, packing="rans") for tile in COLOUR[:2]]
    files.insert(1, aecodec.encode(COLOUR[2], max_error=0))
    files += [aecodec.encode(COLOUR[3], max_error=error) for error in (0, 2, 3)]
    files += [aecodec.encode(COLOUR[4][..., 1], model="cifar", max_error=error) for error in (0, 2)]
    for file, again in zip(files, aecodec.decode_many(files), strict=True):
        assert np.array_equal(again, aecodec.decode(file))
    assert np.array_equal(aecodec.decode(files[1]), COLOUR[2])


@pytest.mark.parametrize("max_error", [0, 3])
def test_a_part_is_the_crop_of_the_whole(max_error: int) -> None:
    picture = mosaic(37, 1030)
    with no_plain_files():
        data = aecodec.encode(picture, model="cifar", max_error=max_error)
    assert aecodec.inspect(data).panels == 3
    whole = aecodec.decode(data)
    assert int(np.abs(whole.astype(int) - picture).max()) <= max_error
    for x, y, width, height in ((0, 0, 1030, 37), (500, 3, 30, 30), (511, 36, 1, 1), (1024, 0, 6, 9), (7, 7, 20, 2)):
        part = aecodec.decode(data, region=(x, y, width, height))
        assert np.array_equal(part, whole[y : y + height, x : x + width])


def test_a_thumbnail_of_a_lossless_file_is_made_of_its_samples() -> None:
    picture = mosaic(64, 96)
    with no_plain_files():
        data = aecodec.encode(picture, model="cifar", lossless=True)
    means = picture.reshape(8, 8, 12, 8, 3).sum(axis=(1, 3), dtype=int)
    assert np.array_equal(aecodec.decode(data, thumbnail=12), (means + 32) // 64)


def test_every_damaged_byte_is_noticed() -> None:
    data = aecodec.encode(DIGITS[0], lossless=True)
    for at in range(read_header(data)[1], len(data), 3):
        with pytest.raises(AecError):
            aecodec.decode(data[:at] + bytes([data[at] ^ 64]) + data[at + 1 :])
    for length in range(0, len(data), 11):
        with pytest.raises(AecError):
            aecodec.decode(data[:length])


def test_panels_cannot_change_places() -> None:
    tile = mosaic(16, 512)
    data = aecodec.encode(np.concatenate([tile, tile], axis=1), model="cifar", lossless=True)
    _, begin = read_header(data)
    length = data[begin] & 127 | data[begin + 1] << 7
    first, second = data[begin + 2 : begin + 2 + length], data[begin + 2 + length :]
    assert len(first) == len(second) and first != second
    with pytest.raises(AecError):
        aecodec.decode(data[: begin + 2] + second + first)


@pytest.mark.parametrize(
    ("header", "payload", "error"),
    [
        (Header(5, LOSSLESS, "zstd"), b"", InvalidValue),
        (Header(5, NEAR_LOSSLESS, "rans"), b"", TruncatedFile),
        (Header(5, NEAR_LOSSLESS, "rans"), b"\0\1", InvalidValue),
        (Header(5, NEAR_LOSSLESS, "rans", size=(9, 9)), b"", TruncatedFile),
    ],
)
def test_a_header_that_no_encoder_writes_is_refused(header: Header, payload: bytes, error: type[AecError]) -> None:
    with pytest.raises(error):
        aecodec.inspect(file_of(header, payload))


def test_a_model_without_a_lossless_stage_decodes_no_lossless_file(monkeypatch: pytest.MonkeyPatch) -> None:
    without = load(tiny_file((4, 6)))
    monkeypatch.setattr("aecodec.models.registry.by_number", lambda number: without)
    with pytest.raises(InvalidValue, match="has no stage"):
        aecodec.inspect(file_of(Header(5, LOSSLESS, "rans"), b"\1"))


def test_no_lossless_file_is_much_larger_than_the_samples() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    for model, packing in (("auto", "auto"), ("cifar", "auto"), ("auto", "zstd")):
        assert len(aecodec.encode(noise, model=model, packing=packing, lossless=True)) <= 1.01 * noise.nbytes + 32
