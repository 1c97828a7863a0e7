"""What the commands that measure share: their data, options about coding, progress, and how they fail."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from aecodec.cli.byte_files import write
from aecodec.cli.failures import Failure, in_one_sentence
from aecodec.cli.progress import CLEAR, columns
from aecodec.encoding.options import DEFAULT_EFFORT
from aecodec.errors import UnknownModel
from aecodec.models import registry

if TYPE_CHECKING:
    from PIL import Image

    from aecodec.sources.items import Item

_BAR_CELLS: Final = 20
_REDRAW_SECONDS: Final = 0.1


class Numbers(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Whole numbers within bounds, with commas between."""

    name = "N,N,..."

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        if not all(part.isdecimal() and self.least <= int(part) <= self.most for part in parts):
            self.fail(
                f"{value!r} is no list of numbers from {self.least} to {self.most} with commas between", param, ctx
            )
        return tuple(dict.fromkeys(map(int, parts)))


class Decibels(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """PSNRs above 0, with commas between."""

    name = "DB,DB,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            found = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            found = ()
        if not found or not all(0 < psnr < 100 for psnr in found):
            self.fail(f"{value!r} is no list of PSNRs with commas between", param, ctx)
        return found


class Rates(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Two rates in bits per pixel, the lower one first, with a colon between."""

    name = "LOW:HIGH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        try:
            low, high = (float(part) for part in str(value).split(":"))
        except ValueError:
            low = high = 0.0
        if not 0 < low < high < 1000:
            self.fail(f"{value!r} is not two rates such as 0.3:1.5", param, ctx)
        return low, high


def _known_model(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if value != "auto":
        try:
            registry.by_name(value)
        except UnknownModel as error:
            raise click.BadParameter(str(error)) from error
    return value


_DATA: Final = (
    click.argument("data", metavar="DATA...", nargs=-1, required=True),
    click.option(
        "--tile",
        metavar="N|WxH",
        callback=lambda ctx, param, value: _tile(value),
        help="Single pictures are sheets of tiles of so many pixels.",
    ),
    click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N pictures."),
)
model_option = click.option(
    "-m",
    "--model",
    default="auto",
    show_default=True,
    metavar="NAME",
    callback=_known_model,
    help="As `aec models` lists them; auto tries.",
)
_EFFORT: Final = click.option(
    "-e", "--effort", type=click.IntRange(0, 9), default=DEFAULT_EFFORT, show_default=True, help="As of `aec compress`."
)
quiet_option = click.option("--quiet", is_flag=True, help="No progress.")


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """DATA, and what is taken of it."""
    for option in reversed(_DATA):
        command = option(command)
    return command


def coding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """-m and -e."""
    decorated: Callable[..., Any] = model_option(_EFFORT(command))
    return decorated


def output_path(*names: str, text: str, required: bool = False) -> Callable[[Any], Any]:
    """An option that names a file to write. Its folder is made when it is written."""
    return click.option(*names, required=required, type=click.Path(dir_okay=False, path_type=Path), help=text)


def _tile(value: str | None) -> tuple[int, int] | None:
    """(height, width) of tiles."""
    if value is None:
        return None
    width, _, height = value.lower().partition("x")
    if not (width.isdecimal() and (height or width).isdecimal() and int(width) and int(height or width)):
        raise click.BadParameter(f"{value!r} is no size of tiles, like 32 or 28x28")
    return int(height or width), int(width)


def load(data: Sequence[str], tile: tuple[int, int] | None = None, limit: int | None = None) -> list[Item]:
    """The pictures of DATA. Raises Failure for what cannot be read."""
    from aecodec.sources import items

    with measuring():
        return items.load(data, tile, limit)


@contextmanager
def measuring() -> Iterator[None]:
    """Turns what can be expected to go wrong into one sentence; a missing package is one as well."""
    try:
        with in_one_sentence():
            yield
    except ValueError as error:
        raise Failure(str(error)) from error
    except ImportError as error:
        raise Failure(f"this needs the package {error.name}: install it with pip install 'aecodec[bench]'") from error


class Status:
    """One line on standard error that says what is being done and how far it is: on a terminal, and nowhere else."""

    def __init__(self, quiet: bool = False) -> None:
        self._visible = sys.stderr.isatty() and not quiet
        self._drawn = 0.0

    def __call__(self, text: str, done: int, count: int) -> None:
        if not self._visible or time.monotonic() - self._drawn < _REDRAW_SECONDS:
            return
        self._drawn = time.monotonic()
        share = done / count if count else 0.0
        cells = "#" * int(share * _BAR_CELLS)
        line = f"[{cells:-<{_BAR_CELLS}}] {share:4.0%}  {done:,}/{count:,}  {text}"
        sys.stderr.write(CLEAR + line[: columns() - 1])
        sys.stderr.flush()

    def part(self, index: int, parts: int) -> Callable[[str, int, int], None]:
        """The same for one of several equal parts of the work."""
        return lambda text, done, count: self(text, index * count + done, parts * count)

    def __enter__(self) -> Status:
        return self

    def __exit__(self, *error: object) -> None:
        if self._visible and self._drawn:
            sys.stderr.write(CLEAR)
            sys.stderr.flush()


def require_new(files: Sequence[Path | None], force: bool) -> None:
    """Fails, before anything is measured, if a file would be overwritten or cannot be made."""
    for file in files:
        if file is not None and file.exists() and not force:
            raise Failure(f"{file}: exists already; --force overwrites it")
        if file is not None and file.parent.exists() and not os.access(file.parent, os.W_OK):
            raise Failure(f"{file}: the folder cannot be written to")


def require_png(output: Path) -> None:
    """Fails where a figure would be given another name than that of a PNG file."""
    if output.suffix.lower() != ".png":
        raise click.UsageError(f"{output}: the figure is a PNG file, and its name has to end in .png")


def write_png(output: Path, figure: Image.Image) -> None:
    buffer = io.BytesIO()
    figure.save(buffer, "PNG", optimize=True)
    write(str(output), buffer.getvalue())
