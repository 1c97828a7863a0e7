"""A self-contained HTML page that shows .aec files: it decodes them itself, and more that are dropped on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from aecodec.evaluation.embedding import base64_text, decoder, png_uri
from aecodec.sources.readers import Picture


@dataclass(frozen=True)
class Original:
    """A picture to compare a file with: uint8, (height, width) or (height, width, channels).

    psnr: of what the file decodes to, in words, if it is known.
    """

    name: str
    picture: Picture
    psnr: str | None = None


@dataclass(frozen=True)
class ViewedFile:
    """An .aec file to show."""

    name: str
    data: bytes
    against: Original | None = None


def page(files: Sequence[ViewedFile]) -> str:
    """The page as HTML. Raises AecError for files whose headers cannot be read."""
    held = json.dumps([_entry(file) for file in files]).replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{escape(files[0].name)}</title>
</head>
<body>
<noscript>This page decodes its pictures with JavaScript.</noscript>
<script type="application/json" id="files">{held}</script>
{decoder(file.data for file in files)}
</body>
</html>
"""


def _entry(file: ViewedFile) -> dict[str, object]:
    entry: dict[str, object] = {"name": file.name, "data": base64_text(file.data)}
    if file.against is not None:
        against = file.against
        entry["against"] = {"name": against.name, "src": png_uri(against.picture), "psnr": against.psnr}
    return entry
