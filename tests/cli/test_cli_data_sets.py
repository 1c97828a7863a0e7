"""`aec pack`, `aec unpack`, `aec ls`, and `aec info` and `aec verify` on data sets."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import aec, succeeds
from PIL import Image
from samples import COLOUR, DIGITS, FIXTURES, waves

import aecodec
import aecodec.cli.pack
from aecodec import dataset
from aecodec.cli import process_pool
from aecodec.cli.failures import Failure
from aecodec.cli.sources import open_sources
from aecodec.dataset import framing, picture_blocks
from aecodec.dataset.resuming import ResumableWriter

FAST = ("-q", "40", "-e", "0", "-j", "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve pictures in two folders, with a resolution each."""
    for index, tile in enumerate(COLOUR[:12]):
        target = tmp_path / "in" / ("dogs" if index % 2 else "cats") / f"{index:02}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(tile).save(target, dpi=(72, 72))
    return tmp_path / "in"


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def test_a_folder_is_packed_with_its_folders_as_labels(folder: Path, tmp_path: Path) -> None:
    succeeds("pack", str(folder), "-o", str(tmp_path / "set.aecs"), *FAST)
    ds = dataset.open(tmp_path / "set.aecs")
    assert ds.label_names == ["cats", "dogs"]
    assert ds.labels is not None
    assert ds.labels.tolist() == [0] * 6 + [1] * 6
    assert ds.columns["name"][6] == "dogs/01.png"
    expected = aecodec.encode_many([*COLOUR[:12:2], *COLOUR[1:12:2]], quality=40, effort=0)
    assert ds.files(range(12)) == expected
    assert not (tmp_path / "set.aecs.part").exists()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_every_kind_of_source_is_packed(tmp_path: Path, jobs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aecodec.cli.pack, "CHUNK_PICTURES", 7)
    digits = np.stack(DIGITS)
    (tmp_path / "images").write_bytes(idx(digits))
    (tmp_path / "labels").write_bytes(idx(np.arange(20, dtype=np.uint8)))
    np.savez(tmp_path / "set.npz", x_train=digits, y_train=np.arange(20))
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        for index, digit in enumerate(DIGITS):
            for suffix, data in (("png", png(digit)), ("cls", str(index).encode())):
                member = tarfile.TarInfo(f"{index:03}.{suffix}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    expected = aecodec.encode_many(DIGITS, quality=40, effort=0)
    sources = {
        "idx": [str(tmp_path / "images"), "--labels", str(tmp_path / "labels")],
        "npz": [str(tmp_path / "set.npz:x_train")],
        "tar": [str(tmp_path / "set.tar")],
        "sheet": [str(FIXTURES / "digits.png"), "--tile", "28", "--labels", str(tmp_path / "labels")],
    }
    for kind, source in sources.items():
        target = tmp_path / f"{kind}.aecs"
        succeeds("pack", *source, "-o", str(target), "-q", "40", "-e", "0", "-j", jobs)
        ds = dataset.open(target)
        assert ds.files(range(20)) == expected, kind
        assert ds.labels is not None
        assert ds.labels.tolist() == list(range(20)), kind


def png(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "png")
    return buffer.getvalue()


def tar(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.add(path, path.relative_to(folder).as_posix())
    return buffer.getvalue()


def test_an_archive_may_come_from_a_pipe(folder: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(folder, ".")
    data = buffer.getvalue()
    succeeds("pack", "-", "-o", str(tmp_path / "set.aecs"), *FAST, stdin=data)
    assert sorted(dataset.open(tmp_path / "set.aecs").label_names) == ["cats", "dogs"]
    cut = aec("pack", "-", "-o", str(tmp_path / "cut.aecs"), *FAST, stdin=data[:5000])
    assert cut.exit_code == 1
    assert "standard input cannot be read as a tar archive" in cut.stderr
    assert not (tmp_path / "cut.aecs").exists()


def test_pictures_that_cannot_be_read_are_left_out_and_reported(folder: Path, tmp_path: Path) -> None:
    (folder / "cats" / "03.png").write_bytes(b"nonsense")
    result = aec("pack", str(folder), "-o", str(tmp_path / "set.aecs"), *FAST)
    assert result.exit_code == 1
    assert result.stderr == "aec: cats/03.png: this is not a picture in a format that Pillow reads\n"
    ds = dataset.open(tmp_path / "set.aecs")
    assert len(ds) == 12
    assert "cats/03.png" not in ds.columns["name"].tolist()


def test_pictures_are_unpacked_under_their_names(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "set.aecs"
    succeeds("pack", str(folder), "-o", str(target), *FAST)
    succeeds("unpack", str(target), "-o", str(tmp_path / "out"))
    ds = dataset.open(target)
    for number, name in enumerate(ds.columns["name"]):
        assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / name)), ds[number])
    succeeds("unpack", str(target), "-o", str(tmp_path / "aec"), "--format", "aec", "--pictures", "3-4")
    found = sorted(path.relative_to(tmp_path / "aec").as_posix() for path in (tmp_path / "aec").rglob("*.aec"))
    assert found == ["cats/06.aec", "cats/08.aec"]
    assert (tmp_path / "aec" / found[0]).read_bytes() == ds.file(3)
    again = aec("unpack", str(target), "-o", str(tmp_path / "out"))
    assert (again.exit_code, "already exists" in again.stderr) == (1, True)
    assert aec("unpack", str(target), "-o", str(tmp_path / "out"), "--pictures", "12").exit_code == 2


def test_names_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    names = [
        "../../escape.png",
        "/etc/passwd.png",
        "a\\b.png",
        "c:d.png",
        "",
        "a/../../b.png",
        "x\n.png",
        "good/é.png",
        "good/É.png",
    ]
    dataset.write(tmp_path / "set.aecs", [DIGITS[0]] * len(names), columns={"name": names}, effort=0)
    succeeds("unpack", str(tmp_path / "set.aecs"), "-o", str(tmp_path / "out"))
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")}
    assert found == {*(f"out/{index}.png" for index in range(7)), "out/good/é.png", "out/good/É-8.png"}


def test_a_name_that_a_number_was_added_to_may_be_taken_as_well(tmp_path: Path) -> None:
    names = ["a-2.png", "a.png", "a.jpg"]
    dataset.write(tmp_path / "set.aecs", DIGITS[:3], columns={"name": names}, effort=0)
    succeeds("unpack", str(tmp_path / "set.aecs"), "-o", str(tmp_path / "out"))
    ds = dataset.open(tmp_path / "set.aecs")
    for number, name in enumerate(["a-2.png", "a.png", "a-2-2.png"]):
        assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / name)), ds[number])


