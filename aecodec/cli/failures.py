"""How commands fail: one sentence on standard error, exit code 1, no traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from aecodec.errors import AecError


class Failure(click.ClickException):
    """A failure that is not wrong usage; click prints it and exits with 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"aec: {self.format_message()}", file=file, err=True)


@contextmanager
def in_one_sentence(name: str | None = None) -> Iterator[None]:
    """Turns what can be expected to go wrong with the file `name` into a Failure that says so."""
    where = f"{name}: " if name is not None else ""
    try:
        yield
    except BrokenPipeError:
        raise  # whoever reads our output has seen enough: click ends quietly
    except AecError as error:
        raise Failure(f"{where}{error}") from error
    except OSError as error:
        # The error knows better which file it was: reading one and writing another both happen in here.
        where = f"{click.format_filename(error.filename)}: " if isinstance(error.filename, str) else where
        raise Failure(f"{where}{error.strerror or error}") from error
    except MemoryError as error:
        raise Failure(f"{where}not enough memory for this picture") from error
