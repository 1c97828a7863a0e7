"""Batches of pictures to .aec files and back, for engines that map a function over batches.

`Encode` and `Decode` hold options only: they can be pickled, called any number of times, and called again for a batch
whose worker was lost. They take and return dictionaries of columns, as Ray Data and Hugging Face `datasets` pass them.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

import aecodec
from aecodec import urls
from aecodec.dataset.assembling import alike
from aecodec.encoding.options import EncodeOptions
from aecodec.errors import AecError
from aecodec.format import container
from aecodec.images.source import Picture

IMAGE: Final = "image"
FILE: Final = "aec"
SUFFIX: Final = ".aec"


class Encode:
    """Replaces the column of pictures of a batch by a column of their .aec files.

    image, file: the names of the columns. errors: the name of a column that says for each picture why it could not be
    encoded, "" for those that were; the file of one that was not is empty. None: a call raises what
    `aecodec.encode_many` raises. options: those of `aecodec.encode`. Raises InvalidValue and TypeError at once for
    options that `encode` does not take.
    """

    def __init__(self, *, image: str = IMAGE, file: str = FILE, errors: str | None = None, **options: Any) -> None:
        EncodeOptions.parse(options)
        self.image, self.file, self.errors, self.options = image, file, errors, options

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """The batch with a column of bytes, in the order of the pictures, in place of that of pictures."""
        found = {name: values for name, values in batch.items() if name != self.image}
        if self.errors is None:
            return {**found, self.file: self.files(batch[self.image])}
        files, errors = self._attempted(batch[self.image])
        return {**found, self.file: files, self.errors: errors}

    def files(self, images: Sequence[Any]) -> list[bytes]:
        """The .aec files of a sequence of pictures: the bytes of picture files, or whatever `aecodec.encode` takes.

        .aec files, as bytes or as paths that end in .aec, are checked and not encoded again.
        """
        coded = [_aec_file(image) for image in images]
        others = [image for image, file in zip(images, coded, strict=True) if file is None]
        opened = [io.BytesIO(image) if isinstance(image, bytes) else image for image in others]
        made = iter(aecodec.encode_many(opened, **self.options))
        return [next(made) if file is None else file for file in coded]

    def _attempted(self, images: Sequence[Any]) -> tuple[list[bytes], list[str]]:
        try:
            return self.files(images), [""] * len(images)
        except (AecError, OSError):  # one of them is to blame
            found = [self._attempt(image) for image in images]
            return [file for file, _ in found], [error for _, error in found]

    def _attempt(self, image: Any) -> tuple[bytes, str]:
        try:
            return self.files([image])[0], ""
        except (AecError, OSError) as error:
            return b"", str(error)


def _aec_file(image: Any) -> bytes | None:
    """The .aec file that a picture is, or is the path of, after it was decoded once; None for other pictures."""
    if isinstance(image, str | os.PathLike) and not urls.is_url(image) and Path(image).suffix.lower() == SUFFIX:
        image = Path(image).read_bytes()
    if not isinstance(image, bytes) or not container.is_picture(image):
        return None
    aecodec.decode(image)  # damage is to be reported for this picture
    return image


class Decode:
    """Replaces the column of .aec files of a batch by a column of pictures.

    The pictures of a batch that are all of one shape become one array (N, H, W) or (N, H, W, C), others an array of
    objects. image, file: the names of the columns. options: those of `aecodec.decode_many`. A call raises AecError.
    """

    def __init__(self, *, image: str = IMAGE, file: str = FILE, **options: Any) -> None:
        self.image, self.file, self.options = image, file, options

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """The batch with a column of pictures, in the order of the files, in place of that of files."""
        others = {name: values for name, values in batch.items() if name != self.file}
        return {**others, self.image: self.pictures(batch[self.file])}

    def pictures(self, files: Sequence[Any]) -> Picture:
        """The pictures of a sequence of .aec files, as one array."""
        pictures = alike(aecodec.decode_many(list(files), **self.options))
        if isinstance(pictures, np.ndarray):
            return pictures
        found = np.empty(len(pictures), object)
        found[:] = pictures
        return found
