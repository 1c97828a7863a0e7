"""Initial weights of a ladder, taken from a model that may have another shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aecodec.models.arrays import LAYER_ARRAYS
from aecodec.models.description import ACTIVATION_BITS, COEFFICIENT_BITS, Description, Layer
from aecodec.models.model import Model
from aecodec.training.exact_layers import ExactConvolution, numpy
from aecodec.training.ladder_network import CLASS_BITS, CORRECTION_BITS, LadderNetwork

Array = np.ndarray
RealLayer = tuple[Array, Array]  # kernel (k, k, inputs, outputs) and bias (outputs,)


@dataclass(frozen=True)
class Correspondence:
    """The inputs or outputs that a new network has in common with the model's: ``new[i]`` corresponds to ``old[i]``."""

    new: Array
    old: Array

    @classmethod
    def of_first(cls, count: int) -> Correspondence:
        """The first ``count`` of both."""
        return cls(np.arange(count), np.arange(count))


def initialize(network: LadderNetwork, model: Model) -> None:
    """Copy the rounded weights of a model to a built network, for all parts that they have in common.

    A ladder of another shape over the same transforms takes over the inputs, units and outputs that the model has.
    Additional units start at random, and existing units have zero weights for them. So a ladder with wider networks or
    more features initially computes the same as the narrower one, and the two halves of a divided group start as the
    passes of the whole one (after Net2Net, Chen et al. 2016, arXiv:1511.05641). Raises ``ValueError`` for shapes that
    have too little in common.
    """
    new, old = network.description, model.description
    sources = source_passes(new, model)
    if new.vector:
        network.vector_class.assign(model.arrays["vector_class"].astype(np.float32))
    inputs = Correspondence.of_first(new.vector + new.cues)
    _copy(network.vector_net, _layers(model, "vector", old.vector_layers), inputs, _block_features(new, old))
    for index, stage in enumerate(new.passes):
        source = sources[index]
        before = old.passes[source]
        gains = network.gain_bits[before.lo : before.hi] + COEFFICIENT_BITS
        layers = _layers(model, f"pass{source}", old.pass_layers[source], [*gains, *[CLASS_BITS] * len(gains)])
        inputs = _inputs((new, index), (old, source), min(new.seen(index), old.seen(source)))
        means = np.arange(stage.lo, stage.hi) - before.lo
        outputs = np.concatenate([means, means + len(gains)])  # means, then classes
        _copy(network.pass_nets[index], layers, inputs, Correspondence(np.arange(len(outputs)), outputs))
        updates = [i for i, p in enumerate(old.passes) if p.hi == stage.hi and old.update_layers[i]]
        if updates and new.update_layers[index]:
            layers = _layers(model, f"update{updates[0]}", old.update_layers[updates[0]])
            _copy(network.update_nets[index], layers, _inputs((new, index), (old, updates[0]), stage.hi))
    bits = [*(network.gain_bits - CORRECTION_BITS + COEFFICIENT_BITS)]
    layers = _layers(model, "correction", old.correction_layers, bits)
    inputs = _inputs((new, len(new.passes)), (old, len(old.passes)), new.coefficients)
    _copy(network.correction_net, layers, inputs)


def continue_from(
    net: list[ExactConvolution],
    model: Model,
    name: str,
    specs: Sequence[Layer],
    output_bits: Sequence[int] | None = None,
) -> None:
    """Copy the rounded weights of a model's network of the same shape; ``output_bits``: as for the built network."""
    layers = _layers(model, name, specs, output_bits)
    _copy(net, layers, Correspondence.of_first(layers[0][0].shape[2]))


def source_passes(new: Description, model: Model) -> list[int]:
    """Return, for each pass of a shape, the pass of the model from which it starts.

    It is the last one that decodes the same channels at a place in common. Raises ``ValueError`` if there is none, or
    if the shape is over other transforms.
    """
    old, found = model.description, []
    for name in ("tile", "channels", "block", "vector", "cues"):
        if getattr(new, name) != getattr(old, name):
            raise ValueError(f"{model.name} has another {name} than the shape to be trained")
    for stage in new.passes:
        candidates = [
            number
            for number, before in enumerate(old.passes)
            if before.lo <= stage.lo and stage.hi <= before.hi and before.places & stage.places
        ]
        if not candidates:
            raise ValueError(f"no pass of {model.name} has the channels {stage.lo} to {stage.hi}")
        found.append(candidates[-1])
    return found


def _inputs(new: tuple[Description, int], old: tuple[Description, int], hi: int) -> Correspondence:
    """Inputs in common of networks of two passes that see the plane up to channel ``hi``: features, cues, plane.

    ``new``, ``old``: a shape and the index of the pass; the number of passes stands for the correction.
    """
    features = [shape.features - shape.unseen(index) for shape, index in (new, old)]
    common = np.arange(min(features))
    others = np.arange(new[0].cues + hi)
    return Correspondence(*(np.concatenate([common, count + others]) for count in features))


def _block_features(new: Description, old: Description) -> Correspondence | None:
    """Features in common among the outputs of the vector's network, which follow each other block by block."""
    if new.tile is None:
        return None
    rows, columns = new.grid(*new.tile)
    blocks, common = np.arange(rows * columns)[:, None], np.arange(min(new.features, old.features))
    return Correspondence(*((blocks * shape.features + common).reshape(-1) for shape in (new, old)))


def _layers(
    model: Model, name: str, specs: Sequence[Layer], output_bits: Sequence[int] | None = None
) -> list[RealLayer]:
    """Layers of a network as real numbers; ``output_bits``: fraction bits of the last layer's outputs."""
    found = []
    for index, spec in enumerate(specs):
        weight, bias, shift = (model.arrays[f"{name}.{index}.{part}"].astype(np.int64) for part in LAYER_ARRAYS)
        last = output_bits is not None and index == len(specs) - 1
        bits = shift + (np.asarray(output_bits) if last else ACTIVATION_BITS) - ACTIVATION_BITS
        half = np.where(shift > 0, 1 << np.maximum(shift - 1, 0), 0)
        kernel = (weight * 2.0**-bits).reshape(spec.kernel, spec.kernel, -1, spec.units)
        found.append((kernel, (bias - half) * 2.0 ** -(bits + ACTIVATION_BITS)))
    return found


def _copy(
    net: list[ExactConvolution],
    layers: list[RealLayer],
    inputs: Correspondence,
    outputs: Correspondence | None = None,
) -> None:
    """Copy to a network the parts that it shares with ``layers``: the given inputs and outputs, and the first units.

    Without ``outputs`` the first ones are in common. Copied units get zero weights for all other inputs.
    """
    if len(net) != len(layers):
        raise ValueError("a network of the shape to be trained has a different depth than the model's")
    for index, (layer, (kernel, bias)) in enumerate(zip(net, layers, strict=True)):
        if layer.kernel_size != len(kernel):
            raise ValueError("a network of the shape to be trained has a different field of view than the model's")
        new_kernel, new_bias = numpy(layer.kernel), numpy(layer.bias)
        units = Correspondence.of_first(min(kernel.shape[-1], new_kernel.shape[-1]))
        if outputs is not None and index == len(net) - 1:
            units = outputs
        new_kernel[..., units.new] = 0.0
        new_kernel[:, :, inputs.new[:, None], units.new] = kernel[:, :, inputs.old[:, None], units.old]
        new_bias[units.new] = bias[units.old]
        layer.kernel.assign(new_kernel.astype(np.float32))
        layer.bias.assign(new_bias.astype(np.float32))
        inputs = units
