"""One training run, from data sources to a model file."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np

from aecodec.encoding.batch import Batch
from aecodec.encoding.candidates import Candidate
from aecodec.encoding.lossy import write
from aecodec.encoding.options import DEFAULT_EFFORT
from aecodec.encoding.residual_search import choose_measured
from aecodec.engines import engine
from aecodec.images import distortions
from aecodec.models import model as models
from aecodec.models.model import Model
from aecodec.sources.tile_arrays import load, load_crops, pictures_in, read_idx
from aecodec.training.cards import markdown
from aecodec.training.classics import CLASSICS, Classic
from aecodec.training.export import export, with_card
from aecodec.training.fitting import REPORTED_QUALITIES, Distorting, Objective, Pool, draw, train, validate
from aecodec.training.presets import PRESETS, Preset

Done: TypeAlias = Callable[[Path, Model, np.ndarray], object]

TABLE_PIXELS = 12 << 20  # of training tiles that the tables are learned from
PART_PIXELS = 1 << 19  # of tiles that are measured at once


def parse_source(text: str) -> tuple[list[str], float]:
    """``PATH``, ``PATH,PATH``, each with or without ``@WEIGHT`` -> (paths, weight)."""
    names, at, weight = text.rpartition("@")
    if at:
        try:
            return names.split(","), float(weight)
        except ValueError:
            pass
    return text.split(","), 1.0


def class_odds(source: str, count: int) -> np.ndarray | None:
    """Odds (N,) that draw every class alike, from the idx labels beside idx images; None where there are none."""
    path = Path(source)
    labels = path.with_name(path.name.replace("images-idx3", "labels-idx1"))
    if labels == path or not labels.is_file():
        return None
    values = read_idx(labels)
    if values.shape != (count,):
        return None
    odds = 1.0 / np.bincount(values)[values]
    return odds / odds.sum()


def gather(
    sources: Sequence[str], preset: Preset | Classic, *, validation: int, balance: bool, crops: int, seed: int
) -> tuple[list[Pool], np.ndarray]:
    """Pools of training tiles, and ``validation`` tiles (N, H, W, C) held out of the first source."""
    shape = preset.tile, preset.description.channels
    pools: list[Pool] = []
    held_out: np.ndarray | None = None
    for text in sources:
        names, weight = parse_source(text)
        random = np.random.default_rng(seed)
        kept: list[str] = []
        if held_out is None and not preset.description.tile:
            kept, names = hold_out_pictures(names, random)
        loaded = [load(name, *shape, crops=crops, seed=seed) for name in names]
        tiles = np.concatenate(loaded)
        odds = class_odds(names[0], len(tiles)) if balance and len(names) == 1 else None
        if kept:
            own = np.concatenate([load(name, *shape, crops=crops, seed=seed) for name in kept])
            if len(own) < validation:
                raise ValueError(f"{len(kept)} pictures give {len(own)} crops, too few to hold out {validation}")
            held_out = own[np.sort(random.permutation(len(own))[:validation])]
        elif held_out is None:
            order = random.permutation(len(tiles))
            if len(tiles) <= 2 * validation:
                raise ValueError(f"{len(tiles)} pictures are too few to hold out {validation} of them")
            held_out, rest = tiles[order[:validation]], np.sort(order[validation:])
            tiles = tiles[rest]
            odds = None if odds is None else odds[rest] / odds[rest].sum()
        larger = None
        if isinstance(preset, Classic) or preset.larger:
            larger = np.concatenate([load_crops(name, *shape, crops=-(-crops // 4), seed=seed) for name in names])
        pools.append(Pool(tiles, weight, odds, larger))
    assert held_out is not None
    return pools, held_out


def hold_out_pictures(names: Sequence[str], random: np.random.Generator) -> tuple[list[str], list[str]]:
    """Picture files, of folders those below them: one in sixteen, and the others. A model without tiles is trained on
    crops, and two crops of a picture show the same.
    """
    files = [str(file) for name in names for file in pictures_in(Path(name)) or [Path(name)]]
    order = random.permutation(len(files))
    held = set(order[: len(files) // 16])
    return [files[i] for i in sorted(held)], [file for i, file in enumerate(files) if i not in held]


def run(
    data: Sequence[str],
    output: Path,
    *,
    preset: str,
    name: str | None = None,
    steps: int | None = None,
    learning_rate: float | None = None,
    augmentation: str | None = None,
    validation: int = 1000,
    crops: int = 64,
    balance: bool = False,
    seed: int = 0,
    init: Path | None = None,
    reshape: bool = False,
    distort: str | None = None,
    denoise: str | None = None,
    resume: bool = False,
    checkpoints: Path | None = None,
    note: str | None = None,
    progress: bool = True,
    done: Done = lambda folder, model, tiles: None,
) -> Model:
    """Train, export, measure, write: ``output`` holds the model and its card, which is written beside it as well.

    ``distort`` and ``denoise``, not both: what is done to all pictures before they are coded, as ``distortions.parse``
    has it; with ``denoise`` what is decoded is compared with the pictures as they were. ``done`` is told at the end of
    the folder of checkpoints, of the model, and of the tiles (N, H, W, C) held out, as they were coded.
    """
    if preset in CLASSICS:
        fixed = {
            "a learning rate": learning_rate,
            "an augmentation": augmentation,
            "--balance": balance,
            "--init": init,
            "--reshape": reshape,
        }
        fixed |= {"--distort": distort, "--denoise": denoise, "--resume": resume}
        given = [what for what, value in fixed.items() if value]
        if given:
            raise ValueError(f"{preset} is trained as its authors do it, without {given[0]}")
        return run_classic(
            data,
            output,
            CLASSICS[preset],
            name=name,
            steps=steps,
            validation=validation,
            crops=crops,
            seed=seed,
            checkpoints=checkpoints,
            note=note,
            progress=progress,
            done=done,
        )
    if distort and denoise:
        raise ValueError("a model is trained on distorted pictures or to denoise them, not both")
    spec = distort or denoise
    distorting = Distorting(distortions.parse(spec), denoising=bool(denoise)) if spec else None
    chosen = PRESETS[preset]
    start = models.load(init.read_bytes()) if init else None
    if start and not start.description.passes:
        raise ValueError(f"{start.name} has no plane: training starts from models that have one")
    if start:
        require_pictures_of(start, preset)
    pools, held_out = gather(data, chosen, validation=validation, balance=balance, crops=crops, seed=seed)
    random = np.random.default_rng(seed)
    held: tuple[np.ndarray, ...] = distorting.group(held_out, random) if distorting else (held_out,)
    folder = checkpoints or output.with_name(output.name + ".training")
    started = time.monotonic()
    trained = train(
        chosen,
        pools,
        held,
        folder,
        steps=steps,
        learning_rate=learning_rate,
        augmentation=augmentation,
        seed=seed,
        resume=resume,
        init=start,
        reshape=reshape,
        distorting=distorting,
        verbose=(1 if sys.stderr.isatty() else 2) if progress else 0,
    )
    metadata = {"name": name or output.stem, "purpose": chosen.purpose}
    sample = draw(pools, TABLE_PIXELS // pixels(held_out), np.random.default_rng(seed))
    sample = distorting.group(sample, random)[0] if distorting else sample
    data_bytes = export(trained, sample, metadata, seed=seed)
    model = models.load(data_bytes)
    card = {
        **origin(data, pools, held_out, seed, note, seconds_of_training(folder, time.monotonic() - started)),
        "distorted": {"by": distorting.mixture.name, "denoising": distorting.denoising} if distorting else None,
        "figures": measure(model, *held),
        "loss_of_exactness": exactness(trained, *held),
    }
    model = store(with_card(data_bytes, card), output)
    done(folder, model, held[0])
    return model


def require_pictures_of(model: Model, preset: str) -> None:
    """Raise ``ValueError`` unless a model is for tiles such as the preset's."""
    mine, wanted = model.description, PRESETS[preset].description
    if (mine.tile, mine.channels) != (wanted.tile, wanted.channels):
        raise ValueError(f"{model.name} is for other pictures than the preset {preset}")


