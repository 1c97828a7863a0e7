"""Trains the model of placeholders: `python -m aecodec.training.placeholder PHOTOGRAPHS... -o FILE`.

PHOTOGRAPHS: folders, whose pictures are reduced as wholes and in crops of many shapes, or sheets of tiles of 32x32. The
same data and seed give the same samples. One photograph in twelve is held out and measured at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
from keras import ops
from PIL import Image

from aecodec.placeholders.coefficients import ORDERS, analyse, synthesize
from aecodec.placeholders.decoder import read_coefficients
from aecodec.placeholders.encoder import encode_picture
from aecodec.placeholders.intervals import TOTAL
from aecodec.placeholders.layout import ASPECTS, FRACTION_BITS, LONG_SIDE, STEPS, aspect_of, size_of
from aecodec.placeholders.model import CLASSES, COEFFICIENTS, ESCAPE, HIDDEN, SMALLEST_CLASS, Model, features
from aecodec.sources.readers import Picture, is_sheet, picture_files, read_picture_as, sheet_tiles

Array = np.ndarray[Any, Any]

CROPS = 40  # of each photograph
HELD_OUT = 12  # one photograph in so many is held out
TILES_OF_SHEETS = 0.25  # of the samples
RATIOS = (1.0, 4 / 3, 3 / 2, 16 / 9)
BATCH = 128
DEAD_ZONES = (
    0.1,
    0.5,
)  # how much the threshold of rounding is above one half: at random, as the search has no fixed one
FILTERS = (Image.Resampling.LANCZOS, Image.Resampling.BOX, Image.Resampling.BICUBIC)
UNIT = 1 << FRACTION_BITS
WEIGHT_UNIT = 64  # integers per one of a weight


@dataclass(frozen=True)
class Samples:
    """Coefficients (N, 3, ORDERS, ORDERS) in gray levels, and aspects (N,)."""

    coefficients: Array
    aspects: Array


def reduced(picture: Picture, resampling: Image.Resampling) -> Picture:
    """A picture (H, W, 3) with 32 pixels on its long side."""
    height, width = size_of(aspect_of(*picture.shape[:2]))
    return np.asarray(Image.fromarray(picture).resize((width, height), resampling))


def crop(picture: Picture, random: np.random.Generator) -> Picture:
    """A part of a picture with a common or a random aspect ratio, at least 35 % of its longer side."""
    height, width = picture.shape[:2]
    ratio = random.choice([*RATIOS, np.exp(random.uniform(0, 1.2))]) ** random.choice([1, 1, -1])
    wide = random.uniform(0.35, 1) * max(height, width)
    scale = min(1.0, width / wide, height * ratio / wide)
    w, h = (int(max(LONG_SIDE, scale * side)) for side in (wide, wide / ratio))
    w, h = min(w, width), min(h, height)
    x, y = random.integers(width - w + 1), random.integers(height - h + 1)
    return picture[y : y + h, x : x + w]


def samples_of(pictures: list[Picture]) -> Samples:
    """Analyse pictures of at most 32 pixels a side."""
    found = np.stack([analyse(picture) for picture in pictures]) / UNIT
    return Samples(found.astype(np.float32), np.array([aspect_of(*picture.shape[:2]) for picture in pictures]))


def gather(sources: list[str], seed: int) -> tuple[Samples, Samples, list[Picture]]:
    """Samples of photographs and of tiles for training, and held-out photographs, reduced."""
    random = np.random.default_rng(seed)
    photographs: list[Picture] = []
    tiles: list[Picture] = []
    held_out: list[Picture] = []
    for source in sources:
        for path in picture_files(Path(source)) or [Path(source)]:
            picture = read_picture_as(path, 3)
            if is_sheet(picture, (LONG_SIDE, LONG_SIDE)):
                tiles += list(sheet_tiles(picture, (LONG_SIDE, LONG_SIDE))[::2])
            elif random.integers(HELD_OUT) == 0:
                held_out.append(reduced(picture, Image.Resampling.LANCZOS))
            else:
                parts = [picture, *(crop(picture, random) for _ in range(CROPS))]
                photographs += [reduced(part, FILTERS[random.integers(len(FILTERS))]) for part in parts]
    if not photographs or not held_out:
        raise click.UsageError("these are too few photographs to hold out some of them")
    return samples_of(photographs), samples_of(tiles or photographs[:1]), held_out


def rounded(weights: Any) -> Any:
    """Weights as their integers have them; gradients pass."""
    nearest = ops.clip(ops.round(weights * WEIGHT_UNIT), -127, 127) / WEIGHT_UNIT
    return weights + ops.stop_gradient(nearest - weights)


def code_length(residual: Any, width: Any) -> Any:
    """Bits of a residual under a logistic distribution of that width, both in steps."""
    magnitude = ops.absolute(residual)
    share = ops.sigmoid((0.5 - magnitude) / width) - ops.sigmoid((-0.5 - magnitude) / width)
    return -ops.log2(share + 1 / TOTAL / 2)


class Estimator(keras.Model):
    """The predictions of `model.Walk` in floating point, and the code length of a sample under them."""

    def __init__(self, deviation: Array) -> None:
        super().__init__()
        self.deviation = ops.convert_to_tensor(deviation.astype(np.float32))
        random = keras.initializers.RandomNormal
        shape = (COEFFICIENTS, HIDDEN)
        self.start = self.add_weight((5, HIDDEN), random(stddev=0.3), name="start")
        self.signed = self.add_weight(shape, random(stddev=0.15), name="signed")
        self.absolute = self.add_weight(shape, random(stddev=0.15), name="absolute")
        self.mean = self.add_weight(shape, "zeros", name="mean")
        self.scale = self.add_weight(shape, random(stddev=0.02), name="scale")
        self.scale_start = self.add_weight((COEFFICIENTS,), keras.initializers.Constant(-1.3), name="scale_start")
        self.scale_aspect = self.add_weight((COEFFICIENTS, 4), "zeros", name="scale_aspect")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Bits (N,) of coefficients (N, COEFFICIENTS) with features (N, 4), steps and dead zones (N,)."""
        values, shapes, step, dead_zone = inputs
        ones = ops.ones_like(shapes[:, :1])
        sums = ops.matmul(ops.concatenate([ones, shapes], axis=1), self.start)

        def next_one(carry: Any, x: Any) -> Any:
            sums, bits = carry
            value, deviation, signed, absolute, mean, scale, start, aspect = x
            hidden = ops.clip(sums, 0.0, 255 / 64)
            predicted = deviation * ops.matmul(hidden, mean)
            log_scale = ops.log2(deviation) + start + ops.matmul(hidden, scale) + ops.matmul(shapes, aspect)
            distance = (value - predicted) / step
            residual = ops.sign(distance) * ops.floor(ops.absolute(distance) + 0.5 - dead_zone)
            residual = ops.stop_gradient(residual)
            width = ops.exp2(ops.clip(log_scale - ops.log2(step), -4.0, 4.0))
            # Rounding has no gradient: the mean learns from the code length at the distance that was rounded.
            smooth = code_length(distance, ops.stop_gradient(width))
            bits = bits + code_length(residual, width) + smooth - ops.stop_gradient(smooth)
            scaled = ops.clip((predicted + residual * step) / deviation, -255 / 64, 255 / 64)[:, None]
            return (sums + scaled * signed + ops.absolute(scaled) * absolute, bits), None

        rows = (
            ops.transpose(values),
            self.deviation,
            *(rounded(part) for part in (self.signed, self.absolute, self.mean, self.scale)),
            ops.convert_to_tensor(self.scale_start),
            rounded(self.scale_aspect),
        )
        (_, bits), _ = ops.scan(next_one, (sums, ops.zeros_like(step)), rows)
        return bits

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Mean bits."""
        return ops.mean(y_pred)


class Batches(keras.utils.PyDataset):
    """Samples of both kinds, mirrored at random, with steps of half the smallest to twice the largest."""

    def __init__(self, groups: tuple[Samples, Samples], place: Array, steps: int, seed: int) -> None:
        super().__init__()
        self.groups, self.place, self.steps, self.seed = groups, place, steps, seed
        self.features = np.stack([features(aspect) for aspect in range(ASPECTS)]).astype(np.float32) / WEIGHT_UNIT

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[Any, Array]:
        random = np.random.default_rng((self.seed, index))
        counts = (round(BATCH * (1 - TILES_OF_SHEETS)), round(BATCH * TILES_OF_SHEETS))
        values, aspects = [], []
        channel, row, column = self.place.T
        for group, count in zip(self.groups, counts, strict=True):
            chosen = random.integers(len(group.aspects), size=count)
            values.append(group.coefficients[chosen][:, channel, row, column])
            aspects.append(group.aspects[chosen])
        found = np.concatenate(values)
        for orders, share in ((column, 0.5), (row, 0.1)):
            found *= np.where((random.random(BATCH) < share)[:, None], 1 - 2 * (orders % 2), 1)
        step = np.geomspace(STEPS[0] / 1.2, STEPS[-1] * 1.2, 1000)[random.integers(1000, size=BATCH)] / UNIT
        shapes = self.features[np.concatenate(aspects)]
        dead_zone = random.uniform(*DEAD_ZONES, size=BATCH)
        inputs = (found, shapes, step, dead_zone)
        return tuple(part.astype(np.float32) for part in inputs), np.zeros(BATCH, np.float32)


def order(samples: Samples) -> tuple[Array, Array]:
    """Places (COEFFICIENTS, 3), the means of the colours first and then by energy, and deviations in gray levels."""
    deviation = np.sqrt((samples.coefficients.astype(np.float64) ** 2).mean(axis=0))
    ranked = np.argsort(-(deviation + 1e9 * (np.arange(ORDERS**2) == 0).reshape(ORDERS, ORDERS)).ravel())
    chosen = ranked[:COEFFICIENTS]
    return np.stack(np.unravel_index(chosen, deviation.shape), axis=1), deviation.ravel()[chosen]


def logistic_frequencies() -> Array:
    """(CLASSES, ESCAPE + 1) frequencies of the magnitudes of a discretized logistic distribution."""
    width = 2.0 ** ((np.arange(CLASSES) + 0.5 + SMALLEST_CLASS) / 4)[:, None]
    edges = np.maximum(np.arange(ESCAPE + 2) - 0.5, 0)
    tails = 2 / (1 + np.exp(np.minimum(edges / width, 700)))
    tails[:, 0], tails[:, -1] = 1, 0
    return frequencies(-np.diff(tails, axis=1))


def frequencies(shares: Array) -> Array:
    """Integers of at least 1 that sum up to 4096 in each row, near the shares."""
    found = np.maximum(1, np.floor(shares / shares.sum(axis=1, keepdims=True) * TOTAL)).astype(np.int64)
    found[np.arange(len(found)), found.argmax(axis=1)] += TOTAL - found.sum(axis=1)
    return found


def integers(network: Estimator, place: Array, deviation: Array) -> Model:
    """The model file's arrays of a trained network, with the tables of logistic distributions."""

    def weights(variable: Any) -> Array:
        return np.clip(np.rint(ops.convert_to_numpy(variable) * WEIGHT_UNIT), -127, 127).astype(np.int64)

    shapes = np.stack([features(aspect) for aspect in range(ASPECTS)]) / WEIGHT_UNIT
    start = np.concatenate([np.ones((ASPECTS, 1)), shapes], axis=1) @ ops.convert_to_numpy(network.start)
    scale_start = ops.convert_to_numpy(network.scale_start) + np.log2(deviation)
    return Model(
        {
            "place": place.astype(np.int64),
            "deviation": np.rint(deviation * UNIT).astype(np.int64),
            "start": np.rint(start * WEIGHT_UNIT**2).astype(np.int64),
            **{name: weights(getattr(network, name)) for name in ("signed", "absolute", "mean", "scale")},
            "scale_start": np.rint(scale_start * WEIGHT_UNIT**2).astype(np.int64),
            "scale_aspect": weights(network.scale_aspect),
            "frequencies": logistic_frequencies(),
        }
    )


