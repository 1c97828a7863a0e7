"""Files of tile-sized pictures: which bytes are not picture, and what damage goes unseen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import click
import numpy as np

import aecodec
from aecodec.cli.option_values import number_list
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.encoding.batch import Batch
from aecodec.encoding.candidates import Candidate
from aecodec.encoding.lossy import write
from aecodec.encoding.residual_search import choose
from aecodec.engines import engine
from aecodec.evaluation.pages import environment, table
from aecodec.format.check import BITS, with_check
from aecodec.format.container import PACKINGS
from aecodec.images.source import Picture
from aecodec.models import registry
from aecodec.packing import ideal_bits
from benchmarks import datasets
from benchmarks.reporting import command_line, output_option, progress, publish, require_folders

AT_ONCE = 100  # pictures
LONGEST_RUN = 8  # bytes that are replaced together
CHECK_VALUES = 256

SHARES_NOTE = """\
Mean bytes of a file and of its parts; four bits of the check stand in the payload but are counted as check. *Ideal* is
the ideal code length of the residuals under the model's tables; *beyond it*, what the payload takes more than that, the
rounding to whole bytes included. No file has states of rans that hold nothing."""
DAMAGE_NOTE = """\
How many of so many damaged files decode to another picture; of the others, all but a few are errors, and those few
decode to the same picture. *Replaced* bytes are random, as are those of *another payload* behind the header, of any
length up to twice that of the file, and those of a *random file* of the same length. In the last column the last byte
is made to match, so that only the payload can show the damage; of other files one in 256 gets as far."""


@dataclass(frozen=True)
class TileSet:
    """Pictures that have the size of the model's tile."""

    title: str
    model: str
    tiles: np.ndarray


def files_of(tiles: TileSet, quality: int) -> tuple[list[bytes], float]:
    """The files at the default effort, and the mean ideal code length in bytes."""
    model, files, bits = registry.by_name(tiles.model), [], 0.0
    for begin in range(0, len(tiles.tiles), AT_ONCE):
        progress(f"{tiles.title}, quality {quality}")
        part = tiles.tiles[begin : begin + AT_ONCE]
        qualities = np.full(len(part), quality)
        choice = choose(model, engine(), part, qualities)
        residuals, classes = ([each.reshape(len(part), -1) for each in x] for x in (choice.residuals, choice.classes))
        bits += float(ideal_bits(model.tables, residuals, classes).sum())
        files += write(Batch(part, [()] * len(part)), Candidate(model, gray=False), choice, qualities, PACKINGS)
    return files, bits / 8 / len(tiles.tiles)


def shares(tiles: TileSet, quality: int, files: Sequence[bytes], ideal: float) -> list[str]:
    """A row of the first table."""
    parts = [aecodec.inspect(file).parts for file in files]
    header, check, payload = (float(np.mean([part[name] for part in parts])) for name in ("header", "check", "payload"))
    small = float(np.mean([ParsedFile.parse(file, None).header.is_small for file in files]))
    check, payload = check + BITS / 8 * small, payload - BITS / 8 * small
    total = float(np.mean(list(map(len, files))))
    figures = [total, header, check, payload, ideal, payload - ideal]
    return [tiles.title, f"{quality}", *(f"{figure:.2f}" for figure in figures)]


# Damage: each takes random numbers and a file ---


def _bits_flipped(count: int) -> Callable[[Random, bytes], bytes]:
    def damage(random: Random, data: bytes) -> bytes:
        bits = sum(1 << place for place in random.sample(range(8 * len(data)), count))
        return (int.from_bytes(data, "big") ^ bits).to_bytes(len(data), "big")

    return damage


def _bytes_replaced(longest: int) -> Callable[[Random, bytes], bytes]:
    def damage(random: Random, data: bytes) -> bytes:
        count = random.randint(1 if longest == 1 else 2, longest)
        at = random.randrange(max(1, len(data) - count + 1))
        return data[:at] + random.randbytes(count) + data[at + count :]

    return damage


def _cut(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data))]


def _another_payload(random: Random, data: bytes) -> bytes:
    return data[:2] + random.randbytes(random.randint(1, 2 * len(data)))


def _random_file(random: Random, data: bytes) -> bytes:
    return random.randbytes(len(data))


