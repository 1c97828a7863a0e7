"""Every MUST of spec/FORMAT.md has a test, and some of these are here: what both decoders refuse, skip or ignore.

`tests/conformance/requirements.toml` says which test holds which requirement.
"""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import specification
from PIL import Image
from samples import waves
from specification import ROOT, SPEC, example_files, models, written

import aecodec
from aecodec import dataset
from aecodec.conformance.tiny_models import tiny_arrays, tiny_description, tiny_file
from aecodec.dataset import framing
from aecodec.errors import (
    AecError,
    ChecksumMismatch,
    InvalidModelFile,
    InvalidValue,
    LimitExceeded,
    UnknownModel,
    UnsupportedVersion,
)
from aecodec.format import check, container
from aecodec.format.container import Header, write_header, write_varint
from aecodec.models import registry, safetensors
from aecodec.models.model import load
from aecodec.packing import frames, pack, unpacker
from conformance import decoder as reference
from conformance.decoder import Log, Model, Refused

STALE = "stale: run python tests/conformance/test_spec.py and look at the difference"
PLAIN_PIXEL = Header(container.PLAIN, 100, "zstd", size=(3, 2))


def refused_by_both(data: bytes) -> None:
    with pytest.raises(Refused):
        reference.decode(data, models())
    with pytest.raises(AecError):
        aecodec.decode(data)


def constant(header: bytes, pixel: bytes = b"\1\2\3") -> bytes:
    """A plain file whose pixels are all the same."""
    before = header + b"\0"
    return before + b"\1" + pixel + zlib.crc32(pixel, zlib.crc32(before)).to_bytes(4, "little")


# The document itself ---


def test_every_must_has_a_row_and_every_row_a_test() -> None:
    assert specification.requirements_part() == written("requirements"), STALE


def test_a_must_without_a_row_is_found() -> None:
    text = specification.normative()
    rows = specification.requirements()
    specification.require_covered(text, rows)
    with pytest.raises(AssertionError, match="no row"):
        specification.require_covered(text + " A decoder MUST sing.", rows)
    with pytest.raises(AssertionError, match="stands 0 times"):
        specification.require_covered(text, [*rows, ("A decoder MUST dance.", [])])
    with pytest.raises(AssertionError, match="there is no test"):
        specification.require_tests([("says", ["conformance/test_requirements.py::test_of_nothing"])])


REFERENCE = re.compile(r"\b[Ss]ections? (\d+(?:\.\d+)?(?:(?:, | and | or | to )\d+(?:\.\d+)?)*)")


def test_sections_that_are_referred_to_exist() -> None:
    text = SPEC.read_text(encoding="utf-8")
    known = set(re.findall(r"^#+ (\d+(?:\.\d+)?) ", text, re.MULTILINE))
    assert {"4.3", "12.4", "18"} <= known
    files = [
        SPEC,
        ROOT / "conformance" / "decoder.py",
        ROOT / "docs" / "adding.md",
        *(ROOT / "js" / "src").glob("*.ts"),
    ]
    files += (ROOT / "aecodec").glob("*/*.py")
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            if "RFC" in line:
                continue
            for names in REFERENCE.findall(line):
                assert set(re.findall(r"\d+(?:\.\d+)?", names)) <= known, f"{file.name}: {line.strip()}"
    for names in re.findall(r"\((\d+(?:\.\d+)?(?:(?:, | or |, and |; )\d+(?:\.\d+)?)*)\)", specification.normative()):
        assert set(re.findall(r"\d+(?:\.\d+)?", names)) <= known, names
    limits = text[text.index("### 16.1") : text.index("### 16.2")]
    for names in re.findall(r"\| ([0-9., ]+) \|$", limits, re.MULTILINE):
        assert set(names.split(", ")) <= known, names


def test_the_version_is_the_same_everywhere() -> None:
    text = SPEC.read_text(encoding="utf-8")
    pictures, sets = re.findall(r"version \*\*(\d+)\*\*", text)
    assert text.startswith(f"# The .aec format, version {pictures}\n")
    assert int(pictures) == container.VERSION == reference.VERSION
    assert framing.head() == bytes([0xAE, 0xD0 + int(sets)]) + b"aecs"
    rows = re.findall(r"^\| (\d+) \| (?:pictures|data sets) \| ([0-9.]+) \|", text, re.MULTILINE)
    assert {version for version, _ in rows} == {pictures, sets}


# Headers and sections ---


