"""The errors at borders of panels and the mean colours of areas are computed as they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from markdown_tables import cells
from PIL import Image

from aecodec.evaluation import rivals, sweeps
from benchmarks import colours, seams
from benchmarks.seams import Sides

SIDES = Sides(4, (16, 8))  # panels of 16 rows and 8 columns


def with_errors(**errors: int) -> tuple[np.ndarray, np.ndarray]:
    """A black picture of 24x20, and one with errors of so much in a row ("r15=3") or a column ("c7=3")."""
    decoded = np.zeros((24, 20), np.uint8)
    for place, error in errors.items():
        at = int(place[1:])
        decoded[(at, slice(None)) if place[0] == "r" else (slice(None), at)] = error
    return np.zeros((24, 20), np.uint8), decoded


def test_errors_at_panel_borders_are_those_of_the_two_lines_that_meet() -> None:
    # Panel borders: above row 16 (20 samples a line), left of columns 8 and 16 (24 samples a line).
    samples = 2 * 20 + 4 * 24
    for place, length in (("r15", 20), ("r16", 20), ("c7", 24), ("c8", 24), ("c15", 24), ("c16", 24)):
        panel, around, other, _ = seams.border_errors(*with_errors(**{place: 3}), SIDES)
        across = 2 if place[0] == "r" else 1  # lines across it meet it in 2 columns at each of 2 borders, or in 2 rows
        crossed = {"r": (2 * across, 2 * 2), "c": (2, 2 * 4)}[place[0]]
        assert panel == pytest.approx(9 * (length + crossed[0]) / samples)
        assert other == pytest.approx(9 * crossed[1] / (2 * 20 * 4 + 2 * 24 * 2))
        assert 0 < around < panel


def test_other_borders_of_blocks_are_all_but_those_of_panels() -> None:
    # 4 of rows with 20 samples a line and 2 of columns with 24, two lines each.
    for row in (4, 8, 12, 20):
        panel, _, other, _ = seams.border_errors(*with_errors(**{f"r{row}": 2}), SIDES)
        assert other == pytest.approx(4 * (20 + 4) / (4 * 2 * 20 + 2 * 2 * 24))
        assert panel == pytest.approx(4 * 4 / (2 * 20 + 4 * 24))  # where columns cross it
    panel, around, other, beyond = seams.border_errors(*with_errors(r1=2), SIDES)
    assert panel == pytest.approx(4 * 4 / (2 * 20 + 4 * 24))
    assert beyond > 0 and around > 0 and other < 1


def test_an_even_error_has_a_ratio_of_one_and_a_seam_more() -> None:
    original = np.zeros((24, 20, 3), np.uint8)
    even = seams.border_errors(original, original + 5, SIDES)
    assert even == pytest.approx([25.0] * 4)
    assert seams.at_borders(even) == seams.beside_surroundings(even) == 1
    seam = (original + 5).copy()
    seam[15:17] = 10
    found = seams.border_errors(original, seam, SIDES)
    assert seams.at_borders(found) > 1.5 and seams.beside_surroundings(found) > 1.2
    # A panel whose blocks are worse all over along its border is noticed by the first ratio only.
    blocks = (original + 5).copy()
    blocks[12:20] = 10
    found = seams.border_errors(original, blocks, SIDES)
    assert seams.at_borders(found) > seams.beside_surroundings(found) + 0.2


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    rows = np.array([[1.0], [4.0], [7.0], [12.0]])
    value, error = seams.jackknife(lambda mean: float(mean[0]), rows)
    assert value == 6
    assert error == pytest.approx(np.std(rows, ddof=1) / 2)
    assert seams.jackknife(lambda mean: float(mean[0]), rows[:1]) == (1.0, None)


def test_pictures_of_one_panel_are_left_out(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, size in (("a", (560, 24)), ("b", (512, 24)), ("c", (24, 512))):
        Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)).save(tmp_path / f"{name}.png")
    words = [str(tmp_path), "-m", "photo", "--qualities", "5", "-e", "0", "-o", str(tmp_path / "page.md")]
    done = CliRunner().invoke(seams.command, words, catch_exceptions=False)
    assert done.exit_code == 0
    page = (tmp_path / "page.md").read_text()
    assert "1 of 3 pictures have several panels of 512x512; model `photo`, effort 0, blocks of 8x8" in page
    (line,) = cells(next(part for part in page.split("\n\n") if part.startswith("|")))
    assert line[0] == "5" and line[4].endswith("(-)") and 0.5 < float(line[4].split()[0]) < 2
    (tmp_path / "a.png").unlink()
    with pytest.raises(ValueError, match="no picture is larger than a panel, 512x512"):
        CliRunner().invoke(seams.command, words, catch_exceptions=False)


def test_mean_colours_are_those_of_every_area() -> None:
    random = np.random.default_rng(1)
    original, decoded = random.integers(0, 256, (2, 7, 9, 3), np.uint8)
    found = colours.area_differences(original, decoded, 4)
    assert found.shape == (4, 6, 3)
    for y, x in ((0, 0), (3, 5), (2, 1)):
        part = np.s_[y : y + 4, x : x + 4]
        means = decoded[part].mean(axis=(0, 1)) - original[part].mean(axis=(0, 1))
        assert found[y, x] == pytest.approx(colours.TO_YCBCR @ means)
    for shape in ((7, 9), (3, 9, 3), (9, 3, 3)):
        with pytest.raises(ValueError, match="is gray, or smaller than 4x4"):
            colours.area_differences(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8), 4)


def test_a_gray_change_is_brightness_and_a_tint_is_colour() -> None:
    original = np.full((64, 66, 3), 90, np.uint8)
    brighter = colours.Offsets.of(original, b"12", original + 8)
    assert brighter.largest == pytest.approx([8, 0, 0], abs=1e-6) and brighter.file_bytes == 2
    bluer = original.copy()
    bluer[:, -1, 2] += 64  # of the last column: in one of the three areas
    tinted = colours.Offsets.of(original, b"", bluer)
    assert tinted.largest == pytest.approx([0.114, 0.5, 0.081312])
    assert tinted.mean_square == pytest.approx(np.square([0.114, 0.5, 0.081312]) / 3)
    assert tinted.largest_colour == pytest.approx(0.5)


def test_the_other_codec_has_no_fewer_bytes() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    codec = sweeps.Codec("fake", lambda pictures, quality: [bytes(10 + 2 * quality)], lambda files: [picture], ())
    found = [len(colours.lowest_not_below(codec, picture, least)) for least in (0, 10, 11, 12, 77, 207, 208, 999)]
    assert found == [10, 10, 12, 12, 78, 208, 208, 208]


def test_the_line_of_a_codec_counts_pictures_of_no_larger_offsets() -> None:
    def offsets(largest: float) -> colours.Offsets:
        return colours.Offsets(100, np.array([9.0, largest, 0.5]), np.array([4.0, 1.0, 0.25]))

    ours, theirs = [offsets(1), offsets(2), offsets(3)], [offsets(2), offsets(2), offsets(2)]
    cells_ = ["30", "AVIF", "100.0", "9.00", "2.000", "2.00", "1.000", "0.50", "0.500", "2 of 3"]
    assert colours.line(30, "AVIF", theirs, ours) == cells_
    assert colours.line(30, "aecodec", ours, ours)[-1] == "-"


def test_colours_have_a_page_beside_a_rival(tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :72]
    Image.fromarray(np.dstack([2 * x, 3 * y, x + y]).astype(np.uint8)).save(tmp_path / "a.png")
    words = [str(tmp_path / "a.png"), "-m", "cifar", "--qualities", "40", "-e", "0", "--rivals", "webp"]
    done = CliRunner().invoke(colours.command, [*words, "-o", str(tmp_path / "a.md")], catch_exceptions=False)
    assert done.exit_code == 0
    mine, webp = cells(next(part for part in done.stdout.split("\n\n") if part.startswith("|")))
    assert mine[:2] == ["40", "aecodec"] and webp[:2] == ["40", "WebP"]
    assert float(webp[2]) >= float(mine[2])
    assert rivals.RIVALS["webp"].described() in done.stdout
