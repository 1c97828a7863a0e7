"""aec evaluate"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aecodec.cli.byte_files import write
from aecodec.cli.columns import aligned
from aecodec.cli.measurement import (
    Numbers,
    Status,
    coding_options,
    data_options,
    load,
    measuring,
    output_path,
    quiet_option,
    require_new,
)

if TYPE_CHECKING:
    from aecodec.evaluation.assessment import Assessment


@click.command("evaluate")
@data_options
@coding_options
@click.option(
    "-q", "--quality", type=Numbers(1, 100), default="75", show_default=True, metavar="Q,Q,...", help="From 1 to 100."
)
@output_path("--json", "json_file", text="The figures of each quality, in the form of CompressAI's results.")
@output_path("--csv", "csv_file", text="A line for each picture and quality.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@quiet_option
def command(
    data: tuple[str, ...],
    tile: tuple[int, int] | None,
    limit: int | None,
    model: str,
    effort: int,
    quality: tuple[int, ...],
    json_file: Path | None,
    csv_file: Path | None,
    force: bool,
    quiet: bool,
) -> None:
    """Measure what files of pictures cost, and what they decode to.

    DATA are pictures, folders, idx files (MNIST, EMNIST; gzipped or not), npz files (FILE.npz:NAME for one array), or
    with --tile sheets of tiles. Every picture is encoded and its file decoded. MSE, MAE and cross-entropy are over all
    samples; SSIM, MS-SSIM and UQI are means over pictures, and missing where a picture is smaller than their window.

    \b
    Example:
      aec evaluate t10k-images-idx3-ubyte.gz -m mnist -q 10,30,50,75
      aec evaluate photos --json photos.json --csv photos.csv
      aec evaluate test-batch.png --tile 32 --limit 1000
    """
    from aecodec.evaluation.assessment import assess, png_bytes

    require_new([json_file, csv_file], force)
    items = load(data, tile, limit)
    with measuring(), Status(quiet) as status:
        png = png_bytes(items, status)
        options = {"model": model, "effort": effort}
        found = [assess(items, q, png, options, status.part(i, len(quality))) for i, q in enumerate(quality)]
    columns = [assessment.rows() for assessment in found]
    rows = [("quality", *(str(q) for q in quality))]
    rows += [(what, *(column[row][1] for column in columns)) for row, (what, _) in enumerate(columns[0])]
    models = {name for assessment in found for name in assessment.models}
    word = "model" if len(models) == 1 else "models"
    click.echo(f"{len(items):,} pictures, {word} {' and '.join(sorted(models))}, effort {effort}\n")
    click.echo(aligned(rows, right=range(1, len(quality) + 1)))
    if json_file is not None:
        write(str(json_file), _json(found, model, effort))
    if csv_file is not None:
        write(str(csv_file), _csv(found))


def _json(found: list[Assessment], model: str, effort: int) -> bytes:
    from aecodec.evaluation.pages import environment

    results = [assessment.results() for assessment in found]
    used = sorted({name for assessment in found for name in assessment.models})
    content = {
        "name": "aecodec",
        "description": f"{len(found[0].items):,} pictures, model {model}, effort {effort}; means over pictures",
        "environment": environment((), used),
        "results": {key: [result[key] for result in results] for key in results[0]},
    }
    return (json.dumps(content, indent=1) + "\n").encode()


def _csv(found: list[Assessment]) -> bytes:
    from aecodec.evaluation.assessment import HEAD

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    for assessment in found:
        writer.writerows(assessment.lines())
    return text.getvalue().encode()
