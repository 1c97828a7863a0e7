"""The model card: data, training and figures of a model, written next to its file."""

from __future__ import annotations

from typing import Any

from aecodec.models.model import Model
from aecodec.models.registry import number_of


def markdown(model: Model) -> str:
    """Format the card of a model, which is part of its file, as Markdown."""
    card: dict[str, Any] = model.card
    d = model.description
    tile = f"tiles of {d.tile[1]}x{d.tile[0]}" if d.tile else "pictures of any size"
    lines = [
        f"# {model.name}",
        "",
        f"For {model.purpose}. Id `{model.id.hex()}`, permanent number {number_of(model) or 'none'}.",
        "",
        f"- Shape: {tile}, {d.channels} channel{'s' if d.channels > 1 else ''}; {_parts(model)};"
        f" {model.parameters:,} parameters, {model.macs_per_pixel:,.0f} multiply-adds per pixel to decode.",
        "- Data: " + "; ".join(f"{part['source']}, {part['tiles']:,} tiles" for part in card["data"]) + ".",
        f"- Held out: {card['held_out']['tiles']:,} tiles of the first source. No test split was used.",
        f"- Command: `{card['command']}`",
        f"- Seed {card['seed']}, {card['backend']}, {card['hours_of_training']} hours.",
    ]
    if card.get("distorted"):
        clean = "the figures compare with the clean pictures, at effort 0"
        how = clean if card["distorted"]["denoising"] else "the held-out pictures as well"
        lines.append(f"- Pictures are distorted before they are coded: `{card['distorted']['by']}`; {how}.")
    if card["note"]:
        lines.append(f"- {card['note']}")
    lines += [
        "",
        "## Held-out figures",
        "",
        "Mean bytes of whole files, and the PSNR of the pooled mean squared error.",
        "",
        "| quality | bytes | PSNR (dB) |",
        "|---:|---:|---:|",
        *(f"| {f['quality']} | {f['bytes']:.1f} | {f['psnr']:.2f} |" for f in card["figures"]),
    ]
    lines += _classic(card) if "float" in card else _exactness(card)
    lines += _finish(card["finish"]) if "finish" in card else []
    lines += _lossless(model, card["lossless"]) if "lossless" in card else []
    return "\n".join(lines) + "\n"


def _parts(model: Model) -> str:
    """The parts of the latent."""
    d = model.description
    if not d.passes:
        return f"a vector of {d.vector} elements, then {len(d.synthesis_layers)} layers to the pixels"
    plane = f"{d.coefficients} coefficients of each {d.block}x{d.block} block in {len(d.passes)} passes"
    return f"a vector of {d.vector} elements, then {plane}" if d.vector else plane


def _exactness(card: dict[str, Any]) -> list[str]:
    lines = [
        "",
        "## Cost of exact integers",
        "",
        "The trained network in float32 and with integer layers, with the same rounding; bytes are ideal payloads.",
        "",
        "| quality | float: bytes | PSNR | integers: bytes | PSNR |",
        "|---:|---:|---:|---:|---:|",
    ]
    pairs = zip(card["loss_of_exactness"]["float"], card["loss_of_exactness"]["exact"], strict=True)
    return lines + [
        f"| {f['quality']} | {f['bytes']:.1f} | {f['psnr']:.2f} | {e['bytes']:.1f} | {e['psnr']:.2f} |"
        for f, e in pairs
    ]


def _classic(card: dict[str, Any]) -> list[str]:
    """Section on the network as it was trained, with its latent in float32, and the model file at quality 100."""
    lines = [
        "",
        "## The network and the model file",
        "",
        f"The trained network has {card['float']['parameters']:,} parameters; its latent is counted as float32.",
        "The model file is measured at quality 100, by the bytes of whole files.",
        "",
        "| | bytes | cross-entropy | MSE (of 0..1) | PSNR (dB) | UQI | UQI of sewar |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for what, f in (("network", card["float"]), ("model file", card["integers"])):
        numbers = f"{f['cross_entropy']:.4f} | {f['mse']:.5f} | {f['psnr']:.2f} | {f['uqi']:.3f} | {f['sewar_uqi']:.3f}"
        lines.append(f"| {what} | {f['bytes']:.1f} | {numbers} |")
    return lines


def _finish(entry: dict[str, Any]) -> list[str]:
    """Section on the finishing network: its training, and what it gains."""
    return [
        "",
        "## Finishing network",
        "",
        "PSNR of held-out pictures without and with it, in dB.",
        "",
        f"- Command: `{entry['command']}`",
        f"- {entry['hours_of_training']} hours.",
        *([f"- {entry['note']}"] if entry["note"] else []),
        "",
        "| quality | without | with |",
        "|---:|---:|---:|",
        *(f"| {f['quality']} | {f['before']:.2f} | {f['after']:.2f} |" for f in entry["figures"]),
    ]


def _lossless(model: Model, entry: dict[str, Any]) -> list[str]:
    """Section on the lossless stage: its training, and the bytes of lossless and near-lossless files."""
    return [
        "",
        "## Lossless stage",
        "",
        f"For lossless and near-lossless files: {model.lossless_macs_per_pixel:,.0f} multiply-adds per pixel. Ideal"
        " bytes of held-out pictures.",
        "",
        f"- Command: `{entry['command']}`",
        f"- {entry['hours_of_training']} hours.",
        *([f"- {entry['note']}"] if entry["note"] else []),
        "",
        "| largest error | bytes |",
        "|---:|---:|",
        *(f"| {f['error']} | {f['bytes']:,.1f} |" for f in entry["figures"]),
    ]
