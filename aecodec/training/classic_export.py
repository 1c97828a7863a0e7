"""From a classic's Keras networks to a model file: float layers for the encoder, exact integers for the decoder.

Every layer of the decoder becomes a 3x3 convolution at the resolution of its input, whose units are all that its output
has in a place, and a depth to space:

- nearest neighbours, then a convolution: each output phase sees sums of the kernel's taps;
- a transposed convolution of stride 2: each phase sees some of the taps;
- a normalisation before the activation is a factor and a bias of the layer; one after it a factor of the next layer's
  weights, and its shift comes over a channel that holds a one, because it must not reach beyond the edge.

A channel's integers are its values times a power of two, chosen so that those of training tiles fit. An element of the
vector is scaled so that a grey level of it moves the picture by about as much: then the quality's step means here what
it means to every other model.
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

TONE_BITS = 7  # the last layer's outputs: 1023 / 128 is as good as white under a sigmoid
WEIGHT_LIMIT = 32767
NUDGE = 0.25  # of its spread, by which an element is moved to see what it does
HEADROOM = 1.25  # by how much values may exceed those of the tiles that were looked at
NEVER_BITS = 6  # of a channel that is always zero


@dataclass(frozen=True)
class Real:
    """A layer in real numbers: weight (k, k, inputs, grow, grow, channels) and bias (grow, grow, channels)."""

    weight: np.ndarray
    bias: np.ndarray


def arrays_of(trained: Autoencoder, tiles: np.ndarray) -> tuple[safetensors.Arrays, dict[str, str]]:
    """(all arrays but the tables, metadata) of the model file; ``tiles`` (N, H, W, C) uint8 say the sizes of values."""
    classic = trained.classic
    d = classic.description
    seen = tiles.astype(np.float32) / 255.0
    latent = np.asarray(trained.encoder.predict(seen, batch_size=256, verbose=0), np.float64)
    centre, spread = latent.mean(axis=0), np.maximum(latent.std(axis=0), 1e-3)
    gain = gains(trained, latent[:256], spread)
    largest = np.abs((latent - centre) * gain).max(axis=0) * HEADROOM * 2.0**COEFFICIENT_BITS
    exponent = np.clip(np.floor(np.log2(ACTIVATION_LIMIT / np.maximum(largest, 1.0))), -15, 15).astype(int)

    arrays, metadata = _encoder_arrays(trained, centre, gain)
    inputs = 2.0**-exponent / (gain * 2.0**COEFFICIENT_BITS)  # what a context value of one stands for
    sizes = _sizes(trained, latent)
    for index, (real, layer, size) in enumerate(zip(_reals(trained), d.synthesis_layers, sizes, strict=True)):
        if index == 0:
            weight = real.weight * inputs[None, None, :, None, None, None]
            bias = real.bias + np.tensordot(centre, real.weight[0, 0], axes=1)
        else:
            weight, bias = real.weight * inputs[None, None, :, None, None, None], real.bias
        last = index == len(d.synthesis_layers) - 1
        bits = np.full(layer.channels, TONE_BITS) if last else _bits(size)
        arrays |= _integers(f"synthesis.{index}", layer, weight, bias, bits)
        inputs = 2.0 ** -bits.astype(np.float64)
    levels = np.arange(-ACTIVATION_LIMIT, ACTIVATION_LIMIT + 1) * 2.0**-TONE_BITS
    arrays["tone"] = np.floor(255.0 / (1.0 + np.exp(-levels)) + 0.5).astype(np.uint8)

    step = np.array([step_of_quality(q) for q in range(1, QUALITIES + 1)])
    rows = np.repeat(np.floor(step * 2.0**COEFFICIENT_BITS + 0.5)[:, None], classic.vector, axis=1)
    arrays["step"] = np.clip(rows, 1, COEFFICIENT_LIMIT).astype(np.int16)
    offset = np.floor(-CLASSES_PER_OCTAVE * (np.log2(rows) - COEFFICIENT_BITS) + 0.5)
    arrays["offset"] = np.clip(offset, -CLASS_LIMIT, CLASS_LIMIT).astype(np.int16)
    own = CLASS_OF_ONE + CLASSES_PER_OCTAVE * np.log2(spread * gain)
    arrays["vector_class"] = np.clip(np.rint(own), -CLASS_LIMIT, CLASS_LIMIT).astype(np.int16)
    arrays["context_exponent"] = exponent.astype(np.int8)
    arrays["cue"] = np.zeros((QUALITIES, 0), np.int16)
    return arrays, metadata | {"description": d.to_json()}


def gains(trained: Autoencoder, latent: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Grey levels, root of the summed squares over the tile, by which one unit of each element moves the picture."""
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
    """What a batch normalisation multiplies with and adds once it is trained."""
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
    if not trained.classic.latent:  # the last grid is the vector: centred and scaled by a diagonal product
        count = len(layers)
        layers.append(EncoderLayer("none", dense=True))
        last = (np.diag(gain), -centre * gain, np.ones(gain.size), np.zeros(gain.size))
        for part, array in zip(analysis_network.PARTS, last, strict=True):
            arrays[f"analysis.{count}.{part}"] = array.astype(np.float32)
    return arrays, {"analysis": analysis_network.to_json(layers)}


