"""Export of a trained ladder to a model file: the same numbers as integers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from aecodec.encoding.residual_search import choose
from aecodec.engines import engine
from aecodec.models import model as models
from aecodec.models import safetensors
from aecodec.models.arrays import exact_layer_arrays
from aecodec.models.description import (
    ACTIVATION_BITS,
    CLASS_LIMIT,
    CLASSES_PER_OCTAVE,
    COEFFICIENT_BITS,
    QUALITIES,
)
from aecodec.models.model import SHARES, Model
from aecodec.packing.tables import parametric
from aecodec.training import table_fitting
from aecodec.training.exact_layers import ExactConvolution, numpy
from aecodec.training.ladder_network import SKIPPED_CLASSES, LadderNetwork

SYNTHESIS_BITS = 16  # fraction bits of the inverse transform's weights


def half_up(values: Any) -> np.ndarray:
    """Round to the nearest int64, halves upwards."""
    return np.floor(np.asarray(values, np.float64) + 0.5).astype(np.int64)


def layer_arrays(prefix: str, layer: ExactConvolution, spec: Any) -> safetensors.Arrays:
    """Integers of one layer: real weights times 2**bits; the bias includes the half that rounds."""
    bits = numpy(layer.weight_bits()).astype(np.int64)
    kernel = numpy(layer.kernel)
    bias = numpy(layer.bias)
    shift = ACTIVATION_BITS + bits - np.asarray(layer.output_bits)
    if shift.min() < 0:
        # An output finer than its sum: the sum gets more bits than the bound of float32 leaves.
        bits = bits + np.maximum(0, -shift)
        shift = np.maximum(shift, 0)
    weight = half_up(kernel * 2.0**bits)
    whole = half_up(bias * 2.0 ** (bits + ACTIVATION_BITS))
    whole += np.where(shift > 0, 1 << np.maximum(shift - 1, 0), 0)
    return exact_layer_arrays(prefix, spec, weight, whole, shift)


def networks_of(trained: LadderNetwork) -> list[tuple[str, Any, Any]]:
    """Return name of the arrays, Keras layers and described layers of every network."""
    d = trained.description
    nets = [
        ("vector", trained.vector_net, d.vector_layers),
        ("correction", trained.correction_net, d.correction_layers),
    ]
    for index in range(len(d.passes)):
        nets.append((f"pass{index}", trained.pass_nets[index], d.pass_layers[index]))
        nets.append((f"update{index}", trained.update_nets[index], d.update_layers[index]))
    return nets


def arrays_of(trained: LadderNetwork) -> safetensors.Arrays:
    """All arrays of the model file except the tables."""
    d, s = trained.description, trained.statistics
    arrays: safetensors.Arrays = {}
    for name, net, specs in networks_of(trained):
        for index, (layer, spec) in enumerate(zip(net, specs, strict=True)):
            arrays |= layer_arrays(f"{name}.{index}", layer, spec)

    synthesis, mean = s.block_synthesis, s.synthesis_mean
    shift = SYNTHESIS_BITS + COEFFICIENT_BITS
    arrays["synthesis.weight"] = half_up(synthesis * 2.0**SYNTHESIS_BITS).astype(np.int32)
    arrays["synthesis.bias"] = (half_up(mean * 2.0**shift) + (1 << (shift - 1))).astype(np.int32)
    arrays["synthesis.shift"] = np.full(d.coefficients, shift, np.uint8)

    qualities = np.arange(1, QUALITIES + 1)
    step = trained.step_table[qualities]
    arrays["step"] = step.astype(np.int16)
    offset = half_up(-CLASSES_PER_OCTAVE * (np.log2(step) - COEFFICIENT_BITS))
    arrays["offset"] = np.clip(offset, -CLASS_LIMIT, CLASS_LIMIT).astype(np.int16)
    arrays["vector_class"] = half_up(numpy(trained.vector_class) if d.vector else np.zeros(0)).astype(np.int16)
    # An element counts quarters of a gray level, a context value 64ths of its own unit.
    arrays["context_exponent"] = (s.context_bits + ACTIVATION_BITS - COEFFICIENT_BITS).astype(np.int8)
    arrays["cue"] = half_up(trained.cue_table[qualities] * 2.0**ACTIVATION_BITS).astype(np.int16)
    arrays["analysis.block_mean"] = s.block_mean.astype(np.float32)
    arrays["analysis.block"] = s.block_analysis.astype(np.float32)
    if d.vector:
        arrays["analysis.tile_mean"] = s.tile_mean.astype(np.float32)
        arrays["analysis.tile"] = s.tile_analysis.astype(np.float32)
    arrays[SHARES] = np.asarray(trained.shares, np.float32)
    return arrays


def export(
    trained: LadderNetwork, tiles: np.ndarray, metadata: Mapping[str, str], *, rounds: int = 2, seed: int = 0
) -> bytes:
    """Return the model file's bytes.

    The tables are learned from ``tiles`` (N, H, W, C), coded ``rounds`` times at uniformly drawn qualities.
    """
    arrays = arrays_of(trained)
    metadata = {**metadata, "description": trained.description.to_json()}
    random = np.random.default_rng(seed)
    tables = parametric(skip=SKIPPED_CLASSES)
    for _ in range(rounds):
        model = models.load(safetensors.dump(arrays | models.table_arrays(tables), metadata))
        residuals, classes = code(model, tiles, random)
        tables = table_fitting.fit(tables, residuals, classes)
    data = safetensors.dump(arrays | models.table_arrays(tables), metadata)
    models.load(data)  # repeats every proof on what is written
    return data


def code(model: Model, tiles: np.ndarray, random: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Residuals and classes of tiles (N, H, W, C), coded at uniformly drawn qualities."""
    residuals: list[np.ndarray] = []
    classes: list[np.ndarray] = []
    for begin in range(0, len(tiles), 256):
        part = tiles[begin : begin + 256]
        choice = choose(model, engine(), part, random.integers(1, QUALITIES + 1, len(part)))
        residuals += choice.residuals
        classes += choice.classes
    return residuals, classes


def with_card(data: bytes, card: Mapping[str, Any]) -> bytes:
    """Return the same model file with another card, which does not affect its id."""
    arrays, metadata = safetensors.load(data)
    return safetensors.dump(arrays, {**metadata, "card": json.dumps(card, sort_keys=True)})
