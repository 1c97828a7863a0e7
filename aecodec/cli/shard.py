"""`aec shard`: pack pictures into the shards of a data set, on a Ray cluster."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from aecodec import urls
from aecodec.cli.conversion_options import force_option, jobs_option, quiet_option, sample_options
from aecodec.cli.encoder_options import encoder_options, parse_encoder_options
from aecodec.cli.failures import Failure, expected_errors
from aecodec.cli.option_groups import all_of, take
from aecodec.cli.option_values import whole_number
from aecodec.cli.progress import on_terminal
from aecodec.cli.sources import open_sources
from aecodec.dataset import shard_path
from aecodec.sources.labelled import Sample

SUFFIX: Final = ".aecs"


@dataclass(frozen=True)
class ShardOptions:
    """The options of `aec shard` that are not the encoder's."""

    shards: int
    ray: str | None
    jobs: int
    tile: tuple[int, int] | None
    labels: str | None
    force: bool
    quiet: bool


shard_options: Final = all_of(
    click.option("--shards", type=whole_number(1), required=True, metavar="N", help="Number of files to write."),
    click.option("--ray", metavar="ADDRESS", help="Address of a Ray cluster.  [default: a new one on this machine]"),
    jobs_option("Processes of the cluster on this machine."),
    sample_options,
    force_option,
    quiet_option,
)


@click.command("shard")
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT", required=True, help="NAME.aecs for the files NAME-00000-of-N.aecs, ...")
@encoder_options(strip=True)
@shard_options
def command(inputs: tuple[str, ...], output: str, **options: Any) -> None:
    """Pack pictures into the shards of a data set, on a Ray cluster.

    IN is a folder, whose first level of folders gives the labels; an idx or npz file; a tar archive; a picture; or with
    --tile a sheet of tiles. All machines of a cluster must reach the files of a folder, and OUT, by the same path; OUT
    may be a URL. Pictures that cannot be read are reported and left out, and the exit code is 1. What a lost worker
    was doing is done again by another.

    \b
    Example:
      aec shard photos -o photos.aecs --shards 8 -q 60
      aec shard /mnt/photos -o s3://bucket/photos.aecs --shards 128 --ray auto
      aec info 'photos-00000-of-00008.aecs'
    """
    chosen = take(ShardOptions, options)
    parse_encoder_options(options)
    _require_output(output, chosen)
    sources = open_sources(inputs, chosen.tile, chosen.labels, pipe=False)
    try:
        rows = [_row(sample) for source in sources for sample in source.samples()]
    except ValueError as error:
        raise Failure(str(error)) from error
    columns = [name for name in ("name", "label") if any(name in row for row in rows)]
    if not all(name in row for name in columns for row in rows):
        raise Failure("some of these pictures have labels, and some have none")
    with expected_errors(output):
        written = _write(rows, output, columns, chosen, options)
    for row in written.left_out:
        click.echo(f"aec: {row['name']}: {row['error']}", err=True)
    if on_terminal() and not chosen.quiet:
        click.echo(f"{written.paths[0]}, ...: {written.pictures:,} pictures", err=True)
    if written.left_out:
        raise click.exceptions.Exit(1)


def _row(sample: Sample) -> dict[str, Any]:
    content = str(sample.content.absolute()) if isinstance(sample.content, Path) else sample.content
    row = {"image": content, "name": sample.name}
    return row if sample.label is None else {**row, "label": sample.label}


def _require_output(output: str, options: ShardOptions) -> None:
    """Raise Failure or click.UsageError if shards are there that would be overwritten, or mixed with these."""
    stem, suffix = os.path.splitext(output)
    if suffix.lower() != SUFFIX:
        raise click.UsageError(f"{output}: data sets are {SUFFIX} files; use -o {stem}{SUFFIX}")
    pattern = f"{glob.escape(stem)}-*-of-*{suffix}"
    found = set(urls.matching(pattern) if urls.is_url(output) else glob.glob(pattern))
    ours = {shard_path(output, index, options.shards) for index in range(options.shards)}
    if found - ours:
        raise Failure(f"{min(found - ours)}: this shard is of another data set with this name: remove it first")
    if found and not options.force:
        raise Failure(f"{min(found)} exists; use --force to overwrite the shards")


def _write(
    rows: list[dict[str, Any]], output: str, columns: list[str], options: ShardOptions, encoder: dict[str, Any]
) -> Any:
    try:
        import ray

        from aecodec.integrations.ray import write
    except ImportError as error:
        raise Failure("aec shard needs Ray: pip install 'aecodec[ray]'") from error
    if not ray.is_initialized():
        local = {"num_cpus": options.jobs, "include_dashboard": False} if options.ray is None else {}
        ray.init(options.ray, log_to_driver=False, logging_level="ERROR", **local)
    ray.data.DataContext.get_current().enable_progress_bars = on_terminal() and not options.quiet
    pictures = ray.data.from_items(rows)
    try:
        return write(pictures, output, shards=options.shards, columns=columns, leave_out=True, **encoder)
    except ray.exceptions.RayError as error:
        raise Failure(f"the cluster failed: {str(error).strip().splitlines()[-1]}") from error