def origin(
    data: Sequence[str], pools: Sequence[Pool], held_out: np.ndarray, seed: int, note: str | None, seconds: float
) -> dict[str, Any]:
    """What every card says of where a model comes from."""
    return {
        "data": [{"source": describe(text), "tiles": len(p.tiles)} for text, p in zip(data, pools, strict=True)],
        "held_out": {"source": describe(data[0]), "tiles": len(held_out)},
        "command": command_line(),
        "seed": seed,
        "note": note or "",
        "hours_of_training": round(seconds / 3600, 2),
        "backend": f"keras {keras.__version__} on {keras.backend.backend()}",
    }


def store(data: bytes, output: Path) -> Model:
    """Write a model file and, beside it, its card."""
    model = models.load(data)
    temporary = output.with_name(output.name + ".new")
    temporary.write_bytes(data)
    temporary.replace(output)
    output.with_suffix(".md").write_text(markdown(model))
    return model


def describe(source: str) -> str:
    """A source as it was given, but without the folders of an absolute path; of many, the first and the last."""
    names, weight = parse_source(source)
    if len(names) > 3:
        names = [names[0], "...", names[-1]]
    shown = ",".join(Path(n).name if Path(n).is_absolute() else n for n in names)
    return shown if weight == 1.0 else f"{shown}@{weight:g}"


