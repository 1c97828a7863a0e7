"""The whole way: whatever is encoded comes back in shape, the same each time, and damage is always an error."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import golden
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from samples import COLOUR, DIGITS, GRAY_SCENES, LETTERS, MODELS, mosaic, psnr, squared_error, waves

import aecodec
from aecodec.conformance.tiny_models import tiny_file
from aecodec.errors import (
    AecError,
    InvalidValue,
    LimitExceeded,
    UnknownModel,
    UnsupportedImage,
)
from aecodec.format.check import with_check
from aecodec.format.container import PLAIN, Header, read_header, write_header
from aecodec.models import registry
from aecodec.models.description import lambda_of_quality

# What "next to nothing" is, in bytes of a whole file at the default quality.
FLAT_1000_RGB_BYTES = 19
FLAT_1000_GRAY_BYTES = 17
ONE_PIXEL_RGB_BYTES = 200
ONE_PIXEL_GRAY_BYTES = 80

DEFAULT_QUALITY_DB = 30.0
QUALITIES = (1, 20, 40, 60, 80, 100)
# Coding a decoded picture again: a file may grow or shrink by a quarter of its size and 3 bytes; twenty together
# by less: at the lowest qualities they shrink by up to 10 per cent, as the correction has smoothed them.
AGAIN_ONE = 0.25
AGAIN_ONE_BYTES = 4
AGAIN_ALL = (0.85, 1.05)
# J = bits + lambda * squared error of what `auto` chose, against the best forced choice.
AUTO_LOSS = 1.03
AUTO_LOSS_BITS = 16

GRAY_MODELS = [name for name in MODELS if registry.by_name(name).description.channels == 1]
COLOUR_MODELS = [name for name in MODELS if name not in GRAY_MODELS]
REAL = {"digits": DIGITS, "letters": LETTERS, "scenes": COLOUR, "gray scenes": GRAY_SCENES}

sides = st.integers(1, 70)
shapes = st.tuples(sides, sides) | st.tuples(sides, sides, st.just(3))
# Filled mostly with one value, as hypothesis does it, or with noise.
noise = shapes.flatmap(
    lambda shape: st.integers(0, 2**32 - 1).map(
        lambda seed: np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    )
)
pictures = arrays(np.uint8, shapes) | noise


def forced(picture: np.ndarray) -> list[str]:
    """The models that can be forced on a picture."""
    return list(MODELS) if picture.ndim == 2 else COLOUR_MODELS


# There and back ---


@settings(max_examples=40)
@given(pictures, st.integers(1, 100), st.sampled_from(["auto", "rans", "zstd"]), st.data())
def test_any_picture_comes_back_with_its_shape_and_dtype(
    picture: np.ndarray, quality: int, packing: str, draw: st.DataObject
) -> None:
    model = draw.draw(st.sampled_from(["auto", *forced(picture)]))
    data = aecodec.encode(picture, model=model, quality=quality, packing=packing)
    decoded = aecodec.decode(data)
    assert decoded.dtype == np.uint8
    assert decoded.shape == picture.shape
    assert decoded.flags.c_contiguous
    info = aecodec.inspect(data)
    assert (info.height, info.width) == picture.shape[:2]
    assert info.mode == ("L" if picture.ndim == 2 else "RGB")
    if info.model != "plain":
        assert info.quality == quality
        assert packing in ("auto", info.packing)
        assert model in ("auto", info.model)
    assert sum(info.parts.values()) == info.file_bytes == len(data)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("size", [(1, 1), (1, 70), (33, 31), (28, 28), (32, 32), (57, 90)])
def test_every_model_codes_every_size(model: str, size: tuple[int, int]) -> None:
    # Gray models are for ink and nothing else.
    picture = mosaic(*size, tiles=DIGITS) if model in GRAY_MODELS else waves(*size)
    decoded = aecodec.decode(aecodec.encode(picture, model=model, quality=95))
    assert decoded.shape == picture.shape
    assert psnr([(picture, decoded)]) > 28


@pytest.mark.parametrize("size", [(28, 28), (64, 64), (61, 83)])
@pytest.mark.parametrize("channels", [1, 3])
def test_smooth_pictures_come_back_close(size: tuple[int, int], channels: int) -> None:
    picture = waves(*size, channels)
    assert psnr([(picture, aecodec.decode(aecodec.encode(picture)))]) > 33


def test_coding_the_same_twice_gives_the_same() -> None:
    for picture in (DIGITS[0], COLOUR[0], mosaic(40, 70), waves(50, 45, 1)):
        data = aecodec.encode(picture)
        assert aecodec.encode(picture.copy()) == data
        assert np.array_equal(aecodec.decode(data), aecodec.decode(bytearray(data)))


def test_a_pillow_image_is_coded_like_its_array() -> None:
    assert aecodec.encode(Image.fromarray(DIGITS[0])) == aecodec.encode(DIGITS[0])
    assert aecodec.encode(Image.fromarray(COLOUR[0])) == aecodec.encode(COLOUR[0])


def test_the_pixels_do_not_depend_on_the_packing() -> None:
    for picture in (DIGITS[0], mosaic(70, 40)):
        rans, zstd = (aecodec.decode(aecodec.encode(picture, packing=packing)) for packing in ("rans", "zstd"))
        assert np.array_equal(rans, zstd)


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("quality", [20, 75])
def test_coding_a_decoded_picture_again_takes_as_many_bytes(name: str, quality: int) -> None:
    first = aecodec.encode_many(REAL[name], quality=quality)
    again = aecodec.encode_many(aecodec.decode_many(first), quality=quality)
    for one, other in zip(first, again, strict=True):
        assert abs(len(other) - len(one)) <= AGAIN_ONE * len(one) + AGAIN_ONE_BYTES
    low, high = AGAIN_ALL
    assert low * sum(map(len, first)) <= sum(map(len, again)) <= high * sum(map(len, first))


# Many at once ---


def test_encoding_many_equals_encoding_each() -> None:
    mixed = [DIGITS[0], COLOUR[0], waves(70, 50, 1), DIGITS[1], mosaic(33, 31), 255 - DIGITS[2], waves(70, 50, 3)]
    mixed += [DIGITS[3][:1, :1], LETTERS[0], waves(70, 50, 1)[::-1], DIGITS[0]]
    for quality, packing in ((75, "auto"), (10, "rans"), (100, "zstd")):
        files = aecodec.encode_many(mixed, quality=quality, packing=packing)
        assert files == [aecodec.encode(picture, quality=quality, packing=packing) for picture in mixed]


@pytest.mark.parametrize("count", [2, 3])
def test_encoding_several_large_gray_pictures_equals_encoding_each(count: int) -> None:
    # So large that `auto` looks at a part of each picture's tiles only.
    large = [waves(260, 300, 1), np.roll(np.kron(DIGITS[0], np.ones((10, 11), np.uint8))[:260, :300], 5)]
    large = [*large, large[0].T.copy().reshape(260, 300)][:count]
    assert aecodec.encode_many(large, quality=30) == [aecodec.encode(picture, quality=30) for picture in large]


def test_decoding_many_equals_decoding_each() -> None:
    mixed = [DIGITS[0], COLOUR[0], waves(70, 50, 1), mosaic(33, 31), 255 - DIGITS[2], LETTERS[3], DIGITS[1]]
    files = [
        aecodec.encode(picture, quality=quality, packing=packing)
        for (quality, packing), picture in product([(5, "rans"), (75, "zstd"), (90, "rans")], mixed)
    ]
    for decoded, file in zip(aecodec.decode_many(files), files, strict=True):
        assert np.array_equal(decoded, aecodec.decode(file))


def test_more_pictures_than_go_into_a_batch_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [*DIGITS, *COLOUR[:5]]
    files = aecodec.encode_many(pictures, quality=40)
    decoded = aecodec.decode_many(files)
    for name in ("ENCODED_PIXELS", "DECODED_PIXELS", "SHARED_PIXELS"):
        monkeypatch.setattr(f"aecodec.api.{name}", 3 * COLOUR[0].shape[0] ** 2)
    assert aecodec.encode_many(pictures, quality=40) == files
    assert all(map(np.array_equal, aecodec.decode_many(files), decoded))


def test_nothing_is_coded_as_nothing() -> None:
    assert aecodec.encode_many([]) == []
    assert aecodec.decode_many([]) == []


@pytest.mark.parametrize("packing", ["rans", "zstd"])
@pytest.mark.parametrize("damage", ["payload", "header", "length"])
def test_a_bad_file_among_many_is_named_by_its_index(packing: str, damage: str) -> None:
    files = aecodec.encode_many(DIGITS[:4], quality=40, packing=packing)
    bad = bytearray(files[2])
    if damage == "payload":
        bad[-1] ^= 1
    elif damage == "header":
        bad[0] = 0
    else:
        del bad[5:]
    with pytest.raises(AecError) as caught:
        aecodec.decode_many([*files[:2], bytes(bad), files[3]])
    assert caught.value.__notes__ == ["in file 2 of 4"]
    with pytest.raises(AecError) as alone:
        aecodec.decode(bytes(bad))
    assert type(alone.value) is type(caught.value)
    assert str(alone.value) == str(caught.value)
    assert not hasattr(alone.value, "__notes__")


# Rate and distortion ---


@pytest.mark.parametrize("name", REAL)
def test_quality_costs_bytes_and_buys_fidelity(name: str) -> None:
    rates, fidelities = [], []
    for quality in QUALITIES:
        files = aecodec.encode_many(REAL[name], quality=quality)
        rates.append(sum(map(len, files)))
        fidelities.append(psnr(list(zip(REAL[name], aecodec.decode_many(files), strict=True))))
    assert all(a < b for a, b in zip(rates, rates[1:], strict=False))
    assert all(a < b for a, b in zip(fidelities, fidelities[1:], strict=False))


@pytest.mark.parametrize("name", REAL)
def test_the_default_quality_is_one_that_a_person_would_accept(name: str) -> None:
    for picture, decoded in zip(REAL[name], aecodec.decode_many(aecodec.encode_many(REAL[name])), strict=True):
        assert psnr([(picture, decoded)]) > DEFAULT_QUALITY_DB


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("quality", [20, 50, 75])
def test_auto_is_never_much_worse_than_the_best_forced_model(name: str, quality: int) -> None:
    some = [*REAL[name][:8], *[255 - picture for picture in REAL[name][8:12]]]
    lambda_ = lambda_of_quality(quality)

    def costs(model: str) -> np.ndarray:
        files = aecodec.encode_many(some, model=model, quality=quality)
        pairs = zip(some, aecodec.decode_many(files), files, strict=True)
        return np.array([8 * len(file) + lambda_ * squared_error(a, b) for a, b, file in pairs])

    best = np.min([costs(model) for model in forced(some[0])], axis=0)
    assert (costs("auto") <= AUTO_LOSS * best + AUTO_LOSS_BITS).all()


@pytest.mark.parametrize("quality", [20, 75, 100])
def test_auto_writes_zstd_unless_rans_is_smaller_by_two_per_cent(quality: int) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    for picture in (DIGITS[0], COLOUR[3], noise, mosaic(128, 160), np.full((90, 90), 9, np.uint8)):
        auto, rans, zstd = (aecodec.encode(picture, quality=quality, packing=p) for p in ("auto", "rans", "zstd"))
        chosen = rans if len(rans) < 0.98 * len(zstd) else zstd
        if aecodec.inspect(auto).model == "plain":
            assert len(auto) <= len(chosen)
        else:
            assert auto == chosen


@pytest.mark.parametrize("ink", [DIGITS, LETTERS])
def test_dark_ink_on_light_paper_is_coded_as_its_negative(ink: list[np.ndarray]) -> None:
    light = aecodec.encode_many(ink)
    dark = aecodec.encode_many([255 - picture for picture in ink])
    for one, other in zip(light, dark, strict=True):
        info = aecodec.inspect(other)
        assert info.inverted != aecodec.inspect(one).inverted or info.model in COLOUR_MODELS
        if info.model == aecodec.inspect(one).model and info.model in GRAY_MODELS:
            # The checksum differs, and with it where the payload's last byte begins.
            assert abs(len(one) - len(other)) <= 1
            assert np.array_equal(aecodec.decode(other), 255 - aecodec.decode(one))
    assert abs(sum(map(len, light)) - sum(map(len, dark))) <= 0.02 * sum(map(len, light))


def test_a_flat_picture_costs_little() -> None:
    for value in (0, 128, 255):
        flat = np.full((1000, 1000), value, np.uint8)
        data = aecodec.encode(flat)
        assert len(data) <= FLAT_1000_GRAY_BYTES
        assert np.abs(aecodec.decode(data).astype(int) - value).max() <= 8
    data = aecodec.encode(np.full((1000, 1000, 3), (200, 30, 90), np.uint8))
    assert len(data) <= FLAT_1000_RGB_BYTES


def test_a_single_pixel_costs_next_to_nothing() -> None:
    colours = np.random.default_rng(4).integers(0, 256, (20, 1, 1, 3)).astype(np.uint8)
    assert max(map(len, aecodec.encode_many(list(colours)))) <= ONE_PIXEL_RGB_BYTES
    grays = np.arange(0, 256, 15, dtype=np.uint8).reshape(-1, 1, 1)
    assert max(map(len, aecodec.encode_many(list(grays)))) <= ONE_PIXEL_GRAY_BYTES


def test_a_gray_picture_in_a_colour_model_costs_no_more_than_in_colour() -> None:
    for model in COLOUR_MODELS:
        gray = aecodec.encode_many(GRAY_SCENES, model=model)
        tripled = aecodec.encode_many([np.repeat(p[..., None], 3, axis=2) for p in GRAY_SCENES], model=model)
        # The flag changes the checksum, and with it where a payload's last byte begins.
        assert sum(map(len, gray)) <= sum(map(len, tripled)) + len(gray)
        assert {aecodec.inspect(file).mode for file in gray} == {"L"}


# Refusals ---


@pytest.mark.parametrize("model", GRAY_MODELS)
def test_a_gray_model_forced_on_colour_is_refused(model: str) -> None:
    for name in (model, model.rpartition("-")[0]):
        with pytest.raises(UnsupportedImage, match=f"the model {name} is for gray pictures"):
            aecodec.encode(COLOUR[0], model=name)


@pytest.mark.parametrize("quality", [0, 101, -1, 50.0, "50"])
def test_a_quality_is_a_whole_number_from_1_to_100(quality: object) -> None:
    with pytest.raises(InvalidValue, match="quality must be a whole number from 1 to 100"):
        aecodec.encode(DIGITS[0], quality=quality)  # type: ignore[arg-type]


def test_unknown_choices_are_refused() -> None:
    with pytest.raises(UnknownModel, match="there is no model nobody: choose auto, "):
        aecodec.encode(DIGITS[0], model="nobody")
    with pytest.raises(InvalidValue, match="packing must be auto, rans or zstd"):
        aecodec.encode(DIGITS[0], packing="zip")


def test_one_bad_picture_among_many_is_refused_before_any_is_coded() -> None:
    with pytest.raises(UnsupportedImage, match="expected uint8"):
        aecodec.encode_many([DIGITS[0], DIGITS[1].astype(float)])


# Limits ---


@pytest.mark.parametrize("packing", ["rans", "zstd"])
@pytest.mark.parametrize("size", [(2**32, 2**32), (2**32, 1), (1, 2**32), (9460, 9460)])
def test_a_huge_declared_size_is_refused_before_anything_is_allocated(packing: str, size: tuple[int, int]) -> None:
    model = registry.by_name(MODELS[0])
    data = write_header(Header(registry.number_of(model), 50, packing, size=size)) + b"payload"  # type: ignore[arg-type]
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded, match="raise it .max_pixels"):
            aecodec.decode(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_the_limit_is_the_callers() -> None:
    data = aecodec.encode(mosaic(64, 64))
    for limit in (64 * 64, 10**9, None):
        assert aecodec.decode(data, max_pixels=limit).shape == (64, 64, 3)
    with pytest.raises(LimitExceeded, match="64x64 pixels, over the limit of 4095"):
        aecodec.decode(data, max_pixels=4095)
    with pytest.raises(LimitExceeded) as caught:
        aecodec.decode_many([data, data], max_pixels=100)
    assert caught.value.__notes__ == ["in file 0 of 2"]
    assert aecodec.inspect(data).width == 64  # only says what it reads


# One encoding a file ---


@pytest.mark.parametrize("model", [name for name in MODELS if registry.by_name(name).description.tile])
def test_a_size_that_goes_without_saying_is_refused(model: str) -> None:
    m = registry.by_name(model)
    assert m.description.tile
    height, width = m.description.tile
    data = aecodec.encode(waves(height, width, m.description.channels), model=model)
    header, begin = read_header(data)
    assert header.size is None
    said = write_header(Header(header.model_number, header.quality, header.packing, size=(width, height)))
    for read in (aecodec.decode, aecodec.inspect):
        with pytest.raises(InvalidValue, match="gives a size although"):
            read(said + data[begin:])


@pytest.mark.parametrize("model", MODELS)
def test_a_model_with_a_number_is_not_named_by_its_id(model: str) -> None:
    m = registry.by_name(model)
    data = aecodec.encode(waves(20, 20, m.description.channels), model=model)
    header, begin = read_header(data)
    assert header.model_number == registry.number_of(m) != 0
    named = write_header(Header(0, header.quality, header.packing, m.id, header.size))
    with pytest.raises(UnknownModel) as caught:
        aecodec.decode(named + data[begin:])
    assert caught.value.model_id == m.id.hex()


@pytest.mark.parametrize("number", [number for number in range(1, PLAIN) if number not in registry.NUMBERS])
def test_a_number_that_no_model_has_is_refused(number: int) -> None:
    with pytest.raises(UnknownModel) as caught:
        aecodec.decode(with_check(write_header(Header(number, 50, "rans")) + b"\1\2"))
    assert caught.value.model_id == f"number {number}"


@pytest.mark.parametrize("packing", ["rans", "zstd"])
def test_bytes_behind_the_file_are_refused(packing: str) -> None:
    data = aecodec.encode(DIGITS[0], quality=30, packing=packing)
    for rest in (b"\0", b"\xff", b"\0" * 40):
        with pytest.raises(AecError):
            aecodec.decode(data + rest)


# A model of one's own ---


@pytest.fixture
def own_models(own_folder: Path) -> Path:
    """A folder with two models that have no number, one with a tile and one without, beside the bundled ones."""
    (own_folder / "tiny-1.safetensors").write_bytes(tiny_file())
    (own_folder / "wide-1.safetensors").write_bytes(tiny_file(None, 3, name="wide-1"))
    return own_folder


def test_a_model_without_a_number_is_named_by_its_id(own_models: Path) -> None:
    for name, picture in (("tiny-1", waves(4, 6, 1)), ("tiny", waves(23, 31, 1)), ("wide", waves(23, 31))):
        data = aecodec.encode(picture, model=name, quality=10)
        info = aecodec.inspect(data)
        assert data[3:11].hex() == info.model_id == registry.by_name(name).id.hex()
        assert info.model == registry.by_name(name).name
        assert aecodec.decode(data).shape == picture.shape


def test_a_file_of_a_model_that_is_gone_says_which(own_models: Path) -> None:
    data = aecodec.encode(waves(4, 6, 1), model="tiny")
    gone = registry.by_name("tiny").id.hex()
    (own_models / "tiny-1.safetensors").unlink()
    registry.forget()
    with pytest.raises(UnknownModel, match=gone) as caught:
        aecodec.decode(data)
    assert caught.value.model_id == gone


def test_a_model_without_a_tile_has_no_size_of_its_own(own_models: Path) -> None:
    picture = waves(10, 11)
    data = aecodec.encode(picture, model="wide", quality=10)
    header, begin = read_header(data)
    assert header.size == (11, 10)
    sizeless = write_header(Header(0, header.quality, header.packing, header.model_id))
    with pytest.raises(InvalidValue, match="the file gives no size"):
        aecodec.decode(sizeless + data[begin:])


# Damage ---


def fate(data: bytes) -> np.ndarray | None:
    """The picture of a file, or None if it is refused: any other exception is the test's failure."""
    try:
        return aecodec.decode(data, max_pixels=1 << 16)
    except AecError:
        return None


