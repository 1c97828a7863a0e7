"""`aec pack`: pack very many pictures into one data set."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

import aecodec
from aecodec.cli.batches import BATCH_PIXELS, available_cores
from aecodec.cli.byte_files import make_folder, require_writable
from aecodec.cli.conversion_options import force_option, jobs_option, max_pixels_option, quiet_option, sample_options
from aecodec.cli.encoder_options import encoder_options, parse_encoder_options
from aecodec.cli.failures import Failure, expected_errors
from aecodec.cli.file_pairs import PIPE
from aecodec.cli.library_messages import collected, summary
from aecodec.cli.option_groups import all_of, take
from aecodec.cli.option_values import whole_number
from aecodec.cli.picture_files import read_picture
from aecodec.cli.progress import StatusLine, on_terminal, readable_bytes
from aecodec.cli.sources import open_sources
from aecodec.dataset.partial_file import WriterLock
from aecodec.dataset.reading import BLOCK_PICTURES
from aecodec.dataset.resuming import ResumableWriter, unfinished_name
from aecodec.errors import AecError
from aecodec.format import container
from aecodec.images.source import Source as PictureSource
from aecodec.sources.items import split_npz
from aecodec.sources.labelled import Sample, Source

SUFFIX: Final = ".aecs"
CHUNK_PICTURES: Final = 512  # that are encoded at a time
CHUNK_BYTES: Final = 1 << 21
_LEAST_BYTES: Final = 1 << 14  # what a small file is taken for: opening it costs as much


@dataclass(frozen=True)
class Task:
    """Samples to encode. number: of the task. places: in the sources. known: which are in the data set already.

    checksums: of what the samples are, as far as that is at hand.
    """

    number: int
    samples: list[Sample] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    known: list[bool] = field(default_factory=list)
    checksums: list[int] = field(default_factory=list)

    def without_content(self) -> Task:
        """The task without the bytes or samples of its pictures."""
        return replace(self, samples=[_without_content(sample) for sample in self.samples])


@dataclass(frozen=True)
class Encoded:
    """What became of a sample: its .aec file, empty for one that is known, or a failure; and notes on it."""

    file: bytes = b""
    failure: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Encoder:
    """Encodes samples, in whatever process. options: those of `aecodec.encode_many`."""

    options: Mapping[str, Any]
    max_pixels: int
    wide: bool

    def __call__(self, task: Task) -> list[Encoded]:
        """Encode the samples of a task; one that cannot be encoded becomes a failure.

        Small pictures are encoded together, and no more are held than BATCH_PIXELS and one picture.
        """
        results = [Encoded()] * len(task.samples)
        batch: dict[int, Any] = {}
        pixels = 0
        for index, sample in enumerate(task.samples):
            if task.known[index]:
                continue
            picture, results[index] = self._load(sample)
            if picture is not None:
                batch[index] = picture
                pixels += _pixels(picture)
            if pixels >= BATCH_PIXELS:
                self._encode_batch(batch, results)
                batch, picture, pixels = {}, None, 0  # free before the next picture is loaded
        self._encode_batch(batch, results)
        return results

    def _encode_batch(self, batch: Mapping[int, Any], results: list[Encoded]) -> None:
        """Complete the results of some pictures, by their indices."""
        for index, file in zip(batch, self._encode(list(batch.values())), strict=True):
            notes = results[index].notes
            results[index] = Encoded(file, notes=notes) if isinstance(file, bytes) else Encoded(failure=file.message)

    def _load(self, sample: Sample) -> tuple[Any, Encoded]:
        """A picture, or None if there is nothing to encode, and what is known of it so far."""
        content = sample.content
        if sample.failure:
            return None, Encoded(failure=sample.failure)
        if isinstance(content, np.ndarray):
            return content, Encoded()
        with collected() as messages:
            try:
                with expected_errors():
                    data = content if isinstance(content, bytes) else content.read_bytes()
                    if container.is_picture(data):
                        aecodec.decode(data, max_pixels=self.max_pixels)  # damage is to be reported for this picture
                        return None, Encoded(data)
                    source = read_picture(data, self.max_pixels, wide=self.wide)
            except Failure as failure:
                return None, Encoded(failure=failure.message)
        bare = PictureSource(source.samples, source.alpha, source.metadata)
        return bare, Encoded(notes=(*source.notes, *summary(messages)))

    def _encode(self, pictures: Sequence[Any]) -> Sequence[bytes | Failure]:
        try:
            return aecodec.encode_many(pictures, **self.options)
        except (AecError, MemoryError):  # one picture is to blame: encode each alone
            return [self._encode_one(picture) for picture in pictures]

    def _encode_one(self, picture: Any) -> bytes | Failure:
        try:
            with expected_errors():
                return aecodec.encode(picture, **self.options)
        except Failure as failure:
            return failure


@dataclass(frozen=True)
class PackOptions:
    """The options of `aec pack` that are not the encoder's."""

    tile: tuple[int, int] | None
    labels: str | None
    names: bool
    block_pictures: int
    keep_metadata: bool
    jobs: int
    resume: bool
    max_pixels: int
    force: bool
    quiet: bool


