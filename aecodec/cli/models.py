"""`aec models`: list the installed models, add one, remove one."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import click

import aecodec
from aecodec import urls
from aecodec.cli import byte_files
from aecodec.cli.failures import Failure, expected_errors
from aecodec.cli.text_table import text_table
from aecodec.errors import InvalidModelFile
from aecodec.models import registry
from aecodec.models.model import load

MOST_BYTES = 1 << 28  # of a model file: no more are read
WEB = ("http", "https")
SECONDS = 60.0  # without a byte from a server
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*-[0-9]+")


@click.group("models", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the installed models, or add and remove models of your own.

    The figures were measured on held-out pictures, which were not used in training.

    \b
    Example:
      aec models
      aec models --json
      aec models add digits-1.safetensors
      aec models remove digits-1
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


def _list(as_json: bool) -> None:
    models = aecodec.list_models()
    if as_json:
        click.echo(json.dumps([asdict(model) for model in models], indent=2))
        return
    rows = [("name", "number", "id", "tile", "channels", "parameters", "MAC/pixel", "for")]
    for model in models:
        tile = f"{model.tile[0]}x{model.tile[1]}" if model.tile else "any"
        number = f"{model.number}" if model.number else "-"
        size = f"{model.channels}", f"{model.parameters:,}", f"{model.macs_per_pixel:,.0f}"
        rows.append((model.name, number, model.id, tile, *size, model.purpose))
    click.echo(text_table(rows, right=(1, 4, 5, 6)))
    figures = [(model.name, figure) for model in models for figure in model.figures]
    if figures:
        held_out = [("name", "quality", "bytes", "PSNR")]
        for name, figure in figures:
            file_bytes, psnr = f"{figure['bytes']:.1f}", f"{figure['psnr']:.2f} dB"
            held_out.append((name, f"{figure['quality']}", file_bytes, psnr))
        click.echo("\nHeld-out pictures, mean bytes of a whole file:\n" + text_table(held_out, right=(1, 2, 3)))


@command.command("add")
@click.argument("source", metavar="FILE|URL")
@click.option("--id", "expected", metavar="ID", help="Refuse a model with another id than this one.")
def add(source: str, expected: str | None) -> None:
    """Check a model file, and put it where all commands find it.

    A file that was made with a model names it by its id, which covers every weight that decoding depends on. So whoever
    passes such files on should state the id along with the model. Of URLs, https:// works as it is, others by fsspec.

    \b
    Example:
      aec models add digits-1.safetensors
      aec models add https://example.org/digits-1.safetensors --id 0123456789abcdef
    """
    with expected_errors(source):
        data = _fetched(source)
        try:
            model = load(data)
        except InvalidModelFile as error:
            raise Failure(f"{source}: this is no sound model file: {error}") from error
        found = model.id.hex()
        if expected is not None and found != expected.lower():
            raise Failure(f"{source}: the id of this model is {found}, not {expected.lower()}")
        _require_free(source, model.name, found)
        target = registry.own_folder() / f"{model.name}{registry.SUFFIX}"
        byte_files.write(str(target), data)
    click.echo(f"{model.name}, id {found}: added to {target.parent}")
    try:
        model.analysis  # noqa: B018 -- is checked when it is asked for
    except InvalidModelFile as error:
        click.echo(f"note: {error}", err=True)


def _fetched(source: str) -> bytes:
    """The bytes of a file, here or elsewhere. Raises Failure, InvalidValue, OSError."""
    scheme = source.partition("://")[0].lower()
    if not urls.is_url(source):
        return byte_files.read(source)
    if scheme in WEB:
        from http.client import HTTPException
        from urllib.error import URLError
        from urllib.request import urlopen

        try:
            opened = urlopen(source, timeout=SECONDS)  # noqa: S310 - only of these schemes
        except URLError as error:
            if isinstance(error.reason, OSError):
                raise Failure(f"{source}: {error.reason.strerror or error.reason}") from error
            raise
        except (HTTPException, ValueError) as error:
            raise Failure(f"{source}: {error}") from error
    else:
        opened = urls.open_url(source)
    with opened as stream:
        data: bytes = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise Failure(f"{source}: more than {MOST_BYTES >> 20} MB: this is no model file")
    return data


def _require_free(source: str, name: str, found: str) -> None:
    """Raise Failure if another model has the name, or would be taken for a bundled one."""
    if not _NAME.fullmatch(name):
        raise Failure(
            f"{source}: the name of this model is {name!r}: a name has letters, digits and ._- only, and ends with a"
            " version, as in digits-1"
        )
    title = name.rpartition("-")[0]
    if name in registry.NUMBERS.values():
        raise Failure(f"{source}: {name} is a bundled model")
    installed = {model.name: model.id for model in aecodec.list_models()}
    if installed.get(name, found) != found:
        raise Failure(f"{source}: another model {name} is installed, with the id {installed[name]}")
    bundled = {numbered.rpartition("-")[0] for numbered in registry.NUMBERS.values()}
    if title in bundled and name not in installed:
        raise Failure(f"{source}: {title} is the name of a bundled model: train it with another --name")


@command.command("remove")
@click.argument("name", metavar="NAME")
def remove(name: str) -> None:
    """Remove a model that was added. Files that were made with it cannot be decoded any more.

    \b
    Example:
      aec models remove digits-1
    """
    path = registry.own_folder() / f"{name}{registry.SUFFIX}"
    if name not in registry.files() or registry.files()[name] != path:
        where = f": it lies in {registry.files()[name].parent}" if name in registry.files() else ""
        raise Failure(f"{name} is not a model that was added{where}")
    with expected_errors():
        path.unlink()
    click.echo(f"{name}: removed from {path.parent}")
