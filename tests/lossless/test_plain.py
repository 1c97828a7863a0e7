"""Promises about every sample: lossless, bounded errors, and no file that is much larger than its picture."""

from __future__ import annotations

import warnings
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from samples import COLOUR, DIGITS, LETTERS, MODELS, mosaic, waves

import aecodec
from aecodec.errors import AecError, AecWarning, InvalidValue, LimitExceeded, TruncatedFile
from aecodec.format import container
from aecodec.format.container import Header, read_header, write_header
from aecodec.lossless import plain
from aecodec.lossless.plain import Precision
from aecodec.models import registry
from conformance import decoder as reference

MOST_MORE, MOST_MORE_BYTES = 1.01, 32
PLAIN_MORE_BYTES = 20
ALPHA_MORE_BYTES = 12

REFERENCE_MODELS: dict[int | bytes, reference.Model] = {
    number: reference.Model((registry.folder() / f"{name}.safetensors").read_bytes())
    for number, name in enumerate(registry.names(), 1)
}

Dtype: TypeAlias = type[np.unsignedinteger]

sides = st.integers(1, 40)
channels = st.sampled_from([(), (1,), (2,), (3,), (4,)])
shapes = st.tuples(sides, sides, channels).map(lambda drawn: (*drawn[:2], *drawn[2]))
dtypes: st.SearchStrategy[Dtype] = st.sampled_from([np.uint8, np.uint16])
seeds = st.integers(0, 2**32 - 1)
filled = st.tuples(dtypes, shapes).flatmap(lambda drawn: arrays(*drawn))


def noisy(drawn: tuple[Dtype, tuple[int, ...], int, int]) -> np.ndarray:
    dtype, shape, values, seed = drawn
    random = np.random.default_rng(seed)
    return random.integers(0, 2**16, values).astype(dtype)[random.integers(0, values, shape)]


noise = st.tuples(dtypes, shapes, st.integers(1, 400), seeds).map(noisy)
extremes = st.tuples(dtypes, shapes, seeds).map(
    lambda drawn: np.random.default_rng(drawn[2]).choice([0, 65535], drawn[1]).astype(drawn[0])
)
pictures = filled | noise | extremes
small = st.tuples(dtypes, shapes.filter(lambda shape: shape[2:] != (1,)), st.integers(1, 9), seeds).map(noisy)


def squeezed(picture: np.ndarray) -> np.ndarray:
    return picture[..., 0] if picture.shape[2:] == (1,) else picture


def off(picture: np.ndarray, data: bytes) -> int:
    """The largest error of what a file decodes to, which has the picture's shape and type."""
    decoded = aecodec.decode(data)
    assert (decoded.shape, decoded.dtype) == (squeezed(picture).shape, picture.dtype)
    assert decoded.flags.c_contiguous
    return int(np.abs(decoded.astype(np.int64) - squeezed(picture)).max())


# What is promised ---


@given(pictures)
def test_lossless_files_give_every_sample_back(picture: np.ndarray) -> None:
    data = aecodec.encode(picture, lossless=True)
    assert off(picture, data) == 0
    info = aecodec.inspect(data)
    assert (info.max_error, info.bits) == (0, 8 * picture.dtype.itemsize)
    assert (info.height, info.width) == picture.shape[:2]
    assert sum(info.parts.values()) == len(data)
    if info.model != "plain" and (picture.ndim == 2 or picture.shape[2] in (1, 3)):
        most = len(plain.write(squeezed(picture)))
        # A model codes it only in fewer bytes; above a size, that is an estimate.
        assert len(data) < (most if picture.size <= plain.TINY else 1.2 * most)


@given(pictures, st.sampled_from([0, 1, 2, 5, 40, 127, 128, 254, 255, 256, 1000, 40000, 65535]))
def test_no_sample_is_off_by_more_than_was_allowed(picture: np.ndarray, most: int) -> None:
    assert off(picture, aecodec.encode(picture, max_error=most)) <= most


@settings(max_examples=30)
@given(pictures)
def test_no_file_that_promises_every_sample_exceeds_the_samples_by_much(picture: np.ndarray) -> None:
    for most in (0, 1):
        assert len(aecodec.encode(picture, max_error=most)) <= picture.nbytes + PLAIN_MORE_BYTES + ALPHA_MORE_BYTES


