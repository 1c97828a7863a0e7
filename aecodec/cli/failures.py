"""How commands fail: one sentence on standard error, exit code 1, no traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from aecodec.errors import AecError


class Failure(click.ClickException):
    """A failure other than wrong usage. Click prints its message and exits with 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message on standard error."""
        click.echo(f"aec: {self.format_message()}", file=file, err=True)


@contextmanager
def expected_errors(name: str | None = None) -> Iterator[None]:
    """Turn errors that are to be expected with the file `name` into a Failure that names it."""
    where = f"{name}: " if name else ""
    try:
        yield
    except BrokenPipeError:
        raise  # the reader of our output has left: click exits silently
    except AecError as error:
        raise Failure(f"{where}{error}") from error
    except OSError as error:
        # Both reading one file and writing another happen in here: the error itself knows which of them it was.
        where = f"{click.format_filename(error.filename)}: " if isinstance(error.filename, str) else where
        raise Failure(f"{where}{error.strerror or error}") from error
    except MemoryError as error:
        raise Failure(f"{where}not enough memory for this picture") from error