def test_unknown_ignorable_sections_are_skipped_by_both() -> None:
    sections = (container.Section(200, b"later"), container.Section(255, b""))
    data = constant(write_header(Header(**{**PLAIN_PIXEL.__dict__, "sections": sections})))
    expected = bytes([1, 2, 3] * 6)
    assert reference.decode(data, models()).samples == aecodec.decode(data).tobytes() == expected
    refused_by_both(data.replace(b"later", b"Later"))  # the checksum covers what is skipped


def test_a_picture_beyond_the_limit_is_refused_by_both_before_it_is_made() -> None:
    sides = (1 << 32, 1 << 32)
    for header in (Header(8, 50, "rans", size=sides), Header(container.PLAIN, 100, "zstd", size=sides)):
        data = write_header(header) + bytes(20)
        with pytest.raises(Refused, match="limit"):
            reference.decode(data, models())
        with pytest.raises(LimitExceeded):
            aecodec.decode(data)
    narrow = write_header(Header(5, 50, "zstd", size=(1, 1 << 25))) + bytes(20)  # a canvas of 28 times the pixels
    with pytest.raises(Refused, match="canvas"):
        reference.decode(narrow, models())
    with pytest.raises(LimitExceeded):
        aecodec.decode(narrow)


def test_a_model_with_a_number_is_identified_by_it_alone() -> None:
    known = models()[5]
    data = write_header(Header(0, 50, "zstd", model_id=known.id())) + bytes(20)
    with pytest.raises(Refused, match="has a number"):
        reference.decode(data, {known.id(): known})
    with pytest.raises(AecError):
        aecodec.decode(data)


