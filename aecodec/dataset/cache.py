"""Decoded blocks, the least recently used of which are dropped when they exceed a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

from aecodec.images.source import Picture

_LOCKS: Final = 64


class PictureCache:
    """Arrays by key, at most `most_bytes` of them together; safe to use from several threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._held = most_bytes, 0
        self._arrays: OrderedDict[Hashable, Picture] = OrderedDict()
        self._lock = threading.Lock()
        self._making = [threading.Lock() for _ in range(_LOCKS)]

    @property
    def held(self) -> int:
        """The bytes of the arrays that are there."""
        return self._held

    def find(self, key: Hashable) -> Picture | None:
        """The array of a key, if it is there."""
        with self._lock:
            found = self._arrays.get(key)
            if found is not None:
                self._arrays.move_to_end(key)
            return found

    def get(self, key: Hashable, make: Callable[[], Picture]) -> Picture:
        """The array of a key, which `make` makes if it is not there: once, if several threads ask at the same time."""
        found = self.find(key)
        if found is None:
            with self._making[hash(key) % _LOCKS]:
                found = self.find(key)
                if found is None:
                    found = make()
                    self._keep(key, found)
        return found

    def _keep(self, key: Hashable, array: Picture) -> None:
        with self._lock:
            if array.nbytes > self._most:
                return
            self._arrays[key] = array
            self._held += array.nbytes
            while self._held > self._most:
                _, dropped = self._arrays.popitem(last=False)
                self._held -= dropped.nbytes
