"""A codec for arrays of zarr's format 3: name `aecodec`, found through an entry point, passed as the `serializer`.

zarr.create_array(store, shape=pictures.shape, chunks=(256, 32, 32, 3), dtype="uint8",
                  serializer=AecCodec(quality=60), compressors=None)
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
from zarr.abc.codec import ArrayBytesCodec

from aecodec.errors import UnsupportedImage
from aecodec.integrations import chunks
from aecodec.integrations.chunks import ChunkOptions

NAME: Final = "aecodec"


class AecCodec(ArrayBytesCodec):
    """Pictures (H, W[, C]) or stacks of pictures (N, H, W[, C]) of uint8, lossy or, with lossless=True, exactly.

    channels: whether the last axis has the channels of a pixel; None: it does if there are three axes or more and it is
    1 to 4 long. options: those of `aecodec.encode`; quality 75 if there is none. They are needed for encoding only.
    Raises InvalidValue for options that `encode` does not take.
    """

    is_fixed_size = False

    def __init__(self, *, channels: bool | None = None, **options: Any) -> None:
        self._given = ChunkOptions(channels, **options)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The codec that the metadata of an array describes."""
        return cls(**data.get("configuration", {}))

    def to_dict(self) -> dict[str, Any]:
        """The description for the metadata of an array."""
        return {"name": NAME, "configuration": self._given.configuration()}

    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None:
        """Raise UnsupportedImage for an array that is not of uint8, or has no axes of height and width."""
        if dtype.to_native_dtype() != np.uint8:
            raise UnsupportedImage(f"expected an array of uint8, not {dtype.to_native_dtype()}")
        self._given.stack_shape(tuple(getattr(chunk_grid, "chunk_shape", shape)))

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        """Not known before a chunk is encoded."""
        raise NotImplementedError

    async def _encode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
        data = await asyncio.to_thread(chunks.encode, chunk_data.as_numpy_array(), self._given)
        return chunk_spec.prototype.buffer.from_bytes(data)

    async def _decode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
        array = await asyncio.to_thread(chunks.decode, chunk_data.to_bytes(), chunk_spec.shape)
        return chunk_spec.prototype.nd_buffer.from_ndarray_like(array)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AecCodec) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self._given.configuration().items())
        return f"{type(self).__name__}({options})"
