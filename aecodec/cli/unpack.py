"""`aec unpack`: write the pictures of a data set as files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from aecodec.cli.byte_files import make_folder, require_local, write
from aecodec.cli.conversion_options import force_option, max_pixels_option, quiet_option
from aecodec.cli.data_sets import label_name, require_file
from aecodec.cli.failures import Failure, expected_errors
from aecodec.cli.picture_files import FORMATS, write_picture
from aecodec.cli.progress import StatusLine
from aecodec.dataset import DataSet
from aecodec.dataset import open as open_data_set
from aecodec.errors import AecError

AEC: Final = "aec"
NAME: Final = "name"
_LONGEST_NAME: Final = 200
_LONGEST_PART: Final = 230  # bytes of the name of a file or folder, which file systems limit to 255, without our ending


@click.command("unpack")
@click.argument("file", metavar="FILE")
@click.option("-o", "--output", metavar="FOLDER", required=True, help="The folder to write to.")
@click.option(
    "--format",
    "picture_format",
    type=click.Choice([AEC, *FORMATS]),
    default="png",
    show_default=True,
    help="Format to write; aec: single .aec files, which are not encoded again.",
)
@click.option("--pictures", metavar="A-B", help="Write only these numbers, such as 7 or 0-99.")
@max_pixels_option
@force_option
@quiet_option
def command(file: str, output: str, picture_format: str, pictures: str | None, **options: Any) -> None:
    """Write the pictures of a data set as files.

    A picture is named as its file was when it was packed, or by its number, and labels that have names become folders.
    Pictures that are damaged are reported, the others are written nevertheless, and the exit code is 1; so it is if the
    index is lost, and whatever can be found is written, or if the names are, and numbers take their place.

    \b
    Example:
      aec unpack digits.aecs -o digits
      aec unpack digits.aecs -o some --pictures 0-99
      aec unpack digits.aecs -o files --format aec
    """
    require_local(output)
    require_file(file)
    with expected_errors(file):
        ds, whole = _opened(file, options["max_pixels"])
    failed = not whole
    with expected_errors(file), ds, StatusLine(options["quiet"]) as status:
        wanted = _wanted(pictures, len(ds))
        try:
            names = _names(ds, picture_format)
        except AecError as error:
            click.echo(f"aec: {file}: names and labels cannot be read, so numbers are the names: {error}", err=True)
            names, failed = _numbers(ds, picture_format), True
        make_folder(output)
        chosen = [names(number) for number in wanted]  # in their order, whatever that of the blocks is
        for done, (number, made) in enumerate(_in_blocks(ds, wanted, picture_format), 1):
            target = os.path.join(output, chosen[number - wanted.start])
            try:
                _write(target, made, f"{file}: picture {number}", options["force"])
            except Failure as failure:
                failure.show()
                failed = True
                continue
            if made.notes and not options["quiet"]:
                click.echo(f"aec: {target}: {'; '.join(made.notes)}", err=True)
            status("pictures written", done, len(wanted))
    if failed:
        raise click.exceptions.Exit(1)


class _Made(NamedTuple):
    """What a picture became: a file, or an error; and notes on what the format cannot store."""

    file: bytes | AecError
    notes: tuple[str, ...] = ()


def _write(target: str, made: _Made, name: str, force: bool) -> None:
    """Write the file of a picture, which messages call `name`. Raises Failure."""
    if isinstance(made.file, AecError):
        raise Failure(f"{name}: {made.file}")
    if os.path.exists(target) and not force:
        raise Failure(f"{target}: already exists; use --force to overwrite it")
    with expected_errors(target):
        write(target, made.file)


def _opened(file: str, max_pixels: int) -> tuple[DataSet, bool]:
    """The data set, or what is left of it, and whether it is whole. Raises AecError, also if no picture is left."""
    try:
        return open_data_set(file, max_pixels=max_pixels), True
    except AecError as error:
        found = open_data_set(file, max_pixels=max_pixels, recover=True)
        if not len(found):
            found.close()
            raise
        click.echo(f"aec: {file}: {error}", err=True)
        return found, False


def _wanted(text: str | None, count: int) -> range:
    if text is None:
        return range(count)
    first, _, last = text.partition("-")
    if not (first.isdecimal() and (last or first).isdecimal() and int(first) <= int(last or first) < count):
        raise click.UsageError(f"--pictures {text} is not a number, or a range such as 0-99, below {count}")
    return range(int(first), int(last or first) + 1)


def _in_blocks(ds: DataSet, wanted: range, picture_format: str) -> Iterator[tuple[int, _Made]]:
    """The numbers with their files, or with what is wrong, block by block, so that each is decoded once."""
    groups = [*ds.blocks(), *ds.missing.numbers().reshape(-1, 1)]
    for group in sorted(groups, key=lambda numbers: int(numbers[0])):
        numbers = group[(group >= wanted.start) & (group < wanted.stop)]
        if picture_format == AEC:
            yield from zip(numbers.tolist(), _aec_files(ds, numbers), strict=True)
        else:
            yield from ((number, _picture_file(ds, number, picture_format)) for number in numbers.tolist())


def _aec_files(ds: DataSet, numbers: NDArray[np.int64]) -> list[_Made]:
    """The files of pictures of a block, which are damaged together."""
    try:
        return [_Made(file) for file in ds.files(numbers)]
    except AecError as error:
        return [_Made(error)] * len(numbers)


def _picture_file(ds: DataSet, number: int, picture_format: str) -> _Made:
    try:
        return _Made(*write_picture(ds[number], ds.metadata_of(number), picture_format))
    except AecError as error:
        return _Made(error)


def _names(ds: DataSet, picture_format: str) -> _Names:
    """The names that pictures have in the data set. Raises AecError."""
    columns = ds.columns
    return _Names(
        picture_format,
        _digits(ds),
        columns[NAME] if columns.kinds.get(NAME) == "string" else None,
        ds.labels if ds.label_names else None,
        ds.label_names,
    )


def _numbers(ds: DataSet, picture_format: str) -> _Names:
    return _Names(picture_format, _digits(ds), None, None, [])


def _digits(ds: DataSet) -> int:
    return len(str(max(0, len(ds) - 1)))


class _Names:
    """Names of files in the folder: unique, and within it."""

    def __init__(self, suffix: str, digits: int, given: Any, labels: Any, label_names: list[str]) -> None:
        self._suffix, self._digits, self._given = suffix, digits, given
        self._labels, self._label_names = labels, label_names
        self._used: set[str] = set()

    def __call__(self, number: int) -> str:
        """The name for a picture."""
        plain = f"{number:0{self._digits}}"
        stem = plain
        if self._given is not None and _is_safe(self._given[number]):
            stem = str(PurePosixPath(self._given[number]).with_suffix(""))
        elif self._labels is not None:
            folder = label_name(self._label_names, int(self._labels[number]))
            stem = f"{folder}/{plain}" if folder and "/" not in folder and _is_safe(folder) else plain
        while stem.lower() in self._used:
            stem = f"{stem}-{plain}"
        self._used.add(stem.lower())
        return f"{stem}.{self._suffix}"


def _is_safe(name: str) -> bool:
    """Whether a name stays within the folder, on every system, and is one that files can have."""
    path = PurePosixPath(name)
    parts = path.parts
    if path.is_absolute() or not parts or len(name) > _LONGEST_NAME or not name.isprintable():
        return False
    if max(len(part.encode()) for part in parts) > _LONGEST_PART:
        return False
    return not any(part in ("..", ".") or set(part) & set('\\:*?"<>|') for part in parts)
