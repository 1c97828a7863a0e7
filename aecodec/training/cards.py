"""The model card: what a model was trained on and how, and what it reached, written beside its file."""

from __future__ import annotations

from typing import Any

from aecodec.models.model import Model
from aecodec.models.registry import number_of


def markdown(model: Model) -> str:
    """The card of a model as Markdown, from what its file says."""
    card: dict[str, Any] = model.card
    d = model.description
    tile = f"{d.tile[1]}x{d.tile[0]}" if d.tile else "any size"
    lines = [
        f"# {model.name}",
        "",
        f"For {model.purpose}. Id `{model.id.hex()}`, permanent number {number_of(model) or 'none'}.",
        "",
        f"- Shape: tiles of {tile}, {d.channels} channel{'s' if d.channels > 1 else ''}; a vector of {d.vector}, then"
        f" {d.coefficients} coefficients of each {d.block}x{d.block} block in {len(d.passes)} passes;"
        f" {model.parameters:,} parameters, {model.macs_per_pixel:,.0f} multiply-adds a pixel to decode.",
        "- Data: " + "; ".join(f"{part['source']}, {part['tiles']:,} tiles" for part in card["data"]) + ".",
        f"- Held out: {card['held_out']['tiles']:,} tiles of the first source. No test split was looked at.",
        f"- Command: `{card['command']}`",
        f"- Seed {card['seed']}, {card['backend']}, {card['hours_of_training']} hours.",
    ]
    if card["note"]:
        lines.append(f"- {card['note']}")
    lines += [
        "",
        "## Held-out figures",
        "",
        "Mean bytes of whole files, PSNR of the pooled mean squared error.",
        "",
        "| quality | bytes | PSNR (dB) |",
        "|---:|---:|---:|",
        *(f"| {f['quality']} | {f['bytes']:.1f} | {f['psnr']:.2f} |" for f in card["figures"]),
        "",
        "## What exact integers cost",
        "",
        "The trained network in float32 and with integer layers, the same rounding, ideal payload bytes.",
        "",
        "| quality | float: bytes | PSNR | integers: bytes | PSNR |",
        "|---:|---:|---:|---:|---:|",
    ]
    pairs = zip(card["loss_of_exactness"]["float"], card["loss_of_exactness"]["exact"], strict=True)
    lines += [
        f"| {f['quality']} | {f['bytes']:.1f} | {f['psnr']:.2f} | {e['bytes']:.1f} | {e['psnr']:.2f} |"
        for f, e in pairs
    ]
    if "remainder" in card:
        told = card["remainder"]
        lines += [
            "",
            "## Remainder",
            "",
            f"For lossless files: {model.remainder_macs_per_pixel:,.0f} more multiply-adds a pixel. Ideal bytes of"
            " held-out pictures, at the quality that makes the sum smallest.",
            "",
            f"- Command: `{told['command']}`",
            f"- {told['hours_of_training']} hours.",
            *([f"- {told['note']}"] if told["note"] else []),
            "",
            "| largest error | quality | lossy part | remainder |",
            "|---:|---:|---:|---:|",
            *(f"| {f['error']} | {f['quality']} | {f['lossy']:.1f} | {f['remainder']:.1f} |" for f in told["figures"]),
        ]
    return "\n".join(lines) + "\n"
