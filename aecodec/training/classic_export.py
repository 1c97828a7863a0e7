"""From a classic's Keras networks to a model file: float layers for the encoder, exact integers for the decoder.

The encoder is copied layer by layer. A stage of the decoder becomes one synthesis layer: a 3x3 convolution at the
resolution of its input, which computes all the pixels that an input pixel grows into as so many units, then depth to
space. Its weights are those of the stage, rearranged:

- Convolution after nearest-neighbour upsampling: several taps of the kernel meet the same input pixel, so each output
  phase has the sums of such taps as a kernel of its own.
- Transposed convolution of stride 2: each output phase uses some of the taps.
- Convolution without padding: the same with padding, and a crop.
- Batch normalisation before the activation: folded into weights and bias. After the activation, its factor is folded
  into the weights of the next layer. Its shift cannot become part of the next bias, because the zeros beyond the edge
  are not shifted: the layer gets one more channel, which is constantly one, and the next layer weights that channel
  with the shift.

The integers of a channel have a number of fraction bits of their own, the largest with which the values of training
tiles fit. Elements of the vector are scaled so that a step of one gray level in an element changes the picture by about
one gray level in the Euclidean norm, as it does in models with a transform: a quality then means similar steps in all
models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from aecodec.engines.network import FLOAT32_EXACT
from aecodec.models import analysis_network, safetensors
from aecodec.models.analysis_network import EncoderLayer
from aecodec.models.arrays import exact_layer_arrays
from aecodec.models.description import (
    ACTIVATION_LIMIT,
    CLASS_LIMIT,
    CLASS_OF_ONE,
    CLASSES_PER_OCTAVE,
    COEFFICIENT_BITS,
    COEFFICIENT_LIMIT,
    QUALITIES,
    step_of_quality,
)
from aecodec.training.classics import KERNEL, Autoencoder, Stage

TONE_BITS = 7  # fraction bits of the last layer: 1023 / 128 is white under a sigmoid, to within a tenth of a gray level
WEIGHT_LIMIT = 32767
NUDGE = 0.25  # standard deviations by which an element is moved to measure its effect
HEADROOM = 1.25  # how far values may exceed the largest ones of the sample of tiles
UNUSED_BITS = 6  # fraction bits of a channel that is always zero


@dataclass(frozen=True)
class RealLayer:
    """A synthesis layer in real numbers: weight (k, k, inputs, grow, grow, channels), bias (grow, grow, channels)."""

    weight: np.ndarray
    bias: np.ndarray


def arrays_of(trained: Autoencoder, tiles: np.ndarray) -> tuple[safetensors.Arrays, dict[str, str]]:
    """Return (all arrays but the tables, metadata) of the model file.

    ``tiles``: a sample (N, H, W, C) uint8, from which the ranges of all values are taken.
    """
    classic = trained.classic
    d = classic.description
    seen = tiles.astype(np.float32) / 255.0
    latent = np.asarray(trained.encoder.predict(seen, batch_size=256, verbose=0), np.float64)
    centre, spread = latent.mean(axis=0), np.maximum(latent.std(axis=0), 1e-3)
    gain = gains(trained, latent[:256], spread)
    largest = np.abs((latent - centre) * gain).max(axis=0) * HEADROOM * 2.0**COEFFICIENT_BITS
    exponent = np.clip(np.floor(np.log2(ACTIVATION_LIMIT / np.maximum(largest, 1.0))), -15, 15).astype(int)

    arrays, metadata = _encoder_arrays(trained, centre, gain)
    unit = 2.0**-exponent / (gain * 2.0**COEFFICIENT_BITS)  # what a context value of one stands for
    arrays |= _synthesis_arrays(trained, latent, centre, unit) | _step_arrays(spread * gain)
    arrays["context_exponent"] = exponent.astype(np.int8)
    arrays["cue"] = np.zeros((QUALITIES, 0), np.int16)
    return arrays, metadata | {"description": d.to_json()}


def _synthesis_arrays(
    trained: Autoencoder, latent: np.ndarray, centre: np.ndarray, unit: np.ndarray
) -> safetensors.Arrays:
    """The synthesis layers and the table ``tone``. ``unit``: what one stands for in each element of their input."""
    layers = trained.classic.description.synthesis_layers
    arrays: safetensors.Arrays = {}
    for index, (real, layer, size) in enumerate(
        zip(_real_layers(trained), layers, _sizes(trained, latent), strict=True)
    ):
        weight, bias = real.weight * unit[None, None, :, None, None, None], real.bias
        if index == 0:  # the vector comes without its mean
            bias = bias + np.tensordot(centre, real.weight[0, 0], axes=1)
        last = index == len(layers) - 1
        bits = np.full(layer.channels, TONE_BITS) if last else _bits(size)
        arrays |= _integers(f"synthesis.{index}", layer, weight, bias, bits)
        unit = 2.0 ** -bits.astype(np.float64)
    logits = np.arange(-ACTIVATION_LIMIT, ACTIVATION_LIMIT + 1) * 2.0**-TONE_BITS
    arrays["tone"] = np.floor(255.0 / (1.0 + np.exp(-logits)) + 0.5).astype(np.uint8)
    return arrays


def _step_arrays(deviation: np.ndarray) -> safetensors.Arrays:
    """Steps, offsets and classes of the elements. ``deviation`` (vector,): standard deviations in gray levels."""
    step = np.array([step_of_quality(q) for q in range(1, QUALITIES + 1)])
    rows = np.repeat(np.floor(step * 2.0**COEFFICIENT_BITS + 0.5)[:, None], deviation.size, axis=1)
    offset = np.floor(-CLASSES_PER_OCTAVE * (np.log2(rows) - COEFFICIENT_BITS) + 0.5)
    classes = np.rint(CLASS_OF_ONE + CLASSES_PER_OCTAVE * np.log2(deviation))
    return {
        "step": np.clip(rows, 1, COEFFICIENT_LIMIT).astype(np.int16),
        "offset": np.clip(offset, -CLASS_LIMIT, CLASS_LIMIT).astype(np.int16),
        "vector_class": np.clip(classes, -CLASS_LIMIT, CLASS_LIMIT).astype(np.int16),
    }


def gains(trained: Autoencoder, latent: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Change of the picture, in gray levels in the Euclidean norm, for one unit of each element.

    The root mean square over latents (N, vector), of which ``spread`` (vector,) is the standard deviation.
    """
    found = []
    for index in range(latent.shape[1]):
        nudge = np.zeros(latent.shape[1])
        nudge[index] = NUDGE * spread[index]
        moved = np.concatenate([latent + nudge, latent - nudge]).astype(np.float32)
        up, down = np.split(keras.ops.convert_to_numpy(trained.decoder(moved, training=False)), 2)
        energy = ((255.0 * (up - down).astype(np.float64)) ** 2).reshape(len(latent), -1).sum(axis=1).mean()
        found.append(np.sqrt(energy) / (2 * nudge[index]))
    return np.maximum(np.array(found), 1.0)


