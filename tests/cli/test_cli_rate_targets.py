"""`aec compress` with limits and promises, and `aec verify`: pass or fail, said by the exit code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import aec
from PIL import Image
from samples import COLOUR, DIGITS, psnr

import aecodec
from aecodec.cli.compress import command

WIDE = (np.arange(1200).reshape(30, 40) * 54).astype(np.uint16)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(DIGITS[0]).save("digit.png")
    Image.fromarray(COLOUR[0]).save("scene.png")
    Image.fromarray(WIDE).save("wide.png")
    return tmp_path


def written(*arguments: str, name: str = "scene") -> bytes:
    result = aec("compress", f"{name}.png", "--force", "-e", "0", *arguments)
    assert (result.exit_code, result.output) == (0, "")
    return Path(f"{name}.aec").read_bytes()


# compress ---


@pytest.mark.parametrize(
    ("option", "argument"),
    [
        (("--max-bytes", "200"), {"max_bytes": 200}),
        (("--max-bytes", ".2k"), {"max_bytes": 200}),
        (("--max-bytes", "0.3KB"), {"max_bytes": 300}),
        (("--max-bytes", "1M"), {"max_bytes": 1000000}),
        (("--min-psnr", "30.5"), {"min_psnr": 30.5}),
        (("--min-ssim", "0.9"), {"min_ssim": 0.9}),
        (("--lossless",), {"lossless": True}),
        (("--max-error", "3"), {"max_error": 3}),
        (("-q", "40"), {"quality": 40}),
        ((), {"quality": 75}),
    ],
)
def test_options_are_the_arguments_of_encode(folder: Path, option: tuple[str, ...], argument: dict[str, Any]) -> None:
    assert written(*option) == aecodec.encode(COLOUR[0], effort=0, **argument)


def test_every_option_of_encode_is_an_option_of_compress() -> None:
    offered = {parameter.name for parameter in command.params}
    assert set(inspect.signature(aecodec.encode).parameters) - offered == {"image", "engine", "progress"}


def test_many_files_and_pipes_take_them_too(folder: Path) -> None:
    result = aec("compress", "digit.png", "scene.png", "-o", "out/", "--max-bytes", "150", "-e", "0", "--jobs", "2")
    assert result.exit_code == 0
    assert all(0 < len(path.read_bytes()) <= 150 for path in (Path("out/digit.aec"), Path("out/scene.aec")))
    piped = aec("compress", "-", "-o", "-", "--lossless", stdin=Path("scene.png").read_bytes())
    assert np.array_equal(aecodec.decode(piped.stdout_bytes), COLOUR[0])


def test_one_picture_that_no_file_suits_is_reported_and_the_rest_go_on(folder: Path) -> None:
    result = aec("compress", "digit.png", "scene.png", "-o", "out/", "--max-bytes", "16", "-e", "0", "--jobs", "1")
    assert result.exit_code == 1
    assert re.search(
        r"^aec: scene.png: the smallest file of this picture has \d+ bytes, more than 16$", result.stderr, re.M
    )
    assert len(Path("out/digit.aec").read_bytes()) <= 16
    assert not Path("out/scene.aec").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("-q", "5", "--lossless"), "quality and lossless cannot be combined"),
        (("--max-bytes", "2k", "--min-psnr", "30"), "max_bytes and min_psnr cannot be combined"),
        (("--max-bytes", "many"), "is not a file size such as"),
        (("--max-bytes", "0"), "is not a file size such as"),
        (("--min-ssim", "2"), "min_ssim must be a number from -1 to 1"),
        (("--max-error", "-1"), "--max-error"),
        (("--lossless", "--alpha-quality", "50"), "an alpha_quality below 100 contradicts lossless"),
        (("--lossless", "--tune", "ssim"), "tune=ssim contradicts lossless and max_error"),
        (("--tune", "butter"), "'butter' is not one of 'psnr', 'ssim'"),
    ],
)
def test_wrong_usage_exits_with_two(folder: Path, options: tuple[str, ...], sentence: str) -> None:
    result = aec("compress", "scene.png", *options)
    assert result.exit_code == 2
    assert sentence in " ".join(result.stderr.split())
    assert not Path("scene.aec").exists()


def test_sixteen_bits_come_back_from_lossless_files_alone(folder: Path) -> None:
    assert aec("compress", "wide.png", "-o", "a.aec", "--lossless").output == ""
    assert aec("decompress", "a.aec").output == ""
    assert np.array_equal(np.asarray(Image.open("a.png")), WIDE)
    assert "rounded to 8 bits, as jpg cannot store them" in aec("decompress", "a.aec", "-o", "a.jpg").stderr
    assert "16-bit samples are rounded to 8 bits" in aec("compress", "wide.png", "-o", "b.aec").stderr
    assert "16-bit gray" in aec("info", "a.aec").stdout
    assert "lossless" in aec("info", "a.aec").stdout


# verify ---


def test_whole_files_pass(folder: Path) -> None:
    written()
    written("--lossless", name="digit")
    result = aec("verify", "scene.aec", "digit.aec")
    assert result.exit_code == 0
    assert result.stdout == "scene.aec: intact, 32x32 RGB, cifar-5\ndigit.aec: intact, 28x28 gray, mnist-3, lossless\n"
    assert aec("verify", "scene.aec", "--quiet").output == ""
    assert aec("verify", "-", stdin=Path("digit.aec").read_bytes()).stdout.startswith("standard input: intact")


@pytest.mark.parametrize("options", [(), ("--lossless",), ("--max-error", "2")])
def test_every_damage_fails_and_the_rest_are_looked_at(folder: Path, options: tuple[str, ...]) -> None:
    data = written(*options)
    Path("good.aec").write_bytes(data)
    Path("short.aec").write_bytes(data[:-1])
    Path("changed.aec").write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
    Path("none.aec").write_bytes(b"no file of ours")
    result = aec("verify", "short.aec", "changed.aec", "good.aec", "none.aec", "missing.aec")
    assert result.exit_code == 1
    assert result.stdout.startswith("good.aec: intact")
    said = result.stderr.splitlines()
    assert [line.split(": ")[1] for line in said] == ["short.aec", "changed.aec", "none.aec", "missing.aec"]
    assert all(line.startswith("aec: ") for line in said)


def test_a_picture_is_compared_with_its_original(folder: Path) -> None:
    data = written("-q", "60")
    decoded = aecodec.decode(data)
    largest = np.abs(decoded.astype(int) - COLOUR[0]).max()
    expected = f"PSNR {psnr([(COLOUR[0], decoded)]):.2f} dB, largest error {largest}\n"
    assert aec("verify", "scene.aec", "--against", "scene.png").stdout.endswith(expected)
    written("--lossless")
    assert aec("verify", "scene.aec", "--against", "scene.png").stdout.endswith("lossless, identical\n")
    written("--max-error", "5")
    assert "max error 5, PSNR" in aec("verify", "scene.aec", "--against", "scene.png").stdout


def test_another_picture_fails(folder: Path) -> None:
    written("--lossless")
    result = aec("verify", "scene.aec", "--against", "digit.png")
    assert result.exit_code == 1
    assert result.stderr == "aec: scene.aec: the picture is 32x32 RGB, but digit.png is 28x28 gray\n"
    Image.fromarray(COLOUR[1]).save("other.png")
    result = aec("verify", "scene.aec", "--against", "other.png")
    assert result.exit_code == 1
    assert "the file promises at most 0" in result.stderr


def test_wrong_usage_of_verify_exits_with_two(folder: Path) -> None:
    assert aec("verify").exit_code == 2
    assert aec("verify", "a.aec", "b.aec", "--against", "scene.png").exit_code == 2
    assert aec("verify", "-", "--against", "-").exit_code == 2
