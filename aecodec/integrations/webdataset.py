"""A decoder of the members .aec of WebDataset's tars, for `WebDataset.decode`, and an encoder for its `TarWriter`.

    import webdataset as wds
    from aecodec.integrations.webdataset import decoder, encoder

    with wds.TarWriter("train.tar", encoder=encoder(quality=60)) as tar:
        tar.write({"__key__": "000", "aec": picture, "cls": 7})
    samples = wds.WebDataset("train.tar", shardshuffle=False).decode(decoder())

The decoder needs nothing of WebDataset: it is a function of a member's extension and bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import aecodec
from aecodec.encoding.options import EncodeOptions
from aecodec.images.source import Picture

EXTENSION: Final = "aec"


def decoder(**options: Any) -> Callable[[str, bytes], Picture | None]:
    """A handler for `WebDataset.decode`: arrays of members .aec, None for others, which leaves them to other handlers.

    options: those of `aecodec.decode`. The handler raises AecError for a damaged member, which WebDataset passes to the
    `handler` of its `decode`. It can be pickled.
    """
    return partial(_decoded, options)


def encoder(**options: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """An encoder for `TarWriter`: pictures in members .aec become files, other members are left to WebDataset.

    options: those of `aecodec.encode`. Raises InvalidValue for options that `encode` does not take.
    """
    EncodeOptions.parse(options)
    return partial(_encoded, options)


def _extension(key: str) -> str:
    return key.rpartition(".")[2].lower()


def _decoded(options: dict[str, Any], key: str, data: bytes) -> Picture | None:
    return aecodec.decode(data, **options) if _extension(key) == EXTENSION else None


def _encoded(options: dict[str, Any], sample: dict[str, Any]) -> dict[str, Any]:
    from webdataset.writer import make_encoder

    files = {
        key: aecodec.encode(value, **options)
        for key, value in sample.items()
        if _extension(key) == EXTENSION and not isinstance(value, bytes)
    }
    found: dict[str, Any] = make_encoder(True)({**sample, **files})
    return found
