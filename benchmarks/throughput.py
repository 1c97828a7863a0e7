"""Pictures a second, encoded and decoded, by aecodec and by others at about the same PSNR.

    python benchmarks/throughput.py DATA... -m MODEL [--efforts 0,1,3] [-q 75] [--rivals webp jxl avif] [-o FILE.md]

Each codec has a process of its own and all pictures: aecodec gets them in one call, the others one after the other.
Their qualities are those nearest in PSNR to aecodec's, on some of the pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import datasets
from reporting import command_line, environment, numbers, progress, publish, require_folders, run

from aecodec.encoding.options import DEFAULT_EFFORT
from aecodec.evaluation import speed
from aecodec.evaluation.rivals import RIVALS, available
from aecodec.evaluation.sweeps import ours, sweep, theirs

SOME = 200  # pictures that the rivals' qualities are looked for with


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", help="pictures, folders, idx files or sheets of tiles")
    parser.add_argument("-m", "--model", required=True, help="as `aec models` lists them")
    parser.add_argument("--efforts", type=numbers(int), default=(0, 1, DEFAULT_EFFORT), metavar="E,E,...")
    parser.add_argument("-q", "--quality", type=int, default=75)
    names = [name for name in RIVALS if name != "png"]
    parser.add_argument("--rivals", nargs="+", default=["webp", "jxl", "avif"], choices=names)
    parser.add_argument("--limit", type=int, help="of pictures (default: all)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the Markdown there as well")
    options = parser.parse_args()
    require_folders([options.output])
    pictures = datasets.load(options.data, limit=options.limit)
    rivals, notes = available(options.rivals)
    some = datasets.spread(pictures, SOME)
    gray = all(picture.ndim == 2 for picture in pictures)
    progress("the rivals' qualities")
    psnr = sweep(ours(options.model), some, [options.quality], similarity=False).points[0].psnr
    jobs = [speed.Job(f"aecodec, effort {e}", "", options.quality, options.model, e) for e in options.efforts]
    curves = [sweep(theirs(rival, gray), some, rival.qualities, similarity=False) for rival in rivals]
    jobs += speed.rival_jobs(rivals, curves, psnr)
    found = speed.measure(jobs, pictures, progress)
    page = [f"# Pictures a second: {options.model}", f"    {command_line(__file__)}", speed.report(found)]
    page += [f"{len(pictures):,} pictures. {speed.EXPLANATION}", *notes, environment(rivals, [options.model]) + "."]
    publish(page, options.output)


if __name__ == "__main__":
    run(main)
