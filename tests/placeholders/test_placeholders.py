"""Placeholders: their size, their pixels, and what becomes of bytes that are none."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import reference_placeholder
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import aecodec
from aecodec.placeholders import coefficients, layout
from aecodec.placeholders.coefficients import cosines
from aecodec.placeholders.decoder import read_residual, residual_events
from aecodec.placeholders.intervals import Reader, Writer
from aecodec.placeholders.model import FILE, bundled

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLE = json.loads(Path(__file__).with_name("placeholders.json").read_text())
REFERENCE = reference_placeholder.read_model(FILE)
SIDES = st.integers(1, 40)


def picture_of(seed: int, height: int, width: int, *channels: int) -> NDArray[np.uint8]:
    """A smooth random picture with some noise."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (3, 4, *channels)).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    return (smooth + random.integers(-9, 10, smooth.shape)).clip(0, 255).astype(np.uint8)


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def require_reference_agrees(data: bytes) -> None:
    width, height, samples = reference_placeholder.decode(data, REFERENCE)
    decoded = aecodec.decode_placeholder(data)
    assert decoded.shape == (height, width, 3) and decoded.tobytes() == samples


# Encoding ---


@given(st.integers(0, 99), SIDES, SIDES, st.sampled_from([(), (3,), (4,)]), st.integers(8, 64))
def test_every_shape_fits_into_its_bytes_and_decodes_to_its_aspect(
    seed: int, height: int, width: int, channels: tuple[int, ...], size: int
) -> None:
    data = aecodec.placeholder(picture_of(seed, height, width, *channels), size)
    assert 1 <= len(data) <= size
    decoded = aecodec.decode_placeholder(data)
    assert max(decoded.shape[:2]) == 32
    assert abs(decoded.shape[0] - 32 * height / max(height, width)) <= 0.5 or decoded.shape[0] == 1
    assert abs(decoded.shape[1] - 32 * width / max(height, width)) <= 0.5 or decoded.shape[1] == 1
    require_reference_agrees(data)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (2, 300), (31, 32), (600, 800)])
def test_extreme_shapes_keep_their_colours(shape: tuple[int, int]) -> None:
    picture = np.full((*shape, 3), (200, 90, 20), np.uint8)
    decoded = aecodec.decode_placeholder(aecodec.placeholder(picture))
    assert abs(decoded.astype(int) - (200, 90, 20)).mean() < 3  # corners are off by more


def test_more_bytes_are_a_better_picture() -> None:
    picture = np.asarray(Image.open(EXAMPLES / "landscape.png").convert("RGB").resize((32, 24)))
    found = [
        psnr(picture, aecodec.decode_placeholder(aecodec.placeholder(picture, size))) for size in (8, 16, 24, 40, 64)
    ]
    assert found == sorted(found) and found[-1] > found[0] + 3


def test_a_photograph_is_recognized_in_24_bytes() -> None:
    picture = np.asarray(Image.open(EXAMPLES / "landscape.png").convert("RGB").resize((32, 24)))
    decoded = aecodec.decode_placeholder(aecodec.placeholder(picture))
    assert psnr(picture, decoded) > 20
    assert abs(picture.mean((0, 1)) - decoded.mean((0, 1))).max() < 6


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_gray_pictures_stay_gray(channels: tuple[int, ...]) -> None:
    picture = picture_of(1, 30, 20)
    given_picture = np.repeat(picture[..., None], channels[0], axis=2) if channels else picture
    decoded = aecodec.decode_placeholder(aecodec.placeholder(given_picture))
    assert (decoded == decoded[..., :1]).all()
    assert psnr(np.repeat(picture[..., None], 3, 2), np.asarray(Image.fromarray(decoded).resize((20, 30)))) > 15


def test_what_is_transparent_takes_the_background() -> None:
    picture = np.zeros((16, 16, 4), np.uint8)
    assert aecodec.decode_placeholder(aecodec.placeholder(picture)).mean() > 252
    red = aecodec.decode_placeholder(aecodec.placeholder(picture, background=(255, 0, 0)))
    assert abs(red.astype(int) - (255, 0, 0)).mean() < 3
    assert aecodec.placeholder(picture) == aecodec.placeholder(np.full((16, 16, 3), 255, np.uint8))


def test_files_images_and_arrays_give_the_same_bytes() -> None:
    path = EXAMPLES / "landscape.png"
    image = Image.open(path)
    assert aecodec.placeholder(path) == aecodec.placeholder(image) == aecodec.placeholder(np.asarray(image))


@pytest.mark.parametrize("size", [7, 65, 24.0, True, "24", None])
def test_other_sizes_are_refused(size: object) -> None:
    with pytest.raises(aecodec.InvalidValue, match="max_bytes must be a whole number of 8 to 64"):
        aecodec.placeholder(np.zeros((4, 4), np.uint8), size)  # type: ignore[arg-type]


@pytest.mark.parametrize("background", [(0, 0), (0, 0, 256), (0.5, 0, 0), "red", None])
def test_other_backgrounds_are_refused(background: object) -> None:
    with pytest.raises(aecodec.InvalidValue, match="background must be"):
        aecodec.placeholder(np.zeros((4, 4, 4), np.uint8), background=background)  # type: ignore[arg-type]


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(aecodec.UnsupportedImage):
        aecodec.placeholder(np.zeros((0, 4), np.uint8))
    with pytest.raises(aecodec.LimitExceeded):
        aecodec.placeholder(EXAMPLES / "landscape.png", max_pixels=10)