pack_options: Final = all_of(
    sample_options,
    click.option("--names/--no-names", default=True, help="Keep the names of files as a column.  [default: names]"),
    click.option(
        "--block-pictures",
        type=whole_number(1, 1 << 16),
        default=BLOCK_PICTURES,
        show_default=True,
        metavar="N",
        help="Code N pictures together: more take fewer bytes, and a single one is read more slowly.",
    ),
    click.option("--keep-metadata", is_flag=True, help="Keep ICC profile, EXIF, XMP and resolution of every picture."),
    jobs_option("Number of processes."),
    click.option("--resume", is_flag=True, help="Continue an interrupted run."),
    max_pixels_option,
    force_option,
    quiet_option,
)


@click.command("pack")
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT", required=True, help="The data set to write, such as set.aecs.")
@encoder_options(strip=False)
@pack_options
def command(inputs: tuple[str, ...], output: str, **options: Any) -> None:
    """Pack pictures into a data set: one file, which programs read like an array.

    IN is a folder, whose first level of folders gives the labels; a tar archive, or - for one from standard input; an
    idx or npz file, such as FILE.npz:NAME; a picture; or with --tile a sheet of tiles. Pictures that are .aec files
    already are not encoded again. Pictures that cannot be read are reported and left out, and the exit code is 1.

    An interrupted run leaves OUT.part behind; the same command with --resume continues it.

    \b
    Example:
      aec pack photos -o photos.aecs -q 60        the folders in photos are the labels
      aec pack train-images-idx3-ubyte.gz --labels train-labels-idx1-ubyte.gz -o digits.aecs
      aec pack sheet.png --tile 32 -o tiles.aecs --lossless
      aec pack mnist.npz:x_train -o digits.aecs
      aec pack shard-0.tar shard-1.tar -o all.aecs
      tar c -C photos . | aec pack - -o photos.aecs --resume
    """
    chosen = take(PackOptions, options)
    target = parse_encoder_options(options).target
    sources = open_sources(inputs, chosen.tile, chosen.labels)
    _require_output(output, chosen)
    made = (chosen.tile, chosen.labels, chosen.names, chosen.block_pictures, chosen.keep_metadata, chosen.max_pixels)
    run = {"sources": inputs, "encoder": options, "made": made}
    contents = chain.from_iterable(map(_contents, inputs, sources))
    if chosen.labels:
        contents = chain([(chosen.labels, _file_bytes(chosen.labels))], contents)
    with expected_errors(output):
        make_folder(os.path.dirname(os.path.realpath(output)))
        writer = ResumableWriter(
            output, run=_digest(run, contents), block_pictures=chosen.block_pictures, packing=options["packing"]
        )
    encoder = Encoder({**options, "strip": not chosen.keep_metadata}, chosen.max_pixels, target.bounds_error)
    packing = Packing(writer, sources, encoder, chosen)
    try:
        with expected_errors(output):
            packing.run()
            if writer.left_out and not len(writer):
                raise Failure(f"{output}: not written, as none of the pictures can be read")
            writer.close()
    except BaseException:
        writer.abort()
        if not writer.holds_pictures:
            with suppress(FileNotFoundError):
                os.unlink(unfinished_name(output))
        elif not chosen.quiet:
            click.echo(f"aec: {unfinished_name(output)} is left; use --resume to continue", err=True)
        raise
    if on_terminal() and not chosen.quiet:
        size = os.path.getsize(output)
        each = f", {size / len(writer):.1f} bytes each" if len(writer) else ""
        click.echo(f"{output}: {len(writer):,} pictures, {readable_bytes(size)}{each}", err=True)
    if writer.left_out:
        raise click.exceptions.Exit(1)


def _require_output(output: str, options: PackOptions) -> None:
    if not output.lower().endswith(SUFFIX):
        raise click.UsageError(f"{output}: data sets are {SUFFIX} files; use -o {os.path.splitext(output)[0]}{SUFFIX}")
    require_writable("", output, force=options.force)
    unfinished = unfinished_name(output)
    if os.path.exists(unfinished) and not options.resume:
        if not options.force:
            raise Failure(f"{unfinished}: an interrupted run left this; use --resume to continue it, or --force")
        with expected_errors(unfinished):
            WriterLock(unfinished).release()  # a run that is not interrupted must not lose it
            os.unlink(unfinished)


def _contents(name: str, source: Source) -> Iterator[tuple[str, int]]:
    """The names and sizes of the files of a source; nothing of a pipe, which can be read only once."""
    if source.named and source.count is not None:
        yield from ((sample.name, _bytes_of(sample)) for sample in source.samples())
    elif name != PIPE:
        yield name, _file_bytes(split_npz(name)[0])


def _digest(run: Mapping[str, Any], contents: Iterable[tuple[str, int]]) -> str:
    """What tells runs apart: their options, and the names and sizes of the files."""
    digest = hashlib.sha256(json.dumps(run, sort_keys=True).encode())
    for each in contents:
        digest.update(json.dumps(each).encode())
    return digest.hexdigest()[:16]


