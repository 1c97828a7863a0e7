"""Augmentation: random changes of training tiles (N, H, W, C) uint8."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from aecodec.encoding.tuning import LUMA

Augmentation = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def none(tiles: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Change nothing."""
    return tiles


def mirror(tiles: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Mirror half of the tiles left to right."""
    flip = random.random(len(tiles)) < 0.5
    tiles = tiles.copy()
    tiles[flip] = tiles[flip, :, ::-1]
    return tiles


def colour(tiles: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Mirror half of the tiles, make one in twelve gray, saturate one in sixteen, and cut off one in sixteen.

    As a result, gray pictures need no bits for colour, flat and tiny ones need few bits, and strong colours are
    expected.
    """
    tiles = mirror(tiles, random)
    for index in np.flatnonzero(random.random(len(tiles)) < 1.0 / 16.0):
        tiles[index] = cut_off(tiles[index], random)
    for index in np.flatnonzero(random.random(len(tiles)) < 1.0 / 16.0):
        tiles[index] = saturate(tiles[index], random)
    gray = random.random(len(tiles)) < 1.0 / 12.0
    luma = tiles[gray].astype(np.float32) @ LUMA
    tiles[gray] = np.rint(luma)[..., None].astype(np.uint8)
    return tiles


def scale(tiles: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Enlarge a third of the tiles up to twice, and halve the resolution of colour in a third; then as ``colour``.

    So smooth pictures, which have more pixels than their lens or film could fill, are as common as sharp ones, and so
    are those whose colours were once stored with fewer pixels, as cameras and photo CDs do.
    """
    tiles = tiles.copy()
    for index in np.flatnonzero(random.random(len(tiles)) < 1.0 / 3.0):
        tiles[index] = coarse_colour(tiles[index])
    for index in np.flatnonzero(random.random(len(tiles)) < 1.0 / 3.0):
        tiles[index] = enlarge(tiles[index], random)
    return colour(tiles, random)


def photograph(tiles: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Transpose a quarter of the crops, enlarge some up to twice, brighten or darken some; then as ``colour``."""
    tiles = tiles.copy()
    side = random.random(len(tiles)) < 0.25
    tiles[side] = tiles[side].swapaxes(1, 2)
    for index in np.flatnonzero(random.random(len(tiles)) < 0.35):
        tiles[index] = enlarge(tiles[index], random)
    for index in np.flatnonzero(random.random(len(tiles)) < 0.25):
        exponent = 2.0 ** random.uniform(-1.0, 1.0)
        tiles[index] = np.rint(255.0 * (np.arange(256) / 255.0) ** exponent).astype(np.uint8)[tiles[index]]
    return colour(tiles, random)


def enlarge(tile: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Enlarge a part of a tile (H, W, C), half its height and width or more, to the whole tile."""
    height, width = tile.shape[:2]
    share = random.uniform(0.5, 1.0)
    h, w = max(1, int(height * share)), max(1, int(width * share))
    y, x = random.integers(height - h + 1), random.integers(width - w + 1)
    part = Image.fromarray(tile[y : y + h, x : x + w].squeeze())
    return np.asarray(part.resize((width, height), Image.Resampling.BICUBIC)).reshape(tile.shape)


def coarse_colour(tile: np.ndarray) -> np.ndarray:
    """Halve the resolution of the two colour differences of a tile (H, W, 3), and interpolate them."""
    luma, *differences = Image.fromarray(tile).convert("YCbCr").split()
    coarse = [part.reduce(2).resize(luma.size, Image.Resampling.BILINEAR) for part in differences]
    return np.asarray(Image.merge("YCbCr", [luma, *coarse]).convert("RGB"))


def saturate(tile: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Permute the channels of a tile (H, W, 3) and enlarge their differences up to four times."""
    samples = tile[..., random.permutation(3)].astype(np.float32)
    mean = samples.mean(axis=2, keepdims=True)
    return np.clip(mean + (samples - mean) * random.uniform(1.0, 4.0), 0, 255).astype(np.uint8)


def cut_off(tile: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Keep a random number of the first rows and columns of a tile (H, W, C); repeat the last one beyond them."""
    limits = np.array(tile.shape[:2])
    height, width = np.maximum(1, limits * random.random(2) ** 2).astype(int)
    if random.random() < 0.5:
        height, width = (height, limits[1]) if random.random() < 0.5 else (limits[0], width)
    elif random.random() < 0.5:
        height = width = 1
    return np.pad(tile[:height, :width], ((0, limits[0] - height), (0, limits[1] - width), (0, 0)), mode="edge")


def shift(tiles: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Move half of the tiles by up to two pixels, with black pixels moving in."""
    out = tiles.copy()
    height, width = tiles.shape[1:3]
    for index in np.flatnonzero(random.random(len(tiles)) < 0.5):
        dy, dx = random.integers(-2, 3, 2)
        moved = np.zeros_like(tiles[index])
        moved[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] = tiles[
            index, max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)
        ]
        out[index] = moved
    return out


def scan(tiles: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Turn one in eight gray tiles, bright ink on black, into the negative of a scan.

    The paper becomes 180 to 255 before the negative is taken, ink 0 to 120; the light falls off to one side, the place
    is not quite the centre, and some have a scanner's noise and the dark frame of a form or of the scanner at an edge.
    """
    tiles = tiles.copy()
    for index in np.flatnonzero(random.random(len(tiles)) < 1.0 / 8.0):
        tiles[index] = _scanned(tiles[index, :, :, 0].astype(np.float64), random)[..., None]
    return tiles


def _scanned(tile: np.ndarray, random: np.random.Generator) -> np.ndarray:
    height, width = tile.shape
    dy, dx = random.integers(-2, 3, 2)
    padded = np.pad(tile, 2)
    tile = padded[2 + dy : 2 + dy + height, 2 + dx : 2 + dx + width] / 255.0
    paper, ink = random.uniform(0.0, 75.0), random.uniform(135.0, 255.0)
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    falling = random.normal(0.0, 8.0, 2)
    out = paper + (ink - paper) * tile + falling[0] * y + falling[1] * x
    if random.random() < 0.25:
        thick, dark = random.integers(1, 3), random.uniform(30.0, 150.0)
        edge = np.rot90(out, int(random.integers(4)))[:thick]
        np.maximum(edge, paper + dark, out=edge)
    if random.random() < 0.5:
        out += random.normal(0.0, random.uniform(0.0, 3.0), out.shape)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def pen(tiles: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Rotate, scale, shear and bend three quarters of gray tiles, change their strokes' width; then as ``scan``."""
    out = tiles.copy()
    for index in np.flatnonzero(random.random(len(tiles)) < 0.75):
        out[index, :, :, 0] = np.asarray(_bend(Image.fromarray(tiles[index, :, :, 0]), random))
    return scan(out, random)


def _bend(image: Image.Image, random: np.random.Generator) -> Image.Image:
    width, height = image.size
    angle = random.normal(0.0, 0.12)
    shear = random.normal(0.0, 0.12)
    scale = np.exp(random.normal(0.0, 0.08, 2))
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.array([[cosine, -sine], [sine, cosine]]) @ np.array([[scale[0], shear], [0.0, scale[1]]])
    centre = np.array([width / 2.0, height / 2.0])
    move = random.normal(0.0, 0.8, 2)
    # Corners of a grid of quadrilaterals, mapped affinely and then jittered: an affine and elastic distortion.
    xs, ys = np.linspace(0, width, 4).astype(int), np.linspace(0, height, 4).astype(int)
    jitter = random.normal(0.0, 0.6, (4, 4, 2))
    corner = {
        (i, j): (matrix @ (np.array([x, y]) - centre) + centre + move + jitter[j, i])
        for i, x in enumerate(xs)
        for j, y in enumerate(ys)
    }
    mesh = [
        (
            (int(xs[i]), int(ys[j]), int(xs[i + 1]), int(ys[j + 1])),
            tuple(np.concatenate([corner[i, j], corner[i, j + 1], corner[i + 1, j + 1], corner[i + 1, j]])),
        )
        for i in range(3)
        for j in range(3)
    ]
    bent = image.transform(image.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)
    choice = random.random()
    if choice < 0.3:
        other = bent.filter(ImageFilter.MaxFilter(3) if choice < 0.15 else ImageFilter.MinFilter(3))
        bent = Image.blend(bent, other, float(random.uniform(0.1, 0.6)))
    # Resampling blurs: steepen the edges again by a random amount.
    contrast = 1.0 + random.uniform(0.0, 0.5)
    table = np.clip((np.arange(256) - 128.0) * contrast + 128.0 + random.normal(0.0, 6.0), 0, 255)
    table = np.where(np.arange(256) == 0, 0, table)
    return bent.point([int(v) for v in table])


AUGMENTATIONS: dict[str, Augmentation] = {
    "none": none,
    "mirror": mirror,
    "colour": colour,
    "photograph": photograph,
    "scale": scale,
    "scan": scan,
    "shift": shift,
    "pen": pen,
}
