"""Opacity: kept exactly unless asked otherwise; colours that nobody sees are free."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from samples import COLOUR, mosaic, squared_error

import aecodec
from aecodec.images.opacity import filled, levels
from aecodec.lossless import planes
from aecodec.lossless.opacity_section import pack

alphas = arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)))
ALL = np.arange(256, dtype=np.uint8).reshape(16, 16)


def unpack(data: bytes, size: tuple[int, ...]) -> np.ndarray:
    height, width = size
    return planes.unpack(data, (height, width, 1))[..., 0]


def disc(side: int) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - side / 2
    samples: np.ndarray = np.clip((side / 2.5 - np.hypot(y, x)) * 90, 0, 255)
    return samples.astype(np.uint8)


@given(alphas)
def test_opacity_is_kept_exactly(alpha: np.ndarray) -> None:
    assert np.array_equal(unpack(pack(alpha, 100), alpha.shape), alpha)


@pytest.mark.parametrize("quality", range(1, 101))
def test_a_lower_quality_keeps_0_and_255_and_few_levels(quality: int) -> None:
    again = unpack(pack(ALL, quality), ALL.shape)
    assert again[0, 0] == 0 and again[-1, -1] == 255
    assert (np.diff(again.ravel().astype(int)) >= 0).all()
    assert len(np.unique(again)) <= levels(quality) + 2
    if levels(quality) > 2:
        assert again[0, 1] > 0 and again[-1, -2] < 255
    assert np.abs(again.astype(int) - ALL).max() <= 255 / (levels(quality) - 1) / 2 + 1


def test_a_lower_quality_costs_fewer_bytes() -> None:
    alpha = np.clip(
        np.add.outer(np.arange(90), np.arange(90)) + np.random.default_rng(0).integers(0, 30, (90, 90)), 0, 255
    )
    sizes = [len(pack(alpha.astype(np.uint8), quality)) for quality in (1, 25, 50, 75, 100)]
    assert all(a < b for a, b in zip(sizes, sizes[1:], strict=False))


@given(alphas, st.integers(0, 9))
def test_only_hidden_colours_change(alpha: np.ndarray, seed: int) -> None:
    random = np.random.default_rng(seed)
    for shape in (alpha.shape, (*alpha.shape, 3)):
        samples = random.integers(0, 256, shape).astype(np.uint8)
        kept = samples.copy()
        changed = filled(samples, alpha)
        assert np.array_equal(samples, kept)
        assert np.array_equal(changed[alpha > 0], samples[alpha > 0])
        if (alpha > 0).any():
            hidden = changed[alpha == 0]
            visible = samples[alpha > 0]
            assert hidden.size == 0 or (visible.min() <= hidden.min() and hidden.max() <= visible.max())


def test_pictures_with_hidden_parts_come_back_and_cost_less() -> None:
    picture = np.dstack([mosaic(160, 160), disc(160)])
    free = aecodec.encode(picture, quality=60)
    exact = aecodec.encode(picture, quality=60, exact_transparent=True)
    assert len(free) < 0.95 * len(exact)
    decoded = aecodec.decode(free)
    assert np.array_equal(decoded[..., 3], picture[..., 3])
    seen = picture[..., 3] > 0
    hidden_too = aecodec.decode(exact)
    assert squared_error(decoded[seen], picture[seen]) < 1.1 * squared_error(hidden_too[seen], picture[seen])
    assert squared_error(hidden_too, picture) < squared_error(decoded, picture)


@pytest.mark.parametrize("shape", [(32, 32, 2), (32, 32, 4), (1, 1, 4), (90, 45, 2)])
@pytest.mark.parametrize("value", [0, 7, 255])
def test_even_opacity_costs_next_to_nothing(shape: tuple[int, ...], value: int) -> None:
    picture = np.full(shape, value, np.uint8)
    picture[..., :-1] = np.arange(shape[1])[None, :, None]
    with_alpha = aecodec.encode(picture, exact_transparent=True)
    without = aecodec.encode(picture[..., :-1])
    # a section of 9 bytes, the end of sections, and no longer the small form
    assert len(with_alpha) <= len(without) + 14
    assert (aecodec.decode(with_alpha)[..., -1] == value).all()


def test_damaged_opacity_is_an_error() -> None:
    picture = np.dstack([COLOUR[0], disc(32)])
    data = aecodec.encode(picture)
    for at in range(4, len(data), 7):
        damaged = bytearray(data)
        damaged[at] ^= 0x41
        with pytest.raises(aecodec.AecError):
            aecodec.decode(bytes(damaged), max_pixels=10**4)
