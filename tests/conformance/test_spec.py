"""spec/FORMAT.md is complete: a decoder written from it alone decodes what aecodec encodes, to the same pixels.

`python tests/conformance/test_spec.py` rewrites those parts of the specification that are computed: the bundled models,
the checks of the dictionaries, and the worked example. To be run whenever a bundled model changes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import sys
import textwrap
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for running this file as a script

import reference_decoder as reference  # noqa: E402
from reference_decoder import Log, Model, Refused  # noqa: E402

import aecodec  # noqa: E402
from aecodec.conformance.tiny_models import tiny_arrays, tiny_description, tiny_file  # noqa: E402
from aecodec.errors import AecError, InvalidModelFile  # noqa: E402
from aecodec.models import registry, safetensors  # noqa: E402
from aecodec.models.description import Layer  # noqa: E402
from aecodec.models.model import load  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "spec" / "FORMAT.md"
EXAMPLE_MODEL, EXAMPLE_QUALITY = "mnist-2", 20
STALE = "stale: run python tests/conformance/test_spec.py and look at the difference"


@cache
def models() -> dict[int | bytes, Model]:
    """The bundled models by number, as the reference decoder reads them."""
    found: dict[int | bytes, Model] = {}
    for name in registry.names():
        model = Model((registry.folder() / f"{name}.safetensors").read_bytes())
        found[model.number or model.id()] = model
    return found


# The computed parts ---


def hexadecimal(data: bytes) -> str:
    return data.hex(" ").upper()


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def wrapped(text: str) -> str:
    """A paragraph in lines of the specification's length; tables and blocks of code as they are."""
    if "\n" in text or text.startswith("    "):
        return text
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def numbers(values: Iterable[int]) -> str:
    return " ".join(map(str, values))


def models_part() -> str:
    rows = []
    for key, model in sorted((key, model) for key, model in models().items() if isinstance(key, int)):
        tile = "none" if model.tile is None else "{1} x {0}".format(*model.tile)
        rows.append([key, model.name, tile, model.channels, f"`{model.id().hex()}`"])
    return table(["number", "name", "tile (width x height)", "channels", "id"], rows)


def dictionaries_part() -> str:
    rows = []
    for group, ones in enumerate(reference.ONES):
        phrases = ["".join(map(str, phrase)) for phrase in reference.dictionary(ones)]
        lengths = [len(phrase) for phrase in phrases]
        text = "".join(phrase + "\n" for phrase in phrases).encode()
        crc = f"{zlib.crc32(text):08X}"
        rows.append([group, lengths[0], lengths[255], min(lengths), max(lengths), sum(lengths), crc])
    head = ["group", "length of phrase 0", "of phrase 255", "shortest", "longest", "sum of lengths", "CRC-32"]
    return (
        table(head, rows)
        + "\n\nThe CRC-32 is that of the phrases 0..255, each as ASCII digits followed by the byte 0A."
    )


def event_table(log: Log, begin: int, end: int, names: Sequence[str]) -> str:
    rows = []
    for name, event in zip(names, log.events[begin:end], strict=True):
        taken = hexadecimal(event.taken) or "-"
        rows.append([name, event.kind, taken, event.x, event.s, event.value, event.f, event.rank, event.after])
    return table(["element", "event kind", "bytes taken", "x", "s", "value", "f", "rank", "x after"], rows)


def element_rows(log: Log, model: Model, stage: reference.Stage, begin: int, kinds: range) -> list[list[object]]:
    q = log.header.quality - 1
    rows: list[list[object]] = []
    for index, kind in enumerate(kinds, begin):
        offset = model.offset[q * model.kinds + kind]
        parts = [part[index] for part in (stage.classes, stage.residuals, stage.means, stage.steps, stage.elements)]
        rows.append([kind, offset, *parts, model.context_exponent[kind]])
    return rows


