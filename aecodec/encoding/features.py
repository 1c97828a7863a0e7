"""Latents as features for other programs, and anomaly scores, the cost of a picture under a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aecodec import engines
from aecodec.encoding import candidates
from aecodec.encoding.candidates import Candidate
from aecodec.encoding.options import whole_number
from aecodec.encoding.residual_search import choose
from aecodec.engines import DEFAULT_ENGINE
from aecodec.errors import InvalidValue, UnsupportedImage
from aecodec.images import loading, tile_grid
from aecodec.images.source import require_several
from aecodec.models import ladder
from aecodec.models.analysis import analyse
from aecodec.models.description import COEFFICIENT_BITS, QUALITIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aecodec.images.source import ImageLike, Picture

BATCH_PIXELS = 1 << 20
ANOMALY_QUALITY = 20  # letters among training digits are told apart best around here


@dataclass(frozen=True)
class Features:
    """The latent of a picture, or of N pictures with N as the first dimension of each array; all float32, gray levels.

    vector: (tiles, vector) before quantization, tiles in raster order. plane: (rows, columns, coefficients) before
    quantization, for each block of the picture. quantized_vector, quantized_plane: the same as the decoder has them,
    before the correction. A model without a vector has 0 tiles, one without a plane 0 coefficients.
    """

    vector: NDArray[np.float32]
    plane: NDArray[np.float32]
    quantized_vector: NDArray[np.float32]
    quantized_plane: NDArray[np.float32]


def features(image: ImageLike, *, model: str, quality: int = 75, engine: str = DEFAULT_ENGINE) -> Features:
    """Compute the latent of a picture before and after quantization.

    image: as for `aecodec.encode`; opacity is ignored. model: a name from `aecodec.list_models()`. quality: 1 to 100,
    for the quantization. A picture that is dark on light is inverted, as in the encoder. Panels are not used: a large
    picture is coded as a whole. Raises UnsupportedImage, UnknownModel and InvalidValue.
    """
    found = features_many([image], model=model, quality=quality, engine=engine)
    return Features(found.vector[0], found.plane[0], found.quantized_vector[0], found.quantized_plane[0])


def features_many(
    images: Sequence[ImageLike] | NDArray[np.uint8],
    *,
    model: str,
    quality: int = 75,
    engine: str = DEFAULT_ENGINE,
) -> Features:
    """Compute the latents of pictures of one size, all gray or all in colour; otherwise like `features`."""
    whole = whole_number("quality", quality, 1, QUALITIES)
    stack, candidate = _stack(images, model)
    parts = [_features(part, candidate, whole, engine) for part in _parts(stack)]
    return Features(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def anomaly_score(
    image: ImageLike,
    *,
    model: str,
    quality: int = ANOMALY_QUALITY,
    engine: str = DEFAULT_ENGINE,
) -> float:
    """The cost of a picture under a model: bits plus lambda times squared error, per pixel; larger is more anomalous.

    This is the rate-distortion cost that the encoder minimises at this quality, with effort 0; lambda is the price of a
    unit of squared error in bits. For pictures of more than about 65,000 pixels, four sample parts are coded. Scores
    are comparable only for the same model and quality. Arguments and errors as for `features`.
    """
    return float(anomaly_scores([image], model=model, quality=quality, engine=engine)[0])


def anomaly_scores(
    images: Sequence[ImageLike] | NDArray[np.uint8],
    *,
    model: str,
    quality: int = ANOMALY_QUALITY,
    engine: str = DEFAULT_ENGINE,
) -> NDArray[np.float64]:
    """The scores (N,) of pictures of one size, all gray or all in colour; arguments as for `anomaly_score`."""
    whole = whole_number("quality", quality, 1, QUALITIES)
    stack, candidate = _stack(images, model)
    costs = [candidates.trial_costs(part, candidate, whole, engine) for part in _parts(stack)]
    return np.concatenate(costs)


def _stack(images: Sequence[Any] | NDArray[np.uint8], model: str) -> tuple[Picture, Candidate]:
    """Samples (N, H, W, C), and the model's candidate for pictures of this shape."""
    if model == "auto":
        raise InvalidValue("features and scores are comparable only within one model: name the model")
    require_several(images)
    loaded = [loading.load(image) for image in images]
    shapes = {source.samples.shape for source in loaded}
    if len(shapes) != 1:
        raise UnsupportedImage("expected one or more pictures of the same size, all gray or all in colour")
    shape = shapes.pop()
    stack = np.stack([source.samples for source in loaded])
    return stack.reshape(len(loaded), shape[0], shape[1], -1), candidates.candidates_for(shape, model)[0]


def _parts(stack: Picture) -> list[Picture]:
    size = max(1, BATCH_PIXELS // (stack.shape[1] * stack.shape[2]))
    return [stack[begin : begin + size] for begin in range(0, len(stack), size)]


def _features(stack: Picture, candidate: Candidate, quality: int, engine_name: str) -> tuple[NDArray[np.float32], ...]:
    model, engine, unit = candidate.model, engines.engine(engine_name), np.float32(2**COEFFICIENT_BITS)
    d, n = model.description, len(stack)
    grown = tile_grid.grow(candidates.model_samples(stack, candidate), d.unit)
    qualities = np.full(n, quality)
    vector, plane = analyse(model, grown)
    chosen = iter(choose(model, engine, grown, qualities).residuals)
    known: list[NDArray[np.int32]] = []

    def code(prediction: ladder.Prediction) -> NDArray[np.int32]:
        residual = next(chosen)
        if prediction.index == ladder.VECTOR:
            known.append(ladder.elements_of(prediction, residual))
        return residual

    latent = ladder.walk(model, engine, qualities, plane.shape[1], plane.shape[2], code)
    decoded = known[0].astype(np.float32) / unit if known else vector
    width = max(1, d.vector)
    return vector.reshape(n, -1, width), plane, decoded.reshape(n, -1, width), latent.plane.astype(np.float32) / unit
