"""Find letters among digits by the cost of coding them with the model for digits.

    python examples/hidden_letters.py digits.gz letters.gz --usual mnist --other alphabet

Prints the area under the ROC curve, which is 1 if every letter scores above every digit, for three scores: the cost
under the model for digits, its difference from the cost under the model for letters, and, as a baseline, the mean
brightness.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import aecodec
from aecodec.sources.readers import read_idx


def auc(strange: np.ndarray, usual: np.ndarray) -> float:
    """The probability that a strange picture scores above a usual one; a tie counts as half."""
    ordered = np.sort(usual)
    below, upto = (np.searchsorted(ordered, strange, side) for side in ("left", "right"))
    return float((below + upto).mean() / 2 / len(usual))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("digits", type=Path)
    parser.add_argument("letters", type=Path)
    parser.add_argument("--usual", default="mnist")
    parser.add_argument("--other", default="alphabet")
    parser.add_argument("-n", "--limit", type=int, default=1000)
    options = parser.parse_args()
    digits, letters = (read_idx(path)[: options.limit] for path in (options.digits, options.letters))
    own = [aecodec.anomaly_scores(part, model=options.usual) for part in (letters, digits)]
    other = [aecodec.anomaly_scores(part, model=options.other) for part in (letters, digits)]
    print(f"{len(letters)} letters among {len(digits)} digits")
    print(f"{auc(*own):.3f}  cost under {options.usual}")
    print(
        f"{auc(own[0] - other[0], own[1] - other[1]):.3f}  cost under {options.usual} less that under {options.other}"
    )
    print(f"{auc(letters.mean(axis=(1, 2)), digits.mean(axis=(1, 2))):.3f}  mean brightness")


if __name__ == "__main__":
    main()
