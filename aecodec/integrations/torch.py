"""Data sets for PyTorch: a map-style `Dataset`, and batches of indices that decode each block once.

ds = aecodec.dataset.open("train.aecs")
batches = BlockBatches(ds, 256, shuffle=True, workers=2)
loader = DataLoader(Pictures(ds), batch_sampler=batches, num_workers=2)
for epoch in range(10):
    batches.set_epoch(epoch)
    for images, labels in loader:
        ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from aecodec.dataset import DataSet
from aecodec.dataset.batches import Order
from aecodec.errors import InvalidValue
from aecodec.images.source import Picture


class Pictures(Dataset):
    """The pictures of a data set as tensors (C, H, W) of uint8 (uint16 if they were written so), with their labels.

    An item is (tensor, label), or the tensor alone if the data set has no labels. transform: a function that is applied
    to each tensor. `DataLoader` asks for a batch at a time, whose blocks are decoded together. It can be pickled, and
    worker processes, forked or spawned, need no preparation. Items raise IndexError and AecError.
    """

    def __init__(self, data_set: DataSet, transform: Callable[[Any], Any] | None = None) -> None:
        self.data_set, self.transform = data_set, transform
        self.labels = data_set.labels

    def __len__(self) -> int:
        """The number of pictures."""
        return len(self.data_set)

    def __getitem__(self, index: int) -> Any:
        """An item."""
        return self._item(index, self.data_set[index])

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """The items of a batch."""
        return [self._item(*each) for each in zip(indices, self.data_set.read(indices), strict=True)]

    def _item(self, index: int, picture: Picture) -> Any:
        channels_first = picture[None] if picture.ndim == 2 else np.ascontiguousarray(np.moveaxis(picture, 2, 0))
        tensor = torch.from_numpy(channels_first)
        if self.transform is not None:
            tensor = self.transform(tensor)
        return tensor if self.labels is None else (tensor, int(self.labels[index]))


class BlockBatches(Sampler):
    """Batches of indices for the `batch_sampler` of a `DataLoader`, which read all pictures once, block by block.

    size: pictures in a batch. shuffle: in an order that decodes each block once: the blocks in random order, and the
    pictures of some 8,000 at a time. seed: of the order, together with the epoch. drop_last: leave out the last batch
    if it is not whole. workers: as many as the loader has, so that no two of them decode the same block. part: (index,
    count), the share of one of several processes that train together.

    Raises InvalidValue.
    """

    def __init__(
        self,
        data_set: DataSet,
        size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        workers: int = 1,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        if size < 1:
            raise InvalidValue(f"a batch has 1 picture or more, not {size}")
        self.size, self.shuffle, self.seed, self.drop_last = size, shuffle, seed, drop_last
        self.workers, self.part, self.epoch = max(1, workers), part, 0
        self._blocks = data_set.blocks()
        self._order(0)  # is the part one?

    def set_epoch(self, epoch: int) -> None:
        """Shuffle in another order from the next iteration on."""
        self.epoch = epoch

    def __len__(self) -> int:
        """The number of batches of the present epoch."""
        count = sum(len(numbers) for worker in range(self.workers) for numbers in self._order(worker).windows())
        return count // self.size if self.drop_last else -(-count // self.size)

    def __iter__(self) -> Iterator[list[int]]:
        """Batches in the order in which a loader deals them out: one for each worker in turn, from its own blocks."""
        turns = [self._order(worker).batches(self.size, drop_last=False) for worker in range(self.workers)]
        left = np.zeros(0, np.int64)
        while turns:
            for turn in list(turns):
                batch = next(turn, None)
                if batch is None:
                    turns.remove(turn)
                elif len(batch) == self.size:
                    yield batch.tolist()
                else:
                    left = np.concatenate([left, batch])
        yield from self._cut(left)

    def _order(self, worker: int) -> Order:
        index, count = self.part
        seed = self.seed + self.epoch if self.shuffle else None
        return Order(self._blocks, seed, (index + count * worker, count * self.workers))

    def _cut(self, numbers: NDArray[np.int64]) -> Iterator[list[int]]:
        for begin in range(0, len(numbers), self.size):
            batch = numbers[begin : begin + self.size].tolist()
            if len(batch) == self.size or not self.drop_last:
                yield batch
