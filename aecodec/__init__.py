"""aecodec: a learned image codec whose files decode to the same pixels on every machine."""

from aecodec.api import decode, decode_image, decode_many, encode, encode_many, inspect
from aecodec.decoding.parsed_file import Info
from aecodec.encoding.features import Features, anomaly_score, anomaly_scores, features, features_many
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
from aecodec.models.catalogue import ModelInfo, list_models

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
    "list_models",
]
