"""Data sets for TensorFlow and Keras: a source for `tf.data`.

ds = aecodec.dataset.open("train.aecs")
model.fit(batches(ds, 256, shuffle=True).map(prepare), epochs=10)

`prepare` turns samples into what the model takes, for example `lambda images, labels: (images / 255, labels)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import tensorflow as tf

from aecodec.dataset import DataSet
from aecodec.errors import InvalidValue


def batches(data_set: DataSet, size: int, *, shuffle: bool = False, seed: int = 0, drop_last: bool = False) -> Any:
    """A `tf.data.Dataset` of the pictures, `size` at a time, decoded while the batch before is in use.

    Its elements are (images, labels), or images alone if the data set has no labels: images (N, H, W, C) of uint8
    (uint16 if they were written so), labels (N,) of int64. Other arguments as for `DataSet.batches`; with `shuffle`,
    each iteration has another order, given by the seed and the number of iterations before it.

    Raises InvalidValue if the data set is empty, or the first and the last picture differ in shape or type. An
    AecError, or a picture of another shape later on, becomes an error of TensorFlow that quotes it.
    """
    if not len(data_set):
        raise InvalidValue("the data set has no pictures")
    first, last = data_set[0], data_set[-1]
    if (first.shape, first.dtype) != (last.shape, last.dtype):
        raise InvalidValue("pictures of several shapes or types make no batches: resize them first")
    labelled, iterations = data_set.labels is not None, count()

    def produce() -> Iterator[Any]:
        order = data_set.batches(size, shuffle=shuffle, seed=seed + next(iterations), drop_last=drop_last)
        for images, labels, _ in order:
            images = images if np.ndim(images) == 4 else images[..., None]
            yield (images, labels) if labelled else images

    shape = first.shape if first.ndim == 3 else (*first.shape, 1)
    length = size if drop_last else None
    signature = tf.TensorSpec((length, *shape), tf.as_dtype(first.dtype))
    if labelled:
        signature = (signature, tf.TensorSpec((length,), tf.int64))
    whole = len(data_set) // size if drop_last else -(-len(data_set) // size)
    found = tf.data.Dataset.from_generator(produce, output_signature=signature)
    return found.apply(tf.data.experimental.assert_cardinality(whole)).prefetch(tf.data.AUTOTUNE)
