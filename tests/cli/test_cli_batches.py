"""The command line with many files: trees, processes, what fails, and what Ctrl-C leaves."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import aec, succeeds
from PIL import Image
from samples import COLOUR, DIGITS

import aecodec
from aecodec.cli import batches, process_pool
from aecodec.cli.file_pairs import pair_files
from aecodec.cli.progress import Totals, readable_bytes
from aecodec.images.source import Picture, Source
from benchmarks.many import interrupt_and_resume


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with pictures in a tree of folders beside what is none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(aecodec.__file__).parents[1]))
    for name, picture in {"a.png": DIGITS[0], "in/b.png": DIGITS[1], "in/deeper/c.webp": COLOUR[0]}.items():
        path = Path("photos", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path, lossless=True)
    Path("photos/notes.txt").write_text("no picture")
    Path("photos/in/.hidden.png").write_bytes(Path("photos/a.png").read_bytes())
    return tmp_path


def files(folder: str | Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in Path(folder).rglob("*") if p.is_file())


def test_a_folder_is_mirrored_both_ways(tree: Path) -> None:
    succeeds("compress", "-r", "photos", "-o", "small")
    assert files("small") == ["a.aec", "in/b.aec", "in/deeper/c.aec"]
    assert Path("small/in/deeper/c.aec").read_bytes() == aecodec.encode(COLOUR[0])
    succeeds("decompress", "--recursive", "small", "-o", "back", "--format", "webp")
    assert files("back") == ["a.webp", "in/b.webp", "in/deeper/c.webp"]
    decoded = np.asarray(Image.open("back/in/deeper/c.webp"))
    assert np.array_equal(decoded, aecodec.decode(aecodec.encode(COLOUR[0])))


def test_without_an_output_folder_files_go_beside_their_sources(tree: Path) -> None:
    succeeds("compress", "-r", "photos/in")
    assert files("photos/in") == [".hidden.png", "b.aec", "b.png", "deeper/c.aec", "deeper/c.webp"]


def test_a_folder_that_cannot_be_read_is_reported(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = os.path.join("photos", "in")

    def scandir(path: str) -> Any:
        if path == closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return listed(path)

    listed = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "listdir", scandir)
    done = aec("compress", "-r", "photos", "-o", "small")
    assert done.exit_code == 1 and f"aec: {closed}: Permission denied" in done.stderr
    assert files("small") == ["a.aec"]


def test_folders_need_recursive_and_something_in_them(tree: Path) -> None:
    refused = aec("compress", "photos")
    assert refused.exit_code == 2
    assert "use `aec compress -r photos`" in refused.stderr
    Path("empty").mkdir()
    refused = aec("compress", "-r", "empty")
    assert (refused.exit_code, refused.stderr) == (1, "aec: empty: this folder has no files to process\n")
    refused = aec("compress", "-r", "photos", "-o", "photos/a.png")
    assert refused.exit_code == 2
    assert "photos/a.png is not a folder" in refused.stderr


def test_two_pictures_of_one_name_are_refused_before_anything_is_written(tree: Path) -> None:
    Path("photos/a.jpg").write_bytes(Path("photos/a.png").read_bytes())
    refused = aec("compress", "-r", "photos", "-o", "small")
    assert refused.exit_code == 2
    assert "photos/a.jpg and photos/a.png" in refused.stderr
    assert not Path("small").exists()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_one_bad_file_is_reported_and_the_others_are_done(
    tree: Path, jobs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "CHUNK_FILES", 2)  # so that there is something to share out
    Path("photos/bad.png").write_bytes(Path("photos/a.png").read_bytes()[:-30])
    result = aec("compress", "-r", "photos", "-o", "small", "--jobs", jobs)
    assert result.exit_code == 1
    first, last = result.stderr.splitlines()
    assert first.startswith("aec: photos/bad.png: the picture cannot be decoded: ")
    assert last.startswith("3 of 4 done, ") and last.endswith(", 1 failed")
    assert files("small") == ["a.aec", "in/b.aec", "in/deeper/c.aec"]
    Path("small/in/b.aec").write_bytes(b"nothing")
    result = aec("decompress", "-r", "small", "-o", "back", "--jobs", jobs)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == "aec: small/in/b.aec: this is not an .aec file"
    assert files("back") == ["a.png", "in/deeper/c.png"]


def test_one_picture_that_cannot_be_coded_does_not_spoil_its_batch(tree: Path) -> None:
    result = aec("compress", "-r", "photos", "-o", "small", "-m", "mnist")
    assert result.exit_code == 1
    assert "photos/in/deeper/c.webp: the model mnist is for gray pictures" in result.stderr
    assert files("small") == ["a.aec", "in/b.aec"]
    damaged = bytearray(Path("small/a.aec").read_bytes())
    damaged[-3] ^= 1
    Path("small/a.aec").write_bytes(damaged)
    result = aec("decompress", "-r", "small", "-o", "back")
    assert result.exit_code == 1
    assert "aec: small/a.aec: " in result.stderr
    assert files("back") == ["in/b.png"]


def test_what_exists_is_skipped_refused_or_overwritten(tree: Path) -> None:
    Path("small/in").mkdir(parents=True)
    Path("small/in/b.aec").write_bytes(b"precious")
    refused = aec("compress", "-r", "photos", "-o", "small")
    assert refused.exit_code == 1
    assert "aec: small/in/b.aec: already exists; use --force" in refused.stderr
    result = aec("compress", "-r", "photos", "-o", "small", "--skip-existing", "--verbose")
    assert result.exit_code == 0
    assert "0 of 3 done" in result.stderr and "3 skipped" in result.stderr
    assert "small/in/b.aec: already exists, skipped" in result.stderr
    assert Path("small/in/b.aec").read_bytes() == b"precious"
    succeeds("compress", "-r", "photos", "-o", "small", "--force")
    assert Path("small/in/b.aec").read_bytes() == aecodec.encode(DIGITS[1])
    refused = aec("compress", "photos/a.png", "--force", "--skip-existing")
    assert refused.exit_code == 2


def test_verbose_has_a_line_a_file_and_quiet_only_failures(tree: Path) -> None:
    lines = aec("compress", "-r", "photos", "-o", "small", "--verbose").stderr.splitlines()
    assert [line.partition(":")[0] for line in lines[:-1]] == ["small/a.aec", "small/in/b.aec", "small/in/deeper/c.aec"]
    assert lines[-1].startswith("3 of 3 done")
    assert aec("compress", "-r", "photos", "-o", "small", "-v", "--force").stderr.splitlines()[:-1] == lines[:-1]
    Path("photos/bad.png").write_bytes(b"?")
    result = aec("compress", "-r", "photos", "-o", "small", "--skip-existing", "--quiet")
    assert result.stderr == "aec: photos/bad.png: this is not a picture in a format that Pillow reads\n"
    assert aec("compress", "photos/a.png", "--quiet", "--verbose").exit_code == 2


def test_a_conversion_is_said_once_a_file_unless_quiet(tree: Path) -> None:
    Image.new("CMYK", (9, 9), (1, 2, 3, 4)).save("photos/print.tif")
    Image.new("HSV", (9, 9)).convert("P").save("photos/palette.png")
    said = aec("compress", "-r", "photos", "-o", "small").stderr.splitlines()
    assert said == [
        "aec: photos/palette.png: mode P is coded as L",
        "aec: photos/print.tif: mode CMYK is coded as RGB",
    ]
    assert aec("compress", "-r", "photos", "-o", "quiet", "--quiet").stderr == ""


@pytest.mark.parametrize("direction", ["compress", "decompress"])
def test_processes_write_the_same_files_as_one(direction: str, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "CHUNK_FILES", 1)
    source = "photos"
    if direction == "decompress":
        succeeds("compress", "-r", "photos", "-o", "small")
        source = "small"
    succeeds(direction, "-r", source, "-o", "by one", "--jobs", "1")
    succeeds(direction, "-r", source, "-o", "by two", "--jobs", "2")
    assert len(files("by one")) == 3
    assert {n: Path("by one", n).read_bytes() for n in files("by one")} == {
        n: Path("by two", n).read_bytes() for n in files("by two")
    }


def test_small_pictures_are_coded_together(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    encode_many = aecodec.encode_many

    def counting(images: list[Source], **options: Any) -> list[bytes]:
        counts.append(len(images))
        return encode_many(images, **options)

    monkeypatch.setattr(aecodec, "encode_many", counting)
    succeeds("compress", "-r", "photos", "-o", "small", "--jobs", "1")
    assert counts == [3]


def test_a_batch_ends_where_it_would_hold_too_many_pixels(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    monkeypatch.setattr(batches, "BATCH_PIXELS", 28 * 28 + 1)
    decode_many = aecodec.decode_many

    def counting(blobs: list[bytes], **options: Any) -> list[Picture]:
        counts.append(len(blobs))
        return decode_many(blobs, **options)

    monkeypatch.setattr(aecodec, "decode_many", counting)
    for index in range(5):
        Path(f"{index}.aec").write_bytes(aecodec.encode(DIGITS[index]))
    succeeds("decompress", *(f"{index}.aec" for index in range(5)), "--jobs", "1")
    assert counts == [2, 2]  # and one by itself


def die_at_two(number: int) -> int:
    if number == 2:
        os._exit(9)
    return 10 * number


def test_a_process_that_dies_costs_only_its_own_work() -> None:
    results = dict(process_pool.map_unordered(die_at_two, range(6), 2))
    assert results == {0: 0, 1: 10, 2: None, 3: 30, 4: 40, 5: 50}


def test_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    assert dict(process_pool.map_unordered(os.getenv, names, 2)) == dict.fromkeys(names, "1")
    assert dict(process_pool.map_unordered(os.getenv, names, 1, threads=3)) == dict.fromkeys(names, "3")
    assert "OMP_NUM_THREADS" not in os.environ
    monkeypatch.setenv("OMP_NUM_THREADS", "7")  # the user knows better
    assert dict(process_pool.map_unordered(os.getenv, names, 1)) == {**dict.fromkeys(names, "1"), names[0]: "7"}


# `aec` with few pictures at a time, which waits before it gives a file its name: that is when Ctrl-C comes.
SLOW_AEC = """
import os, time
from aecodec.cli import batches, main

