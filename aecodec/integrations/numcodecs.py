"""A codec for numcodecs, and so for arrays of zarr's format 2: id `aecodec`, found through an entry point.

zarr.create_array(store, shape=pictures.shape, chunks=(256, 32, 32, 3), dtype="uint8", zarr_format=2,
                  compressors=AecCodec(quality=60))
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numcodecs.abc import Codec

from aecodec.errors import UnsupportedImage
from aecodec.images.source import Picture
from aecodec.integrations import chunks
from aecodec.integrations.chunks import ChunkOptions

CODEC_ID: Final = "aecodec"


class AecCodec(Codec):
    """Pictures (H, W[, C]) or stacks of pictures (N, H, W[, C]) of uint8, lossy or, with lossless=True, exactly.

    channels: whether the last axis has the channels of a pixel; None: it does if there are three axes or more and it is
    1 to 4 long. options: those of `aecodec.encode`; quality 75 if there is none. They are needed for encoding only.
    Raises InvalidValue for options that `encode` does not take.
    """

    codec_id = CODEC_ID

    def __init__(self, channels: bool | None = None, **options: Any) -> None:
        self._given = ChunkOptions(channels, **options)

    def encode(self, buf: Any) -> bytes:
        """The bytes of a chunk. Raises UnsupportedImage, and what `aecodec.encode` raises.

        Arrays in Fortran order are refused, given directly, too: `decode` gives C order, and zarr, which passes both in
        the same way, would take the samples for others.
        """
        array = np.asarray(buf)
        if array.flags.f_contiguous and not array.flags.c_contiguous:
            raise UnsupportedImage(
                "an array in Fortran order: create the array of zarr with order='C', or pass np.ascontiguousarray(...)"
            )
        return chunks.encode(array, self._given)

    def decode(self, buf: Any, out: Any = None) -> Picture:
        """The array of a chunk, written to `out` too if there is one. Raises AecError."""
        if out is None:
            return chunks.decode(buf)
        array = np.asarray(out).view(np.uint8)
        array[...] = chunks.decode(buf, array.shape)
        filled: Picture = out
        return filled

    def get_config(self) -> dict[str, Any]:
        """The id and the options that were given."""
        return {"id": self.codec_id, **self._given.configuration()}

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self._given.configuration().items())
        return f"{type(self).__name__}({options})"
