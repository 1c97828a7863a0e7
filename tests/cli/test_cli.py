"""The command line: what it prints, writes and refuses; mostly in this process, sometimes in a real one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from click import Context
from click.testing import CliRunner
from command_line import aec, succeeds
from PIL import Image

import aecodec
from aecodec.cli import COMMANDS, byte_files, main
from aecodec.cli.completion import SHELLS
from aecodec.cli.text_table import text_table
from aecodec.format.container import ICC, read_header, write_header

A_PNG = "this is a PNG picture: use `aec compress ring.png`"
AEC = [sys.executable, "-m", "aecodec"]
ROWS, COLUMNS = np.mgrid[:28, :28]
DISTANCES = abs(np.hypot(ROWS - 13.5, COLUMNS - 13.5) - 8)
RING = (255 * np.clip(2.5 - DISTANCES, 0, 1)).astype(np.uint8)  # much like the digit 0
SKY = np.stack([ROWS * 4, COLUMNS * 5, ROWS + COLUMNS + 60], axis=-1).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a digit and a colour picture as PNG and as .aec."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(aecodec.__file__).parents[1]))  # real processes run the same code
    Image.fromarray(RING).save("ring.png")
    Image.fromarray(SKY).save("sky.png")
    Path("given").mkdir()
    Path("given/ring.aec").write_bytes(aecodec.encode(RING))
    Path("given/sky.aec").write_bytes(aecodec.encode(SKY, model="cifar"))
    return tmp_path


def refuses(*arguments: str, stdin: bytes = b"") -> str:
    """The one sentence of a failure."""
    before = sorted(path.name for path in Path().rglob("*"))
    result = aec(*arguments, stdin=stdin)
    assert result.exit_code == 1
    assert result.stdout_bytes == b""
    assert result.stderr.startswith("aec: ")
    assert result.stderr.count("\n") == 1
    assert sorted(path.name for path in Path().rglob("*")) == before, "a failure leaves no file behind"
    return result.stderr.rstrip("\n")


def is_wrong_usage(*arguments: str) -> str:
    result = aec(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: aec ")
    return result.stderr


def picture(name: str | bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(name) if isinstance(name, bytes) else name))


def test_compressing_writes_what_encode_returns(folder: Path) -> None:
    succeeds("compress", "ring.png")
    assert Path("ring.aec").read_bytes() == aecodec.encode(RING)
    succeeds("compress", "sky.png", "-o", "small.aec", "-m", "cifar", "-q", "30", "--packing", "rans")
    assert Path("small.aec").read_bytes() == aecodec.encode(SKY, model="cifar", quality=30, packing="rans")


def test_decompressing_writes_what_decode_returns(folder: Path) -> None:
    succeeds("decompress", "given/ring.aec")
    assert np.array_equal(picture("given/ring.png"), aecodec.decode(Path("given/ring.aec").read_bytes()))
    succeeds("decompress", "given/sky.aec", "-o", "sky.webp")
    assert np.array_equal(picture("sky.webp"), aecodec.decode(Path("given/sky.aec").read_bytes()))
    assert Image.open("sky.webp").format == "WEBP"


def test_pipes_carry_both_ways(folder: Path) -> None:
    encoded = succeeds("compress", "-", stdin=Path("ring.png").read_bytes()).stdout_bytes
    assert encoded == aecodec.encode(RING)
    decoded = succeeds("decompress", "-", "-o", "-", stdin=encoded).stdout_bytes
    assert np.array_equal(picture(decoded), aecodec.decode(encoded))
    assert decoded.startswith(b"\x89PNG")


def test_a_model_is_named_with_or_without_its_version(folder: Path) -> None:
    succeeds("compress", "ring.png", "-o", "short.aec", "-m", "mnist")
    succeeds("compress", "ring.png", "-o", "long.aec", "-m", "mnist-3")
    assert Path("short.aec").read_bytes() == Path("long.aec").read_bytes()


def test_a_folder_takes_any_number_of_pictures(folder: Path) -> None:
    succeeds("compress", "ring.png", "sky.png", "-o", "new/")
    assert sorted(os.listdir("new")) == ["ring.aec", "sky.aec"]
    succeeds("decompress", "new/ring.aec", "new/sky.aec", "-o", "given")
    assert sorted(os.listdir("given")) == ["ring.aec", "ring.png", "sky.aec", "sky.png"]


def test_turned_photographs_come_back_upright(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(SKY[:20]).save("turned.png", exif=exif)
    succeeds("compress", "turned.png")
    assert aecodec.decode(Path("turned.aec").read_bytes()).shape == (28, 20, 3)


def test_existing_files_are_kept_unless_forced(folder: Path) -> None:
    Path("ring.aec").write_bytes(b"precious")
    assert refuses("compress", "ring.png") == "aec: ring.aec: already exists; use --force to overwrite it"
    assert Path("ring.aec").read_bytes() == b"precious"
    succeeds("compress", "ring.png", "--force")
    assert Path("ring.aec").read_bytes() == aecodec.encode(RING)


@pytest.mark.skipif(os.name == "nt", reason="needs links and permissions")
def test_overwriting_keeps_links_and_permissions(folder: Path) -> None:
    Path("given/ring.aec").chmod(0o640)
    Path("ring.aec").symlink_to("given/ring.aec")
    succeeds("compress", "ring.png", "--force", "-q", "20")
    assert Path("ring.aec").is_symlink()
    assert Path("given/ring.aec").read_bytes() == aecodec.encode(RING, quality=20)
    assert Path("given/ring.aec").stat().st_mode & 0o777 == 0o640


def test_input_is_never_output(folder: Path) -> None:
    sentence = "input and output are the same file"
    assert refuses("decompress", "given/ring.aec", "-o", "given/ring.aec", "--format", "png", "--force") == (
        f"aec: given/ring.aec: {sentence}"
    )
    os.link("ring.png", "other.aec")
    assert refuses("compress", "ring.png", "-o", "other.aec", "--force") == f"aec: other.aec: {sentence}"


def test_devices_are_written_to_and_not_replaced(folder: Path) -> None:
    succeeds("decompress", "given/ring.aec", "-o", os.devnull)
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_nothing_partial_remains(folder: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(os, "replace", fail)
    Path("kept.aec").write_bytes(b"old")
    before = sorted(os.listdir())
    with pytest.raises((KeyboardInterrupt, OSError)):
        byte_files.write("kept.aec", b"new")
    assert sorted(os.listdir()) == before
    assert Path("kept.aec").read_bytes() == b"old"


def test_bad_input_gets_one_sentence(folder: Path) -> None:
    Path("empty.aec").write_bytes(b"")
    Path("empty.png").write_bytes(b"")
    Path("notes.txt").write_text("nothing to see")
    Path("short.png").write_bytes(Path("sky.png").read_bytes()[:-20])
    Path("begun.aec").write_bytes(Path("given/ring.aec").read_bytes()[:1])
    Image.new("LAB", (3, 3)).save("lab.tif")

    assert refuses("compress", "none.png") == "aec: none.png: No such file or directory"
    assert refuses("decompress", "none.aec") == "aec: none.aec: No such file or directory"
    assert refuses("info", "none.aec") == "aec: none.aec: No such file or directory"
    for arguments in (["given/sky.aec", "-o", "x.aec"], ["given/sky.aec"]):
        assert refuses("compress", *arguments) == (
            "aec: given/sky.aec: this is an .aec file already: use `aec decompress`"
        )
    assert refuses("compress", "notes.txt") == ("aec: notes.txt: this is not a picture in a format that Pillow reads")
    assert refuses("compress", "empty.png", "-o", "x.aec") == "aec: empty.png: the file is empty"
    assert refuses("compress", "short.png").startswith("aec: short.png: the picture cannot be decoded: ")
    assert refuses("compress", "lab.tif").startswith("aec: lab.tif: Pillow's mode LAB cannot be coded")
    assert refuses("compress", "sky.png", "-m", "mnist").startswith("aec: sky.png: ")
    for arguments in (["decompress", "ring.png", "-o", "x.png"], ["info", "ring.png"], ["verify", "ring.png"]):
        assert refuses(*arguments) == f"aec: ring.png: {A_PNG}"
    for command in ("decompress", "info", "verify"):
        assert refuses(command, "notes.txt") == "aec: notes.txt: this is not an .aec file"
    assert refuses("info", "given") == refuses("verify", "given") == "aec: given: this is a folder: name a file in it"
    assert refuses("info", "empty.aec") == "aec: empty.aec: the file is empty"
    assert refuses("decompress", "begun.aec") == "aec: begun.aec: the file ends within its header"
    assert refuses("decompress", "-", stdin=b"?") == "aec: standard input: this is not an .aec file"
    wrong = aec("decompress", "given/sky.aec", "-o", "sky.xyz")
    assert wrong.exit_code == 2 and "sky.xyz: pictures cannot be written as .xyz; try .png" in wrong.stderr
    assert not Path("sky.xyz").exists()


def test_urls_are_refused_and_make_no_folders(folder: Path) -> None:
    here = "is a URL: this command reads and writes local files, and aecodec in Python also URLs"
    file, set_, picture = "s3://bucket/x.aec", "s3://bucket/x.aecs", "s3://bucket/x.png"
    for url, *arguments in (
        [file, "compress", "sky.png", "-o", file],
        [picture, "decompress", "given/sky.aec", "-o", picture],
        [set_, "pack", "sky.png", "-o", set_],
        [set_, "unpack", "none.aecs", "-o", set_],
        [file, "decompress", file, "-o", "x.png"],
        [file, "info", file],
        [file, "verify", file],
    ):
        assert refuses(*arguments) == f"aec: {url} {here}", arguments
    assert not Path("s3:").exists()


def test_an_output_that_cannot_be_written_is_named(folder: Path) -> None:
    there = Path("notes.txt").absolute()
    there.write_text("no folder")
    for command in (["compress", "sky.png", "-e", "0"], ["decompress", "given/sky.aec"], ["pack", "sky.png"]):
        target = f"notes.txt/x{'.png' if command[0] == 'decompress' else '.aecs' if command[0] == 'pack' else '.aec'}"
        assert refuses(*command, "-o", target) == f"aec: {there}: Not a directory"
    assert there.read_text() == "no folder"


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs /dev/full")
def test_a_full_disk_is_named_and_not_the_picture(folder: Path) -> None:
    assert refuses("compress", "sky.png", "-e", "0", "-o", "/dev/full") == "aec: /dev/full: No space left on device"
    for option in ("--help", "--version"):
        with open("/dev/full", "w") as full:
            words = [sys.executable, "-m", "aecodec", option]
            done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr) == (1, "aec: No space left on device\n")


def test_a_damaged_file_is_an_error_and_not_a_picture(folder: Path) -> None:
    damaged = bytearray(Path("given/ring.aec").read_bytes())
    damaged[-1] ^= 0x40
    Path("damaged.aec").write_bytes(damaged)
    assert refuses("decompress", "damaged.aec").startswith("aec: damaged.aec: ")


def test_pictures_over_the_limit_are_refused_both_ways(folder: Path) -> None:
    sentence = "the picture has 28x28 pixels, over the limit of 783"
    assert refuses("compress", "sky.png", "--max-pixels", "783").startswith(f"aec: sky.png: {sentence}")
    assert refuses("decompress", "given/sky.aec", "--max-pixels", "783").startswith(f"aec: given/sky.aec: {sentence}")
    succeeds("compress", "sky.png", "--max-pixels", "784")


def test_wrong_usage_exits_with_two(folder: Path) -> None:
    assert "several inputs need a folder" in is_wrong_usage("compress", "ring.png", "sky.png", "-o", "one.aec")
    assert "two inputs would both be written to" in is_wrong_usage("compress", "ring.png", "ring.png", "-o", "given")
    assert "standard input has no name" in is_wrong_usage("compress", "-", "-o", "given")
    assert "Missing argument" in is_wrong_usage("decompress")
    assert "-q" in is_wrong_usage("compress", "ring.png", "-q", "101")
    assert "--packing" in is_wrong_usage("compress", "ring.png", "--packing", "zip")
    assert "-m" in is_wrong_usage("compress", "ring.png", "-m", "nobody")
    assert "given is a folder: use `aec compress -r given`" in is_wrong_usage("compress", "given")
    assert "a.jpg: compressed files are .aec files; use -o a.aec" in is_wrong_usage(
        "compress", "ring.png", "-o", "a.jpg"
    )
    assert "is not of the form X,Y,W,H" in is_wrong_usage("decompress", "given/sky.aec", "--region", "1,2,3")
    assert "cannot be combined" in is_wrong_usage("decompress", "a.aec", "--region", "1,2,3,4", "--thumbnail", "9")
    assert "--thumbnail" in is_wrong_usage("decompress", "given/sky.aec", "--thumbnail", "0")
    assert "--format" in is_wrong_usage("decompress", "given/sky.aec", "--format", "gif")
    assert not Path("ring.aec").exists()


def test_wrong_usage_names_the_next_command_to_type(folder: Path) -> None:
    Path("ring.png").rename("my ring.png")
    assert refuses("info", "my ring.png").endswith(": use `aec compress 'my ring.png'`")
    Path("ring.png").write_bytes(Path("my ring.png").read_bytes())
    for words, meant in {
        ("comprss", "ring.png"): "`aec compress`",
        ("encode", "ring.png"): "`aec compress`",
        ("Decode",): "`aec decompress`",
        ("help",): "`aec --help`",
        ("ring.png", "-q", "3"): "`aec compress ring.png`",
        ("given/ring.aec",): "`aec decompress given/ring.aec`",
        ("given",): "`aec compress -r given`",
        ("my ring.png",): "`aec compress 'my ring.png'`",
    }.items():
        assert f"No such command {words[0]!r}. Did you mean {meant}?" in is_wrong_usage(*words)
    assert "No such command 'zzz'. `aec --help` lists the commands." in is_wrong_usage("zzz")
    assert "Missing argument 'IN...'.\nFor example: aec compress digit.png\n" in is_wrong_usage("compress")
    assert "Missing argument 'FILE'.\nFor example: aec info digit.aec\n" in is_wrong_usage("info")
    assert "--quality" in is_wrong_usage("compress", "ring.png", "--qualty", "3")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_without_arguments_shows_how_it_is_used(command: str) -> None:
    found = main.get_command(Context(main), command)
    assert found is not None
    if any(parameter.required for parameter in found.params):
        assert f"For example: aec {command} " in is_wrong_usage(command)


def test_info_says_what_inspect_returns(folder: Path) -> None:
    said = json.loads(succeeds("info", "given/ring.aec", "--json").stdout)
    info = aecodec.inspect(Path("given/ring.aec").read_bytes())
    assert said["file"] == "given/ring.aec"
    assert said["model"] == info.model
    assert (said["width"], said["height"], said["mode"]) == (28, 28, "L")
    assert said["quality"] == 75
    assert sum(said["parts"].values()) == said["file_bytes"] == os.path.getsize("given/ring.aec")
    assert said["bits_per_pixel"] == said["file_bytes"] * 8 / 784
    assert (said["raw_bytes"], said["metadata"], said["dpi"]) == (784, {}, None)


def test_info_lists_the_metadata(folder: Path) -> None:
    image = Image.fromarray(SKY)
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    image.info |= {"icc_profile": b"profile" * 100, "xmp": b"<x/>", "exif": exif.tobytes(), "dpi": (300, 150)}
    Path("a.aec").write_bytes(aecodec.encode(image, model="cifar"))
    exif_bytes = len(exif.tobytes()) - 6
    table = succeeds("info", "a.aec").stdout
    assert f"metadata        ICC 700 bytes, EXIF {exif_bytes} bytes, XMP 4 bytes, 300 x 150 dpi\n" in table
    size = os.path.getsize("a.aec")
    assert f"of raw          {size / 2352:.2%} of 2352 bytes, {2352 / size:.1f}:1\n" in table
    said = json.loads(succeeds("info", "a.aec", "--json").stdout)
    header = read_header(Path("a.aec").read_bytes())[0]
    damaged = [replace(section, data=b"\5?") if section.tag == ICC else section for section in header.sections]
    Path("b.aec").write_bytes(write_header(replace(header, sections=tuple(damaged))))
    assert re.search(r"^metadata        damaged: ", succeeds("info", "b.aec").stdout, re.M)
    assert (said["metadata"], said["dpi"]) == ({"ICC": 700, "EXIF": exif_bytes, "XMP": 4}, [300, 150])


def test_info_is_a_table_for_people(folder: Path) -> None:
    table = succeeds("info", "given/sky.aec").stdout
    assert re.search(r"^file            given/sky\.aec$", table, re.M)
    assert re.search(r"^size            28x28 RGB", table, re.M)
    assert re.search(r"^quality         75$", table, re.M)
    assert re.search(rf"^bytes           {os.path.getsize('given/sky.aec')}$", table, re.M)
    assert re.search(r"^  payload       \d+$", table, re.M)


def test_models_lists_the_bundled_ones() -> None:
    listed = json.loads(succeeds("models", "--json").stdout)
    assert [model["name"] for model in listed] == [model.name for model in aecodec.list_models()]
    assert len(listed) >= 2
    for model in listed:
        assert re.fullmatch(r"[0-9a-f]{16,64}", model["id"])
        assert model["parameters"] > 0
        assert model["macs_per_pixel"] > 0
        assert all({"quality", "bytes", "psnr"} <= figure.keys() for figure in model["figures"])
    table = succeeds("models").stdout
    assert all(model["name"] in table and model["id"] in table for model in listed)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    shown = succeeds(command, "--help").stdout
    assert f"\n  Example:\n    aec {command}" in shown


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_gets_a_script_that_names_aec(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = succeeds("completion", shell).stdout
    assert "_AEC_COMPLETE" in script
    assert re.search(r"\baec\b", script)


def test_commands_and_options_are_completed(folder: Path) -> None:
    def completed(*words: str) -> list[str]:
        asked = {"_AEC_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": f"{len(words) - 1}"}
        answer = CliRunner(env=asked).invoke(main, prog_name="aec").stdout
        return [line.partition(",")[2] for line in answer.splitlines()]

    assert completed("aec", "comp") == ["compress", "compare", "completion"]
    assert completed("aec", "decompress", "--thumb") == ["--thumbnail"]
    assert completed("aec", "completion", "f") == ["fish"]


def test_the_version_is_shown() -> None:
    assert succeeds("--version").stdout == f"aec, version {version('aecodec')}\n"


def test_columns_line_up() -> None:
    assert text_table([("a", "bytes", ""), ("model", "9", "x")], right=(1,)) == "a      bytes\nmodel      9  x"


def test_a_real_process_writes_a_file_and_says_nothing_into_a_pipe(folder: Path) -> None:
    done = subprocess.run([*AEC, "compress", "ring.png"], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    assert Path("ring.aec").read_bytes() == aecodec.encode(RING)


def test_a_real_process_fails_with_one_sentence(folder: Path) -> None:
    done = subprocess.run([*AEC, "decompress", "ring.png", "-o", "x.png"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"aec: ring.png: {A_PNG}\n"


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_a_terminal_gets_a_line_about_success_and_never_binary_data(folder: Path) -> None:
    import pty

    def seen_on_a_terminal(*arguments: str) -> str:
        ours, theirs = pty.openpty()
        subprocess.run([*AEC, *arguments], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
        os.close(theirs)
        shown = os.read(ours, 10_000)
        os.close(ours)
        return shown.decode().replace("\r\n", "\n")

    line = seen_on_a_terminal("compress", "ring.png")
    file_bytes = os.path.getsize("ring.aec")
    info = aecodec.inspect(Path("ring.aec").read_bytes())
    coding = f"{file_bytes * 8 / 784:.2f} bpp, {info.model}"
    shares = f"{file_bytes / 784:.1%} of raw, {file_bytes / os.path.getsize('ring.png'):.1%} of input"
    line, _, seconds = line.rpartition("\033[K")[2].rpartition(", ")  # a busy machine may have shown progress
    assert line == f"ring.aec: {file_bytes} B, {shares}, {coding}"
    assert re.fullmatch(r"\d+\.\d s\n", seconds)
    line = seen_on_a_terminal("decompress", "ring.aec", "-o", "a.png").rpartition("\033[K")[2]
    picture_bytes = os.path.getsize("a.png")
    assert line.startswith(f"a.png: 28x28 gray, {picture_bytes} B, from ring.aec ({file_bytes} B, {info.model}), ")
    assert seen_on_a_terminal("decompress", "ring.aec", "-o", "-") == (
        "aec: binary data is not written to a terminal: use -o FILE or a pipe\n"
    )


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_a_reader_that_leaves_early_causes_no_traceback(folder: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m aecodec decompress given/sky.aec -o - | true",
        shell=True,
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""


def test_decompressing_imports_only_what_it_needs(folder: Path) -> None:
    program = (
        "import sys; from aecodec.cli import main;"
        "main(['decompress', 'given/ring.aec'], standalone_mode=False);"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    others = {f"aecodec.cli.{name}" for name in COMMANDS} - {"aecodec.cli.decompress"}
    heavy = {"tensorflow", "keras", "aecodec.training", "PIL.TiffImagePlugin", "PIL.WebPImagePlugin"}
    assert not loaded & (others | heavy)
    if tuple(map(int, version("pillow").split(".")[:2])) >= (12, 2):  # older ones load five formats at once
        assert not loaded & {"PIL.JpegImagePlugin", "PIL.GifImagePlugin"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="os.times does not count the time of child processes")
def test_decompressing_a_small_file_takes_at_most_three_times_the_imports(folder: Path) -> None:
    # Compiled modules are kept, as where aecodec is installed, whatever this environment says.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    kept["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")

    def seconds(command: list[str]) -> float:
        """Of the processor: what a process waits for others on a busy machine is not its own."""
        started = os.times()
        subprocess.run(command, check=True, capture_output=True, env=kept)
        ended = os.times()
        return ended.children_user + ended.children_system - started.children_user - started.children_system

    Path("small.aec").write_bytes(aecodec.encode(np.pad(SKY, ((2, 2), (2, 2), (0, 0)), mode="edge")))
    ours, imports = [], []
    for _ in range(7):  # interleaved: other work on the machine hits both alike
        ours.append(seconds([*AEC, "decompress", "small.aec", "--force"]))
        imports.append(seconds([sys.executable, "-c", "import numpy, PIL.Image, zstandard, click"]))
    assert 0 < min(ours) <= 3 * min(imports)  # the least disturbed of each


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_closed_streams_are_named(folder: Path) -> None:
    for command, closed, what in (
        ("compress sky.png -e 0 -o -", ">&-", "standard output"),
        ("compress - -e 0 -o y.aec", "<&-", "standard input"),
    ):
        line = f"exec {sys.executable} -m aecodec {command} {closed}"
        done = subprocess.run(["/bin/sh", "-c", line], stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1) and f"{what} is closed" in done.stderr
