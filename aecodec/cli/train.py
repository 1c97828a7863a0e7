"""The command ``aec train``."""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import click

from aecodec.cli.conversion_options import force_option
from aecodec.cli.failures import Failure
from aecodec.cli.measurement import no_progress_option, output_path, require_new
from aecodec.cli.option_values import whole_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from aecodec.models.model import Model

PRESETS = ("mnist", "alphabet", "cifar", "photo", "keras-blog", "vector16", "cifar-dense")
AUGMENTATIONS = ("none", "mirror", "colour", "photograph", "scale", "shift", "pen")


@click.command("train")
@click.argument("data", nargs=-1, required=True)
@output_path("-o", "--output", text="The model file.", required=True)
@click.option("--preset", type=click.Choice(PRESETS), required=True, help="Shape of the model, and defaults.")
@click.option("--name", metavar="NAME", help="Name and version of the model. [default: the output's name]")
@click.option("--steps", type=whole_number(1), metavar="N", help="Training steps. [default: the preset's]")
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="RATE",
    help="Peak learning rate, above 0. [default: the preset's]",
)
@click.option(
    "--augmentation",
    type=click.Choice(AUGMENTATIONS),
    help="Random changes of the training tiles. [default: the preset's]",
)
@click.option(
    "--validation", type=whole_number(1), metavar="N", default=1000, show_default=True, help="Tiles held out."
)
@click.option(
    "--crops", type=whole_number(1), metavar="N", default=64, show_default=True, help="Crops of each large picture."
)
@click.option("--balance", is_flag=True, help="Sample all classes equally, by the label files beside idx files.")
@click.option(
    "--seed", type=whole_number(0), metavar="N", default=0, show_default=True, help="Seed of weights, crops and order."
)
@click.option(
    "--init",
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE",
    help="Start from this model, with its shape; with --finish or --lossless, from its network of that kind.",
)
@click.option("--reshape", is_flag=True, help="With --init: use the preset's shape, and copy the weights that fit.")
@click.option("--distort", metavar="SPEC", help="Train on distorted pictures, like gaussian:0.1-0.3,none.")
@click.option("--denoise", metavar="SPEC", help="Train to decode the clean pictures of distorted ones.")
@click.option(
    "--finish",
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE",
    help="Train only the finishing network of this model, and keep the rest of it.",
)
@click.option(
    "--lossless",
    "base",
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE",
    help="Train only the lossless stage of this model, and keep the rest of it.",
)
@click.option("--resume", is_flag=True, help="Continue from the last checkpoint.")
@click.option(
    "--checkpoints",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder of the checkpoint and the log. [default: OUTPUT.training]",
)
@click.option(
    "--latent", type=whole_number(1, 255), metavar="N", help="Elements of a dense latent. [default: the preset's]"
)
@click.option("--note", metavar="TEXT", help="A remark for the model's card.")
@force_option
@no_progress_option
def command(data: tuple[str, ...], output: Path, base: Path | None, force: bool, quiet: bool, **options: Any) -> None:
    """Train a model and write its file.

    DATA are idx files (MNIST, EMNIST; gzipped or not), npz files, tile sheets, folders of pictures, or keras:mnist,
    keras:cifar10, keras:cifar100. A source may have a weight, as in PATH@0.3; sources joined by a comma count as one.
    The held-out tiles are taken from the first source.

    \b
    Example:
      aec train train-images-idx3-ubyte.gz -o digits-1.safetensors --preset mnist
      aec train digits.gz -o noisy-1.safetensors --preset mnist --distort gaussian:0.05-0.3,none
      aec train letters.gz@0.7 digits.gz@0.3 -o letters-1.safetensors --preset alphabet --balance
      aec train photos -o photo-2.safetensors --preset photo --finish photo-1.safetensors
      aec train digits.gz -o digits-2.safetensors --preset mnist --lossless digits-1.safetensors
    """
    from aecodec.training.options import TrainingOptions

    if not re.fullmatch(r".+-[0-9]+\.safetensors", output.name):
        raise click.UsageError(
            f"{output.name}: a model file is called NAME-VERSION.safetensors, like digits-1.safetensors"
        )
    try:
        chosen = TrainingOptions(data, output, base=base, progress=not quiet, **options)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    # The output may be the model that a run starts from, as with --lossless.
    require_new([output, output.with_suffix(".md")], (), force=force)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # silence the notices of TensorFlow
    # JAX's QR decompositions run in SciPy's OpenBLAS, whose threads get in the way of XLA's: a thousand times slower.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from aecodec.training.runs import run
    except ImportError as error:
        raise Failure(
            f"training needs the package {error.name}: install it with pip install 'aecodec[train]'"
        ) from error
    try:
        run(chosen, draw)
    except (ValueError, OSError, EOFError, BadZipFile, zlib.error) as error:  # from damaged sources
        raise Failure(str(error)) from error


def draw(folder: Path, model: Model, tiles: NDArray[np.uint8]) -> None:
    """Draw curves and reconstructions of a run into its folder; without matplotlib say that they are missing."""
    try:
        from aecodec.studies import training_pictures
    except ImportError as error:
        how = "install it with pip install 'aecodec[bench]'"
        click.echo(f"aec: no pictures of the training, as they need the package {error.name}: {how}", err=True)
    else:
        training_pictures.draw(folder, model, tiles)
