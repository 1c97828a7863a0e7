"""`aec doctor`: check the installation."""

from __future__ import annotations

import json
import os
import platform
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import click
import numpy as np

import aecodec
from aecodec import engines, native
from aecodec.cli.library_messages import collected, printing_collected
from aecodec.cli.progress import StatusLine
from aecodec.cli.text_table import text_table
from aecodec.engines import threads
from aecodec.images.metadata import MAX_BYTES
from aecodec.images.source import MAX_PIXELS
from aecodec.models import registry

# What is installed besides, and what for.
_PACKAGES: Final = {
    "numpy": "",
    "pillow": "",
    "zstandard": "",
    "click": "",
    "keras": "for training",
    "tensorflow": "for training, and an engine",
    "matplotlib": "for plots",
}
# A small file of each bundled model, by its number, and the CRC-32 of the samples that it decodes to everywhere.
SAMPLES: Final = {
    5: ("b528d535c94db56d1e8bb5d5100a931522d835c627042b", 2222825025),
    6: ("b628044452fd9a2deb61208d42ad6d82ce253c03ea3aec8a", 692710066),
    7: (
        "b7280432d49218028b0b8888a95a5716684288d64a9d4019309b17366f2d571477faeac72a003ebd444fdcd4fa94d9a8539eef16d974"
        "3e3edef38c167584743fa0d826f086f8187e6d3e69a09e9628acddd7159b1b62c945e8f4c72a0d2e983d30eeaac84c4d41f451144d9b"
        "fdbd79cd4dc29155220b146b17f7d92fb36572e3849b8e02b0661970db8bd00863cda399274f",
        1280745828,
    ),
    8: (
        "bf1814171713480a89180e777e49fb565f733e6913c0c3da1a222da223bd2234195951740f471324",
        1218834503,
    ),
    9: (
        "bf19141711082877a668802795236b730731c334be50aa4ee8",
        3926389463,
    ),
    10: (
        "bf1a1417110ce76e862cd90fbab1bd21c65ef3b4772f443c",
        3187651191,
    ),
}


@dataclass(frozen=True)
class Finding:
    """One line of the report; `problem` if it says that something is broken."""

    name: str
    state: str
    problem: bool = False


