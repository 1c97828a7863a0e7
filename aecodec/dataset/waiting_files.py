"""Files of pictures that wait for others that are coded alike, with which they make a block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from aecodec.dataset import picture_blocks
from aecodec.dataset.framing import Block
from aecodec.dataset.picture_blocks import Shared
from aecodec.dataset.runs import Runs
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.encoding.options import EncodeOptions
from aecodec.engines.threads import in_threads
from aecodec.errors import AecError
from aecodec.format.container import PACKINGS, Packing

BLOCK_PIXELS: Final = 1 << 20  # of a joined block
FILES_BYTES: Final = 1 << 16  # a block of files is closed when it has so many
HELD_BYTES: Final = 1 << 26  # of all files that wait: when there are more, all of them are written

Ready: TypeAlias = "tuple[Shared | None, list[int], list[bytes]]"
"""What the files of a block share, or None for files as they are; the numbers of the pictures; the files."""


@dataclass
class _Group:
    """Files that are coded alike; the numbers of their pictures increase."""

    numbers: list[int] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)
    pixels: int = 1  # of a picture

    def add(self, number: int, file: bytes) -> None:
        self.numbers.append(number)
        self.files.append(file)


class WaitingFiles:
    """Collects files and gives out blocks of `block_pictures`, or of as many as fit the limits above."""

    def __init__(self, block_pictures: int, options: EncodeOptions) -> None:
        self._block_pictures, self._engine = block_pictures, options.engine
        # rans in any case but on request: a block is long enough for either, and zstd's are 2 % larger.
        self._packing: Packing = options.packings[0] if len(options.packings) == 1 else PACKINGS[0]
        self._groups: dict[Shared | None, _Group] = {}
        self._held = 0

    def add(self, number: int, file: ParsedFile) -> None:
        """Add the file of a picture, whose number is higher than any before."""
        pixels = file.size[0] * file.size[1]
        self._groups.setdefault(Shared.of(file), _Group(pixels=pixels)).add(number, file.data)
        self._held += len(file.data)

    def full(self) -> Iterator[Block]:
        """The blocks that are full; all that there are if too many bytes wait.

        Their files no longer wait, even if an error, such as that of a damaged file, keeps a block from being made:
        nothing more may be written then. Raises AecError.
        """
        ready: list[Ready] = []
        for shared, group in self._groups.items():
            while count := self._count(shared, group):
                ready.append((shared, group.numbers[:count], group.files[:count]))
                self._held -= sum(map(len, group.files[:count]))
                del group.numbers[:count], group.files[:count]
        yield from in_threads(self._block, ready)
        if self._held > HELD_BYTES:
            yield from self.rest()

    def rest(self) -> Iterator[Block]:
        """Blocks of everything that waits; a file that is alone goes among the files as they are.

        After an error the same holds as in `full`. Raises AecError.
        """
        waiting, self._groups, self._held = self._groups, {}, 0
        ready: list[Ready] = []
        alone: list[tuple[int, bytes]] = []
        for shared, group in waiting.items():
            if shared is None or len(group.files) == 1:
                alone += zip(group.numbers, group.files, strict=True)
            elif group.files:
                ready.append((shared, group.numbers, group.files))
        loose = _Group()
        for number, file in sorted(alone):
            loose.add(number, file)
            if self._count(None, loose):
                ready.append((None, loose.numbers, loose.files))
                loose = _Group()
        if loose.files:
            ready.append((None, loose.numbers, loose.files))
        yield from in_threads(self._block, ready)

    def _count(self, shared: Shared | None, group: _Group) -> int:
        """How many of a group's files make the next full block; 0 if there are too few."""
        most = self._block_pictures
        if shared is None:
            return _within(group.files[:most], FILES_BYTES) or (most if len(group.files) >= most else 0)
        most = max(1, min(most, BLOCK_PIXELS // group.pixels))
        return most if len(group.files) >= most else 0

    def _block(self, ready: Ready) -> Block:
        shared, numbers, files = ready
        if shared is None:
            return picture_blocks.collect(Runs.of(numbers), files)
        parsed = [ParsedFile.parse(file, None) for file in files]
        try:
            return picture_blocks.join(Runs.of(numbers), parsed, self._packing, self._engine)
        except AecError:
            for number, file in zip(numbers, parsed, strict=True):  # whose error is it?
                try:
                    picture_blocks.join(Runs.of([number]), [file], self._packing, self._engine)
                except AecError as error:
                    error.add_note(f"in the file of picture {number}")
                    raise
            raise


def _within(files: Sequence[bytes], limit: int) -> int:
    """How many of the files reach the limit in bytes together; 0 if all of them do not."""
    total = 0
    for index, file in enumerate(files):
        total += len(file)
        if total >= limit:
            return index + 1
    return 0
