"""A model in memory, built from the arrays of its file and proven exact; ``store`` writes the same arrays.

Arrays, all normative but those of ``analysis``:

    vector.I.weight, .bias, .shift        layers that turn the tile vector into features of every block
    passI.J.weight, .bias, .shift         layers of the network of pass I
    updateI.J.weight, .bias, .shift       layers of the network that computes new features after pass I, if any
    correction.I.weight, .bias, .shift    layers of the correction network
    synthesis.weight, .bias, .shift       inverse block transform; weight (coefficients, samples of a block)
    synthesis.I.weight, .bias, .shift     without a plane, instead: layers from the vector to pixels
    finish.I.weight, .bias, .shift        layers of the finishing network, if any
    finish.place                          (cells of a block, finish.places): the planes that tell a cell its place
    tone                                  (2047,), with them: the sample that an output -1023..1023 of the last one is
    step, offset                          (100, kinds): quantization step, and what it adds to a class
    vector_class                          (vector,): the class of each vector element before the offset
    context_exponent                      (kinds,): an element times two to this is its context value
    cue                                   (100, cues): the values of the constant planes at each quality
    tables.extents, .shifts, .skip, .frequencies    the distributions of the 64 classes
    lossless.trunk.I.weight, .bias, .shift          if the model has a lossless stage: layers of its trunk
    lossless.headC.I.weight, .bias, .shift          and of the network of channel C
    lossless.linear                       (taps, channels): weights of the linear prediction
    lossless.offset                       (256,): what a largest error adds to a scale class
    lossless.tables.*                     the distributions of its classes
    analysis.*                            float32: block_mean, block, tile_mean, tile, the forward transforms; without
                                          a plane the encoder's layers: ``aecodec.models.analysis_network``; and
                                          typical_cost (100,), which few pictures exceed for which the model was made,
                                          and shares (passes,), which of the saved bits count: ``encoding.shares``
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from aecodec.engines.network import ExactLayer, Network, prove
from aecodec.errors import InvalidModelFile
from aecodec.format.container import MODEL_ID_BYTES
from aecodec.models import analysis_network, safetensors, vector_synthesis
from aecodec.models.analysis_network import EncoderLayer
from aecodec.models.arrays import LAYER_ARRAYS, expect, expect_floats, read_layer, read_network
from aecodec.models.checks import check_shape
from aecodec.models.description import (
    ACTIVATION_LIMIT,
    CLASS_LIMIT,
    COEFFICIENT_LIMIT,
    ERRORS,
    QUALITIES,
    SAMPLE_BITS,
    SHARE_LIMIT,
    Description,
    Finish,
    Layer,
    Lossless,
)
from aecodec.models.safetensors import Arrays
from aecodec.packing.tables import CLASSES, Tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

ANALYSIS = "analysis."  # begins the names of the arrays that only encoders need
TYPICAL = ANALYSIS + "typical_cost"  # by quality: see ``encoding.candidates.typical_cost``
SHARES = ANALYSIS + "shares"  # by pass: see ``encoding.shares``
TABLE_ARRAYS = ("extents", "shifts", "skip", "frequencies")


@dataclass(frozen=True, eq=False)
class LosslessStage:
    """The networks, weights and tables of a model's lossless stage."""

    shape: Lossless
    trunk: Network
    heads: tuple[Network, ...]
    linear: NDArray[np.int8]
    offset: NDArray[np.int32]
    tables: Tables


@dataclass(frozen=True)
class FinishStage:
    """The finishing network of a model, and the inverse transform with SAMPLE_BITS fraction bits that it follows."""

    shape: Finish
    network: Network
    place: NDArray[np.int64]
    synthesis: Network


