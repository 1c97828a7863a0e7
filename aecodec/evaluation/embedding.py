"""What pages that are one file carry: the decoder in JavaScript, .aec files, the models that they need, pictures.

The decoder, page.js, is built from the folder js/ of the repository (`npm run build`) and kept here, so that neither an
installation nor a user needs Node.
"""

from __future__ import annotations

import base64
import gzip
import io
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from PIL import Image

from aecodec.decoding.parsed_file import ParsedFile
from aecodec.models import safetensors
from aecodec.models.model import ANALYSIS, Model
from aecodec.sources.readers import Picture

SCRIPT: Final = Path(__file__).with_name("page.js")


def base64_text(data: bytes) -> str:
    """Bytes as the text that pages hold."""
    return base64.b64encode(data).decode()


def png_uri(picture: Picture) -> str:
    """The address of a picture that is part of the page."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64_text(buffer.getvalue())


def aec_uri(file: bytes) -> str:
    """The address of an .aec file that is part of the page, for the element <aec-img>."""
    return "data:application/octet-stream;base64," + base64_text(file)


def decoder(files: Iterable[bytes]) -> str:
    """The elements of a page that decode these files: the models that they need, and the script. Raises AecError."""
    parsed = [ParsedFile.parse(file, None) for file in files]
    models = {file.model.id.hex(): file.model for file in parsed if not file.is_plain}
    held = [
        f'<script type="application/gzip" id="model-{key}">{base64_text(_packed(model))}</script>'
        for key, model in models.items()
    ]
    return "\n".join([*held, f'<script id="aecodec">{SCRIPT.read_text("ascii")}</script>'])


def _packed(model: Model) -> bytes:
    """The model file without what only encoders need: smaller, and of the same id."""
    arrays = {name: array for name, array in model.arrays.items() if not name.startswith(ANALYSIS)}
    metadata = {name: model.metadata[name] for name in ("description", "name")}
    return gzip.compress(safetensors.dump(arrays, metadata), mtime=0)


def sources(folder: Path) -> str:
    """The CRC-32 of all sources of the decoder, which the script tells of those that it was built from."""
    found = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found = zlib.crc32(path.read_bytes(), found)
    return f"{found:08x}"
