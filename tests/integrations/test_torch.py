"""PyTorch's loaders read data sets in worker processes, each picture once and each block in one of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from samples import COLOUR, DIGITS

from aecodec import dataset
from aecodec.errors import InvalidValue

torch = pytest.importorskip("torch", reason="needs torch")
adapter = pytest.importorskip("aecodec.integrations.torch")
DataLoader = torch.utils.data.DataLoader

PICTURES = np.concatenate([COLOUR] * 5)
NUMBERED = PICTURES.copy()  # the first sample of each says which it is
NUMBERED[:, 0, 0, 0] = np.arange(100)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred pictures in blocks of eight; the labels are their numbers."""
    path = tmp_path_factory.mktemp("set") / "a.aecs"
    dataset.write(path, NUMBERED, labels=range(100), lossless=True, block_pictures=8)
    return path


def test_items_are_tensors_with_channels_first(path: Path) -> None:
    pictures = adapter.Pictures(dataset.open(path))
    assert len(pictures) == 100
    image, label = pictures[42]
    assert image.dtype == torch.uint8 and image.shape == (3, 32, 32) and label == 42
    assert np.array_equal(image.numpy(), np.moveaxis(NUMBERED[42], 2, 0))
    halves = adapter.Pictures(dataset.open(path), transform=lambda tensor: tensor.float() / 2)
    assert halves[42][0].dtype == torch.float32
    with pytest.raises(IndexError):
        pictures[100]


def test_gray_pictures_without_labels_are_tensors_alone(tmp_path: Path) -> None:
    dataset.write(tmp_path / "a.aecs", DIGITS, lossless=True)
    pictures = adapter.Pictures(dataset.open(tmp_path / "a.aecs"))
    assert torch.equal(pictures[3], torch.from_numpy(DIGITS[3])[None])
    assert torch.equal(pictures.__getitems__([3, 1])[1], pictures[1])
    (batch,) = DataLoader(pictures, batch_size=20)
    assert batch.shape == (20, 1, 28, 28)


@pytest.mark.parametrize("context", [None, "fork", "spawn"])
def test_two_workers_read_every_picture_once(path: Path, context: str | None) -> None:
    workers = 2 if context else 0
    with dataset.open(path) as ds:
        ds[0]  # what was decoded before does not disturb the workers
        batches = adapter.BlockBatches(ds, 16, shuffle=True, seed=3, workers=workers)
        loader = DataLoader(
            adapter.Pictures(ds), batch_sampler=batches, num_workers=workers, multiprocessing_context=context
        )
        seen = []
        for images, labels in loader:
            assert images[:, 0, 0, 0].tolist() == labels.tolist()
            seen += labels.tolist()
    assert len(loader) == 7 and sorted(seen) == list(range(100)) != seen


def test_the_loaders_own_samplers_work_too(path: Path) -> None:
    loader = DataLoader(adapter.Pictures(dataset.open(path)), batch_size=30, shuffle=True, num_workers=2)
    assert sorted(int(label) for _, labels in loader for label in labels) == list(range(100))


def test_a_block_goes_to_one_worker(path: Path) -> None:
    batches = list(adapter.BlockBatches(dataset.open(path), 8, shuffle=True, workers=2))
    blocks = [{number // 8 for batch in batches[worker:10:2] for number in batch} for worker in range(2)]
    assert not blocks[0] & blocks[1]


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_are_whole_but_for_the_last(path: Path, workers: int, drop_last: bool) -> None:
    batches = adapter.BlockBatches(dataset.open(path), 9, shuffle=True, workers=workers, drop_last=drop_last)
    sizes = [len(batch) for batch in batches]
    assert sizes == [9] * 11 + [1] * (not drop_last) and len(batches) == len(sizes)


def test_each_epoch_has_its_order_and_the_seed_repeats_it(path: Path) -> None:
    first, second = (adapter.BlockBatches(dataset.open(path), 10, shuffle=True, seed=seed) for seed in (1, 1))
    before = list(first)
    assert before == list(second) == list(first)
    first.set_epoch(1)
    assert list(first) != before and sorted(sum(first, [])) == list(range(100))
    plain = adapter.BlockBatches(dataset.open(path), 10)
    assert sum(plain, []) == list(range(100))


def test_processes_that_train_together_share_the_pictures(path: Path) -> None:
    parts = [adapter.BlockBatches(dataset.open(path), 10, shuffle=True, workers=2, part=(rank, 3)) for rank in range(3)]
    assert sorted(number for part in parts for batch in part for number in batch) == list(range(100))
    assert [len(list(part)) for part in parts] == [len(part) for part in parts]


def test_impossible_batches_are_refused(path: Path) -> None:
    ds = dataset.open(path)
    with pytest.raises(InvalidValue, match="1 picture or more"):
        adapter.BlockBatches(ds, 0)
    with pytest.raises(InvalidValue, match="part"):
        adapter.BlockBatches(ds, 1, part=(3, 3))