@pytest.mark.parametrize("number", registry.DRAFT_NUMBERS)
def test_no_file_of_a_draft_is_read_by_either(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert number not in registry.NUMBERS
    headers = [Header(number, 50, "rans"), Header(number, 50, "zstd"), Header(number, 50, "rans", size=(99, 99))]
    monkeypatch.setattr("aecodec.format.container.VERSION", container.DRAFT)
    monkeypatch.setattr("aecodec.format.check.VERSION", container.DRAFT)
    files = [check.completed(write_header(header) + bytes(3), is_small=header.is_small) for header in headers]
    monkeypatch.undo()
    for file, failure in zip(files, (ChecksumMismatch, UnknownModel, UnsupportedVersion), strict=True):
        with pytest.raises(failure):
            aecodec.inspect(file)
        refused_by_both(file)
    with pytest.raises(Refused, match="another version"):
        reference.read_data_set(b"\xae\xd0aecs" + set_of()[6:], {})


def test_the_four_bits_of_the_small_form_are_checked_by_both() -> None:
    short, _ = example_files("digit")
    for bits in range(1, 16):
        changed = (int.from_bytes(short[2:5], "big") ^ bits).to_bytes(3, "big")
        refused_by_both(check.with_check(short[:2] + changed + short[5:-1]))


def test_opacity_that_is_not_valid_is_refused_by_both() -> None:
    def with_alpha(content: bytes) -> bytes:
        sections = (container.Section(container.ALPHA, content),)
        return constant(write_header(Header(**{**PLAIN_PIXEL.__dict__, "sections": sections})))

    valid = b"\1\7" + zlib.crc32(b"\7").to_bytes(4, "little")
    expected = bytes([1, 2, 3, 7] * 6)
    assert reference.decode(with_alpha(valid), models()).samples == expected
    assert aecodec.decode(with_alpha(valid)).tobytes() == expected
    for content in (b"", valid[:-1], valid + b"\0", b"\5" + valid[1:], valid[:-1] + bytes([valid[-1] ^ 1])):
        refused_by_both(with_alpha(content))


def test_no_orientation_rotates_a_decoded_picture() -> None:
    exif = b"II*\0\10\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
    xmp = b"<x:xmpmeta xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation='6'/>"
    sections = (container.Section(container.EXIF, b"\0" + exif), container.Section(container.XMP, b"\0" + xmp))
    data = constant(write_header(Header(**{**PLAIN_PIXEL.__dict__, "sections": sections})))
    assert aecodec.decode(data).shape == (2, 3, 3)
    assert aecodec.decode_image(data).size == (3, 2)
    assert reference.decode(data, models())[:2] == (2, 3)


def test_what_is_set_aside_for_tests_is_given_to_nothing() -> None:
    aside = {127, *range(200, 256)}
    assert not aside & {*container.SECTION_NAMES, *framing.KINDS}
    assert not {*registry.DRAFT_NUMBERS} & {*registry.NUMBERS}
    assert "z" not in json.loads(tiny_description((4, 6)).to_json())
    assert container.VERSION < 255 and framing.VERSION < 15


def test_encoders_use_nothing_that_is_reserved() -> None:
    text = SPEC.read_text(encoding="utf-8")
    table = text[text.index("\n## 14 ") : text.index("\n### 14.1 ")]
    tags = {int(tag) for tag in re.findall(r"^\| (\d+) \| ", table, re.MULTILINE)}
    numbers = {int(number) for number in re.findall(r"^\| (\d+) \| ", written("models"), re.MULTILINE)}
    assert tags == container.SECTION_NAMES.keys() and numbers == registry.NUMBERS.keys()
    random = np.random.default_rng(4)
    picture = Image.fromarray(random.integers(0, 255, (5, 9, 4)).astype(np.uint8))
    picture.info.update(icc_profile=b"profile", dpi=(72, 72), xmp=b"<x/>")
    gray = np.tile(np.arange(40, dtype=np.uint8), (40, 1))
    for data in (aecodec.encode(picture), aecodec.encode(gray), aecodec.encode(gray, max_error=0, packing="rans")):
        header = reference.read_header(data)
        assert header.sections.keys() <= tags and header.model in numbers | {reference.PLAIN}


# Model files ---


def test_keys_of_model_files_that_a_reader_does_not_know_are_ignored_by_both() -> None:
    data = tiny_file()
    length = int.from_bytes(data[:8], "little")
    described = json.loads(data[8 : 8 + length])
    described["__metadata__"]["later"] = "something"
    described["step"]["later"] = {"of": [1.5, None]}
    text = json.dumps(described).encode()
    other = len(text).to_bytes(8, "little") + text + data[8 + length :]
    assert Model(other).id() == load(other).id == Model(data).id() == load(data).id


def model_refused_by_both(data: bytes) -> None:
    with pytest.raises(Refused):
        Model(data)
    with pytest.raises(InvalidModelFile):
        load(data)


def test_model_files_of_another_layout_are_refused_by_both() -> None:
    data = tiny_file()
    length = int.from_bytes(data[:8], "little")
    text, body = data[8 : 8 + length], data[8 + length :]
    described = json.loads(text)

    def file(text: bytes | dict[str, Any], body: bytes = body, longer: int = 0) -> bytes:
        head = text if isinstance(text, bytes) else json.dumps(text).encode()
        return (len(head) + longer).to_bytes(8, "little") + head + body

    def changed(**entry: Any) -> dict[str, Any]:
        return {**described, "step": {**described["step"], **entry}}

    assert Model(file(described)).id() == load(file(described)).id
    begin, end = described["step"]["data_offsets"]
    for wrong in (
        b"",
        data[:7],
        file(text, longer=len(body) + 1),
        file(text + b" " * (1 << 20)),
        file(b"\xef\xbb\xbf" + text),
        file(b"\xff" + text),
        file(text.rstrip()[:-1]),
        file(b"[]"),
        file(text.rstrip()[:-1] + b',"step":' + json.dumps(described["step"]).encode() + b"}"),
        file(changed(dtype="U64")),
        file(changed(dtype=3)),
        file(changed(shape=[*described["step"]["shape"], 2])),
        file(changed(shape=[1.0])),
        file(changed(data_offsets=[begin, end, end])),
        file(changed(data_offsets=[begin, end - 1])),
        file(changed(data_offsets=[begin - 1, end - 1])),
        file(described, body + b"\0"),
        file(described, body[:-1]),
    ):
        model_refused_by_both(wrong)


def test_descriptions_of_no_model_are_refused_by_both() -> None:
    described = tiny_description((4, 6), lossless=True)
    text, arrays = described.to_json(), tiny_arrays(described)

    def file(text: str) -> bytes:
        return safetensors.dump(arrays, {"name": "tiny-1", "description": text})

    Model(file(text)), load(file(text))
    fields = json.loads(text)
    changes: list[dict[str, Any]] = [{key: wrong} for key in fields for wrong in (None, True, "2", [3], {"a": 1}, 2.0)]
    changes += [{"later": 1}, {"block": 3}, {"channels": 2}, {"tile": [4]}, {"tile": [4, 5]}, {"cues": -1}]
    changes = [change for change in changes if change != {"tile": None} or described.vector]
    for change in changes:
        model_refused_by_both(file(canonical({**fields, **change})))
    for key in fields.keys() - {"finish", "lossless", "synthesis_layers"}:
        model_refused_by_both(file(canonical({name: fields[name] for name in fields if name != key})))
    for other in (text + " ", json.dumps(fields), text.replace('"block":2', '"block":02'), text[:-1], "[]", ""):
        model_refused_by_both(file(other))


def canonical(fields: dict[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":"), sort_keys=True)


def test_arrays_of_no_model_are_refused_by_both() -> None:
    described = tiny_description((4, 6))
    arrays = tiny_arrays(described)

    def file(**changes: Any) -> bytes:
        kept = {name: array for name, array in {**arrays, **changes}.items() if array is not None}
        return safetensors.dump(kept, {"name": "tiny-1", "description": described.to_json()})

    assert Model(file()).id() == load(file()).id
    for name in arrays:
        if name.startswith("analysis."):
            continue
        model_refused_by_both(file(**{name: None}))
        model_refused_by_both(file(**{name: arrays[name].astype(np.float32)}))
        model_refused_by_both(file(**{name: arrays[name][None]}))
    beyond: dict[str, int] = {"step": 0, "offset": 256, "vector_class": -256, "context_exponent": 16, "cue": 1024}
    beyond |= {"tables.extents": 64, "tables.shifts": 16, "tables.skip": 65, "tables.frequencies": 4097}
    beyond |= {"synthesis.shift": 31, "synthesis.bias": 1 << 53, "pass0.0.weight": 1 << 62, "vector.0.bias": -(1 << 63)}
    for name, value in beyond.items():
        wrong = arrays[name].astype(np.int64)
        wrong.flat[0] = value
        model_refused_by_both(file(**{name: wrong}))
    model_refused_by_both(file(later=np.zeros(3, np.uint8)))
    swapped = arrays["tables.frequencies"].astype(np.int32)
    swapped[0] += 1
    model_refused_by_both(file(**{"tables.frequencies": swapped}))


# Packings ---


def payload_refused_by_both(payload: bytes, packing: str, elements: int, classes: int, **changes: np.ndarray) -> str:
    """The payload of a tiny model with changed arrays, refused from its first byte to its last; aecodec's message."""
    described = tiny_description((4, 6))
    arrays = {**tiny_arrays(described), **changes}
    file = safetensors.dump(arrays, {"name": "tiny-1", "description": described.to_json()})
    read, log = Model(file), Log(reference.read_header(b"\xbf\x05\xcb"))
    with pytest.raises(Refused):
        kind = reference.Rans if packing == "rans" else reference.Zstd
        coder = kind(read.tables, payload, elements, log)
        coder.finish(zlib.crc32(reference.stored(reference.decode_pass(read.tables, [classes], coder.events))))
    with pytest.raises(AecError) as caught:
        unpacked = unpacker(packing, load(file).tables, [payload], elements)
        residuals = unpacked.read(np.array([[classes]], np.uint8))
        unpacked.finish([zlib.crc32(residuals.astype("<i4").tobytes())])
    return str(caught.value)


def test_payloads_that_cannot_begin_are_refused_by_both() -> None:
    for payload in (b"\0", b"\0\1\2\3\4"):
        payload_refused_by_both(payload, "rans", 1, 63)
    several = b"\1\0\0" + b"\xff\xff\xff"
    for payload in (b"", several[:-1], b"\0\xff\xff" + several[3:], several[:3] + b"\0\xff\xff"):
        payload_refused_by_both(payload, "rans", 24000, 63)
    for payload in (b"", b"\0\0\0", b"\0\0\0\0"):
        payload_refused_by_both(payload, "zstd", 1, 63)


def test_a_residual_beyond_2_to_the_20_is_refused_by_both() -> None:
    described = tiny_description((4, 6))
    file = safetensors.dump(tiny_arrays(described), {"name": "tiny-1", "description": described.to_json()})
    tables, largest = load(file).tables, 1 << 20
    finest = int(np.flatnonzero(tables.shifts == 0)[-1])
    assert finest >= tables.skip
    for packing in ("rans", "zstd"):
        one, classes = np.array([[largest]], np.int32), np.array([[finest]], np.uint8)
        (payload,) = pack(packing, tables, [one], [classes], [zlib.crc32(one.astype("<i4").tobytes())])
        # Read with low bits, the residual is twice as large.
        shifts = tables.shifts.astype(np.uint8)
        shifts[finest] = 1
        longer = payload + bytes(3) if packing == "rans" else with_body(payload, bytes(9))
        payload_refused_by_both(longer, packing, 1, finest, **{"tables.shifts": shifts})


def with_body(payload: bytes, more: bytes) -> bytes:
    """A payload in zstd with a longer body."""
    body = frames.decompress(payload[:-4], 1 << 20)
    return frames.compress(bytes(body) + more, (3,)) + payload[-4:]


def test_frames_with_another_header_are_refused_by_both() -> None:
    frame = frames.compress(b"some content", (3,))
    assert reference.unframed(frame, 12) == frames.decompress(frame, 12) == b"some content"
    for bad in (
        b"",
        frame[:1],
        frame[:-1],
        frame + b"\0",
        b"\x28\xb5\x2f\xfd" + frame,  # with its magic number
        *(bytes([descriptor]) + frame[1:] for descriptor in (0x01, 0x04, 0x08, 0x10, 0x20, 0x40, 0xC0)),
        frame[:1] + b"\x51" + frame[2:],
        frame[:1] + b"\x58" + frame[2:],
    ):
        with pytest.raises(Refused):
            reference.unframed(bad, 100)
        with pytest.raises(AecError):
            frames.decompress(bad, 100)
    with pytest.raises(Refused):
        reference.unframed(frame, 11)
    with pytest.raises(AecError):
        frames.decompress(frame, 11)


def test_the_last_bytes_of_groups_are_the_lowest_that_serve() -> None:
    _, long = example_files("digit")
    body = bytes(frames.decompress(long[3:-4], 1000))
    sentences = set()
    for at in range(len(body)):
        for byte in range(256):
            if byte != body[at]:
                other = body[:at] + bytes([byte]) + body[at + 1 :]
                data = long[:3] + frames.compress(other, (3,)) + long[-4:]
                with pytest.raises(AecError) as caught:
                    aecodec.decode(data)
                if type(caught.value) is InvalidValue and str(caught.value) not in sentences:
                    sentences.add(str(caught.value))
                    with pytest.raises(Refused, match="not the lowest"):
                        reference.decode(data, models())
    assert sentences


def test_lengths_of_panels_beyond_the_file_are_refused_by_both() -> None:
    (data,) = example_files("panels")
    place = reference.read_header(data).length + 1
    assert reference.Reader(data[place:]).varint() < len(data) - place
    refused_by_both(data[:place] + write_varint(len(data) - place - 1) + data[place + 2 :])
    refused_by_both(data[:place] + write_varint(2**32 - 1) + data[place + 2 :])


# Data sets ---


def test_what_a_data_set_does_not_have_to_say_is_ignored_by_both(tmp_path: Path) -> None:
    path = tmp_path / "set.aecs"
    dataset.write(path, [waves(28, 28, 1)], model="mnist-3", quality=30, metadata={"x": 1})
    dataset.append(path, [np.full((4, 4), 9, np.uint8)], lossless=True)  # leaves an index that nothing names
    data = path.read_bytes()
    found = reference.read_data_set(data, models())
    assert [found.pictures[i].samples for i in range(2)] == [picture.tobytes() for picture in dataset.open(data)]
    assert found.description["metadata"] == dataset.open(data).metadata == {"x": 1}


@pytest.mark.parametrize("key", ["later", "metadata2"])
def test_unknown_keys_of_metadata_and_unknown_ignorable_blocks_are_passed_over_by_both(key: str) -> None:
    said = {"metadata": {"x": 1}, "label_names": ["a"]}
    data = set_of(metadata_block({**said, key: [1, 2]}), framing.Block(200, b"h", b"body"))
    assert reference.read_data_set(data, {}).description == said
    assert dataset.open(data).metadata == {"x": 1} and dataset.open(data).label_names == ["a"]


@pytest.mark.parametrize(
    "said",
    [
        [],
        {},
        {"metadata": {}},
        {"label_names": []},
        {"metadata": [], "label_names": []},
        {"metadata": {}, "label_names": "ab"},
        {"metadata": {}, "label_names": ["a", 1]},
        {"metadata": {}, "label_names": None},
    ],
    ids=str,
)
def test_metadata_without_its_keys_are_refused_by_both(said: object) -> None:
    data = set_of(metadata_block(said))
    with pytest.raises(Refused):
        reference.read_data_set(data, {})
    with pytest.raises(AecError):
        assert dataset.open(data).metadata is None


def metadata_block(said: object) -> framing.Block:
    return framing.Block(framing.METADATA, b"", frames.compress(json.dumps(said).encode(), (3,)))


def test_unknown_critical_blocks_are_refused_by_both() -> None:
    data = set_of(framing.Block(100, b"", b""))
    with pytest.raises(Refused):
        reference.read_data_set(data, {})
    with pytest.raises(AecError):
        dataset.open(data)


def set_refused_by_both(*blocks: framing.Block) -> None:
    data = set_of(*blocks)
    with pytest.raises(Refused):
        reference.read_data_set(data, models())
    with pytest.raises(AecError):
        ds = dataset.open(data)
        assert ds.columns or [ds[number] for number in range(len(ds))]


def test_impossible_numbers_are_refused_by_both() -> None:
    for numbers in (b"\1\0\0\0\0", b"\0\0\x80\x80\4", b"\0\xff\xff\xff\xff\x0f\0"):
        set_refused_by_both(framing.Block(framing.FILES, numbers + b"\1", b"?"))
    file = aecodec.encode(np.zeros((4, 4), np.uint8), lossless=True)
    block = framing.Block(framing.FILES, b"\0\0\0" + write_varint(len(file)), file)
    assert len(reference.read_data_set(set_of(block), models()).pictures) == len(dataset.open(set_of(block))) == 1
    set_refused_by_both(block, block)


def test_headers_that_no_joined_block_has_are_refused_by_both() -> None:
    one = b"\0\0\0"
    small = check.with_check(b"\xb5\x4b")
    lossless = check.with_check(b"\xb5\x65")
    sections = (container.Section(200, b""),)
    for header in (
        b"\2" + small,
        b"\x80" + small,
        b"\1" + lossless,
        b"\0" + check.with_check(b"\xb5\x4bmore"),
        b"\0" + small[:-1],
        b"\0" + write_header(PLAIN_PIXEL),
        b"\0" + write_header(Header(5, 75, "zstd", sections=sections)),
        b"\0" + write_header(Header(5, 75, "zstd", size=(600, 28))),
        b"\0" + write_header(Header(5, 101, "zstd")),
        b"\0" + write_header(Header(5, 102, "rans", size=(29, 28))) + b"\0",
        b"\0" + write_header(Header(5, 75, "zstd")) + b"\0",
    ):
        set_refused_by_both(framing.Block(framing.JOINED, one + header, bytes(40)))


def test_lengths_of_files_that_are_not_those_of_their_block_are_refused_by_both() -> None:
    file = aecodec.encode(np.zeros((4, 4), np.uint8), lossless=True)
    for length, body in ((len(file), file + b"\0"), (len(file) + 1, file), (len(file) - 1, file)):
        set_refused_by_both(framing.Block(framing.FILES, b"\0\0\0" + write_varint(length), body))


def test_columns_of_another_length_are_refused_by_both() -> None:
    file = aecodec.encode(np.zeros((4, 4), np.uint8), lossless=True)
    pictures = framing.Block(framing.FILES, b"\0\0\0" + write_varint(len(file)), file)

    def block(values: bytes, kind: int, size: int, more: bytes = b"", rest: bytes = b"") -> framing.Block:
        frame = frames.compress(values, (3,))
        header = b"\0\0\1\4name" + bytes([kind]) + write_varint(size) + write_varint(len(frame))
        return framing.Block(framing.COLUMNS, header + more, frame + rest)

    good = set_of(pictures, block(b"\7\0", 5, 2))
    assert reference.read_data_set(good, models()).columns["name"] == {0: 7}
    assert dataset.open(good).columns["name"].tolist() == [7]
    for wrong in (
        block(b"\7\0\0", 5, 3),
        block(b"\7", 5, 1),
        block(b"\7\0", 5, 3),
        block(b"\7\0", 14, 2),
        block(b"\2\0\0\0a", 0, 5),
        block(b"\1\0\0\0\xff", 0, 5),
        block(b"\7\0", 5, 2, more=b"\0"),
        block(b"\7\0", 5, 2, rest=b"\0"),
        block(b"\7\0", 5, (1 << 26) + 1),
    ):
        data = set_of(pictures, wrong)
        with pytest.raises(Refused):
            reference.columns_of(reference.Block(wrong.kind, wrong.header, wrong.body))
        with pytest.raises(AecError):
            assert dataset.open(data).columns["name"] is None


def set_of(*blocks: framing.Block) -> bytes:
    """A data set of these blocks, with bytes between them that mean nothing."""
    data, entries = framing.head(), []
    for block in blocks:
        data += b"gap"
        entries.append(framing.Entry(block.kind, len(data), block.header, len(block.body)))
        data += block.to_bytes()
    return data + framing.index_block(entries)
