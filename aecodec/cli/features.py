"""`aec features`: latents of pictures as arrays."""

from __future__ import annotations

import io
from pathlib import Path

import click
import numpy as np

from aecodec.cli.byte_files import write
from aecodec.cli.conversion_options import force_option
from aecodec.cli.encoder_options import quality_option
from aecodec.cli.measurement import limit_option, load_alike, output_path, print_beside, require_new


@click.command("features")
@click.argument("data")
@output_path("-o", "--output", text="Write the arrays, an npz file.", required=True)
@click.option("-m", "--model", required=True, metavar="NAME", help="Model to use, as listed by `aec models`.")
@quality_option(75)
@limit_option("-n")
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

    require_new([output], [data], force=force)
    pictures = load_alike(data, model, limit)
    found = vars(features_many(pictures, model=model, quality=quality))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **found)
    write(str(output), buffer.getvalue())
    print_beside("\n".join(f"{name} {array.shape}" for name, array in found.items()), [output])
