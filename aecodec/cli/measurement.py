"""What commands that measure pictures share: options for their input and output, and how they fail."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from aecodec.cli.byte_files import require_writable, write
from aecodec.cli.encoder_options import effort_option, model_option, tune_option
from aecodec.cli.failures import Failure, expected_errors
from aecodec.cli.file_pairs import PIPE
from aecodec.cli.library_messages import printing_collected, reported
from aecodec.cli.option_groups import Decorator, all_of
from aecodec.cli.option_values import tile_size, whole_number
from aecodec.images.files import is_picture_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from aecodec.sources.items import Item

coding_options: Final = all_of(model_option, effort_option, tune_option)
no_progress_option: Final = click.option("--quiet", is_flag=True, help="Do not show progress.")


def limit_option(*names: str, default: int | None = None) -> Decorator:
    """Declare --limit, and other names of it."""
    return click.option(
        *names,
        "--limit",
        type=whole_number(1),
        default=default,
        show_default=default is not None,
        metavar="N",
        help="Take the first N pictures only.",
    )


data_options: Final = all_of(
    click.argument("data", metavar="DATA...", nargs=-1, required=True),
    click.option(
        "--tile", type=tile_size, metavar="N|WxH", help="Treat single pictures as sheets of tiles of this size."
    ),
    limit_option(),
)


@dataclass(frozen=True)
class DataOptions:
    """The values of `data_options`. tile: (height, width)."""

    data: tuple[str, ...]
    tile: tuple[int, int] | None
    limit: int | None

    def load(self) -> list[Item]:
        """Read the pictures. Raises Failure."""
        return load(self.data, self.tile, self.limit)


def load(data: Sequence[str], tile: tuple[int, int] | None = None, limit: int | None = None) -> list[Item]:
    """Read the first `limit` pictures of several sources. Raises Failure."""
    from aecodec.sources import items

    with reading():
        return items.load(data, tile, limit)


def load_alike(data: str, model: str, limit: int | None) -> NDArray[np.uint8]:
    """Read the first `limit` pictures of a source, all of the model's size. Raises Failure."""
    from aecodec.sources.stacks import pictures_for

    with reading():
        return pictures_for(data, model, limit)


@contextmanager
def reading() -> Iterator[None]:
    """Turn errors of sources into a Failure, and what libraries say about all of their files into one line."""
    with reported(), printing_collected(), measurement_errors():
        yield


@contextmanager
def measurement_errors() -> Iterator[None]:
    """Turn errors that are to be expected into a Failure; a missing package is one of them."""
    try:
        with expected_errors():
            yield
    except ValueError as error:
        raise Failure(str(error)) from error
    except ImportError as error:
        raise Failure(f"this needs the package {error.name}: install it with pip install 'aecodec[bench]'") from error


def output_path(*names: str, text: str, required: bool = False, metavar: str = "FILE") -> Decorator:
    """Declare an option that names a file to write. Missing folders are created when it is written."""
    return click.option(
        *names, required=required, type=click.Path(dir_okay=False, path_type=Path), metavar=metavar, help=text
    )


def require_new(outputs: Sequence[Path | None], sources: Sequence[str | Path], *, force: bool) -> None:
    """Raise Failure, before anything is measured, if an output cannot be written or would replace something.

    It must not be an existing file, unless `force` is set, and never one of the sources, a picture below a source that
    is a folder, or another output.
    """
    files = [file for file in outputs if file is not None]
    for index, file in enumerate(files):
        if any(os.path.abspath(file) == os.path.abspath(other) for other in files[:index]):
            raise Failure(f"{file}: two outputs cannot have the same name")
        if str(file) == PIPE:
            continue
        require_writable("", str(file), force=force)
        for source in sources:
            require_writable(_file_of(source), str(file), force=force)
            if file.exists() and is_picture_name(file.name) and _is_below(file, Path(source)):
                raise Failure(f"{file}: is one of the pictures in {source}, which are the input")
        if file.parent.exists() and not os.access(file.parent, os.W_OK):
            raise Failure(f"{file}: the folder is not writable")


def _file_of(source: str | Path) -> str:
    """The file of a source, which may be an array of an npz file."""
    from aecodec.sources.items import split_npz

    return str(source if os.path.exists(source) else split_npz(str(source))[0])


def _is_below(file: Path, folder: Path) -> bool:
    # Where the file itself is a link does not matter: a source is read through it.
    return folder.is_dir() and file.parent.resolve().is_relative_to(folder.resolve())


def print_beside(text: str, outputs: Sequence[Path | None]) -> None:
    """Print what belongs to the outputs: to standard error if one of them is standard output."""
    click.echo(text, err=any(str(file) == PIPE for file in outputs))


def require_png(output: Path) -> None:
    """Raise click.UsageError unless the name of a figure ends in .png."""
    if output.suffix.lower() != ".png":
        raise click.UsageError(f"{output}: the figure is a PNG file, so its name must end in .png")


def write_png(output: Path, figure: Image.Image) -> None:
    """Write a figure as a PNG file."""
    buffer = io.BytesIO()
    figure.save(buffer, "PNG", optimize=True)
    write(str(output), buffer.getvalue())
