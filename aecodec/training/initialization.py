"""Where a ladder's weights start from: those of a model, also of one of another shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aecodec.models.arrays import LAYER_ARRAYS
from aecodec.models.description import ACTIVATION_BITS, COEFFICIENT_BITS, Description, Layer
from aecodec.models.model import Model
from aecodec.training.exact_layers import ExactConvolution, numpy
from aecodec.training.ladder_network import CLASS_BITS, CORRECTION_BITS, Ladder

Array = np.ndarray
Real = tuple[Array, Array]  # kernel (k, k, in, out) and bias (out,)


def start_from(trained: Ladder, model: Model) -> None:
    """Give a built ladder a model's weights, as they were rounded, wherever both have the same part.

    Of another shape, over the same transforms, it takes what fits: an input, a unit and an output that the model has
    keep what they had. New units start at random, and those who were there before do not hear them yet; so a wider
    ladder starts as the narrower one, and two halves of a group as its passes (after Net2Net, Chen et al. 2016,
    arXiv:1511.05641). ``ValueError`` where that cannot be.
    """
    new, old = trained.description, model.description
    found = origins(new, model)
    if new.vector:
        trained.vector_class.assign(model.arrays["vector_class"].astype(np.float32))
    _take(trained.vector_net, _layers(model, "vector", old.vector_layers), new.vector + new.cues)
    for index, stage in enumerate(new.passes):
        source = found[index]
        before = old.passes[source]
        gains = trained.gain_bits[before.lo : before.hi] + COEFFICIENT_BITS
        bits = [*gains, *[CLASS_BITS] * len(gains)]
        means = np.arange(stage.lo, stage.hi) - before.lo
        common = new.inputs(index, min(new.seen(index), old.seen(source)))
        layers = _layers(model, f"pass{source}", old.pass_layers[source], bits)
        _take(trained.pass_nets[index], layers, common, np.concatenate([means, means + len(gains)]))
        update = [i for i, p in enumerate(old.passes) if p.hi == stage.hi and old.update_layers[i]]
        if update and new.update_layers[index]:
            layers = _layers(model, f"update{update[0]}", old.update_layers[update[0]])
            _take(trained.update_nets[index], layers, new.inputs(index, stage.hi))
    bits = [*(trained.gain_bits - CORRECTION_BITS + COEFFICIENT_BITS)]
    layers = _layers(model, "correction", old.correction_layers, bits)
    _take(trained.correction_net, layers, new.context)


def origins(new: Description, model: Model) -> list[int]:
    """For each pass of a shape the model's pass that it starts from: the last that decoded the same channels at a place
    of it. ``ValueError`` where there is none, or where the shape is over other transforms.
    """
    old, found = model.description, []
    for name in ("tile", "channels", "block", "vector", "features", "cues"):
        if getattr(new, name) != getattr(old, name):
            raise ValueError(f"{model.name} has another {name} than the shape to be trained")
    for stage in new.passes:
        fitting = [
            number
            for number, before in enumerate(old.passes)
            if before.lo <= stage.lo and stage.hi <= before.hi and before.places & stage.places
        ]
        if not fitting:
            raise ValueError(f"no pass of {model.name} has the channels {stage.lo} to {stage.hi}")
        found.append(fitting[-1])
    return found


def _layers(model: Model, name: str, specs: Sequence[Layer], output_bits: Sequence[int] | None = None) -> list[Real]:
    """The layers of a network as real numbers; ``output_bits``: fraction bits of the last one's outputs."""
    found = []
    for index, spec in enumerate(specs):
        weight, bias, shift = (model.arrays[f"{name}.{index}.{part}"].astype(np.int64) for part in LAYER_ARRAYS)
        last = output_bits is not None and index == len(specs) - 1
        bits = shift + (np.asarray(output_bits) if last else ACTIVATION_BITS) - ACTIVATION_BITS
        half = np.where(shift > 0, 1 << np.maximum(shift - 1, 0), 0)
        kernel = (weight * 2.0**-bits).reshape(spec.kernel, spec.kernel, -1, spec.units)
        found.append((kernel, (bias - half) * 2.0 ** -(bits + ACTIVATION_BITS)))
    return found


def _take(net: list[ExactConvolution], layers: list[Real], common: int, outputs: Array | None = None) -> None:
    """Give a network what it has in common with ``layers``: the first ``common`` inputs, as many units as both have,
    and of the last layer's outputs those named, all that the network has.
    """
    if len(net) != len(layers):
        raise ValueError("a network of the shape to be trained is deeper or shallower than the model's")
    for index, (layer, (kernel, bias)) in enumerate(zip(net, layers, strict=True)):
        if layer.kernel_size != len(kernel):
            raise ValueError("a network of the shape to be trained looks further or less far than the model's")
        mine, own = numpy(layer.kernel), numpy(layer.bias)
        if outputs is not None and index == len(net) - 1:
            kernel, bias = kernel[..., outputs], bias[outputs]
        units = min(kernel.shape[-1], mine.shape[-1])
        mine[..., :units] = 0.0
        mine[:, :, :common, :units] = kernel[:, :, :common, :units]
        own[:units] = bias[:units]
        layer.kernel.assign(mine.astype(np.float32))
        layer.bias.assign(own.astype(np.float32))
        common = units
