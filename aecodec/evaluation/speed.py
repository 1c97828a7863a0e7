"""Pictures a second, both ways, in one process: aecodec's batches beside Pillow's loops over the same pictures.

    python benchmarks/throughput.py DATA -m MODEL [-n 10000] [-o FILE.md]

aecodec codes all pictures with one call of `encode_many` and one of `decode_many`; a rival with one `Image.save` and
one `Image.open` a picture, in memory, at Pillow's own defaults unless the table says otherwise. The codecs take turns;
the best of the rounds counts. "a CPU second" divides by the processor time of all threads instead of the time that
passed: it is what remains comparable on a machine that does other work meanwhile.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import datasets
from aecodec.evaluation.curves import Point, point
from aecodec.evaluation.datasets import Picture
from reporting import command_line, environment, number, progress, run, table
from aecodec.evaluation.rivals import Rival, available

import aecodec

Result = TypeVar("Result")
RIVALS = ("webp", "avif", "jxl", "png")
WARM_UP = 20


@dataclass
class Codec:
    """Both ways over a list of pictures, and the best times so far, in seconds."""

    name: str
    encode: Callable[[Sequence[Picture]], list[bytes]]
    decode: Callable[[Sequence[bytes]], list[Picture]]
    seconds: dict[str, float] = field(default_factory=dict)
    result: Point | None = None

    def run(self, pictures: Sequence[Picture]) -> None:
        files = self._timed("encode", lambda: self.encode(pictures))
        decoded = self._timed("decode", lambda: self.decode(files))
        self.result = point(0, pictures, files, decoded)

    def _timed(self, what: str, call: Callable[[], Result]) -> Result:
        wall, cpu = time.perf_counter(), time.process_time()
        result = call()
        spent = {what: time.perf_counter() - wall, f"{what} cpu": time.process_time() - cpu}
        for name, seconds in spent.items():
            self.seconds[name] = min(seconds, self.seconds.get(name, seconds))
        return result


def ours(model: str, quality: int) -> Codec:
    return Codec(
        f"aecodec (quality {quality})",
        lambda pictures: aecodec.encode_many(pictures, model=model, quality=quality),
        aecodec.decode_many,
    )


def theirs(rival: Rival, gray: bool) -> Codec:
    return Codec(
        rival.name,
        lambda pictures: [rival.encode(picture) for picture in pictures],
        lambda files: [rival.decode(data, gray) for data in files],
    )


def report(codecs: Sequence[Codec], count: int) -> str:
    head = ("", "encode /s", "decode /s", "encode /CPU s", "decode /CPU s", "bytes", "PSNR dB")
    columns = ("encode", "decode", "encode cpu", "decode cpu")
    rows = []
    for codec in codecs:
        assert codec.result is not None
        rates = [number(count / codec.seconds[name], 0) for name in columns]
        rows.append((codec.name, *rates, number(codec.result.file_bytes), number(codec.result.psnr, 1)))
    return table(head, rows)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", metavar="DATA", help="idx file, tile sheet, picture or folder")
    parser.add_argument("-m", "--model", required=True, help="as `aec models` lists them")
    parser.add_argument("-n", "--number", type=int, default=10_000, metavar="N", help="of pictures (default: 10000)")
    parser.add_argument("-q", "--quality", type=int, default=75, help="of aecodec (default: 75)")
    parser.add_argument("--tile", type=int, default=32, metavar="N", help="width and height of a sheet's tiles")
    parser.add_argument("--rounds", type=int, default=3, help="the best of them counts (default: 3)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the Markdown there as well")
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    pictures = datasets.load(arguments.data, (arguments.tile, arguments.tile), arguments.number)
    gray = pictures[0].ndim == 2
    rivals, notes = available(RIVALS)
    codecs = [ours(arguments.model, arguments.quality), *(theirs(rival, gray) for rival in rivals)]
    for codec in codecs:  # loads the model, the plugins and the libraries
        codec.decode(codec.encode(pictures[:WARM_UP]))
    for round_ in range(arguments.rounds):
        for codec in codecs:
            progress(f"round {round_ + 1} of {arguments.rounds}: {codec.name}")
            codec.run(pictures)
    progress("")
    page = [
        f"# Throughput: {len(pictures):,} pictures in one process",
        f"    {command_line(__file__)}",
        report(codecs, len(pictures)),
        *notes,
        environment(rivals, [arguments.model]) + ".",
    ]
    text = "\n\n".join(page)
    print(text)
    if arguments.output:
        arguments.output.write_text(text + "\n")


if __name__ == "__main__":
    run(main)
