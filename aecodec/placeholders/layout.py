"""What the first byte of a placeholder says, and the constants of the format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aecodec.errors import InvalidValue

LONG_SIDE: Final = 32  # pixels, unless another size is asked for
MAX_SIDE: Final = 1024  # of what a placeholder is decoded to; see `coefficients.cosines`
MOST_BYTES: Final = 64
ASPECTS: Final = 2 * LONG_SIDE - 1
FRACTION_BITS: Final = 4  # coefficients are integers in sixteenths of a gray level
STEPS: Final = (54, 91, 152, 256)  # 2^(7/4), 2^(10/4), 2^(13/4), 2^(16/4) gray levels
STEP_CLASSES: Final = (7, 10, 13, 16)  # their binary logarithms, in quarters


@dataclass(frozen=True)
class Front:
    """The first byte: the shape of the picture, and the size of the quantization step.

    aspect: 0..62. step: 0..3, an index into STEPS.
    """

    aspect: int
    step: int

    @property
    def byte(self) -> int:
        """The value 0..251 of the byte."""
        return ASPECTS * self.step + self.aspect

    @classmethod
    def parse(cls, data: bytes) -> Front:
        """Read the first byte of a placeholder. Raises InvalidValue if `data` cannot be one."""
        if not 1 <= len(data) <= MOST_BYTES:
            raise InvalidValue(f"a placeholder has 1 to {MOST_BYTES} bytes, not {len(data)}")
        step, aspect = divmod(data[0], ASPECTS)
        if step >= len(STEPS):
            raise InvalidValue(f"the first byte of a placeholder is at most 251, not {data[0]}: this is none")
        return cls(aspect, step)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the picture if its long side has 32 pixels."""
        return size_of(self.aspect)


def size_of(aspect: int) -> tuple[int, int]:
    """(height, width) for an aspect of 0..62: 32 x 1 are wide, 1 x 32 tall."""
    return (aspect + 1, LONG_SIDE) if aspect < LONG_SIDE else (LONG_SIDE, ASPECTS - aspect)


def aspect_of(height: int, width: int) -> int:
    """The aspect that comes closest to that of a picture."""
    short = max(1, (2 * LONG_SIDE * min(height, width) + max(height, width)) // (2 * max(height, width)))
    return short - 1 if width >= height else ASPECTS - short