def _reals(trained: Autoencoder) -> list[Real]:
    """The decoder's layers, with normalisations folded in; the first leads to the grid with which the stages begin."""
    classic = trained.classic
    side, _, channels = classic.code
    made = list(trained.decoder_layers)
    if classic.latent:
        weight, bias = _weights(made.pop(0)[0])
    else:
        weight, bias = np.eye(classic.vector), np.zeros(classic.vector)
    shape = (side, side, channels)
    found = [Real(weight.reshape(1, 1, classic.vector, *shape), bias.reshape(shape))]
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
        found.append(Real(full, biases))
    return found


def _phases(weight: np.ndarray, stage: Stage) -> np.ndarray:
    """A layer's kernel as one at the resolution of its input: (3, 3, inputs, grow, grow, units)."""
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
    """Which of three neighbours tap ``k`` of the kernel meets for a phase of the output; None: it does not."""
    if stage.transposed and stage.stride > 1:
        # Output o = stride * i + k, for stride 2 and a kernel of 3 cut off at the end only.
        distance = phase - k
        return 1 + distance // stage.stride if distance % stage.stride == 0 else None
    if stage.transposed:
        return KERNEL - 1 - k
    return 1 + (phase + k - 1) // stage.upsample


def _sizes(trained: Autoencoder, latent: np.ndarray) -> list[np.ndarray]:
    """The largest magnitude of each channel after each layer's activation, over latents (N, vector)."""
    classic = trained.classic
    side = classic.code
    names, taken = [], []
    for index, layer in enumerate(trained.decoder.layers):
        if isinstance(layer, keras.layers.Reshape | keras.layers.LeakyReLU | keras.layers.Activation):
            taken.append(layer.output)
            names.append(index)
    outputs = keras.Model(trained.decoder.inputs, taken).predict(latent.astype(np.float32), batch_size=256, verbose=0)
    found = []
    for number, values in enumerate(outputs if isinstance(outputs, list) else [outputs]):
        size = np.abs(np.asarray(values, np.float64)).reshape(-1, values.shape[-1]).max(axis=0)
        constant = classic.decoder[number - 1].constant if number else 0
        found.append(np.concatenate([size, np.ones(constant)]))
    assert len(found) == len(classic.decoder) + 1 and found[0].size == side[2]
    return found


def _bits(size: np.ndarray) -> np.ndarray:
    """Fraction bits of channels with values up to ``size``."""
    bits = np.floor(np.log2(ACTIVATION_LIMIT / np.maximum(size * HEADROOM, 1e-9)))
    return np.where(size > 0, np.clip(bits, -4, 14), NEVER_BITS).astype(int)


def _integers(prefix: str, layer: Any, weight: np.ndarray, bias: np.ndarray, bits: np.ndarray) -> safetensors.Arrays:
    """A real layer, from integers with what they stand for in its weights, to outputs of ``bits`` fraction bits."""
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
