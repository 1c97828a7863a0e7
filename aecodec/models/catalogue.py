"""The installed models, with what a user wants to know about them."""

from __future__ import annotations

from dataclasses import dataclass

from aecodec.models import registry
from aecodec.models.model import Model


@dataclass(frozen=True)
class ModelInfo:
    """An installed model. `tile` is (width, height) or None; `figures` were measured on held-out pictures."""

    name: str
    number: int
    id: str
    purpose: str
    tile: tuple[int, int] | None
    channels: int
    parameters: int
    macs_per_pixel: float
    figures: list[dict[str, float]]


def list_models() -> list[ModelInfo]:
    """The installed models: the bundled ones, and those in the folders listed in AECODEC_MODELS."""
    found = []
    for model in registry.readable():
        d = model.description
        found.append(
            ModelInfo(
                name=model.name,
                number=registry.number_of(model),
                id=model.id.hex(),
                purpose=model.purpose,
                tile=None if d.tile is None else (d.tile[1], d.tile[0]),
                channels=d.channels,
                parameters=model.parameters,
                macs_per_pixel=model.macs_per_pixel,
                figures=_figures(model),
            )
        )
    return found


def _figures(model: Model) -> list[dict[str, float]]:
    """The figures of the model's card; malformed entries are dropped, as a card is not verified."""
    found, keys = model.card.get("figures", []), ("quality", "bytes", "psnr")
    sound = [f for f in found if isinstance(f, dict)] if isinstance(found, list) else []
    return [f for f in sound if all(isinstance(f.get(key), (int, float)) for key in keys)]