DAMAGE: dict[str, Callable[[Random, bytes], bytes]] = {
    "one bit flipped": _bits_flipped(1),
    "two bits flipped": _bits_flipped(2),
    "three bits flipped": _bits_flipped(3),
    "one byte replaced": _bytes_replaced(1),
    f"2 to {LONGEST_RUN} bytes replaced": _bytes_replaced(LONGEST_RUN),
    "cut short": _cut,
    "another payload": _another_payload,
    "random file": _random_file,
}


def decoded(data: bytes) -> Picture | None:
    """The picture of a damaged file, or None if it is refused."""
    with suppress(aecodec.AecError):
        return aecodec.decode(data, max_pixels=1 << 16)
    return None


def unseen(kind: str, files: Sequence[bytes], count: int) -> tuple[int, float]:
    """Of `count` damaged files, those that decode to another picture; and the share of those with a check made anew."""
    random, found, passing = Random(kind), 0, 0
    sealed = max(1, count // CHECK_VALUES)
    for number in range(count):
        if number % 1000 == 0:
            progress(f"{kind}: {number:,} of {count:,}")
        data = random.choice(files)
        damaged = DAMAGE[kind](random, data)
        picture = decoded(damaged)
        found += picture is not None and not np.array_equal(picture, aecodec.decode(data))
        if number < sealed and len(damaged) > 2:
            picture = decoded(with_check(damaged[:-1]))
            passing += picture is not None and not np.array_equal(picture, aecodec.decode(data))
    return found, passing / sealed


def damage_rows(tiles: TileSet, files: Sequence[bytes], count: int) -> list[list[str]]:
    """The rows of a set in the second table."""
    small = [file for file in files if ParsedFile.parse(file, None).header.is_small]
    rows = []
    for kind in DAMAGE:
        found, passing = unseen(kind, small, count)
        rows.append([tiles.title, kind, f"{count:,}", f"{found:,}", f"{passing:.2%}"])
    return rows


@click.command("overhead")
@click.option(
    "--set",
    "sets",
    nargs=3,
    multiple=True,
    required=True,
    metavar="TITLE FILE MODEL",
    help="Pictures of the size of the model's tile: an idx file, or a sheet of tiles. May be repeated.",
)
@click.option("-n", "--count", default=2000, show_default=True, help="Pictures of each set, the last ones.")
@click.option(
    "-q", "--qualities", type=number_list(1, 100), metavar="N,N,...", default="10,30,50,75", show_default=True
)
@click.option("--damaged", default=100_000, show_default=True, help="Damaged files of each kind.")
@click.option("--damaged-quality", default=30, show_default=True, help="Quality of the files that are damaged.")
@output_option()
def command(
    sets: Sequence[tuple[str, str, str]],
    count: int,
    qualities: Sequence[int],
    damaged: int,
    damaged_quality: int,
    output: Path | None,
) -> None:
    """Measure the bytes of small files that are not picture, and how much damage goes unseen."""
    require_folders(output)
    share_rows, unseen_rows = [], []
    for title, path, name in sets:
        model = registry.by_name(name)
        shape = model.description.tile
        if shape is None:
            raise ValueError(f"{name} has no tile: choose a model for small pictures")
        tiles = np.stack(datasets.load([path], shape)[-count:]).reshape(-1, *shape, model.description.channels)
        held = TileSet(title, name, tiles)
        for quality in qualities:
            share_rows.append(shares(held, quality, *files_of(held, quality)))
        if damaged:
            unseen_rows += damage_rows(held, files_of(held, damaged_quality)[0], damaged)
    page = [
        "# Small files",
        f"    {command_line()}",
        f"{environment()}. The last {count:,} pictures of each set, at the default effort.",
        "## Which bytes are not picture",
        SHARES_NOTE,
        table(["", "quality", "file", "header", "check", "payload", "ideal", "beyond it"], share_rows),
    ]
    if unseen_rows:
        page += [
            "## Damage that goes unseen",
            DAMAGE_NOTE,
            f"Files at quality {damaged_quality}:",
            table(["", "damage", "files", "another picture", "with a matching check"], unseen_rows),
        ]
    publish(page, output)
