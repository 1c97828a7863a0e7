"""A data set written by a Ray cluster whose workers are killed meanwhile, beside the same from one process."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
import numpy as np

from aecodec import dataset
from aecodec.evaluation.pages import environment, table
from aecodec.sources.readers import Picture
from benchmarks import datasets
from benchmarks.reporting import (
    command_line,
    data_argument,
    model_option,
    output_option,
    progress,
    publish,
    require_folders,
)

BATCH: Final = 500
STORE_BYTES: Final = 1 << 30


def repeated(pictures: list[Picture], count: int) -> Picture:
    """`count` different pictures of one shape: the given ones, then the same shifted right by one pixel, and so on."""
    stack = np.stack(pictures)
    rounds = [np.roll(stack, shift, axis=2) for shift in range(-(-count // len(stack)))]
    return np.concatenate(rounds)[:count]


def deadly(marker: Path, number: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A function over batches that kills the worker that comes to a picture first, in the middle of its work."""

    def passed(batch: dict[str, Any]) -> dict[str, Any]:
        if number in batch["label"]:
            with suppress(FileExistsError):
                marker.touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
        return batch

    return passed


class Killer(threading.Thread):
    """Kills the first worker that is found writing a shard in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.killed, self.ended = folder, 0, False

    def run(self) -> None:
        """Look for an unfinished shard, and kill whoever has it open."""
        while not self.killed and not self.ended:
            for unfinished in self.folder.glob(".aec-*/.aec-*"):
                self.killed = _writer_of(unfinished)
                if self.killed:
                    os.kill(self.killed, signal.SIGKILL)
                    return
            time.sleep(0.01)


def _writer_of(path: Path) -> int:
    """The process that has a file open, as Linux shows it; 0 if none has."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if os.readlink(link) == str(path) and int(link.parts[2]) != os.getpid():
                return int(link.parts[2])
    return 0


def on_cluster(pictures: Picture, folder: Path, workers: int, shards: int, options: dict[str, Any]) -> int:
    """Write the shards on a cluster of this machine, and return how many workers were killed meanwhile."""
    import ray

    from aecodec.integrations.ray import write

    ray.init(num_cpus=workers, include_dashboard=False, object_store_memory=STORE_BYTES, log_to_driver=False)
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        stack = ray.put(pictures)
        numbers = ray.data.range(len(pictures), override_num_blocks=-(-len(pictures) // BATCH))
        labelled = numbers.map_batches(lambda batch: {"image": ray.get(stack)[batch["id"]], "label": batch["id"]})
        marker = folder / "killed"
        killer = Killer(folder)
        killer.start()
        risky = labelled.map_batches(deadly(marker, len(pictures) // 2), batch_size=BATCH)
        write(risky, str(folder / "set.aecs"), shards=shards, columns=["label"], batch_size=BATCH, **options)
        killer.ended = True
        killer.join()
        return int(marker.exists()) + bool(killer.killed)
    finally:
        ray.shutdown()


def compare(pictures: Picture, folder: Path, shards: int, options: dict[str, Any]) -> tuple[int, list[str]]:
    """The bytes of all shards, and the names of those that differ from what one process writes of the same pictures."""
    total, different, begin = 0, [], 0
    for index in range(shards):
        path = Path(dataset.shard_path(str(folder / "set.aecs"), index, shards))
        with dataset.open(path) as ds:
            end = begin + len(ds)
        progress(f"one process: shard {index + 1} of {shards}")
        alone = folder / "alone.aecs"
        dataset.write(alone, pictures[begin:end], labels=range(begin, end), **options)
        total += path.stat().st_size
        if alone.read_bytes() != path.read_bytes():
            different.append(path.name)
        begin = end
    if begin != len(pictures):
        different.append(f"{begin:,} of {len(pictures):,} pictures")
    return total, different


@click.command("distributed")
@data_argument
@model_option()
@click.option("-q", "--quality", default=40, show_default=True)
@click.option("-n", "--count", default=100000, show_default=True, help="Pictures: those of DATA, and shifted ones.")
@click.option("--workers", default=2, show_default=True)
@click.option("--shards", default=8, show_default=True)
@output_option()
def command(data: tuple[str, ...], output: Path | None, **options: Any) -> None:
    """Write a data set on a Ray cluster of this machine, kill two of its workers, and compare with one process.

    DATA has pictures of one size. One worker is killed while it encodes, another while it writes a shard.
    """
    require_folders(output)
    encoder = {"model": options["model"], "quality": options["quality"]}
    pictures = repeated(datasets.load(data), options["count"])
    with TemporaryDirectory() as name:
        folder = Path(name).resolve()
        progress("the cluster")
        begin = time.perf_counter()
        killed = on_cluster(pictures, folder, options["workers"], options["shards"], encoder)
        middle = time.perf_counter()
        total, different = compare(pictures, folder, options["shards"], encoder)
        end = time.perf_counter()
    rows = [
        (f"cluster of {options['workers']} workers, its start included", f"{middle - begin:.0f}"),
        ("one process", f"{end - middle:.0f}"),
    ]
    result = "All shards are the same bytes." if not different else f"These differ: {', '.join(different)}."
    text = (
        f"{len(pictures):,} pictures in {options['shards']} shards, {total / len(pictures):.1f} bytes each, index and"
        f" labels included. {killed} workers were killed: one while it encoded, one while it wrote a shard. {result}"
    )
    page = ["# A cluster that loses workers", f"    {command_line()}", text, table(("", "seconds"), rows)]
    publish([*page, f"{environment(model_names=[options['model']])}, Ray {version('ray')}."], output)
    if different or killed < 2:
        raise ValueError("the cluster's result is not the one of a single process, or fewer than two workers died")