@click.command("doctor")
@click.option("--all-engines", is_flag=True, help="Test every engine, also those that take seconds to load.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def command(all_engines: bool, as_json: bool) -> None:
    """Check the installation.

    Prints versions, engines, models and limits, and tests that pictures are encoded and decoded as they should be. The
    exit code is 1 if something is broken.

    \b
    Example:
      aec doctor
      aec doctor --json
    """
    parts = {
        "versions": _versions(),
        "engines": _engines(all_engines),
        "models": _models(),
        "limits": _limits(),
        "self-test": _self_test(),
    }
    sections = {}
    with collected(), StatusLine() as status:
        for index, (title, found) in enumerate(parts.items()):
            status(title, index, len(parts))
            sections[title] = list(found)
    problems = [finding for findings in sections.values() for finding in findings if finding.problem]
    if as_json:
        content = {title: [asdict(finding) for finding in findings] for title, findings in sections.items()}
        click.echo(json.dumps({**content, "broken": len(problems)}, indent=2))
    else:
        width = max(len(finding.name) for findings in sections.values() for finding in findings)
        for title, findings in sections.items():
            rows = [(f"  {f.name:{width}}", ("BROKEN: " if f.problem else "") + f.state) for f in findings]
            click.echo(f"{title}\n{text_table(rows)}")
        click.echo(f"\n{len(problems)} broken" if problems else "\nEverything works.")
    if problems:
        raise click.exceptions.Exit(1)


def _versions() -> Iterator[Finding]:
    yield Finding("aecodec", f"{version('aecodec')}, {Path(aecodec.__file__).parent}")
    yield Finding("python", f"{platform.python_version()}, {platform.system()} {platform.machine()}")
    for name, purpose in _PACKAGES.items():
        try:
            yield Finding(name, version(name) + (f", {purpose}" if purpose else ""))
        except PackageNotFoundError:
            yield Finding(name, f"not installed; {purpose} only", problem=not purpose)


def _engines(test_all: bool) -> Iterator[Finding]:
    yield _library()
    for name in engines.ENGINES:
        if name == engines.active():
            yield Finding(name, "active, the default")
        elif test_all:
            yield _tested(name)
        else:
            yield Finding(name, "not tested; --all-engines does")


def _library() -> Finding:
    """Which code path the native library takes, or why there is none."""
    if native.library() is None:
        slower = f"no native library: {native.reason()}; without it everything works, several times slower"
        return Finding("library", slower)
    names = native.paths()
    try:
        chosen = names.pop(native.path())
    except aecodec.AecError as error:
        return Finding("library", str(error), problem=True)
    return Finding("library", f"native, code path {chosen} (this processor can also take {', '.join(names)})")


def _tested(name: str) -> Finding:
    try:
        with printing_collected():
            wrong = [number for number in SAMPLES if not _decodes(number, name)]
    except ImportError as error:
        return Finding(name, f"cannot be loaded: {error}")
    except aecodec.AecError as error:
        return Finding(name, str(error), problem=True)
    if wrong:
        return Finding(name, f"decodes other pixels with models {', '.join(map(str, wrong))}", problem=True)
    return Finding(name, "works, decodes the same pixels")


def _models() -> Iterator[Finding]:
    yield Finding("bundled", f"in {registry.folder()}", problem=not registry.folder().is_dir())
    for number, name in registry.NUMBERS.items():
        yield _model(name, number)
    for folder in filter(None, os.environ.get(registry.VARIABLE, "").split(os.pathsep)):
        yield Finding(registry.VARIABLE, folder, problem=not os.path.isdir(folder))
    for name in registry.names():
        if name not in registry.NUMBERS.values():
            yield _model(name, 0)


def _model(name: str, number: int) -> Finding:
    if name not in registry.names():
        return Finding(name, f"number {number}, missing: install aecodec again", problem=True)
    try:
        model = registry.by_name(name)
    except (aecodec.AecError, OSError) as error:
        return Finding(name, str(error), problem=True)
    if number and model.id.hex() != registry.IDS[number]:
        reason = f"id {model.id.hex()}, but number {number} is {registry.IDS[number]}: install aecodec again"
        return Finding(name, reason, problem=True)
    place = f"number {number}" if number else f"{registry.files()[name]}"
    return Finding(name, f"{place}, id {model.id.hex()}, {model.parameters:,} parameters")


def _limits() -> Iterator[Finding]:
    yield Finding("pixels", f"{MAX_PIXELS:,} of a picture; --max-pixels and max_pixels change it")
    yield Finding("metadata", f"{MAX_BYTES:,} bytes of a picture")
    cores = os.cpu_count() or 1
    yield Finding("threads", f"{threads.workers()} of {cores} cores; {' or '.join(threads.VARIABLES)} changes it")


def _self_test() -> Iterator[Finding]:
    for number in SAMPLES:
        yield _outcome(f"model {number}", partial(_decodes, number, engines.DEFAULT_ENGINE))
    yield _outcome("lossless", _is_lossless)
    yield _outcome("damage", _finds_damage)


def _outcome(name: str, test: Callable[[], bool]) -> Finding:
    try:
        passed = test()
    except (aecodec.AecError, OSError) as error:
        return Finding(name, str(error), problem=True)
    return Finding(name, "passed" if passed else "failed", problem=not passed)


def _decodes(number: int, engine: str) -> bool:
    """Return whether a model's sample decodes to the pixels that it has to."""
    data, expected = SAMPLES[number]
    return zlib.crc32(aecodec.decode(bytes.fromhex(data), engine=engine).tobytes()) == expected


def _is_lossless() -> bool:
    """Return whether a picture comes back exactly."""
    picture = np.arange(24 * 24 * 3, dtype=np.uint32).reshape(24, 24, 3) ** 2 % 251
    samples = picture.astype(np.uint8)
    return np.array_equal(aecodec.decode(aecodec.encode(samples, lossless=True, effort=0)), samples)


def _finds_damage() -> bool:
    """Return whether a changed bit is found."""
    data = bytearray.fromhex(SAMPLES[min(SAMPLES)][0])
    data[-1] ^= 1
    try:
        aecodec.decode(data)
    except aecodec.AecError:
        return True
    return False
