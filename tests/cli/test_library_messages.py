"""What libraries say while pictures are read becomes one line of `aec` a file; in Python it stays what it is."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from command_line import aec
from PIL import Image
from samples import COLOUR, DIGITS

import aecodec
from aecodec.cli import batches
from aecodec.cli.library_messages import TERMINAL, LibraryWarning, collected, printing_collected, summary

AEC = [sys.executable, "-m", "aecodec"]
PRINTED = "LZMADecode: Decoding error at scanline 0, data is corrupt."
WARNED = "Corrupt EXIF data. Expecting to read 12 bytes but only got 0."
DAMAGED = "the EXIF data is damaged, and kept as far as it can be read"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(aecodec.__file__).parents[1]))  # real processes run the same code
    return tmp_path


def compressed_tiff(compression: str) -> tuple[bytearray, int]:
    """A TIFF file that libtiff decodes, and where its pixels end."""
    buffer = BytesIO()
    try:
        Image.fromarray(COLOUR[0]).save(buffer, "TIFF", compression=compression)
    except (OSError, KeyError):
        pytest.skip(f"this Pillow writes no TIFF files with {compression}")
    data = bytearray(buffer.getvalue())
    return data, struct.unpack_from("<L", data, 4)[0]


def write_printed_about(name: str) -> None:
    """Write a TIFF file with whole pixels and a damaged end of them, of which libtiff prints a line."""
    data, end = compressed_tiff("lzma")
    data[end - 1] ^= 1
    Path(name).write_bytes(data)


def write_warned_about(name: str) -> None:
    """Write a picture with EXIF data that ends early, of which Pillow warns in Python."""
    exif = b"Exif\0\0II*\0" + struct.pack("<LH", 8, 2) + struct.pack("<HHLHH", 0x0112, 3, 1, 1, 0)
    Image.fromarray(DIGITS[0]).save(name, exif=exif)


def test_a_line_that_libtiff_prints_becomes_one_of_ours(folder: Path) -> None:
    write_printed_about("a.tif")
    line = f"aec: a.tif: Pillow reported a problem: {PRINTED.rstrip('.')}\n"
    done = subprocess.run([*AEC, "compress", "a.tif"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", line)
    assert np.array_equal(aecodec.decode("a.aec"), aecodec.decode(aecodec.encode(COLOUR[0])))
    done = subprocess.run([*AEC, "compress", "a.tif", "--force", "-v"], capture_output=True, text=True)
    first, original, last = done.stderr.splitlines(keepends=True)
    assert (first, original) == (line, f"  {PRINTED}\n")
    assert last.startswith("a.aec: ")
    done = subprocess.run([*AEC, "compress", "a.tif", "--force", "--quiet"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = subprocess.run([*AEC, "verify", "a.aec", "--against", "a.tif"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, line)


def test_a_failure_stays_one_sentence_whatever_libtiff_prints(folder: Path) -> None:
    data, end = compressed_tiff("tiff_adobe_deflate")
    data[end - 1] ^= 255
    Path("a.tif").write_bytes(data)
    done = subprocess.run([*AEC, "compress", "a.tif"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("aec: a.tif: the picture cannot be decoded: ") and done.stderr.count("\n") == 1
    verbose = subprocess.run([*AEC, "compress", "a.tif", "-v"], capture_output=True, text=True)
    assert verbose.stderr.startswith(done.stderr)
    assert verbose.stderr.count("\n") > 1


def test_a_warning_of_python_becomes_part_of_the_files_one_line(folder: Path) -> None:
    write_warned_about("a.png")
    result = aec("compress", "a.png")
    line = f"aec: a.png: {DAMAGED}; Pillow reported a problem: {WARNED.rstrip('.')}"
    assert (result.exit_code, result.stderr) == (0, f"{line}\n")
    first, original, _ = aec("compress", "a.png", "--force", "--verbose").stderr.splitlines()
    assert first == line
    assert original.startswith("  /") and original.endswith(f": UserWarning: {WARNED}")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_every_file_of_a_batch_has_its_own_line(folder: Path, jobs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "CHUNK_FILES", 1)  # so that there is something to share out
    Path("in").mkdir()
    write_printed_about("in/a.tif")
    write_warned_about("in/b.png")
    write_printed_about("in/c.tif")
    Image.fromarray(DIGITS[0]).save("in/d.png")
    result = aec("compress", "-r", "in", "-o", "out", "-j", jobs)
    assert result.exit_code == 0
    lines = sorted(result.stderr.splitlines())
    assert [line.split(": ")[1] for line in lines] == ["in/a.tif", "in/b.png", "in/c.tif"]
    assert all(line.count("Pillow reported a problem") == 1 for line in lines)
    assert len(os.listdir("out")) == 4


def test_measuring_says_one_line_about_all_pictures(folder: Path) -> None:
    Path("in").mkdir()
    write_printed_about("in/a.tif")
    write_printed_about("in/b.tif")
    done = subprocess.run(
        [*AEC, "evaluate", "in", "-e", "0", "-m", "cifar", "--quiet"], capture_output=True, text=True, check=True
    )
    assert done.stderr == f"aec: Pillow reported a problem: {PRINTED.rstrip('.')}\n"
    write_warned_about("in/c.png")
    result = aec("anomalies", "in", "-m", "cifar")
    assert [line.split(": ")[1] for line in result.stderr.splitlines()] == ["in/a.tif", "in/b.tif", "in/c.png"]


def test_in_python_everything_stays_where_it_is(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_printed_about("a.tif")
    write_warned_about("b.png")
    aecodec.encode("a.tif")
    assert capfd.readouterr().err == f"{PRINTED}\n"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        aecodec.encode("b.png")
    assert {" ".join(str(warning.message).split()) for warning in caught} == {WARNED, DAMAGED}
    ours = [warning for warning in caught if warning.category is aecodec.AecWarning]
    assert [(str(warning.message), warning.filename) for warning in ours] == [(DAMAGED, __file__)]


def test_what_is_printed_is_collected_and_the_streams_come_back(capfd: pytest.CaptureFixture[str]) -> None:
    with collected() as messages:
        for _ in range(2):
            with printing_collected():
                os.write(2, b"to standard error\n\n")
                os.write(1, b"to standard output, without an end")
        with pytest.raises(ZeroDivisionError), printing_collected():
            os.write(2, b"before a failure\n")
            raise ZeroDivisionError
    assert [message.text for message in messages] == [
        "to standard error",
        "to standard output, without an end",
        "before a failure",
    ]
    assert summary(messages) == ("Pillow reported a problem: to standard error (and 2 more)",)
    os.write(2, b"ours")
    os.write(1, b"yours")
    assert capfd.readouterr() == ("yours", "ours")
    with pytest.warns(LibraryWarning, match="alone"), printing_collected():
        os.write(2, b"alone\n")


def test_other_threads_wait_and_their_text_is_not_lost(capfd: pytest.CaptureFixture[str]) -> None:
    def write() -> None:
        with TERMINAL:
            os.write(2, b"progress")

    thread = threading.Thread(target=write)
    with collected() as messages, printing_collected():
        thread.start()
        thread.join(0.05)
        assert thread.is_alive()
    thread.join()
    assert not messages
    assert capfd.readouterr().err == "progress"


def test_warnings_for_developers_are_dropped_and_ours_are_not_blamed_on_pillow() -> None:
    with collected() as messages:
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        warnings.warn("open", ResourceWarning, stacklevel=1)
        warnings.warn("turned", aecodec.AecWarning, stacklevel=1)
    assert summary(messages) == ("turned",)


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_closed_streams_are_no_obstacle(folder: Path) -> None:
    write_printed_about("a.tif")
    done = subprocess.run(f"{sys.executable} -m aecodec compress a.tif 2>&- >&-", shell=True)
    assert done.returncode == 0
    assert aecodec.inspect("a.aec").width == 32
