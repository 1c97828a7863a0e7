"""Data sets: very many pictures in one file (.aecs), read like an array.

    aecodec.dataset.write("digits.aecs", images, labels=labels, quality=40)
    with aecodec.dataset.open("digits.aecs") as ds:
        picture, some = ds[0], ds[[3, 1, 4]]

Pictures that are coded alike share blocks, in which headers, checks and the state of the entropy coder are paid for
once; `framing` has the frame of the file, `picture_blocks` and `columns` what is in the blocks.
"""

from aecodec.dataset.ranges import DataSetLike, RangeSource
from aecodec.dataset.reading import DataSet
from aecodec.dataset.shards import Shards, open, shard_path
from aecodec.dataset.writing import Encodable, Writer, append, write

__all__ = [
    "DataSet",
    "DataSetLike",
    "Encodable",
    "RangeSource",
    "Shards",
    "Writer",
    "append",
    "open",
    "shard_path",
    "write",
]
