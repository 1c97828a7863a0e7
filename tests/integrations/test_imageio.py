"""imageio's plugin reads and writes .aec files, and passes the options of encode and decode on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import COLOUR, DIGITS, mosaic

import aecodec

iio = pytest.importorskip("imageio.v3", reason="needs imageio")
config = pytest.importorskip("imageio.config")
plugin = pytest.importorskip("aecodec.integrations.imageio")


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    """The plugin in this test only: others read .aec files through Pillow."""
    plugin.register()
    yield
    del config.known_plugins[plugin.NAME]
    (extension,) = config.known_extensions.pop(plugin.SUFFIX)
    config.extension_list.remove(extension)


PICTURES = {
    "gray": DIGITS[0],
    "colour": COLOUR[0],
    "opacity": np.dstack([COLOUR[1], DIGITS[0].repeat(2, 0)[:32].repeat(2, 1)[:, :32]]),
    "deep": np.arange(40 * 30, dtype=np.uint16).reshape(40, 30) * 50,
    "deep colour": np.arange(40 * 30, dtype=np.uint16).reshape(20, 20, 3) * 50,
}


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_a_picture_comes_back_with_shape_and_dtype(picture: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.aec"
    iio.imwrite(path, picture, lossless=True, exact_transparent=True)
    found = iio.imread(path)
    assert found.dtype == picture.dtype and np.array_equal(found, picture)
    properties = iio.improps(path)
    assert (properties.shape, properties.dtype) == (picture.shape, picture.dtype)


def test_it_takes_the_place_of_pillow() -> None:
    data = iio.imwrite("<bytes>", DIGITS[0], extension=".aec", quality=30)
    assert data == aecodec.encode(DIGITS[0], quality=30)
    with iio.imopen(data, "r", extension=".aec") as file:
        assert isinstance(file, plugin.AecPlugin)
        assert [np.array_equal(each, aecodec.decode(data)) for each in file.iter()] == [True]


def test_registering_twice_changes_nothing() -> None:
    before = len(config.extension_list)
    plugin.register()
    assert len(config.extension_list) == before
    assert len(config.known_extensions[".aec"]) == 1


def test_options_of_decode_are_passed_on(tmp_path: Path) -> None:
    path = tmp_path / "a.aec"
    iio.imwrite(path, mosaic(100, 120), quality=40)
    whole = iio.imread(path)
    assert np.array_equal(iio.imread(path, region=(10, 20, 30, 40)), whole[20:60, 10:40])
    assert iio.imread(path, index=...).shape == (1, *whole.shape)
    assert iio.improps(path, index=...).shape == (1, *whole.shape)


def test_metadata_has_the_names_that_pillow_uses(tmp_path: Path) -> None:
    from PIL import Image

    image = Image.fromarray(COLOUR[0])
    image.info["dpi"] = (300, 300)
    (tmp_path / "a.aec").write_bytes(aecodec.encode(image))
    assert iio.immeta(tmp_path / "a.aec")["dpi"] == (300, 300)


def refusals() -> dict[str, tuple[type[Exception], str, Any]]:
    data = aecodec.encode(DIGITS[0])
    damaged = data[:-1] + bytes([data[-1] ^ 1])
    return {
        "damaged": (OSError, "checksum", lambda: iio.imread(damaged, extension=".aec")),
        "several": (ValueError, "one picture, not 2", lambda: iio.imwrite("<bytes>", DIGITS[:2], extension=".aec")),
        "index": (ValueError, "no index 1", lambda: iio.imread(data, extension=".aec", index=1)),
        "option": (ValueError, "quality", lambda: iio.imwrite("<bytes>", DIGITS[0], extension=".aec", quality=0)),
        "region": (ValueError, "region", lambda: iio.imread(data, extension=".aec", region=(0, 0, 99, 99))),
        "float": (ValueError, "uint8", lambda: iio.imwrite("<bytes>", DIGITS[0] / 255, extension=".aec")),
    }


@pytest.mark.parametrize("name", refusals())
def test_what_cannot_be_done_is_an_error_that_imageio_users_expect(name: str) -> None:
    kind, message, call = refusals()[name]
    with pytest.raises(kind, match=message):
        call()


def test_a_refused_picture_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="quality"):
        iio.imwrite(tmp_path / "a.aec", DIGITS[0], quality=101)
    assert not list(tmp_path.iterdir())


def test_other_files_are_left_to_other_plugins(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "a.png", DIGITS[0])
    (tmp_path / "a.png").rename(tmp_path / "b.aec")  # a wrong name
    assert np.array_equal(iio.imread(tmp_path / "b.aec"), DIGITS[0])