def figures(model: Model, pictures: list[Picture]) -> str:
    """PSNR in dB, the mean over pictures, at a few sizes."""
    found = []
    for size in (8, 16, 24, 32):
        errors = []
        for picture in pictures:
            data = encode_picture(picture, aspect_of(*picture.shape[:2]), size, model)
            decoded = synthesize(read_coefficients(data, model), *picture.shape[:2])
            errors.append(float(np.mean((decoded.astype(np.float64) - picture) ** 2)))
        found.append(f"{size} bytes {np.mean(10 * np.log10(255**2 / np.array(errors))):.2f} dB")
    return ", ".join(found)


@click.command()
@click.argument("data", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--steps", default=3500, show_default=True, help="Batches.")
@click.option("--seed", default=0, show_default=True)
def command(data: tuple[str, ...], output: Path, steps: int, seed: int) -> None:
    """Train the model of placeholders on DATA, folders of photographs and sheets of tiles of 32x32."""
    photographs, tiles, held_out = gather(list(data), seed)
    keras.utils.set_random_seed(seed)
    place, deviation = order(photographs)
    network = Estimator(deviation)
    rates = keras.optimizers.schedules.CosineDecay(1e-4, steps, 0.005, warmup_target=2e-3, warmup_steps=steps // 20)
    optimizer = keras.optimizers.Adam(rates, beta_2=0.99, global_clipnorm=1.0)
    network.compile(optimizer=optimizer, jit_compile=keras.backend.backend() == "jax")  # TensorFlow's XLA cannot scan
    network.fit(Batches((photographs, tiles), place, steps, seed), epochs=1, verbose=2, shuffle=False)
    model = integers(network, place, deviation)
    click.echo(f"{len(held_out)} photographs held out: {figures(model, held_out)}")
    output.write_bytes(model.dump())


if __name__ == "__main__":
    command()