@dataclass
class Packing:
    """A run of the command: encodes the samples of all sources, in order, and adds them to the data set."""

    writer: ResumableWriter
    sources: Sequence[Source]
    encoder: Encoder
    options: PackOptions

    def run(self) -> None:
        """Pack everything. Raises Failure, AecError, OSError."""
        counts = [source.count for source in self.sources]
        total = sum(filter(None, counts)) if None not in counts else 0
        with StatusLine(self.options.quiet) as status, closing(self._results()) as results:
            try:
                for task, encoded in results:
                    self._add(task, encoded)
                    done = task.places[-1] + 1
                    status(f"{len(self.writer):,} pictures packed", done, max(total, done))
            except ValueError as error:  # of a source that turns out to be damaged
                raise Failure(str(error)) from error

    def _add(self, task: Task, encoded: Sequence[Encoded]) -> None:
        kept: list[tuple[Sample, bytes]] = []
        left_out: list[tuple[int, int]] = []
        checksums: list[int] = []
        for sample, place, checksum, result in zip(task.samples, task.places, task.checksums, encoded, strict=True):
            if result.failure:
                click.echo(f"aec: {sample.name}: {result.failure}", err=True)
                left_out.append((place, len(self.writer) + len(kept)))
                continue
            if result.notes and not self.options.quiet:
                click.echo(f"aec: {sample.name}: {'; '.join(result.notes)}", err=True)
            kept.append((sample, result.file))
            checksums.append(checksum)
        self.writer.leave_out(left_out)
        self.writer.see(checksums)
        columns: dict[str, list[Any]] = {}
        if any(sample.label is not None for sample, _ in kept):
            columns["label"] = [_label(sample) for sample, _ in kept]
        if self.options.names and any(source.named for source in self.sources):
            columns["name"] = [_readable(sample.name) for sample, _ in kept]
        self.writer.add_files([file for _, file in kept], columns)

    def _results(self) -> Generator[tuple[Task, Sequence[Encoded]], None, None]:
        """The tasks in order, with their results."""
        tasks = self._tasks()
        first = next(tasks, None)
        second = next(tasks, None) if self.options.jobs > 1 else None
        everything = chain([task for task in (first, second) if task], tasks)
        if second is None:
            yield from ((task, self.encoder(task)) for task in everything)
            return
        from aecodec.cli.process_pool import map_unordered  # slow to import, and a few pictures do not need it

        threads = max(1, available_cores() // self.options.jobs)
        waiting: dict[int, tuple[Task, Sequence[Encoded]]] = {}
        turn = 0
        for task, encoded in map_unordered(self.encoder, everything, self.options.jobs, threads):
            if encoded is None:
                raise Failure("a process that encoded pictures died, perhaps for lack of memory")
            waiting[task.number] = task.without_content(), encoded  # these may be many
            while turn in waiting:
                yield waiting.pop(turn)
                turn += 1

    def _tasks(self) -> Iterator[Task]:
        left_out = set(self.writer.left_out)
        for place in sorted(left_out):
            click.echo(f"aec: picture {place} of the sources was left out by the interrupted run", err=True)
        task, held, number = Task(0), 0, 0
        for place, sample in enumerate(chain.from_iterable(source.samples() for source in self.sources)):
            if place in left_out:
                continue
            known = self.writer.has(number)
            number += 1
            task.samples.append(_without_content(sample) if known else sample)
            task.places.append(place)
            task.known.append(known)
            task.checksums.append(_checksum(sample))
            held += 0 if known else _work_bytes(sample)
            if len(task.samples) >= CHUNK_PICTURES or held >= CHUNK_BYTES:
                yield task
                task, held = Task(task.number + 1), 0
        if task.samples:
            yield task


def _checksum(sample: Sample) -> int:
    """Of name, label and content; files are not read, as their names and sizes tell runs apart already."""
    content = sample.content
    data = b"" if isinstance(content, Path) else content if isinstance(content, bytes) else content.tobytes()
    return zlib.crc32(data, zlib.crc32(repr((sample.name, sample.label)).encode()))


def _label(sample: Sample) -> int | str:
    if sample.label is None:
        raise Failure(f"{sample.name}: this picture has no label, and those before it have one")
    return _readable(sample.label) if isinstance(sample.label, str) else sample.label


def _readable(name: str) -> str:
    r"""A name without bytes that are not UTF-8, which file systems allow and columns do not: they become \xE9."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _bytes_of(sample: Sample) -> int:
    content = sample.content
    if isinstance(content, Path):
        return _file_bytes(content)
    return content.nbytes if isinstance(content, np.ndarray) else len(content)


def _work_bytes(sample: Sample) -> int:
    return max(_bytes_of(sample), _LEAST_BYTES) if isinstance(sample.content, Path) else _bytes_of(sample)


def _file_bytes(path: str | Path) -> int:
    """The size of a file; 0 if it is gone, which is reported when it is read."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _pixels(picture: Any) -> int:
    samples = picture if isinstance(picture, np.ndarray) else picture.samples
    return int(samples.shape[0] * samples.shape[1])


def _without_content(sample: Sample) -> Sample:
    return Sample(sample.name, b"", sample.label)
