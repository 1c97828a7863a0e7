"""aecodec: a learned image codec whose files decode to the same pixels on every machine."""

from aecodec.codec import Info, decode, decode_many, encode, encode_many, inspect
from aecodec.errors import (
    AecError,
    ChecksumMismatch,
    InvalidModelFile,
    InvalidValue,
    LimitExceeded,
    NotAnAecFile,
    TrailingBytes,
    TruncatedFile,
    UnknownModel,
    UnsupportedImage,
    UnsupportedSection,
    UnsupportedVersion,
)
from aecodec.models.catalogue import ModelInfo, models

__all__ = [
    "AecError",
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
    "UnsupportedImage",
    "UnsupportedSection",
    "UnsupportedVersion",
    "decode",
    "decode_many",
    "encode",
    "encode_many",
    "inspect",
    "models",
]
