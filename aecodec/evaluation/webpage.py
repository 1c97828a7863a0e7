"""A self-contained HTML page that compares pictures with the results of codecs, with a slider."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from aecodec.evaluation.comparison import CodecResult, Comparison
from aecodec.evaluation.embedding import aec_uri, decoder, png_uri

SHOWN_WIDTH = 512  # in CSS pixels, about: what a small picture is enlarged to, by whole factors
_STYLE = """
:root { color-scheme: light dark; --ink: #202024; --paper: #ffffff; --pale: #66666e; --line: #d5d5da; --mark: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececf0; --paper: #17171a; --pale: #a5a5ae; --line: #3c3c42; --mark: #56b4e9; }
}
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
p { max-width: 45rem; color: var(--pale); }
.stage { position: relative; max-width: 100%; overflow: hidden; border: 1px solid var(--line); cursor: ew-resize;
  touch-action: pan-y; user-select: none; }
.stage img, .stage aec-img { display: block; width: 100%; height: auto; -webkit-user-drag: none; }
.stage [hidden] { display: none; }
.stage.small { image-rendering: pixelated; }
.stage .decoded { position: absolute; inset: 0; clip-path: inset(0 0 0 var(--cut)); }
.stage .edge { position: absolute; inset: 0 auto 0 var(--cut); width: 2px; margin-left: -1px; background: #fff;
  outline: 1px solid #000; pointer-events: none; }
.ends { display: flex; justify-content: space-between; max-width: 100%; color: var(--pale); }
input[type=range] { display: block; max-width: 100%; margin: .4rem 0; accent-color: var(--mark); }
table { border-collapse: collapse; margin-top: .8rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .9rem .25rem 0; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
td label { cursor: pointer; padding-right: 1rem; }
tr:has(input:checked) { font-weight: 600; }
input[type=radio] { accent-color: var(--mark); }
"""
_SCRIPT = """
for (const figure of document.querySelectorAll("section.pair")) {
  const stage = figure.querySelector(".stage"), slider = figure.querySelector("input[type=range]");
  const move = () => stage.style.setProperty("--cut", slider.value + "%");
  slider.addEventListener("input", move);
  const drag = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = stage.getBoundingClientRect();
    slider.value = Math.min(100, Math.max(0, 100 * (event.clientX - box.left) / box.width));
    move();
  };
  stage.addEventListener("pointerdown", drag);
  stage.addEventListener("pointermove", drag);
  for (const choice of figure.querySelectorAll("input[type=radio]")) {
    const choose = () => {
      if (!choice.checked) return;
      for (const image of figure.querySelectorAll(".decoded")) image.hidden = image.dataset.codec !== choice.value;
      figure.querySelector(".ends .name").textContent = choice.value;
    };
    choice.addEventListener("change", choose);
    choose();
  }
  move();
}
"""


def page(found: Sequence[Comparison]) -> str:
    """The page as HTML, with the pictures embedded: that of aecodec as its file, the others as PNG."""
    embedded = decoder([comparison.results[0].reconstruction.file for comparison in found])
    sections = "\n".join(_section(comparison, number) for number, comparison in enumerate(found))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>aecodec: {escape(", ".join(c.item.name for c in found[:3]))}{" and more" if len(found) > 3 else ""}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Original and decoded</h1>
<p>Move the slider, or drag the picture. Each codec has the highest quality whose file is not larger than that of
{escape(found[0].results[0].name)}; PSNR and SSIM are those of the whole picture.</p>
{sections}
<script>{_SCRIPT}</script>
{embedded}
</body>
</html>
"""


def _section(comparison: Comparison, number: int) -> str:
    original = comparison.item.picture
    width = original.shape[1]
    scale = max(1, SHOWN_WIDTH // max(original.shape[:2]))
    images = [f'<img alt="original" src="{png_uri(original)}">']
    mine, *rivals = comparison.results
    images.append(_decoded("aec-img", mine.name, aec_uri(mine.reconstruction.file)) + "</aec-img>")
    images += [_decoded("img", rival.name, png_uri(rival.reconstruction.picture)) for rival in rivals]
    stacked = "\n".join(images)
    rows = "\n".join(_row(result, number, index == 0) for index, result in enumerate(comparison.results))
    shown_width = f'style="width: {width * scale}px"'
    return f"""<section class="pair">
<h2>{escape(comparison.title)}</h2>
<div class="stage{" small" if scale > 1 else ""}" {shown_width}>
{stacked}
<div class="edge"></div>
</div>
<input type="range" min="0" max="100" value="50" step="0.1" aria-label="how much of the original is seen" {shown_width}>
<div class="ends" {shown_width}><span>original</span><span class="name"></span></div>
<table>
<thead><tr><th>decoded</th><th>bytes</th><th>PSNR, dB</th><th>SSIM</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</section>"""


def _decoded(tag: str, name: str, address: str) -> str:
    return f'<{tag} class="decoded" data-codec="{escape(name)}" alt="{escape(name)}" src="{address}">'


def _row(result: CodecResult, number: int, checked: bool) -> str:
    name = escape(result.name)
    larger = "" if result.reconstruction.fits else " (its smallest file)"
    choice = f'<input type="radio" name="codec-{number}" value="{name}"{" checked" if checked else ""}>'
    cells = "".join(f"<td>{figure}</td>" for figure in result.figures())
    return f"<tr><td><label>{choice} {name}{larger}</label></td>{cells}</tr>"
