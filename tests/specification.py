"""The parts of spec/FORMAT.md that are computed, each between two marks: tables, worked examples, requirements."""

from __future__ import annotations

import ast
import hashlib
import re
import textwrap
import tomllib
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from aecodec.models import registry
from conformance import decoder as reference
from conformance.decoder import Log, Model

ROOT = Path(__file__).resolve().parents[1]
SPEC = ROOT / "spec" / "FORMAT.md"
REQUIREMENTS = ROOT / "tests" / "conformance" / "requirements.toml"


def part(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=<!-- {name}: begin -->\n).*?(?=<!-- {name}: end -->)", re.DOTALL)


def written(name: str) -> str:
    """A part as it stands in the document."""
    found = part(name).search(SPEC.read_text(encoding="utf-8"))
    assert found, f"the specification has no part {name}"
    return found[0].removesuffix("\n")


def example_files(name: str) -> list[bytes]:
    """The files of a worked example, from its text."""
    blocks = re.findall(r"(?:file of|is)\s\d+\sbytes:\n\n((?:    [0-9A-F ]+\n)+)", written(name))
    return [bytes.fromhex(block) for block in blocks]


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


def header_crc(data: bytes) -> int:
    return zlib.crc32(data[: reference.read_header(data).length])


def block_pixels(picture: reference.Picture, model: Model, block: int) -> bytes:
    """The pixels of a block of a gray picture, row by row."""
    y, x = divmod(block, picture.width // model.block)
    corner = y * model.block * picture.width + x * model.block
    return b"".join(picture.samples[corner + dy * picture.width :][: model.block] for dy in range(model.block))


def decoded(data: bytes) -> tuple[Log, reference.Picture]:
    """A picture of a single panel, and what happened on the way."""
    logs: list[Log] = []
    picture = reference.decode(data, models(), logs)
    return logs[0], picture


def example_part(short: bytes, long: bytes) -> str:
    """The worked example: everything follows from the bytes of the two files and from the model's file."""
    log, picture = decoded(short)
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
    count = vector.events
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
    positions = reference.blocks_of_pass(p, blocks // columns, columns)
    named = [f"block {b}, channel {c}" for b in positions for c in range(lo, hi)]
    coded = [i for i, c in enumerate(first.classes) if c >= model.tables.skip][:12]
    begin = vector.events
    # the block of this pass that shows most
    shown = max(positions, key=lambda b: len({*block_pixels(picture, model, b)}))
    pass_events = event_table(log, begin, begin + len(coded), [named[i] for i in coded])
    place = positions.index(shown) * (hi - lo)
    context, plane = log.latent.context[shown], log.latent.plane[shown]
    correction = reference.run(model.correction_network, log.latent.context, blocks // columns, columns)[shown]
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
        f" payload are left, as the small form demands. The CRC-32 of the header is {header_crc(short):08X}, of the"
        f" header and the {elements} residuals {log.crc:08X}; its lowest four bits are {log.crc % 16}, so the file"
        f" is whole.",
        f"**Pixels.** The plane of block {shown} is\n\n    {numbers(plane)}\n\n"
        f"its correction is\n\n    {numbers(correction)}\n\nand its pixels are\n\n"
        + "\n".join(f"    {numbers(line)}" for line in lines),
        f"Row 14 of the picture is\n\n    {numbers(picture.samples[14 * 28 : 14 * 28 + 14])}\n"
        f"    {numbers(picture.samples[14 * 28 + 14 : 15 * 28])}\n\nand the SHA-256 of its 784 samples is"
        f"\n\n    {hashlib.sha256(picture.samples).hexdigest()}",
    ]

    log, again = decoded(long)
    assert again == picture and log.header.length == 3
    frame = long[3:-4]
    rows = [[group, used, hexadecimal(taken) or "-"] for group, used, taken in log.levels[0]]
    parts += [
        f"**The same with zstd** is {len(long)} bytes:",
        f"    {hexadecimal(long[:-4])}\n    {hexadecimal(long[-4:])}",
        f"It has the short form: `BF`, then the flags and model {header.model}, then quality and packing. The frame has"
        f" {len(frame)} bytes, from `{hexadecimal(frame[:2])}` on. The CRC-32 of the header is {header_crc(long):08X},"
        f" of the header and the {elements} residuals {log.crc:08X}, which the file ends with. The body has"
        f" {len(log.body)} bytes:",
        f"    {hexadecimal(log.body)}",
        "On the first level of the first round the groups take these bytes:",
        table(["group", "decisions used", "bytes taken"], rows),
    ]
    return "\n\n".join(wrapped(text) for text in parts)


def panels_part(data: bytes) -> str:
    """The second worked example: a near-lossless file of two panels, with a section."""
    logs: list[Log] = []
    picture = reference.decode(data, models(), logs)
    header = logs[0].header
    assert isinstance(header.model, int) and header.quality == 102 and len(logs) == 2
    model = models()[header.model]
    stage = model.lossless
    assert stage is not None and header.size == (520, 2) and header.sections.keys() == {131}
    r = reference.Reader(data)
    rows = []
    at, sections = 0, 3 + sum(len(varint(side - 1)) for side in header.size)
    n, first = data[header.length], data[header.length + 1 :]
    length = reference.Reader(first).varint()
    packed = header.length + 1 + len(varint(length))
    for end, meaning in [
        (1, "the short form"),
        (2, f"flags: model {header.model}, size follows, sections follow"),
        (3, "near-lossless, packing rans"),
        (3 + len(varint(header.size[0] - 1)), "width - 1 = 519"),
        (sections, "height - 1 = 1"),
        (sections + 2, "the section with the tag 131, resolution, has 6 bytes"),
        (sections + 8, "72000 and 72000 thousandths of a pixel per inch"),
        (header.length, "no further section"),
        (header.length + 1, f"N = {n}"),
        (packed, f"the packed samples of panel 0 have {length} bytes"),
        (packed + length, "the packed samples of panel 0"),
        (len(data), "the packed samples of panel 1"),
    ]:
        taken = hexadecimal(r.take(end - at))
        rows.append([at, f"`{taken}`" if end - at < 9 else f"`{taken[:11]} ...`, {end - at} bytes", meaning])
        at = end
    widths = [len({x for (_, x), _ in log.pixels}) for log in logs]
    log, shown = logs[1], 18
    steps = [
        [p.y + p.y + p.x, p.y, p.x, p.channel, p.base, p.level, p.linear, p.mean, p.scale_class, residual, v]
        for p, residual, v in log.samples[:shown]
    ]
    (y, x), known = log.pixels[5]
    of_these = [p.scale_class for p, _, _ in log.samples[:9]]
    assert not any(stage.tables.shifts[c] for c in of_these) and [e.kind for e in log.events[:9]] == of_these
    events = event_table(log, 0, 9, [f"({p.y}, {p.x}), channel {p.channel}" for p, _, _ in log.samples[:9]])
    h = (log.crc ^ log.crc >> 16) & 0xFFFF
    order = ", ".join(("red", "green", "blue")[channel] for channel in stage.order)
    parts = [
        f"A picture of 520 x 2 pixels in colour, coded with {model.name} (id `{model.id().hex()}`) so that no sample is"
        f" off by more than {n}, is this file of {len(data)} bytes:",
        "\n".join("    " + hexadecimal(data[i : i + 32]) for i in range(0, len(data), 32)),
        table(["offset", "bytes", "meaning"], rows),
        f"A panel is 512 pixels wide, so there are two, of {widths[0]} x 2 and {widths[1]} x 2 pixels, with"
        f" {widths[0] * 6} and {widths[1] * 6} samples and one lane each. `order` is {numbers(stage.order)}: the"
        f" channels are coded in the order {order}. The windows have {len(stage.window)} and {len(stage.near)}"
        f" neighbours.",
        f"**Panel 1** begins afresh: nothing of panel 0 is seen from it. Its first {shown} samples, in the order in"
        f" which they are decoded; all channels of a step are decoded before the next step begins:",
        table(["t", "y", "x", "channel", "base", "level", "linear", "mean", "class", "residual", "sample"], steps),
        "Its first nine events, one for each sample as none of these is an escape and no shift is above 0. The kind of"
        " an event is the class:",
        events,
        f"For the pixel in row {y} and column {x} of this panel, the {len(known.inputs)} inputs of the trunk are",
        textwrap.fill(numbers(known.inputs), 116, initial_indent="    ", subsequent_indent="    "),
        f"and the first eight of its {len(known.hidden)} outputs are {numbers(known.hidden[:8])}.",
        f"**The end** of panel 1: the final state is {log.end}. The CRC-32 of the header is {header_crc(data):08X}, of"
        f" the header, the panel's number `01 00 00 00` and the {widths[1] * 6} samples {log.crc:08X}, which gives h ="
        f" {log.crc & 0xFFFF:04X} xor {log.crc >> 16:04X} = {h:04X} = {h}.",
        "The pixels 508 to 513 of row 0, on both sides of the edge between the panels, are\n\n"
        + "\n".join(f"    {numbers(picture.samples[3 * i : 3 * i + 3])}" for i in range(508, 514))
        + f"\n\nand the SHA-256 of the {len(picture.samples)} samples is\n\n"
        + f"    {hashlib.sha256(picture.samples).hexdigest()}",
    ]
    return "\n\n".join(wrapped(text) for text in parts)


def varint(value: int) -> bytes:
    digits = []
    while value >= 128:
        digits.append(value % 128 + 128)
        value //= 128
    return bytes([*digits, value])


# Requirements ---


def normative() -> str:
    """The sections with numbers, in one line."""
    text = SPEC.read_text(encoding="utf-8")
    return " ".join(text[text.index("\n## 1 ") : text.index("\n## Appendix A")].split())


def requirements() -> list[tuple[str, list[str]]]:
    """What the document says in the words of the document, and the tests that hold it."""
    rows = tomllib.loads(REQUIREMENTS.read_text(encoding="utf-8"))["must"]
    return [(row["says"], row["tests"]) for row in rows]


def require_covered(text: str, rows: Iterable[tuple[str, list[str]]]) -> list[int]:
    """Where each requirement stands in the text; an error if a MUST has no row, or two."""
    owners: dict[int, str] = {}
    places = []
    for says, _ in rows:
        assert text.count(says) == 1, f"{says!r} stands {text.count(says)} times in the specification"
        places.append(text.index(says))
        mine = [places[-1] + found.start() for found in re.finditer("MUST", says)]
        assert mine, f"{says!r} is no requirement"
        for place in mine:
            assert place not in owners, f"{says!r} and {owners[place]!r} are about the same MUST"
            owners[place] = says
    for found in re.finditer("MUST", text):
        assert found.start() in owners, f"no row for: {text[found.start() - 60 : found.end() + 60]}"
    return places


def require_tests(rows: Iterable[tuple[str, list[str]]]) -> None:
    for says, tests in rows:
        assert tests, f"no test for {says!r}"
        for test in tests:
            file, _, name = test.partition("::")
            path = ROOT / "tests" / file
            assert path.is_file() and name in functions(path), f"there is no test {test}"


@cache
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def requirements_part() -> str:
    text, rows = normative(), requirements()
    places = require_covered(text, rows)
    require_tests(rows)
    heads = [(found.start(), found[1]) for found in re.finditer(r"#+ (\d+(?:\.\d+)?) (?=[A-Z])", text)]
    found = sorted(zip(places, rows, strict=True))
    lines = []
    for number, (place, (says, tests)) in enumerate(found, 1):
        section = [name for begin, name in heads if begin <= place][-1]
        named = "<br>".join(f"`{test}`" for test in tests)
        lines.append([number, section, says.replace("|", "\\|"), named])
    return table(["number", "section", "requirement", "tests"], lines)
