"""A parsed .aec file: header, model, size, panels, and sections other than pixels. Nothing is decoded yet."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aecodec import packing
from aecodec.errors import InvalidValue, LimitExceeded
from aecodec.format import container, metadata_sections
from aecodec.format.check import CHECK_BYTES, require_check
from aecodec.format.container import Header
from aecodec.format.panels import PanelGrid
from aecodec.images.metadata import Metadata
from aecodec.images.source import Picture, require_within_limit
from aecodec.lossless import opacity_section, plain, planes, samples
from aecodec.lossless.plain import Precision
from aecodec.models import ladder, registry
from aecodec.models.model import Model

if TYPE_CHECKING:
    from numpy.typing import NDArray


PADDED_LIMIT = 4  # the tiles of a narrow picture hold many times its pixels: at most so many times the limit


@dataclass(frozen=True)
class Info:
    """The properties of an .aec file that are known without decoding it.

    width, height: in pixels. mode: "L", "LA", "RGB", "RGBA" or, for 16-bit gray, "I;16". bits: per sample, 8 or 16.
    model, model_id: "plain" and "" in a file without a model. quality: 1..100. max_error: the largest error of any
    sample, 0 in a lossless file, None if the file guarantees nothing. panels: their number. parts: the bytes of header,
    sections, check, states of rans and payload, which make up the file. sections: the bytes of each section's content
    by its name, or by "section N" if this release does not know it.
    """

    format_version: int
    model: str
    model_id: str
    width: int
    height: int
    mode: str
    bits: int
    inverted: bool
    quality: int
    max_error: int | None
    packing: str
    panels: int
    file_bytes: int
    parts: dict[str, int]
    sections: dict[str, int]
    bits_per_pixel: float


@dataclass(frozen=True)
class ParsedFile:
    """An .aec file, parsed and checked as far as possible without decoding it."""

    data: bytes
    header: Header
    begin: int  # of the payload
    size: tuple[int, int]  # (height, width)
    coding: Model | Precision  # a plain file has no model, only a precision

    @classmethod
    def parse(cls, data: bytes, max_pixels: int | None) -> ParsedFile:
        """Parse a file; it allocates no more than the file's own bytes. Raises AecError."""
        header, begin = container.read_header(data)
        if header.model_number == container.PLAIN:
            return cls._plain(data, header, begin, max_pixels)
        if header.is_small:
            require_check(data, begin)
        model = registry.by_number(header.model_number) if header.model_number else registry.by_id(header.model_id)
        d = model.description
        if header.size is not None:
            size = (header.size[1], header.size[0])
            if size == d.tile:
                raise InvalidValue("the file gives a size although it is that of its model's tile")
        elif d.tile is not None:
            size = d.tile
        else:
            raise InvalidValue(f"the file gives no size, and the model {model.name} has no tile")
        require_within_limit(size[1], size[0], max_pixels)
        file = cls(data, header, begin, size, model)
        if file.is_predictive:
            if model.lossless is None:
                raise InvalidValue(f"the file is lossless, and the model {model.name} has no stage to decode it")
            if header.packing != samples.PACKING:
                raise InvalidValue("the file is lossless and has a packing that lossless files do not have")
            samples.read_max_error(header.quality, file.payload)
        pixels = file.grid.height * file.grid.width
        if max_pixels is not None and pixels > PADDED_LIMIT * max_pixels + d.unit[0] * d.unit[1]:
            raise LimitExceeded(f"the picture's tiles hold {pixels} pixels, far beyond the limit of {max_pixels}")
        return file

    @classmethod
    def _plain(cls, data: bytes, header: Header, begin: int, max_pixels: int | None) -> ParsedFile:
        if header.quality != plain.QUALITY or header.packing != plain.PACKING:
            raise InvalidValue("the file has a quality or a packing that means nothing without a model")
        if header.size is None:
            raise InvalidValue("the file gives no size, and it has no model whose tile could provide one")
        size = (header.size[1], header.size[0])
        require_within_limit(size[1], size[0], max_pixels)
        file = cls(data, header, begin, size, plain.read_precision(data, begin)[0])
        return file

    @property
    def is_plain(self) -> bool:
        """Whether the file is coded without a model."""
        return isinstance(self.coding, Precision)

    @property
    def model(self) -> Model:
        """The model of a file that is not plain."""
        assert not isinstance(self.coding, Precision), "a plain file has no model"
        return self.coding

    @property
    def model_name(self) -> str:
        """The model's name, or "plain"."""
        return plain.NAME if self.is_plain else self.model.name

    @property
    def block(self) -> int | None:
        """The side of a block in pixels, whose mean a thumbnail can use without full decoding; None without blocks."""
        return None if self.is_plain or self.is_predictive else self.model.description.block

    @property
    def bits(self) -> int:
        """Bits per sample of the picture: 8 or 16."""
        return self.coding.bits if isinstance(self.coding, Precision) else 8

    @cached_property
    def grid(self) -> PanelGrid:
        """The panels of the picture.

        A plain picture is one panel; a lossy picture is grown to whole units.
        """
        if self.is_plain:
            return PanelGrid(*self.size, self.size)
        of = PanelGrid.cropped if self.is_predictive else PanelGrid.of
        return of(self.size, self.model.description.unit)

    @property
    def is_gray(self) -> bool:
        """Whether a file with three channels, or a plain one, holds a gray picture."""
        return self.header.variant and (self.is_plain or self.model.description.channels > 1)

    @property
    def is_inverted(self) -> bool:
        """Whether the file holds the negative of the picture."""
        return self.header.variant and not self.is_gray

    @property
    def one_channel(self) -> bool:
        """Whether the decoded picture is gray."""
        return self.is_gray or not self.is_plain and self.model.description.channels == 1

    def shape_of(self, height: int, width: int) -> tuple[int, ...]:
        """The shape of the array of a part, or a reduction, of the picture without opacity."""
        return (height, width) if self.one_channel else (height, width, 3)

    @property
    def payload(self) -> bytes:
        """The bytes after header and sections, without the check of a file in the small form."""
        return self.data[self.begin : -CHECK_BYTES if self.header.is_small else None]

    @property
    def seed(self) -> int:
        """The CRC-32 of everything before the payload, from which the payload's checksum starts."""
        return zlib.crc32(self.data[: self.begin])

    @property
    def mode(self) -> str:
        """The Pillow mode of the decoded picture; an 8-bit mode if Pillow has no 16-bit mode for it."""
        if self.bits == 16 and self.one_channel and container.ALPHA not in self._contents:
            return "I;16"
        return ("L" if self.one_channel else "RGB") + ("A" if container.ALPHA in self._contents else "")

    def finished(self, samples: Picture) -> Picture:
        """The picture (height, width[, 3]) from decoded samples (height, width, channels of the model)."""
        if self.is_gray:
            return samples[..., 1]  # the three are nearly equal; green weighs most to the eye
        if self.one_channel:
            samples = samples[..., 0]
        return 255 - samples if self.is_inverted else samples

    def alpha(self) -> Picture | None:
        """The opacity of the whole picture (height, width), or None. Raises AecError."""
        packed = self._contents.get(container.ALPHA)
        if packed is None:
            return None
        return opacity_section.unpack(packed, self.size, self.bits)

    @property
    def kind(self) -> tuple[Any, ...]:
        """What files have in common that are decoded together."""
        own = (self.is_gray, self.max_error) if self.is_predictive else ()
        return (self.model_name, self.size, self.header.packing, *own)

    @property
    def is_predictive(self) -> bool:
        """Whether the payload holds samples that a model predicts, lossless or nearly so."""
        return not self.is_plain and self.header.quality > container.MAX_QUALITY

    @property
    def max_error(self) -> int | None:
        """The largest error of any sample; None if the file guarantees nothing."""
        if isinstance(self.coding, Precision):
            return self.coding.max_error
        return samples.read_max_error(self.header.quality, self.payload) if self.is_predictive else None

    def plain_samples(self) -> NDArray[Any]:
        """The samples (height, width[, 3]) of a plain file. Raises AecError."""
        return plain.read(self.data, self.begin, self.size, self.is_gray)

    def metadata(self) -> Metadata:
        """Colour profile, EXIF, XMP and resolution. Raises AecError."""
        return metadata_sections.read(self.header.sections)

    @cached_property
    def _contents(self) -> dict[int, bytes]:
        return {section.tag: section.data for section in self.header.sections}

    def _overhead(self) -> tuple[int, int]:
        """The bytes of the file's checksums, sections aside, and those that are nothing but states of rans."""
        check, states = 0, 0
        if self.header.is_small:
            check = CHECK_BYTES
        elif self.is_plain:
            check = planes.CHECK_BYTES
        else:
            for size, count in self.grid.sizes().items():
                of_panel = packing.overhead(self.header.packing, self._elements_of(size))
                check, states = check + count * of_panel[0], states + count * of_panel[1]
        most = len(self.data) - self.begin  # of a file that has been cut
        return min(check, most), min(states, max(0, most - check))

    def _elements_of(self, size: tuple[int, int]) -> int:
        """The number of residuals of a panel (height, width)."""
        d = self.model.description
        if self.is_predictive:
            return size[0] * size[1] * (1 if self.one_channel else d.channels)
        return ladder.elements(self.model, *d.grid(*size))

    def info(self) -> Info:
        """The public summary of the file."""
        header, (height, width) = self.header, self.size
        sections = len(container.write_sections(header.sections))
        check, states = self._overhead()
        return Info(
            format_version=container.VERSION,
            model=self.model_name,
            model_id="" if self.is_plain else self.model.id.hex(),
            width=width,
            height=height,
            mode=self.mode,
            bits=self.bits,
            inverted=self.is_inverted,
            quality=min(header.quality, container.MAX_QUALITY),
            max_error=self.max_error,
            packing=header.packing,
            panels=self.grid.count,
            file_bytes=len(self.data),
            parts={
                "header": self.begin - sections,
                "sections": sections,
                "check": check,
                "states": states,
                "payload": len(self.data) - self.begin - check - states,
            },
            sections={
                container.SECTION_NAMES.get(tag, f"section {tag}"): len(content)
                for tag, content in self._contents.items()
            },
            bits_per_pixel=8.0 * len(self.data) / (width * height),
        )
