"""A writer that continues where an earlier run was interrupted.

Its unfinished file has a name of its own beside the data set and stays there when the run ends early. A later run finds
the whole blocks in it, and encodes only the pictures that are in none of them. The unfinished file also says how it is
made, so that no other options continue it, and which items of the sources were left out, since these have no numbers.
A checksum of what the pictures were made from tells whether the same ones come again.
"""

from __future__ import annotations

import os
import zlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any, Final

import numpy as np

from aecodec.dataset import columns as column_blocks
from aecodec.dataset import framing, picture_blocks
from aecodec.dataset.description import Description
from aecodec.dataset.framing import Block
from aecodec.dataset.partial_file import PartialFile
from aecodec.dataset.ranges import MappedFile
from aecodec.dataset.runs import Places
from aecodec.dataset.writing import Writer
from aecodec.decoding.parsed_file import ParsedFile
from aecodec.errors import AecError, InvalidValue

SUFFIX: Final = ".part"
_SPARSE: Final = 1000  # bytes of the file for each of a checksum, since those that are outdated stay in it


def unfinished_name(path: str | os.PathLike[str]) -> str:
    """The name of the unfinished file of a data set."""
    return os.path.realpath(path) + SUFFIX


class ResumableWriter(Writer):
    """A `Writer` that leaves an unfinished file behind if it is given up, and continues one that is there.

    run: a text that says how the data set is made, and from what. Raises InvalidValue if the unfinished file
    was made otherwise; other arguments and errors as for `Writer`.

    The unfinished file settles which pictures have the numbers up to its last: all of these must come again.
    """

    def __init__(self, path: str | os.PathLike[str], *, run: str, **options: Any) -> None:
        self._run = run
        self._present = Places([])
        self._settled = 0  # numbers below are those of pictures that could be encoded
        self.left_out: list[int] = []
        self._seen = self._check = 0  # pictures that came, and the checksum of what they were made from
        self._expected: tuple[int, int] | None = None  # both, as the interrupted run had them; None of older versions
        self._checks: deque[tuple[int, int]] = deque()  # both, for the last picture in a block and those that wait
        self._noted = 0  # bytes of the file when a checksum was last noted in it
        self._resumed = 0  # bytes of the file that the interrupted run wrote
        super().__init__(path, **options)

    def _opened(self, path: str | os.PathLike[str]) -> PartialFile:
        name = unfinished_name(path)
        self._description = replace(self._description, unfinished={"run": self._run, "left_out": self.left_out})
        if not os.path.exists(name):
            return PartialFile(path, name)
        file = PartialFile(path, name, resumed=True)  # before it is read: another writer may be at it
        try:
            with closing(MappedFile(name)) as source:
                self._entries = list(framing.scan(source)) if source.size else []
                self._continue(source)
            self._resumed = self._noted = self._entries[-1].end if self._entries else 0
            file.cut(self._resumed)
        except BaseException:
            file.abort()
            raise
        return file

    def _continue(self, source: MappedFile) -> None:
        """Take over what the unfinished file has."""
        for entry in self._entries:
            if entry.kind == framing.METADATA:
                found = Description.unpack(entry.read(source))
                if found.unfinished.get("run") != self._run:
                    raise InvalidValue("the unfinished file was made from other pictures, or with other options")
                self.left_out = [int(index) for index in found.unfinished["left_out"]]
                unfinished = {"run": self._run, "left_out": self.left_out}
                if "check" in found.unfinished:
                    count, check = found.unfinished["check"]
                    self._expected = int(count), int(check)
                    unfinished["check"] = [count, check]
                self._description = replace(found, unfinished=unfinished)
                self._described = self._description.to_json()
            elif entry.kind == framing.COLUMNS:
                header = column_blocks.parse(entry.header)
                self._rows = {part.name: [] for part in header.parts}
                self._first_row = header.first + header.count
        pictures = [(i, e) for i, e in enumerate(self._entries) if e.kind in framing.PICTURES]
        self._present = Places([(index, picture_blocks.numbers_of(entry)) for index, entry in pictures])
        self._settled = max(self._present.end, self._first_row)

    def has(self, number: int) -> bool:
        """Whether a picture is in the unfinished file already: `add_files` takes empty bytes for it."""
        return bool(self._present.find(np.array([number]))[0][0] >= 0)

    @property
    def holds_pictures(self) -> bool:
        """Whether the unfinished file has anything that a later run need not encode again."""
        return any(entry.kind in framing.PICTURES for entry in self._entries)

    def leave_out(self, items: Sequence[tuple[int, int]]) -> None:
        """Note that items of the sources cannot be encoded, before those that follow them are added.

        items: for each, its place in the sources, and the number that it would have had. Raises InvalidValue if the
        interrupted run could encode it, and has written pictures or rows that follow it: these would get the numbers
        of others.
        """
        for index, number in items:
            if number < self._settled:
                raise InvalidValue(
                    f"the interrupted run could read picture {number}, and has packed some that follow:"
                    " make it readable again, or begin anew (--force)"
                )
            self.left_out.append(index)
        if items:
            self._describe()

    def see(self, checksums: Iterable[int]) -> None:
        """Note what the next pictures are made from, before they are added: 32 bits for each, in their order.

        Raises InvalidValue if the interrupted run made those in the unfinished file from something else.
        """
        for checksum in checksums:
            self._seen += 1
            self._check = zlib.crc32(checksum.to_bytes(4, "little"), self._check)
            self._checks.append((self._seen, self._check))
            if self._expected and self._expected[0] == self._seen:
                if self._expected[1] != self._check:
                    raise InvalidValue("the pictures are not those that the unfinished file was made from")
                self._expected = None

    def add_files(self, files: Sequence[bytes], columns: Mapping[str, Sequence[Any]]) -> None:
        """As `Writer.add_files`; now and then what was seen of the pictures is written, too."""
        super().add_files(files, columns)
        if "check" not in self._description.unfinished or (
            self._file.size - self._noted > _SPARSE * len(self._described.encode())
        ):
            self._note_check()

    def _note_check(self) -> None:
        """Write the checksum up to the last picture that has been written."""
        settled = max(self._settled, self._first_row)
        while len(self._checks) > 1 and self._checks[1][0] <= settled:
            self._checks.popleft()
        if self._description.unfinished and self._checks and self._checks[0][0] == settled:
            self._description.unfinished["check"] = list(self._checks[0])
            self._describe()
            self._noted = self._file.size

    def _write(self, block: Block) -> None:
        super()._write(block)
        if block.kind in framing.PICTURES:
            numbers = picture_blocks.numbers_of(self._entries[-1])
            self._settled = max(self._settled, numbers.end)

    def abort(self) -> None:
        """Leave the unfinished file, with the checksum of what it holds. Raises OSError.

        What was added to it is removed if not enough pictures came to know that they are the same ones.
        """
        if not self._file.closed:
            with suppress(OSError, AecError):  # of a full disk, or of too many names
                if self._expected:
                    self._file.cut(self._resumed)
                elif self._failure is None:
                    self._note_check()
        super().abort()

    def _parsed(self, number: int, file: bytes) -> ParsedFile | None:
        return None if self.has(number) else super()._parsed(number, file)

    def _keep_rows(self, columns: Mapping[str, column_blocks.Column], kinds: dict[str, str]) -> None:
        skipped = max(0, self._first_row - self._count)  # rows that the unfinished file has
        super()._keep_rows({name: column[skipped:] for name, column in columns.items()}, kinds)

    def close(self) -> None:
        """As `Writer.close`. Raises InvalidValue if fewer pictures came than the unfinished file has."""
        if not self._file.closed:
            if self._count < self._settled:  # what a pipe holds is known only now
                self.abort()  # the unfinished file stays
                raise InvalidValue(f"the interrupted run had {self._settled} pictures or more, not {self._count}")
            self._description = replace(self._description, unfinished={})
        super().close()
