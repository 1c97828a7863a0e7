"""The finishing network as a Keras model: the arithmetic of ``aecodec.models.finishing`` with gradients."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from aecodec.engines.arithmetic import FINE_MIDDLE
from aecodec.models.description import ACTIVATION_BITS, SAMPLE_BITS, Description
from aecodec.models.model import Model
from aecodec.training.exact_layers import constant, round_half_up, straight_through
from aecodec.training.initialization import continue_from
from aecodec.training.ladder_network import network, quality_tables, run

Tensor = Any  # of the backend of Keras

PLACE_SPREAD = 0.5  # standard deviation of the planes of places at first


class FinishNetwork(keras.Model):
    """The finishing network of a description.

    ``call`` takes samples (N, H, W, C) in 0..1023, those of the inverse transform with SAMPLE_BITS fraction bits, and
    qualities (N,); it returns the finished samples (N, H, W, C) in 0..255.
    """

    def __init__(self, description: Description, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        assert description.finish is not None
        self.description, self.finish = description, description.finish
        self.side = description.block // self.finish.cell  # cells of a block, in both directions
        self.own = self.finish.cell**2 * description.channels
        _, cues = quality_tables()
        self.cue_table = cues[:, : description.cues].astype(np.float32)
        limits = [ACTIVATION_BITS] * self.own
        self.net = network(self.finish.layers, "finish", limits, [(1 << 10) - 1] * self.own)

    def build(self, shape: Any = None) -> None:
        """Create the weights; ``shape`` is not needed, as the description has it."""
        start = keras.initializers.RandomNormal(stddev=PLACE_SPREAD, seed=keras.random.SeedGenerator(self.side))
        self.place = self.add_weight(shape=(self.side**2, self.finish.places), initializer=start, name="place")
        channels = self.own + self.finish.places + self.description.cues
        for layer in self.net:
            layer.build((None, None, None, channels))
            channels = layer.units
        self.built = True

    def start_from(self, model: Model) -> None:
        """Copy the finishing network of a model, rounded as it is. Raises ``ValueError`` for one of another shape."""
        old, new = model.description, self.description
        same = all(getattr(old, key) == getattr(new, key) for key in ("finish", "block", "channels", "cues"))
        if not same:
            raise ValueError(f"{model.name} has no finishing network of the shape to be trained")
        continue_from(self.net, model, "finish", self.finish.layers)
        self.place.assign(model.arrays["finish.place"].astype(np.float32) / 2.0**ACTIVATION_BITS)

    def call(self, inputs: tuple[Tensor, ...], training: bool = False) -> Tensor:
        """Finish samples; see the class."""
        samples, quality = ops.cast(inputs[0], "float32"), ops.cast(ops.reshape(inputs[1], (-1,)), "int32")
        count = ops.shape(samples)[0]
        height, width, channels = samples.shape[1:]
        cell, side = self.finish.cell, self.side
        rows, columns = height // cell, width // cell
        cells = ops.reshape(samples, (-1, rows, cell, columns, cell, channels))
        cells = ops.reshape(ops.transpose(cells, (0, 1, 3, 2, 4, 5)), (-1, rows, columns, self.own))
        fine = 2.0**ACTIVATION_BITS
        place = straight_through(self.place, round_half_up(self.place * fine) / fine)
        place = ops.tile(ops.reshape(place, (1, side, side, -1)), (1, rows // side, columns // side, 1))
        cues = ops.take(constant(self.cue_table), quality, axis=0)[:, None, None, :]
        planes = (
            (cells - float(FINE_MIDDLE)) / fine,
            ops.broadcast_to(place, (count, rows, columns, self.finish.places)),
            ops.broadcast_to(cues, (count, rows, columns, self.description.cues)),
        )
        added = run(self.net, self.finish.layers, ops.concatenate(planes, axis=-1)) * fine
        pixels = (cells + added) / 2.0**SAMPLE_BITS
        pixels = straight_through(pixels - 0.5, ops.floor(pixels))  # samples are half a gray level up, to be cut off
        pixels = straight_through(pixels, ops.clip(pixels, 0.0, 255.0))
        pixels = ops.reshape(pixels, (-1, rows, columns, cell, cell, channels))
        return ops.reshape(ops.transpose(pixels, (0, 1, 3, 2, 4, 5)), (-1, height, width, channels))
