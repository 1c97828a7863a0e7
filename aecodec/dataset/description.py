"""What a data set says of itself: metadata and the names of its labels, as JSON in a block; the last such block counts.

The body of the block is a Zstandard frame of a JSON object in UTF-8, with the keys `metadata`, an object, and
`label_names`, an array of strings; others mean nothing to a reader. The header is empty.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from aecodec.errors import InvalidValue
from aecodec.packing import frames

MOST_BYTES: Final = 1 << 24
_LEVELS: Final = (19,)


@dataclass(frozen=True)
class Description:
    """metadata: what the user wants to keep. label_names: of the labels 0, 1, ...; may be empty.

    unfinished: what a writer needs to continue, in a file that is not finished.
    """

    metadata: dict[str, Any] = field(default_factory=dict)
    label_names: list[str] = field(default_factory=list)
    unfinished: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """The text. Raises InvalidValue for what JSON cannot hold."""
        found: dict[str, Any] = {"metadata": self.metadata, "label_names": self.label_names}
        if self.unfinished:
            found["unfinished"] = self.unfinished
        try:
            text = json.dumps(found, ensure_ascii=False)
            text.encode()  # lone surrogates cannot be stored
            return text
        except (TypeError, ValueError) as error:
            raise InvalidValue(f"the metadata of a data set must be values that JSON can hold: {error}") from error

    def packed(self) -> bytes:
        """The body of the block. Raises InvalidValue for more than MOST_BYTES of text."""
        text = self.to_json().encode()
        if len(text) > MOST_BYTES:
            raise InvalidValue(f"the metadata of a data set may take at most {MOST_BYTES} bytes")
        return frames.compress(text, _LEVELS)

    @classmethod
    def unpack(cls, body: bytes) -> Description:
        """The inverse. Raises AecError."""
        text = bytes(frames.decompress(body, MOST_BYTES, "the metadata"))
        try:
            found = json.loads(text.decode())
        except (ValueError, RecursionError):
            raise InvalidValue("the metadata of the data set are not JSON") from None
        metadata = found.get("metadata") if isinstance(found, dict) else None
        names = found.get("label_names") if isinstance(found, dict) else None
        if not isinstance(metadata, dict) or not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise InvalidValue("the metadata of the data set lack what they must have")
        unfinished = found.get("unfinished")
        return cls(metadata, names, unfinished if isinstance(unfinished, dict) else {})
