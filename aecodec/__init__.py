"""aecodec: a learned image codec whose files decode to the same pixels on every machine."""

from aecodec.codec import decode, decode_image, decode_many, encode, encode_many, inspect
from aecodec.errors import (
    AecError,
    AecWarning,
    ChecksumMismatch,
    InvalidModelFile,
    InvalidValue,
    LimitExceeded,
    NotAnAecFile,
    TrailingBytes,
    TruncatedFile,
    UnknownModel,
    Unreachable,
    UnsupportedImage,
    UnsupportedSection,
    UnsupportedVersion,
)
from aecodec.files import Info
from aecodec.models.catalogue import ModelInfo, models

__all__ = [
    "AecError",
    "AecWarning",
    "ChecksumMismatch",
    "Info",
    "InvalidModelFile",
    "InvalidValue",
    "LimitExceeded",
    "ModelInfo",
    "NotAnAecFile",
    "TrailingBytes",
    "TruncatedFile",
    "UnknownModel",
    "Unreachable",
    "UnsupportedImage",
    "UnsupportedSection",
    "UnsupportedVersion",
    "decode",
    "decode_image",
    "decode_many",
    "encode",
    "encode_many",
    "inspect",
    "models",
]