def _weights(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    weight, bias = (np.asarray(values, np.float64) for values in layer.get_weights())
    return weight, bias


def _affine(normalisation: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return (factor, shift) of a trained batch normalisation."""
    gamma, beta, mean, variance = (np.asarray(values, np.float64) for values in normalisation.get_weights())
    factor = gamma / np.sqrt(variance + normalisation.epsilon)
    return factor, beta - mean * factor


def _encoder_arrays(
    trained: Autoencoder, centre: np.ndarray, gain: np.ndarray
) -> tuple[safetensors.Arrays, dict[str, str]]:
    layers, arrays = [], {}
    stages: list[Stage | None] = [*trained.classic.encoder, *([None] if trained.classic.latent else [])]
    for index, (stage, (layer, normalisation)) in enumerate(zip(stages, trained.encoder_layers, strict=True)):
        weight, bias = _weights(layer)
        scale, shift = np.ones(bias.size), np.zeros(bias.size)
        if normalisation is not None:
            factor, more = _affine(normalisation)
            if stage is not None and stage.norm == "before":
                weight, bias = weight * factor, bias * factor + more
            else:
                scale, shift = factor, more
        if stage is None:
            layers.append(EncoderLayer("none", dense=True))
            scale, shift = gain, -centre * gain
        else:
            layers.append(EncoderLayer(stage.activation, pool=stage.pool, stride=stage.stride))
        for part, values in zip(analysis_network.PARTS, (weight, bias, scale, shift), strict=True):
            arrays[f"analysis.{index}.{part}"] = values.astype(np.float32)
    if not trained.classic.latent:  # the last grid is the vector: a diagonal matrix centres and scales it
        count = len(layers)
        layers.append(EncoderLayer("none", dense=True))
        last = (np.diag(gain), -centre * gain, np.ones(gain.size), np.zeros(gain.size))
        for part, array in zip(analysis_network.PARTS, last, strict=True):
            arrays[f"analysis.{count}.{part}"] = array.astype(np.float32)
    return arrays, {"analysis": analysis_network.to_json(layers)}


def _real_layers(trained: Autoencoder) -> list[RealLayer]:
    """The synthesis layers, normalisations folded in; the first one makes the grid with which the stages begin."""
    classic = trained.classic
    side, _, channels = classic.code
    made = list(trained.decoder_layers)
    if classic.latent:
        weight, bias = _weights(made.pop(0)[0])
    else:
        weight, bias = np.eye(classic.vector), np.zeros(classic.vector)
    shape = (side, side, channels)
    found = [RealLayer(weight.reshape(1, 1, classic.vector, *shape), bias.reshape(shape))]
    scale, shift = np.ones(channels), np.zeros(channels)
    constant = 0
    for stage, (layer, normalisation) in zip(classic.decoder, made, strict=True):
        weight, bias = _weights(layer)
        phases = _phases(weight, stage)  # (k, k, inputs, grow, grow, units)
        units = bias.size
        full = np.zeros((*phases.shape[:2], phases.shape[2] + constant, *phases.shape[3:5], units + stage.constant))
        full[:, :, : phases.shape[2], ..., :units] = phases * scale[None, None, :, None, None, None]
        if constant:
            full[:, :, -1, ..., :units] = np.einsum("i,yxigho->yxgho", shift, phases)
        biases = np.zeros((stage.grow, stage.grow, units + stage.constant))
        biases[..., :units] = bias
        biases[..., units:] = 1.0
        scale, shift = np.ones(units), np.zeros(units)
        if normalisation is not None:
            factor, more = _affine(normalisation)
            if stage.norm == "before":
                full[..., :units] *= factor
                biases[..., :units] = biases[..., :units] * factor + more
            else:
                scale, shift = factor, more
        constant = stage.constant
        found.append(RealLayer(full, biases))
    return found


def _phases(weight: np.ndarray, stage: Stage) -> np.ndarray:
    """Kernels (3, 3, inputs, grow, grow, units) at the resolution of the input, one for each output phase."""
    if stage.transposed:
        weight = weight.transpose(0, 1, 3, 2)  # Keras has (k, k, units, inputs) here
    inputs, units, grow = weight.shape[2], weight.shape[3], stage.grow
    found = np.zeros((KERNEL, KERNEL, inputs, grow, grow, units))
    for ky in range(KERNEL):
        for kx in range(KERNEL):
            for py in range(grow):
                for px in range(grow):
                    y, x = _tap(ky, py, stage), _tap(kx, px, stage)
                    if y is not None and x is not None:
                        found[y, x, :, py, px] += weight[ky, kx]
    return found


def _tap(k: int, phase: int, stage: Stage) -> int | None:
    """Which of the three neighbours in the input tap ``k`` meets for an output phase; None if it meets none."""
    if stage.transposed and stage.stride > 1:
        # Input i adds to the outputs stride * i + k; Keras crops what goes beyond the end, and nothing at the start.
        distance = phase - k
        return 1 + distance // stage.stride if distance % stage.stride == 0 else None
    if stage.transposed:
        return KERNEL - 1 - k
    return 1 + (phase + k - 1) // stage.upsample


def _sizes(trained: Autoencoder, latent: np.ndarray) -> list[np.ndarray]:
    """The largest magnitude of each channel of each synthesis layer's output, over latents (N, vector)."""
    kinds = keras.layers.Reshape | keras.layers.LeakyReLU | keras.layers.Activation
    taken = [layer.output for layer in trained.decoder.layers if isinstance(layer, kinds)]
    outputs = keras.Model(trained.decoder.inputs, taken).predict(latent.astype(np.float32), batch_size=256, verbose=0)
    constants = [0, *(stage.constant for stage in trained.classic.decoder)]
    found = []
    for values, constant in zip(outputs, constants, strict=True):
        size = np.abs(np.asarray(values, np.float64)).reshape(-1, values.shape[-1]).max(axis=0)
        found.append(np.concatenate([size, np.ones(constant)]))
    return found


def _bits(size: np.ndarray) -> np.ndarray:
    """Fraction bits of channels whose largest magnitude is ``size``."""
    bits = np.floor(np.log2(ACTIVATION_LIMIT / np.maximum(size * HEADROOM, 1e-9)))
    return np.where(size > 0, np.clip(bits, -4, 14), UNUSED_BITS).astype(int)


def _integers(prefix: str, layer: Any, weight: np.ndarray, bias: np.ndarray, bits: np.ndarray) -> safetensors.Arrays:
    """Arrays of a layer whose weights take integers, and whose channels' outputs have ``bits`` fraction bits.

    Weights get as many fraction bits as 16 bits hold, and as float32 can sum exactly: rounded, each is off by up to
    half a unit, and so the sum by up to half the number of weights times the largest input (``slack``).
    """
    rows = weight.reshape(-1, layer.units)
    biases = bias.reshape(-1)
    out = np.tile(bits, layer.grow**2).astype(np.int64)
    sums = np.abs(rows).sum(axis=0) * ACTIVATION_LIMIT + np.abs(biases) + 2.0 ** -(out + 1.0)
    slack = 0.5 * len(rows) * ACTIVATION_LIMIT + 64.0
    finest = np.floor(np.log2((FLOAT32_EXACT - slack) / np.maximum(sums, 1e-12)))
    narrow = np.floor(np.log2(WEIGHT_LIMIT / np.maximum(np.abs(rows).max(axis=0), 1e-12)))
    fine = np.clip(np.minimum(finest, narrow), out, out + 30).astype(np.int64)
    shift = fine - out
    whole = np.floor(biases * 2.0**fine + 0.5).astype(np.int64) + np.where(shift > 0, 1 << np.maximum(shift - 1, 0), 0)
    return exact_layer_arrays(prefix, layer, np.floor(rows * 2.0**fine + 0.5).astype(np.int64), whole, shift)
