"""The files of the suite that a decoder has to refuse, each with the reason; `invalid_models` has those of models.

Where it can be done, everything but the reason is right, checksums included: a decoder that leaves out the check that
a file is about accepts it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from aecodec.conformance import random_files
from aecodec.conformance.runner import decoded_samples
from aecodec.conformance.suite import FAILURES
from aecodec.conformance.writer import write_lossy, write_samples
from aecodec.decoding import panels as latents
from aecodec.encoding.candidates import header_with
from aecodec.engines import engine
from aecodec.errors import AecError
from aecodec.format import check, container, panels
from aecodec.format.container import Header, Section, write_varint
from aecodec.lossless import opacity_section, plain, samples
from aecodec.models import registry
from aecodec.models.causal import Coding
from aecodec.models.model import Model
from aecodec.packing import frames, rans, zstd
from aecodec.packing.tables import MAX_RESIDUAL
from conformance.valid_files import block, nothing, random_of, typical

SPECIFICATION = Path(__file__).resolve().parents[1] / "spec" / "FORMAT.md"
VALUE, TRUNCATED, TRAILING, CHECKSUM, LIMIT = "invalid value", "truncated", "trailing bytes", "checksum", "limit"
UNKNOWN, VERSION, SECTION, FOREIGN = "unknown model", "unsupported version", "unsupported section", "not an .aec file"


@dataclass(frozen=True)
class Case:
    """A file to refuse. failure: one of `suite.FAILURES`. model: the model file that is the reason."""

    name: str
    data: bytes
    failure: str
    reason: str
    model: bytes | None = None


Cases = Iterator[Case]


def all_files(found: dict[str, Model]) -> Cases:
    """All of them; the models by name without version."""
    from conformance import invalid_data_sets, invalid_models

    yield from of_specification()
    yield from of_headers(found)
    yield from of_limits(found)
    yield from of_rans(found)
    yield from of_small_form()
    yield from of_zstd(found)
    yield from of_panels(found)
    yield from of_lossless_stage(found)
    yield from of_planes()
    yield from of_opacity(found)
    yield from invalid_data_sets.all_files(found)
    yield from invalid_models.all_files()


# Headers ---


def of_specification() -> Cases:
    """The headers that the specification lists as invalid."""
    text = SPECIFICATION.read_text(encoding="utf-8")
    listed = text.split("<!-- refused: begin -->")[1].split("<!-- refused: end -->")[0]
    for row, reason in re.findall(r"^\| `([0-9A-F ]+)` \| (.*) \|$", listed, re.MULTILINE):
        data = bytes.fromhex(row)
        name = "header-" + re.sub(r"[^a-z0-9]+", "-", reason.lower()).strip("-")[:40].strip("-")
        yield Case(name + f"-{data[0]:02x}", data, failure_of(data), reason.replace("`", ""))


def failure_of(data: bytes) -> str:
    """What this package says is wrong with a file."""
    try:
        decoded_samples(data)
    except AecError as error:
        return next(name for name, kind in FAILURES.items() if type(error) is kind)
    raise AssertionError(f"{data.hex(' ')} is accepted")


def of_headers(found: dict[str, Model]) -> Cases:
    """Headers that the list has not, and that need a model of the suite."""
    yield Case("empty", b"", TRUNCATED, "no byte at all")
    yield Case("text", b"A text is no picture.\n", FOREIGN, "a text")
    yield Case("png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", FOREIGN, "another format")
    yield Case("signature-cut", container.SIGNATURE[:2], TRUNCATED, "ends within the signature")
    model = found["tile"]
    header = header_with(model, (4, 6), 50)
    data = write_lossy(model, header, nothing)
    sized = write_lossy(model, replace(header, size=(6, 4)), nothing)
    yield Case("tile-size-given", sized, VALUE, "the size of the model's tile, which is implied")
    stranger = replace(header, model_id=bytes(8))
    yield Case("id-unknown", write_lossy(model, stranger, nothing), UNKNOWN, "no model has the id of eight zeros")
    digits = registry.by_name("mnist")
    named = Header(0, 50, "rans", digits.id)
    yield Case(
        "id-of-a-bundled-model", write_lossy(digits, named, nothing), UNKNOWN, "a model that has a number, by its id"
    )
    for number in registry.DRAFT_NUMBERS:
        small = check.with_check(bytes([0xB0 | number, 50]))
        yield Case(f"number-{number}-unknown", small, UNKNOWN, f"number {number} was one of drafts")
    for length in (2, 5, 10):
        yield Case(f"header-cut-at-{length}", data[:length], TRUNCATED, f"only the first {length} bytes of a file")
    bits = bytearray(write_lossy(model, header_with(model, (5, 9), 50), nothing))
    bits[1] |= 0x40
    yield Case("reserved-bit", bytes(bits), VALUE, "bit 6 of the flags is set")
    for name, sections, failure, reason in odd_sections():
        bare = container.write_header(header_with(model, (5, 9), 50))
        head = bare[:1] + bytes([bare[1] | 0x80]) + bare[2:]
        yield Case(f"sections-{name}", head + sections, failure, reason)


def odd_sections() -> list[tuple[str, bytes, str, str]]:
    """Sections as bytes that no header may have: name, bytes, failure, reason."""
    return [
        ("none", b"\0", VALUE, "sections announced, but none there"),
        ("critical", b"\x7f\1a\0", SECTION, "a critical section with the tag 127"),
        ("decreasing", b"\x83\0\x82\0\0", VALUE, "decreasing tags"),
        ("twice", b"\x83\0\x83\0\0", VALUE, "the same tag twice"),
        ("no-end", b"\x83\1a", TRUNCATED, "the file ends before the last tag"),
        ("no-length", b"\x83", TRUNCATED, "the file ends before a length"),
        ("too-long", b"\x83\xff\xff\xff\xff\x0fabc", TRUNCATED, "a section of 2^32 - 1 bytes in a short file"),
        ("varint-of-six", b"\x83\x80\x80\x80\x80\x80\0", VALUE, "a length in six bytes"),
        ("overlong-varint", b"\x83\x80\0\0", VALUE, "a length in two bytes where one suffices"),
    ]


def of_limits(found: dict[str, Model]) -> Cases:
    """Sizes beyond the default limit, in files that would otherwise be small to decode."""
    huge = 1 << 32
    head = container.write_header(Header(container.PLAIN, 100, "zstd", size=(huge, huge), variant=True))
    content = head + b"\0\1\x07"
    constant = content + zlib.crc32(b"\x07", zlib.crc32(head + b"\0")).to_bytes(4, "little")
    yield Case("limit-plain", constant, LIMIT, "a picture of 2^32 x 2^32 pixels, all the same")
    photo = registry.number_of(registry.by_name("photo"))
    square = container.write_header(Header(photo, 50, "rans", size=(huge, huge)))
    yield Case("limit-photo", square, LIMIT, "2^32 x 2^32 pixels")
    wide = container.write_header(Header(photo, 50, "rans", size=(89_478_486, 1)))
    yield Case("limit-one-more", wide, LIMIT, "one pixel more than the default limit")
    tiles = header_with(found["tile"], (60_000_000, 1), 50)
    yield Case("limit-canvas", container.write_header(tiles), LIMIT, "the canvas has more than four times the limit")


# The packing rans ---


def parts_of(model: Model, header: Header, choose: Any) -> tuple[bytes, Any, int]:
    """The header of a picture of one panel, what is coded, and its CRC-32."""
    written = container.write_header(header)
    size = (header.size[1], header.size[0]) if header.size else model.description.tile
    assert size is not None

    def read(classes: Any) -> Any:
        return np.asarray(choose(classes.reshape(-1)), np.int64).reshape(classes.shape)

    _, coded = latents.walk(model, engine("numpy"), np.array([header.quality]), size, read)
    return written, coded, panels.checksums(coded.residuals, [zlib.crc32(written)])[0]


def too_large(model: Model, header: Header) -> bytes:
    """A file with a residual of 2^20 + 1, and a checksum that matches."""

    def choose(classes: Any) -> Any:
        found = np.zeros(len(classes), np.int64)
        found[np.flatnonzero(classes >= model.tables.skip)[:1]] = MAX_RESIDUAL + 1
        return found

    written, coded, crc = parts_of(model, header, choose)
    coder: Any = {"rans": rans, "zstd": zstd}[header.packing]
    with mock.patch("aecodec.packing.tables.MAX_RESIDUAL", 1 << 21):
        payload: bytes = coder.pack(model.tables, coded.residuals, coded.classes, [crc])[0]
    return written + payload


def of_rans(found: dict[str, Model]) -> Cases:
    """Payloads of one lane and of several."""
    model = found["tile"]
    header = header_with(model, (9, 13), 90)
    data = write_lossy(model, header, typical(model.tables, 20))
    begin = container.read_header(data)[1]
    yield Case("rans-zero-byte", data[:begin] + b"\0" + data[begin:], VALUE, "the payload begins with a zero byte")
    yield Case("rans-cut", data[:-3], TRUNCATED, "the payload lacks its last three bytes")
    yield Case("rans-trailing", data + b"\1\2\3", TRAILING, "three bytes follow the payload")
    yield Case("rans-empty", data[:begin], TRUNCATED, "the payload is missing")
    yield Case("rans-residual", too_large(model, header), VALUE, "a residual of 2^20 + 1")
    written, coded, crc = parts_of(model, header, typical(model.tables, 20))
    other = rans.pack(model.tables, coded.residuals, coded.classes, [higher(crc)])[0]
    yield Case("rans-checksum", written + other, CHECKSUM, "the checksum does not match")
    wide, size = found["gray-grid"], (160, 160)
    header = header_with(wide, size, 90)
    written, coded, crc = parts_of(wide, header, typical(wide.tables, 21))
    payload = rans.pack(wide.tables, coded.residuals, coded.classes, [crc])[0]
    lanes = rans.lanes_for(size[0] * size[1])
    assert lanes == 2
    yield Case("lanes-states-cut", written + payload[: 3 * lanes - 1], TRUNCATED, "ends within the first states")
    low = payload[:3] + b"\0\xff\xff" + payload[6:]
    yield Case("lanes-state-low", written + low, VALUE, "the first state of a lane is below 2^16")
    yield Case("lanes-cut", written + payload[: len(payload) // 2], TRUNCATED, "the second half is missing")
    yield Case("lanes-trailing", written + payload + b"\1", TRAILING, "a byte follows the payload")
    other = rans.pack(wide.tables, coded.residuals, coded.classes, [crc ^ 1])[0]
    yield Case("lanes-checksum", written + other, CHECKSUM, "the checksum does not match")


def higher(crc: int) -> int:
    """Another CRC-32, for which the coder ends in a larger state: a smaller one looks truncated."""
    carried = (crc ^ crc >> 16) & 0xFFFF
    return next(crc ^ 1 << bit for bit in range(16) if not carried >> bit & 1)


def of_small_form() -> Cases:
    """Files in the small form whose check is right."""
    model = registry.by_name("mnist")
    header = header_with(model, (28, 28), 60)
    data = write_lossy(model, header, typical(model.tables, 22))
    yield Case("small-check", data[:-1] + bytes([data[-1] ^ 1]), CHECKSUM, "the check does not match")
    yield Case("small-zero-byte", check.with_check(data[:2] + b"\0" + data[2:-1]), VALUE, "a zero byte comes first")
    cut, longer = check.with_check(data[:-4]), check.with_check(data[:-1] + b"\1\2")
    yield Case("small-cut", cut, failure_of(cut), "the payload lacks its last bytes, the check matches")
    yield Case("small-trailing", longer, failure_of(longer), "two bytes follow the payload")
    written, coded, crc = parts_of(model, header, typical(model.tables, 22))
    payload = rans.pack(model.tables, coded.residuals, coded.classes, [0])[0]
    bits = check.with_check(written + check.sealed(payload, crc ^ 1))
    yield Case("small-bits", bits, CHECKSUM, "the four bits are not those of the CRC-32")
    state = rans.pack(model.tables, coded.residuals, coded.classes, [1])[0]
    yield Case(
        "small-end", check.with_check(written + check.sealed(state, crc)), CHECKSUM, "the coder ends in another state"
    )


# The packing zstd ---


def of_zstd(found: dict[str, Model]) -> Cases:
    """Frames that the format does not allow, and bodies that do not fit."""
    model = found["tile"]
    header = header_with(model, (9, 13), 90, "zstd")
    written, coded, crc = parts_of(model, header, typical(model.tables, 23))
    end = crc.to_bytes(4, "little")
    body = zstd.phrases_of(model.tables, coded.residuals, coded.classes)
    elements = sum(part.size for part in coded.residuals)
    whole = block(0, body, True)

    def framed(name: str, frame: bytes, failure: str, reason: str, tail: bytes = end) -> Case:
        return Case(f"zstd-{name}", written + frame + tail, failure, reason)

    yield framed("no-checksum", b"", TRUNCATED, "a payload of three bytes", end[:3])
    yield framed("no-frame", b"", TRUNCATED, "a checksum without a frame")
    yield framed("checksum", b"\0\0" + whole, CHECKSUM, "the checksum does not match", bytes([end[0] ^ 1]) + end[1:])
    yield framed("magic", b"\x28\xb5\x2f\xfd\0\0" + whole, VALUE, "the frame has its magic number")
    size = len(body).to_bytes(2, "little")
    yield framed("single-segment", bytes([0x20, len(body) & 255]) + whole, VALUE, "a single segment, without a window")
    yield framed("content-size", b"\x80\0" + size + b"\0\0" + whole, VALUE, "the frame says its content's size")
    yield framed("frame-checksum", b"\x04\0" + whole + bytes(4), VALUE, "the frame has a checksum of its own")
    yield framed("dictionary", b"\x01\0\1" + whole, VALUE, "the frame names a dictionary")
    yield framed("window", b"\0\x58" + whole, VALUE, "a window of 2^21 bytes")
    yield framed("window-1", b"\0\x51" + whole, VALUE, "a window of 2^20 * 9 / 8 bytes")
    yield framed("frame-cut", b"\0\0" + whole[:-2], TRUNCATED, "the last block lacks two bytes")
    yield framed("no-last-block", b"\0\0" + block(0, body, False), TRUNCATED, "no block is marked as the last")
    yield framed("after-frame", b"\0\0" + whole + b"\1", TRAILING, "a byte between frame and checksum")
    far = b"\0\0" + whole + bytes(200)
    yield framed("far-after-frame", far, TRAILING, "many bytes between frame and checksum")
    yield framed("block-kind", b"\0\0" + block(3, body, True), VALUE, "a block of the reserved kind")
    bomb = frames.compress(body + bytes(74 * elements + 1 - len(body)), (19,))
    yield framed("bomb", bomb, TRAILING, "a body of one byte more than 74 for each element")
    yield framed("body-longer", frames.compress(body + b"\0", (19,)), TRAILING, "a byte of the body is left over")
    yield framed("body-shorter", frames.compress(body[:-1], (19,)), TRUNCATED, "the body lacks its last byte")
    yield framed("body-empty", frames.compress(b"", (19,)), TRUNCATED, "an empty body")
    yield framed("residual", b"", VALUE, "a residual of 2^20 + 1", too_large(model, header)[len(written) :])
    other = frames.compress(not_lowest(model, coded, body), (19,))
    yield framed("end", other, VALUE, "a last byte that is not the lowest with its decisions")


def not_lowest(model: Model, coded: Any, body: bytes) -> bytes:
    """The same decisions with another last byte of some group: a longer phrase, or another that begins so."""
    for place in range(len(body) - 1, -1, -1):
        for value in range(256):
            changed = body[:place] + bytes([value]) + body[place + 1 :]
            if changed != body and decodes_alike(model, coded, changed):
                return changed
    raise AssertionError("no other byte has the same decisions")


def decodes_alike(model: Model, coded: Any, body: bytes) -> bool:
    """Whether a body has these residuals and is used up by them."""
    count = sum(part.shape[1] for part in coded.residuals)
    decoder = zstd.Decoder(model.tables, [frames.compress(body, (1,)) + bytes(4)], count)
    try:
        same = all(
            np.array_equal(decoder.read(classes), residuals)
            for classes, residuals in zip(coded.classes, coded.residuals, strict=True)
        )
    except AecError:
        return False
    return same and decoder.each[0].position == len(body)


# Panels ---


def of_panels(found: dict[str, Model]) -> Cases:
    """Payloads of several panels."""
    model = found["tile"]
    data = write_lossy(model, header_with(model, (3, 530), 80), typical(model.tables, 24))
    begin = container.read_header(data)[1]
    length, at = container.read_varint(data, begin)
    first, second = data[at : at + length], data[at + length :]
    head = data[:begin]
    swapped = head + panels.join([second, first])
    yield Case("panels-swapped", swapped, failure_of(swapped), "the two panels have changed places")
    yield Case("panels-first-cut", head + panels.join([first[:-3], second]), TRUNCATED, "the first panel is cut")
    yield Case("panels-last-cut", head + panels.join([first, second[:-3]]), TRUNCATED, "the last panel is cut")
    yield Case("panels-trailing", head + panels.join([first, second + b"\1\2"]), TRAILING, "two bytes follow the last")
    yield Case("panels-no-payload", head, TRUNCATED, "the payload is missing")
    beyond = head + write_varint(len(first + second) + 1) + first + second
    yield Case("panels-length", beyond, TRUNCATED, "the first panel is longer than the file")
    yield Case("panels-varint", head + b"\x81\0" + first + second, VALUE, "a length in two bytes where one suffices")
    header = header_with(model, (3, 530), 80, "zstd")
    parts = container.write_header(header) + panels.join([bytes(4), bytes(9)])
    yield Case("panels-too-short", parts, TRUNCATED, "four bytes are too few for a panel")
    same = model, header_with(model, (4, 1020), 80), nothing
    panelled = write_lossy(*same)
    at = container.read_header(panelled)[1]
    length, begin = container.read_varint(panelled, at)
    one = panelled[begin : begin + length]
    twice = panelled[:at] + panels.join([one, one])
    yield Case("panels-repeated", twice, CHECKSUM, "the second panel is a copy of the first, of equal size")


# Lossless files ---


def of_lossless_stage(found: dict[str, Model]) -> Cases:
    """Lossless and near-lossless files."""
    model, without = found["tile"], found["gray-grid"]
    picture = random_files.drawn_picture(random_of(25), (7, 9), 1)
    header = header_with(model, (7, 9), container.LOSSLESS)
    data = write_samples(model, header, picture)
    begin = container.read_header(data)[1]
    yield Case("lossless-cut", data[:-3], TRUNCATED, "the payload lacks its last bytes")
    yield Case("lossless-trailing", data + b"\1\2\3", TRAILING, "three bytes follow the payload")
    near = replace(header, quality=container.NEAR_LOSSLESS)
    close = write_samples(model, near, picture, 2)
    yield Case("near-no-error", container.write_header(near), TRUNCATED, "the file ends before its largest error")
    zero = container.write_header(near) + b"\0" + data[begin:]
    yield Case("near-error-0", zero, VALUE, "a near-lossless file whose largest error is 0")
    other = close[:begin] + b"\3" + close[begin + 1 :]
    yield Case("near-another-error", other, failure_of(other), "another largest error than the samples are coded with")
    yield Case("lossless-residual", too_large_sample(model), VALUE, "a residual of 2^20 + 1")
    flipped = replace(header, variant=True)
    changed = container.write_header(flipped) + data[begin:]
    yield Case("lossless-checksum", changed, CHECKSUM, "the variant has changed, the checksum has not")
    shared = container.write_header(replace(header, packing="zstd")) + data[begin:]
    yield Case("lossless-zstd", shared, VALUE, "a lossless file with the packing zstd")
    for quality in (container.LOSSLESS, container.NEAR_LOSSLESS):
        lossy = container.write_header(header_with(without, (7, 9), quality)) + b"\1\2\3"
        yield Case(f"no-stage-{quality}", lossy, VALUE, "the model has no lossless stage")
    panelled = write_samples(model, header_with(model, (2, 530), container.LOSSLESS), np.full((2, 530, 1), 7, np.uint8))
    yield Case("lossless-panels-cut", panelled[:-2], TRUNCATED, "the last panel is cut")
    digits = registry.by_name("mnist")
    small = write_samples(digits, header_with(digits, (28, 28), container.LOSSLESS), np.zeros((28, 28, 1), np.uint8))
    wrong = check.with_check(bytes([small[0], small[1] | 0x80]) + small[2:-1])
    yield Case("lossless-small-bits", wrong, CHECKSUM, "the variant has changed, the four bits have not")


def too_large_sample(model: Model) -> bytes:
    """A lossless file of one pixel with a residual of 2^20 + 1, which would lead to a sample of 255."""
    header = header_with(model, (1, 1), container.LOSSLESS)
    written = container.write_header(header)
    coding = Coding(model, engine("numpy"), False, 0)
    made, _ = samples.coded(coding, np.full((1, 1, 1, 1), 255, np.uint8))
    crc = zlib.crc32(b"\xff", zlib.crc32(written))
    residuals = [np.full_like(made.residuals[0], MAX_RESIDUAL + 1)]
    with mock.patch("aecodec.packing.tables.MAX_RESIDUAL", 1 << 21):
        return written + rans.pack(coding.stage.tables, residuals, made.classes, [crc])[0]


# Planes ---


def sealed(content: bytes, samples: np.ndarray, size: tuple[int, int], gray: bool, precision: bytes) -> bytes:
    """A plain file with this content of planes, and the checksum of these samples."""
    header = Header(container.PLAIN, 100, "zstd", size=(size[1], size[0]), variant=gray)
    begin = container.write_header(header) + precision
    little = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    return begin + content + zlib.crc32(little, zlib.crc32(begin)).to_bytes(4, "little")


def of_planes() -> Cases:
    """Plain pictures: every method of planes, with what it must not hold."""
    size, gray = (3, 5), np.arange(15, dtype=np.uint8).reshape(3, 5)
    colour = np.stack([gray, gray[::-1], gray], axis=-1)
    raw, zeros = gray.tobytes(), np.zeros((3, 5), np.uint8)

    def case(name: str, content: bytes, failure: str, reason: str, samples: np.ndarray = gray, **more: Any) -> Case:
        options: dict[str, Any] = {"size": size, "gray": samples.ndim == 2, "precision": b"\0"} | more
        return Case(f"plain-{name}", sealed(content, samples, **options), failure, reason)

    def framed(body: bytes) -> bytes:
        return frames.compress(body, (9,))

    yield case("method-5", b"\5" + raw, VALUE, "method 5")
    yield case("method-255", b"\xff" + raw, VALUE, "method 255")
    yield case("colour-of-gray", b"\3" + framed(bytes(3) + raw), VALUE, "the colour transform of a gray picture")
    yield case("raw-short", b"\0" + raw[:-1], TRUNCATED, "raw samples, one too few")
    yield case("raw-long", b"\0" + raw + b"\0", TRAILING, "raw samples, one too many")
    yield case("constant-short", b"\1", TRUNCATED, "a constant picture without its sample", zeros)
    yield case("constant-long", b"\1\0\0", TRAILING, "a constant picture with two samples", zeros)
    yield case("constant-whole", b"\1\7", CHECKSUM, "the checksum of all samples, not of the one", zeros + 7)
    yield case("differences-short", b"\2" + framed(bytes(3) + raw[:-1]), TRUNCATED, "a difference is missing")
    yield case("differences-long", b"\2" + framed(bytes(3) + raw + b"\0"), TRAILING, "a difference too many")
    yield case("predictor-4", b"\2" + framed(b"\0\4\0" + raw), VALUE, "predictor 4")
    yield case("frame-cut", b"\2" + framed(bytes(3) + raw)[:-1], TRUNCATED, "the frame ends early")
    yield case("frame-long", b"\2" + framed(bytes(3) + raw) + b"\0", TRAILING, "a byte follows the frame")
    yield case("frame-window", b"\2\0\x58" + framed(bytes(3) + raw)[2:], VALUE, "a window of 2^21 bytes")
    many: dict[str, Any] = {"size": (30_000, 2_000), "samples": zeros}
    yield case("too-few-bytes", b"\2" + framed(bytes(99)), TRUNCATED, "a frame too short for its picture", **many)
    wrong = bytearray(case("", b"\0" + raw, CHECKSUM, "").data)
    wrong[-1] ^= 1
    yield Case("plain-checksum", bytes(wrong), CHECKSUM, "the checksum does not match")
    yield Case("plain-cut", bytes(wrong[:8]), TRUNCATED, "the file ends before the checksum")
    yield Case("plain-no-precision", bytes(wrong[:5]), TRUNCATED, "the file ends after its header")
    yield case("error-wide", b"\0" + raw, VALUE, "8 bits, and an error of 256", precision=write_varint(512))
    wide: dict[str, Any] = {"size": (1, 1), "precision": write_varint(2 * 65536 + 1)}
    yield case("error-wider", b"\1\0", VALUE, "16 bits, and an error of 65536", zeros[:1, :1], **wide)
    steps = np.array([[0, 1, 2]], np.uint8)
    two_levels: dict[str, Any] = {"size": (1, 3), "precision": write_varint(254)}
    yield case("step-too-large", b"\0" + steps.tobytes(), VALUE, "step 2 of two levels", steps, **two_levels)
    yield from of_palettes()
    yield case("colour-crc", b"\3" + framed(bytes(9 + 45)), CHECKSUM, "the checksum of other samples", colour)


def of_palettes() -> Cases:
    """Palettes, with what they must not hold; the checksums are those of what they seem to mean."""
    size, colours = (2, 5), np.array([3, 9, 200], np.uint8)
    indices = np.array([[0, 1, 2, 1, 0], [2, 2, 1, 0, 1]])

    def palette(
        name: str, table: np.ndarray, packed: bytes, failure: str, reason: str, count: int | None = None
    ) -> Case:
        samples = table[np.minimum(indices, len(table) - 1)]
        content = bytes([4, (count or len(table)) - 1]) + table.tobytes() + packed
        return Case(f"palette-{name}", sealed(content, samples, size, True, b"\0"), failure, reason)

    def packed(values: np.ndarray, rest: int = 0) -> bytes:
        rows = [sum(int(value) << 14 - 2 * x for x, value in enumerate(row)) | rest for row in values]
        return frames.compress(bytes(2) + b"".join(row.to_bytes(2, "big") for row in rows), (9,))

    good = packed(indices)
    yield palette("not-rising", colours[[1, 0, 2]], good, VALUE, "colours that do not rise")
    yield palette("twice", colours[[0, 1, 1]], good, VALUE, "a colour twice")
    yield palette("of-one", colours[:1], frames.compress(bytes(4), (9,)), VALUE, "a palette of one colour")
    yield palette("index", colours, packed(np.where(indices == 2, 3, indices)), VALUE, "index 3 of three colours")
    yield palette("rest", colours, packed(indices, 1), VALUE, "the bits that fill a row are not 0")
    yield palette("frame", colours, frames.compress(bytes(2), (9,)), TRUNCATED, "no indices")
    yield palette("predictor", colours, frames.compress(b"\4\0" + bytes(4), (9,)), VALUE, "predictor 4")
    yield palette("cut", colours, b"", TRUNCATED, "the file ends within the palette", 200)
    head = sealed(b"\4", np.zeros((2, 5), np.uint8), size, True, b"\0")
    yield Case("palette-none", head, TRUNCATED, "the file ends before the number of colours")


def of_opacity(found: dict[str, Model]) -> Cases:
    """Alpha sections that are not valid, in files that otherwise are."""
    model, size = found["tile"], (5, 9)
    opacity = random_files.drawn_picture(random_of(26), size, 1)[..., 0]
    good = opacity_section.pack(opacity, 100)
    cases = {
        "checksum": (good[:-1] + bytes([good[-1] ^ 1]), CHECKSUM, "the checksum of the opacity does not match"),
        "cut": (good[:4], TRUNCATED, "the opacity ends before its checksum"),
        "empty": (b"", TRUNCATED, "an empty alpha section"),
        "other-size": (opacity_section.pack(opacity[:-1], 100), None, "the opacity of a smaller picture"),
        "colour-transform": (b"\3" + good[1:], VALUE, "the colour transform of opacity"),
    }
    for name, (content, failure, reason) in cases.items():
        header = header_with(model, size, 50, sections=[Section(container.ALPHA, content)])
        data = write_lossy(model, header, nothing)
        yield Case(f"alpha-{name}", data, failure or failure_of(data), reason)
    wide = np.full(size, 700, np.uint16)
    section = Section(container.ALPHA, opacity_section.pack(opacity, 100))
    data = plain.write(wide, 0, (section,))
    yield Case("alpha-8-of-16", data, failure_of(data), "8 bits of opacity for 16 bits of samples")