@settings(max_examples=40)
@given(pictures.map(lambda picture: picture.astype(np.uint8)), st.sampled_from([1, 30, 75, 100]), st.data())
def test_no_lossy_file_exceeds_the_samples_by_much(picture: np.ndarray, quality: int, draw: st.DataObject) -> None:
    gray = picture.ndim == 2 or picture.shape[2] < 3
    names = [model.name for model in aecodec.list_models() if gray or model.channels == 3]
    model, packing = draw.draw(st.sampled_from(["auto", *names])), draw.draw(st.sampled_from(["auto", "rans", "zstd"]))
    data = aecodec.encode(picture, model=model, quality=quality, packing=packing, effort=0)
    assert len(data) <= MOST_MORE * picture.nbytes + MOST_MORE_BYTES
    assert aecodec.decode(data).shape == squeezed(picture).shape


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("packing", ["auto", "rans", "zstd"])
def test_noise_is_written_plain_where_its_model_would_take_more(model: str, packing: str) -> None:
    shape = next((28, 28) if m.channels == 1 else (33, 31, 3) for m in aecodec.list_models() if m.name == model)
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    data = aecodec.encode(picture, model=model, quality=100, packing=packing)
    assert len(data) <= MOST_MORE * picture.nbytes + MOST_MORE_BYTES
    if aecodec.inspect(data).model == "plain":
        assert off(picture, data) == 0
    assert aecodec.inspect(aecodec.encode(picture, model=model, quality=10, packing=packing)).model == model


@given(small, st.sampled_from([0, 3, 300]))
def test_a_decoder_by_the_specification_agrees(picture: np.ndarray, most: int) -> None:
    picture = squeezed(picture)
    picture = picture[..., 0] if picture.shape[2:] == (2,) else picture[..., :3]
    data = plain.write(picture, most)
    decoded = aecodec.decode(data)
    found = reference.decode(data, REFERENCE_MODELS)
    assert (found.height, found.width) == decoded.shape[:2]
    assert found.samples == decoded.astype(decoded.dtype.newbyteorder("<")).tobytes()


def test_what_is_hidden_comes_back_too_where_every_sample_is_promised() -> None:
    picture = np.random.default_rng(5).integers(0, 256, (20, 20, 4)).astype(np.uint8)
    picture[:, ::2, 3] = 0
    assert off(picture, aecodec.encode(picture, lossless=True)) == 0
    assert off(picture, aecodec.encode(picture, max_error=2)) <= 2


def test_a_larger_error_costs_fewer_bytes() -> None:
    grain = np.random.default_rng(6).integers(0, 250, (90, 90, 3)).astype(np.uint16)
    for picture in (mosaic(90, 90), mosaic(90, 90).astype(np.uint16) * 250 + grain):
        sizes = [len(aecodec.encode(picture, max_error=most)) for most in (0, 1, 2, 4, 8, 16)]
        assert all(a > b for a, b in zip(sizes, sizes[1:], strict=False))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("most", [0, 1, 3, 100, 127, 128, 255, 32767, 65535])
def test_steps_are_within_the_error_and_below_the_levels(bits: int, most: int) -> None:
    precision = Precision(bits, min(most, (1 << bits) - 1))
    values = np.arange(1 << bits).reshape(16, -1).astype(precision.samples_type)
    steps = precision.steps(values)
    assert steps.dtype == precision.steps_type or precision.max_error == 0
    assert steps.max() < precision.levels <= (1 << 8 * steps.dtype.itemsize)
    assert np.abs(precision.samples(steps).astype(int) - values).max() <= most


# What plain is for ---


def screenshot() -> np.ndarray:
    """A window with text-like marks, lines and flat areas."""
    y, x = np.mgrid[:100, :150]
    picture = np.full((100, 150, 3), (240, 240, 245), np.uint8)
    picture[:10] = (50, 80, 160)
    picture[(x % 7 < 2) & (y % 12 < 8) & (y > 20) & ((x * y) % 11 < 6)] = (20, 20, 20)
    return picture


def code(modules: int, scale: int) -> np.ndarray:
    """Black and white squares, as a QR code has them."""
    dots = np.random.default_rng(7).integers(0, 2, (modules, modules)).astype(np.uint8) * 255
    return np.kron(dots, np.ones((scale, scale), np.uint8))


@pytest.mark.parametrize("picture", [screenshot(), code(29, 4), code(29, 1), np.full((100, 150, 3), 9, np.uint8)])
@pytest.mark.parametrize("quality", [30, 75, 100])
def test_auto_takes_plain_where_it_is_no_larger(picture: np.ndarray, quality: int) -> None:
    data = aecodec.encode(picture, quality=quality, effort=0)
    lossless = aecodec.encode(picture, lossless=True)
    named = aecodec.encode(picture, quality=quality, effort=0, model="cifar")
    assert len(data) <= min(len(lossless), len(named))
    assert data == lossless
    assert aecodec.inspect(named).model != "plain" or len(named) <= len(lossless)


def test_photographs_and_strokes_are_still_left_to_models() -> None:
    for picture in (DIGITS[0], LETTERS[0], COLOUR[0], mosaic(100, 90), waves(70, 60)):
        assert aecodec.inspect(aecodec.encode(picture)).model != "plain"