def harmless(data: bytes) -> set[int]:
    """Offsets at which damage may leave the picture as it is: a zstd frame's unused bit and the size of its window."""
    header, begin = read_header(data)
    return {begin, begin + 1} if header.packing == "zstd" else set()


def require_seen(data: bytes, damaged: bytes, at: int, picture: np.ndarray) -> None:
    decoded = fate(damaged)
    assert decoded is None or (at in harmless(data) and np.array_equal(decoded, picture))


LARGER = ["colour-5x7", "gray-5x70", "noise"]


@pytest.mark.parametrize("packing", ["rans", "zstd"])
def test_every_truncation_is_an_error(packing: str) -> None:
    data = golden.data(f"small-{packing}")
    for length in range(len(data)):
        assert fate(data[:length]) is None


@pytest.mark.parametrize("packing", ["rans", "zstd"])
@pytest.mark.parametrize("name", LARGER)
def test_truncations_of_larger_files_are_errors(name: str, packing: str) -> None:
    data = golden.data(f"{name}-{packing}")
    for length in {*range(14), *range(14, len(data), max(1, len(data) // 20)), *range(len(data) - 9, len(data))}:
        assert fate(data[:length]) is None


@pytest.mark.parametrize("packing", ["rans", "zstd"])
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param([1 << bit for bit in range(8)], id="one bit"),
        pytest.param(range(1, 256), id="every change", marks=pytest.mark.slow),
    ],
)
def test_every_damage_to_a_byte_is_an_error(changes: Iterable[int], packing: str) -> None:
    data = golden.data(f"small-{packing}")
    assert len(data) < 60
    picture = aecodec.decode(data)
    for at, change in product(range(len(data)), changes):
        damaged = bytearray(data)
        damaged[at] ^= change
        require_seen(data, bytes(damaged), at, picture)


@pytest.mark.parametrize("packing", ["rans", "zstd"])
@pytest.mark.parametrize("name", LARGER)
def test_damage_to_a_byte_of_a_larger_file_is_an_error(name: str, packing: str) -> None:
    data = golden.data(f"{name}-{packing}")
    picture = aecodec.decode(data)
    random = np.random.default_rng(len(data))
    for at in {*range(12), *random.integers(0, len(data), 30).tolist(), *range(len(data) - 4, len(data))}:
        damaged = bytearray(data)
        damaged[at] ^= int(random.integers(1, 256))
        require_seen(data, bytes(damaged), at, picture)


@given(
    st.binary(max_size=80),
    st.sampled_from([b"", b"\xae", b"\xae\xc0\xde\1", b"\xb5", b"\xbf\x05\xcb", b"\xbf\x17\x32", b"\xbf\x1f\xe4"]),
)
@example(b"", b"")
def test_any_bytes_are_a_picture_or_an_aec_error(data: bytes, begin: bytes) -> None:
    decoded = fate(begin + data)
    assert decoded is None or decoded.dtype in (np.uint8, np.uint16)


@given(
    header=st.builds(
        Header,
        st.sampled_from([PLAIN, *(registry.number_of(registry.by_name(name)) for name in MODELS)]),
        st.integers(1, 100),
        st.sampled_from(["rans", "zstd"]),
        size=st.none() | st.tuples(st.integers(1, 300), st.integers(1, 300)),
        variant=st.booleans(),
    ),
    source=st.sampled_from(["small-rans", "small-zstd", "colour-5x7-rans", "gray-5x70-zstd", "plain-gray", ""]),
    payload=st.binary(max_size=40),
)
def test_any_header_before_any_payload_is_a_picture_or_an_aec_error(
    header: Header, source: str, payload: bytes
) -> None:
    if source:
        data = golden.data(source)
        payload = data[read_header(data)[1] :]
    decoded = fate(write_header(header) + payload)
    assert decoded is None or decoded.dtype in (np.uint8, np.uint16)


def test_an_engine_that_nobody_knows_is_refused_whatever_the_picture() -> None:
    for picture in (np.zeros((9, 9), np.uint8), DIGITS[0]):
        with pytest.raises(InvalidValue, match="there is no engine 'abacus'"):
            aecodec.encode(picture, engine="abacus")


@pytest.mark.parametrize(
    ("wrong", "options"), [(COLOUR[0], {"model": "mnist"}), (DIGITS[0][:5], {"min_ssim": 0.9})], ids=["model", "size"]
)
def test_a_picture_that_suits_no_option_is_named_by_its_index(wrong: np.ndarray, options: dict[str, object]) -> None:
    with pytest.raises(AecError) as caught:
        aecodec.encode_many([DIGITS[0], DIGITS[1], wrong], **options)  # type: ignore[arg-type]
    assert caught.value.__notes__ == ["in file 2 of 3"]
