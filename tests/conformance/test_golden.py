"""Golden files: what they decode to never changes. `tests/golden/make.py` wrote them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aecodec
from aecodec import dataset
from aecodec.dataset import framing, picture_blocks
from aecodec.dataset.picture_blocks import Joined
from aecodec.format.container import read_header
from aecodec.lossless.plain import read_precision

FOLDER = Path(__file__).parents[1] / "golden"
ROWS: dict[str, dict[str, Any]] = json.loads((FOLDER / "golden.json").read_text())


def file(name: str) -> bytes:
    return (FOLDER / f"{name}.aec").read_bytes()


def plain_method(data: bytes) -> int:
    """How the planes of a plain file are packed."""
    return data[read_precision(data, read_header(data)[1])[1]]


def require_golden(pixels: np.ndarray, row: dict[str, Any]) -> None:
    width, height = row["size"]
    assert 8 * pixels.dtype.itemsize == row["bits"]
    assert pixels.shape == (height, width, *{"L": (), "I;16": (), "RGB": (3,), "RGBA": (4,)}[row["mode"]])
    little = pixels.astype(pixels.dtype.newbyteorder("<"))
    assert hashlib.sha256(little.tobytes()).hexdigest() == row["sha256"]


@pytest.mark.parametrize("name", ROWS)
def test_a_golden_file_decodes_to_its_pixels(name: str) -> None:
    require_golden(aecodec.decode(file(name)), ROWS[name])


@pytest.mark.parametrize("name", ROWS)
def test_a_golden_file_says_what_the_table_says(name: str) -> None:
    info, row = aecodec.inspect(file(name)), dict(ROWS[name])
    row.pop("sha256")
    said = {"size": [info.width, info.height], "bytes": info.file_bytes}
    said |= {key: getattr(info, key) for key in row.keys() - said.keys()}
    assert said == row


def test_golden_files_decode_the_same_all_at_once() -> None:
    for pixels, row in zip(aecodec.decode_many([file(name) for name in ROWS]), ROWS.values(), strict=True):
        require_golden(pixels, row)


def test_every_file_is_in_the_table_and_every_corner_of_the_format_in_the_files() -> None:
    methods = {plain_method(file(name)) for name in ROWS if ROWS[name]["model"] == "plain"}
    assert methods == {0, 1, 2, 3, 4}
    assert {path.stem for path in FOLDER.glob("*.aec")} == set(ROWS)
    rows = ROWS.values()
    colour = {model.name for model in aecodec.list_models() if model.channels == 3}
    gray = {model.name for model in aecodec.list_models()} - colour
    plain = [row for row in rows if row["model"] == "plain"]
    assert {(row["bits"], row["max_error"] == 0) for row in plain} == {(8, True), (8, False), (16, True), (16, False)}
    assert {row["mode"] for row in plain} == {"L", "RGB", "RGBA", "I;16"}
    for packing in ("rans", "zstd"):
        mine = [row for row in rows if row["packing"] == packing and row["model"] != "plain"]
        assert {row["model"] for row in mine} == colour | gray
        assert {1, 75, 100} <= {row["quality"] for row in mine}
        assert {(5, 7), (31, 33), (70, 5), (5, 70)} <= {tuple(row["size"]) for row in mine}
        assert {row["model"] for row in mine if row["inverted"]} == gray
        assert any(row["mode"] == "L" and row["model"] in colour for row in mine)
        assert any(row["size"][0] > 100 and row["size"][1] > 100 for row in mine)


def test_the_golden_data_set_holds_what_the_table_says() -> None:
    from golden import make

    ds = dataset.open(make.DATA_SET)
    assert make.described(ds) == json.loads(make.DATA_SET_TABLE.read_text())
    assert ds.verify() == []


def test_the_golden_data_set_has_blocks_of_every_kind() -> None:
    with dataset.open(FOLDER / "set.aecs") as ds:
        assert {entry.kind for entry in ds.entries} == set(framing.KINDS) - {framing.INDEX}
        joined = [picture_blocks.parse(entry, None) for entry in ds.entries if entry.kind == framing.JOINED]
    blocks = [block for block in joined if isinstance(block, Joined)]
    assert {block.own_qualities for block in blocks} == {False, True}
    assert {block.shown.max_error for block in blocks} == {None, 0, 2}
    assert {block.shown.header.packing for block in blocks} == {"rans", "zstd"}
    assert {block.shown.header.variant for block in blocks} == {False, True}
