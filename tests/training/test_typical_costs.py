"""What a model's pictures cost is in its file, and spares typical pictures the trials of other models."""

from __future__ import annotations

import numpy as np
import pytest
from samples import COLOUR, DIGITS, MODELS

import aecodec
from aecodec.encoding import candidates
from aecodec.encoding.candidates import Candidate, ranked, trial_costs, typical_cost
from aecodec.models import model as models
from aecodec.models import registry
from aecodec.models.model import TYPICAL
from aecodec.training.typical import MOST, with_typical_costs


def tried(monkeypatch: pytest.MonkeyPatch, pictures: list[np.ndarray]) -> dict[str, int]:
    """How many pictures each model was tried with, and the files."""
    counts: dict[str, int] = {}

    def counting(stack: np.ndarray, candidate: Candidate, *rest: object) -> np.ndarray:
        counts[candidate.model.name] = counts.get(candidate.model.name, 0) + len(stack)
        return trial_costs(stack, candidate, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(candidates, "trial_costs", counting)
    aecodec.encode_many(pictures, quality=50, effort=0)
    return counts


def test_bundled_models_with_a_tile_say_what_their_pictures_cost() -> None:
    for name in MODELS:
        model = registry.by_name(name)
        assert (TYPICAL in model.arrays) == (model.description.tile is not None)
        if TYPICAL in model.arrays:
            costs = model.arrays[TYPICAL]
            assert costs.shape == (100,) and (np.diff(costs) > 0).all()


def test_typical_pictures_are_tried_with_models_of_their_size_only(monkeypatch: pytest.MonkeyPatch) -> None:
    digits = [np.asarray(digit) for digit in DIGITS]
    counts = tried(monkeypatch, digits)
    special = {name for name in counts if registry.by_name(name).description.tile == (28, 28)}
    assert len(special) == 2 and all(counts[name] == len(digits) for name in special)
    assert sum(counts.get(name, 0) for name in counts.keys() - special) <= 2 * len(digits) // 4


def test_other_pictures_are_tried_with_every_model(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = [np.random.default_rng(i).integers(0, 256, (28, 28)).astype(np.uint8) for i in range(3)]
    assert set(tried(monkeypatch, noise).values()) == {3}
    assert len(tried(monkeypatch, [noise[0][:, :27]])) > 2


def test_the_best_of_several_typical_models_is_taken() -> None:
    stack = np.stack([np.asarray(digit) for digit in DIGITS])[..., None]
    several = candidates.candidates_for(stack.shape[1:3], "auto")
    costs = np.stack([trial_costs(stack, candidate, 50, "auto") for candidate in several])
    limits = [typical_cost(candidate, stack.shape[1:3], 50) for candidate in several]
    best = ranked(stack, several, 50, "auto")[0]
    for picture, chosen in enumerate(best):
        sure = [i for i, limit in enumerate(limits) if limit is not None and costs[i, picture] <= limit]
        special = [i for i, limit in enumerate(limits) if limit is not None]
        among = special if sure else range(len(several))
        assert chosen == min(among, key=lambda i: costs[i, picture])


def test_costs_are_those_that_few_of_the_tiles_exceed_and_change_no_id() -> None:
    name = next(name for name in MODELS if registry.by_name(name).description.channels == 3)
    data = registry.files()[name].read_bytes()
    tiles = np.stack([np.asarray(tile) for tile in COLOUR])
    made = with_typical_costs(data, tiles)
    model = models.load(made)
    assert model.id == models.load(data).id
    candidate = Candidate(model, gray=False)
    limit = typical_cost(candidate, tiles.shape[1:3], 50)
    assert limit is not None
    assert np.isclose(limit, np.quantile(trial_costs(tiles, candidate, 50, "auto"), MOST), rtol=1e-5)
    assert typical_cost(candidate, (31, 32), 50) is None
    assert typical_cost(Candidate(model, gray=True), tiles.shape[1:3], 50) is None
