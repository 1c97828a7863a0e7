"""Pictures in and out: which are accepted, and what becomes of them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from aecodec.errors import LimitExceeded, UnsupportedImage
from aecodec.pictures import MAX_PIXELS, load, require_within_limit

GRAY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
COLOUR = np.arange(36, dtype=np.uint8).reshape(3, 4, 3) * 7


def with_alpha(image: Image.Image, alpha: int) -> Image.Image:
    image.putalpha(alpha)
    return image


def palette_image(colours: list[int], indices: np.ndarray) -> Image.Image:
    image = Image.fromarray(indices).convert("P")
    image.putpalette(colours)
    image.putdata(indices.ravel().tolist())
    return image


@pytest.mark.parametrize("picture", [GRAY, COLOUR, GRAY[::-1, ::2], np.asfortranarray(COLOUR), GRAY[:1, :1]])
def test_arrays_are_taken_as_they_are(picture: np.ndarray) -> None:
    assert np.array_equal(load(picture), picture)


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (GRAY / 255, "expected uint8 samples"),
        (GRAY > 3, "not bool"),
        (GRAY.astype(np.uint16), "not uint16"),
        (GRAY.astype(np.int8), "not int8"),
        (GRAY[..., np.newaxis], "expected the shape"),
        (np.zeros((2, 2, 4), np.uint8), "expected the shape"),
        (np.zeros(4, np.uint8), "expected the shape"),
        (np.zeros((1, 2, 2, 3), np.uint8), "expected the shape"),
        (np.uint8(4), "expected the shape"),
        (np.zeros((0, 5), np.uint8), "at least one pixel, and this one is 5x0"),
        (np.zeros((5, 0, 3), np.uint8), "at least one pixel, and this one is 0x5"),
        ([[1, 2]], "not list"),
        ("picture.png", "not str"),
        (None, "not NoneType"),
    ],
)
def test_other_arrays_and_things_are_refused_in_one_sentence(picture: np.ndarray, sentence: str) -> None:
    with pytest.raises(UnsupportedImage, match=sentence):
        load(picture)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray(GRAY), GRAY),
        (Image.fromarray(COLOUR), COLOUR),
        (Image.fromarray(GRAY > 100), np.where(GRAY > 100, 255, 0)),
        (with_alpha(Image.fromarray(GRAY), 255), GRAY),
        (with_alpha(Image.fromarray(COLOUR), 255), COLOUR),
        (with_alpha(Image.fromarray(GRAY), 255).convert("La"), GRAY),
        (with_alpha(Image.fromarray(COLOUR), 255).convert("RGBa"), COLOUR),
        (Image.fromarray(COLOUR).convert("RGBX"), COLOUR),
        (palette_image([0, 0, 0, 9, 9, 9], GRAY % 2), np.zeros((3, 4))),
        (palette_image([5, 5, 5, 9, 9, 9], GRAY // 120), np.where(GRAY < 120, 5, 9)),
        (
            palette_image([1, 2, 3, 4, 5, 6], GRAY // 120),
            np.where(GRAY[..., None] < 120, [1, 2, 3], [4, 5, 6]),
        ),
        (Image.new("CMYK", (1, 1), (0, 255, 0, 0)), [[[255, 0, 255]]]),
        (Image.new("YCbCr", (1, 1), (100, 128, 128)), [[[100, 100, 100]]]),
        (Image.new("HSV", (1, 1), (0, 0, 77)), [[[77, 77, 77]]]),
    ],
)
def test_pillow_images_become_gray_or_rgb(image: Image.Image, expected: np.ndarray) -> None:
    samples = load(image)
    assert samples.dtype == np.uint8
    assert np.array_equal(samples, expected)


def keyed(image: Image.Image, colour: int | tuple[int, int, int] | bytes) -> Image.Image:
    image.info["transparency"] = colour
    return image


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (with_alpha(Image.fromarray(GRAY), 254), "transparency"),
        (with_alpha(Image.fromarray(COLOUR), 0), "transparency"),
        (with_alpha(Image.fromarray(COLOUR), 7).convert("RGBa"), "transparency"),
        (keyed(Image.fromarray(GRAY), 20), "transparency"),
        (keyed(Image.fromarray(COLOUR), (0, 7, 14)), "transparency"),
        (keyed(palette_image([1, 2, 3, 4, 5, 6], GRAY // 120), b"\xff\x10"), "transparency"),
        (Image.new("I;16", (2, 2)), "mode I;16 does not fit into 8 bits"),
        (Image.new("I", (2, 2)), "mode I does not fit"),
        (Image.new("F", (2, 2)), "mode F does not fit"),
        (Image.new("LAB", (2, 2)), "mode LAB"),
        (Image.new("L", (0, 3)), "at least one pixel, and this one is 0x3"),
        (Image.new("RGBA", (3, 0)), "at least one pixel, and this one is 3x0"),
    ],
)
def test_what_would_lose_data_is_refused_in_one_sentence(image: Image.Image, sentence: str) -> None:
    with pytest.raises(UnsupportedImage, match=sentence):
        load(image)


def test_a_key_colour_that_no_pixel_has_is_not_transparency() -> None:
    assert np.array_equal(load(keyed(Image.fromarray(GRAY), 255)), GRAY)


def test_several_frames_are_refused_and_one_of_them_is_not(tmp_path) -> None:
    frames = [Image.fromarray(GRAY), Image.fromarray(255 - GRAY)]
    frames[0].save(tmp_path / "two.tiff", save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "two.tiff") as image:
        with pytest.raises(UnsupportedImage, match="holds 2 pictures"):
            load(image)
        image.seek(1)
        assert np.array_equal(load(image.copy()), 255 - GRAY)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(tmp_path, orientation: int) -> None:
    stored = Image.fromarray(COLOUR)
    exif = stored.getexif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as image:
        upright = load(image)
    turned = [
        COLOUR,
        COLOUR[:, ::-1],
        COLOUR[::-1, ::-1],
        COLOUR[::-1],
        COLOUR.swapaxes(0, 1),
        np.rot90(COLOUR, -1),
        COLOUR[::-1, ::-1].swapaxes(0, 1),
        np.rot90(COLOUR),
    ]
    assert np.array_equal(upright, turned[orientation - 1])


def test_damaged_exif_data_does_not_matter(tmp_path) -> None:
    Image.fromarray(GRAY).save(tmp_path / "damaged.png", exif=b"Exif\0\0not a TIFF header")
    with Image.open(tmp_path / "damaged.png") as image:
        assert np.array_equal(load(image), GRAY)


def test_the_limit_is_pillows() -> None:
    assert Image.MAX_IMAGE_PIXELS == MAX_PIXELS
    require_within_limit(MAX_PIXELS, 1, MAX_PIXELS)
    with pytest.raises(LimitExceeded, match=r"89478486x1 pixels and the limit is 89478485.*max_pixels"):
        require_within_limit(MAX_PIXELS + 1, 1, MAX_PIXELS)
    require_within_limit(2**32, 2**32, None)
