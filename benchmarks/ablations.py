"""What each part of a ladder's shape buys: variants of a preset's shape, trained alike and briefly.

    python benchmarks/ablations.py train.webp photos@0.2 --preset cifar --steps 2000 -o docs/ablations-cifar.md

Every variant is trained from scratch with the preset's settings for so many steps, then measured on tiles held out:
ideal payload bytes, greedy rounding. Short runs rank the parts; they do not show what each is worth after a long one.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reporting import command_line, table

from aecodec.metrics import bd_rate
from aecodec.models.description import CHECKERBOARD
from aecodec.training import presets
from aecodec.training.fitting import train, validate
from aecodec.training.ladder_run import gather

SHAPES = {
    "mnist": presets.GRAY_28,
    "alphabet": presets.GRAY_28,
    "cifar": presets.COLOUR_32,
    "photo": presets.COLOUR_ANY,
}
Shape = dict[str, Any]


def wider(shape: Shape, factor: float) -> Shape:
    """Features and units times a factor."""
    width = shape["width"]
    units = tuple(round(w * factor) for w in width) if isinstance(width, tuple) else round(width * factor)
    return {"features": round(shape["features"] * factor), "width": units}


def without(shape: Shape, index: int) -> Shape:
    """One group less: the group that begins at ``groups[index]`` joins the one before it."""
    groups, width = list(shape["groups"]), shape["width"]
    del groups[index]
    if isinstance(width, tuple):
        widths = list(width)
        del widths[index]
        width = tuple(widths)
    return {"groups": tuple(groups), "width": width, "joined": tuple(j for j in shape.get("joined", ()) if j in groups)}


# What is changed of a shape; None where the shape has no such part.
VARIANTS: dict[str, Callable[[Shape], Shape | None]] = {
    "as it is": lambda shape: {},
    "no updates of the features": lambda shape: {"update_depth": 0} if "vector" in shape else None,
    "first group in two passes instead of four": lambda shape: (
        {"first": CHECKERBOARD} if "spacing" not in shape else None
    ),
    "no blocks before others": lambda shape: {"spacing": 1} if "spacing" in shape else None,
    "last group joined": lambda shape: without(shape, -1),
    "second group joined": lambda shape: without(shape, 1) if len(shape["groups"]) > 2 else None,
    "no tiles, no vector": lambda shape: {"side": None, "vector": 0} if "vector" in shape else None,
    "vector of a quarter": lambda shape: {"vector": shape["vector"] // 4} if "vector" in shape else None,
    "half as wide": lambda shape: wider(shape, 0.5),
    "half as wide again": lambda shape: wider(shape, 1.5),
    "correction of one layer": lambda shape: {"correction_depth": 1},
}


def curve(figures: list[dict[str, float]]) -> tuple[list[float], list[float]]:
    """(bytes, PSNR)"""
    return [f["bytes"] for f in figures], [f["psnr"] for f in figures]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", help="as for aec train")
    parser.add_argument("--preset", choices=SHAPES, required=True)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--crops", type=int, default=16, help="of each larger picture")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--validation", type=int, default=500)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    preset, shape = presets.PRESETS[options.preset], SHAPES[options.preset]
    pools, held_out = gather(
        options.data, preset, validation=options.validation, balance=False, crops=options.crops, seed=options.seed
    )
    found = {}
    for name in options.variants:
        changed = VARIANTS[name](shape)
        if changed is None:
            continue
        description = presets.ladder(**(shape | changed))
        variant = dataclasses.replace(preset, description=description, crop=preset.tile[0])
        with tempfile.TemporaryDirectory() as folder:
            trained = train(variant, pools, (held_out,), Path(folder), steps=options.steps, verbose=0)
        found[name] = validate(trained, held_out)
        print(name, found[name], flush=True)
    reference = found[options.variants[0]]
    rows = []
    for name, figures in found.items():
        change = bd_rate(*curve(figures), *curve(reference))
        rows.append([name, *(f"{f['bytes']:.1f} B, {f['psnr']:.2f} dB" for f in figures), f"{change:+.1f} %"])
    head = ["variant", *(f"quality {f['quality']}" for f in reference), "BD-rate"]
    explained = (__doc__ or "").split("\n\n")[2].replace("\n", " ")
    lines = [f"# What each part buys: {options.preset}", "", f"    {command_line(__file__)}", "", explained, ""]
    lines.append(table(head, rows))
    options.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
