"""Models beside each other over one data set: mean bytes of whole files, PSNR of the pooled error, mean UQI.

AECODEC_MODELS=runs python benchmarks/classics.py t10k-images-idx3-ubyte.gz -m blog@25,100 -m mnist@1,20
"""

from __future__ import annotations

import argparse

from aecodec.sources.stacks import pictures_for
from aecodec.studies.robustness import Likeness, code


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("-m", "--model", action="append", required=True, metavar="NAME@QUALITY,...")
    parser.add_argument("-n", "--limit", type=int, default=10_000)
    parser.add_argument("-e", "--effort", type=int, default=0)
    options = parser.parse_args()
    print("| model | quality | bytes | PSNR (dB) | UQI |\n|---|---:|---:|---:|---:|")
    for text in options.model:
        name, _, qualities = text.partition("@")
        tiles = pictures_for(options.data, name, options.limit)
        for quality in map(int, qualities.split(",")):
            decoded, size = code(tiles, name, quality, options.effort)
            found = Likeness.of(tiles, decoded)
            print(f"| {name} | {quality} | {size:.1f} | {found.psnr:.2f} | {found.uqi:.3f} |", flush=True)


if __name__ == "__main__":
    main()