@dataclass(frozen=True)
class Model:
    """Everything needed to code with a model. Built by `load`, and immutable."""

    description: Description
    metadata: Mapping[str, str]
    arrays: Arrays
    vector_network: Network
    pass_networks: tuple[Network, ...]
    update_networks: tuple[Network | None, ...]
    correction_network: Network
    synthesis: Network  # without layers where there is no plane
    drawing: tuple[Network, ...]  # of one layer each, from the vector to the pixels, where there is no plane
    tone: NDArray[np.uint8]
    step: NDArray[np.int64]
    offset: NDArray[np.int64]
    vector_class: NDArray[np.int64]
    context_exponent: NDArray[np.int64]
    cue: NDArray[np.float32]
    tables: Tables
    finish: FinishStage | None
    lossless: LosslessStage | None

    @property
    def name(self) -> str:
        """Name and version, for example ``mnist-3``."""
        return self.metadata["name"]

    @property
    def purpose(self) -> str:
        """What the model is for, in a few words."""
        return self.metadata.get("purpose", "")

    @property
    def card(self) -> dict[str, Any]:
        """How the model was trained, and its figures on held-out data."""
        try:
            value = json.loads(self.metadata.get("card", "{}"))
        except (ValueError, RecursionError):  # it is not normative: nothing depends on it
            value = {}
        return value if isinstance(value, dict) else {}

    @cached_property
    def analysis(self) -> Arrays:
        """The arrays that only encoders need, by their names in the file; not normative.

        Raises ``InvalidModelFile`` if the file has none, or not those of the model's shape: such a model decodes only.
        """
        found = {name: array for name, array in self.arrays.items() if name.startswith(ANALYSIS)}
        if not found:
            raise InvalidModelFile(f"the model {self.name} can only decode: its file has no transforms for encoding")
        try:
            check_analysis(self.description, found, self.metadata)
        except (InvalidModelFile, KeyError, ValueError, TypeError, IndexError, RecursionError) as error:
            raise InvalidModelFile(f"the model {self.name} can only decode: {error}") from error
        return found

    @cached_property
    def patterns(self) -> NDArray[np.float32]:
        """What one more of each coefficient adds to a block: (coefficients, block, block, channels); not normative."""
        d = self.description
        inverse = np.linalg.pinv(self.analysis["analysis.block"]).astype(np.float32)
        return inverse.reshape(-1, d.block, d.block, d.channels)

    @cached_property
    def encoder(self) -> tuple[EncoderLayer, ...]:
        """The layers that compute the vector of a tile in a model without a plane; not normative."""
        return analysis_network.layers(self.metadata)

    @cached_property
    def id(self) -> bytes:
        """First bytes of the SHA-256 of the normative content: the description, then every array in order of name."""
        import hashlib  # needed for models without a number only: decoding starts faster without it

        digest = hashlib.sha256(self.description.to_json().encode())
        for name in sorted(self.arrays):
            if not name.startswith(ANALYSIS):
                array = self.arrays[name].astype(self.arrays[name].dtype.newbyteorder("<"), copy=False)
                digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
                digest.update(array.tobytes())
        return digest.digest()[:MODEL_ID_BYTES]

    @property
    def parameters(self) -> int:
        """Weights and biases of the normative networks."""
        every = (
            self.vector_network,
            *self.pass_networks,
            *self.update_networks,
            self.correction_network,
            self.synthesis,
            *self.drawing,
            *((self.finish.network,) if self.finish else ()),
            *((self.lossless.trunk, *self.lossless.heads) if self.lossless else ()),
        )
        return sum(part.parameters for part in every if part)

    @property
    def macs_per_pixel(self) -> float:
        """Multiply-adds per pixel for decoding a lossy picture of whole tiles."""
        d = self.description
        pixels = d.block**2
        if d.synthesis_layers and d.tile is not None:
            return vector_synthesis.multiply_adds(d) / (d.tile[0] * d.tile[1])
        per_block = float(self.correction_network.multiply_adds + self.synthesis.multiply_adds)
        for stage, net, update in zip(d.passes, self.pass_networks, self.update_networks, strict=True):
            per_block += net.multiply_adds * stage.share + (update.multiply_adds if update else 0)
        if d.tile is not None:
            rows, columns = d.grid(*d.tile)
            per_block += self.vector_network.multiply_adds / (rows * columns)
        if self.finish:
            per_block += self.finish.network.multiply_adds * (d.block // self.finish.shape.cell) ** 2
        return per_block / pixels

    @property
    def lossless_macs_per_pixel(self) -> float:
        """Multiply-adds per pixel of the lossless stage; 0 if the model has none."""
        stage = self.description.lossless
        return float(stage.multiply_adds(self.description)) if stage else 0.0


def load(data: bytes) -> Model:
    """Load a model from a file's bytes. Raises ``InvalidModelFile`` unless it is complete, valid and provably exact."""
    arrays, metadata = safetensors.load(data)
    try:
        return _build(arrays, metadata)
    except (KeyError, ValueError, TypeError, IndexError, RecursionError) as error:
        raise InvalidModelFile(f"the model file is incomplete: {error}") from error


def _build(arrays: Arrays, metadata: dict[str, str]) -> Model:
    d = Description.from_json(metadata["description"])
    if d.to_json() != metadata["description"]:
        raise InvalidModelFile("the model's description is not in canonical form")
    metadata["name"]  # noqa: B018 -- has to be there
    check_shape(d)
    expect(arrays, "step", (QUALITIES, d.kinds), 1, COEFFICIENT_LIMIT)
    expect(arrays, "offset", (QUALITIES, d.kinds), -CLASS_LIMIT, CLASS_LIMIT)
    expect(arrays, "vector_class", (d.vector,), -CLASS_LIMIT, CLASS_LIMIT)
    expect(arrays, "context_exponent", (d.kinds,), -15, 15)
    expect(arrays, "cue", (QUALITIES, d.cues), -ACTIVATION_LIMIT, ACTIVATION_LIMIT)
    if d.synthesis_layers:
        expect(arrays, "tone", (2 * ACTIVATION_LIMIT + 1,), 0, 255)
    unknown = {name for name in arrays if not name.startswith(ANALYSIS)} - known(d)
    if unknown:
        raise InvalidModelFile(f"the model file has an unknown array: {min(unknown)!r}")
    nets: list[Network] = []
    updates: list[Network | None] = []
    for index, (stage, layers, update) in enumerate(zip(d.passes, d.pass_layers, d.update_layers, strict=True)):
        count = stage.hi - stage.lo
        limits = np.repeat(np.array([COEFFICIENT_LIMIT, CLASS_LIMIT], np.int64), count)
        nets.append(read_network(arrays, f"pass{index}", layers, d.inputs(index, d.seen(index)), limits))
        updates.append(read_network(arrays, f"update{index}", update, d.inputs(index, stage.hi)) if update else None)
    n = d.coefficients
    correction_limits = np.full(n, COEFFICIENT_LIMIT, np.int64)
    inverse: tuple[ExactLayer, ...] = ()
    if not d.synthesis_layers:
        inverse = (read_layer(arrays, "synthesis", Layer(1, n), correction_limits),)
    reach = np.full(n, 2 * COEFFICIENT_LIMIT, np.int64)
    return Model(
        description=d,
        metadata=metadata,
        arrays=arrays,
        vector_network=read_network(arrays, "vector", d.vector_layers, d.vector + d.cues),
        pass_networks=tuple(nets),
        update_networks=tuple(updates),
        correction_network=read_network(arrays, "correction", d.correction_layers, d.context, correction_limits),
        synthesis=prove(inverse, reach),
        drawing=vector_synthesis.read(d, arrays),
        tone=arrays["tone"].astype(np.uint8) if d.synthesis_layers else np.zeros(0, np.uint8),
        step=arrays["step"].astype(np.int64),
        offset=arrays["offset"].astype(np.int64),
        vector_class=arrays["vector_class"].astype(np.int64),
        context_exponent=arrays["context_exponent"].astype(np.int64),
        cue=arrays["cue"].astype(np.float32),
        tables=read_tables(arrays, "tables", CLASSES),
        finish=read_finish(d, arrays, inverse[0], reach) if d.finish else None,
        lossless=read_lossless(d, arrays) if d.lossless else None,
    )


def read_finish(d: Description, arrays: Arrays, inverse: ExactLayer, reach: NDArray[np.int64]) -> FinishStage:
    """The finishing network of a model of this shape and inverse transform. Raises ``InvalidModelFile``."""
    shape = d.finish
    assert shape is not None
    expect(arrays, "finish.place", ((d.block // shape.cell) ** 2, shape.places), -ACTIVATION_LIMIT, ACTIVATION_LIMIT)
    inputs = shape.cell**2 * d.channels + shape.places + d.cues
    if inverse.shift.min() < SAMPLE_BITS:
        raise InvalidModelFile("the inverse transform has too few fraction bits for a finishing network")
    return FinishStage(
        shape=shape,
        network=read_network(arrays, "finish", shape.layers, inputs),
        place=arrays["finish.place"].astype(np.int64),
        synthesis=prove((replace(inverse, shift=inverse.shift - SAMPLE_BITS),), reach),
    )


def table_arrays(tables: Tables, prefix: str = "tables") -> Arrays:
    """The arrays ``prefix.extents``, ... of tables; `read_tables` is the inverse."""
    return {
        f"{prefix}.extents": tables.extents.astype(np.uint8),
        f"{prefix}.shifts": tables.shifts.astype(np.uint8),
        f"{prefix}.skip": np.array([tables.skip], np.uint8),
        f"{prefix}.frequencies": tables.frequencies.astype(np.uint16),
    }


def read_tables(arrays: Arrays, prefix: str, skipped: int) -> Tables:
    """The tables stored as ``prefix.extents``, ...; they may skip some classes. Raises ``InvalidModelFile``."""
    expect(arrays, f"{prefix}.skip", (1,), 0, skipped)
    extents, shifts, skip, frequencies = (arrays[f"{prefix}.{part}"] for part in TABLE_ARRAYS)
    return Tables(extents, shifts, int(skip[0]), frequencies)


def read_lossless(d: Description, arrays: Arrays) -> LosslessStage:
    """The lossless stage of a model of this shape. Raises ``InvalidModelFile``."""
    shape = d.lossless
    assert shape is not None
    expect(arrays, "lossless.linear", shape.weights(d), -128, 127)
    expect(arrays, "lossless.offset", (ERRORS,), -CLASS_LIMIT, CLASS_LIMIT)
    trunk = read_network(arrays, "lossless.trunk", shape.trunk, shape.inputs(d))
    heads = []
    for channel, layers in enumerate(shape.heads):
        limits = np.array([ACTIVATION_LIMIT, CLASS_LIMIT] + [SHARE_LIMIT] * channel, np.int64)
        inputs = shape.trunk[-1].units + 1 + 2 * channel
        heads.append(read_network(arrays, f"lossless.head{channel}", layers, inputs, limits))
    return LosslessStage(
        shape=shape,
        trunk=trunk,
        heads=tuple(heads),
        linear=arrays["lossless.linear"].astype(np.int8),
        offset=arrays["lossless.offset"].astype(np.int32),
        tables=read_tables(arrays, "lossless.tables", 0),  # whatever the sample, it can be coded
    )


def check_analysis(d: Description, arrays: Arrays, metadata: Mapping[str, str]) -> None:
    """Raise ``InvalidModelFile``, or what missing and wrong values cause, unless an encoder can use the arrays."""
    if TYPICAL in arrays:
        expect_floats(arrays, TYPICAL, (QUALITIES,))
    if SHARES in arrays:
        expect_floats(arrays, SHARES, (len(d.passes),))
    if d.synthesis_layers:
        analysis_network.check(d, arrays, metadata)
        return
    expect_floats(arrays, "analysis.block_mean", (d.coefficients,))
    expect_floats(arrays, "analysis.block", (d.coefficients, d.coefficients))
    if d.tile:
        samples = d.channels * d.tile[0] * d.tile[1]
        expect_floats(arrays, "analysis.tile_mean", (samples,))
        expect_floats(arrays, "analysis.tile", (samples, d.vector))


def known(d: Description) -> set[str]:
    """The names of all normative arrays of a model of this shape."""
    names = {"step", "offset", "vector_class", "context_exponent", "cue"}
    names |= {f"tables.{part}" for part in TABLE_ARRAYS}
    layers = [f"synthesis.{i}" for i in range(len(d.synthesis_layers))] or ["synthesis"]
    names |= {"tone"} if d.synthesis_layers else set()
    layers += [f"vector.{i}" for i in range(len(d.vector_layers))]
    layers += [f"pass{p}.{i}" for p, items in enumerate(d.pass_layers) for i in range(len(items))]
    layers += [f"update{p}.{i}" for p, items in enumerate(d.update_layers) for i in range(len(items))]
    layers += [f"correction.{i}" for i in range(len(d.correction_layers))]
    if d.finish:
        names |= {"finish.place"}
        layers += [f"finish.{i}" for i in range(len(d.finish.layers))]
    if d.lossless:
        names |= {"lossless.linear", "lossless.offset", *(f"lossless.tables.{part}" for part in TABLE_ARRAYS)}
        layers += [f"lossless.trunk.{i}" for i in range(len(d.lossless.trunk))]
        layers += [f"lossless.head{c}.{i}" for c, items in enumerate(d.lossless.heads) for i in range(len(items))]
    return names | {f"{layer}.{part}" for layer in layers for part in LAYER_ARRAYS}
