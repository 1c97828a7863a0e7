"""`aec anomalies`: rank pictures by how badly a model codes them."""

from __future__ import annotations

import json
import os

import click

from aecodec.cli.encoder_options import quality_option
from aecodec.cli.failures import Failure, expected_errors
from aecodec.cli.library_messages import reported
from aecodec.cli.option_values import whole_number
from aecodec.cli.text_table import text_table
from aecodec.images.files import files_below, is_picture_name
from aecodec.images.source import MAX_PIXELS


@click.command("anomalies")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option(
    "-m", "--model", required=True, metavar="NAME", help="Model trained on normal pictures, as listed by `aec models`."
)
@quality_option(20)
@click.option("-n", "--top", type=whole_number(1), metavar="N", help="Print the N highest scores only.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def command(folder: str, model: str, quality: int, top: int | None, as_json: bool) -> None:
    """Rank pictures by how badly a model codes them.

    Pictures of FOLDER that are unlike the model's training data have high scores. The score is the rate-distortion cost
    per pixel: bits, plus lambda times the squared error. If some pictures cannot be read, they are reported, the others
    are ranked nevertheless, and the exit code is 1.

    \b
    Example:
      aec anomalies scans -m mnist -n 20
    """
    from aecodec.cli.byte_files import read
    from aecodec.cli.picture_files import read_picture
    from aecodec.encoding.features import anomaly_score

    files = sorted(map(os.path.normpath, files_below(folder, is_picture_name)))
    if not files:
        raise Failure(f"{folder} holds no pictures")
    scores, failed = [], 0
    for path in files:
        try:
            with reported(path), expected_errors(path):
                picture = read_picture(read(path), MAX_PIXELS)
                scores.append((anomaly_score(picture, model=model, quality=quality), path))
        except Failure as failure:
            failure.show()
            failed += 1
    scores.sort(key=lambda item: (-item[0], item[1]))
    if as_json:
        click.echo(json.dumps([{"file": name, "score": score} for score, name in scores[:top]], indent=2))
    elif scores:
        rows = [("score", "file"), *((f"{score:.3f}", name) for score, name in scores[:top])]
        click.echo(text_table(rows, right=(0,)))
    if failed:
        raise click.exceptions.Exit(1)
