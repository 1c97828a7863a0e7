"""Every command and Python snippet of the README, the tutorial and the guides does what the page shows.

A `console` block has commands after `$ ` and their output; a `python` block may have its output in a `text` block right
below it. Both run in the order of the page, in a folder with the repository's `examples` and `tests/fixtures`. Numbers
are not compared: the encoder's floating point may differ between machines. `sh` blocks are not run.

    python tests/cli/test_documented_examples.py [PAGE ...]

renews the output on the pages.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for running this file as a script

from command_line import aec  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs" / "tutorial.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))]
SLOW = ("tutorial", "rate-targets", "many-files", "clusters")
NEEDED = {
    "clusters": ("ray", "dask", "pyspark", "daft"),
    "data-loaders": ("torch", "tensorflow", "datasets", "webdataset"),
    "urls": ("fsspec",),
    "zarr": ("zarr", "numcodecs"),
}  # by the examples of a page, beyond what the tests need
CONSOLE = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(rf"{PYTHON.pattern}|{CONSOLE.pattern}", re.MULTILINE | re.DOTALL)
SHELL = f'aec() {{ {shlex.quote(sys.executable)} -m aecodec "$@"; }}\n'


def run_command(line: str) -> str:
    """What a command prints; it fails if and only if it prints a line that begins with `aec:`."""
    words = shlex.split(line)
    if words[0] == "aec" and not set("|<>*&;") & set(line):
        result = aec(*words[1:])
        code, output = result.exit_code, result.output
    else:
        done = subprocess.run(["bash", "-c", SHELL + line], capture_output=True, text=True)
        code, output = done.returncode, done.stdout + done.stderr
    failed = re.search(r"^aec: ", output, re.MULTILINE) is not None
    assert (code != 0) == failed, f"{line}: exit code {code}\n{output}"
    return output


def run_console(block: str) -> str:
    """The block with the output that its commands have now. A command goes on after a backslash."""
    shown = ""
    for command in re.findall(r"^\$ ((?:.*\\\n)*.*)\n", block, re.MULTILINE):
        shown += f"$ {command}\n{run_command(command)}"
    return shown


def run_python(code: str, names: dict[str, Any]) -> str:
    """What the code prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(code, "page", "exec"), names)
    return output.getvalue()


def rerun(page: str) -> str:
    """The page with the output that its examples have now."""
    names: dict[str, Any] = {}

    def again(found: re.Match[str]) -> str:
        if found[1] is None:
            return run_console(found[0])
        printed = run_python(found[1], names)
        below = f"\n```text\n{printed}```\n" if printed else ""
        return f"```python\n{found[1]}```\n{below}"

    return EXAMPLE.sub(again, page)


def without_numbers(page: str) -> str:
    """The page with # for every number and one space for several."""
    return re.sub(r"[ -]{2,}", " ", re.sub(r"\d[\d,.]*", "#", page))


def stage(folder: Path) -> None:
    """Copy what the examples use into a folder."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    shutil.copytree(ROOT / "tests" / "fixtures", folder / "tests" / "fixtures")


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=page.stem, marks=[pytest.mark.slow] if page.stem in SLOW else []) for page in PAGES],
)
def test_the_examples_of_a_page_print_what_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in NEEDED.get(page.stem, ()):
        pytest.importorskip(module, reason=f"needs {module}")
    stage(tmp_path)
    monkeypatch.chdir(tmp_path)
    shown = page.read_text()
    assert without_numbers(rerun(shown)) == without_numbers(shown)


def test_the_readme_is_one_page_whose_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 120
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
    assert targets and all((ROOT / target).exists() for target in targets)


def main(pages: list[Path]) -> None:
    for page in pages:
        with tempfile.TemporaryDirectory() as folder:
            stage(Path(folder))
            os.chdir(folder)
            page.write_text(rerun(page.read_text()))
            os.chdir(ROOT)


if __name__ == "__main__":
    main([Path(name).resolve() for name in sys.argv[1:]] or PAGES)
