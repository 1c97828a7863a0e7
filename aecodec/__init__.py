"""aecodec: a learned image codec whose files decode to the same pixels on every machine."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aecodec.api import decode, decode_image, decode_many, encode, encode_many, inspect
from aecodec.decoding.parsed_file import Info
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

if TYPE_CHECKING:
    from aecodec import dataset
    from aecodec.encoding.features import Features, anomaly_score, anomaly_scores, features, features_many
    from aecodec.placeholders.decoder import decode_placeholder
    from aecodec.placeholders.encoder import placeholder

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
    "dataset",
    "decode",
    "decode_image",
    "decode_many",
    "decode_placeholder",
    "encode",
    "encode_many",
    "features",
    "features_many",
    "inspect",
    "list_models",
    "placeholder",
]


def __getattr__(name: str) -> Any:
    # Features and scores need the encoder, which a program that only decodes need not load.
    if name in ("Features", "anomaly_score", "anomaly_scores", "features", "features_many"):
        from aecodec.encoding import features

        return getattr(features, name)
    if name == "__version__":
        return import_module("importlib.metadata").version("aecodec")
    if name == "dataset":
        return import_module("aecodec.dataset")
    if name == "placeholder":
        return import_module("aecodec.placeholders.encoder").placeholder
    if name == "decode_placeholder":
        return import_module("aecodec.placeholders.decoder").decode_placeholder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
