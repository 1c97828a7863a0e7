"""Training pictures from where people keep them: idx files, npz, tile sheets, folders, Keras' own loaders.

Every source is an array of uint8 tiles (N, H, W, C) of the size that the model wants. Larger pictures are cut into
random crops; smaller ones are refused.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from PIL import Image

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}
KERAS_LOADERS = {"keras:mnist": "mnist", "keras:cifar10": "cifar10", "keras:cifar100": "cifar100"}


def read_idx(path: Path) -> np.ndarray:
    """The array of an idx file (LeCun's MNIST layout), gzipped or not; unsigned bytes only."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is not an idx file of unsigned bytes")
    shape = np.frombuffer(data, ">u4", data[3], 4)
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * data[3])
    if values.size != int(np.prod(shape.astype(np.int64))):
        raise ValueError(f"{path} does not hold the {tuple(int(n) for n in shape)} values that it declares")
    return values.reshape(tuple(int(n) for n in shape))


def read_picture(path: Path, channels: int) -> np.ndarray:
    """A picture file as uint8 (H, W, C)."""
    try:
        with Image.open(path) as picture:
            samples = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    except Exception as error:  # Pillow's plugins raise whatever they stumble over in a damaged file
        raise ValueError(f"{path} is not a picture that can be read: {error}") from error
    return samples.reshape(*samples.shape[:2], channels)


def cut(
    picture: np.ndarray, tile: tuple[int, int], crops: int, random: np.random.Generator, scale: int = 1
) -> np.ndarray:
    """Tiles of a picture (H, W, C): itself, the sheet that it is a grid of, or ``crops`` random crops.

    A picture at least 25 tiles wide and high whose sides are multiples of the tile counts as a tile sheet. With a
    ``scale`` of 2 crops are twice as wide and high as a tile, and a tile or a sheet gives none.
    """
    height, width, channels = picture.shape
    th, tw = tile
    if height < th or width < tw:
        raise ValueError(f"a picture of {width}x{height} is smaller than the model's tile of {tw}x{th}")
    sheet = height % th == 0 and width % tw == 0 and min(height // th, width // tw) >= 25
    if scale > 1 and (sheet or height < th * scale or width < tw * scale):
        return np.empty((0, th * scale, tw * scale, channels), np.uint8)
    if (height, width) == tile:
        return picture[None]
    if sheet:
        grid = picture.reshape(height // th, th, width // tw, tw, channels)
        return grid.swapaxes(1, 2).reshape(-1, th, tw, channels)
    th, tw = th * scale, tw * scale
    # Half of the crops are taken from the picture at half its size, where it is large enough.
    half = np.asarray(Image.fromarray(picture.squeeze()).reduce(2)).reshape(height // 2 + height % 2, -1, channels)
    levels = [picture, half] if min(half.shape[0] - th, half.shape[1] - tw) >= 0 else [picture]
    tiles = []
    for index in range(crops):
        level = levels[index % len(levels)]
        y = random.integers(level.shape[0] - th + 1)
        x = random.integers(level.shape[1] - tw + 1)
        tiles.append(level[y : y + th, x : x + tw])
    return np.stack(tiles)


def load_crops(source: str, tile: tuple[int, int], channels: int, *, crops: int = 16, seed: int = 0) -> np.ndarray:
    """uint8 crops (N, 2H, 2W, C), twice the tile's size, of a folder's pictures; (0, 2H, 2W, C) of other sources."""
    random = np.random.default_rng(seed)
    found = [np.empty((0, 2 * tile[0], 2 * tile[1], channels), np.uint8)]
    found += [cut(read_picture(p, channels), tile, crops, random, scale=2) for p in pictures_in(Path(source))]
    return np.concatenate(found)


def pictures_in(folder: Path) -> list[Path]:
    """All picture files below a folder, sorted; none of what is no folder."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES) if folder.is_dir() else []


def load(source: str, tile: tuple[int, int], channels: int, *, crops: int = 64, seed: int = 0) -> np.ndarray:
    """uint8 tiles (N, H, W, C) of one source: ``keras:mnist``, a file, or a folder (searched through and through)."""
    random = np.random.default_rng(seed)
    if source in KERAS_LOADERS:
        import keras

        try:
            (images, _), _ = getattr(keras.datasets, KERAS_LOADERS[source]).load_data()
        except Exception as error:  # of whatever kind the download fails with
            raise ValueError(f"{source} cannot be loaded: {error}") from error
        return fit(images, tile, channels)
    path = Path(source)
    if path.is_dir():
        files = pictures_in(path)
        if not files:
            raise ValueError(f"{path} holds no pictures")
        return np.concatenate([cut(read_picture(p, channels), tile, crops, random) for p in files])
    if not path.exists():
        raise ValueError(f"{source} does not exist")
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return np.concatenate(
                [fit(arrays[name], tile, channels) for name in arrays.files if arrays[name].ndim >= 3]
            )
    if path.suffix.lower() in PICTURES:
        return cut(read_picture(path, channels), tile, crops, random)
    return fit(read_idx(path), tile, channels)


def fit(images: np.ndarray, tile: tuple[int, int], channels: int) -> np.ndarray:
    """uint8 images (N, H, W) or (N, H, W, C) of just the tile's size as (N, H, W, C)."""
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise ValueError(f"expected uint8 images (N, H, W) or (N, H, W, C), not {images.dtype} {images.shape}")
    images = images.reshape(*images.shape[:3], -1)
    if images.shape[1:] != (*tile, channels):
        raise ValueError(f"images of {images.shape[1:]} do not fit a model of {(*tile, channels)}")
    return images
