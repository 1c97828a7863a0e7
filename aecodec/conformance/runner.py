"""Compares a decoder with a suite, sample by sample: any command, or this package in one process."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from fnmatch import fnmatch
from itertools import groupby
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np

import aecodec
from aecodec import dataset
from aecodec.conformance.suite import (
    DATA_SET_SUFFIX,
    FAILURES,
    MODELS,
    Invalid,
    Row,
    Suite,
    Valid,
    ValidSet,
    models_from,
    raw,
    row_of,
    sha256,
)
from aecodec.engines import DEFAULT_ENGINE
from aecodec.errors import AecError, InvalidModelFile
from aecodec.format import container
from aecodec.models import registry
from aecodec.models.model import load

INPUT, OUTPUT = "{input}", "{output}"
SIGNALLED = 128  # and above: what shells make of a process that a signal has ended
MESSAGE_BYTES = 500

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with (file, files done, files in all)."""


@dataclass(frozen=True)
class Failure:
    """A file that a decoder treats in another way than it should."""

    file: str
    what: str


def chosen(suite: Suite, pattern: str, data_sets: bool) -> list[Row]:
    """The rows whose files match a pattern, data sets only if they are wanted."""

    def wanted(row: Row) -> bool:
        return fnmatch(row.file, pattern) and (data_sets or not row.file.endswith(DATA_SET_SUFFIX))

    return [row for row in suite.rows if wanted(row)]


def decoded_samples(data: bytes, engine: str = DEFAULT_ENGINE) -> bytes:
    """The samples of a file: of a data set those of all pictures, in the order of their numbers. Raises AecError."""
    if not container.is_data_set(data):
        return raw(aecodec.decode(data, engine=engine))
    with dataset.open(data, engine=engine) as ds:
        return b"".join(map(raw, ds))


# Commands ---


@dataclass(frozen=True)
class Command:
    """A decoder as a command with `{input}` and `{output}` among its words. seconds: that it may take for a file."""

    words: tuple[str, ...]
    seconds: float

    @classmethod
    def parse(cls, text: str, seconds: float) -> Command:
        """The command in a line of text. Raises ValueError."""
        words = tuple(shlex.split(text, posix=os.name == "posix"))
        for name in (INPUT, OUTPUT):
            if not any(name in word for word in words):
                raise ValueError(f"the command of a decoder needs {name}: 'my-decoder {INPUT} {OUTPUT}'")
        return cls(words, seconds)

    def failure(self, suite: Suite, row: Row) -> str | None:
        """What is wrong with what the decoder makes of a file; None if nothing is. Raises OSError."""
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "samples"
            named = {INPUT: str((suite.folder / row.file).resolve()), OUTPUT: str(output)}
            words = [_replaced(word, named) for word in self.words]
            environment = os.environ | {registry.VARIABLE: str(suite.models_folder(row).resolve())}
            with (Path(folder) / "messages").open("w+b") as messages:
                status = self._status(words, environment, messages)
                if status is None:
                    return f"not done after {self.seconds:g} s"
                if status < 0 or status >= SIGNALLED:
                    return f"crashed: exit code {status}{_last_line(messages)}"
                if isinstance(row, Invalid):
                    return None if status else f"accepted, but invalid: {row.reason}"
                if status:
                    return f"refused: exit code {status}{_last_line(messages)}"
            if not output.is_file():
                return "nothing was written"
            return difference(suite, row, output.read_bytes())

    def _status(self, words: Sequence[str], environment: dict[str, str], messages: IO[bytes]) -> int | None:
        """The exit code, or None if the command took too long. Whatever it has started ends with it."""
        process = subprocess.Popen(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=messages,
            stderr=messages,
            start_new_session=True,
        )
        try:
            return process.wait(self.seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)


