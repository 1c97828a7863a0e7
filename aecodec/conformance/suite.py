"""A suite of files: what each of them decodes to, or why a decoder refuses it.

manifest.json     a row for each file and each model
files/            valid files
models/           the models that they need and that are not bundled
invalid/          files that a decoder has to refuse
invalid/models/   a folder for each model file that has to be refused, which a file of `invalid` asks for
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import aecodec
from aecodec import dataset, errors
from aecodec.conformance.exercised import sections_of_data_set, sections_of_file
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.errors import AecError
from aecodec.format import container
from aecodec.models import registry
from aecodec.models.model import load

if TYPE_CHECKING:
    from aecodec.images.source import Picture

MANIFEST, FILES, MODELS, INVALID = "manifest.json", "files", "models", "invalid"
SUFFIX, DATA_SET_SUFFIX = ".aec", ".aecs"
_CHANGING = RLock()  # the folder of models is one for the whole process

# The kinds of failure of the specification, and what this package raises for them.
FAILURES: dict[str, type[AecError]] = {
    "not an .aec file": errors.NotAnAecFile,
    "unsupported version": errors.UnsupportedVersion,
    "unsupported section": errors.UnsupportedSection,
    "unknown model": errors.UnknownModel,
    "truncated": errors.TruncatedFile,
    "trailing bytes": errors.TrailingBytes,
    "checksum": errors.ChecksumMismatch,
    "limit": errors.LimitExceeded,
    "invalid value": errors.InvalidValue,
    "invalid model file": errors.InvalidModelFile,
}


def default_folder() -> Path:
    """Where a checkout has the suite of the version of the format that this release writes."""
    return Path(__file__).resolve().parents[2] / "conformance" / str(container.VERSION)


def sha256(data: bytes) -> str:
    """The SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def raw(picture: Picture) -> bytes:
    """The samples of a picture: row by row, pixel by pixel, channel by channel; 16 bits little-endian."""
    return np.ascontiguousarray(picture, picture.dtype.newbyteorder("<")).tobytes()


# Rows of the manifest ---


@dataclass(frozen=True)
class Valid:
    """A file with one picture. pixels: the SHA-256 of its samples as `raw` gives them."""

    file: str
    sha256: str
    pixels: str
    width: int
    height: int
    channels: int
    bits: int
    model: str
    quality: int
    max_error: int | None
    packing: str
    inverted: bool
    file_bytes: int
    sections: list[str]

    @classmethod
    def of(cls, file: str, data: bytes) -> Valid:
        """The row of a file, from what this package decodes. Raises AecError."""
        parsed, picture = ParsedFile.parse(data, None), aecodec.decode(data)
        info = parsed.info()
        return cls(
            file=file,
            sha256=sha256(data),
            pixels=sha256(raw(picture)),
            width=info.width,
            height=info.height,
            channels=channels_of(picture),
            bits=info.bits,
            model=info.model,
            quality=info.quality,
            max_error=info.max_error,
            packing=info.packing,
            inverted=info.inverted,
            file_bytes=len(data),
            sections=sections_of_file(parsed),
        )


@dataclass(frozen=True)
class ValidSet:
    """A data set. pixels: of the samples of all pictures one after the other, in the order of their numbers.

    pictures: the width, height, channels and bits of each, and the SHA-256 of its samples. columns: the values of each
    column, bytes in hexadecimal.
    """

    file: str
    sha256: str
    pixels: str
    pictures: list[list[Any]]
    columns: dict[str, list[Any]]
    metadata: dict[str, Any]
    file_bytes: int
    sections: list[str]

    @classmethod
    def of(cls, file: str, data: bytes) -> ValidSet:
        """The row of a data set, from what this package decodes. Raises AecError."""
        with dataset.open(data) as ds:
            pictures = list(ds)
            return cls(
                file=file,
                sha256=sha256(data),
                pixels=sha256(b"".join(map(raw, pictures))),
                pictures=[[p.shape[1], p.shape[0], channels_of(p), 8 * p.itemsize, sha256(raw(p))] for p in pictures],
                columns={name: list(map(_plain, column.tolist())) for name, column in ds.columns.items()},
                metadata=ds.metadata,
                file_bytes=len(data),
                sections=sections_of_data_set(ds),
            )


@dataclass(frozen=True)
class Invalid:
    """A file to refuse. failure: one of FAILURES. models: the folder of models, relative to the suite's."""

    file: str
    sha256: str
    failure: str
    reason: str
    models: str = MODELS


@dataclass(frozen=True)
class ModelFile:
    """A model that files of the suite need."""

    file: str
    sha256: str
    name: str
    id: str


Row: TypeAlias = Valid | ValidSet | Invalid