def test_few_photographs_are_packed_in_vain() -> None:
    stack = np.stack(COLOUR)
    sizes = np.array([len(file) for file in aecodec.encode_many(COLOUR, quality=75)])
    assert plain.promising(stack, sizes).sum() <= 1
    assert plain.promising(np.stack([np.full((32, 32, 3), 9, np.uint8)]), np.array([40])).all()


def test_gradients_are_plain_where_that_is_smaller() -> None:
    y, x = np.mgrid[:256, :256]
    corner = np.hypot(x - 128, y - 128)
    for plane in ((x + y) // 2, (3 * x + 5 * y) % 256, x * y // 256, corner):
        picture = plane.astype(np.uint8)
        file = aecodec.encode(picture, lossless=True)
        assert len(file) <= len(plain.write(picture)) and np.array_equal(aecodec.decode(file), picture)
    picture = np.stack([x, y, (x + y) // 2], -1).astype(np.uint8)
    assert np.array_equal(aecodec.decode(aecodec.encode(picture, max_bytes=150)), picture)
    small = (3 * x + 5 * y)[:64, :64].astype(np.uint8)
    targets: list[dict[str, Any]] = [{"lossless": True}, {"quality": 75}]
    for target in targets:
        assert aecodec.inspect(aecodec.encode(small, **target)).model == "plain"


def test_flat_pictures_have_the_named_model_and_are_coded_alike_in_batches() -> None:
    flat = np.full((8, 513, 3), 77, np.uint8)
    other = np.random.default_rng(1).integers(0, 256, flat.shape).astype(np.uint8)
    named = {"model": "photo-6", "lossless": True}
    several: list[dict[str, Any]] = [named, {"max_error": 255}, {"lossless": True}, {"quality": 40}]
    for options in several:
        alone = aecodec.encode(flat, **options)
        assert aecodec.encode_many([flat, other, flat], **options)[::2] == [alone, alone]
        assert aecodec.inspect(alone).model == options.get("model", "plain")


def test_the_packing_does_not_depend_on_the_other_pictures_of_a_batch() -> None:
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    softer = np.clip(128 + random.normal(0, 66, noise.shape), 0, 255).astype(np.uint8)
    options: dict[str, Any] = {"quality": 40, "effort": 0}
    both = aecodec.encode_many([softer, noise], **options)
    assert both == [aecodec.encode(picture, **options) for picture in (softer, noise)]
    assert len(both[0]) < 1000 < len(both[1])


# Around it ---


def test_sixteen_bits_are_rounded_where_nothing_is_promised_and_that_is_said() -> None:
    wide = waves(40, 30, 1).astype(np.uint16) * 257
    with pytest.warns(AecWarning, match="16-bit samples are rounded to 8 bits"):
        data = aecodec.encode(wide)
    assert aecodec.decode(data).dtype == np.uint8
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert off(wide, aecodec.encode(wide, lossless=True)) == 0


def test_sixteen_bits_of_either_byte_order_come_back() -> None:
    for order in "<>":
        picture = np.arange(600).reshape(20, 30).astype(order + "u2") * 99
        decoded = aecodec.decode(aecodec.encode(picture, lossless=True))
        assert np.array_equal(decoded, picture)


@pytest.mark.parametrize("shape", [(50, 70), (50, 70, 2), (50, 70, 3), (50, 70, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_pillow_image_has_the_nearest_mode_there_is(shape: tuple[int, ...], dtype: Dtype) -> None:
    picture = np.random.default_rng(1).integers(0, 2**16, shape).astype(dtype)
    data = aecodec.encode(picture, lossless=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AecWarning)
        image = aecodec.decode_image(data)
    narrowed = dtype is np.uint16 and len(shape) == 3
    assert image.mode == aecodec.inspect(data).mode
    assert image.mode == {(): "L" if dtype is np.uint8 else "I;16", (2,): "LA", (3,): "RGB", (4,): "RGBA"}[shape[2:]]
    assert len(caught) == narrowed
    if not narrowed:
        assert np.array_equal(np.asarray(image), picture)
        assert np.array_equal(aecodec.decode(aecodec.encode(image, lossless=True)), picture)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_pillows_images_of_16_bits_come_back(mode: str) -> None:
    values = np.arange(1200).reshape(30, 40) * 54
    stored = values.astype({"I;16": "<u2", "I;16B": ">u2", "I": "=i4"}[mode])
    image = Image.frombytes(mode, (40, 30), stored.tobytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AecWarning)  # I becomes I;16
        again = aecodec.decode_image(aecodec.encode(image, lossless=True))
    assert again.mode == "I;16"
    assert np.array_equal(np.asarray(again), values)


@given(filled, st.data())
def test_a_region_is_the_crop_of_the_whole(picture: np.ndarray, draw: st.DataObject) -> None:
    data = aecodec.encode(picture, lossless=True)
    height, width = picture.shape[:2]
    x, y = draw.draw(st.integers(0, width - 1)), draw.draw(st.integers(0, height - 1))
    w, h = draw.draw(st.integers(1, width - x)), draw.draw(st.integers(1, height - y))
    assert np.array_equal(aecodec.decode(data, region=(x, y, w, h)), squeezed(picture)[y : y + h, x : x + w])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_thumbnail_has_the_means_of_squares(dtype: Dtype) -> None:
    picture = np.random.default_rng(1).integers(0, 2**16, (40, 60, 4)).astype(dtype)
    small = aecodec.decode(aecodec.encode(picture, lossless=True), thumbnail=6)
    sums = picture.reshape(4, 10, 6, 10, 4).sum(axis=(1, 3), dtype=np.int64)
    assert np.array_equal(small, (sums + 50) // 100)


def test_many_are_coded_and_decoded_as_each() -> None:
    mixed = [DIGITS[0], COLOUR[0], DIGITS[1].astype(np.uint16), waves(50, 40), COLOUR[1], DIGITS[2]]
    files = aecodec.encode_many(mixed, lossless=True)
    assert files == [aecodec.encode(picture, lossless=True) for picture in mixed]
    lossy = aecodec.encode_many(mixed[:2])
    for decoded, picture in zip(aecodec.decode_many([*files, *lossy]), mixed, strict=False):
        assert np.array_equal(decoded, picture)


def test_a_plain_file_over_the_limit_is_refused() -> None:
    data = aecodec.encode(np.zeros((100, 100), np.uint8), lossless=True)
    with pytest.raises(LimitExceeded, match="100x100 pixels, over the limit of 9999"):
        aecodec.decode(data, max_pixels=9999)
    assert aecodec.decode(data, max_pixels=10000).shape == (100, 100)


def test_sections_are_kept_and_sealed() -> None:
    image = Image.fromarray(COLOUR[0])
    image.info.update(icc_profile=b"a profile" * 9, dpi=(300, 300))
    data = bytearray(aecodec.encode(image, lossless=True))
    assert aecodec.decode_image(bytes(data)).info["icc_profile"] == b"a profile" * 9
    at = data.index(b"profile")
    data[at] ^= 1
    with pytest.raises(AecError):
        aecodec.decode(bytes(data))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"quality": 99}, "means nothing without a model"),
        ({"packing": "rans"}, "means nothing without a model"),
        ({"size": None}, "gives no size"),
    ],
)
def test_a_header_says_nothing_that_only_a_model_could_mean(fields: dict[str, object], sentence: str) -> None:
    data = plain.write(DIGITS[0])
    header, begin = read_header(data)
    assert (header.model_number, header.quality, header.packing, header.variant) == (container.PLAIN, 100, "zstd", True)
    said = write_header(Header(**{**header.__dict__, **fields}))
    for read in (aecodec.decode, aecodec.inspect):
        with pytest.raises(InvalidValue, match=sentence):
            read(said + data[begin:])


def test_a_precision_that_there_is_not_is_refused() -> None:
    header = write_header(Header(container.PLAIN, 100, "zstd", size=(1, 1), variant=True))
    with pytest.raises(InvalidValue, match="larger than the largest sample"):
        aecodec.inspect(header + b"\x80\x04" + b"\0" * 9)
    with pytest.raises(TruncatedFile):
        aecodec.inspect(header)


def test_steps_beyond_the_largest_sample_are_refused() -> None:
    import zlib

    from aecodec.lossless import planes

    begin = write_header(Header(container.PLAIN, 100, "zstd", size=(2, 1), variant=True)) + b"\x02"
    assert Precision(8, 1).levels == 86
    for largest, allowed in ((85, True), (86, False)):
        steps = np.array([[[0], [largest]]], np.uint8)
        data = begin + planes.pack(steps, zlib.crc32(begin))
        if allowed:
            assert aecodec.decode(data).tolist() == [[0, 255]]
        else:
            with pytest.raises(InvalidValue, match="above the largest"):
                aecodec.decode(data)


@pytest.mark.parametrize("picture", [code(12, 3), mosaic(9, 8), waves(12, 12, 1).astype(np.uint16) * 99])
def test_every_damage_and_truncation_is_an_error(picture: np.ndarray) -> None:
    data = aecodec.encode(picture, max_error=1)
    expected, begin = aecodec.decode(data), read_header(data)[1]
    for length in range(len(data)):
        with pytest.raises(AecError):
            aecodec.decode(data[:length])
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 0x11
        try:
            again = aecodec.decode(bytes(damaged), max_pixels=1 << 16)
        except AecError:
            continue
        assert at > begin and np.array_equal(again, expected)  # bits that zstd does not use
