"""The codecs that aecodec is compared with, all through Pillow, with one file per picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

FINE = (*range(0, 10, 2), *range(10, 90, 5), *range(90, 101, 2))


def _plain(quality: int) -> dict[str, Any]:
    return {"quality": quality}


def _in_decibels(quality: int) -> dict[str, Any]:
    """JPEG 2000 has no quality, but it can aim at a PSNR: 20 to 50 dB."""
    return {"quality_mode": "dB", "quality_layers": [20 + 0.3 * quality]}


@dataclass(frozen=True)
class Rival:
    """A format that Pillow writes.

    best: the options that make files small. qualities: those of a sweep, lowest first. setting: Pillow's options for a
    quality. module: the module of Pillow, if built in. package: the plugin otherwise. variant_of: the name of the rival
    whose format it writes with other options. longest: the most pixels in a row or a column.
    """

    name: str
    format: str
    best: dict[str, Any] = field(default_factory=dict)
    qualities: Sequence[int] = FINE
    setting: Callable[[int], dict[str, Any]] = _plain
    module: str | None = None
    package: str | None = None
    variant_of: str = ""
    longest: int = 1 << 16

    @property
    def format_name(self) -> str:
        """The name of the format, which its variants share."""
        return self.variant_of or self.name

    def described(self) -> str:
        """Its name and its options: "WebP (method 6)"."""
        options = ", ".join(name if value is True else f"{name} {value}" for name, value in self.best.items())
        return f"{self.name} ({options})" if options else self.name

    def can_store(self, picture: NDArray[np.uint8]) -> bool:
        """Whether no side of a picture is too long."""
        return bool(max(picture.shape[:2]) <= self.longest)

    def missing(self) -> str | None:
        """The reason why it cannot be used here, or None."""
        if self.package is not None:
            name = self.package.replace("-plugin", "").replace("-", "_")
            if find_spec(name) is None:
                return f"{self.name}: left out, the package {self.package} is not installed"
            __import__(name)  # registers the format
        elif self.module is not None and not features.check(self.module):
            return f"{self.name}: left out, this Pillow {version('pillow')} was built without it"
        return None

    def versions(self) -> str:
        """The name and version of its library."""
        if self.package is not None:
            try:
                return f"{self.package} {version(self.package)}"
            except PackageNotFoundError:
                return self.package
        if self.module is None:
            return ""
        library = "libjpeg_turbo" if self.module == "jpg" and features.check("libjpeg_turbo") else self.module
        return f"{self.format_name} library {features.version(library)}"

    def at(self, picture: NDArray[np.uint8], quality: int) -> bytes:
        """Encode a picture (H, W) or (H, W, 3) at a quality, as small as the format can make it."""
        return self.encode(picture, **self.setting(quality), **self.best)

    def encode(self, picture: NDArray[np.uint8], **options: Any) -> bytes:
        """The file of a picture with Pillow's options. WebP has no gray: Pillow writes RGB."""
        buffer = BytesIO()
        Image.fromarray(picture).save(buffer, self.format, **options)
        return buffer.getvalue()

    def decode(self, data: bytes, gray: bool) -> NDArray[np.uint8]:
        """The picture of a file: (H, W) if gray, else (H, W, 3)."""
        with Image.open(BytesIO(data)) as image:
            return np.asarray(image.convert("L" if gray else "RGB"))


RIVALS = {
    "webp": Rival("WebP", "WEBP", {"method": 6}, module="webp", longest=16_383),
    "jpeg": Rival(
        "JPEG", "JPEG", {"optimize": True}, (1, 2, 3, 5, 8, *range(10, 100, 5)), module="jpg", longest=65_500
    ),
    "jxl": Rival("JPEG XL", "JXL", {"effort": 7}, (*range(0, 100, 10), 95), package="pillow-jxl-plugin"),
    "avif": Rival("AVIF", "AVIF", {"speed": 6, "subsampling": "4:4:4"}, range(0, 100, 10), module="avif"),
    # A bare codestream, the reversible colour transform left to lossless files.
    "jpeg2000": Rival(
        "JPEG 2000",
        "JPEG2000",
        {"irreversible": True, "no_jp2": True, "mct": 1},
        range(0, 101, 10),
        _in_decibels,
        module="jpg_2000",
    ),
}


def _avif(name: str, speed: int, subsampling: str) -> Rival:
    """AVIF with other options than those of RIVALS."""
    best = {"speed": speed, "subsampling": subsampling}
    return replace(RIVALS["avif"], name=name, best=best, variant_of=RIVALS["avif"].name)


VARIANTS = {
    "avif-420": _avif("AVIF 4:2:0", 6, "4:2:0"),
    "avif-speed-4": _avif("AVIF speed 4", 4, "4:4:4"),
    "avif-speed-4-420": _avif("AVIF speed 4 4:2:0", 4, "4:2:0"),
}
"""Formats of RIVALS with other options: measured where they are named."""
BY_NAME = RIVALS | VARIANTS
PNG = Rival("PNG", "PNG", {"optimize": True})


def available(names: Iterable[str] = tuple(RIVALS)) -> tuple[list[Rival], list[str]]:
    """The rivals with these names that are installed and, for the others, why they are left out."""
    found, notes = [], []
    for name in names:
        why = BY_NAME[name].missing()
        if why is None:
            found.append(BY_NAME[name])
        else:
            notes.append(why)
    return found, notes
