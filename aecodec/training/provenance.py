"""The entries of a model's card on its data and its training run, and writing of model and card."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from aecodec.models import model as models
from aecodec.models.model import Model
from aecodec.training.cards import markdown
from aecodec.training.data import Pool, parse_source
from aecodec.training.options import TrainingOptions

OMITTED = {"--resume": 1, "--force": 1, "--quiet": 1, "--checkpoints": 2, "--note": 2}  # option: number of words


def provenance(options: TrainingOptions, pools: Sequence[Pool], held_out: np.ndarray, seconds: float) -> dict[str, Any]:
    """Entries of every card: data, command, seed, duration and backend."""
    sources = [describe(text) for text in options.data]
    return {
        "data": [{"source": text, "tiles": len(pool.tiles)} for text, pool in zip(sources, pools, strict=True)],
        "held_out": {"source": sources[0], "tiles": len(held_out)},
        "command": command_line(),
        "seed": options.seed,
        "note": options.note or "",
        "hours_of_training": round(seconds / 3600, 2),
        "backend": f"keras {keras.__version__} on {keras.backend.backend()}",
    }


def describe(source: str) -> str:
    """Describe a source as it was given, without the folders of absolute paths; of many, the first and last."""
    names, weight = parse_source(source)
    if len(names) > 3:
        names = [names[0], "...", names[-1]]
    shown = ",".join(Path(n).name if Path(n).is_absolute() else n for n in names)
    return shown if weight == 1.0 else f"{shown}@{weight:g}"


def command_line() -> str:
    """The command of this run, without options that do not affect the model and without absolute folders."""
    words, kept = sys.argv[1:], ["aec"]
    while words:
        omitted = OMITTED.get(words[0], 0)
        if not omitted:
            kept.append(describe(words[0]) if "/" in words[0] and not words[0].startswith("-") else words[0])
        words = words[max(1, omitted) :]
    return shlex.join(kept)


def seconds_of_training(folder: Path, default: float) -> float:
    """Seconds of a run with all its interrupted parts, from its log; ``default`` without a log."""
    log = folder / "log.jsonl"
    if not log.exists():
        return default
    total, last = 0.0, 0.0
    for line in log.read_text().splitlines():
        seconds = float(json.loads(line)["seconds"])
        total += seconds - last if seconds >= last else seconds
        last = seconds
    return total


def store(data: bytes, output: Path) -> Model:
    """Write a model file and, next to it, its card."""
    model = models.load(data)
    temporary = output.with_name(output.name + ".new")
    temporary.write_bytes(data)
    temporary.replace(output)
    output.with_suffix(".md").write_text(markdown(model))
    return model
