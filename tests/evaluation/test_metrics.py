"""Metrics have the values of published libraries, and of examples that can be worked out by hand."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from samples import TILES

from aecodec import metrics

Pictures = NDArray[np.uint8]


def waves(height: int, width: int, channels: int) -> tuple[Pictures, Pictures]:
    """A picture of ramps and curves, and the same with few levels."""
    y, x, k = np.mgrid[:height, :width, :channels]
    picture = ((x * 7 + y * 3 + k * 40 + x * y // 5) % 256).astype(np.uint8)
    coarse = np.clip(np.round(picture / 24) * 24, 0, 255).astype(np.uint8)
    return picture[None], coarse[None]


def noisy(shape: tuple[int, ...], seed: int = 0) -> tuple[Pictures, Pictures]:
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, shape, dtype=np.uint8)
    return pictures, np.clip(pictures + rng.normal(0, 25, shape), 0, 255).astype(np.uint8)


def flat(*levels: int, size: int = 16) -> Pictures:
    """One picture a level."""
    return np.stack([np.full((size, size, 1), level, np.uint8) for level in levels])


def test_psnr_is_of_each_picture_and_infinite_where_nothing_differs() -> None:
    assert metrics.psnr(flat(0, 0, 9), flat(255, 16, 9)) == pytest.approx([0.0, 20 * math.log10(255 / 16), math.inf])


def test_an_error_of_unsigned_samples_does_not_wrap() -> None:
    assert metrics.squared_error(flat(0, 255), flat(255, 0)).tolist() == [256 * 255**2] * 2


def test_pooled_psnr_is_of_the_mean_error_and_not_a_mean_of_psnrs() -> None:
    assert metrics.pooled_psnr(flat(0, 0), flat(4, 0)) == pytest.approx(10 * math.log10(255**2 / 8))


@pytest.mark.parametrize("measure", [metrics.ssim, metrics.uqi])
def test_a_picture_is_wholly_like_itself_and_less_like_another(measure: object) -> None:
    assert callable(measure)
    pictures, others = noisy((3, 20, 30, 3))
    assert measure(pictures, pictures) == pytest.approx([1, 1, 1])
    assert (measure(pictures, others) < 0.99).all()
    assert (measure(pictures, 255 - pictures) < 0).all()


def test_ssim_of_flat_pictures_compares_their_means() -> None:
    c1 = (0.01 * 255) ** 2
    assert metrics.ssim(flat(100), flat(120)) == pytest.approx([(2 * 100 * 120 + c1) / (100**2 + 120**2 + c1)])


# From scikit-image 0.26: structural_similarity with the options of the test below.
@pytest.mark.parametrize("shape, value", [((28, 28, 1), 0.9421679430406333), ((32, 32, 3), 0.9555126752968812)])
def test_ssim_has_a_known_value(shape: tuple[int, int, int], value: float) -> None:
    assert metrics.ssim(*waves(*shape)) == pytest.approx([value], abs=1e-12)


@pytest.mark.parametrize("shape", [(3, 11, 11, 1), (9, 28, 28, 1), (70, 32, 32, 3), (2, 75, 130, 3)])
def test_ssim_is_that_of_scikit_image(shape: tuple[int, ...]) -> None:
    library = pytest.importorskip("skimage.metrics")
    originals, decoded = noisy(shape)
    options = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=2)
    expected = [library.structural_similarity(a, b, **options) for a, b in zip(originals, decoded, strict=True)]
    assert metrics.ssim(originals, decoded) == pytest.approx(expected, abs=1e-12)


def test_ms_ssim_has_a_known_value() -> None:
    # Worked out with SciPy's correlate1d, scale by scale; an odd side at each scale.
    assert metrics.ms_ssim(*waves(161, 203, 1)) == pytest.approx([0.9971895606739711], abs=1e-12)


@pytest.mark.parametrize("shape", [(2, 176, 192, 3), (1, 161, 203, 1)])
def test_ms_ssim_is_that_of_tensorflow(shape: tuple[int, ...]) -> None:
    library = pytest.importorskip("tensorflow").image
    originals, decoded = noisy(shape)
    expected = np.asarray(library.ssim_multiscale(originals, decoded, 255))
    assert metrics.ms_ssim(originals, decoded) == pytest.approx(expected, abs=5e-5)  # float32 there


def test_ms_ssim_is_refused_below_the_size_that_five_scales_need() -> None:
    assert metrics.ms_ssim(flat(9, size=161), flat(9, size=161)) == pytest.approx([1])
    with pytest.raises(ValueError, match="at least 161x161 pixels, not 160x160"):
        metrics.ms_ssim(flat(9, size=160), flat(9, size=160))


def direct_uqi(x: Pictures, y: Pictures) -> float:
    """The index as its paper writes it, window by window, of a picture (H, W) with no flat window."""
    values = []
    for top in range(x.shape[0] - 7):
        for left in range(x.shape[1] - 7):
            a, b = x[top : top + 8, left : left + 8].ravel(), y[top : top + 8, left : left + 8].ravel()
            covariance = np.cov(a.astype(float), b.astype(float))
            means = a.mean() * b.mean() / (a.mean() ** 2 + b.mean() ** 2)
            values.append(4 * covariance[0, 1] * means / (covariance[0, 0] + covariance[1, 1]))
    return float(np.mean(values))


def test_uqi_is_the_mean_of_its_papers_formula_over_all_windows() -> None:
    originals, decoded = noisy((2, 13, 17, 2))
    expected = [
        np.mean([direct_uqi(a[..., c], b[..., c]) for c in range(2)]) for a, b in zip(originals, decoded, strict=True)
    ]
    assert metrics.uqi(originals, decoded) == pytest.approx(expected, abs=1e-12)


def test_uqi_of_a_multiple_is_the_product_of_its_two_distortions() -> None:
    # y = 2x: correlation 1, luminance 2ab / (a^2 + b^2) = 4/5, contrast the same.
    x = noisy((1, 8, 8, 1))[0] // 2
    assert metrics.uqi(x, 2 * x) == pytest.approx([0.64])


def test_uqi_of_flat_windows_compares_their_means_and_takes_two_black_ones_for_alike() -> None:
    assert metrics.uqi(flat(0, 50, 50, 0), flat(0, 50, 100, 7)) == pytest.approx([1, 1, 0.8, 0])
    ramp = np.tile(np.arange(16, dtype=np.uint8), (16, 1))[None, ..., None]
    assert metrics.uqi(flat(50), ramp) == pytest.approx([0])


def natural() -> dict[str, tuple[Pictures, Pictures]]:
    """Real tiles with others of their kind, and with themselves a little coarser."""
    found = {}
    for name, tiles in TILES.items():
        pictures = np.stack([tile.reshape(*tile.shape[:2], -1) for tile in tiles])
        found[f"other {name}"] = pictures, np.roll(pictures, 1, axis=0)
        found[f"coarse {name}"] = pictures, pictures // 32 * 32
    return found


SEWAR_PAIRS = {
    "random": noisy((4, 28, 28, 1)),
    "random colours": noisy((3, 32, 40, 3)),
    "as small as can be": noisy((5, 9, 9, 1)),
    "bright": (noisy((2, 20, 21, 1))[0] // 2 + 128, noisy((2, 20, 21, 1), seed=3)[0] // 2 + 128),
    "constant": (flat(0, 50, 50, 0, 255, 255), flat(0, 50, 100, 7, 255, 254)),
    "constant and not": (flat(0, 50, 255), noisy((3, 16, 16, 1))[0]),
    "partly constant": (flat(0, 90) + np.eye(16, dtype=np.uint8)[None, ..., None], flat(0, 60)),
    **natural(),
}


@pytest.mark.parametrize("pictures", SEWAR_PAIRS.values(), ids=SEWAR_PAIRS.keys())
def test_sewar_uqi_is_what_sewar_computes(pictures: tuple[Pictures, Pictures]) -> None:
    library = pytest.importorskip("sewar")
    expected = [library.uqi(a, b) for a, b in zip(*pictures, strict=True)]
    assert metrics.sewar_uqi(*pictures) == pytest.approx(expected, abs=1e-12)


def test_uqi_is_what_sewar_computes_once_its_means_are_sums_and_no_window_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sewar = pytest.importorskip("sewar.full_ref")
    means, size = sewar.uniform_filter, metrics.UQI_WINDOW
    monkeypatch.setattr(sewar, "uniform_filter", lambda values, window: means(values, window) * window**2)
    for originals, decoded in SEWAR_PAIRS.values():
        # Without another row and column at the end, it leaves out the last windows of the picture.
        larger = [np.pad(p, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge") for p in (originals, decoded)]
        expected = [sewar.uqi(a, b, ws=size) for a, b in zip(*larger, strict=True)]
        assert metrics.uqi(originals, decoded) == pytest.approx(expected, abs=1e-12)


def test_sewar_uqi_of_flat_windows_is_the_square_of_what_the_paper_says() -> None:
    pair = flat(50, 0, 0), flat(100, 0, 7)
    assert metrics.uqi(*pair) == pytest.approx([0.8, 1, 0])
    assert metrics.sewar_uqi(*pair) == pytest.approx([0.64, 1, 0])


def test_batches_do_not_change_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    originals, decoded = noisy((7, 12, 14, 3))
    whole = metrics.ssim(originals, decoded), metrics.uqi(originals, decoded)
    for module in ("pixelwise", "structural"):
        monkeypatch.setattr(f"aecodec.metrics.{module}.BATCH_SAMPLES", 2 * 12 * 14 * 3)
    assert (metrics.ssim(originals, decoded) == whole[0]).all()
    assert (metrics.uqi(originals, decoded) == whole[1]).all()


@pytest.mark.parametrize("measure", [metrics.psnr, metrics.pooled_psnr, metrics.ssim, metrics.ms_ssim, metrics.uqi])
def test_what_cannot_be_compared_is_refused(measure: object) -> None:
    assert callable(measure)
    with pytest.raises(ValueError, match="cannot be compared"):
        measure(flat(1, size=16), flat(1, size=17))
    with pytest.raises(ValueError, match="uint8"):
        measure(flat(1).astype(np.float32), flat(1))
    with pytest.raises(ValueError, match="uint8"):
        measure(flat(1)[0], flat(1)[0])


@pytest.mark.parametrize("measure, least", [(metrics.ssim, 11), (metrics.uqi, 8), (metrics.sewar_uqi, 9)])
def test_pictures_smaller_than_a_window_are_refused(measure: object, least: int) -> None:
    assert callable(measure)
    assert measure(flat(3, size=least), flat(3, size=least)) == pytest.approx([1])
    with pytest.raises(ValueError, match=f"at least {least}x{least}"):
        measure(flat(3, size=least - 1), flat(3, size=least - 1))


# (rates, PSNRs) of a codec and of the reference, and the BD-rate that the package bjontegaard 1.3 gives for "pchip".
ANCHOR = ([9487.76, 4593.60, 2486.44, 1358.24], [40.037, 38.615, 36.845, 34.851])
TEST = ([9787.80, 4469.00, 2451.52, 1356.24], [40.121, 38.651, 36.970, 34.987])
SECOND = ([893.34, 407.8, 204.93, 112.75], [40.39, 37.21, 34.17, 31.24])
FIRST = ([686.76, 309.58, 157.11, 85.95], [40.28, 37.18, 34.24, 31.42])


@pytest.mark.parametrize(
    "curve, reference, value", [(TEST, ANCHOR, -4.417485350589), (FIRST, SECOND, -23.884843426370)]
)
def test_bd_rate_has_the_values_of_a_published_package(
    curve: tuple[list[float], list[float]], reference: tuple[list[float], list[float]], value: float
) -> None:
    assert metrics.bd_rate(*curve, *reference) == pytest.approx(value, abs=1e-9)
    there_and_back = (1 + value / 100) * (1 + metrics.bd_rate(*reference, *curve) / 100)
    assert there_and_back == pytest.approx(1)


def test_half_the_rate_everywhere_is_a_bd_rate_of_minus_fifty_per_cent() -> None:
    assert metrics.bd_rate([50, 90, 200], [20, 26, 30], [100, 180, 400], [20, 26, 30]) == pytest.approx(-50)


def test_bd_rate_of_two_lines_is_over_their_common_range_only() -> None:
    # log2 of the rates: x / 10 + 1 against x / 5 - 1 on 20..40 dB; the mean difference is 2 - 30 / 10 = -1.
    ours, theirs = np.array([10.0, 40.0]), np.array([20.0, 60.0])
    found = metrics.bd_rate(2 ** (ours / 10 + 1), ours, 2 ** (theirs / 5 - 1), theirs)
    assert found == pytest.approx(-50)


@pytest.mark.parametrize(
    "psnr, reference, why",
    [
        ([10, 20], [20, 30], "no PSNR range in common"),
        ([10, 10], [5, 30], "none of them twice"),
        ([10, math.inf], [5, 30], "finite"),
        ([10], [5, 30], "two points"),
    ],
)
def test_curves_without_a_bd_rate_are_refused(psnr: list[float], reference: list[float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        metrics.bd_rate([1, 2][: len(psnr)], psnr, [1, 2], reference)


def test_a_monotone_cubic_does_not_overshoot() -> None:
    x, y = [0, 1, 2, 3], [0, 0, 1, 1]
    found = metrics.pchip(x, y, np.linspace(0, 3, 301))
    assert (np.diff(found) >= 0).all()
    assert found[[0, 100, 150, 200, 300]] == pytest.approx([0, 0, 0.5, 1, 1])


def test_the_monotone_cubic_is_that_of_scipy() -> None:
    library = pytest.importorskip("scipy.interpolate")
    rng = np.random.default_rng(1)
    for count in (2, 3, 4, 5, 9) * 20:
        x, y = np.cumsum(rng.random(count) + 0.01), rng.normal(size=count).cumsum()
        at = np.linspace(x[0], x[-1], 50)
        assert metrics.pchip(x, y, at) == pytest.approx(library.PchipInterpolator(x, y)(at), abs=1e-9)


def test_metrics_load_neither_scipy_nor_any_part_of_the_package() -> None:
    program = (
        "import aecodec, sys; before = set(sys.modules); import aecodec.metrics; print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.partition(".")[0] != "numpy"}
    assert "aecodec.metrics" in loaded
    assert all(name.startswith("aecodec.metrics") for name in loaded)


def test_errors_do_not_wrap_and_are_of_each_picture() -> None:
    a, b = flat(0, 255, 7), flat(255, 250, 7)
    b[2, 3, 3] = 17
    assert metrics.largest_error(a, b).tolist() == [255, 5, 10]
    assert metrics.mean_absolute_error(a, b) == pytest.approx([255, 5, 10 / 256])
    assert metrics.largest_error(b, a).tolist() == [255, 5, 10]


@pytest.mark.parametrize("shape", [(2, 28, 28, 1), (3, 20, 30, 3)])
def test_mean_errors_are_those_of_scikit_image(shape: tuple[int, ...]) -> None:
    library = pytest.importorskip("skimage.metrics")
    originals, decoded = noisy(shape)
    pairs = list(zip(originals, decoded, strict=True))
    samples = originals[0].size
    assert metrics.squared_error(originals, decoded) / samples == pytest.approx(
        [library.mean_squared_error(a, b) for a, b in pairs]
    )
    assert metrics.psnr(originals, decoded) == pytest.approx(
        [library.peak_signal_noise_ratio(a, b, data_range=255) for a, b in pairs]
    )


def test_cross_entropy_can_be_worked_out_by_hand() -> None:
    half = -0.2 * math.log(0.6) - 0.8 * math.log(0.4)
    assert metrics.cross_entropy(flat(51), flat(153)) == pytest.approx([half])
    epsilon = metrics.CROSS_ENTROPY_LEAST
    assert metrics.cross_entropy(flat(255, 0, 0), flat(0, 255, 0)) == pytest.approx(
        [-math.log(epsilon), -math.log(epsilon), -math.log(1 - epsilon)], rel=1e-6
    )


def test_cross_entropy_is_that_of_keras() -> None:
    # keras.losses.binary_crossentropy of Keras 3.15, in float64, of the pictures divided by 255.
    originals, decoded = waves(28, 28, 1)
    assert metrics.cross_entropy(originals, decoded) == pytest.approx([0.5367762099935397], rel=1e-9)
