"""Classics: well-known introductory autoencoders, trained in floats as their authors do it.

A classic is data: the stages of its encoder and decoder, from which both the Keras networks here and the exact layers
of ``aecodec.training.classic_export`` are made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from aecodec.models.description import LEAKS, Description, SynthesisLayer

Tensor = Any  # of the backend of Keras
KERNEL = 3
DENSE_LATENT = "--latent is for presets with a dense latent: vector16 and cifar-dense"


@dataclass(frozen=True)
class Stage:
    """A 3x3 convolution and the layers around it, in this order.

    ``upsample``: factor of nearest-neighbour upsampling before it. ``stride``: of the convolution, a factor of
    upsampling if it is ``transposed``. ``crop``: pixels removed from each side, by 1 a convolution without padding.
    ``norm``: batch normalisation "before" or "after" the activation, or "" for none. ``pool``: maximum of each 2x2.
    """

    units: int
    activation: str = "relu"
    upsample: int = 1
    stride: int = 1
    transposed: bool = False
    crop: int = 0
    norm: str = ""
    pool: bool = False

    @property
    def grow(self) -> int:
        """Factor by which the stage enlarges height and width."""
        return self.upsample * (self.stride if self.transposed else 1)

    @property
    def constant(self) -> int:
        """Channels that hold a constant one, from which the next layer gets the shift of a normalisation."""
        return 1 if self.norm == "after" else 0


@dataclass(frozen=True)
class Classic:
    """An autoencoder for tiles of one size, and how it is trained.

    ``code``: (height, width, channels) of the grid with which the decoder begins. ``latent``: elements of a dense
    latent, or 0 if the encoder's last grid is the latent itself. ``loss``: a name of Keras. ``batch``: tiles.
    """

    tile: tuple[int, int]
    channels: int
    purpose: str
    encoder: tuple[Stage, ...]
    latent: int
    code: tuple[int, int, int]
    decoder: tuple[Stage, ...]
    loss: str
    epochs: int
    batch: int
    block: int = 4

    @property
    def vector(self) -> int:
        """Elements of the latent."""
        return self.latent or int(np.prod(self.code))

    def with_latent(self, latent: int | None) -> Classic:
        """Return the classic with another number of elements in its dense latent; ``None`` changes nothing.

        Raises ``ValueError`` if its latent is not dense.
        """
        if latent is None:
            return self
        if not self.latent:
            raise ValueError(DENSE_LATENT)
        return replace(self, latent=latent)

    @property
    def description(self) -> Description:
        """The shape of the model file."""
        side, _, channels = self.code
        layers = [SynthesisLayer(1, side * side * channels, grow=side)]
        for stage in self.decoder:
            layers.append(
                SynthesisLayer(
                    KERNEL,
                    (stage.units + stage.constant) * stage.grow**2,
                    "none" if stage.activation == "sigmoid" else stage.activation,
                    grow=stage.grow,
                    crop=stage.crop,
                )
            )
        return Description.without_plane(
            tile=self.tile,
            channels=self.channels,
            block=self.block,
            vector=self.vector,
            synthesis_layers=tuple(layers),
        )


@dataclass(frozen=True)
class Autoencoder:
    """Encoder and decoder as Keras models, and the layers (convolution, normalisation or None) of each stage."""

    classic: Classic
    encoder: keras.Model
    decoder: keras.Model
    encoder_layers: list[tuple[Any, Any]]
    decoder_layers: list[tuple[Any, Any]]

    @property
    def parameters(self) -> int:
        """Weights of both networks."""
        return int(self.encoder.count_params() + self.decoder.count_params())

    def joined(self) -> keras.Model:
        """Return the model from tiles (N, H, W, C) in 0..1 to their reconstructions."""
        return keras.Sequential([self.encoder, self.decoder])


def build(classic: Classic) -> Autoencoder:
    """Build the networks with random weights."""
    x = inputs = keras.Input((*classic.tile, classic.channels))
    encoder_layers = []
    for stage in classic.encoder:
        x, layers = _stage(x, stage)
        encoder_layers.append(layers)
    if classic.latent:
        dense = keras.layers.Dense(classic.latent)
        encoder_layers.append((dense, None))
        x = dense(keras.layers.Flatten()(x))
    else:
        x = keras.layers.Flatten()(x)
    encoder = keras.Model(inputs, x, name="encoder")

    x = inputs = keras.Input((classic.vector,))
    decoder_layers: list[tuple[Any, Any]] = []
    if classic.latent:
        dense = keras.layers.Dense(int(np.prod(classic.code)))
        decoder_layers.append((dense, None))
        x = dense(x)
    x = keras.layers.Reshape(classic.code)(x)
    for stage in classic.decoder:
        x, layers = _stage(x, stage)
        decoder_layers.append(layers)
    return Autoencoder(classic, encoder, keras.Model(inputs, x, name="decoder"), encoder_layers, decoder_layers)


def _stage(x: Tensor, stage: Stage) -> tuple[Tensor, tuple[Any, Any]]:
    if stage.upsample > 1:
        x = keras.layers.UpSampling2D(stage.upsample)(x)
    kind = keras.layers.Conv2DTranspose if stage.transposed else keras.layers.Conv2D
    convolution = kind(stage.units, KERNEL, strides=stage.stride, padding="same")
    x = convolution(x)
    if stage.crop:
        x = keras.layers.Cropping2D(stage.crop)(x)
    normalisation: Any = keras.layers.BatchNormalization() if stage.norm else None
    if stage.norm == "before":
        x = normalisation(x)
    if stage.activation in LEAKS:
        x = keras.layers.LeakyReLU(negative_slope=1 / LEAKS[stage.activation])(x)
    elif stage.activation != "none":
        x = keras.layers.Activation(stage.activation)(x)
    if stage.norm == "after":
        x = normalisation(x)
    if stage.pool:
        x = keras.layers.MaxPooling2D(padding="same")(x)
    return x, (convolution, normalisation)


_NORMAL: dict[str, Any] = {"activation": "leaky5", "norm": "after"}
_BLOCK: dict[str, Any] = {"norm": "before"}

CLASSICS = {
    "keras-blog": Classic(
        tile=(28, 28),
        channels=1,
        purpose="digits or letters, 28x28 gray: a convolutional autoencoder with a code of 4x4",
        encoder=(Stage(64, pool=True), Stage(28, pool=True), Stage(16, pool=True), Stage(1, "sigmoid")),
        latent=0,
        code=(4, 4, 1),
        decoder=(
            Stage(16),
            Stage(28, upsample=2),
            Stage(64, upsample=2, crop=1),
            Stage(1, "sigmoid", upsample=2),
        ),
        loss="binary_crossentropy",
        epochs=20,
        batch=32,
    ),
    "vector16": Classic(
        tile=(28, 28),
        channels=1,
        purpose="digits, 28x28 gray: an autoencoder with a latent of 16 numbers",
        encoder=(Stage(32, stride=2, **_NORMAL), Stage(64, stride=2, **_NORMAL)),
        latent=16,
        code=(7, 7, 64),
        decoder=(
            Stage(64, stride=2, transposed=True, **_NORMAL),
            Stage(32, stride=2, transposed=True, **_NORMAL),
            Stage(1, "sigmoid", transposed=True),
        ),
        loss="mse",
        epochs=25,
        batch=32,
    ),
    "cifar-dense": Classic(
        tile=(32, 32),
        channels=3,
        purpose="small colour pictures, 32x32: an autoencoder with a latent of 128 numbers",
        encoder=(Stage(32, pool=True, **_BLOCK), Stage(64, pool=True, **_BLOCK), Stage(64, pool=True, **_BLOCK)),
        latent=128,
        code=(4, 4, 64),
        decoder=(
            Stage(64, upsample=2, **_BLOCK),
            Stage(64, upsample=2, **_BLOCK),
            Stage(32, upsample=2, **_BLOCK),
            Stage(3, "sigmoid"),
        ),
        loss="mse",
        epochs=20,
        batch=128,
    ),
}


def classic_of(description: Description) -> Classic:
    """Return the classic whose model files have that description. Raises ``ValueError`` if there is none."""
    for classic in CLASSICS.values():
        found = classic.with_latent(description.vector) if classic.latent else classic
        if found.description == description:
            return found
    raise ValueError("no classic has the shape of this model")
