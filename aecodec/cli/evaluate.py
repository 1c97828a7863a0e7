"""`aec evaluate`: file sizes and distortion of pictures."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aecodec.cli.byte_files import write
from aecodec.cli.conversion_options import force_option
from aecodec.cli.encoder_options import parse_encoder_options, qualities_option
from aecodec.cli.measurement import (
    DataOptions,
    coding_options,
    data_options,
    measurement_errors,
    no_progress_option,
    output_path,
    print_beside,
    require_new,
)
from aecodec.cli.option_groups import take
from aecodec.cli.progress import StatusLine
from aecodec.cli.text_table import text_table

if TYPE_CHECKING:
    from aecodec.evaluation.assessment import Assessment


@click.command("evaluate")
@data_options
@coding_options
@qualities_option("75")
@output_path("--json", "json_file", text="Write the figures of each quality, in the form of CompressAI's results.")
@output_path("--csv", "csv_file", text="Write a row for each picture and quality.")
@force_option
@no_progress_option
def command(
    qualities: tuple[int, ...], json_file: Path | None, csv_file: Path | None, force: bool, quiet: bool, **options: Any
) -> None:
    """Measure file sizes and distortion of pictures.

    DATA are pictures, folders, idx files (MNIST, EMNIST; gzipped or not), npz files (FILE.npz:NAME for one array), or
    with --tile sheets of tiles. Every picture is encoded and its file decoded. MSE, MAE and cross-entropy are over all
    samples. SSIM, MS-SSIM and UQI are means over pictures, and missing where a picture is smaller than their window.

    \b
    Example:
      aec evaluate t10k-images-idx3-ubyte.gz -m mnist -q 10,30,50,75
      aec evaluate photos --json photos.json --csv photos.csv
      aec evaluate test-batch.png --tile 32 --limit 1000
    """
    from aecodec.evaluation.assessment import assess, png_bytes

    data = take(DataOptions, options)
    parse_encoder_options(options)
    require_new([json_file, csv_file], data.data, force=force)
    items = data.load()
    with measurement_errors(), StatusLine(quiet) as status:
        png = png_bytes(items, status)
        found = [assess(items, q, png, options, status.part(i, len(qualities))) for i, q in enumerate(qualities)]
    print_beside(_table(found, options["effort"], options["tune"]), [json_file, csv_file])
    if json_file is not None:
        write(str(json_file), _json(found, **options))
    if csv_file is not None:
        write(str(csv_file), _csv(found))


def _table(found: list[Assessment], effort: int, tune: str) -> str:
    """Lay out a column for each quality, under a line about the data and the models."""
    columns = [assessment.rows() for assessment in found]
    rows = [("quality", *(str(assessment.quality) for assessment in found))]
    rows += [(what, *(column[row][1] for column in columns)) for row, (what, _) in enumerate(columns[0])]
    models = {name for assessment in found for name in assessment.models}
    word = "model" if len(models) == 1 else "models"
    title = f"{len(found[0].items):,} pictures, {word} {' and '.join(sorted(models))}, effort {effort}, tune {tune}"
    return f"{title}\n\n{text_table(rows, right=range(1, len(found) + 1))}"


def _json(found: list[Assessment], model: str, effort: int, tune: str) -> bytes:
    from aecodec.evaluation.pages import environment

    results = [assessment.results() for assessment in found]
    used = sorted({name for assessment in found for name in assessment.models})
    content = {
        "name": "aecodec",
        "description": f"{len(found[0].items):,} pictures, model {model}, effort {effort}, tune {tune};"
        " means over pictures",
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