def test_a_block_is_decoded_once_for_all_of_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [(DIGITS, COLOUR)[index % 2][index] for index in range(16)]  # of two kinds: their blocks interleave
    names = ["a.png"] * 16
    dataset.write(tmp_path / "set.aecs", pictures, columns={"name": names}, block_pictures=4, quality=40, effort=0)
    expected = dataset.open(tmp_path / "set.aecs").files(range(16))
    calls = []

    def counted(self: picture_blocks.Joined, *arguments: object) -> list[bytes]:
        calls.append(self.numbers)
        return files(self, *arguments)  # type: ignore[arg-type]

    files = picture_blocks.Joined.files
    monkeypatch.setattr(picture_blocks.Joined, "files", counted)
    succeeds("unpack", str(tmp_path / "set.aecs"), "-o", str(tmp_path / "out"), "--format", "aec")
    assert len(calls) == 4
    found = [tmp_path / "out" / ("a.aec" if not number else f"a-{number:02}.aec") for number in range(16)]
    assert [path.read_bytes() for path in found] == expected


@pytest.mark.parametrize("kind", [framing.COLUMNS, framing.METADATA])
def test_numbers_take_the_place_of_names_that_are_damaged(folder: Path, tmp_path: Path, kind: int) -> None:
    target = tmp_path / "set.aecs"
    succeeds("pack", str(folder), "-o", str(target), *FAST)
    data = bytearray(target.read_bytes())
    data[next(entry.end for entry in dataset.open(target).entries if entry.kind == kind) - 6] ^= 1
    target.write_bytes(data)
    result = aec("unpack", str(target), "-o", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert result.stderr.count("names and labels cannot be read") == 1 == len(result.stderr.splitlines())
    ds = dataset.open(target)
    for number in range(12):
        assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / f"{number:02}.png")), ds[number])


def test_a_data_set_is_described(folder: Path, tmp_path: Path) -> None:
    target = str(tmp_path / "set.aecs")
    succeeds("pack", str(folder), "-o", target, *FAST)
    dataset.append(target, [waves(40, 50)], labels=["cats"], columns={"name": ["w"]}, lossless=True)
    info = json.loads(succeeds("info", target, "--json").stdout)
    assert info["pictures"] == 13
    assert info["sizes"] == {"32x32 RGB": 12, "50x40 RGB": 1}
    assert info["labels"] == {"cats": 7, "dogs": 6}
    assert info["file_bytes"] == sum(info["parts"].values())
    assert "cats: 7, dogs: 6" in succeeds("info", target).stdout
    lines = succeeds("ls", target).stdout.splitlines()
    assert len(lines) == 13
    assert "label=dogs  name=dogs/01.png" in lines[6]
    assert "lossless" in lines[12]
    listed = [json.loads(line) for line in succeeds("ls", target, "--json", "-n", "2").stdout.splitlines()]
    assert [line["name"] for line in listed] == ["cats/00.png", "cats/02.png"]


