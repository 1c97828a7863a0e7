"""Large pictures: coded in panels, each of which can be decoded alone, with the pixels that the whole would give."""

from __future__ import annotations

import tracemalloc
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import COLOUR, DIGITS, MODELS, mosaic, psnr, waves

import aecodec
from aecodec import engines
from aecodec.conformance.tiny_models import tiny_file
from aecodec.decoding import decoder
from aecodec.decoding import panels as decoding_panels
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.engines import blas, threads
from aecodec.errors import AecError, InvalidValue, LimitExceeded, TruncatedFile
from aecodec.format import panels
from aecodec.format.container import Header, read_header, read_varint, write_header
from aecodec.format.panels import PanelGrid
from aecodec.images.regions import Box
from aecodec.images.scaling import factors, reduced
from aecodec.models import ladder, registry

SIDE = 64  # of a panel, in these tests
SIZE = 90, 131  # height and width of a picture of several panels
GRAY_MODELS = [name for name in MODELS if registry.by_name(name).description.channels == 1]


@pytest.fixture(autouse=True)
def small_panels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panels, "SIDE", SIDE)


def picture_for(model: str, height: int, width: int) -> np.ndarray:
    return mosaic(height, width, DIGITS if model in GRAY_MODELS else COLOUR)


def whole_canvas(data: bytes) -> np.ndarray:
    """The picture of a file whose panels' latents are put together before anything is corrected."""
    file = ParsedFile.parse(data, None)
    d, layout, engine = file.model.description, file.grid, engines.engine()
    parts = decoder._panels(file, "numpy")
    rows, columns = d.grid(*file.size)
    plane = np.zeros((1, rows, columns, d.coefficients), np.float32)
    context = np.zeros((1, rows, columns, d.context), np.float32)
    for index in range(layout.count):
        latent, place = parts.latent(index), (slice(None), *(layout.box(index) // d.block).slices)
        plane[place], context[place] = latent.plane, latent.context
    pixels = ladder.synthesize(file.model, engine, ladder.Latent(plane, context))[0]
    return file.finished(pixels[: file.size[0], : file.size[1]])


# Geometry ---


@given(st.tuples(st.integers(1, 300), st.integers(1, 300)), st.tuples(st.integers(1, 90), st.integers(1, 90)))
def test_panels_cover_the_canvas_once(size: tuple[int, int], unit: tuple[int, int]) -> None:
    layout = PanelGrid.of(size, unit)
    seen = np.zeros((layout.height, layout.width), int)
    for index in range(layout.count):
        box = layout.box(index)
        seen[box.slices] += 1
        assert (box.y1 - box.y0) % unit[0] == 0 and (box.x1 - box.x0) % unit[1] == 0
        assert box.y1 - box.y0 <= max(panels.SIDE, unit[0]) and box.x1 - box.x0 <= max(panels.SIDE, unit[1])
    assert (seen == 1).all()
    boxes = [layout.box(index) for index in range(layout.count)]
    assert layout.sizes() == dict(Counter((box.height, box.width) for box in boxes))
    assert layout.height - unit[0] < size[0] <= layout.height
    assert layout.width - unit[1] < size[1] <= layout.width


@pytest.mark.parametrize(
    ("size", "unit", "expected"),
    [
        ((512, 512), (32, 32), (1, 1)),
        ((513, 512), (32, 32), (2, 1)),
        ((504, 504), (28, 28), (1, 1)),
        ((505, 1009), (28, 28), (2, 3)),
        ((512, 513), (8, 8), (1, 2)),
        ((700, 300), (600, 600), (2, 1)),
    ],
)
def test_the_largest_panel_is_whole_units_within_512(
    size: tuple[int, int], unit: tuple[int, int], expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panels, "SIDE", 512)
    layout = PanelGrid.of(size, unit)
    assert (layout.rows, layout.columns) == expected


# The same pixels ---


@pytest.mark.parametrize("packing", ["rans", "zstd"])
@pytest.mark.parametrize("model", MODELS)
def test_pixels_are_those_of_the_whole_canvas(model: str, packing: str) -> None:
    picture = picture_for(model, *SIZE)
    data = aecodec.encode(picture, model=model, packing=packing)
    assert aecodec.inspect(data).panels == 6
    decoded = aecodec.decode(data)
    assert np.array_equal(decoded, whole_canvas(data))
    assert psnr([(picture, decoded)]) > 28


@pytest.mark.parametrize("side", [1, 4, 6, 10, 16])
def test_panels_smaller_than_what_correction_and_finish_see(
    side: int, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_folder / "tiny-1.safetensors").write_bytes(tiny_file())
    (own_folder / "wide-1.safetensors").write_bytes(tiny_file(None, 3, name="wide-1"))
    (own_folder / "finished-1.safetensors").write_bytes(tiny_file(finish=True, name="finished-1"))
    (own_folder / "finer-1.safetensors").write_bytes(tiny_file(None, 3, lossless=True, finish=True, name="finer-1"))
    monkeypatch.setattr(panels, "SIDE", side)
    monkeypatch.setattr("aecodec.encoding.plain_fallback.MOST_MORE", 1e9)
    gray, colour = waves(17, 20, 1), waves(17, 20)
    for model, picture in (("tiny", gray), ("wide", colour), ("finished", gray), ("finer", colour)):
        data = aecodec.encode(picture, model=model, quality=80)
        assert aecodec.inspect(data).panels > 1
        whole = aecodec.decode(data)
        assert np.array_equal(whole, whole_canvas(data))
        for x, y, width, height in ((0, 0, 1, 1), (19, 16, 1, 1), (5, 7, 9, 6), (0, 9, 20, 2)):
            part = aecodec.decode(data, region=(x, y, width, height))
            assert np.array_equal(part, whole[y : y + height, x : x + width])


def test_threads_and_engines_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = mosaic(*SIZE)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    data = aecodec.encode(picture, model="cifar")
    decoded = aecodec.decode(data)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert threads.workers() == 5
    assert aecodec.encode(picture, model="cifar") == data
    assert np.array_equal(aecodec.decode(data), decoded)


def test_large_pictures_among_small_ones() -> None:
    mixed = [DIGITS[0], mosaic(70, 90), 255 - mosaic(80, 90, DIGITS), mosaic(70, 90)[::-1], COLOUR[0]]
    files = aecodec.encode_many(mixed)
    assert files == [aecodec.encode(picture) for picture in mixed]
    for decoded, file in zip(aecodec.decode_many(files), files, strict=True):
        assert np.array_equal(decoded, aecodec.decode(file))
    assert [aecodec.inspect(file).panels > 1 for file in files] == [False, True, True, True, False]


def test_a_negative_is_decided_for_the_whole_picture() -> None:
    picture = 255 - mosaic(130, 130, DIGITS)
    picture[:60, :60] = 0  # the first panel alone would not be inverted
    data = aecodec.encode(picture, model=GRAY_MODELS[0])
    assert aecodec.inspect(data).inverted
    dark = aecodec.encode(255 - picture, model=GRAY_MODELS[0])
    assert not aecodec.inspect(dark).inverted
    assert np.array_equal(aecodec.decode(data), 255 - aecodec.decode(dark))


def test_progress_counts_the_panels() -> None:
    told: list[tuple[int, int]] = []
    data = aecodec.encode(mosaic(70, 150), model="cifar", progress=lambda done, count: told.append((done, count)))
    assert told == [(i + 1, 6) for i in range(6)]
    told.clear()
    aecodec.decode(data, progress=lambda done, count: told.append((done, count)))
    assert told == [(i + 1, 6) for i in range(6)]


# Regions and thumbnails ---


@pytest.fixture(scope="module")
def files() -> Iterator[dict[str, tuple[bytes, np.ndarray]]]:
    """A picture of several panels by each model, gray in a colour model, and with opacity; and what it decodes to."""
    pictures = {name: picture_for(name, *SIZE) for name in MODELS}
    pictures |= {"gray": mosaic(*SIZE)[..., 0], "alpha": np.dstack([mosaic(*SIZE), waves(*SIZE, 1)])}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(panels, "SIDE", SIDE)
        made = {
            name: aecodec.encode(picture, model=name if name in MODELS else "cifar", quality=50)
            for name, picture in pictures.items()
        }
        yield {name: (data, aecodec.decode(data)) for name, data in made.items()}


@settings(max_examples=25)
@given(st.data())
def test_a_region_equals_the_crop_of_the_whole(files: dict[str, tuple[bytes, np.ndarray]], draw: st.DataObject) -> None:
    data, whole = files[draw.draw(st.sampled_from(sorted(files)))]
    height, width = whole.shape[:2]
    x, y = draw.draw(st.integers(0, width - 1)), draw.draw(st.integers(0, height - 1))
    across, down = draw.draw(st.integers(1, width - x)), draw.draw(st.integers(1, height - y))
    part = aecodec.decode(data, region=(x, y, across, down))
    assert part.flags.c_contiguous
    assert np.array_equal(part, whole[y : y + down, x : x + across])


def test_a_region_needs_only_the_panels_around_it() -> None:
    data = aecodec.encode(mosaic(190, 190), model="cifar")
    whole = aecodec.decode(data)
    damaged = bytearray(data)
    damaged[-3] ^= 1  # of the last panel
    with pytest.raises(AecError):
        aecodec.decode(bytes(damaged))
    assert np.array_equal(aecodec.decode(bytes(damaged), region=(3, 5, 100, 100)), whole[5:105, 3:103])
    with pytest.raises(AecError):
        aecodec.decode(bytes(damaged), region=(185, 185, 2, 2))


def test_regions_of_small_pictures() -> None:
    data = aecodec.encode(COLOUR[0])
    assert np.array_equal(aecodec.decode(data, region=(3, 4, 5, 6)), aecodec.decode(data)[4:10, 3:8])
    image = aecodec.decode_image(data, region=(3, 4, 5, 6))
    assert image.size == (5, 6)


@pytest.mark.parametrize(
    "region",
    [(-1, 0, 1, 1), (0, 0, 0, 1), (0, 0, 33, 1), (0, 32, 1, 1), (1, 1, 32, 1), (0, 0, 1), (0, 0, 1.0, 1), "abcd", 5],
)
def test_a_region_outside_the_picture_is_refused(region: object) -> None:
    with pytest.raises(InvalidValue, match="region"):
        aecodec.decode(aecodec.encode(COLOUR[0]), region=region)  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [500, 131, 130, 66, 65, 33, 32, 17, 9, 5, 2, 1])
def test_a_thumbnail_is_small_and_like_the_whole(files: dict[str, tuple[bytes, np.ndarray]], limit: int) -> None:
    for data, whole in files.values():
        block = ParsedFile.parse(data, None).model.description.block
        factor, blocks = factors(SIZE, limit, block)
        small = aecodec.decode(data, thumbnail=limit)
        assert max(small.shape[:2]) <= limit
        exact = reduced(whole, factor)
        assert small.shape == exact.shape
        if blocks:
            assert np.abs(small.astype(int) - exact).mean() < 6
        else:
            assert np.array_equal(small, exact)
        assert np.array_equal(aecodec.decode(data, thumbnail=limit), small)
        if whole.shape[2:] == (4,):
            assert np.array_equal(small[..., 3], exact[..., 3])


def test_reduction_is_the_mean_half_up_of_what_is_there() -> None:
    assert reduced(np.array([[1, 2, 9], [1, 2, 4], [0, 1, 7]], np.uint8), 2).tolist() == [[2, 7], [1, 7]]
    picture = waves(53, 41)
    for factor in (2, 3, 7, 60):
        tall = np.stack(
            [
                [
                    (int(part.sum()) + part.size // 2) // part.size
                    for x in range(0, 41, factor)
                    for part in [picture[y : y + factor, x : x + factor, 1].astype(int)]
                ]
                for y in range(0, 53, factor)
            ]
        )
        assert np.array_equal(reduced(picture, factor)[..., 1], tall)


@pytest.mark.parametrize("limit", [32, 13, 3])
def test_a_coarse_thumbnail_is_what_the_specification_says(
    files: dict[str, tuple[bytes, np.ndarray]], limit: int
) -> None:
    for name in ("gray", *MODELS):
        data, whole = files[name]
        file, engine = ParsedFile.parse(data, None), engines.engine()
        d, parts = file.model.description, decoder._panels(file, "numpy")
        if max(-(-n // limit) for n in whole.shape[:2]) < d.block:
            continue  # larger blocks are no thumbnail yet
        rows, columns = d.grid(*file.size)
        means = np.zeros((rows, columns, d.channels), int)
        for index in range(file.grid.count):
            plane = parts.latent(index).plane
            samples = np.clip(engine.run(file.model.synthesis, plane), 0, 255).astype(int)
            sums = samples.reshape(*plane.shape[1:3], d.block**2, d.channels).sum(axis=2)
            means[(file.grid.box(index) // d.block).slices] = (sums + d.block**2 // 2) // d.block**2
        seen = means[: -(-whole.shape[0] // d.block), : -(-whole.shape[1] // d.block)]
        seen = seen[..., 1] if file.is_gray else seen[..., 0] if d.channels == 1 else seen
        seen = 255 - seen if file.is_inverted else seen
        side = -(-max(-(-n // limit) for n in whole.shape[:2]) // d.block)
        small = aecodec.decode(data, thumbnail=limit)
        for y, x in np.ndindex(small.shape[:2]):
            part = seen[y * side : (y + 1) * side, x * side : (x + 1) * side]
            k = part.shape[0] * part.shape[1]
            assert np.array_equal(small[y, x], (part.sum(axis=(0, 1)) + k // 2) // k)


@pytest.mark.parametrize("limit", [0, -3, 2.5, "9", True])
def test_a_thumbnail_of_nothing_is_refused(limit: object) -> None:
    with pytest.raises(InvalidValue, match="thumbnail"):
        aecodec.decode(aecodec.encode(COLOUR[0]), thumbnail=limit)  # type: ignore[arg-type]


def test_a_thumbnail_is_not_of_a_region() -> None:
    with pytest.raises(InvalidValue, match="thumbnail"):
        aecodec.decode(aecodec.encode(COLOUR[0]), thumbnail=9, region=(0, 0, 9, 9))


# Bytes ---


def taken_apart(data: bytes) -> tuple[bytes, list[bytes]]:
    """Header and the panels' packed elements."""
    file = ParsedFile.parse(data, None)
    return data[: file.begin], decoding_panels.split(file.payload, file.grid, file.model, file.header.packing)


@pytest.mark.parametrize("packing", ["rans", "zstd"])
def test_the_payload_is_lengths_and_panels_and_the_checksum_knows_the_panel(packing: str) -> None:
    data = aecodec.encode(mosaic(64, 150), model="cifar", packing=packing)
    header, parts = taken_apart(data)
    at, lengths = len(header), []
    for _ in range(2):
        length, at = read_varint(data, at)
        lengths.append(length)
    assert data[at:] == b"".join(parts)
    assert [*map(len, parts)][:2] == lengths
    file = ParsedFile.parse(data, None)
    for index, part in enumerate(parts):
        box = file.grid.box(index)
        seed = zlib.crc32(header + bytes([index, 0, 0, 0]))
        size = (box.y1 - box.y0, box.x1 - box.x0)
        packed = decoding_panels.PackedPanel(part, 75, seed)
        decoding_panels.decode_alike(file.model, engines.engine(), packing, size, [packed])


@pytest.mark.parametrize("packing", ["rans", "zstd"])
def test_panels_cannot_change_places(packing: str) -> None:
    data = aecodec.encode(np.tile(mosaic(64, 64), (1, 2, 1)), model="cifar", packing=packing)
    header, (first, second) = taken_apart(data)
    assert header + panels.join([first, second]) == data
    for parts in ([second, first], [first, first], [second, second]):
        with pytest.raises(AecError):
            aecodec.decode(header + panels.join(parts))


@pytest.mark.parametrize("packing", ["rans", "zstd"])
def test_truncations_and_damage_are_errors(packing: str) -> None:
    data = aecodec.encode(mosaic(64, 200), model="cifar", quality=10, packing=packing)
    whole = aecodec.decode(data)
    begin = read_header(data)[1]
    _, parts = taken_apart(data)
    for length in [*range(begin + 8), *range(begin + 8, len(data), 41)]:
        with pytest.raises(AecError):
            aecodec.decode(data[:length])
    with pytest.raises(AecError):
        aecodec.decode(data + b"\0")
    for at in [*range(begin + len(parts) + 2), *range(begin + 9, len(data), 37)]:
        damaged = bytearray(data)
        damaged[at] ^= 0x21
        try:
            decoded = aecodec.decode(bytes(damaged), max_pixels=10**5)
        except AecError:
            continue
        assert packing == "zstd" and np.array_equal(decoded, whole)  # bits that a frame's header does not use


# Limits ---


def hostile(size: tuple[int, int], packing: str, payload: bytes) -> bytes:
    number = registry.number_of(registry.by_name("cifar"))
    return write_header(Header(number, 50, packing, size=size)) + payload  # type: ignore[arg-type]


@pytest.mark.parametrize("packing", ["rans", "zstd"])
@pytest.mark.parametrize("payload", [b"", bytes(1000), b"\1" * 1000, b"\x05" * 1000, bytes(range(256)) * 4])
@pytest.mark.parametrize("size", [(9000, 9000), (80_000_000, 1), (1, 80_000_000), (600, 600)])
def test_a_small_hostile_file_of_a_huge_picture_fails_without_memory(
    packing: str, payload: bytes, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panels, "SIDE", 512)
    monkeypatch.setattr("aecodec.packing.rans.SCALAR_LANES", 64)
    data = hostile(size, packing, payload)
    registry.by_name("cifar")
    tracemalloc.start()
    try:
        with pytest.raises((TruncatedFile, InvalidValue, LimitExceeded)):
            aecodec.decode(data)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_the_first_damaged_panel_ends_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    data = aecodec.encode(mosaic(130, 200), model="cifar")
    begin = read_header(data)[1]
    header, parts = taken_apart(data)
    damaged = bytearray(parts[1])
    damaged[-1] ^= 1
    walks: list[int] = []
    original = decoding_panels.Panels.latent

    def counted(self: decoding_panels.Panels, index: int) -> ladder.Latent:
        walks.append(index)
        return original(self, index)

    monkeypatch.setattr(decoding_panels.Panels, "latent", counted)
    with pytest.raises(AecError):
        aecodec.decode(header + panels.join([parts[0], bytes(damaged), *parts[2:]]))
    assert walks == [0, 1]
    assert begin == len(header)


def test_memory_of_decoding_grows_with_the_picture_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def peak(height: int, width: int) -> int:
        data = aecodec.encode(np.full((height, width), 9, np.uint8), model="cifar", quality=30)
        tracemalloc.start()
        try:
            aecodec.decode(data)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = peak(128, 128), peak(320, 256)
    assert large - small < 12 * (320 * 256 - 128 * 128)


def test_box_division() -> None:
    assert Box(8, 16, 0, 4) // 4 == Box(2, 4, 0, 1)


# Threads ---


def test_several_items_have_one_blas_thread_each_and_then_it_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    found = blas.functions()
    if found is None:
        pytest.skip("this NumPy's BLAS is not OpenBLAS")
    tell, put = found
    before = tell()
    monkeypatch.setattr(threads, "workers", lambda: 2)
    try:
        put(2)
        assert list(threads.in_threads(lambda _: tell(), [0])) == [2]  # all to itself
        assert list(threads.in_threads(lambda _: tell(), range(5)))[1:] == [1] * 4
        assert tell() == 2
        with pytest.raises(ZeroDivisionError):
            list(threads.in_threads(lambda item: 1 // item, [1, 2, 0, 3]))
        assert tell() == 2
        with blas.one_thread(), blas.one_thread():
            assert tell() == 1
        assert tell() == 2
    finally:
        put(before)