def block_pixels(picture: reference.Picture, model: Model, block: int) -> bytes:
    """The pixels of a block of a gray picture, row by row."""
    y, x = divmod(block, picture.width // model.block)
    corner = y * model.block * picture.width + x * model.block
    return b"".join(picture.samples[corner + dy * picture.width :][: model.block] for dy in range(model.block))


def example_part(short: bytes, long: bytes) -> str:
    """The worked example: everything follows from the bytes of the two files and from the model's file."""
    log = Log()
    picture = reference.decode(short, models(), log)
    header = log.header
    assert isinstance(header.model, int)
    model = models()[header.model]
    assert model.tile == [28, 28] and model.channels == 1 and header.length == 2 and header.small
    first_bytes = int.from_bytes(short[2:5], "big")
    columns = model.tile[1] // model.block
    blocks = columns * (model.tile[0] // model.block)
    elements = model.vector + blocks * model.coefficients
    vector, first = log.stages[:2]
    head = ["element kind", "offset", "class", "residual", "mean", "step", "element", "exponent", "context value"]

    coded = [k for k, c in enumerate(vector.classes) if c >= model.tables.skip]
    count = first.first_event - vector.first_event
    more = "" if count == len(coded) else f" The vector pass has {count} events; the table shows the first round."
    vector_events = event_table(log, 0, len(coded), [f"vector {k}" for k in coded])
    vector_rows = [
        [*row, known]
        for row, known in zip(
            element_rows(log, model, vector, 0, range(model.vector)), log.known[0][: model.vector], strict=True
        )
    ]

    p = model.description["passes"][0]
    lo, hi = p["lo"], p["hi"]
    positions = reference.places_of(p, blocks // columns, columns)
    named = [f"block {b}, channel {c}" for b in positions for c in range(lo, hi)]
    coded = [i for i, c in enumerate(first.classes) if c >= model.tables.skip][:12]
    begin = first.first_event
    # the block of this pass that shows most
    shown = max(positions, key=lambda b: len({*block_pixels(picture, model, b)}))
    pass_events = event_table(log, begin, begin + len(coded), [named[i] for i in coded])
    place = positions.index(shown) * (hi - lo)
    context = log.context[shown]
    channel_kinds = range(model.vector + lo, model.vector + hi)
    pass_rows = [
        [*row, known]
        for row, known in zip(
            element_rows(log, model, first, place, channel_kinds), context[model.first + lo :], strict=False
        )
    ]

    y, x = divmod(shown, columns)
    updates = [index for index, layers in enumerate(model.description["update_layers"]) if layers]
    updated = [
        f"**After pass {index}** its update gives block {shown} new features, of which the first eight are"
        f" {numbers(made[shown][:8])}."
        for index, made in zip(updates, log.features[1:], strict=True)
    ]
    pixels = block_pixels(picture, model, shown)
    lines = [pixels[dy * model.block :][: model.block] for dy in range(model.block)]
    last = log.events[-1]
    parts = [
        f"A digit of 28 x 28 pixels, coded with {model.name} (id `{model.id().hex()}`) at quality {header.quality}"
        f" with rans, is this file of {len(short)} bytes:",
        f"    {hexadecimal(short)}",
        table(
            ["offset", "bytes", "meaning"],
            [
                [0, f"`{hexadecimal(short[:1])}`", f"the small form: packing rans, no sections; model {header.model}"],
                [1, f"`{hexadecimal(short[1:2])}`", f"quality {header.quality}; no variant"],
                [2, f"`{hexadecimal(short[2:-1])}`", f"payload, {len(short) - 3} bytes"],
                [len(short) - 1, f"`{hexadecimal(short[-1:])}`", "check: the CRC-8 of the bytes before it"],
            ],
        ),
        f"No size is given, so the picture is one tile of 28 x 28 pixels, {blocks} blocks in {columns} columns. It has"
        f" {model.vector} + {blocks} * {model.coefficients} = {elements} elements, and floor({elements} / 12000) = 0,"
        f" so there is one lane. The bytes `{hexadecimal(short[2:5])}` are {first_bytes} = 16 * {log.start} +"
        f" {first_bytes % 16}, so the first state is **x = {log.start}** and the four bits are {first_bytes % 16}."
        f" `tables.skip` is {model.tables.skip}.",
        f"**The vector pass.** The events of its first round:{more}",
        vector_events,
        "The class in the next table is the one with the offset added and clamped, so it is the kind of the event.",
        table(head, vector_rows),
        f"The input of the vector network is these context values and the cues of quality {header.quality}:"
        f" {numbers(log.known[0][model.vector :])}. The first eight of the {model.features} features that it gives"
        f" block {shown} are {numbers(log.features[0][shown][:8])}.",
        f"**Pass 0** has the channels {lo}..{hi - 1} of {len(positions)} blocks, {len(first.classes)} elements,"
        f" of which {sum(c >= model.tables.skip for c in first.classes)} are coded. Its first {len(coded)} events:",
        pass_events,
        f"The elements of block {shown} (row {y}, column {x}) in this pass:",
        table(head, pass_rows),
        *updated,
        f"**The end.** There are {len(log.events)} events in all. The last one has kind {last.kind} and value"
        f" {last.value} (s = {last.s}, f = {last.f}, rank {last.rank}) and leaves x = {last.after}; the last refill"
        f" takes {hexadecimal(log.last_taken) or 'no byte'}. The final state is **{log.end}** and no bytes of the"
        f" payload are left, as the small form demands. The CRC-32 of the header is {log.crc_header:08X}, of the header"
        f" and the {elements} residuals {log.crc:08X}; its lowest four bits are {log.crc % 16}, so the file is whole.",
        f"**Pixels.** The plane of block {shown} is\n\n    {numbers(log.plane[shown])}\n\n"
        f"its correction is\n\n    {numbers(log.correction[shown])}\n\nand its pixels are\n\n"
        + "\n".join(f"    {numbers(line)}" for line in lines),
        f"Row 14 of the picture is\n\n    {numbers(picture.samples[14 * 28 : 14 * 28 + 14])}\n"
        f"    {numbers(picture.samples[14 * 28 + 14 : 15 * 28])}\n\nand the SHA-256 of its 784 samples is"
        f"\n\n    {hashlib.sha256(picture.samples).hexdigest()}",
    ]

    log = Log()
    assert reference.decode(long, models(), log) == picture
    assert log.header.length == 3
    frame = long[3:-4]
    rows = [[group, used, hexadecimal(taken) or "-"] for group, used, taken in log.levels[0]]
    parts += [
        f"**The same with zstd** is {len(long)} bytes:",
        f"    {hexadecimal(long[:-4])}\n    {hexadecimal(long[-4:])}",
        f"It has the short form: `BF`, then the flags and model {header.model}, then quality and packing. The frame has"
        f" {len(frame)} bytes, from `{hexadecimal(frame[:2])}` on. The CRC-32 of the header is {log.crc_header:08X}, of"
        f" the header and the {elements} residuals {log.crc:08X}, which the file ends with. The body has"
        f" {len(log.body)} bytes:",
        f"    {hexadecimal(log.body)}",
        "On the first level of the first round the groups take these bytes:",
        table(["group", "decisions used", "bytes taken"], rows),
    ]
    return "\n\n".join(wrapped(text) for text in parts)


def part(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=<!-- {name}: begin -->\n).*?(?=<!-- {name}: end -->)", re.DOTALL)


def written(name: str) -> str:
    found = part(name).search(SPEC.read_text(encoding="utf-8"))
    assert found, f"the specification has no part {name}"
    return found[0].removesuffix("\n")


def example_files() -> list[bytes]:
    """The two files of the worked example, from its text."""
    blocks = re.findall(r"bytes:\n\n((?:    [0-9A-F ]+\n)+)", written("example"))
    return [bytes.fromhex(block) for block in blocks[:2]]


# The claims ---


def test_worked_example_follows_from_its_bytes() -> None:
    short, long = example_files()
    assert example_part(short, long) == written("example"), STALE


def test_aecodec_decodes_the_worked_example_alike() -> None:
    for data in example_files():
        assert aecodec.decode(data).tobytes() == reference.decode(data, models()).samples


def test_computed_tables_are_up_to_date() -> None:
    assert models_part() == written("models"), STALE
    assert dictionaries_part() == written("dictionaries"), STALE


@pytest.mark.parametrize("name", registry.names())
def test_id_is_derived_as_specified(name: str) -> None:
    model = Model((registry.folder() / f"{name}.safetensors").read_bytes())
    assert (model.id(), model.number) == (registry.by_name(name).id, registry.number_of(registry.by_name(name)))


def test_listed_headers_are_refused() -> None:
    rows = re.findall(r"^\| `([0-9A-F ]+)` \|", written("refused"), re.MULTILINE)
    assert len(rows) > 10
    for row in rows:
        data = bytes.fromhex(row)
        with pytest.raises(Refused):
            reference.decode(data, models())
        with pytest.raises(AecError):
            aecodec.decode(data)


def test_damage_is_refused_by_both() -> None:
    short, long = example_files()
    damaged = [short[:-1], short + b"\0", short[:2], long[:-1], long[:4] + long[5:], long + b"\0"]
    damaged += [data[:-1] + bytes([data[-1] ^ 1]) for data in (short, long)]
    for data in damaged:
        with pytest.raises(Refused):
            reference.decode(data, models())
        with pytest.raises(AecError):
            aecodec.decode(data)


def test_updates_of_no_model_are_refused_by_both() -> None:
    described = tiny_description((4, 6))
    first, second = described.update_layers[1:3]
    none: tuple[Layer, ...] = ()
    assert Model(tiny_file()).update_networks[1]
    for updates in (
        (none, first, second, first),  # after the last pass
        (none, first, second),
        (none, first, second, none, none),
        (none, first[:1], second, none),  # four units for two features
        (none, first, none, none),  # arrays of no layer
        (first, first, second, none),  # a layer without arrays
    ):
        text = dataclasses.replace(described, update_layers=updates).to_json()
        data = safetensors.dump(tiny_arrays(described), {"name": "tiny-1", "description": text})
        with pytest.raises(Refused):
            Model(data)
        with pytest.raises(InvalidModelFile):
            load(data)


def picture(kind: str, height: int, width: int, channels: int) -> np.ndarray:
    """A disc on a slope, or noise, which needs escapes and low bits."""
    y, x = np.mgrid[:height, :width]
    if kind == "noise":
        samples = np.random.default_rng(height * width).integers(0, 240, (height, width, channels))
    else:
        disc = np.hypot(y - height / 2, x % 28 - 14) < 9
        samples = np.stack([np.where(disc, 230 - 40 * c, y + c * x // 4) for c in range(channels)], axis=-1)
    array = samples.astype(np.uint8)
    return array[..., 0] if channels == 1 else array


OWN_TILE = (0, 0, 0)
CASES = [
    # model, kind, (height, width, channels), quality, packing
    *[(name, "disc", OWN_TILE, 40, "rans") for name in registry.names()],
    ("mnist-2", "noise", (28, 28, 1), 100, "rans"),
    ("mnist-2", "negative", (28, 28, 1), 50, "rans"),
    ("mnist-2", "disc", (20, 37, 1), 60, "zstd"),
    ("cifar-4", "noise", (33, 30, 3), 70, "zstd"),
    ("cifar-4", "disc", (5, 41, 1), 30, "rans"),  # gray
    ("mnist-2", "disc", (56, 84, 1), 50, "rans"),  # two by three tiles
    ("cifar-4", "disc", (32, 64, 3), 40, "zstd"),
    ("photo-2", "noise", (33, 70, 3), 70, "rans"),  # odd numbers of blocks: five by nine
    ("photo-2", "disc", (1, 1, 1), 50, "rans"),
    ("photo-2", "disc", (60, 40, 1), 30, "zstd"),
]


@pytest.mark.parametrize(("name", "kind", "shape", "quality", "packing"), CASES)
def test_reference_decoder_agrees(
    name: str, kind: str, shape: tuple[int, int, int], quality: int, packing: str
) -> None:
    model = registry.by_name(name).description
    height, width, channels = shape if shape != OWN_TILE else (*(model.tile or (32, 32)), model.channels)
    source = picture(kind, height, width, channels)
    if kind == "negative":
        source = 255 - source
    data = aecodec.encode(source, model=name, quality=quality, packing=packing)
    expected = aecodec.decode(data)
    log = Log()
    found = reference.decode(data, models(), log)
    assert log.header.packing == packing
    assert log.header.variant == (kind == "negative" or channels < model.channels)
    assert (found.height, found.width, found.channels) == (height, width, channels)
    assert found.samples == expected.tobytes()
    if (kind, packing) == ("noise", "rans"):
        assert max(event.kind for event in log.events) > 64, "this picture was to need raw bits"


def test_reference_decoder_agrees_on_several_lanes(own_folder: Path) -> None:
    (own_folder / "wide-1.safetensors").write_bytes(tiny_file(None, 3, name="wide-1"))
    source = picture("disc", 50, 170, 3)
    data = aecodec.encode(source, model="wide", quality=30, packing="rans")
    model, log = Model(tiny_file(None, 3, name="wide-1")), Log()
    assert reference.decode(data, {model.id(): model}, log).samples == aecodec.decode(data).tobytes()
    assert log.lanes == 2


@pytest.mark.parametrize("quality", [1, 60, 98])  # the offsets reach beyond both ends
@pytest.mark.parametrize(("tile", "channels", "lossless"), [((6, 4), 1, False), (None, 3, False), (None, 3, True)])
def test_reference_decoder_agrees_on_finishing_networks_and_quality_offsets(
    tile: tuple[int, int] | None,
    channels: int,
    lossless: bool,
    quality: int,
    own_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aecodec.encoding.encoder.or_plain", lambda batch, files, *others: files)
    file = tiny_file(tile, channels, lossless=lossless, finish=True, name="finished-1")
    (own_folder / "finished-1.safetensors").write_bytes(file)
    source = picture("disc", 23, 30, channels)
    data = aecodec.encode(source, model="finished", quality=quality)
    model = Model(file)
    log = Log()
    assert reference.decode(data, {model.id(): model}, log).samples == aecodec.decode(data).tobytes()
    first = int(model.vector > 0)
    assert log.stages[first].steps[0] != log.stages[first + 1].steps[0]


def test_finishing_networks_of_no_model_are_refused_by_both() -> None:
    described = tiny_description((6, 4), finish=True)
    finish, arrays = described.finish, tiny_arrays(described)
    assert finish
    of_three = tuple(dataclasses.replace(p, quality_offset=(1, 2, 3)) for p in described.passes)
    of_text = tuple(dataclasses.replace(p, quality_offset=(1.5,)) for p in described.passes)  # type: ignore[arg-type]
    wrong: list[dict[str, Any]] = [
        {"finish": dataclasses.replace(finish, cell=8)},  # a block has two pixels
        {"finish": dataclasses.replace(finish, places=2)},
        {"finish": dataclasses.replace(finish, layers=finish.layers[:2])},
        {"finish": dataclasses.replace(finish, layers=())},
        {"finish": None},  # arrays of no network
        {"passes": of_three},
        {"passes": of_text},
    ]
    for changes in wrong:
        text = dataclasses.replace(described, **changes).to_json()
        data = safetensors.dump(arrays, {"name": "tiny-1", "description": text})
        with pytest.raises(Refused):
            Model(data)
        with pytest.raises(InvalidModelFile):
            load(data)
    coarse = arrays | {"synthesis.shift": np.ones_like(arrays["synthesis.shift"])}
    data = safetensors.dump(coarse, {"name": "tiny-1", "description": described.to_json()})
    with pytest.raises(Refused):
        Model(data)
    with pytest.raises(InvalidModelFile):
        load(data)


@pytest.mark.parametrize(
    ("height", "width", "channels", "error"),
    [(20, 14, 3, 0), (11, 17, 3, 2), (9, 8, 1, 0), (3, 5, 3, 255), (1, 1, 3, 0)],
)
def test_reference_decoder_agrees_on_lossless_files(
    height: int, width: int, channels: int, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever is smaller: the files of these small pictures are to have a model.
    monkeypatch.setattr("aecodec.encoding.encoder.or_plain", lambda batch, files, *others: files)
    source = picture("disc", height, width, channels)
    data = aecodec.encode(source, model="cifar-4", max_error=error)
    expected = aecodec.decode(data)
    found = reference.decode(data, models())
    assert found.samples == expected.tobytes()
    assert int(np.abs(expected.astype(int) - source).max()) <= error


def test_a_lossless_file_that_is_damaged_is_refused_by_both() -> None:
    source = np.asarray(Image.open(ROOT / "examples" / "horse.png"))[:12, :12]
    data = aecodec.encode(source, model="cifar-4", max_error=1)
    header = reference.read_header(data)
    place = header.length
    for damaged in (
        data[: place + 9] + bytes([data[place + 9] ^ 1]) + data[place + 10 :],
        data[:place] + b"\2" + data[place + 1 :],  # another largest error
        data[:place] + b"\0" + data[place + 1 :],
        data[:-1] + bytes([data[-1] ^ 1]),
    ):
        with pytest.raises(Refused):
            reference.decode(damaged, models())
        with pytest.raises(AecError):
            aecodec.decode(damaged)


def main() -> None:
    """Rewrite the computed parts of the specification."""
    digit = Image.open(ROOT / "examples" / "digit.png")
    short, long = (
        aecodec.encode(digit, model=EXAMPLE_MODEL, quality=EXAMPLE_QUALITY, packing=packing)
        for packing in ("rans", "zstd")
    )
    text = SPEC.read_text(encoding="utf-8")
    computed = {"models": models_part(), "dictionaries": dictionaries_part(), "example": example_part(short, long)}
    for name, content in computed.items():
        text = part(name).sub(content.replace("\\", r"\\") + "\n", text)
    SPEC.write_text(text, encoding="utf-8")
    print(computed["example"])


if __name__ == "__main__":
    main()