def test_a_limited_list_reads_only_the_blocks_that_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "set.aecs"
    tiles = [Image.fromarray(tile) for tile in COLOUR[:12]]
    for tile in tiles:
        tile.info["dpi"] = (72, 72)  # files with sections are not joined
    dataset.write(target, tiles, strip=False, quality=40, effort=0, block_pictures=2)
    assert [entry.kind for entry in dataset.open(target).entries] == [framing.FILES] * 6
    read, body = [], dataset.DataSet.body

    def noted(ds: dataset.DataSet, entry: framing.Entry) -> bytes:
        read.append(entry.begin)
        return body(ds, entry)

    monkeypatch.setattr(dataset.DataSet, "body", noted)
    for limit, blocks in ((0, 0), (1, 1), (2, 1), (3, 2), (50, 6)):
        read.clear()
        lines = succeeds("ls", str(target), "-n", str(limit)).stdout.splitlines()
        assert [int(line.split()[0]) for line in lines] == list(range(min(limit, 12)))
        assert len(read) == blocks


def test_verify_says_which_pictures_are_damaged(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "set.aecs"
    succeeds("pack", str(folder), "-o", str(target), *FAST, "--block-pictures", "4")
    assert succeeds("verify", str(target)).stdout == f"{target}: intact, 12 pictures\n"
    data = bytearray(target.read_bytes())
    entry = next(e for e in dataset.open(target).entries if e.kind == framing.JOINED)
    data[entry.end - 7] ^= 1
    target.write_bytes(data)
    result = aec("verify", str(target))
    assert result.exit_code == 1
    assert "pictures 0 to 3: the block is damaged" in result.stderr
    part = aec("unpack", str(target), "-o", str(tmp_path / "out"))
    assert part.exit_code == 1
    assert len(list((tmp_path / "out").rglob("*.png"))) == 8
    target.write_bytes(bytes(data)[:-1])
    cut = aec("verify", str(target))
    assert "has no index at its end" in cut.stderr
    assert "; 8 pictures can be recovered" in cut.stderr
    found = aec("unpack", str(target), "-o", str(tmp_path / "found"))
    assert found.exit_code == 1 and "has no index at its end" in found.stderr
    assert len(list((tmp_path / "found").rglob("*.png"))) == 8


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"hello", "not a data set"),
        (aecodec.encode(DIGITS[0]), "not a data set"),
        (b"\xae\xd0aecs" + bytes(30), "version 0, a draft"),
        (b"\xae\xd1aecs" + bytes(30), "has no index"),
    ],
)
def test_nothing_is_unpacked_of_what_is_no_data_set(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.aecs").write_bytes(data)
    result = aec("unpack", str(tmp_path / "a.aecs"), "-o", str(tmp_path / "out"))
    assert result.exit_code == 1 and result.stderr.count(message) == 1 == len(result.stderr.splitlines())
    assert not (tmp_path / "out").exists()


def test_no_data_set_is_written_of_pictures_none_of_which_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    for options in ((), ("--resume",)):
        result = aec("pack", str(tmp_path / "text.png"), "-o", str(tmp_path / "a.aecs"), *options)
        assert result.exit_code == 1 and "none of the pictures can be read" in result.stderr
        assert not list(tmp_path.glob("a.*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing", "-o", "a.aecs"), "missing does not exist"),
        (("{in}", "-o", "a.zip"), "data sets are .aecs files"),
        (("{in}", "-o", "a.aecs", "-q", "3", "--lossless"), "cannot be combined"),
        (("{in}/cats/00.png", "-o", "a.aecs", "--tile", "28"), "not a sheet"),
        (("{empty}", "-o", "a.aecs"), "holds no pictures"),
    ],
)
def test_mistakes_are_explained(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    filled = [argument.format(**{"in": folder, "empty": tmp_path / "empty"}) for argument in arguments]
    result = aec("pack", *filled)
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert not list(tmp_path.glob("a.*"))


@pytest.mark.parametrize("command", [("pack",), ("shard", "--shards", "2")])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("in", "--labels", "labels"), "labels are for idx files"),
        (("in/cats/00.png", "--labels", "labels"), "labels are for idx files"),
        (("set.tar", "--labels", "labels"), "labels are for idx files"),
        (("images", "images", "--labels", "labels"), "those of one input"),
        (("in", "--tile", "28"), "a tile is for picture files"),
        (("set.tar", "--tile", "28"), "a tile is for picture files"),
        (("images", "--tile", "28", "--labels", "labels"), "a tile is for picture files"),
        (("-", "-"), "standard input can be read only once"),
    ],
)
def test_options_that_an_input_has_no_use_for_are_refused(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("set.tar").write_bytes(tar(folder))
    Path("images").write_bytes(idx(np.stack(DIGITS)))
    Path("labels").write_bytes(idx(np.arange(20, dtype=np.uint8)))
    result = aec(*command, *arguments, "-o", "a.aecs", stdin=tar(folder))
    assert result.exit_code == 2 and message in result.stderr
    assert not list(tmp_path.glob("a*"))


@pytest.mark.parametrize("options", [("--labels", "labels"), ("--tile", "28")])
def test_an_archive_from_a_pipe_takes_no_labels_and_no_tile(tmp_path: Path, options: tuple[str, str]) -> None:
    result = aec("pack", "-", "-o", str(tmp_path / "a.aecs"), *options)
    assert result.exit_code == 2 and "standard input is none" in result.stderr


def test_a_closed_standard_input_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(Failure, match="standard input is closed"):
        open_sources(["-"], None, None)


def test_an_archive_without_pictures_is_refused_as_an_empty_folder_is(tmp_path: Path) -> None:
    (tmp_path / "empty.tar").write_bytes(bytes(tarfile.RECORDSIZE))
    np.savez(tmp_path / "empty.npz", images=np.zeros((0, 28, 28), np.uint8))
    for name in ("empty.tar", "empty.npz"):
        result = aec("pack", str(tmp_path / name), "-o", str(tmp_path / "a.aecs"))
        assert (result.exit_code, result.stderr) == (1, f"aec: {name} holds no pictures\n")
    assert not list(tmp_path.glob("a.*"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("pack", "", "-o", "a.aecs"),
        ("shard", "", "-o", "a.aecs", "--shards", "2"),
        ("unpack", "", "-o", "a"),
        ("unpack", "a", "-o", ""),
        ("ls", ""),
        ("info", ""),
        ("verify", ""),
        ("evaluate", ""),
        ("decompress", "", "-o", "a.png"),
        ("compress", "", "-o", "a.aec"),
    ],
)
def test_an_empty_name_is_not_that_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(COLOUR[0]).save("horse.png")
    result = aec(*arguments)
    assert (result.exit_code, result.stderr) == (1, "aec: the name of the file is empty\n")
    assert os.listdir(tmp_path) == ["horse.png"]


def test_a_file_in_place_of_the_folder_to_unpack_to_is_named_once(folder: Path, tmp_path: Path) -> None:
    succeeds("pack", str(folder), "-o", str(tmp_path / "set.aecs"), *FAST)
    (tmp_path / "file").touch()
    result = aec("unpack", str(tmp_path / "set.aecs"), "-o", str(tmp_path / "file"))
    assert (result.exit_code, result.stderr) == (1, f"aec: {tmp_path / 'file'}: Not a directory\n")


@pytest.mark.parametrize("arguments", [("ls", "-"), ("unpack", "-", "-o", "out")])
def test_a_data_set_is_not_read_from_a_pipe(arguments: tuple[str, ...]) -> None:
    result = aec(*arguments)
    assert result.exit_code == 1 and "standard input cannot be a data set" in result.stderr
    assert "name its file" in result.stderr


@pytest.mark.parametrize(
    "command", [("pack", "-o", "a.aecs"), ("evaluate",), ("shard", "-o", "a.aecs", "--shards", "2")]
)
def test_a_data_set_as_input_is_called_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset.write("z.aecs", DIGITS[:2], quality=40, effort=0)
    result = aec(*command, "z.aecs")
    assert result.exit_code == 1 and "z.aecs is a data set of many pictures already" in result.stderr
    Path("horse").write_bytes(aecodec.encode(DIGITS[0]))
    assert "horse is an .aec file" in aec(*command, "horse").stderr


def test_an_existing_data_set_is_kept_without_force(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "set.aecs"
    succeeds("pack", str(folder), "-o", str(target), *FAST)
    before = target.read_bytes()
    assert "already exists" in aec("pack", str(folder), "-o", str(target), *FAST).stderr
    assert target.read_bytes() == before
    succeeds("pack", str(folder), "-o", str(target), *FAST, "--force", "--no-names")
    assert "name" not in dataset.open(target).columns


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_run_that_was_killed_is_resumed(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(idx(np.stack(DIGITS * 300)))
    (tmp_path / "labels").write_bytes(idx((np.arange(6000) % 251).astype(np.uint8)))
    target, part = tmp_path / "set.aecs", tmp_path / "set.aecs.part"
    arguments = ["pack", str(tmp_path / "images"), "--labels", str(tmp_path / "labels"), "-o", str(target), "-q", "30"]
    arguments += ["-e", "0", "-j", "1"]
    with subprocess.Popen([sys.executable, "-m", "aecodec", *arguments], stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (part.exists() and part.stat().st_size > 20_000):
            time.sleep(0.005)
        process.kill()
    assert not target.exists()
    held = part.read_bytes()
    assert "--resume" in aec(*arguments).stderr
    assert part.read_bytes() == held
    assert "with other options" in aec(*arguments[:-4], "-e", "1", "-j", "1", "--resume").stderr
    assert part.read_bytes() == held
    succeeds(*arguments, "--resume")
    ds = dataset.open(target)
    assert target.read_bytes().startswith(held[:20_000])
    assert len(ds) == 6000
    assert ds.verify() == []
    expected = np.stack(aecodec.decode_many(aecodec.encode_many(DIGITS, quality=30, effort=0)))
    assert np.array_equal(ds[:], np.tile(expected, (300, 1, 1)))
    assert ds.labels is not None
    assert ds.labels.tolist() == (np.arange(6000) % 251).tolist()
    assert not part.exists()


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Runs `aec pack` of the sources, three pictures at a time, up to the ninth, and returns the arguments."""
    monkeypatch.setattr(aecodec.cli.pack, "CHUNK_PICTURES", 3)

    def failing(self: aecodec.cli.pack.Packing, task: aecodec.cli.pack.Task, encoded: list[object]) -> None:
        if task.number == 3:
            raise KeyboardInterrupt
        add(self, task, encoded)  # type: ignore[arg-type]

    add = aecodec.cli.pack.Packing._add

    def run(source: str, target: Path, stdin: bytes = b"") -> list[str]:
        arguments = ["pack", source, "-o", str(target), *FAST, "--block-pictures", "2"]
        with monkeypatch.context() as patch:
            patch.setattr(aecodec.cli.pack.Packing, "_add", failing)
            result = aec(*arguments, stdin=stdin)
        assert result.exit_code == 130
        assert "use --resume to continue" in result.stderr
        return arguments

    return run


def require_packed(target: Path, folder: Path, *left_out: str) -> None:
    """Require that the data set has every picture of the folder but some, with its own name and label."""
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    names = [name for name in found if name not in left_out]
    ds = dataset.open(target)
    assert ds.columns["name"].tolist() == names
    assert ds.labels is not None
    assert [ds.label_names[label] for label in ds.labels] == [name.split("/")[0] for name in names]
    assert ds.files(range(len(ds))) == aecodec.encode_many(
        [str(folder / name) for name in names], quality=40, effort=0, strip=True
    )


def spoil(path: Path) -> bytes:
    """Make a file unreadable without a change of its size, and return what it was."""
    before = path.read_bytes()
    path.write_bytes(bytes(len(before)))
    return before


def test_pictures_left_out_by_an_interrupted_run_keep_their_places(
    folder: Path, tmp_path: Path, interrupted: Callable[..., list[str]]
) -> None:
    (folder / "cats" / "04.png").write_bytes(b"nonsense")
    arguments = interrupted(str(folder), tmp_path / "set.aecs")
    assert aec(*arguments, "--resume").exit_code == 1
    require_packed(tmp_path / "set.aecs", folder, "cats/04.png")


def test_pictures_that_fail_only_in_the_second_run_are_left_out(
    folder: Path, tmp_path: Path, interrupted: Callable[..., list[str]]
) -> None:
    arguments = interrupted(str(folder), tmp_path / "set.aecs")
    spoil(folder / "dogs" / "07.png")
    result = aec(*arguments, "--resume")
    assert (result.exit_code, "dogs/07.png" in result.stderr) == (1, True)
    require_packed(tmp_path / "set.aecs", folder, "dogs/07.png")


def test_a_picture_that_others_were_packed_after_is_needed_to_resume(
    folder: Path, tmp_path: Path, interrupted: Callable[..., list[str]]
) -> None:
    first, target = folder / "cats" / "00.png", tmp_path / "set.aecs"
    Image.fromarray(waves(40, 50)).save(first)  # is the only one of its kind, and so in none of the first blocks
    arguments = interrupted(str(folder), target)
    before = spoil(first)
    result = aec(*arguments, "--resume")
    assert result.exit_code == 1
    assert "aec: cats/00.png: " in result.stderr
    assert f"aec: {target}: the interrupted run could read picture 0" in result.stderr
    assert not target.exists()
    first.write_bytes(before)
    succeeds(*arguments, "--resume")
    require_packed(target, folder)


@pytest.mark.parametrize("change", ["gained", "lost", "grown", "limit"])
def test_a_run_is_not_resumed_with_other_pictures(
    folder: Path, tmp_path: Path, interrupted: Callable[..., list[str]], change: str
) -> None:
    arguments = interrupted(str(folder), tmp_path / "set.aecs")
    held = (tmp_path / "set.aecs.part").read_bytes()
    if change == "gained":
        (folder / "cats" / "01.png").write_bytes((folder / "cats" / "00.png").read_bytes())
    elif change == "lost":
        (folder / "cats" / "00.png").unlink()
    elif change == "grown":
        with (folder / "cats" / "00.png").open("ab") as stream:
            stream.write(b"more")
    limit = ["--max-pixels", "500"] if change == "limit" else []
    result = aec(*arguments, *limit, "--resume")
    assert result.exit_code == 1
    assert "made from other pictures, or with other options" in result.stderr
    assert (tmp_path / "set.aecs.part").read_bytes() == held


def test_a_pipe_that_holds_fewer_pictures_does_not_resume_a_run(
    folder: Path, tmp_path: Path, interrupted: Callable[..., list[str]]
) -> None:
    target, whole = tmp_path / "set.aecs", tar(folder)
    arguments = interrupted("-", target, whole)
    for path in (folder / "dogs").iterdir():
        path.unlink()
    result = aec(*arguments, "--resume", stdin=tar(folder))
    assert (result.exit_code, "the interrupted run had 8 pictures or more, not 6" in result.stderr) == (1, True)
    assert not target.exists()
    succeeds(*arguments, "--resume", stdin=whole)
    assert dataset.open(target).columns["name"].tolist()[5:7] == ["cats/10.png", "dogs/01.png"]


@pytest.mark.parametrize("piped", [True, False])
@pytest.mark.parametrize("change", ["name", "content", "label"])
def test_an_archive_with_other_pictures_does_not_resume_a_run(
    folder: Path, tmp_path: Path, interrupted: Callable[..., list[str]], piped: bool, change: str
) -> None:
    target, archive, whole = tmp_path / "set.aecs", tmp_path / "a.tar", tar(folder)
    archive.write_bytes(whole)
    arguments = interrupted("-" if piped else str(archive), target, whole)
    held = (tmp_path / "set.aecs.part").read_bytes()
    path = folder / "cats" / "00.png"
    if change == "content":
        path.write_bytes((folder / "cats" / "02.png").read_bytes())
    else:
        path.rename(folder / ("cats/01.png" if change == "name" else "dogs/00.png"))
    archive.write_bytes(tar(folder).ljust(len(whole), b"\0"))
    result = aec(*arguments, "--resume", stdin=tar(folder))
    assert (result.exit_code, "not those that the unfinished file was made from" in result.stderr) == (1, True)
    assert (tmp_path / "set.aecs.part").read_bytes() == held
    archive.write_bytes(whole)
    succeeds(*arguments, "--resume", stdin=whole)
    assert dataset.open(target).columns["name"][0] == "cats/00.png"


def test_an_unfinished_file_without_checksums_is_resumed(
    folder: Path, tmp_path: Path, interrupted: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:  # as version 1.0 left them
        patch.setattr(ResumableWriter, "see", lambda self, checksums: None)
        arguments = interrupted(str(folder), tmp_path / "set.aecs")
    succeeds(*arguments, "--resume")
    require_packed(tmp_path / "set.aecs", folder)


@pytest.mark.skipif(os.name == "nt", reason="no locks of files there")
def test_the_unfinished_file_of_a_run_that_goes_on_is_left_alone(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "set.aecs"
    with ResumableWriter(target, run="run") as writer:
        writer.add(DIGITS[:2])
        for option in ("--force", "--resume"):
            result = aec("pack", str(folder), "-o", str(target), *FAST, option)
            assert (result.exit_code, "is being written by another writer" in result.stderr) == (1, True)
    assert len(dataset.open(target)) == 2


def test_a_picture_is_a_line_of_the_list_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "set.aecs"
    dataset.write(path, DIGITS[:2], labels=["a\x1b[31m", "ü"], columns={"name": ["a\nb", "é c"]})
    lines = succeeds("ls", str(path)).stdout.splitlines()
    assert [line.partition("label=")[2] for line in lines] == ["a\\x1b[31m  name=a\\nb", "ü  name=é c"]
    assert "a\\x1b[31m: 1, ü: 1" in succeeds("info", str(path)).stdout


def test_few_pixels_are_held_at_a_time(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "cats" / "04.png").write_bytes(b"nonsense")
    (folder / "dogs" / "05.png").rename(folder / "dogs" / "05.aec")
    (folder / "dogs" / "05.aec").write_bytes(aecodec.encode(COLOUR[5], quality=20, effort=0))
    aec("pack", str(folder), "-o", str(tmp_path / "whole.aecs"), *FAST)
    held = []

    def counted(pictures: list[object], **options: object) -> list[bytes]:
        held.append(len(pictures))
        return encode_many(pictures, **options)  # type: ignore[arg-type]

    encode_many = aecodec.encode_many
    monkeypatch.setattr(aecodec, "encode_many", counted)
    monkeypatch.setattr(aecodec.cli.pack, "BATCH_PIXELS", 3000)  # 32x32 is 1024
    aec("pack", str(folder), "-o", str(tmp_path / "parts.aecs"), *FAST)
    assert [count for count in held if count] == [3, 3, 3, 1]
    assert (tmp_path / "parts.aecs").read_bytes() == (tmp_path / "whole.aecs").read_bytes()


def test_large_files_are_shared_out_by_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    for index in range(3):
        noise = np.random.default_rng(index).integers(0, 256, (100, 100, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / "in" / f"{index}.png")  # some 30,000 bytes
    monkeypatch.setattr(aecodec.cli.pack, "CHUNK_BYTES", 50_000)
    tasks = []

    def counted(self: aecodec.cli.pack.Encoder, task: aecodec.cli.pack.Task) -> list[aecodec.cli.pack.Encoded]:
        tasks.append(len(task.samples))
        return encode(self, task)

    encode = aecodec.cli.pack.Encoder.__call__
    monkeypatch.setattr(aecodec.cli.pack.Encoder, "__call__", counted)
    succeeds("pack", str(tmp_path / "in"), "-o", str(tmp_path / "set.aecs"), *FAST)
    assert tasks == [2, 1]


def test_tasks_that_wait_for_a_slow_one_do_not_hold_their_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "images").write_bytes(idx(np.stack(DIGITS)))
    monkeypatch.setattr(aecodec.cli.pack, "CHUNK_PICTURES", 7)

    def backwards(work: Callable[[object], object], chunks: list[object], *_: int) -> list[object]:
        return [(chunk, work(chunk)) for chunk in list(chunks)[::-1]]

    def looked_at(self: aecodec.cli.pack.Packing, task: aecodec.cli.pack.Task, encoded: list[object]) -> None:
        assert all(isinstance(sample.content, bytes) and not sample.content for sample in task.samples)
        add(self, task, encoded)  # type: ignore[arg-type]

    add = aecodec.cli.pack.Packing._add
    monkeypatch.setattr(process_pool, "map_unordered", backwards)
    monkeypatch.setattr(aecodec.cli.pack.Packing, "_add", looked_at)
    succeeds("pack", str(tmp_path / "images"), "-o", str(tmp_path / "set.aecs"), *FAST[:-1], "2")
    expected = aecodec.encode_many(DIGITS, quality=40, effort=0)
    assert dataset.open(tmp_path / "set.aecs").files(range(20)) == expected


def test_decompress_names_the_command_for_data_sets(folder: Path, tmp_path: Path) -> None:
    data_set = tmp_path / "set.aecs"
    succeeds("pack", str(folder), "-o", str(data_set), *FAST)
    result = aec("decompress", str(data_set), "-o", str(tmp_path / "x.png"))
    assert (result.exit_code, f"use `aec unpack {data_set}`" in result.stderr) == (1, True)


def test_pack_takes_the_pictures_that_compress_takes(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name in ("cats/a.png", "cats/b.tga", "cats/c.JFIF", "cats/._d.png", ".thumbs/e.png", "cats/f.txt"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(COLOUR[0]).save(path, {"b": "TGA", "c": "JPEG"}.get(path.stem, "PNG"))
    succeeds("pack", str(folder), "-o", str(tmp_path / "set.aecs"), *FAST)
    ds = dataset.open(tmp_path / "set.aecs")
    assert ds.columns["name"].tolist() == ["cats/a.png", "cats/b.tga", "cats/c.JFIF"] and ds.label_names == ["cats"]
    (folder / "cats" / "gone.png").symlink_to(folder / "nowhere.png")
    result = aec("pack", str(folder), "-o", str(tmp_path / "other.aecs"), *FAST)
    assert result.exit_code == 1 and result.stderr.endswith("gone.png: No such file or directory\n")
    assert len(dataset.open(tmp_path / "other.aecs")) == 3


def test_an_archive_has_the_labels_of_its_folder_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    data = io.BytesIO()
    Image.fromarray(COLOUR[0]).save(data, "PNG")
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        for name in ("./cats/a.png", "./cats/._a.png", "./top.png", "./cats/link.png"):
            member = tarfile.TarInfo(name)
            if name.endswith("link.png"):
                member.type, member.linkname = tarfile.LNKTYPE, "./cats/a.png"
            else:
                member.size = len(data.getvalue())
            archive.addfile(member, None if member.islnk() else io.BytesIO(data.getvalue()))
    result = aec("pack", str(tmp_path / "set.tar"), "-o", str(tmp_path / "set.aecs"), *FAST)
    assert result.stderr == "aec: cats/link.png: links in archives are not followed\n" and result.exit_code == 1
    ds = dataset.open(tmp_path / "set.aecs")
    assert ds.labels is not None and [ds.label_names[label] for label in ds.labels] == ["cats", ""]


def test_nothing_is_left_of_a_run_that_packed_nothing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.tar").write_bytes(b"no archive" * 100)
    result = aec("pack", str(tmp_path / "bad.tar"), "-o", str(tmp_path / "set.aecs"))
    assert result.exit_code == 1 and "cannot be read as a tar archive" in result.stderr
    assert not list(tmp_path.glob("set*"))
    succeeds("pack", str(folder), "-o", str(tmp_path / "set.aecs"), *FAST)


@pytest.mark.skipif(sys.platform != "linux", reason="names are any bytes on Linux")
def test_names_that_are_not_utf_8_are_kept_readable(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = os.fsencode(tmp_path / "in") + b"/caf\xe9.png"
    with open(path, "wb") as file:
        Image.fromarray(COLOUR[0]).save(file, "PNG")
    succeeds("pack", str(tmp_path / "in"), "-o", str(tmp_path / "set.aecs"), *FAST)
    assert dataset.open(tmp_path / "set.aecs").columns["name"].tolist() == ["caf\\xe9.png"]


def test_pictures_that_are_left_out_hardly_take_bytes(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for index in range(300):
        (tmp_path / "in" / f"{index:03}.png").write_bytes(b"broken")
    Image.fromarray(COLOUR[0]).save(tmp_path / "in" / "good.png")
    assert aec("pack", str(tmp_path / "in"), "-o", str(tmp_path / "set.aecs"), *FAST, "-j", "1").exit_code == 1
    assert (tmp_path / "set.aecs").stat().st_size < 3000
    assert len(dataset.open(tmp_path / "set.aecs")) == 1


def test_shards_are_described_listed_and_unpacked_as_one(tmp_path: Path) -> None:
    for index, part in enumerate((DIGITS[:3], DIGITS[3:5])):
        labels, names = ["one", "two", "one"][: len(part)], [f"{index}{n}.png" for n in range(len(part))]
        path = dataset.shard_path(str(tmp_path / "s.aecs"), index, 2)
        dataset.write(path, part, columns={"label": labels, "name": names}, quality=40, effort=0)
    pattern = str(tmp_path / "s-*.aecs")
    found = json.loads(succeeds("info", "--json", pattern).stdout)
    assert (found["pictures"], found["sizes"]) == (5, {"28x28 gray": 5})
    assert found["labels"] == {"one": 3, "two": 2} and found["columns"]["name"] == "string"
    listed = [json.loads(line) for line in succeeds("ls", "--json", pattern, "-n", "4").stdout.splitlines()]
    assert [row["picture"] for row in listed] == [0, 1, 2, 3] and listed[3]["name"] == "10.png"
    succeeds("unpack", pattern, "-o", str(tmp_path / "out"))
    ds = dataset.open(pattern)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "11.png")), ds[4])


def test_unpacked_pictures_have_their_metadata_and_notes(tmp_path: Path) -> None:
    image = Image.fromarray(COLOUR[0])
    image.info["xmp"] = b"<x/>"
    wide = np.arange(1024, dtype=np.uint16).reshape(32, 32)
    files = [aecodec.encode(image, effort=0), aecodec.encode(wide, lossless=True), aecodec.encode(COLOUR[1], effort=0)]
    with dataset.Writer(tmp_path / "set.aecs") as writer:
        writer.add_files(files, {})
    for number, xmp in enumerate((b"<x/>", b"", b"")):
        assert dataset.open(tmp_path / "set.aecs").metadata_of(number).xmp == xmp
    succeeds("unpack", str(tmp_path / "set.aecs"), "-o", str(tmp_path / "png"))
    with Image.open(tmp_path / "png" / "0.png") as back:
        assert back.info["xmp"] == b"<x/>"
    result = aec("unpack", str(tmp_path / "set.aecs"), "-o", str(tmp_path / "jpg"), "--format", "jpg")
    assert result.exit_code == 0 and "1.jpg: 16-bit samples are rounded to 8 bits" in result.stderr


def test_one_picture_that_cannot_be_unpacked_does_not_stop_the_others(tmp_path: Path) -> None:
    names = ["a.png", "é" * 150 + ".png", "c.png"]
    dataset.write(tmp_path / "set.aecs", DIGITS[:3], columns={"name": names}, effort=0)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_bytes(b"mine")
    result = aec("unpack", str(tmp_path / "set.aecs"), "-o", str(tmp_path / "out"))
    assert result.exit_code == 1 and result.stderr.count("\n") == 1 and "already exists" in result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["1.png", "a.png", "c.png"]
    assert (tmp_path / "out" / "a.png").read_bytes() == b"mine"