def _replaced(word: str, named: dict[str, str]) -> str:
    for name, value in named.items():
        word = word.replace(name, value)
    return word


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that is still there, and those that it has started."""
    if process.poll() is None:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()


def _last_line(messages: IO[bytes]) -> str:
    messages.seek(0, os.SEEK_END)
    messages.seek(max(0, messages.tell() - MESSAGE_BYTES))
    lines = messages.read().decode("utf-8", "replace").split("\n")
    text = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {text}" if text else ""


def run_command(suite: Suite, rows: Sequence[Row], command: Command, jobs: int, progress: Progress) -> list[Failure]:
    """The failures of a decoder, in the order of the files. Raises OSError if the command cannot be started."""
    for row in rows:
        suite.data(row)  # a suite that is not whole says nothing about decoders

    def work(row: Row) -> str | None:
        return command.failure(suite, row)

    with ThreadPoolExecutor(jobs) as pool:
        return list(_failures(rows, pool.map(work, rows), progress))


def _failures(rows: Sequence[Row], found: Iterable[str | None], progress: Progress) -> Iterator[Failure]:
    for done, (row, what) in enumerate(zip(rows, found, strict=True), 1):
        progress(row.file, done, len(rows))
        if what is not None:
            yield Failure(row.file, what)


def difference(suite: Suite, row: Valid | ValidSet, samples: bytes) -> str | None:
    """What is wrong with the samples of a valid file; None if nothing is."""
    if sha256(samples) == row.pixels:
        return None
    sizes = [[row.width, row.height, row.channels, row.bits]] if isinstance(row, Valid) else row.pictures
    wanted = sum(width * height * channels * bits // 8 for width, height, channels, bits, *_ in sizes)
    if len(samples) != wanted:
        return f"{len(samples)} bytes of samples, not {wanted}"
    with models_from(suite.folder / MODELS):
        expected = decoded_samples(suite.data(row))
    if sha256(expected) != row.pixels:  # only the hash is known then
        return "other samples than those of the manifest"
    begin = 0
    for number, (width, height, channels, bits, *_) in enumerate(sizes):
        dtype, count = np.dtype(f"<u{bits // 8}"), width * height * channels
        parts = (np.frombuffer(part, dtype, count, begin) for part in (expected, samples))
        ours, theirs = (part.reshape(height, width, channels) for part in parts)
        begin += count * dtype.itemsize
        if (ours != theirs).any():
            y, x, c = np.argwhere(ours != theirs)[0].tolist()
            of = f"of picture {number}, " if isinstance(row, ValidSet) else ""
            return (
                f"{np.count_nonzero(ours != theirs)} of {count} samples differ, {of}first row {y}, column {x},"
                f" channel {c}: {theirs[y, x, c]}, not {ours[y, x, c]}"
            )
    raise AssertionError("bytes that differ belong to a sample")


# This package ---


def run_own(suite: Suite, rows: Sequence[Row], engines: Sequence[str], progress: Progress) -> list[Failure]:
    """The failures of this package's decoder with each of these engines. What it says of a file is compared, too."""
    found: list[Failure] = []
    done = 0
    for folder, group in groupby(sorted(rows, key=suite.models_folder), suite.models_folder):
        with models_from(folder):
            for row in group:
                found += [Failure(row.file, what) for what in own_failures(suite, row, engines)]
                done += 1
                progress(row.file, done, len(rows))
    return found


def own_failures(suite: Suite, row: Row, engines: Sequence[str]) -> Iterator[str]:
    """What is wrong with what this package makes of a file, whose models are at hand."""
    data = suite.data(row)
    for engine in engines:
        try:
            samples = decoded_samples(data, engine)
        except AecError as error:
            what = _other_failure(suite, row, error)
        else:
            what = (
                f"accepted, but invalid: {row.reason}" if isinstance(row, Invalid) else difference(suite, row, samples)
            )
        if what is not None:
            yield f"{engine}: {what}"
            return
    if not isinstance(row, Invalid):
        said = row_of(row.file, data)
        differing = [f.name for f in fields(row) if getattr(said, f.name) != getattr(row, f.name)]
        if differing:
            yield f"{', '.join(differing)}: not as in the manifest"


def _other_failure(suite: Suite, row: Row, error: AecError) -> str | None:
    """What is wrong with an error; None if it is of the kind that the manifest says."""
    if not isinstance(row, Invalid):
        return f"refused: {type(error).__name__}: {error}"
    kind = FAILURES[row.failure]
    if kind is InvalidModelFile:  # the registry passes over such files: nobody has asked for them by name
        (path,) = suite.models_folder(row).glob(f"*{registry.SUFFIX}")
        try:
            load(path.read_bytes())
        except InvalidModelFile:
            return None
        return f"the model file is accepted, but invalid: {row.reason}"
    return None if type(error) is kind else f"refused with {type(error).__name__}, not {kind.__name__}: {error}"
