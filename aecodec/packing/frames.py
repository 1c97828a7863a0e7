"""Zstandard frames as the format has them: no magic number, content size, checksum or dictionary id; small windows."""

from __future__ import annotations

from collections.abc import Sequence

from aecodec.errors import InvalidValue, TrailingBytes, TruncatedFile

WINDOW_LOG = 20
LEAST_BYTES = 5  # descriptor, window, and the header of an empty block
BLOCK_BYTES = 1 << 17  # what a block of a frame can hold; in the frame it takes four bytes or more
# Of a frame so many bytes are decoded at once: 64 / 4 blocks of 128 KiB, 2 MiB before the limit is looked at
_PIECE = 64


def compress(body: bytes, levels: Sequence[int]) -> bytes:
    """The shortest of the frames that zstd writes at these levels."""
    import zstandard

    frames = []
    for level in levels:
        parameters = zstandard.ZstdCompressionParameters.from_level(
            level,
            format=zstandard.FORMAT_ZSTD1_MAGICLESS,
            window_log=min(WINDOW_LOG, max(10, (len(body) - 1).bit_length())),
            write_content_size=False,
            write_checksum=False,
            write_dict_id=False,
        )
        frames.append(zstandard.ZstdCompressor(compression_params=parameters).compress(body))
    return min(frames, key=len)


def decompress(frame: bytes, limit: int, what: str = "the packed data") -> bytearray:
    """The content of a frame, at most `limit` bytes; never holds much more than that.

    Raises InvalidValue, TrailingBytes or TruncatedFile; messages begin with `what`.
    """
    import zstandard

    # no content size, single segment, checksum or dictionary id; a window of at most 2^20: exponent 10, mantissa 0
    if frame[:1] > b"\x00" or frame[1:2] > bytes([(WINDOW_LOG - 10) << 3]):
        raise InvalidValue(f"{what} has another frame header than the format allows")
    decompressor = zstandard.ZstdDecompressor(
        format=zstandard.FORMAT_ZSTD1_MAGICLESS, max_window_size=1 << WINDOW_LOG
    ).decompressobj()
    body = bytearray()
    try:
        for begin in range(0, len(frame), _PIECE):
            if decompressor.eof:
                raise TrailingBytes(f"bytes follow the end of {what}")
            body += decompressor.decompress(frame[begin : begin + _PIECE])
            if len(body) > limit:
                raise TrailingBytes(f"{what} holds more than its picture can need")
    except zstandard.ZstdError as error:
        raise InvalidValue(f"{what} is damaged: {error}") from None
    if decompressor.unused_data:
        raise TrailingBytes(f"bytes follow the end of {what}")
    if not decompressor.eof:
        raise TruncatedFile(f"{what} ends early")
    return body
