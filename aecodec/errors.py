"""The errors that aecodec raises: one class per failure, all under AecError.

Whatever bytes `decode` and `inspect` are given, they return a value or raise one of these; nothing else.
A message is one clear sentence without the file's name: whoever knows the name puts it in front.
"""

from __future__ import annotations

import sys
import warnings


class AecError(Exception):
    """The base of every failure that aecodec reports: catch this one to catch them all."""


class NotAnAecFile(AecError):
    """The data does not start like an .aec file. Check that it is one, and was copied as binary."""


class UnsupportedVersion(AecError):
    """The file has a version of the format that this release does not read. Upgrade aecodec, unless it is a draft."""


class UnsupportedSection(AecError):
    """The file has a critical section that this release does not know. Upgrade aecodec."""


class UnknownModel(AecError):
    """The file, or the caller, asks for a model that is not here. Install it, or the release that bundles it.

    `model_id` is what was asked for: a name, a bundled model's number, or an id in hexadecimal.
    """

    def __init__(self, model_id: str, message: str | None = None) -> None:
        self.model_id = model_id
        super().__init__(
            message
            or f"unknown model {model_id}: upgrade aecodec if it is a bundled one, or ask whoever made the file for its"
            " model, and add it with aec models add"
        )


class TruncatedFile(AecError):
    """The data ends before the file does. Fetch or copy it again."""


class ChecksumMismatch(AecError):
    """The data was damaged: what it decodes to does not match its checksum. Fetch or copy it again."""


class TrailingBytes(AecError):
    """Bytes follow the end of the file. Cut them off, or ask what appended them."""


class LimitExceeded(AecError):
    """The declared picture is larger than the limit. Raise the limit if you trust the file's source."""


class InvalidValue(AecError):
    """The file, or an argument, holds a value that is not allowed. Nothing can be done with such a file."""


class Unreachable(AecError):
    """No file of the picture meets the rate target. The message says what can be reached."""


class UnsupportedImage(AecError):
    """The picture cannot be encoded as it is. Convert it as the message says, or choose another model."""


class InvalidModelFile(AecError):
    """The model file is damaged, or breaks a bound that exact decoding needs. Fetch it or train it again."""


class AecWarning(UserWarning):
    """Part of a picture was converted or left out when it was encoded, as the message says."""


def warn_converted(notes: tuple[str, ...]) -> None:
    """Report what was converted in one AecWarning that points to the caller's line outside the package and Pillow."""
    if notes:
        level, frame = 1, sys._getframe()
        while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in ("aecodec", "PIL"):
            level, frame = level + 1, frame.f_back
        warnings.warn("; ".join(notes), AecWarning, stacklevel=level)
