"""Sweeps, rivals, comparisons at equal bytes, assessments and speeds are computed as they say."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from markdown_tables import cells
from samples import COLOUR, DIGITS

import aecodec
from aecodec import metrics
from aecodec.evaluation import (
    assessment,
    comparison,
    pages,
    rivals,
    speed,
    sweeps,
)
from aecodec.images.regions import Box
from aecodec.models import registry
from aecodec.sources import items

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3)])
def test_rivals_give_pictures_back_in_the_shape_they_came(shape: tuple[int, ...]) -> None:
    picture = np.full(shape, 90, np.uint8)
    found, _ = rivals.available(tuple(rivals.RIVALS))
    for rival in found:
        decoded = rival.decode(rival.encode(picture, **rival.best), picture.ndim == 2)
        assert decoded.shape == shape
        assert np.abs(picture.astype(int) - decoded).max() <= 3


def test_variants_of_a_format_are_measured_only_where_they_are_named() -> None:
    assert not any(rival.variant_of for rival in rivals.available()[0])
    assert len({rival.name for rival in rivals.BY_NAME.values()}) == len(rivals.RIVALS) + len(rivals.VARIANTS)
    for rival in rivals.VARIANTS.values():
        assert rival.format_name in {other.name for other in rivals.RIVALS.values()}
        assert rival.best not in [other.best for other in rivals.BY_NAME.values() if other is not rival]


def test_variants_of_avif_differ_in_what_they_say() -> None:
    found, notes = rivals.available(["avif", "avif-420", "avif-speed-4", "avif-speed-4-420"])
    if notes:
        pytest.skip(notes[0])
    assert [(rival.best["speed"], rival.best["subsampling"]) for rival in found] == [
        (6, "4:4:4"),
        (6, "4:2:0"),
        (4, "4:4:4"),
        (4, "4:2:0"),
    ]
    red = np.zeros((16, 16, 3), np.uint8)
    red[:, ::2, 0] = 255  # single columns, which 4:2:0 cannot keep
    full, half = (rival.decode(rival.at(red, 90), gray=False).astype(int) for rival in found[:2])
    assert np.abs(full - red).mean() < np.abs(half - red).mean() / 2
    assert pages.environment(found).count("AVIF library") == 1


def test_the_environment_names_the_models_that_were_used() -> None:
    newest = registry.by_name("photo")
    assert pages.environment((), ["photo", "auto"]).endswith(f" CPUs, model {newest.name} ({newest.id.hex()})")
    assert "model photo-4 (e5ea316b26ed00c6)" in pages.environment((), ["photo-4"])


def fake_codec(sizes: dict[int, int]) -> sweeps.Codec:
    """A file of so many bytes for each quality, of any picture; decoded, it is flat at its quality."""
    return sweeps.Codec(
        "fake",
        lambda pictures, quality: [bytes([quality]) * sizes[quality]] * len(pictures),
        lambda files: [np.full((12, 12), data[0], np.uint8) for data in files],
        tuple(sizes),
    )


def test_a_sweep_has_a_point_for_each_quality() -> None:
    black = [np.zeros((12, 12), np.uint8)] * 3
    curve = sweeps.sweep(fake_codec({1: 9, 5: 4}), black, (5, 1))
    assert [(p.setting, p.file_bytes) for p in curve.points] == [(5, 4.0), (1, 9.0)]
    assert [p.psnr for p in curve.points] == pytest.approx([20 * math.log10(255 / q) for q in (5, 1)])
    assert [p.uqi for p in curve.points] == [0.0, 0.0]
    assert sweeps.sweep(fake_codec({1: 9}), black, (1,), similarities=()).points[0].ssim is None


def test_the_highest_quality_within_a_budget_is_taken_or_the_smallest_file() -> None:
    codec = fake_codec({2: 30, 3: 20, 4: 40, 5: 50, 6: 40, 7: 90})
    found = sweeps.fit_budgets(codec, [np.zeros((12, 12), np.uint8)], [40, 19, 1000])
    assert [(row[0].quality, row[0].file_bytes, row[0].fits) for row in found] == [
        (6, 40, True),
        (3, 20, False),
        (7, 90, True),
    ]
    assert found[0][0].psnr == pytest.approx(20 * math.log10(255 / 6))


def test_effort_and_tune_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def encode_many(pictures: object, **options: object) -> list[bytes]:
        seen.append(options)
        return [b""]

    monkeypatch.setattr(aecodec, "encode_many", encode_many)
    picture = np.zeros((8, 8), np.uint8)
    sweeps.aecodec_codec("m").encode([picture], 10)
    sweeps.aecodec_codec("m", 0, tune="ssim").encode([picture], 20)
    assert seen == [
        {"model": "m", "quality": 10, "effort": 1, "tune": "psnr"},
        {"model": "m", "quality": 20, "effort": 0, "tune": "ssim"},
    ]


def test_codecs_give_files_and_pictures_in_their_order() -> None:
    pictures = [np.full((28, 28), level, np.uint8) for level in range(0, 250, 50)]
    for codec in (sweeps.aecodec_codec("cifar"), sweeps.rival_codec(rivals.RIVALS["jpeg"], True)):
        decoded = codec.decode(codec.encode(pictures, 90))
        assert [round(float(picture.mean()), -1) for picture in decoded] == [0, 50, 100, 150, 200]
        assert codec.decode(codec.encode([], 90)) == []


def test_an_assessment_measures_what_the_files_decode_to() -> None:
    measured = [items.Item(f"{k}", picture) for k, picture in enumerate([*DIGITS[:3], COLOUR[0]])]
    found = assessment.assess(measured, 40, assessment.png_bytes(measured), {"effort": 0})
    files = aecodec.encode_many([item.picture for item in measured], quality=40, effort=0)
    decoded = aecodec.decode_many(files)
    errors = [(a.picture.astype(float) - b).ravel() for a, b in zip(measured, decoded, strict=True)]
    every = np.concatenate(errors)
    results = found.results()
    assert results["bytes"] == np.mean([len(file) for file in files])
    assert results["bpp"] == pytest.approx(
        np.mean([8 * len(file) / b.shape[0] / b.shape[1] for file, b in zip(files, decoded, strict=True)])
    )
    assert found.mse == pytest.approx(np.mean(every**2))
    assert results["psnr-pooled"] == pytest.approx(10 * math.log10(255**2 / np.mean(every**2)))
    assert results["psnr-rgb"] == pytest.approx(np.mean([10 * math.log10(255**2 / np.mean(e**2)) for e in errors]))
    assert results["largest-error"] == np.abs(every).max()
    assert results["mae-rgb"] == pytest.approx(np.mean([np.abs(e).mean() for e in errors]))
    assert results["ms-ssim-rgb"] is None
    assert results["ratio-raw"] == pytest.approx(every.size / sum(map(len, files)))
    assert dict(found.rows())["MAE (0..255)"] == f"{np.abs(every).mean():.3f}"
    lines = list(found.lines())
    assert [line[0] for line in lines] == ["0", "1", "2", "3"]
    assert [int(line[4]) for line in lines] == [len(file) for file in files]
    assert all(len(line) == len(assessment.HEAD) for line in lines)


def test_the_best_quality_within_bytes_is_found_in_large_pictures_as_in_small_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codec = fake_codec({quality: 10 + 3 * quality for quality in range(1, 101)})
    picture = np.zeros((12, 12), np.uint8)
    for searched in (0, 1 << 13):
        monkeypatch.setattr(sweeps, "SEARCHED_PIXELS", searched)
        assert [sweeps.fit_budget(codec, picture, budget).quality for budget in (9, 13, 100, 103, 104, 9999)] == [
            1,
            1,
            30,
            31,
            31,
            sweeps.HIGHEST,
        ]
        assert [sweeps.fit_budget(codec, picture, budget).fits for budget in (9, 13)] == [False, True]


def test_rivals_get_no_more_bytes_than_aecodec() -> None:
    found, _ = rivals.available(["webp", "jpeg"])
    codecs = [sweeps.rival_codec(rival, False) for rival in found]
    compared = comparison.compare(items.Item("a", COLOUR[0]), sweeps.aecodec_codec("cifar", 0), 70, codecs)
    assert [result.name for result in compared.results] == ["aecodec", "WebP", "JPEG"]
    budget = len(aecodec.encode(COLOUR[0], model="cifar", quality=70, effort=0))
    assert compared.results[0].reconstruction.file_bytes == budget
    webp = compared.results[1]
    assert webp.reconstruction.fits and webp.reconstruction.file_bytes <= budget
    assert len(rivals.RIVALS["webp"].at(COLOUR[0], webp.reconstruction.quality)) == webp.reconstruction.file_bytes
    assert webp.ssim == pytest.approx(metrics.ssim(COLOUR[0][None], webp.reconstruction.picture[None])[0])
    part = comparison.section(compared, Box(4, 20, 8, 32))
    assert [cell.picture.shape for cell in part.rows[0].cells if cell.picture is not None] == [(16, 24, 3)] * 4
    with pytest.raises(ValueError, match="not within a, which is 32x32"):
        comparison.section(compared, Box(0, 33, 0, 8))


def test_speed_is_measured_in_processes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    jobs = [speed.Job("aecodec", "", 50, "mnist", 0), speed.Job("WebP", "webp", 25)]
    ours, webp = speed.measure(jobs, DIGITS[:4])
    assert ours.result.file_bytes < webp.result.file_bytes
    assert ours.encode_seconds > 0 and ours.decode_seconds > 0 and ours.pictures == 4
    assert (1 << 20) < ours.rest_bytes <= ours.peak_bytes < (1 << 31)
    assert [row[:2] for row in cells(speed.report([ours, webp]))] == [["aecodec", "50"], ["WebP", "25"]]


def test_a_loop_has_one_thread_and_a_sweep_as_many_as_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    used = set()

    def noted(image: object, *args: object, **options: object) -> bytes:
        used.add(threading.get_ident())
        time.sleep(0.01)
        return b""

    monkeypatch.setattr(rivals.Rival, "at", noted)
    monkeypatch.setattr(sweeps, "workers", lambda: 3)
    sweeps.rival_codec(rivals.RIVALS["webp"], gray=True, threads=1).encode(DIGITS[:6], 50)
    assert used == {threading.get_ident()}
    sweeps.rival_codec(rivals.RIVALS["webp"], gray=True).encode(DIGITS[:6], 50)
    assert len(used) == 1 + 3


def test_so_many_pictures_are_timed_as_have_a_megapixel() -> None:
    assert len(speed.timed([np.zeros((1024, 512), np.uint8)] * 9)) == 2
    assert len(speed.timed([np.zeros((4096, 512), np.uint8)] * 9)) == 1
    assert len(speed.timed([np.zeros((8, 8), np.uint8)] * 9)) == 9
