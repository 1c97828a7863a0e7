"""Chunks of arrays, as numcodecs and zarr pass them, to bytes and back.

A chunk is a picture (H, W) or (H, W, C), or a stack of pictures (N, H, W) or (N, H, W, C); axes of length 1 in front of
these do not count. A single picture becomes an .aec file, a stack a data set without columns.
"""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np

import aecodec
from aecodec import dataset
from aecodec.encoding.options import EncodeOptions
from aecodec.errors import InvalidValue, UnsupportedImage
from aecodec.format import container
from aecodec.images.source import MAX_PIXELS, Picture

MOST_CHANNELS: Final = 4


class ChunkOptions:
    """What the configuration of a codec holds.

    options: those of `aecodec.encode`, of which the array's metadata keeps the ones that are given. channels: whether
    the last axis has the channels of a pixel; None: it does if there are three axes or more and it is 1 to 4 long.
    Raises InvalidValue for options that `encode` does not take.
    """

    def __init__(self, channels: bool | None = None, **options: Any) -> None:
        EncodeOptions.parse(options)
        if options.get("progress") is not None:
            raise InvalidValue("progress cannot be kept in the metadata of an array")
        self.channels = channels
        self.options = {
            name: value.item() if isinstance(value, np.generic) else value  # JSON has no scalars of NumPy
            for name, value in options.items()
            if value is not None
        }

    def configuration(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return self.options if self.channels is None else {"channels": self.channels, **self.options}

    def stack_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape (N, H, W) or (N, H, W, C) of a chunk's pictures. Raises UnsupportedImage."""
        channels = self.channels
        if channels is None:
            channels = len(shape) >= 3 and 1 <= shape[-1] <= MOST_CHANNELS
        axes = 3 if channels else 2
        if len(shape) < axes or 0 in shape:
            raise UnsupportedImage(f"a chunk of the shape {shape} is no picture and no stack of pictures")
        count = int(np.prod(shape[:-axes]))
        return (count, *shape[-axes:])


def encode(chunk: Any, given: ChunkOptions) -> bytes:
    """The bytes of a chunk of uint8. Raises UnsupportedImage, and what `aecodec.encode` raises."""
    array = np.asarray(chunk)
    if array.dtype != np.uint8:
        raise UnsupportedImage(f"expected an array of uint8, not {array.dtype}")
    stack = array.reshape(given.stack_shape(array.shape))
    if len(stack) == 1:
        return aecodec.encode(stack[0], **given.options)
    file = io.BytesIO()
    dataset.write(file, stack, **given.options)
    return file.getvalue()


def decode(data: Any, shape: tuple[int, ...] | None = None) -> Picture:
    """The array of a chunk; of the shape (N, H, W[, C]) or, of one picture, (H, W[, C]), if no other is given.

    Raises AecError, and InvalidValue if the pictures do not fill the shape.
    """
    found = bytes(memoryview(data))
    if shape is None:
        return _decoded(found, MAX_PIXELS)
    array = _decoded(found, int(np.prod(shape)))
    if array.size != int(np.prod(shape)):
        raise InvalidValue(f"the chunk holds pictures of the shape {array.shape}, which are no array of {shape}")
    return array.reshape(shape)


def _decoded(data: bytes, max_pixels: int) -> Picture:
    if container.is_data_set(data):
        with dataset.open(data, max_pixels=max_pixels) as found:
            return np.asarray(found[:])
    return aecodec.decode(data, max_pixels=max_pixels)
