"""The remainder as a Keras model: the arithmetic of ``aecodec.models.remainder`` with gradients.

In training, all samples of a picture are known, so passes do not depend on each other. Near-lossless coding, in which
decoded samples differ from the original ones, is simulated by uniform noise up to the largest error.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from aecodec.models.description import (
    ACTIVATION_BITS,
    CLASS_LIMIT,
    CLASS_OF_ONE,
    CLASSES_PER_OCTAVE,
    ERRORS,
    SAMPLE_LIMIT,
    SHARE_BITS,
    SHARE_LIMIT,
    Description,
    pairs,
)
from aecodec.models.remainder import RECONSTRUCTED
from aecodec.models.remainder_samples import KNOWN
from aecodec.packing.tables import CLASSES
from aecodec.training.exact_layers import constant, round_half_up, straight_through
from aecodec.training.ladder_network import (
    CLASS_BITS,
    LOGISTIC_SPREAD,
    logistic_bits,
    network,
    quality_tables,
    regions,
    run,
)

Tensor = Any  # of the backend of Keras

MEAN_BITS = 4  # a mean of 1.0 stands for 16 grey levels, as context does
INITIAL_SPREAD = 6.0  # standard deviation in grey levels


def cues_of_errors(cues: int) -> np.ndarray:
    """Return the values (ERRORS, cues) of the constant planes by largest error: powers of a quarter of its octaves."""
    octaves = np.log2(2.0 * np.arange(ERRORS) + 1.0) / 4.0
    powers = np.stack([octaves**k for k in range(1, cues + 1)], axis=1)
    return np.floor(powers * 2.0**ACTIVATION_BITS + 0.5) / 2.0**ACTIVATION_BITS


def whole(lattice: Any) -> bool:
    """Whether a lattice has all four positions."""
    return len(lattice) == 4


class RemainderNetwork(keras.Model):
    """The networks of a remainder, for reconstructions of every quality.

    ``call`` takes pictures and reconstructions (N, H, W, C) in 0..255, qualities (N,) and largest errors (N,), and
    returns bits (N,).
    """

    def __init__(self, description: Description, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        assert description.remainder is not None
        self.description, self.remainder = description, description.remainder
        r = self.remainder
        _, cues = quality_tables()
        self.cue_table = cues[:, : description.cues].astype(np.float32)
        self.error_cues = cues_of_errors(r.cues).astype(np.float32)
        self.pass_nets = []
        for index, (stage, layers) in enumerate(zip(r.passes, r.pass_layers, strict=True)):
            count = stage.hi - stage.lo
            bits = [MEAN_BITS] * count + [CLASS_BITS] * count + [SHARE_BITS] * pairs(count)
            limits = [SAMPLE_LIMIT] * count + [CLASS_LIMIT] * count + [SHARE_LIMIT] * pairs(count)
            self.pass_nets.append(network(layers, f"remainder{index}", bits, limits))

    def build(self, shape: Any = None) -> None:
        """Create the weights; ``shape`` is not needed, as the description has it."""
        r = self.remainder
        start = CLASSES_PER_OCTAVE * math.log2(INITIAL_SPREAD) + CLASS_OF_ONE
        for index, (stage, net) in enumerate(zip(r.passes, self.pass_nets, strict=True)):
            channels = self.description.cues + r.cues + len(r.order) + r.seen(index)
            for layer in net:
                layer.build((None, None, None, channels))
                channels = layer.units
            count = stage.hi - stage.lo
            bias = [0.0] * count + [start / 2.0**CLASS_BITS] * count + [0.0] * pairs(count)
            net[-1].bias.assign(np.array(bias, np.float32))
        self.built = True

    def call(self, inputs: tuple[Tensor, Tensor, Tensor, Tensor], training: bool = False) -> Tensor:
        """Bits (N,) of the remainders; see the class."""
        d, r = self.description, self.remainder
        pictures, reconstructions, quality, error = inputs
        quality = ops.cast(ops.reshape(quality, (-1,)), "int32")
        error = ops.cast(ops.reshape(error, (-1,)), "int32")
        pictures, reconstructions = ops.cast(pictures, "float32"), ops.cast(reconstructions, "float32")
        step = 2.0 * ops.cast(error, "float32")[:, None, None, None] + 1.0
        noise = keras.random.uniform(ops.shape(pictures), -0.5, 0.5) * step
        noisy = ops.clip(ops.round(pictures + noise), 0.0, 255.0)
        rows, columns = pictures.shape[1] // r.block, pictures.shape[2] // r.block
        order = np.array(r.order)

        def plane(samples: Tensor) -> Tensor:
            return ops.take(regions(samples, r.block, r.block), order, axis=-1)

        target, base, decoded = plane(pictures), plane(reconstructions), plane(noisy)
        cues = ops.concatenate(
            [ops.take(constant(self.cue_table), quality, axis=0), ops.take(constant(self.error_cues), error, axis=0)],
            axis=-1,
        )
        cues = ops.broadcast_to(cues[:, None, None, :], (ops.shape(pictures)[0], rows, columns, d.cues + r.cues))
        unit = 2.0**ACTIVATION_BITS
        given = ops.concatenate([cues, (base - 127.5) * (RECONSTRUCTED / unit)], axis=-1)
        known = (decoded - base) * (KNOWN / unit)
        y, x = np.mgrid[0:rows, 0:columns]
        bits = ops.zeros((ops.shape(pictures)[0],))
        places = np.zeros((rows, columns), np.float32)  # decoded in earlier passes of the group
        for index, (stage, net) in enumerate(zip(r.passes, self.pass_nets, strict=True)):
            lo, hi, count = stage.lo, stage.hi, stage.hi - stage.lo
            context = [given, known[..., :lo]]
            if r.seen(index) == hi:
                context.append(known[..., lo:hi] * constant(places[None, :, :, None]))
            else:
                places[:] = 0.0
            for py, px in stage.lattice:
                places[(y % 2 == py) & (x % 2 == px)] = 1.0
            every = None if whole(stage.lattice) else stage.lattice[0]
            output = run(net, r.pass_layers[index], ops.concatenate(context, axis=-1), every)
            if every is None:
                here = slice(None), slice(None), slice(None)
            else:
                here = slice(None), slice(every[0], None, 2), slice(every[1], None, 2)
            bits = bits + self._bits(
                output, count, base[*here, lo:hi], target[*here, lo:hi], decoded[*here, lo:hi], step
            )
        return bits

    @staticmethod
    def _bits(output: Tensor, count: int, base: Tensor, target: Tensor, decoded: Tensor, step: Tensor) -> Tensor:
        """Bits (N,) of the samples of a pass."""
        scale = output[..., count : 2 * count] * 2.0**CLASS_BITS - CLASSES_PER_OCTAVE * ops.log2(step)
        scale = straight_through(scale, ops.clip(round_half_up(scale), 0.0, CLASSES - 1.0))
        log_scale = (scale - CLASS_OF_ONE) * (math.log(2.0) / CLASSES_PER_OCTAVE) - math.log(LOGISTIC_SPREAD)
        total, pair = 0.0, 2 * count
        off: list[Tensor] = []
        for channel in range(count):
            mean = base[..., channel] + output[..., channel] * float(2**MEAN_BITS)
            if channel:
                shared = 0.0
                for other in range(channel):
                    shared = shared + off[other] * output[..., pair]
                    pair += 1
                mean = mean + straight_through(shared, round_half_up(shared))
            mean = straight_through(mean, ops.clip(mean, 0.0, 255.0))
            off.append(decoded[..., channel] - mean)
            wide = step[..., 0]
            real = (target[..., channel] - mean) / wide
            rounded = round_half_up(ops.stop_gradient(real))
            # Beyond the room on the narrower side, the code numbers the values of the wider side consecutively.
            half = (wide - 1.0) / 2.0
            room = ops.floor((ops.minimum(mean, 255.0 - mean) + half) / wide)
            size = ops.abs(rounded)
            folded = ops.ceil((room + size) / 2.0) * ops.sign(rounded)
            coded = ops.where(size <= room, straight_through(real, rounded), ops.stop_gradient(folded))
            total = total + ops.sum(logistic_bits(coded, log_scale[..., channel]), axis=(1, 2))
        return total
