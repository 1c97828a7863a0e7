"""A linear classifier on pixels, and the same classifier on the features of a model.

    python examples/linear_classifier.py train-images-idx3-ubyte.gz t10k-images-idx3-ubyte.gz -m mnist

The label files are expected next to the image files, as in MNIST. The classifier is ridge regression onto the classes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import aecodec
from aecodec.sources.readers import read_idx

RIDGE = 1e-3  # relative to the mean square of the features


def labels_of(images: Path) -> np.ndarray:
    return read_idx(images.with_name(images.name.replace("images-idx3", "labels-idx1")))


def accuracy(train: np.ndarray, labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray) -> float:
    """The classifier's accuracy on test features (N, ...), in percent."""
    x, y = (np.column_stack([part.reshape(len(part), -1), np.ones(len(part))]) for part in (train, test))
    x, y = x.astype(np.float64), y.astype(np.float64)
    targets = np.eye(labels.max() + 1)[labels]
    square = x.T @ x
    weights = np.linalg.solve(square + RIDGE * np.trace(square) / len(square) * np.eye(len(square)), x.T @ targets)
    return 100 * float(((y @ weights).argmax(axis=1) == test_labels).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("-m", "--model", default="mnist")
    parser.add_argument("-q", "--quality", type=int, default=20)
    parser.add_argument("-n", "--limit", type=int, default=10_000, help="training pictures")
    options = parser.parse_args()
    train, test = read_idx(options.train)[: options.limit], read_idx(options.test)
    labels, test_labels = labels_of(options.train)[: options.limit], labels_of(options.test)
    kinds = {"pixels": (train, test)}
    x, y = (aecodec.features_many(part, model=options.model, quality=options.quality) for part in (train, test))
    kinds["vector"] = (x.vector, y.vector)
    kinds[f"vector, quantized at quality {options.quality}"] = (x.quantized_vector, y.quantized_vector)
    both, again = (np.hstack([p.quantized_vector[:, 0], p.quantized_plane.reshape(len(p.vector), -1)]) for p in (x, y))
    kinds[f"vector and plane, quantized at quality {options.quality}"] = (both, again)
    print(f"{len(train):,} training pictures, {len(test):,} test pictures")
    for name, (features, others) in kinds.items():
        size = int(np.prod(features.shape[1:]))
        print(f"{accuracy(features, labels, others, test_labels):6.2f} %  {size:4d} numbers  {name}")


if __name__ == "__main__":
    main()
