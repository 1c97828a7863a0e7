"""Files from residuals or samples that the caller chooses, with none of an encoder's decisions."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from aecodec import engines
from aecodec.decoding import panels as latents
from aecodec.encoding import lossy, near_lossless
from aecodec.format import container, panels
from aecodec.format.container import Header
from aecodec.format.panels import PanelGrid
from aecodec.models.causal import Coding
from aecodec.models.model import Model
from aecodec.packing import pack

if TYPE_CHECKING:
    from numpy.typing import NDArray

Choose: TypeAlias = "Callable[[NDArray[Any]], NDArray[Any]]"
"""The residuals of a pass, for its classes: both (E,). Residuals of skipped classes have to be 0."""

ENGINE = "numpy"  # the pixels are the same with every engine


def size_of(model: Model, header: Header) -> tuple[int, int]:
    """The size (height, width) of a picture with this header."""
    if header.size is not None:
        return header.size[1], header.size[0]
    assert model.description.tile is not None, "a model without a tile needs a size"
    return model.description.tile


def write_lossy(model: Model, header: Header, choose: Choose) -> bytes:
    """The file with these residuals; `choose` is called pass after pass, panel after panel."""
    size = size_of(model, header)
    grid = PanelGrid.of(size, model.description.unit)
    written = container.write_header(header)

    def read(classes: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(choose(classes.reshape(-1)), np.int32).reshape(classes.shape)

    parts = []
    for index in range(grid.count):
        box = grid.box(index)
        size = box.height, box.width
        _, coded = latents.walk(model, engines.engine(ENGINE), np.array([header.quality]), size, read)
        if grid.count == 1:
            return lossy.assemble([header], header.packing, model.tables, coded)[0]
        seed = panels.seed_of(index, grid.count, zlib.crc32(written))
        checks = panels.checksums(coded.residuals, [seed])
        parts += pack(header.packing, model.tables, coded.residuals, coded.classes, checks)
    return written + panels.join(parts)


def write_samples(model: Model, header: Header, picture: NDArray[np.uint8], max_error: int = 0) -> bytes:
    """The lossless or near-lossless file of a picture (H, W, channels of the model); a gray one's are all equal."""
    gray = header.variant and model.description.channels == 3
    coding = Coding(model, engines.engine(ENGINE), gray, max_error)
    return near_lossless.assemble(coding, [header], picture[None])[0]