# Decoding ---


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row["name"]))
def test_golden_placeholders_decode_to_their_pixels(row: dict[str, object]) -> None:
    decoded = aecodec.decode_placeholder(base64.b64decode(str(row["placeholder"])), **row["options"])  # type: ignore[arg-type]
    assert [decoded.shape[1], decoded.shape[0]] == row["size"]
    assert hashlib.sha256(decoded.tobytes()).hexdigest() == row["sha256"]


@given(st.binary(min_size=0, max_size=70))
def test_any_bytes_are_a_picture_or_refused(data: bytes) -> None:
    if 1 <= len(data) <= 64 and data[0] <= 251:
        require_reference_agrees(data)
    else:
        with pytest.raises(aecodec.InvalidValue):
            aecodec.decode_placeholder(data)
        with pytest.raises(reference_placeholder.Refused):
            reference_placeholder.decode(data, REFERENCE)


def test_the_first_bytes_are_a_coarser_picture() -> None:
    picture = np.asarray(Image.open(EXAMPLES / "landscape.png").convert("RGB").resize((32, 24)))
    data = aecodec.placeholder(picture, 32)
    found = [psnr(picture, aecodec.decode_placeholder(data[:size])) for size in (4, 8, 16, 32)]
    assert found[0] > 10 and found == sorted(found)


def test_width_and_height_keep_the_aspect() -> None:
    data = aecodec.placeholder(picture_of(3, 20, 30, 3))
    assert aecodec.decode_placeholder(data).shape == (21, 32, 3)
    assert aecodec.decode_placeholder(data, width=64).shape == (42, 64, 3)
    assert aecodec.decode_placeholder(data, height=100).shape == (100, 152, 3)
    assert aecodec.decode_placeholder(data, width=7, height=9).shape == (9, 7, 3)
    for size in ({"width": 9}, {"width": 64}, {"width": 7, "height": 9}):
        decoded = aecodec.decode_placeholder(data, **size)
        width, height, samples = reference_placeholder.decode(data, REFERENCE, decoded.shape[1], decoded.shape[0])
        assert decoded.tobytes() == samples


def test_a_larger_result_shows_the_same() -> None:
    data = aecodec.placeholder(picture_of(4, 24, 32, 3))
    small, large = aecodec.decode_placeholder(data), aecodec.decode_placeholder(data, width=320)
    means = large.reshape(24, 10, 32, 10, 3).mean((1, 3))
    assert np.abs(means - small).mean() < 2


@pytest.mark.parametrize("side", [0, -1, 1025, 1.5, True, "9"])
def test_sides_that_are_none_are_refused(side: object) -> None:
    for name in ("width", "height"):
        with pytest.raises(aecodec.InvalidValue, match=f"the {name} of a placeholder"):
            aecodec.decode_placeholder(b"\0", **{name: side})  # type: ignore[arg-type]


def test_a_side_that_follows_is_limited_too() -> None:
    with pytest.raises(aecodec.InvalidValue, match="at most 1024 pixels"):
        aecodec.decode_placeholder(b"\0", height=33)  # 32 x 1


# What the format rests on ---


def test_aspects_and_sizes_are_inverse() -> None:
    assert len({layout.size_of(aspect) for aspect in range(layout.ASPECTS)}) == layout.ASPECTS
    for aspect in range(layout.ASPECTS):
        assert layout.aspect_of(*layout.size_of(aspect)) == aspect


@given(st.data())
def test_residuals_come_back_from_every_payload_of_their_interval(data: st.DataObject) -> None:
    model = bundled()
    symbols = data.draw(st.lists(st.tuples(st.integers(0, 31), st.integers(-300, 300)), max_size=12))
    writer = Writer()
    for kind, residual in symbols:
        for event in residual_events(model, kind, residual):
            writer.take(*event)
    size = -(-writer.scale // 8)
    payloads = writer.payloads(size)
    for value in (payloads[0], payloads[-1]):
        reader = Reader(value.to_bytes(size, "big"))
        assert [(kind, read_residual(reader, model, kind)) for kind, _ in symbols] == symbols


def test_no_cosine_is_near_the_middle_between_two_integers() -> None:
    orders = np.arange(coefficients.ORDERS)[:, None]
    for pixels in range(1, layout.MAX_SIDE + 1):
        angles = np.pi * orders * (2 * np.arange(pixels) + 1) / (2 * pixels)
        exact = 4096 * np.where(orders > 0, np.sqrt(2), 1) * np.cos(angles)
        assert np.abs(exact - np.floor(exact) - 0.5)[: min(16, pixels)].min() > 1e-7
    assert (cosines(5)[5:] == 0).all()


def test_sums_stay_below_the_precision_of_doubles() -> None:
    extreme = np.full((3, 16, 16), coefficients.LARGEST)
    columns = (np.abs(extreme) + coefficients.CENTRE) @ np.abs(cosines(1024)) / 256
    rows = np.abs(cosines(1024)).T @ columns
    assert rows.max() * max(sum(map(abs, row)) for row in coefficients.WEIGHTS) < 2**53


def test_the_model_is_the_one_of_the_specification() -> None:
    text = (Path(__file__).parents[2] / "spec" / "FORMAT.md").read_text()
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() in text
    assert (bundled().arrays["frequencies"].sum(axis=1) == 4096).all() and (bundled().arrays["frequencies"] > 0).all()
    assert bundled().dump() == FILE.read_bytes()
    assert (bundled().arrays["deviation"] > 0).all() and (bundled().arrays["place"].max(0) < (3, 16, 16)).all()
