"""Models of a few kilobytes with random weights: what they decode to means nothing, and everything is in them.

Nothing was trained. Tests code pictures with them, and the conformance suite needs them for what no bundled model has.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aecodec.models import analysis_network, safetensors
from aecodec.models.description import (
    CHECKERBOARD,
    COEFFICIENT_LIMIT,
    QUARTERS,
    Description,
    Finish,
    Layer,
    Lossless,
    Pass,
    SynthesisLayer,
)
from aecodec.models.model import table_arrays
from aecodec.models.safetensors import Arrays
from aecodec.packing import parametric

SEED = 20


def tiny_lossless(channels: int) -> Lossless:
    """Few and narrow layers, one of which adds another, and channels from the last to the first."""
    return Lossless(
        order=tuple(range(channels - 1, -1, -1)),
        reach=3,
        linear_reach=2,
        trunk=(Layer(1, 6, leaky=True), Layer(1, 6, add=0)),
        heads=tuple((Layer(1, 3, leaky=True), Layer(1, 2 + channel)) for channel in range(channels)),
    )


def tiny_description(
    tile: tuple[int, int] | None,
    channels: int = 1,
    updates: bool = True,
    lossless: bool = False,
    finish: bool = False,
) -> Description:
    """A ladder of few and narrow layers, with every kind of layer in it.

    Without a tile it has no vector, and begins with every second row and column. With `updates`, features are updated
    after the first group of channels and within the second. With `finish`, samples are finished, and some passes have
    quality offsets.
    """
    block, vector, features, cues, width = 2, 3, 2, 2, 4
    coefficients = block * block * channels
    if tile is None:
        vector, features = 0, features if updates else 0
        vector_layers: tuple[Layer, ...] = ()
    else:
        positions = tile[0] // block * (tile[1] // block)
        vector_layers = (Layer(1, width, leaky=True), Layer(1, positions * features, leaky=True))
    first = [Pass(0, 1, at) for at in CHECKERBOARD]
    if tile is None:
        first = [Pass(0, 1, (QUARTERS[0][0], QUARTERS[2][0]), 2), Pass(0, 1, (QUARTERS[3][0], QUARTERS[1][0]), 2)]
        first.append(Pass(0, 1, tuple(sorted(place for part in QUARTERS[1:] for place in part))))
    passes = (*first, *(Pass(1, coefficients, at) for at in CHECKERBOARD))
    if finish:
        offsets = ((9,), (-3,), *((() if p.lo == 0 else tuple(range(p.hi - p.lo))) for p in passes[2:]))
        passes = tuple(replace(p, quality_offset=o) for p, o in zip(passes, offsets, strict=True))
    none: tuple[Layer, ...] = ()
    some = (Layer(3, width, leaky=True), Layer(3, features)), (Layer(1, features, leaky=True),)
    before = (none,) * (len(passes) - 3)
    update_layers = (*before, *some, none) if updates else (none,) * len(passes)
    return Description(
        tile=tile,
        channels=channels,
        block=block,
        vector=vector,
        features=features,
        cues=cues,
        passes=passes,
        vector_layers=vector_layers,
        pass_layers=tuple((Layer(3, width, leaky=True), Layer(1, 2 * (p.hi - p.lo))) for p in passes),
        update_layers=update_layers,
        correction_layers=(Layer(3, width, leaky=True), Layer(1, width, leaky=True, add=0), Layer(1, coefficients)),
        lossless=tiny_lossless(channels) if lossless else None,
        finish=tiny_finish(block // 2 if lossless else block, channels) if finish else None,
    )


def tiny_finish(cell: int, channels: int) -> Finish:
    """A finishing network of every kind of layer, on cells of a block or of a pixel."""
    layers = Layer(3, 4, leaky=True), Layer(3, 4, add=0), Layer(1, cell * cell * channels)
    return Finish(cell, 3, layers)


def random_network(
    random: np.random.Generator, prefix: str, layers: tuple[Layer, ...], inputs: int, shift: int
) -> Arrays:
    """Random arrays of a network whose layers all have the same shift."""
    arrays: Arrays = {}
    for index, layer in enumerate(layers):
        arrays[f"{prefix}.{index}.weight"] = random.integers(
            -60, 61, (layer.kernel**2 * inputs, layer.units), dtype=np.int8
        )
        arrays[f"{prefix}.{index}.bias"] = random.integers(-999, 1000, layer.units, dtype=np.int32)
        arrays[f"{prefix}.{index}.shift"] = np.full(layer.units, shift, np.uint8)
        inputs = layer.units
    return arrays


def lossless_arrays(random: np.random.Generator, d: Description) -> Arrays:
    """Random arrays of the description's lossless stage, if it has one."""
    shape = d.lossless
    if shape is None:
        return {}
    arrays: Arrays = random_network(random, "lossless.trunk", shape.trunk, shape.inputs(d), 8)
    for channel, layers in enumerate(shape.heads):
        inputs = shape.trunk[-1].units + 1 + 2 * channel
        arrays |= random_network(random, f"lossless.head{channel}", layers, inputs, 8)
    return arrays | {
        "lossless.linear": random.integers(-20, 20, shape.weights(d)).astype(np.int8),
        "lossless.offset": np.round(-3 * np.log2(2 * np.arange(256) + 1)).astype(np.int16) + 20,
        **table_arrays(parametric(), "lossless.tables"),
    }


