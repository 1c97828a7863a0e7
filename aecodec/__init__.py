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
from aecodec.latents import Features, anomaly_score, anomaly_scores, features, features_many
from aecodec.models.catalogue import ModelInfo, models

__all__ = [
    "AecError",
    "AecWarning",
    "ChecksumMismatch",
    "Features",
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
    "anomaly_score",
    "anomaly_scores",
    "decode",
    "decode_image",
    "decode_many",
    "encode",
    "encode_many",
    "features",
    "features_many",
    "inspect",
    "models",
]
