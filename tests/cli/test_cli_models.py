"""`aec models add` and `remove`: only sound models, under their own names, and only with the right id."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket

import numpy as np
import pytest
from command_line import aec, succeeds
from PIL import Image

import aecodec
from aecodec.conformance.tiny_models import tiny_file
from aecodec.models import registry, safetensors
from aecodec.models.model import ANALYSIS, load

MODEL = tiny_file(name="tiny-1")
ID = load(MODEL).id.hex()


@pytest.fixture
def kept(own_folder: Path, tmp_path: Path) -> Iterator[Path]:
    """The folder of the models that a user adds; the working folder has tiny-1.safetensors."""
    with pytest.MonkeyPatch.context() as patch:  # of its own, to be undone before that of own_folder
        patch.delenv(registry.VARIABLE)
        patch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        patch.setattr("sys.platform", "linux")
        patch.chdir(tmp_path)
        Path("tiny-1.safetensors").write_bytes(MODEL)
        yield tmp_path / "data" / "aecodec" / "models"


def refused(*arguments: str) -> str:
    result = aec("models", *arguments)
    assert result.exit_code == 1
    assert result.stdout == "" and len(result.stderr.splitlines()) == 1
    return result.stderr


def test_an_added_model_codes_and_a_removed_one_is_unknown(kept: Path) -> None:
    Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6) * 9).save("a.png")
    assert "tiny" in aec("compress", "a.png", "-m", "tiny").stderr  # unknown
    assert ID in succeeds("models", "add", "tiny-1.safetensors").stdout
    registry.forget()  # as a new process would begin
    assert [path.name for path in kept.iterdir()] == ["tiny-1.safetensors"]
    succeeds("compress", "a.png", "-m", "tiny", "-q", "40", "-o", "a.aec")
    assert aecodec.inspect(Path("a.aec").read_bytes()).model_id == ID
    succeeds("models", "add", "tiny-1.safetensors", "--id", ID.upper())  # again
    succeeds("models", "remove", "tiny-1")
    registry.forget()
    assert list(kept.iterdir()) == []
    result = aec("decompress", "a.aec", "-o", "b.png")
    assert result.exit_code == 1 and "aec models add" in result.stderr and not Path("b.png").exists()


def test_a_model_with_another_id_is_refused(kept: Path) -> None:
    assert f"{ID}, not 0123456789abcdef" in refused("add", "tiny-1.safetensors", "--id", "0123456789abcdef")
    assert not kept.exists()


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("damaged-1", MODEL[:-9], "no sound model file"),
        ("text-1", b"not a model", "no sound model file"),
        ("photo-4", tiny_file(name="photo-4"), "a bundled model"),
        ("photo-77", tiny_file(name="photo-77"), "the name of a bundled model"),
        ("unnumbered", tiny_file(name="unnumbered"), "ends with a version"),
        ("elsewhere-1", tiny_file(name="../elsewhere-1"), "letters, digits and"),
    ],
)
def test_what_must_not_be_added_is_refused(name: str, data: bytes, why: str, kept: Path) -> None:
    Path(f"{name}.safetensors").write_bytes(data)
    assert why in refused("add", f"{name}.safetensors")
    assert not kept.exists()


def test_a_name_is_not_given_to_another_model(kept: Path) -> None:
    succeeds("models", "add", "tiny-1.safetensors")
    registry.forget()
    Path("other.safetensors").write_bytes(tiny_file(updates=False, name="tiny-1"))
    assert "another model tiny-1 is installed" in refused("add", "other.safetensors")
    assert (kept / "tiny-1.safetensors").read_bytes() == MODEL


def test_a_model_without_transforms_decodes_only(kept: Path) -> None:
    Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6) * 9).save("a.png")
    succeeds("models", "add", "tiny-1.safetensors")
    registry.forget()
    succeeds("compress", "a.png", "-m", "tiny", "-q", "40", "-o", "a.aec")
    succeeds("decompress", "a.aec", "-o", "a.ppm")
    arrays, metadata = safetensors.load(MODEL)
    smaller = {name: array for name, array in arrays.items() if not name.startswith(ANALYSIS)}
    Path("smaller.safetensors").write_bytes(safetensors.dump(smaller, metadata))
    added = aec("models", "add", "smaller.safetensors")
    assert added.exit_code == 0 and "note: the model tiny-1 can only decode" in added.stderr
    registry.forget()
    succeeds("decompress", "a.aec", "-o", "b.ppm")
    assert Path("b.ppm").read_bytes() == Path("a.ppm").read_bytes()
    failed = aec("compress", "a.png", "-m", "tiny", "-q", "40", "-o", "b.aec")
    assert failed.exit_code == 1 and "can only decode" in failed.stderr and not Path("b.aec").exists()


def test_what_was_not_added_is_not_removed(kept: Path) -> None:
    assert "it lies in" in refused("remove", "photo-4")
    assert "not a model that was added" in refused("remove", "../tiny-1")
    assert Path("tiny-1.safetensors").exists()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where the working folder is served."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_model_comes_from_the_web(kept: Path, address: str) -> None:
    succeeds("models", "add", f"{address}/tiny-1.safetensors", "--id", ID)
    assert (kept / "tiny-1.safetensors").read_bytes() == MODEL
    assert "404" in refused("add", f"{address}/missing-1.safetensors")


def test_a_server_that_does_not_answer_is_named(kept: Path) -> None:
    with socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/tiny-1.safetensors"
        said = refused("add", url)
    assert said.startswith(f"aec: {url}: ") and "<" not in said and not kept.exists()


@pytest.mark.parametrize("url", ["http://a b/x", "http://host:abc/x", "https://exa..mple/x", "http://[bad"])
def test_a_url_that_is_none_is_one_sentence(url: str, kept: Path) -> None:
    said = refused("add", url)
    assert said.startswith(f"aec: {url}: ") and said.count("\n") == 1 and not kept.exists()
