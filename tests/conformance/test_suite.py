"""The conformance suite: this package and the others pass it, it is whole, and its runner finds what is wrong."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from golden import SUITE
from reference_engine import needs_native, needs_tensorflow

from aecodec.conformance import generator, runner
from aecodec.conformance.runner import Command, Failure
from aecodec.conformance.suite import FAILURES, Invalid, Suite, SuiteWriter
from aecodec.format import container
from aecodec.lossless import plain
from conformance import make
from conformance.frozen import FROZEN, digest

ROOT = Path(__file__).parents[2]
MOST_BYTES = 1_500_000
ENGINES = [
    pytest.param("native", marks=needs_native),
    "numpy",
    pytest.param("tensorflow", marks=[needs_tensorflow, pytest.mark.slow]),
]


def silent(file: str, done: int, count: int) -> None:
    """Progress that nobody looks at."""


# The suite ---


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("part", ["valid", "data_sets", "invalid"])
def test_this_package_passes(part: str, engine: str) -> None:
    rows = getattr(SUITE, part)
    assert rows
    assert runner.run_own(SUITE, rows, [engine], silent) == []


def test_every_file_is_in_the_manifest() -> None:
    there = {path.relative_to(SUITE.folder).as_posix() for path in SUITE.folder.rglob("*") if path.is_file()}
    models = {path.relative_to(SUITE.folder).as_posix() for path in SUITE.folder.glob("invalid/models/*/*")}
    named = {row.file for row in (*SUITE.rows, *SUITE.models)}
    assert there == named | models | {"manifest.json"}
    assert {row.models for row in SUITE.invalid} == {"models", *(Path(model).parent.as_posix() for model in models)}


def test_the_suite_is_small_and_has_failures_of_every_kind() -> None:
    assert sum(path.stat().st_size for path in SUITE.folder.rglob("*") if path.is_file()) < MOST_BYTES
    assert {row.failure for row in SUITE.invalid} == set(FAILURES)


def test_the_manifest_names_sections_of_the_specification() -> None:
    titles = set(re.findall(r"^##+ [0-9.]+ (.+)$", (ROOT / "spec" / "FORMAT.md").read_text(), re.MULTILINE))
    named = {title for rows in (SUITE.valid, SUITE.data_sets) for row in rows for title in row.sections}
    assert named <= titles
    assert len(named) > 15


def test_a_suite_that_is_there_is_not_written_again() -> None:
    done = subprocess.run([sys.executable, "conformance/make.py"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "exists already" in done.stderr


@pytest.mark.parametrize("version", FROZEN)
def test_no_file_of_a_frozen_suite_has_changed(version: int) -> None:
    counts, expected = FROZEN[version]
    assert digest(ROOT / "conformance" / str(version), counts) == expected


def test_the_suite_of_this_version_is_frozen() -> None:
    assert container.VERSION in FROZEN


def test_a_frozen_suite_is_not_written_again_even_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FROZEN, container.VERSION, ((0, 0, 0, 0), ""))
    monkeypatch.setattr(sys, "argv", ["make.py", "--force"])
    monkeypatch.setattr(shutil, "rmtree", None)
    with pytest.raises(SystemExit, match="is frozen"):
        make.main()


def test_files_are_added_to_a_suite_and_none_of_it_changes(tmp_path: Path) -> None:
    pixel = np.zeros((1, 1), np.uint8)
    for folder, names in (("old", ["a", "b"]), ("new", ["c", "b", "d"])):
        writer = SuiteWriter(tmp_path / folder)
        for name in names:
            writer.add(name, plain.write(pixel + len(folder + name) + ord(name)))
        writer.add_invalid("damaged", b"", "truncated", folder)
        writer.add_invalid(f"model-{folder}", b"?", "not an .aec file", "", model=b"a model file")
        writer.finish()
    counts = (0, 2, 0, 2)
    before = digest(tmp_path / "old", counts)
    make.add(tmp_path / "old", tmp_path / "new")
    suite = Suite.read(tmp_path / "old")
    assert digest(suite.folder, counts) == before
    assert [row.file for row in suite.valid] == [f"files/{name}.aec" for name in "abcd"]
    assert [Path(row.file).stem for row in suite.invalid] == ["damaged", "model-old", "model-new"]
    assert runner.run_own(suite, suite.valid, ["numpy"], silent) == []
    model = suite.models_folder(suite.invalid[1]) / "model-old-1.safetensors"
    model.write_bytes(b"another model file")
    assert digest(suite.folder, counts) != before


# The generator ---


def generated(folder: Path, seed: int) -> tuple[Suite, dict[str, bytes]]:
    made = generator.generate(folder, seed, 25, 4, silent)
    return made, {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


def test_the_same_seed_generates_the_same_files_and_all_are_valid(tmp_path: Path) -> None:
    made, once = generated(tmp_path / "once", 3)
    assert once == generated(tmp_path / "again", 3)[1]
    assert once != generated(tmp_path / "other", 4)[1]
    assert runner.run_own(made, made.rows, ["numpy"], silent) == []
    assert len({row.model for row in made.valid}) > 4


# Other decoders ---


class Small:
    """A suite of a few plain files, and what they decode to."""

    def __init__(self, folder: Path) -> None:
        writer = SuiteWriter(folder / "suite")
        picture = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
        writer.add("colour", plain.write(picture))
        writer.add("wide", plain.write(picture[..., 0].astype(np.uint16) * 300))
        writer.add_invalid("cut", plain.write(picture)[:-1], "truncated", "the last byte is missing")
        self.suite = writer.finish()
        self.answers = folder / "answers"
        self.answers.mkdir()
        for row in self.suite.valid:
            samples = runner.decoded_samples(self.suite.data(row))
            (self.answers / Path(row.file).name).write_bytes(samples)
        self.script = folder / "decoder.py"

    def run(self, code: str, seconds: float = 60) -> list[Failure]:
        """The failures of a decoder that knows all answers; `code` spoils it."""
        self.script.write_text(
            "import os, pathlib, sys, time\n"
            "source, target, answers = map(pathlib.Path, sys.argv[1:])\n"
            "known = answers / source.name\n"
            "samples = bytearray(known.read_bytes()) if known.exists() else None\n"
            f"{code}\n"
            "if samples is None:\n    sys.exit('this file is refused')\n"
            "target.write_bytes(samples)\n"
        )
        text = f'"{sys.executable}" "{self.script}" {{input}} {{output}} "{self.answers}"'
        return runner.run_command(self.suite, self.suite.rows, Command.parse(text, seconds), 2, silent)


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


COLOUR, WIDE, CUT = "files/colour.aec", "files/wide.aec", "invalid/cut.aec"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", {}),
        ("if samples: samples[7] ^= 1", {COLOUR: "1 of 60 samples differ, first row 0, column 2, channel 1: 6, not 7",
                                         WIDE: "1 of 20 samples differ, first row 0, column 3, channel 0"}),
        ("samples = samples or bytearray(60)", {CUT: "accepted, but invalid: the last byte is missing"}),
        ("if samples is None: os.abort()", {CUT: "crashed: exit code"}),
        ("samples = None", {COLOUR: "refused: exit code 1: this file is refused", WIDE: "refused: exit code 1"}),
        ("if samples: del samples[40:]", {COLOUR: "40 bytes of samples, not 60"}),
        ("if samples: sys.exit(0)", {COLOUR: "nothing was written", WIDE: "nothing was written"}),
        ("if samples: samples[0:2] = samples[1::-1]", {COLOUR: "2 of 60 samples differ"}),
    ],
)  # fmt: skip
def test_a_decoder_is_judged_by_every_sample(code: str, expected: dict[str, str], small: Small) -> None:
    found = {failure.file: failure.what for failure in small.run(code)}
    assert found.keys() == expected.keys()
    assert all(found[file].startswith(what) for file, what in expected.items()), found


@pytest.mark.skipif(os.name != "posix", reason="process groups")
def test_a_decoder_that_hangs_is_ended_with_all_that_it_has_started(small: Small, tmp_path: Path) -> None:
    child = tmp_path / "child"
    code = (
        "if samples is None:\n"
        "    import subprocess\n"
        "    started = subprocess.Popen(['sleep', '300'])\n"
        f"    pathlib.Path({str(child)!r}).write_text(str(started.pid))\n"
        "    time.sleep(300)"
    )
    found = small.run(code, seconds=3)
    assert [(failure.file, failure.what) for failure in found] == [(CUT, "not done after 3 s")]
    with pytest.raises(ProcessLookupError):
        while True:  # until init has taken notice
            os.kill(int(child.read_text()), 0)


def test_a_suite_that_is_not_whole_judges_nobody(small: Small) -> None:
    path = small.suite.folder / COLOUR
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="not the file of the manifest"):
        small.run("")


def test_this_package_is_judged_by_the_kind_of_failure_too(small: Small) -> None:
    (row,) = small.suite.invalid
    assert runner.run_own(small.suite, [row], ["numpy"], silent) == []
    (found,) = runner.run_own(small.suite, [replace(row, failure="limit")], ["numpy"], silent)
    assert "TruncatedFile, not LimitExceeded" in found.what
    valid = small.suite.valid[0]
    (found,) = runner.run_own(small.suite, [replace(valid, quality=3)], ["numpy"], silent)
    assert found.what == "quality: not as in the manifest"
    wrong = Invalid(valid.file, valid.sha256, "limit", "no reason")
    (found,) = runner.run_own(small.suite, [wrong], ["numpy"], silent)
    assert found.what == "numpy: accepted, but invalid: no reason"


# Commands ---


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aecodec.conformance", *words], cwd=ROOT, capture_output=True, text=True
    )


OWN = f'"{sys.executable}" -m aecodec.conformance decode {{input}} {{output}}'


def test_the_command_runs_any_decoder_and_says_what_is_wrong(small: Small, tmp_path: Path) -> None:
    folder = str(small.suite.folder)
    right = command("run", "--suite", folder, "--decoder", OWN)
    assert (right.stdout, right.stderr, right.returncode) == ("3 of 3 files as they should be\n", "", 0)
    wrong = command("run", "--suite", folder, "--decoder", "true {input} {output}", "--only", "*/[!w]*")
    assert wrong.returncode == 1 and wrong.stdout.endswith("0 of 2 files as they should be\n")
    assert re.search(r"^invalid/cut.aec +accepted, but invalid: the last byte is missing$", wrong.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--self", "--suite", "nowhere"], "there is no suite in nowhere: give the conformance/ folder of a checkout"),
        ([], "choose one of --decoder and --self"),
        (["--decoder", "no-such-decoder {input} {output}", "--only", "files/plain-gray.aec"], "no-such-decoder"),
        (["--decoder", "decoder {input}"], "the command of a decoder needs {output}"),
        (["--self", "--only", "nothing"], "no file of the suite matches nothing"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_said_in_one_sentence(words: list[str], message: str) -> None:
    done = command("run", *words)
    assert done.returncode in (1, 2) and message in done.stderr and "Traceback" not in done.stderr


def test_data_sets_are_decoded_to_all_their_pictures(tmp_path: Path) -> None:
    row = next(row for row in SUITE.data_sets if row.file.endswith("set-tile.aecs"))
    assert Command.parse(OWN, 60).failure(SUITE, row) is None


@pytest.mark.skipif(
    shutil.which("node") is None or not (ROOT / "js" / "dist" / "index.js").is_file(),
    reason="needs Node and js/dist: cd js && npm ci && npm run build",
)
@pytest.mark.parametrize("pattern", ["files/colour-tile-*", "files/pyramid-*", "invalid/alpha-*"])
def test_the_decoder_in_javascript_passes_as_a_command(pattern: str) -> None:
    rows = runner.chosen(SUITE, pattern, data_sets=False)
    text = f'node "{ROOT / "js" / "scripts" / "decode_raw.mjs"}" {{input}} {{output}}'
    assert runner.run_command(SUITE, rows, Command.parse(text, 60), 2, silent) == []