batches.CHUNK_FILES, batches.BATCH_PIXELS = 2, 1
replace = os.replace

def replace_slowly(source, target):
    time.sleep(0.03)
    replace(source, target)

os.replace = replace_slowly
if __name__ == "__main__":
    main()
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGINT")
@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_ctrl_c_leaves_whole_files_and_a_second_run_adds_the_rest(jobs: str, tree: Path) -> None:
    program = tree / "slow_aec.py"  # not -c: the processes that it starts import it, and are as slow
    program.write_text(SLOW_AEC)
    aec = [sys.executable, str(program)]
    broken, resumed, _ = interrupt_and_resume(DIGITS, tree, ["--jobs", jobs, "-m", "mnist", "-e", "0"], 1, aec)
    assert broken.exit_code == 130
    assert 1 <= len(broken.files) < len(DIGITS) == len(resumed.files)


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_a_terminal_gets_a_bar_if_the_work_lasts_and_a_summary(tree: Path) -> None:
    import pty

    program = (
        "import aecodec.cli.progress as p; p._DELAY_SECONDS = 0.001; p._REDRAW_SECONDS = 0.02\n"
        "from aecodec.cli import main; main(['compress', '-r', 'photos', '-o', 'small'])"
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # what Linux has for the end of a terminal
        while part := os.read(ours, 10_000):
            seen += part
    os.close(ours)
    assert process.wait() == 0
    shown = seen.decode()
    assert "[--------------------]   0%  0/3  " in shown
    assert "pictures/s" in shown and "saved" in shown
    last = shown.rstrip().rpartition("\033[K")[2]
    assert last.startswith("3 of 3 done, ")


def test_files_of_one_name_in_two_folders_have_different_outputs() -> None:
    pairs = pair_files(["x/a.png", "y/a.png"], None, ".aec", recursive=False, accepts=bool)
    assert pairs == [("x/a.png", "x/a.aec"), ("y/a.png", "y/a.aec")]


def test_totals_are_said_in_words() -> None:
    totals = Totals(files=4, done=2, skipped=1, failed=1, read_bytes=2_000, written_bytes=500)
    assert totals.summary().startswith("2 of 4 done, 2.0 kB -> 500 B (25.0%), ")
    assert totals.summary().endswith(", 1 skipped, 1 failed")
    assert [readable_bytes(n) for n in (0, 999, 1000, 1_234_567, 10**13)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.2 MB",
        "10.0 TB",
    ]
