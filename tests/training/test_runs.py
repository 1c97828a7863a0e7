"""Training: a run of seconds gives a model file that works, and what it exports is what it trained."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from samples import COLOUR, DIGITS, mosaic, planeless_file, squared_error, tiny_file

import aecodec
from aecodec.cli import main
from aecodec.cli.train import draw
from aecodec.encoding.residual_search import choose, choose_measured
from aecodec.engines import engine
from aecodec.models import ladder, registry, safetensors
from aecodec.models.description import CLASSES_PER_OCTAVE, COEFFICIENT_BITS, lambda_of_quality
from aecodec.models.model import Model, check_shape, load
from aecodec.packing import ideal_bits, parametric

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))  # as for the scripts there

WITHOUT = "AECODEC_TEST_WITHOUT_TENSORFLOW"
if WITHOUT in os.environ:
    pytest.skip(f"{WITHOUT} is set: training is not tested", allow_module_level=True)

import ablations  # noqa: E402

from aecodec.sources import tile_arrays  # noqa: E402
from aecodec.training import augmentation, export, fitting, ladder_run, presets, remainder_run  # noqa: E402
from aecodec.training.initialization import origins, start_from  # noqa: E402
from aecodec.training.ladder_network import SKIPPED_CLASSES  # noqa: E402
from aecodec.training.statistics import measure, of_model  # noqa: E402

STEPS_PER_EPOCH = 8
UNIT = 2**COEFFICIENT_BITS
SMALL_SHAPE: dict[str, Any] = {"side": 28, "channels": 1, "vector": 4, "groups": (0, 4), "features": 8, "width": 8}
SMALL = presets.Preset(
    presets.ladder(**SMALL_SHAPE),
    "tests",
    "none",
    steps=4 * STEPS_PER_EPOCH,
    remainder=presets.remainder(channels=1, first=8, width=8),
    tiles=12,
    larger=1,
)
TILES = np.stack([np.roll(digit, (y, x), (0, 1)) for digit in DIGITS for y in (-1, 0, 1) for x in (-1, 1)])
# Pictures of two by two tiles.
LARGER = np.stack([mosaic(56, 56, tiles=DIGITS[i:] + DIGITS[:i]) for i in range(20)])


def idx(tiles: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([tiles.ndim]) + np.array(tiles.shape, ">u4").tobytes() + tiles.tobytes()


@pytest.fixture(scope="module")
def small_runs() -> Iterator[None]:
    compiled = fitting.Objective.compile

    def quickly(self: fitting.Objective, **options: object) -> None:
        compiled(self, **{**options, "jit_compile": False})  # XLA would take minutes, the run takes seconds

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting.Objective, "compile", quickly)
        patch.setitem(presets.PRESETS, "mnist", SMALL)
        patch.setattr(fitting, "STEPS_PER_EPOCH", STEPS_PER_EPOCH)
        patch.setattr(ladder_run, "TABLE_PIXELS", 100 * 28 * 28)
        yield


def train(data: Path, output: Path, **options: object) -> Model:
    return ladder_run.run([str(data)], output, preset="mnist", validation=20, progress=False, done=draw, **options)


@pytest.fixture(scope="module")
def trained(small_runs: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file of a run of 32 steps; its data and checkpoints lie beside it."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "digits").write_bytes(idx(TILES))
    train(folder / "digits", folder / "small-1.safetensors", steps=4 * STEPS_PER_EPOCH, seed=3)
    return folder / "small-1.safetensors"


def epochs(folder: Path) -> list[int]:
    return [json.loads(line)["epoch"] for line in (folder / "log.jsonl").read_text().splitlines()]


# A run ---


def test_a_run_writes_a_model_that_compresses_and_decompresses(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv(registry.VARIABLE, str(trained.parent))
        registry.files.cache_clear()
        model = registry.by_name("small-1")
        assert model.description == SMALL.description
        for quality in (1, 50, 100):
            data = aecodec.encode(DIGITS[0], model="small", quality=quality)
            assert aecodec.inspect(data).model_id == model.id.hex()
            decoded = aecodec.decode(data)
            assert decoded.shape == (28, 28)
            assert np.array_equal(aecodec.decode(data, engine="tensorflow"), decoded)
    registry.files.cache_clear()
    registry.by_name.cache_clear()


def test_a_run_says_on_its_card_what_it_did(trained: Path) -> None:
    card = load(trained.read_bytes()).card
    assert card["seed"] == 3
    assert card["data"] == [{"source": "digits", "tiles": 100}]
    assert card["held_out"]["tiles"] == 20
    assert [figure["quality"] for figure in card["figures"]] == list(fitting.REPORTED_QUALITIES)
    bytes_, decibels = ([figure[key] for figure in card["figures"]] for key in ("bytes", "psnr"))
    assert bytes_[0] < bytes_[-1]
    assert decibels[0] < decibels[-1]
    assert str(trained.parent) not in json.dumps(card)  # no folders of this machine


def test_training_lowers_the_loss(trained: Path) -> None:
    log = (trained.parent / "small-1.safetensors.training" / "log.jsonl").read_text().splitlines()
    losses = [json.loads(line)["loss"] for line in log]
    assert len(losses) == 4
    assert losses[-1] < losses[0]


def test_a_run_leaves_curves_and_reconstructions(trained: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("curves.png", "reconstructions.png"):
        with Image.open(trained.parent / "small-1.safetensors.training" / name) as image:
            assert min(image.size) > 200


@pytest.mark.parametrize("option", ["distort", "denoise"])
def test_a_run_on_distorted_pictures_says_so_and_compares_with_what_it_is_meant_to(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    seen = []
    validate = fitting.validate

    def noted(model: object, tiles: np.ndarray, *clean: np.ndarray) -> object:
        seen.append((tiles, *clean))
        return validate(model, tiles, *clean)

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "validate", noted)
        spec = {option: "salt-pepper:0.3"}
        model = train(trained.parent / "digits", tmp_path / "noisy-1.safetensors", steps=2 * STEPS_PER_EPOCH, **spec)
    assert model.card["distorted"] == {"by": "salt-pepper:0.3", "denoising": option == "denoise"}
    assert "salt-pepper:0.3" in (tmp_path / "noisy-1.md").read_text()
    tiles, *clean = seen[0]
    assert len(clean) == (option == "denoise")
    known = {tile.tobytes() for tile in TILES}
    assert not any(tile.tobytes() in known for tile in tiles)
    assert all(tile.tobytes() in known for part in clean for tile in part)


def test_nothing_is_left_to_train_when_a_finished_run_is_resumed(trained: Path, tmp_path: Path) -> None:
    checkpoints = trained.parent / "small-1.safetensors.training"
    before = epochs(checkpoints)
    again = train(
        trained.parent / "digits",
        tmp_path / "again-1.safetensors",
        steps=4 * STEPS_PER_EPOCH,
        seed=3,
        resume=True,
        checkpoints=checkpoints,
    )
    assert epochs(checkpoints) == before == [1, 2, 3, 4]
    assert again.id == load(trained.read_bytes()).id


def test_an_interrupted_run_goes_on_where_it_was(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits, output = trained.parent / "digits", tmp_path / "broken-1.safetensors"
    keep = fitting.Keeper.on_epoch_end

    def interrupted(self: fitting.Keeper, epoch: int, logs: dict[str, float] | None = None) -> None:
        keep(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(fitting.Keeper, "on_epoch_end", interrupted)
        train(digits, output, steps=3 * STEPS_PER_EPOCH)
    checkpoints = tmp_path / "broken-1.safetensors.training"
    assert epochs(checkpoints) == [1, 2]
    assert not output.exists()
    with np.load(checkpoints / "checkpoint.npz") as saved:
        assert saved["epoch"] == 2
    train(digits, output, steps=3 * STEPS_PER_EPOCH, resume=True)
    assert epochs(checkpoints) == [1, 2, 3]
    assert load(output.read_bytes()).name == "broken-1"


def test_a_run_finishes_a_model_for_lossless_files(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = remainder_run.Objective.compile
    for name, few in {
        "STEPS_PER_EPOCH": STEPS_PER_EPOCH,
        "RECONSTRUCTED": 60,
        "MEASURED": 10,
        "TABLE_TILES": 60,
    }.items():
        monkeypatch.setattr(remainder_run, name, few)
    monkeypatch.setattr(
        remainder_run.Objective, "compile", lambda self, **options: compiled(self, **{**options, "jit_compile": False})
    )
    output = tmp_path / "small-2.safetensors"
    remainder_run.run(
        [str(trained.parent / "digits")],
        output,
        base=trained,
        preset="mnist",
        steps=2 * STEPS_PER_EPOCH,
        validation=20,
        progress=False,
    )
    before, after = load(trained.read_bytes()), load(output.read_bytes())
    assert before.remainder is None and after.remainder is not None
    for name, array in before.arrays.items():  # the ladder stays what it was
        assert np.array_equal(after.arrays[name], array)
    assert [figure["error"] for figure in after.card["remainder"]["figures"]] == [0, 1, 2, 4]
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path))
    registry.files.cache_clear()
    data = aecodec.encode(DIGITS[1], model="small", lossless=True)
    assert aecodec.inspect(data).model_id == after.id.hex()
    assert np.array_equal(aecodec.decode(data), DIGITS[1])
    registry.files.cache_clear()
    registry.by_name.cache_clear()


def test_a_shape_without_a_tile_is_trained_on_crops_and_codes_any_size(
    small_runs: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = {**SMALL_SHAPE, "side": None, "vector": 0, "block": 8, "groups": (0, 3, 12)}
    preset = dataclasses.replace(SMALL, description=presets.ladder(**shape), crop=16, tiles=4, larger=0)
    monkeypatch.setitem(presets.PRESETS, "mnist", preset)
    (tmp_path / "pictures").mkdir()
    for index, picture in enumerate(LARGER[:6]):
        Image.fromarray(picture).save(tmp_path / "pictures" / f"{index}.png")
    model = train(tmp_path / "pictures", tmp_path / "any-1.safetensors", steps=2 * STEPS_PER_EPOCH, crops=16)
    assert model.description.tile is None and model.description.features == SMALL_SHAPE["features"]
    assert "pictures of any size" in (tmp_path / "any-1.md").read_text()
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path))
    registry.files.cache_clear()
    noise = np.random.default_rng(1).integers(0, 60, LARGER[0].shape).astype(np.uint8)  # so that none goes plain
    for picture in (LARGER[7] // 2 + noise, (LARGER[8] // 2 + noise)[:9, :50]):
        data = aecodec.encode(picture, model="any", quality=60)
        decoded = aecodec.decode(data)
        assert aecodec.inspect(data).model_id == model.id.hex()
        assert decoded.shape == picture.shape
        assert squared_error(decoded, picture) < 0.3 * squared_error(np.full_like(picture, picture.mean()), picture)
    registry.files.cache_clear()
    registry.by_name.cache_clear()


@pytest.mark.parametrize(
    "option, contents, sentence",
    [
        ("--init", planeless_file(), "has no plane: training starts from models that have one"),
        ("--init", tiny_file(), "is for other pictures than the preset mnist"),
        ("--remainder", tiny_file(), "is for other pictures than the preset mnist"),
    ],
    ids=["no plane", "other pictures", "a remainder for other pictures"],
)
def test_models_that_no_training_can_start_from_are_refused_with_one_sentence(
    tmp_path: Path, option: str, contents: bytes, sentence: str, small_runs: None
) -> None:
    (tmp_path / "digits").write_bytes(idx(TILES))
    (tmp_path / "other-1.safetensors").write_bytes(contents)
    words = [str(tmp_path / "digits"), "-o", str(tmp_path / "x-1.safetensors"), "--preset", "mnist", "--quiet"]
    result = CliRunner().invoke(main, ["train", *words, option, str(tmp_path / "other-1.safetensors")])
    assert result.exit_code == 1
    assert sentence in result.output and len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "x-1.safetensors").exists()


def test_a_ladder_is_not_trained_for_less_than_two_epochs(tmp_path: Path, small_runs: None) -> None:
    (tmp_path / "digits").write_bytes(idx(TILES))
    words = ["train", str(tmp_path / "digits"), "-o", str(tmp_path / "x-1.safetensors"), "--preset", "mnist", "--quiet"]
    result = CliRunner().invoke(main, [*words, "--validation", "20", "--steps", str(2 * STEPS_PER_EPOCH - 1)])
    assert (result.exit_code, "15 steps are too few" in result.output) == (1, True)
    assert not (tmp_path / "x-1.safetensors").exists()


def test_a_preset_without_a_remainder_and_a_shape_without_a_model_are_refused(tmp_path: Path) -> None:
    (tmp_path / "digits").write_bytes(idx(TILES))
    (tmp_path / "other-1.safetensors").write_bytes(tiny_file())
    words = ["train", str(tmp_path / "digits"), "-o", str(tmp_path / "x-1.safetensors"), "--quiet"]
    result = CliRunner().invoke(
        main, [*words, "--preset", "vector16", "--remainder", str(tmp_path / "other-1.safetensors")]
    )
    assert (result.exit_code, "vector16 has no remainder to train" in result.output) == (1, True)
    result = CliRunner().invoke(main, [*words, "--preset", "mnist", "--reshape"])
    assert (result.exit_code, "--reshape is for a model to start from" in result.output) == (2, True)


def test_the_same_seed_draws_the_same_batches() -> None:
    pools = [fitting.Pool(TILES[..., None], 0.7), fitting.Pool(TILES[:5, ..., None], 0.3)]
    one, same, other = (fitting.Batches(pools, SMALL, "pen", seed) for seed in (1, 1, 2))
    drawn, again, different = one[4][0], same[4][0], other[4][0]
    assert [pictures.shape for pictures, _ in drawn] == [(12, 28, 28, 1), (1, 56, 56, 1)]
    one.on_epoch_end()
    for group, (pictures, quality) in enumerate(drawn):
        assert quality.shape == (len(pictures),)
        assert 1 <= quality.min() <= quality.max() <= 100
        assert np.array_equal(pictures, again[group][0])
        assert np.array_equal(quality, again[group][1])
        assert not np.array_equal(pictures, different[group][0])
        assert not np.array_equal(pictures, one[4][0][group][0])


def test_larger_pictures_are_crops_or_else_mosaics_of_tiles() -> None:
    known = {tile.tobytes() for tile in TILES}
    mosaics = fitting.draw_larger([fitting.Pool(TILES[..., None], 1.0)], 3, np.random.default_rng(0))
    assert mosaics.shape == (3, 56, 56, 1)
    parts = mosaics.reshape(3, 2, 28, 2, 28).swapaxes(2, 3).reshape(-1, 28, 28)
    assert {part.tobytes() for part in parts} <= known
    # Crops of any source are taken before mosaics of another.
    crops = LARGER[:5, ..., None]
    pools = [fitting.Pool(TILES[..., None], 0.9), fitting.Pool(TILES[..., None], 0.1, crops=crops)]
    pools.append(fitting.Pool(TILES[..., None], 1.0, crops=crops[:0]))
    found = fitting.draw_larger(pools, 50, np.random.default_rng(0))
    assert found.shape == (50, 56, 56, 1)
    assert {one.tobytes() for one in found} == {crop.tobytes() for crop in crops}


# What is exported is what was trained ---


@pytest.fixture(scope="module")
def network(trained: Path) -> fitting.Objective:
    """The network of that run, as its last checkpoint has it."""
    checkpoints = trained.parent / "small-1.safetensors.training"
    pool = fitting.Pool(TILES[:, ..., None], 1.0)
    return fitting.train(SMALL, [pool], pool.tiles, checkpoints, steps=SMALL.steps, resume=True, verbose=0)


def exported_from(network: fitting.Objective) -> Model:
    arrays = export.arrays_of(network) | export.table_arrays(parametric(skip=SKIPPED_CLASSES))
    return load(safetensors.dump(arrays, {"name": "x-1", "description": network.description.to_json()}))


@pytest.fixture(scope="module")
def exported(network: fitting.Objective) -> Model:
    return exported_from(network)


@pytest.mark.parametrize("pictures", [TILES[:80], LARGER], ids=["tiles", "two by two tiles"])
def test_the_exported_model_computes_what_the_trained_network_does(
    network: fitting.Objective, exported: Model, monkeypatch: pytest.MonkeyPatch, pictures: np.ndarray
) -> None:
    require_agreement(network, exported, monkeypatch, pictures)


@pytest.mark.parametrize(("spacing", "side"), [(2, 28), (4, 36)], ids=["seven blocks", "nine blocks"])
def test_a_shape_that_begins_with_few_blocks_computes_alike(
    monkeypatch: pytest.MonkeyPatch, spacing: int, side: int
) -> None:
    shape = presets.ladder(side=None, channels=1, groups=(0, 3), features=6, width=8, spacing=spacing)
    network = fitting.Objective(shape, measure(TILES[..., None], shape))
    network.build()
    require_agreement(network, exported_from(network), monkeypatch, LARGER[:, :side, :side])


def require_agreement(
    network: fitting.Objective, exported: Model, monkeypatch: pytest.MonkeyPatch, pictures: np.ndarray
) -> None:
    """The means, classes, steps and elements of the network and of the model that was made of it are the same."""
    count, quality = len(pictures), np.tile([10, 40, 70, 100], len(pictures) // 4)
    rows, columns = network.description.grid(*pictures.shape[1:])
    # Means, steps and decoded values of the network in grey levels, and its classes.
    calls: list[tuple[np.ndarray, ...]] = []
    code = type(network)._code

    def noted(value, mean, absolute_class, step, lambda_):
        decoded, bits = code(value, mean, absolute_class, step, lambda_)
        offset = np.floor(-CLASSES_PER_OCTAVE * np.log2(np.asarray(step)) + 0.5)
        whole = np.floor(np.asarray(absolute_class) + 0.5) + offset
        parts = np.asarray(mean), np.asarray(step), np.asarray(decoded), np.clip(whole, 0, 63)
        calls.append(np.broadcast_arrays(*parts))
        return decoded, bits

    monkeypatch.setattr(type(network), "_code", staticmethod(noted))
    (result,) = network.call(((pictures[..., None], quality.astype(np.int32)),))
    chosen = []
    of_passes = iter(calls)

    def noted_of(index: int) -> list[np.ndarray]:
        """Of the vector, or of a pass as its positions come, whose places of the lattice the network codes apart."""
        if index == ladder.VECTOR:
            return list(next(of_passes))
        stage = network.description.passes[index]
        planes = [np.zeros((count, rows, columns, stage.hi - stage.lo), np.float32) for _ in range(4)]
        for y, x in stage.lattice:
            for plane, part in zip(planes, next(of_passes), strict=True):
                plane[:, :: stage.spacing, :: stage.spacing][:, y::2, x::2] = part
        where = ladder.positions(stage, rows, columns)
        return [plane.reshape(count, rows * columns, -1)[:, where] for plane in planes]

    def follow(index: int, mean: np.ndarray, classes: np.ndarray, step: np.ndarray) -> np.ndarray:
        their_mean, their_step, decoded, their_classes = (part.reshape(mean.shape) for part in noted_of(index))
        assert np.array_equal(their_mean * UNIT, mean)
        assert np.array_equal(their_step * UNIT, np.broadcast_to(step, mean.shape))
        assert np.array_equal(their_classes, classes)
        chosen.append(np.rint((decoded * UNIT - mean) / step).astype(np.int64))
        return chosen[-1]

    latent = ladder.walk(exported, engine(), quality, rows, columns, follow)
    pixels = ladder.synthesize(exported, engine(), latent)
    assert np.abs(pixels - np.asarray(result["pixels"])).max() <= 0.51  # the network does not round its pixels
    assert np.count_nonzero(np.concatenate(chosen, axis=1)) > 1000  # there was something to agree on
    assert next(of_passes, None) is None


def reshaped(**changes: Any) -> presets.Preset:
    return dataclasses.replace(SMALL, description=presets.ladder(**({**SMALL_SHAPE, **changes})))


def started(preset: presets.Preset, model: Model) -> fitting.Objective:
    network = fitting.Objective(preset.description, of_model(model, TILES[..., None]))
    network.build()
    start_from(network, model)
    return network


def test_a_wider_ladder_starts_as_the_narrower_one(exported: Model) -> None:
    group = ((TILES[:20, ..., None], np.tile([10, 90], 10).astype(np.int32)),)
    (before,) = started(SMALL, exported).call(group)
    (after,) = started(reshaped(width=12), exported).call(group)
    for name in ("bits", "error"):
        assert np.allclose(before[name], after[name], rtol=0.02)
    # And what is new can learn: it is heard, or hears.
    new = started(reshaped(width=12), exported).pass_nets[0]
    assert np.asarray(new[0].kernel)[..., 8:].any() and not np.asarray(new[1].kernel)[:, :, 8:, :8].any()


def test_two_halves_of_a_group_start_from_the_passes_that_it_had(exported: Model) -> None:
    halves = reshaped(groups=(0, 2, 4), joined=(2,))
    (before,) = started(SMALL, exported).call(group := ((TILES[:60, ..., None], np.full(60, 60, np.int32)),))
    (after,) = started(halves, exported).call(group)
    fresh = fitting.Objective(halves.description, of_model(exported, TILES[..., None]))
    fresh.build()
    (anew,) = fresh.call(group)
    # The first half misses what the second one told its neighbours, which costs little beside a start from nothing.
    cost = [
        np.sum(np.asarray(r["bits"]) + lambda_of_quality(60) * np.asarray(r["error"])) for r in (before, after, anew)
    ]
    assert cost[1] - cost[0] < 0.5 * (cost[2] - cost[0])


@pytest.mark.parametrize(
    "changes, what",
    [
        ({"vector": 5}, "another vector"),
        ({"features": 12}, "another features"),
        ({"groups": (0, 6)}, "no pass of x-1 has the channels 0 to 6"),
    ],
)
def test_what_does_not_fit_is_no_start(exported: Model, changes: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        origins(reshaped(**changes).description, exported)


def test_groups_are_walked_independently(network: fitting.Objective) -> None:
    groups = (TILES[:3, ..., None], np.array([10, 50, 90])), (LARGER[:2, ..., None], np.array([30, 70]))
    together = network.call(groups)
    assert len(together) == 2
    for group, result in zip(groups, together, strict=True):
        (alone,) = network.call((group,))
        for name in ("bits", "error", "pixels"):
            assert len(result[name]) == len(group[0])
            assert np.allclose(result[name], alone[name], rtol=1e-5)


def test_the_encoder_does_no_worse_than_the_trained_network(network: fitting.Objective, exported: Model) -> None:
    # The network counts bits by a formula, the encoder by the tables. After so few steps classes are often far from
    # the truth, where the two differ most, and with them some decisions.
    tiles, quality = TILES[:80, ..., None], np.tile([10, 40, 70, 100], 20)
    (result,) = network.predict(((tiles, quality.astype(np.int32)),), batch_size=40, verbose=0)
    choice = choose_measured(exported, engine(), tiles, quality)
    bits = ideal_bits(exported.tables, choice.residuals, choice.classes)
    for one in np.unique(quality):
        mine, lambda_ = quality == one, lambda_of_quality(one)
        cost = bits[mine].sum() + lambda_ * squared_error(choice.pixels[mine], tiles[mine])
        assert cost <= 1.02 * (result["bits"][mine].sum() + lambda_ * result["error"][mine].sum())


def test_learned_tables_are_no_longer_than_the_parametric_ones(trained: Path) -> None:
    learned = load(trained.read_bytes())
    arrays = {**learned.arrays, **export.table_arrays(parametric(skip=SKIPPED_CLASSES))}
    start = load(safetensors.dump(arrays, dict(learned.metadata)))
    quality = np.tile([10, 40, 70, 100], 25)
    lengths = []
    for model in (learned, start):
        choice = choose(model, engine(), TILES[:100, ..., None], quality)
        lengths.append(ideal_bits(model.tables, choice.residuals, choice.classes).sum())
    assert lengths[0] < lengths[1]


@pytest.mark.parametrize("name", sorted(augmentation.AUGMENTATIONS))
@pytest.mark.parametrize("tiles", [TILES[:6, ..., None], np.stack(COLOUR[:6])], ids=["gray", "colour"])
def test_augmentation_keeps_shape_and_dtype(name: str, tiles: np.ndarray) -> None:
    if tiles.shape[3] != {"pen": 1, "colour": 3, "photograph": 3}.get(name, tiles.shape[3]):
        pytest.skip("made for the other kind")
    augmented = augmentation.AUGMENTATIONS[name](tiles, np.random.default_rng(0))
    assert augmented.shape == tiles.shape
    assert augmented.dtype == np.uint8
    assert np.array_equal(augmented, tiles) == (name == "none")


def test_transforms_of_colour_are_orthonormal_and_see_nothing_in_gray() -> None:
    shape = presets.ladder(side=None, channels=3, block=4, groups=(0,), features=0, width=4)
    found = measure(np.stack(COLOUR), shape)
    assert np.allclose(found.block_analysis.T @ found.block_analysis, np.eye(48), atol=1e-6)
    assert np.all(np.diff(found.block_spread) <= 0)
    gray = np.random.default_rng(0).uniform(0, 255, (50, 16, 1)).repeat(3, axis=2).reshape(50, 48)
    plane = (gray - found.block_mean) @ found.block_analysis
    assert np.count_nonzero(np.abs(plane).max(axis=0) < 1e-6) == 32


# Sources ---


def sheet(tiles: np.ndarray, columns: int) -> np.ndarray:
    rows = [np.concatenate(list(tiles[i : i + columns]), axis=1) for i in range(0, len(tiles), columns)]
    return np.concatenate(rows)


def test_idx_files_gzipped_or_not(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(idx(TILES))
    (tmp_path / "zipped.gz").write_bytes(gzip.compress(idx(TILES)))
    for name in ("plain", "zipped.gz"):
        assert np.array_equal(tile_arrays.load(str(tmp_path / name), (28, 28), 1), TILES[..., None])


def test_npz_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "both.npz", a=TILES[:3], b=TILES[3:5, ..., None], labels=np.arange(5))
    assert np.array_equal(tile_arrays.load(str(tmp_path / "both.npz"), (28, 28), 1), TILES[:5, ..., None])


def test_tile_sheets(tmp_path: Path) -> None:
    tiles = np.resize(TILES, (25 * 26, 28, 28))
    Image.fromarray(sheet(tiles, 26)).save(tmp_path / "sheet.png")
    assert np.array_equal(tile_arrays.load(str(tmp_path / "sheet.png"), (28, 28), 1), tiles[..., None])


def test_folders_of_pictures(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    Image.fromarray(COLOUR[0]).save(tmp_path / "a.png")
    Image.fromarray(sheet(np.stack(COLOUR), 5)).save(tmp_path / "deep" / "er" / "b.webp", lossless=True)
    (tmp_path / "notes.txt").write_text("no picture")
    tiles = tile_arrays.load(str(tmp_path), (32, 32), 3, crops=10)
    assert tiles.shape == (11, 32, 32, 3)
    assert np.array_equal(tiles[0], COLOUR[0])
    assert np.array_equal(tile_arrays.load(str(tmp_path), (32, 32), 3, crops=10), tiles)  # crops follow from the seed
    assert not np.array_equal(tile_arrays.load(str(tmp_path), (32, 32), 3, crops=10, seed=1), tiles)


def test_larger_crops_come_from_folders_of_larger_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    whole = mosaic(150, 140)
    Image.fromarray(COLOUR[0]).save(folder / "a-tile.png")
    Image.fromarray(COLOUR[0][:, :, :1].repeat(3, 2).repeat(2, 1)[:, :63]).save(folder / "b-narrow.png")
    Image.fromarray(whole).save(folder / "c-large.png")
    crops = tile_arrays.load_crops(str(folder), (32, 32), 3, crops=6)
    assert crops.shape == (6, 64, 64, 3)
    assert np.array_equal(tile_arrays.load_crops(str(folder), (32, 32), 3, crops=6), crops)
    assert not np.array_equal(tile_arrays.load_crops(str(folder), (32, 32), 3, crops=6, seed=1), crops)
    # Every second one is of the picture at half its size: of 75 x 70 pixels, and so no part of the whole one.
    places = np.lib.stride_tricks.sliding_window_view(whole, (64, 64, 3)).reshape(-1, 64, 64, 3)
    assert [any(np.array_equal(crop, place) for place in places) for crop in crops] == [True, False] * 3
    (tmp_path / "idx").write_bytes(idx(TILES))
    Image.fromarray(whole).save(tmp_path / "sheet.png")
    for other in ("idx", "sheet.png"):
        assert tile_arrays.load_crops(str(tmp_path / other), (28, 28), 1).shape == (0, 56, 56, 1)


def test_of_a_shape_without_tiles_whole_pictures_are_held_out(tmp_path: Path) -> None:
    shape = presets.ladder(side=None, channels=1, groups=(0,), features=0, width=4, correction_depth=0)
    preset = dataclasses.replace(SMALL, description=shape, crop=20, larger=0)
    for level in range(40):
        Image.fromarray(np.full((30, 30), 6 * level, np.uint8)).save(tmp_path / f"{level}.png")
    (pool,), held_out = ladder_run.gather([str(tmp_path)], preset, validation=10, balance=False, crops=8, seed=0)
    kept, seen = {int(v) for v in held_out[:, 0, 0, 0]}, {int(v) for v in pool.tiles[:, 0, 0, 0]}
    assert held_out.shape == (10, 20, 20, 1) and len(kept) == 2
    assert not kept & seen and len(kept | seen) == 40
    with pytest.raises(ValueError, match="2 pictures give 16 crops, too few to hold out 17"):
        ladder_run.gather([str(tmp_path)], preset, validation=17, balance=False, crops=8, seed=0)


def test_crops_of_a_folder_get_into_its_pool(tmp_path: Path) -> None:
    colour = presets.ladder(side=32, channels=3, vector=4, groups=(0,), features=4, width=4)
    preset = dataclasses.replace(SMALL, description=colour)
    for index in range(3):
        Image.fromarray(mosaic(100, 120 + index)).save(tmp_path / f"{index}.png")
    (pool,), held_out = ladder_run.gather([str(tmp_path)], preset, validation=10, balance=False, crops=8, seed=0)
    assert pool.tiles.shape == (14, 32, 32, 3)
    assert held_out.shape == (10, 32, 32, 3)
    assert pool.crops.shape == (6, 64, 64, 3)


def test_weights_and_joined_sources(tmp_path: Path) -> None:
    assert ladder_run.parse_source("a.gz") == (["a.gz"], 1.0)
    assert ladder_run.parse_source("a.gz@0.3") == (["a.gz"], 0.3)
    assert ladder_run.parse_source("a@b,c@0.5") == (["a@b", "c"], 0.5)
    for name, part in (("a", TILES[:60]), ("b", TILES[60:])):
        (tmp_path / name).write_bytes(idx(part))
    pools, held_out = ladder_run.gather(
        [f"{tmp_path / 'a'},{tmp_path / 'b'}@0.7", f"{tmp_path / 'b'}@0.3"],
        SMALL, validation=10, balance=False, crops=1, seed=0,
    )  # fmt: skip
    assert [(len(pool.tiles), pool.weight) for pool in pools] == [(110, 0.7), (60, 0.3)]
    assert [pool.crops.shape for pool in pools] == [(0, 56, 56, 1)] * 2
    assert len(held_out) == 10
    # What is held out is not trained on, and nothing else is left out.
    assert sorted(t.tobytes() for t in (*pools[0].tiles, *held_out)) == sorted(t.tobytes() for t in TILES)


def test_labels_beside_idx_images_balance_the_classes(tmp_path: Path) -> None:
    (tmp_path / "some-images-idx3-ubyte").write_bytes(idx(TILES))
    (tmp_path / "some-labels-idx1-ubyte").write_bytes(idx(np.repeat(np.array([0, 1], np.uint8), [90, 30])))
    odds = ladder_run.class_odds(str(tmp_path / "some-images-idx3-ubyte"), 120)
    assert odds.sum() == pytest.approx(1)
    assert odds[:90].sum() == pytest.approx(0.5)
    assert ladder_run.class_odds(str(tmp_path / "others"), 120) is None


def refuses(*arguments: str) -> str:
    """The one sentence with which `aec train` fails."""
    result = CliRunner().invoke(main, ["train", *arguments], prog_name="aec")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("aec: ")
    assert result.stderr.count("\n") == 1
    assert not Path("out-1.safetensors").exists()
    return result.stderr


def test_bad_sources_get_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_runs: None) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text").write_text("no idx file")
    Path("short").write_bytes(idx(TILES)[:-1])
    Path("cut").write_bytes(idx(TILES)[:6])
    Path("floats").write_bytes(b"\0\0\x0d\3" + idx(TILES)[4:])
    Path("broken.gz").write_bytes(gzip.compress(idx(TILES))[:-30])
    Path("few").write_bytes(idx(TILES[:4]))
    Path("wide").write_bytes(idx(np.zeros((50, 32, 32), np.uint8)))
    Path("empty").mkdir()
    np.savez("floats.npz", a=TILES / 255)
    np.savez("empty.npz", labels=np.arange(5))
    Path("broken.npz").write_bytes(b"PK\3\4 and no more")
    Path("broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    Image.fromarray(DIGITS[0][:20]).save("small.png")
    for source in (
        "none", "text", "short", "cut", "floats", "broken.gz", "few", "wide", "empty", "floats.npz", "empty.npz",
        "broken.npz", "broken.png", "small.png",
    ):  # fmt: skip
        assert refuses(source, "-o", "out-1.safetensors", "--preset", "mnist", "--quiet"), source
    assert "does not exist" in refuses("none", "-o", "out-1.safetensors", "--preset", "mnist")
    assert "too few to hold out 1000" in refuses("few", "-o", "out-1.safetensors", "--preset", "mnist")


def test_an_existing_model_is_kept_unless_forced(tmp_path: Path) -> None:
    kept = tmp_path / "kept-1.safetensors"
    kept.write_bytes(b"precious")
    assert "--force" in refuses("any", "-o", str(kept), "--preset", "mnist")
    assert kept.read_bytes() == b"precious"


@pytest.mark.parametrize("name", ablations.SHAPES)
def test_every_variant_of_an_ablation_is_a_shape_that_can_be_trained(name: str) -> None:
    shape = ablations.SHAPES[name]
    found = {}
    for variant, change in ablations.VARIANTS.items():
        changed = change(shape)
        if changed is not None:
            found[variant] = presets.ladder(**(shape | changed))
            check_shape(found[variant])
    assert found["as it is"] == presets.ladder(**shape)
    assert len(set(found.values())) == len(found) >= 7