HOUSEKEEPING = {"--resume": 1, "--force": 1, "--quiet": 1, "--checkpoints": 2, "--note": 2}  # option: words


def command_line() -> str:
    """How this run was started, without what only this machine needs to know."""
    words, kept = sys.argv[1:], ["aec"]
    while words:
        skipped = HOUSEKEEPING.get(words[0], 0)
        if not skipped:
            kept.append(describe(words[0]) if "/" in words[0] and not words[0].startswith("-") else words[0])
        words = words[max(1, skipped) :]
    return shlex.join(kept)


def seconds_of_training(folder: Path, now: float) -> float:
    """Seconds over all parts of a run that was stopped and resumed, from its log."""
    import json

    log = folder / "log.jsonl"
    if not log.exists():
        return now
    total, last = 0.0, 0.0
    for line in log.read_text().splitlines():
        seconds = float(json.loads(line)["seconds"])
        total += seconds - last if seconds >= last else seconds
        last = seconds
    return total


def measure(model: Model, tiles: np.ndarray, *clean: np.ndarray) -> list[dict[str, float]]:
    """Mean bytes of whole files and PSNR of the pooled mean squared error (dB), at a few qualities.

    clean: what the decoded pictures are compared with, where that is not what is coded; then with the least effort, as
    more of it aims at what is coded.
    """
    wanted = clean[0] if clean else tiles
    effort = 0 if clean else DEFAULT_EFFORT
    figures = []
    form = Candidate(model, gray=False)
    at_once = max(1, PART_PIXELS // pixels(tiles))
    for quality in REPORTED_QUALITIES:
        size, error = 0, 0.0
        for begin in range(0, len(tiles), at_once):
            part = tiles[begin : begin + at_once]
            qualities = np.full(len(part), quality)
            choice = choose_measured(model, engine(), part, qualities, effort=effort)
            assert choice.pixels is not None
            error += float(((choice.pixels.astype(np.float64) - wanted[begin : begin + at_once]) ** 2).sum())
            # Light-framed pictures have one bit more in their header, which costs no byte.
            size += sum(map(len, write(Batch(part, [()] * len(part)), form, choice, qualities, "auto")))
        figures.append(
            {
                "quality": quality,
                "bytes": round(size / len(tiles), 2),
                "psnr": round(float(10 * np.log10(255**2 * tiles.size / error)), 2),
            }
        )
    return figures


def pixels(tiles: np.ndarray) -> int:
    """Pixels of one of the tiles (N, H, W, C)."""
    return tiles.shape[1] * tiles.shape[2]


def exactness(trained: Objective, *held: np.ndarray) -> dict[str, Any]:
    """What integer layers cost: ideal payload bytes and PSNR (dB) with the same rounding, float and exact."""
    found: dict[str, Any] = {"exact": validate(trained, *held)}
    trained.set_exact(False)
    trained.compile()
    found["float"] = validate(trained, *held)
    trained.set_exact(True)
    trained.compile()
    return found


# The classics ---


def run_classic(
    data: Sequence[str],
    output: Path,
    classic: Classic,
    *,
    name: str | None,
    steps: int | None,
    validation: int,
    crops: int,
    seed: int,
    checkpoints: Path | None,
    note: str | None,
    progress: bool,
    done: Done,
) -> Model:
    """Train an autoencoder as its authors do, convert it to exact integers, measure both, write the model file."""
    from aecodec.training import classic_training

    pools, held_out = gather(data, classic, validation=validation, balance=False, crops=crops, seed=seed)
    folder = checkpoints or output.with_name(output.name + ".training")
    started = time.monotonic()
    tiles = np.concatenate([pool.tiles for pool in pools])
    verbose = (1 if sys.stderr.isatty() else 2) if progress else 0
    trained = classic_training.train(classic, tiles, held_out, folder, steps=steps, seed=seed, verbose=verbose)
    seconds = time.monotonic() - started
    random = np.random.default_rng(seed)
    sample = tiles[random.permutation(len(tiles))[: TABLE_PIXELS // pixels(tiles)]]
    metadata = {"name": name or output.stem, "purpose": classic.purpose}
    data_bytes = classic_training.export(trained, sample, metadata, seed=seed)
    model = models.load(data_bytes)
    card = {
        **origin(data, pools, held_out, seed, note, seconds),
        "figures": measure(model, held_out),
        "float": classic_training.figures(trained, held_out),
        "integers": classic_training.exact_figures(model, held_out),
    }
    model = store(with_card(data_bytes, card), output)
    done(folder, model, held_out)
    return model
