"""`aec features`: latents of pictures as arrays."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from aecodec.cli.conversion_options import force_option
from aecodec.cli.encoder_options import quality_option
from aecodec.cli.failures import Failure
from aecodec.cli.measurement import output_path, require_new
from aecodec.cli.option_values import whole_number


@click.command("features")
@click.argument("data")
@output_path("-o", "--output", text="Write the arrays, an npz file.", required=True)
@click.option("-m", "--model", required=True, metavar="NAME", help="Model to use, as listed by `aec models`.")
@quality_option(75)
@click.option("-n", "--limit", type=whole_number(1), metavar="N", help="Take the first N pictures only.")
@force_option
def command(data: str, output: Path, model: str, quality: int, limit: int | None, force: bool) -> None:
    """Write the latents of pictures as NumPy arrays.

    DATA is an idx file (gzipped or not), an npz file, a tile sheet or a folder of pictures, all of the model's size.
    The npz file holds vector (N, tiles, vector) and plane (N, rows, columns, coefficients) before quantization, and
    quantized_vector and quantized_plane as a decoder reconstructs them: float32, in gray levels.

    \b
    Example:
      aec features t10k-images-idx3-ubyte.gz -o digits.npz -m mnist
    """
    from aecodec.encoding.features import features_many
    from aecodec.sources.stacks import pictures_for

    require_new([output], force)
    try:
        pictures = pictures_for(data, model, limit)
    except ValueError as error:
        raise Failure(str(error)) from error
    found = vars(features_many(pictures, model=model, quality=quality))
    temporary = output.with_name(output.name + ".new.npz")
    np.savez_compressed(temporary, allow_pickle=False, **found)
    temporary.replace(output)
    click.echo("\n".join(f"{name} {array.shape}" for name, array in found.items()))
