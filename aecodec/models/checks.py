"""Checks that a description is that of a usable model: types, sizes, passes that cover the plane exactly once."""

from __future__ import annotations

from aecodec.errors import InvalidModelFile
from aecodec.models import vector_synthesis
from aecodec.models.description import (
    ACTIVATIONS,
    MOST_REACH,
    QUALITIES,
    QUARTERS,
    SPACINGS,
    Description,
    Finish,
    Layer,
    Lossless,
    Pass,
)


def check_types(d: Description) -> None:
    """Raise ``InvalidModelFile`` for JSON values that Python merely accepts as integers, and for keys out of order."""
    inner = [layer for items in (*d.pass_layers, *d.update_layers) for layer in items]
    layers = [*d.vector_layers, *inner, *d.correction_layers]
    integers = [d.channels, d.block, d.vector, d.features, d.cues, *(d.tile or ())]
    passes = d.passes
    if d.finish:
        integers += [d.finish.cell, d.finish.places]
        layers += d.finish.layers
    if d.lossless:
        integers += [d.lossless.reach, d.lossless.linear_reach, *d.lossless.order]
        layers += [layer for items in (d.lossless.trunk, *d.lossless.heads) for layer in items]
    integers += [v for stage in passes for v in (stage.lo, stage.hi, *(v for place in stage.lattice for v in place))]
    integers += [v for layer in layers for v in (layer.kernel, layer.units, 0 if layer.add is None else layer.add)]
    if any(type(v) is not int or v < 0 for v in integers):
        raise InvalidModelFile("the model's description has a value that is not an integer of 0 or more")
    if any(type(layer.leaky) is not bool or layer.units == 0 for layer in layers):
        raise InvalidModelFile("the model's description has an impossible layer")
    numbers = [v for part in d.synthesis_layers for v in (part.kernel, part.units, part.grow, part.crop)]
    if any(type(v) is not int or v < 0 for v in numbers):
        raise InvalidModelFile("the model's description has a layer with a value that is not an integer of 0 or more")
    if any(part.activation not in ACTIVATIONS for part in d.synthesis_layers):
        raise InvalidModelFile("the model's description has an impossible layer")
    if any(type(stage.spacing) is not int or stage.spacing not in SPACINGS for stage in passes):
        raise InvalidModelFile("the spacing of a pass is not 1, 2, 4 or 8")
    if any(type(ahead) is not int or abs(ahead) >= QUALITIES for stage in passes for ahead in stage.quality_offset):
        raise InvalidModelFile("a quality offset is not an integer within -99..99")
    if any(list(stage.lattice) != sorted(set(stage.lattice)) for stage in passes):
        raise InvalidModelFile("the positions of a pass are not in increasing order")


def check_shape(d: Description) -> None:
    """Raise ``InvalidModelFile`` unless the description is that of a model that can code a picture."""
    check_types(d)
    if d.channels not in (1, 3) or d.block not in (2, 4, 8, 16) or d.cues < 0 or d.vector < 0 or d.features < 0:
        raise InvalidModelFile("the model's description has an impossible size")
    if d.tile is not None and (min(d.tile) < d.block or d.tile[0] % d.block or d.tile[1] % d.block):
        raise InvalidModelFile("the model's tile is not made of whole blocks")
    if (d.tile is None) != (d.vector == 0) or d.vector and not d.features or d.vector == 0 and d.vector_layers:
        raise InvalidModelFile("a tile vector needs a tile and features")
    if d.features and not d.vector and not any(d.update_layers):
        raise InvalidModelFile("no network computes the features of a block")
    if d.synthesis_layers:
        vector_synthesis.check(d)
    else:
        check_ladder(d)
    if d.lossless:
        check_lossless(d, d.lossless)


def check_ladder(d: Description) -> None:
    """Raise ``InvalidModelFile`` unless networks and passes fit the vector and the plane."""
    if d.tile is not None:
        rows, columns = d.grid(*d.tile)
        if d.vector_layers[-1].units != rows * columns * d.features or any(p.kernel != 1 for p in d.vector_layers):
            raise InvalidModelFile("the vector's network does not give every block its features")
    if any(items and items[-1].units != d.features for items in d.update_layers):
        raise InvalidModelFile("an update does not compute the features of every block")
    if d.update_layers and d.update_layers[-1]:
        raise InvalidModelFile("there is an update after the last pass")
    check_passes(d.passes, d.pass_layers, d.block**2 * d.channels)  # no passes are no plane, and refused
    if any(stage.quality_offset and len(stage.quality_offset) != stage.hi - stage.lo for stage in d.passes):
        raise InvalidModelFile("a pass does not have a quality offset for each of its channels")
    if d.correction_layers[-1].units != d.coefficients:
        raise InvalidModelFile("the correction does not have one output per coefficient")
    if d.finish:
        check_finish(d, d.finish)


def check_finish(d: Description, shape: Finish) -> None:
    """Raise ``InvalidModelFile`` unless the finishing network has an output for every sample of a cell."""
    if shape.cell not in (1, 2, 4, 8) or d.block % shape.cell:
        raise InvalidModelFile("the blocks of the model are not made of the cells of its finishing network")
    if not shape.layers or shape.layers[-1].units != shape.cell**2 * d.channels:
        raise InvalidModelFile("the finishing network does not have one output per sample of a cell")


def check_lossless(d: Description, shape: Lossless) -> None:
    """Raise ``InvalidModelFile`` unless the lossless stage has a window, and a network for each channel."""
    if sorted(shape.order) != list(range(d.channels)) or len(shape.heads) != d.channels:
        raise InvalidModelFile("the lossless stage does not have every channel once")
    if not 2 <= shape.linear_reach <= shape.reach <= MOST_REACH:
        raise InvalidModelFile(f"the windows of the lossless stage must reach from 2 to {MOST_REACH} samples")
    if not shape.trunk or any(layer.kernel != 1 for items in (shape.trunk, *shape.heads) for layer in items):
        raise InvalidModelFile("a layer of the lossless stage must have a kernel of 1")
    if any(not items or items[-1].units != 2 + channel for channel, items in enumerate(shape.heads)):
        raise InvalidModelFile("a channel of the lossless stage needs a mean, a class and shares of those before it")


def check_passes(passes: tuple[Pass, ...], pass_layers: tuple[tuple[Layer, ...], ...], channels: int) -> None:
    """Raise ``InvalidModelFile`` unless the passes cover all channels of a plane, with the outputs that they need."""
    if any(layer.kernel != 1 for layers in pass_layers for layer in layers[1:]):
        raise InvalidModelFile("only the first layer of a pass may have a kernel of 3")
    whole = Pass(0, 0, tuple(place for lattice in QUARTERS for place in lattice)).places
    lo, hi, seen = 0, 0, whole
    for stage, layers in zip(passes, pass_layers, strict=True):
        if seen == whole:
            lo, hi, seen = hi, stage.hi, set()
        places = stage.places
        cells = not places or any(max(place) > 1 for place in stage.lattice)
        if (stage.lo, stage.hi) != (lo, hi) or hi <= lo or seen & places or cells:
            raise InvalidModelFile("the passes do not cover the plane exactly once, group after group")
        if layers[-1].units != 2 * (hi - lo):
            raise InvalidModelFile("a pass needs a mean and a class for every channel")
        seen |= places
    if seen != whole or hi != channels:
        raise InvalidModelFile("the passes do not cover the plane")
