"""Golden files: what they decode to never changes. `conformance/make.py` wrote them."""

from __future__ import annotations

import golden
import numpy as np
import pytest
from golden import ROWS, SUITE

import aecodec
from aecodec import dataset
from aecodec.conformance.suite import MODELS, Valid, channels_of, models_from, raw, sha256
from aecodec.dataset import framing, picture_blocks
from aecodec.dataset.picture_blocks import Joined
from aecodec.format.container import read_header
from aecodec.lossless.plain import read_precision

MODES = {("L", 8): 1, ("I;16", 16): 1, ("RGB", 8): 3, ("RGB", 16): 3, ("RGBA", 8): 4, ("LA", 8): 2, ("LA", 16): 2}


def plain_method(data: bytes) -> int:
    """How the planes of a plain file are packed."""
    return data[read_precision(data, read_header(data)[1])[1]]


def require_golden(pixels: np.ndarray, row: Valid) -> None:
    assert (pixels.shape[0], pixels.shape[1], channels_of(pixels)) == (row.height, row.width, row.channels)
    assert 8 * pixels.itemsize == row.bits
    assert sha256(raw(pixels)) == row.pixels


@pytest.mark.parametrize("name", ROWS)
def test_a_golden_file_decodes_to_its_pixels(name: str) -> None:
    require_golden(aecodec.decode(golden.data(name)), ROWS[name])


@pytest.mark.parametrize("name", ROWS)
def test_a_golden_file_says_what_the_table_says(name: str) -> None:
    info, row = aecodec.inspect(golden.data(name)), ROWS[name]
    for key in ("width", "height", "bits", "model", "quality", "max_error", "packing", "inverted", "file_bytes"):
        assert getattr(info, key) == getattr(row, key), key
    assert MODES[info.mode, info.bits] == row.channels


def test_golden_files_decode_the_same_all_at_once() -> None:
    for pixels, row in zip(aecodec.decode_many([golden.data(name) for name in ROWS]), ROWS.values(), strict=True):
        require_golden(pixels, row)


def test_every_corner_of_the_format_is_in_the_golden_files() -> None:
    plain = {name: row for name, row in ROWS.items() if row.model == "plain"}
    assert {plain_method(golden.data(name)) for name in plain} == {0, 1, 2, 3, 4}
    colour = {model.name for model in aecodec.list_models() if model.channels == 3}
    gray = {model.name for model in aecodec.list_models()} - colour
    found = {(row.bits, row.max_error == 0) for row in plain.values()}
    assert found == {(8, True), (8, False), (16, True), (16, False)}
    assert {row.channels for row in plain.values()} == {1, 2, 3, 4}
    for packing in ("rans", "zstd"):
        mine = [row for row in ROWS.values() if row.packing == packing and row.model != "plain"]
        assert {row.model for row in mine} == colour | gray
        assert {1, 75, 100} <= {row.quality for row in mine}
        assert {(5, 7), (31, 33), (70, 5), (5, 70)} <= {(row.width, row.height) for row in mine}
        assert {row.model for row in mine if row.inverted} == gray
        assert any(row.channels == 1 and row.model in colour for row in mine)
        assert any(row.width > 100 and row.height > 100 for row in mine)


def test_the_data_sets_are_whole_and_have_blocks_of_every_kind() -> None:
    entries, blocks = [], []
    with models_from(SUITE.folder / MODELS):
        for row in SUITE.data_sets:
            with dataset.open(SUITE.folder / row.file) as ds:
                assert ds.verify() == [], row.file
                entries += ds.entries
        for entry in entries:
            block = picture_blocks.parse(entry, None) if entry.kind in framing.PICTURES else None
            blocks += [block] if isinstance(block, Joined) else []
    assert {entry.kind for entry in entries} == set(framing.KINDS) - {framing.INDEX}
    assert {block.own_qualities for block in blocks} == {False, True}
    assert {block.shown.max_error for block in blocks} >= {None, 0, 2}
    assert {block.shown.header.packing for block in blocks} == {"rans", "zstd"}
    assert {block.shown.header.variant for block in blocks} == {False, True}
