"""Options of encoding, declared once from the limits and defaults in `aecodec.encoding.options`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from aecodec.cli.option_groups import Decorator, all_of
from aecodec.cli.option_values import file_size, name_list, number_list, whole_number
from aecodec.encoding.options import (
    AUTO,
    DEFAULT_EFFORT,
    DEFAULT_QUALITY,
    DEFAULT_TUNE,
    LEAST_QUALITY,
    MOST_EFFORT,
    MOST_ERROR,
    MOST_QUALITY,
    TUNE_NAMES,
    EncodeOptions,
)
from aecodec.errors import InvalidValue, UnknownModel
from aecodec.format.container import PACKINGS
from aecodec.images.opacity import ALPHA_LOSSLESS
from aecodec.models import registry

_QUALITY_HELP: Final = f"{LEAST_QUALITY} (smallest file) to {MOST_QUALITY} (best)."
_TUNE_HELP: Final = "psnr: least squared error. ssim: highest MS-SSIM; photographs look better, at a lower PSNR."
_EFFORT_HELP: Final = f"0 (fastest) to {MOST_EFFORT} (smallest file at the same distortion)."


def _known_model(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if value != AUTO:
        try:
            registry.by_name(value)
        except UnknownModel as error:
            raise click.BadParameter(str(error)) from error
    return value


model_option: Final = click.option(
    "-m",
    "--model",
    default=AUTO,
    show_default=True,
    metavar="NAME",
    callback=_known_model,
    help="Model to encode with, as listed by `aec models`; without its version, the latest. auto tries all that suit"
    " the picture.",
)
effort_option: Final = click.option(
    "-e",
    "--effort",
    type=whole_number(0, MOST_EFFORT),
    default=DEFAULT_EFFORT,
    show_default=True,
    metavar="N",
    help=f"Encoding effort, {_EFFORT_HELP}",
)
tune_option: Final = click.option(
    "--tune",
    type=click.Choice(TUNE_NAMES),
    default=DEFAULT_TUNE,
    show_default=True,
    help=f"{_TUNE_HELP} Lossy files only.",
)


def quality_option(default: int | None = None) -> Decorator:
    """Declare -q. Without a default the value is None, so that another rate target can be chosen."""
    return click.option(
        "-q",
        "--quality",
        type=whole_number(LEAST_QUALITY, MOST_QUALITY),
        default=default,
        metavar="Q",
        help=f"Quality, {_QUALITY_HELP}  [default: {default or DEFAULT_QUALITY}]",
    )


def qualities_option(default: str) -> Decorator:
    """Declare -q with a list of qualities, as tuple[int, ...]."""
    return click.option(
        "-q",
        "--quality",
        "qualities",
        type=number_list(LEAST_QUALITY, MOST_QUALITY),
        default=default,
        show_default=True,
        metavar="Q,Q,...",
        help=f"Qualities to measure, {_QUALITY_HELP}",
    )


efforts_option: Final = click.option(
    "-e",
    "--effort",
    "efforts",
    type=number_list(0, MOST_EFFORT),
    default=str(DEFAULT_EFFORT),
    show_default=True,
    metavar="N,N,...",
    help=f"Encoding efforts, a curve for each, {_EFFORT_HELP}",
)
tunes_option: Final = click.option(
    "--tune",
    "tunes",
    type=name_list(TUNE_NAMES),
    default=DEFAULT_TUNE,
    show_default=True,
    metavar="NAME,NAME,...",
    help=f"What to tune for, a curve or a picture for each. {_TUNE_HELP}",
)

rate_target_options: Final = all_of(
    quality_option(),
    click.option(
        "--max-bytes",
        type=file_size,
        metavar="SIZE",
        help="Best quality in at most SIZE bytes, such as 900, 2k, 1.5KB or 1M.",
    ),
    click.option("--min-psnr", type=float, metavar="DB", help="Smallest file with a PSNR of at least DB decibels."),
    click.option("--min-ssim", type=float, metavar="S", help="Smallest file with an SSIM of at least S."),
    click.option("--lossless", is_flag=True, help="Keep every sample exactly, including 16-bit samples."),
    click.option(
        "--max-error",
        type=whole_number(0, MOST_ERROR),
        metavar="N",
        help="Smallest file in which no sample is off by more than N; 0 is lossless.",
    ),
)

_strip_option: Final = click.option("--strip", is_flag=True, help="Drop ICC profile, EXIF, XMP and resolution.")


def encoder_options(*, strip: bool = True) -> Decorator:
    """Declare the options of encoding; strip: with --strip, for commands that keep metadata otherwise."""
    return all_of(
        model_option,
        rate_target_options,
        effort_option,
        tune_option,
        click.option(
            "--packing",
            type=click.Choice([AUTO, *PACKINGS]),
            default=AUTO,
            show_default=True,
            help="Entropy coder: zstd decodes faster, rans makes small files smaller.",
        ),
        *([_strip_option] if strip else []),
        click.option(
            "--alpha-quality",
            type=whole_number(1, ALPHA_LOSSLESS),
            default=ALPHA_LOSSLESS,
            show_default=True,
            metavar="Q",
            help=f"Quality of the alpha channel, 1 to {ALPHA_LOSSLESS} (lossless).",
        ),
        click.option("--exact-transparent", is_flag=True, help="Preserve the colours of fully transparent pixels."),
    )


def parse_encoder_options(given: Mapping[str, Any]) -> EncodeOptions:
    """Check the values of these options together. Raises click.UsageError."""
    try:
        return EncodeOptions.parse(given)
    except InvalidValue as error:
        raise click.UsageError(str(error)) from error