def tiny_arrays(d: Description, seed: int = SEED) -> Arrays:
    """Arrays of a model with random weights that nothing was trained for, but whose pictures resemble the originals."""
    random = np.random.default_rng(seed)
    arrays: Arrays = {}

    def network(prefix: str, layers: tuple[Layer, ...], inputs: int, shift: int) -> None:
        arrays.update(random_network(random, prefix, layers, inputs, shift))

    n = d.coefficients
    network("vector", d.vector_layers, d.vector + d.cues, 7)
    for index, (stage, layers) in enumerate(zip(d.passes, d.pass_layers, strict=True)):
        network(f"pass{index}", layers, d.inputs(index, d.seen(index)), 9)
        network(f"update{index}", d.update_layers[index], d.inputs(index, stage.hi), 9)
    network("correction", d.correction_layers, d.context, 12)
    quality = np.arange(100)
    step = np.round(4 * 5 * 2 ** (6 * (99 - quality) / 99))[:, None] * np.ones(d.kinds)
    arrays |= {
        "synthesis.weight": (np.eye(n) * (1 << 16)).astype(np.int32),
        "synthesis.bias": np.full(n, (128 << 18) + (1 << 17), np.int32),
        "synthesis.shift": np.full(n, 18, np.uint8),
        "step": step.astype(np.int16),
        "offset": np.round(-5 * np.log2(step / 4)).astype(np.int16) + 30,
        "vector_class": np.full(d.vector, 20, np.int16),
        "context_exponent": np.full(d.kinds, -1, np.int8),
        "cue": np.stack([quality - 50, 50 - quality], axis=1).astype(np.int16)[:, : d.cues],
        **table_arrays(parametric(skip=2)),
        "analysis.block_mean": np.full(n, 128, np.float32),
        "analysis.block": np.eye(n, dtype=np.float32),
    }
    if d.finish:
        network("finish", d.finish.layers, d.finish.cell**2 * d.channels + d.finish.places + d.cues, 8)
        cells = (d.block // d.finish.cell) ** 2
        arrays["finish.place"] = random.integers(-200, 201, (cells, d.finish.places), dtype=np.int16)
    arrays |= lossless_arrays(random, d)
    samples = d.channels * (d.tile[0] * d.tile[1] if d.tile else 0)
    arrays["analysis.tile_mean"] = np.full(samples, 128, np.float32)
    arrays["analysis.tile"] = random.choice(np.array([-1, 1], np.float32), (samples, d.vector))
    assert arrays["step"].max() <= COEFFICIENT_LIMIT
    return arrays


def tiny_file(
    tile: tuple[int, int] | None = (4, 6),
    channels: int = 1,
    updates: bool = True,
    lossless: bool = False,
    finish: bool = False,
    **metadata: str,
) -> bytes:
    """A model file; its name is tiny-1 unless `metadata` says otherwise."""
    d = tiny_description(tile, channels, updates, lossless, finish)
    return safetensors.dump(tiny_arrays(d), {"name": "tiny-1", "description": d.to_json(), **metadata})


def planeless_description(channels: int = 1) -> Description:
    """A model without a plane, with every kind of synthesis layer in it: tiles of 8x8 out of a vector of 3."""
    return Description.without_plane(
        tile=(8, 8),
        channels=channels,
        block=2,
        vector=3,
        synthesis_layers=(
            SynthesisLayer(1, 50, "leaky5", grow=5),
            SynthesisLayer(3, 12, "relu", grow=2),
            SynthesisLayer(3, 4, "leaky8", crop=1),
            SynthesisLayer(3, channels),
        ),
    )


def planeless_arrays(d: Description, seed: int = SEED) -> Arrays:
    """Arrays of a model without a plane, with random weights."""
    random = np.random.default_rng(seed)
    arrays: Arrays = {}
    inputs = d.vector
    for index, layer in enumerate(d.synthesis_layers):
        shape = (layer.kernel**2 * inputs, layer.units)
        arrays[f"synthesis.{index}.weight"] = random.integers(-60, 61, shape, dtype=np.int8)
        arrays[f"synthesis.{index}.bias"] = random.integers(-999, 1000, layer.units, dtype=np.int32)
        arrays[f"synthesis.{index}.shift"] = np.full(layer.units, 6 if layer.kernel == 1 else 8, np.uint8)
        inputs = layer.channels
    assert d.tile is not None
    samples = d.tile[0] * d.tile[1] * d.channels
    dense = random.normal(size=(samples, d.vector)).astype(np.float32) * 20
    ones, zeros = np.ones(d.vector, np.float32), np.zeros(d.vector, np.float32)
    ladder = tiny_arrays(tiny_description((4, 6), d.channels))
    kinds = slice(0, d.kinds)
    arrays |= {name: ladder[name] for name in ladder if name.startswith("tables.")}
    arrays |= {
        "tone": np.sort(random.integers(0, 256, 2047)).astype(np.uint8),
        "step": ladder["step"][:, kinds],
        "offset": ladder["offset"][:, kinds],
        "vector_class": np.full(d.vector, 20, np.int16),
        "context_exponent": np.full(d.vector, -1, np.int8),
        "cue": np.zeros((100, 0), np.int16),
        "analysis.0.weight": dense,
        "analysis.0.bias": zeros,
        "analysis.0.scale": ones,
        "analysis.0.shift": zeros,
    }
    return arrays | lossless_arrays(random, d)


def planeless_file(channels: int = 1, d: Description | None = None, changed: Arrays | None = None) -> bytes:
    """The file of a model without a plane, called planeless-1, with random weights; `changed` replaces arrays."""
    d = d or planeless_description(channels)
    return planeless_dump(d, planeless_arrays(d) | (changed or {}), "planeless-1")


def planeless_dump(d: Description, arrays: Arrays, name: str) -> bytes:
    """The file of a model without a plane."""
    analysis = analysis_network.to_json([analysis_network.EncoderLayer("none", dense=True)])
    return safetensors.dump(arrays, {"name": name, "description": d.to_json(), "analysis": analysis})