def row_of(file: str, data: bytes) -> Valid | ValidSet:
    """The row of a valid file. Raises AecError."""
    return ValidSet.of(file, data) if container.is_data_set(data) else Valid.of(file, data)


def channels_of(picture: Picture) -> int:
    """The channels of a decoded picture."""
    return 1 if picture.ndim == 2 else picture.shape[2]


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


# The whole ---


@dataclass(frozen=True)
class Suite:
    """A suite in a folder."""

    folder: Path
    valid: tuple[Valid, ...]
    data_sets: tuple[ValidSet, ...]
    invalid: tuple[Invalid, ...]
    models: tuple[ModelFile, ...]

    @classmethod
    def read(cls, folder: Path) -> Suite:
        """The suite in a folder. Raises OSError, and ValueError for a manifest that is none."""
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        try:
            return cls(
                folder,
                tuple(Valid(**row) for row in found["valid"]),
                tuple(ValidSet(**row) for row in found["data_sets"]),
                tuple(Invalid(**row) for row in found["invalid"]),
                tuple(ModelFile(**row) for row in found["models"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{folder / MANIFEST} is not the manifest of a suite: {error}") from None

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows: valid files, data sets, invalid files."""
        return (*self.valid, *self.data_sets, *self.invalid)

    def data(self, row: Row) -> bytes:
        """The bytes of a file, which have to be those of the manifest. Raises OSError, ValueError."""
        data = (self.folder / row.file).read_bytes()
        if sha256(data) != row.sha256:
            raise ValueError(f"{self.folder / row.file} is not the file of the manifest")
        return data

    def models_folder(self, row: Row) -> Path:
        """The folder of the models, besides the bundled ones, for a file."""
        return self.folder / (row.models if isinstance(row, Invalid) else MODELS)


class SuiteWriter:
    """Writes a suite to a folder, file by file; `finish` writes the manifest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[Row] = []
        self.models: list[ModelFile] = []

    def add_model(self, data: bytes) -> ModelFile:
        """Add a model file that valid files need."""
        model = load(data)
        row = ModelFile(f"{MODELS}/{model.name}{registry.SUFFIX}", sha256(data), model.name, model.id.hex())
        self._write(row.file, data)
        self.models.append(row)
        return row

    def add(self, name: str, data: bytes) -> None:
        """Add a valid file; its models have been added, and `models_from` leads to them."""
        suffix = DATA_SET_SUFFIX if container.is_data_set(data) else SUFFIX
        row = row_of(f"{FILES}/{name}{suffix}", data)
        self._write(row.file, data)
        self.rows.append(row)

    def add_invalid(self, name: str, data: bytes, failure: str, reason: str, model: bytes | None = None) -> None:
        """Add a file to refuse; model: the model file that is the reason."""
        assert failure in FAILURES, failure
        models = MODELS
        if model is not None:
            models = f"{INVALID}/{MODELS}/{name}"
            self._write(f"{models}/{name}-1{registry.SUFFIX}", model)
        suffix = DATA_SET_SUFFIX if data[:2].hex().startswith("aed") else SUFFIX  # whole or not
        row = Invalid(f"{INVALID}/{name}{suffix}", sha256(data), failure, reason, models)
        self._write(row.file, data)
        self.rows.append(row)

    def _write(self, file: str, data: bytes) -> None:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        assert not path.exists(), f"two files are called {file}"
        path.write_bytes(data)

    def finish(self) -> Suite:
        """Write the manifest."""
        parts: dict[str, Iterable[Any]] = {
            "models": self.models,
            "valid": [row for row in self.rows if isinstance(row, Valid)],
            "data_sets": [row for row in self.rows if isinstance(row, ValidSet)],
            "invalid": [row for row in self.rows if isinstance(row, Invalid)],
        }
        write_manifest(self.folder, {name: [asdict(row) for row in rows] for name, rows in parts.items()})
        return Suite.read(self.folder)


def write_manifest(folder: Path, parts: Mapping[str, Sequence[dict[str, Any]]]) -> None:
    """Write the manifest of a suite: one line for each file, so that changes can be read."""
    lines = [f'{{\n"version": {container.VERSION}']
    for name, rows in parts.items():
        text = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        lines.append(f'"{name}": [\n{text}\n]' if rows else f'"{name}": []')
    (folder / MANIFEST).write_text(",\n".join(lines) + "\n}\n", encoding="utf-8")


@contextmanager
def models_from(folder: Path) -> Iterator[None]:
    """Let this process find the models in a folder, besides the bundled ones. Other threads wait to do the same."""
    with _CHANGING:
        before = os.environ.get(registry.VARIABLE)
        os.environ[registry.VARIABLE] = str(folder)
        registry.forget()
        try:
            yield
        finally:
            if before is None:
                del os.environ[registry.VARIABLE]
            else:
                os.environ[registry.VARIABLE] = before
            registry.forget()
