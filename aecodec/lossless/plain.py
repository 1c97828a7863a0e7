"""Plain files: pictures coded without a model, lossless or with samples quantized uniformly.

For pictures that compress better without a model (flat pictures, icons, screenshots, QR codes, noise), and for 16-bit
samples. The payload is

    varint       2 * N + 1 for samples of 16 bits, 2 * N for 8: no sample is off by more than N
    the rest     steps, as packed by `aecodec.lossless.planes`; their checksum starts from all bytes before

A sample `v` is stored as `floor((v + N) / (2N + 1))` steps of 2N + 1; the decoder clips at the largest sample.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from aecodec.errors import InvalidValue
from aecodec.format import container
from aecodec.format.container import Header, Section, read_varint, write_varint
from aecodec.lossless import planes

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME: Final = "plain"
QUALITY: Final = 100  # what the header of every plain file says, and
PACKING: Final = "zstd"
RAW_MORE_BYTES: Final = 22  # header 6, size 6, precision 1 to 3, method 1, checksum 4; and two to spare

_NOVEL_BYTES: Final = 1  # what a pixel unlike its neighbours to the left and above takes, and rarely less
_QUICK_LEVEL: Final = 1
TINY: Final = 256  # samples that are packed faster than anything can be said of them
_QUICK_MARGIN: Final = 0.85  # predictors and slow levels rarely make less than this of what zstd's fastest makes
_BAND: Final = 1 << 20  # samples that are looked at, or quantized, at once


@dataclass(frozen=True)
class Precision:
    """bits: 8 or 16 per sample. max_error: the largest error of any sample, 0..2^bits - 1."""

    bits: int
    max_error: int

    @property
    def top(self) -> int:
        """The largest sample."""
        return (1 << self.bits) - 1

    @property
    def step(self) -> int:
        """The quantization step."""
        return 2 * self.max_error + 1

    @property
    def levels(self) -> int:
        """The number of quantized values."""
        return (self.top + self.max_error) // self.step + 1

    @property
    def samples_type(self) -> type[np.uint8] | type[np.uint16]:
        """The dtype of samples."""
        return np.uint8 if self.bits == 8 else np.uint16

    @property
    def steps_type(self) -> type[np.uint8] | type[np.uint16]:
        """The dtype of quantized values."""
        return np.uint8 if self.levels <= 256 else np.uint16

    def steps(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Samples quantized to the nearest step."""
        if self.max_error == 0:
            return samples
        return self._changed(samples, self.steps_type, lambda part: (part + self.max_error) // self.step)

    def samples(self, steps: NDArray[Any]) -> NDArray[Any]:
        """Quantized values as samples. Raises InvalidValue for values beyond the last level."""
        if self.max_error == 0:
            return steps
        if int(steps.max(initial=0)) >= self.levels:
            raise InvalidValue("the file has a sample above the largest value")
        return self._changed(steps, self.samples_type, lambda part: np.minimum(part * self.step, self.top))

    def _changed(self, given: NDArray[Any], dtype: type[Any], change: Any) -> NDArray[Any]:
        made = np.empty(given.shape, dtype)
        rows = max(1, _BAND // max(1, given[:1].size))
        for begin in range(0, len(given), rows):
            # 32 bits hold it: (2^16 + 2^16) steps, and a step below 2^17 of which at most 2^16 / step are taken
            made[begin : begin + rows] = change(given[begin : begin + rows].astype(np.uint32))
        return made


def write(samples: NDArray[Any], max_error: int = 0, sections: tuple[Section, ...] = ()) -> bytes:
    """The plain file of samples (height, width) or (height, width, 3), uint8 or uint16.

    With a max_error above 0 it is the smaller of the quantized file and the lossless one.
    """
    bits = 8 * samples.dtype.itemsize
    precision = Precision(bits, min(max_error, (1 << bits) - 1))
    size = samples.shape[1], samples.shape[0]
    fields = Header(container.PLAIN, QUALITY, PACKING, size=size, variant=samples.ndim == 2, sections=sections)
    header = container.write_header(fields)
    files = []
    for tried in dict.fromkeys([precision, Precision(bits, 0)]):
        begin = header + write_varint(2 * tried.max_error + (bits == 16))
        steps = tried.steps(samples).reshape(*samples.shape[:2], -1)
        files.append(begin + planes.pack(steps, zlib.crc32(begin)))
    return min(files, key=len)


def read_precision(data: bytes, begin: int) -> tuple[Precision, int]:
    """The precision that a plain file with its payload at `begin` declares, and where the planes begin.

    Raises TruncatedFile, InvalidValue.
    """
    found, at = read_varint(data, begin)
    precision = Precision(16 if found & 1 else 8, found >> 1)
    if precision.max_error > precision.top:
        raise InvalidValue("the file states an error that is larger than the largest sample")
    return precision, at


def read(data: bytes, begin: int, size: tuple[int, int], gray: bool) -> NDArray[Any]:
    """The samples (height, width[, 3]) of a plain file with its payload at `begin`. Raises AecError."""
    precision, at = read_precision(data, begin)
    shape = (*size, 1 if gray else 3)
    steps = planes.unpack(data[at:], shape, precision.steps_type, zlib.crc32(data[:at]))
    return precision.samples(steps[..., 0] if gray else steps)


# Which pictures to try ---


def promising(stack: NDArray[np.uint8], most_bytes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which pictures (S, H, W, C) might fit into the given numbers of bytes (S,) as plain files: (S,). All tiny ones.

    Two cheap estimates, so that pictures that suit a model need not be packed to find out: the number of pixels that
    differ from those to the left and above and from the plane through their neighbours, and, if that is promising,
    zstd's fastest level.
    """
    if stack[0].size <= TINY:
        return np.ones(len(stack), np.bool_)
    rows = max(1, _BAND // max(1, stack[:, 0].size))
    novel = np.zeros(len(stack), np.int64)
    for begin in range(1, stack.shape[1], rows):
        band = stack[:, begin - 1 : begin + rows]
        left, above, corner, own = band[:, 1:, :-1], band[:, :-1, 1:], band[:, :-1, :-1], band[:, 1:, 1:]
        unlike = np.ones(own.shape[:3], np.bool_)
        for predicted in (left, above, left + above - corner):  # modulo 256
            unlike &= (own != predicted).any(axis=3)
        novel += np.count_nonzero(unlike.reshape(len(stack), -1), axis=1)
        if (novel * _NOVEL_BYTES > most_bytes).all():
            break
    found = np.asarray(novel * _NOVEL_BYTES <= most_bytes)
    if not found.any():
        return found
    import zstandard

    quick = partial(zstandard.ZstdCompressor(level=_QUICK_LEVEL, write_content_size=False).compress)
    for index in np.flatnonzero(found).tolist():
        across = stack[index].copy()
        across[:, 1:] -= stack[index, :, :-1]
        both = across.copy()
        both[1:] -= across[:-1]
        least = min(len(quick(picture.tobytes())) for picture in (stack[index], across, both))
        found[index] = _QUICK_MARGIN * least <= most_bytes[index]
    return found
