"""The valid files of the suite, by name: each exercises what its name says."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from samples import COLOUR, DIGITS, GRAY_SCENES, LETTERS, mosaic, waves

import aecodec
from aecodec import dataset
from aecodec.conformance import random_files, random_models
from aecodec.conformance.random_files import typical_residuals
from aecodec.conformance.random_models import Random, tables, varied
from aecodec.conformance.tiny_models import (
    planeless_arrays,
    planeless_description,
    planeless_dump,
    tiny_arrays,
    tiny_description,
)
from aecodec.conformance.writer import Choose, write_lossy, write_samples
from aecodec.dataset import framing
from aecodec.dataset.ranges import InMemory
from aecodec.encoding.candidates import header_with
from aecodec.format import container
from aecodec.format.container import Section
from aecodec.lossless import plain, planes
from aecodec.models import registry, safetensors
from aecodec.models.description import Description, Layer, Pass, SynthesisLayer
from aecodec.models.model import Model, load, table_arrays
from aecodec.packing import frames
from aecodec.packing.tables import MAX_RESIDUAL, Tables

SEED = 29
DRAWN_MODELS, DRAWN_FILES = 7, 44
MOST_MODEL_BYTES, MOST_FILE_BYTES = 12_000, 6_000  # of what is drawn: the suite has to stay small

Files = Iterator[tuple[str, bytes]]


def random_of(*numbers: int) -> Random:
    """Random numbers that depend on the seed of the suite, and on these numbers."""
    return np.random.default_rng([SEED, *numbers])


# Models ---


def models() -> list[bytes]:
    """The model files that the suite needs and that are not bundled."""
    shapes: dict[str, Description] = {
        "tile-1": tiny_description((4, 6), lossless=True, finish=True),
        "colour-tile-1": tiny_description((6, 4), 3, updates=False, lossless=True),
        "grid-1": tiny_description(None, 3, lossless=True, finish=True),
        "gray-grid-1": tiny_description(None, updates=False),
        "planeless-1": planeless_description(),
        "colour-planeless-1": planeless_description(3),
        "mosaic-1": mosaic_description(),
    }
    return [*(tiny_model(name, d) for name, d in shapes.items()), *drawn_models()]


def mosaic_description() -> Description:
    """Tiles of 16x16 out of a single number each: large pictures have few elements."""
    layer = SynthesisLayer(1, 256, "leaky5", grow=16)
    return replace(planeless_description(), tile=(16, 16), vector=1, features=1, synthesis_layers=(layer,))


def tiny_model(name: str, d: Description) -> bytes:
    """A model file with short tables."""
    arrays = planeless_arrays(d) if d.synthesis_layers else tiny_arrays(d)
    arrays |= table_arrays(tables(random_of(1), 2))
    if d.lossless:
        arrays |= table_arrays(tables(random_of(2), 0), "lossless.tables")
    if d.synthesis_layers:
        return planeless_dump(d, arrays, name)
    return safetensors.dump(arrays, {"name": name, "description": d.to_json()})


def drawn_models() -> Iterator[bytes]:
    """Small ones of the generator; the first has wide weights, and passes of every spacing."""
    d = tiny_description(None, 1, updates=False)
    passes = [Pass(0, 4, random_models.PLACES, 8), *(Pass(0, 4, random_models.PLACES[1:], s) for s in (4, 2, 1))]
    layers = Layer(3, 3, leaky=True), Layer(1, 3, add=0), Layer(1, 8)
    d = replace(d, passes=tuple(passes), pass_layers=(layers,) * 4, update_layers=((),) * 4)
    arrays = varied(random_of(4), tiny_arrays(d), d, wide=1.0)
    yield safetensors.dump(arrays, {"name": "pyramid-1", "description": d.to_json()})
    found = number = 0
    while found < DRAWN_MODELS:
        data = random_models.draw(random_of(5, number), f"drawn{found}-1")
        number += 1
        if len(data) <= MOST_MODEL_BYTES:
            yield data
            found += 1


# Files of models ---


def typical(tables: Tables, seed: int) -> Choose:
    """Residuals as their classes expect them."""
    random = random_of(6, seed)
    return lambda classes: typical_residuals(random, tables, classes)


def nothing(classes: Any) -> Any:
    """Residuals of 0."""
    return np.zeros(len(classes), np.int64)


def extreme(tables: Tables) -> Choose:
    """The largest residuals that there are, of both signs, wherever elements are coded."""

    def choose(classes: Any) -> Any:
        signs = np.where(np.arange(len(classes)) % 2, -1, 1)
        return np.where(classes < tables.skip, 0, signs * MAX_RESIDUAL)

    return choose


def of_tiny_models(found: dict[str, Model]) -> Files:
    """Every tiny model at sizes of every kind, both packings, both ends of quality and beyond."""
    for model in found.values():
        title, d, tables = model.name.rpartition("-")[0], model.description, model.tables
        tile = d.tile or (2, 2)
        sizes = {"tile": tile, "pixel": (1, 1), "odd": (2 * tile[0] + 1, tile[1] + 3)}
        for index, (place, size) in enumerate(sizes.items()):
            for packing in container.PACKINGS:
                header = header_with(model, size, (1, 63, 100)[index], packing, variant=place == "odd")
                yield f"{title}-{place}-{packing}", write_lossy(model, header, typical(tables, index))
        for packing in container.PACKINGS:
            header = header_with(model, sizes["odd"], 50, packing)
            yield f"{title}-extreme-{packing}", write_lossy(model, header, extreme(tables))
        yield f"{title}-nothing", write_lossy(model, header_with(model, sizes["odd"], 7), nothing)
        if model.lossless:
            yield from of_lossless_stage(title, model)


def of_lossless_stage(title: str, model: Model) -> Files:
    """Lossless and near-lossless files of a model."""
    d = model.description
    for index, (size, error, variant) in enumerate([((7, 9), 0, False), ((5, 12), 3, False), ((9, 4), 0, True)]):
        picture = random_files.drawn_picture(random_of(7, index), size, 1 if variant else d.channels)
        picture = np.ascontiguousarray(np.broadcast_to(picture, (*size, d.channels)))
        header = header_with(model, size, container.NEAR_LOSSLESS if error else container.LOSSLESS, variant=variant)
        name = "near-lossless" if error else "lossless-variant" if variant else "lossless"
        yield f"{title}-{name}", write_samples(model, header, picture, error)


def of_panels(found: dict[str, Model]) -> Files:
    """Several panels and several lanes."""
    for title, size in (("tile", (3, 530)), ("grid", (515, 4)), ("planeless", (2, 530))):
        model = found[title]
        for packing in container.PACKINGS:
            header = header_with(model, size, 80, packing)
            yield f"{title}-panels-{packing}", write_lossy(model, header, typical(model.tables, 9))
    header = header_with(found["grid"], (4, 514), 60)  # the last panel is narrower than what the finishing network sees
    yield "grid-panels-narrow", write_lossy(found["grid"], header, typical(found["grid"].tables, 19))
    model = found["mosaic"]
    header = header_with(model, (513, 520), 70)
    yield "mosaic-panels", write_lossy(model, header, sparse(model.tables))
    model = found["tile"]
    picture = random_files.drawn_picture(random_of(8), (2, 530), 1)
    yield "tile-panels-lossless", write_samples(model, header_with(model, (2, 530), container.LOSSLESS), picture)
    picture = np.minimum(picture, 9)
    header = header_with(model, (2, 530), container.NEAR_LOSSLESS)
    yield "tile-panels-near-lossless", write_samples(model, header, picture, 1)
    model = found["gray-grid"]
    for lanes, side in ((1, 154), (2, 156), (3, 190)):  # 12,000 elements a lane
        header = header_with(model, (side, side), 1)
        yield f"gray-grid-lanes-{lanes}", write_lossy(model, header, sparse(model.tables))


def sparse(tables: Tables) -> Choose:
    """Residuals that are mostly 0."""
    random = random_of(10)

    def choose(classes: Any) -> Any:
        return np.where((random.random(len(classes)) < 0.01) & (classes >= tables.skip), 1, 0)

    return choose


def of_frames(found: dict[str, Model]) -> Files:
    """Frames of the packing zstd that no encoder here writes: of other blocks, and of the largest window."""
    model = found["tile"]
    data = write_lossy(model, header_with(model, (9, 13), 90, "zstd"), typical(model.tables, 11))
    begin = container.read_header(data)[1]
    body = bytes(frames.decompress(data[begin:-4], 1 << 20))
    half = len(body) // 2
    made = {
        "raw-block": b"\0\0" + block(0, body, True),
        "largest-window": b"\0\x50" + block(0, body, True),
        "several-blocks": b"\0\0" + block(0, body[:half], False) + block(0, body[half:], True),
        "empty-blocks": b"\0\0" + block(0, b"", False) + block(0, body, False) + block(0, b"", True),
        "run-blocks": b"\0\0" + b"".join(block(1, body[i : i + 1], i == len(body) - 1) for i in range(len(body))),
    }
    for name, frame in made.items():
        yield f"zstd-{name}", data[:begin] + frame + data[-4:]


def block(kind: int, content: bytes, last: bool) -> bytes:
    """A block of a Zstandard frame: 0, its bytes; 1, one byte, once."""
    return (len(content) << 3 | kind << 1 | last).to_bytes(3, "little") + content


def of_sections(found: dict[str, Model]) -> Files:
    """Sections of every kind, with lossy, lossless and plain pictures."""
    random = random_of(12)
    alpha = random_files.drawn_picture(random, (8, 11), 1)[..., 0]
    sections = {
        "unknown": [Section(200, b""), Section(201, b"\0\1\2"), Section(255, bytes(200))],
        "metadata": random_files.metadata_sections_of(),
        "alpha": [random_files.alpha_section(alpha)],
        "clear": [random_files.alpha_section(np.zeros((8, 11), np.uint8))],
    }
    sections["all"] = [*sections["alpha"], *sections["metadata"], *sections["unknown"]]
    for name, some in sections.items():
        for title in ("tile", "grid"):
            model = found[title]
            for packing in container.PACKINGS:
                header = header_with(model, (8, 11), 60, packing, sections=some)
                yield f"{title}-{name}-{packing}", write_lossy(model, header, typical(model.tables, 13))
        picture = random_files.drawn_picture(random, (8, 11), 1)[..., 0]
        yield f"plain-section-{name}", plain.write(picture, 0, tuple(some))


def of_forms() -> Files:
    """The forms of a header at their limits: bundled models, and pictures of 4096 pixels and one more row."""
    photo, digits = registry.by_name("photo"), registry.by_name("mnist")
    for side in (64, 65):
        yield f"form-{side}x64", write_lossy(photo, header_with(photo, (side, 64), 1, "rans"), nothing)
    for form, packing in zip(("small", "short"), container.PACKINGS, strict=True):
        for variant in (False, True):
            header = header_with(digits, (28, 28), 100, packing, variant)
            name = f"form-{form}-variant" if variant else f"form-{form}"
            yield name, write_lossy(digits, header, typical(digits.tables, 14))
    yield "form-small-empty", write_lossy(digits, header_with(digits, (28, 28), 1), nothing)
    picture = random_files.drawn_picture(random_of(15), (28, 28), 1)
    for error in (0, 4, 255):
        header = header_with(digits, (28, 28), container.NEAR_LOSSLESS if error else container.LOSSLESS, variant=True)
        yield f"form-small-error-{error}", write_samples(digits, header, picture, error)


# Plain files ---


def plain_pictures() -> dict[str, tuple[np.ndarray, int]]:
    """Pictures and largest errors by name: every method of planes, 8 and 16 bits, gray and colour."""
    random = np.random.default_rng(11)
    colours = random.integers(0, 256, (9, 3)).astype(np.uint8)
    flat = np.kron(colours[random.integers(0, 9, (7, 7))], np.ones((3, 3, 1), np.uint8))
    wide = waves(20, 21, 3).astype(np.uint16) * 257
    found: dict[str, tuple[np.ndarray, int]] = {
        "plain-gray": (DIGITS[0], 0),
        "plain-colour": (COLOUR[0], 0),
        "plain-one-pixel": (COLOUR[0][:1, :1], 0),
        "plain-noise": (random.integers(0, 256, (9, 11)).astype(np.uint8), 0),
        "plain-palette": (flat, 0),
        "plain-code": (np.kron(random.integers(0, 2, (21, 21)) * 255, np.ones((2, 2))).astype(np.uint8), 0),
        "plain-near": (mosaic(40, 35), 4),
        "plain-gray-16": (waves(24, 31, 1).astype(np.uint16) * 200, 0),
        "plain-noise-16": (random.integers(0, 65536, (5, 3, 3)).astype(np.uint16), 0),
        "plain-near-16": (wide, 300),
        "plain-alpha": (np.dstack([flat[:20, :20], np.eye(20, dtype=np.uint8) * 255]), 0),
        "plain-alpha-16": (np.dstack([wide[..., 0], wide[::-1, :, 1]]), 0),
        "plain-row": (np.full((1, 20_000, 3), 9, np.uint8), 0),
        "plain-column": (np.full((300, 1), 9, np.uint16), 0),
    }
    for count in (2, 3, 5, 16, 17, 256):
        indices = random.permutation(np.arange(count * 4) % count).reshape(4, count)
        palette = random.permutation(np.arange(0, 65536, 256, dtype=np.uint16))[:count]
        found[f"plain-palette-of-{count}"] = np.kron(palette[indices], np.ones((3, 2), np.uint16)), 0
    for error in (1, 127, 128, 255):
        found[f"plain-error-{error}"] = mosaic(9, 12), error
    for error in (1, 128, 32767, 65535):
        found[f"plain-error-{error}-16"] = wide, error
    return found


def plain_files() -> Files:
    """Plain files, and one whose rows have predictors of every kind."""
    for name, (picture, max_error) in plain_pictures().items():
        has_alpha = picture.shape[2:] in ((2,), (4,))
        yield name, (aecodec.encode if has_alpha else plain.write)(picture, max_error=max_error)
    random = random_of(16)
    for channels, method in ((1, 2), (3, 2), (3, 3)):
        for bits in (8, 16):
            body = random.integers(0, 4, channels * 13).astype(np.uint8).tobytes() + random.bytes(
                channels * 13 * 7 * bits // 8
            )
            yield (
                f"plain-predictors-{channels}-{method}-{bits}",
                sealed_plain((13, 7), channels, bits, bytes([method]) + frames.compress(body, (9,))),
            )


def sealed_plain(size: tuple[int, int], channels: int, bits: int, content: bytes) -> bytes:
    """A lossless plain file with this content of planes: whatever its samples are, their checksum matches."""
    header = container.Header(container.PLAIN, 100, "zstd", size=(size[1], size[0]), variant=channels == 1)
    begin = container.write_header(header) + bytes([bits == 16])
    found: list[int] = []

    def note(samples: Any, seed: int, check: bytes) -> None:
        found.append(zlib.crc32(samples, seed))

    with mock.patch.object(planes, "_require_check", note):
        planes.unpack(content + bytes(4), (*size, channels), f"u{bits // 8}", zlib.crc32(begin))
    return begin + content + found[0].to_bytes(4, "little")


# Files of the encoder ---


def of_encoder() -> Files:
    """Pictures as `aecodec.encode` writes them, with the bundled models."""
    noise = np.random.default_rng(0).integers(0, 256, (33, 31, 3)).astype(np.uint8)
    chosen: dict[str, tuple[np.ndarray, str, int]] = {
        "small": (DIGITS[0], "auto", 20),
        "gray-scene": (GRAY_SCENES[5], "cifar", 60),
        "gray-5x7": (DIGITS[0][12:19, 12:17], "auto", 75),
        "colour-5x7": (COLOUR[0][:7, :5], "auto", 75),
        "colour-31x33": (mosaic(33, 31), "auto", 50),
        "colour-70x5": (mosaic(5, 70), "auto", 75),
        "gray-5x70": (waves(70, 5, 1), "auto", 40),
        "colour-mosaic": (mosaic(128, 160), "auto", 30),
        "gray-waves": (waves(100, 130, 1), "auto", 75),
        "noise": (noise, "auto", 70),
    }
    # Every model at both ends of quality, and its negative where it has one.
    for name in registry.NUMBERS.values():
        description = registry.by_name(name).description
        height, width = description.tile or (40, 56)
        gray = description.channels == 1
        tile = mosaic(height, width, tiles=LETTERS[3:] + LETTERS[:3]) if gray else mosaic(height, width)
        chosen |= {f"{name}-q{quality}": (tile, name, quality) for quality in (1, 75, 100)}
        if gray:
            chosen[f"{name}-inverted"] = 255 - tile, name, 75
    for name, (picture, model, quality) in chosen.items():
        for packing in container.PACKINGS:
            data = aecodec.encode(picture, model=model, quality=quality, packing=packing)
            yield f"{name}-{packing}", data
    bounded: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
        "lossless-digit": (DIGITS[0], {"max_error": 0}),
        "lossless-letter": (255 - LETTERS[0], {"max_error": 0, "model": "alphabet"}),
        "lossless-colour": (COLOUR[0], {"max_error": 0}),
        "lossless-gray": (mosaic(40, 35)[..., 1], {"max_error": 0, "model": "cifar"}),
        "lossless-photo": (mosaic(40, 35), {"max_error": 0, "model": "photo"}),
        "lossless-panels": (mosaic(20, 530), {"max_error": 0, "model": "cifar"}),
        "near-digit": (DIGITS[1], {"max_error": 2}),
        "near-colour": (COLOUR[3], {"max_error": 3}),
    }
    for name, (picture, options) in bounded.items():
        data = aecodec.encode(picture, **options)
        info = aecodec.inspect(data)
        assert info.model != plain.NAME and info.max_error == options["max_error"], name
        yield name, data


# Drawn, and data sets ---


def drawn(found: dict[str, Model]) -> Files:
    """Files of the generator that are small."""
    made = number = 0
    while made < DRAWN_FILES:
        file = random_files.draw(random_of(17, number), list(found.values()))
        number += 1
        if len(file.data) <= MOST_FILE_BYTES:
            yield f"drawn-{made:02}-{file.what}", file.data
            made += 1


def data_sets(found: dict[str, Model]) -> Files:
    """Joined blocks of every kind, blocks of files, and columns of every type."""
    digits, scenes = aecodec.encode_many(DIGITS[:9], quality=30), COLOUR[:6]
    yield "set-lossy-rans", written(digits)
    yield "set-lossy-zstd", written(digits, packing="zstd")
    yield "set-qualities-rans", written(aecodec.encode_many(scenes, min_psnr=30, model="cifar", packing="rans"))
    yield "set-qualities-zstd", written(aecodec.encode_many(scenes, min_psnr=30, model="cifar"), packing="zstd")
    yield "set-lossless", written(aecodec.encode_many(DIGITS[:6], lossless=True, model="mnist"))
    yield "set-near-lossless", written(aecodec.encode_many(COLOUR[:3], max_error=2, model="cifar"))
    gray = aecodec.encode_many([mosaic(9, 8)[..., 1]] * 2, lossless=True, model="cifar")
    yield "set-gray-lossless", written(gray)
    for title in ("tile", "grid", "planeless"):
        model = found[title]
        headers = [header_with(model, (6, 8), quality) for quality in (20, 60, 60)]
        yield f"set-{title}", written([write_lossy(model, header, typical(model.tables, 18)) for header in headers])
    files = [data for _, data in [*plain_files()][:5]]
    yield "set-files", written(files)
    yield from appended([*digits, *files, *gray])


def of_blocks(blocks: list[framing.Block]) -> bytes:
    """A data set of these blocks."""
    data, entries = framing.head(), []
    for block in blocks:
        entries.append(framing.Entry(block.kind, len(data), block.header, len(block.body)))
        data += block.to_bytes()
    return data + framing.index_block(entries)


def written(files: list[bytes], **options: Any) -> bytes:
    """A data set of these files."""
    with tempfile.TemporaryDirectory() as folder:
        dataset.write(Path(folder) / "set.aecs", files, block_pictures=8, **options)
        return (Path(folder) / "set.aecs").read_bytes()


def appended(files: list[bytes]) -> Files:
    """A data set that was appended to, with columns; and the same with bytes and a block that mean nothing."""
    count = len(files)
    columns: dict[str, Any] = {
        "word": [f"{number} ü" for number in range(count)],
        "raw": [bytes(number % 3) for number in range(count)],
        "flag": np.arange(count) % 2 == 0,
        **{f"float{bits}": (np.arange(count) / 8).astype(f"f{bits // 8}") for bits in (16, 32, 64)},
        **{f"unsigned{bits}": np.arange(count, dtype=np.uint64) + (1 << bits - 1) for bits in (8, 16, 32, 64)},
        **{f"signed{bits}": np.arange(count) - (1 << bits - 2) for bits in (8, 16, 32, 64)},
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.aecs"
        first = {name: column[:-4] for name, column in columns.items()}
        dataset.write(
            path, files[:-4], labels=np.arange(count - 4) % 5, metadata={"made": "by make.py"}, columns=first,
            block_pictures=8, label_names=["a", "b", "c", "d", "e"],
        )  # fmt: skip
        last = {name: column[-4:] for name, column in columns.items()}
        dataset.append(path, files[-4:], labels=[0, 1, 2, 300], columns=last, packing="zstd")
        data = path.read_bytes()
    yield "set-appended", data
    entries = framing.read_index(InMemory(data))
    body, moved, unknown = (
        bytearray(framing.head() + b"these bytes mean nothing"),
        [],
        framing.Block(200, b"h", b"body"),
    )
    for entry in entries:
        moved.append(framing.Entry(entry.kind, len(body), entry.header, entry.body_bytes))
        body += data[entry.begin : entry.end] + b"\xae\xdb"
        if len(moved) == 1:
            moved.append(framing.Entry(unknown.kind, len(body), unknown.header, len(unknown.body)))
            body += unknown.to_bytes()
    yield "set-unknown-block", bytes(body) + framing.index_block(moved)


def all_files(found: dict[str, Model]) -> Files:
    """All valid files of the suite; the models by name without version, as the registry finds them."""
    tiny = {title: model for title, model in found.items() if not title.startswith(("drawn", "mosaic"))}
    yield from of_encoder()
    yield from of_forms()
    yield from of_tiny_models(tiny)
    yield from of_panels(found)
    yield from of_frames(found)
    yield from of_sections(found)
    yield from plain_files()
    yield from drawn(found)
    yield from data_sets(found)


def loaded(files: list[bytes]) -> dict[str, Model]:
    """Models by name without version."""
    return {model.name.rpartition("-")[0]: model for model in map(load, files)}
