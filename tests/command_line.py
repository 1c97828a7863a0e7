"""The command `aec`, run within the test's own process."""

from __future__ import annotations

from click.testing import CliRunner, Result

from aecodec.cli import main


def aec(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, arguments, input=stdin, prog_name="aec")


def succeeds(*arguments: str, stdin: bytes = b"") -> Result:
    result = aec(*arguments, stdin=stdin)
    assert (result.exit_code, result.stderr) == (0, "")
    return result
