"""aec anomalies"""

from __future__ import annotations

import json

import click

from aecodec.cli.columns import aligned
from aecodec.cli.failures import Failure, in_one_sentence


@click.command("anomalies")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("-m", "--model", required=True, help="The model that knows what is usual: a name of aec models.")
@click.option("-q", "--quality", type=click.IntRange(1, 100), default=20, show_default=True, help="At which to code.")
@click.option("-n", "--top", type=click.IntRange(min=1), help="Only the strangest.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def command(folder: str, model: str, quality: int, top: int | None, as_json: bool) -> None:
    """Rank a folder's pictures by how badly a model codes them, the strangest first.

    The score is the rate-distortion cost per pixel: bits, and squared error at what it is worth in bits. A picture that
    cannot be read is reported, and the others are ranked; the exit code is then 1.

    \b
    Example:
      aec anomalies scans -m mnist -n 20
    """
    from PIL import Image

    from aecodec.encoding.features import anomaly_score
    from aecodec.sources.stacks import named_pictures

    try:
        files = named_pictures(folder)
    except ValueError as error:
        raise Failure(str(error)) from error
    scores, failed = [], 0
    for path in files:
        try:
            with in_one_sentence(str(path)), Image.open(path) as image:
                scores.append((anomaly_score(image, model=model, quality=quality), str(path)))
        except Failure as failure:
            failure.show()
            failed += 1
    scores.sort(key=lambda item: (-item[0], item[1]))
    if as_json:
        click.echo(json.dumps([{"file": name, "score": score} for score, name in scores[:top]], indent=2))
    elif scores:
        rows = [("score", "file"), *((f"{score:.3f}", name) for score, name in scores[:top])]
        click.echo(aligned(rows, right=(0,)))
    if failed:
        raise click.exceptions.Exit(1)
