"""aec features"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from aecodec.cli.failures import Failure


@click.command("features")
@click.argument("data")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The npz file.")
@click.option("-m", "--model", required=True, help="The model whose latent is wanted: a name of aec models.")
@click.option("-q", "--quality", type=click.IntRange(1, 100), default=75, show_default=True, help="Of quantization.")
@click.option("-n", "--limit", type=click.IntRange(min=1), help="No more than the first pictures.")
@click.option("--force", is_flag=True, help="Replace an existing output.")
def command(data: str, output: Path, model: str, quality: int, limit: int | None, force: bool) -> None:
    """Write the latents of many pictures as arrays, for programs that learn from them.

    DATA is an idx file (gzipped or not), an npz file, a tile sheet or a folder of pictures, all of the model's size.
    The npz file holds vector (N, tiles, vector) and plane (N, rows, columns, coefficients) before quantization, and
    quantized_vector and quantized_plane as a decoder knows them: float32, in grey levels.

    \b
    Example:
      aec features t10k-images-idx3-ubyte.gz -o digits.npz -m mnist
    """
    from aecodec.encoding.features import features_many
    from aecodec.sources.stacks import pictures_for

    if output.exists() and not force:
        raise Failure(f"{output}: exists already; --force overwrites it")
    try:
        pictures = pictures_for(data, model, limit)
    except ValueError as error:
        raise Failure(str(error)) from error
    found = vars(features_many(pictures, model=model, quality=quality))
    temporary = output.with_name(output.name + ".new.npz")
    np.savez_compressed(temporary, allow_pickle=False, **found)
    temporary.replace(output)
    click.echo("\n".join(f"{name} {array.shape}" for name, array in found.items()))
